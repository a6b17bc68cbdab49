// SPDX-License-Identifier: GPL-2.0
/*
 * MAP_QUERY: which memory type does a mapping really have?  Read back from the
 * caller's page table; requested and effective are two things (see mmap.c).
 *
 * Locks: mmap_lock for read, then the page table lock in follow_pfnmap_start().
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pgtable.h>

#include "vfiowc_pci.h"

#ifdef CONFIG_X86
/* The cache bits in a 4 KiB PTE's places; a leaf higher up has PAT elsewhere. */
static unsigned long cache_bits(pgprot_t prot, bool leaf_above)
{
	if (leaf_above)
		prot = pgprot_large_2_4k(prot);
	return pgprot_val(prot) & _PAGE_CACHE_MASK;
}

/* The table Linux programs into the PAT: WB, WC, UC-, UC by PWT and PCD. */
static bool is_uc(unsigned long bits)
{
	return bits == (_PAGE_PCD | _PAGE_PWT);
}
#else
static unsigned long cache_bits(pgprot_t prot, bool leaf_above)
{
	return pgprot_val(prot) & PTE_ATTRINDX_MASK;
}

static bool is_uc(unsigned long bits)
{
	return false;
}
#endif

static u32 pte_type(pgprot_t prot, bool leaf_above)
{
	unsigned long bits = cache_bits(prot, leaf_above);

	/* NC first: without PAT, pgprot_writecombine() is UC- as well. */
	if (bits == cache_bits(pgprot_noncached(PAGE_SHARED), false))
		return VFIOWC_PTE_UC_MINUS;
	if (bits == cache_bits(pgprot_writecombine(PAGE_SHARED), false))
		return VFIOWC_PTE_WC;
	if (bits == cache_bits(PAGE_SHARED, false))
		return VFIOWC_PTE_WB;
	return is_uc(bits) ? VFIOWC_PTE_UC : VFIOWC_PTE_OTHER;
}

/* A mapping of this device: through the device fd, or of one of its dma-bufs. */
static int vma_requested(struct vfiowc_device *vdev, struct vm_area_struct *vma,
			 u32 *memattr)
{
	struct vfiowc_view *view = vfiowc_vma_view(vma);

	if (view) {
		*memattr = view->memattr;
		/* A pointer compare only; the device is open, so not reused. */
		return READ_ONCE(view->buf->vdev) == vdev ? 0 : -EINVAL;
	}
	if (!vma->vm_file ||
	    vma->vm_file->f_mapping != vdev->core.vdev.inode->i_mapping)
		return -EINVAL;
	*memattr = VFIOWC_MEMATTR_NC;
	return 0;
}

/**
 * vfiowc_map_query - look up one address of the calling process
 * @vdev: the device, open
 * @query: in: address; out: the rest
 *
 * Return: 0; -EINVAL not a mapping of this device; -ENODATA no PTE there, as
 * before the first touch and while revoked; -EINTR killed.
 */
int vfiowc_map_query(struct vfiowc_device *vdev,
		     struct vfiowc_feature_map_query *query)
{
	struct follow_pfnmap_args args = {};
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	int ret;

	if (query->address > ULONG_MAX)
		return -EINVAL;
	args.address = untagged_addr((unsigned long)query->address);
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	vma = vma_lookup(mm, args.address);
	ret = vma ? vma_requested(vdev, vma, &query->requested) : -EINVAL;
	if (ret)
		goto out_unlock;
	args.vma = vma;
	if (follow_pfnmap_start(&args)) {
		ret = -ENODATA;
		goto out_unlock;
	}
	query->page_bytes = ~args.addr_mask + 1;
	query->pte_type = pte_type(args.pgprot, query->page_bytes > PAGE_SIZE);
	follow_pfnmap_end(&args);
out_unlock:
	mmap_read_unlock(mm);
	return ret;
}
