// SPDX-License-Identifier: GPL-2.0
/*
 * MRs of host memory: pinned pages at consecutive addresses, so that a transfer is
 * copied in one call however its pages are scattered.  Pages that follow each other
 * in memory lie so in the kernel's map of all memory already; others are mapped when
 * they are registered.
 *
 * No cache is flushed although user and kernel reach a page by different addresses:
 * data caches are taken to be physically tagged, as they are on x86-64 and arm64.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <rdma/ib_umem.h>

#include "vfiowc_rdma.h"

static struct page **collect_pages(struct ib_umem *umem)
{
	struct sg_page_iter iter;
	struct page **pages;
	size_t n = 0;

	pages = kvmalloc_objs(*pages, ib_umem_num_pages(umem));
	if (!pages)
		return NULL;
	for_each_sgtable_page(&umem->sgt_append.sgt, &iter, 0)
		pages[n++] = sg_page_iter_page(&iter);
	return pages;
}

/* Are all of them, one after the other, in the kernel's map of all memory? */
static bool in_a_row(struct page *const *pages, size_t nr)
{
	unsigned long first = page_to_pfn(*pages);
	size_t n;

	for (n = 0; n < nr; n++)
		if (page_to_pfn(pages[n]) != first + n ||
		    PageHighMem(pages[n]))
			return false;
	return true;
}

static int host_map(struct vfiowc_mr *mr)
{
	size_t nr = ib_umem_num_pages(mr->umem);
	struct page **pages = collect_pages(mr->umem);

	if (!pages)
		return -ENOMEM;
	if (in_a_row(pages, nr))
		mr->vaddr = page_address(*pages);
	else
		mr->vaddr = vmap(pages, nr, VM_MAP, PAGE_KERNEL);
	kvfree(pages);
	if (!mr->vaddr)
		return -ENOMEM;
	mr->vaddr += ib_umem_offset(mr->umem);
	return 0;
}

static void host_unmap(struct vfiowc_mr *mr)
{
	void *first = mr->vaddr - ib_umem_offset(mr->umem);

	if (is_vmalloc_addr(first))
		vunmap(first);
}

/**
 * vfiowc_reg_user_mr - register host memory; see ib_device_ops
 * @pd: PD
 * @start: user address
 * @length: bytes
 * @iova: address used in work requests
 * @access: IB_ACCESS_*; REMOTE_WRITE without LOCAL_WRITE was refused by the core
 * @dmah: not supported
 * @udata: no driver data
 *
 * Return: the MR or an error pointer; -EOPNOTSUPP for unknown access flags.
 */
struct ib_mr *vfiowc_reg_user_mr(struct ib_pd *pd, u64 start, u64 length,
				 u64 iova, int access, struct ib_dmah *dmah,
				 struct ib_udata *udata)
{
	struct vfiowc_mr *mr;
	int err;

	if (dmah)
		return ERR_PTR(-EOPNOTSUPP);
	err = ib_no_udata_io(udata);
	if (err)
		return ERR_PTR(err);
	mr = vfiowc_mr_alloc(pd, length, iova, access);
	if (IS_ERR(mr))
		return ERR_CAST(mr);

	mr->umem = ib_umem_get_va(pd->device, start, length, access);
	if (IS_ERR(mr->umem)) {
		err = PTR_ERR(mr->umem);
		goto err_withdraw;
	}
	err = host_map(mr);
	if (err)
		goto err_umem;
	err = vfiowc_mr_publish(mr);
	if (err)
		goto err_unmap;
	return &mr->ibmr;

err_unmap:
	host_unmap(mr);
err_umem:
	ib_umem_release(mr->umem);
err_withdraw:
	vfiowc_mr_withdraw(mr);
	return ERR_PTR(err);
}

/**
 * vfiowc_mr_host_release - cut an MR of host memory off and give its pages back
 * @mr: the MR
 */
void vfiowc_mr_host_release(struct vfiowc_mr *mr)
{
	vfiowc_mr_drain(mr);
	host_unmap(mr);
	ib_umem_release(mr->umem);
}
