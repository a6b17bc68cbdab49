// SPDX-License-Identifier: GPL-2.0
/*
 * CPU mappings of the outer dma-buf, NC and truly WC.
 *
 * vfio-pci-core ioremaps every BAR at open, and on x86 that puts the BAR into
 * the PAT memtype tree as UC-.  vmf_insert_pfn*(), remap_pfn_range() and
 * ioremap_wc() all follow the tree, whatever type they are asked for.  So PTEs
 * are written here, with apply_to_page_range(): for WC because nothing else
 * gives it, for NC because the tree may say WC when somebody mapped the sysfs
 * resource file first.  Aliasing UC- and WC is allowed by x86.
 *
 * VM_MIXEDMAP | VM_IO instead of VM_PFNMAP: get_user_pages() refuses both, but
 * vfio_iommu_type1 follows PFNs of a VM_PFNMAP area only.  An IOMMU mapping
 * made of a slice's address would survive revocation; so it is refused.
 *
 * Locks: fault and mmap are called with mmap_lock held and take resv, never
 * unkillably: core may hold it as long as a client's fence does not signal.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/sched/signal.h>

#include "vfiowc_pci.h"

#ifndef HAVE_VMA_IS_COW_MAPPING
static bool vma_is_cow_mapping(const struct vm_area_struct *vma)
{
	return is_cow_mapping(vma->vm_flags);
}
#endif

/* One fault fills what one page table holds: 64 MiB in 33 faults at most. */
#define VFIOWC_FAULT_AROUND	PMD_SIZE

/* Where in the dma-buf the next PTE points to. */
struct vfiowc_cursor {
	struct mm_struct *mm;
	const struct phys_vec *range;
	phys_addr_t off;
	pgprot_t prot;
};

static void cursor_seek(struct vfiowc_cursor *cur, struct vfiowc_buf *buf,
			phys_addr_t off)
{
	cur->range = buf->phys;
	while (off >= cur->range->len) {
		off -= cur->range->len;
		cur->range++;
	}
	cur->off = off;
}

static int install_pte(pte_t *pte, unsigned long addr, void *data)
{
	struct vfiowc_cursor *cur = data;
	phys_addr_t phys = cur->range->paddr + cur->off;

	/* Another thread's fault may have been here; the PTE lock is held. */
	if (pte_none(ptep_get(pte)))
		set_pte_at(cur->mm, addr, pte,
			   pte_mkspecial(pfn_pte(PHYS_PFN(phys), cur->prot)));
	cur->off += PAGE_SIZE;
	if (cur->off == cur->range->len) {
		cur->off = 0;
		cur->range++;
	}
	return 0;
}

/* Fill the part of @vma that shares a page table with the faulting address. */
static vm_fault_t install_around(struct vfiowc_buf *buf, struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long start = ALIGN_DOWN(vmf->address, VFIOWC_FAULT_AROUND);
	unsigned long end = start + VFIOWC_FAULT_AROUND;
	struct vfiowc_cursor cur = {
		.mm = vma->vm_mm,
		.prot = vma->vm_page_prot,
	};
	phys_addr_t off;

	start = max(start, vma->vm_start);
	end = min(end, vma->vm_end);
	off = ((phys_addr_t)vma->vm_pgoff << PAGE_SHIFT) +
	      (start - vma->vm_start);
	cursor_seek(&cur, buf, off);
	set_bit(VFIOWC_BUF_DIRTY, &buf->flags);
	if (apply_to_page_range(cur.mm, start, end - start, install_pte, &cur))
		return VM_FAULT_OOM;
	return VM_FAULT_NOPAGE;
}

/*
 * resv for a fault.  First try without mmap_lock, so that the process stays
 * usable while core holds resv; at the second try wait with it.  Returns 0
 * with resv held, or what the fault returns.
 */
static vm_fault_t fault_lock(struct vm_fault *vmf, struct dma_resv *resv)
{
	struct file *file;

	might_lock(&resv->lock.base);
	if (dma_resv_trylock(resv))
		return 0;
	if (fault_flag_allow_retry_first(vmf->flags)) {
		if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
			return VM_FAULT_RETRY;
		file = get_file(vmf->vma->vm_file);
		release_fault_lock(vmf);
		if (!dma_resv_lock_interruptible(resv, NULL))
			dma_resv_unlock(resv);
		fput(file);
		return VM_FAULT_RETRY;
	}
	if (!dma_resv_lock_interruptible(resv, NULL))
		return 0;
	/* User mode takes its signal; a copy_to_user() cannot: it polls. */
	if (!(vmf->flags & FAULT_FLAG_USER))
		schedule_timeout_killable(1);
	return fatal_signal_pending(current) ? VM_FAULT_SIGBUS :
					       VM_FAULT_NOPAGE;
}

static vm_fault_t vfiowc_fault(struct vm_fault *vmf)
{
	struct vfiowc_view *view = vmf->vma->vm_private_data;
	struct vfiowc_buf *buf = view->buf;
	vm_fault_t ret;

	ret = fault_lock(vmf, buf->resv);
	if (ret)
		return ret;
	switch (vfiowc_buf_arm(buf)) {
	case 0:
		ret = install_around(buf, vmf);
		break;
	case -ENOMEM:
		ret = VM_FAULT_OOM;
		break;
	default:
		ret = VM_FAULT_SIGBUS;
	}
	dma_resv_unlock(buf->resv);
	return ret;
}

static void vfiowc_vma_open(struct vm_area_struct *vma)
{
	struct vfiowc_view *view = vma->vm_private_data;

	atomic_inc(&view->buf->nr_mappings);
}

static void vfiowc_vma_close(struct vm_area_struct *vma)
{
	struct vfiowc_view *view = vma->vm_private_data;

	atomic_dec(&view->buf->nr_mappings);
}

static const struct vm_operations_struct vfiowc_vm_ops = {
	.close = vfiowc_vma_close,
	.fault = vfiowc_fault,
	.open = vfiowc_vma_open,
};

/* Our view behind @vma, or NULL; mmap_lock held. */
struct vfiowc_view *vfiowc_vma_view(struct vm_area_struct *vma)
{
	return vma->vm_ops == &vfiowc_vm_ops ? vma->vm_private_data : NULL;
}

static pgprot_t view_prot(u32 memattr, pgprot_t prot)
{
	prot = memattr == VFIOWC_MEMATTR_WC ? pgprot_writecombine(prot) :
					      pgprot_noncached(prot);
	return pgprot_decrypted(prot);
}

/* dma-buf core has checked that offset and length are inside the dma-buf. */
int vfiowc_dma_buf_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct vfiowc_buf *buf = vfiowc_buf_of(dmabuf);
	u32 memattr;
	int ret;

	/* Not VM_SHARED: the mm clears it for a read-only file. */
	if (vma_is_cow_mapping(vma))
		return -EINVAL;
	if (!buf->mappable)
		return -EOPNOTSUPP;
	ret = dma_resv_lock_interruptible(buf->resv, NULL);
	if (ret)
		return ret;
	ret = vfiowc_buf_arm(buf);
	memattr = buf->memattr;
	dma_resv_unlock(buf->resv);
	if (ret)
		return ret;

	vma->vm_page_prot = view_prot(memattr, vma->vm_page_prot);
	vma->vm_private_data = &buf->views[memattr];
	vma->vm_ops = &vfiowc_vm_ops;
	vm_flags_set(vma, VM_ALLOW_ANY_UNCACHED | VM_IO | VM_MIXEDMAP |
			  VM_DONTEXPAND | VM_DONTDUMP);
	atomic_inc(&buf->nr_mappings);
	return 0;
}
