// SPDX-License-Identifier: GPL-2.0
/*
 * User contexts, PDs, and the rings shared with a process.
 *
 * A ring lives as long as its mmap entry; mapped pages hold themselves, so a
 * process may keep a mapping after the ring is destroyed and harms nobody.
 */
#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "vfiowc_rdma.h"

/**
 * vfiowc_alloc_ucontext - see ib_device_ops
 * @ibuc: the context
 * @udata: no request, struct vfiowc_alloc_ucontext_resp
 *
 * Return: 0 or a negative errno.
 */
int vfiowc_alloc_ucontext(struct ib_ucontext *ibuc, struct ib_udata *udata)
{
	static atomic64_t last_id;
	struct vfiowc_ucontext *uc =
		container_of(ibuc, struct vfiowc_ucontext, ibuc);
	struct vfiowc_alloc_ucontext_resp resp = {
		.max_inline = VFIOWC_MAX_INLINE,
	};
	int err;

	err = ib_is_udata_in_empty(udata);
	if (err)
		return err;
	uc->id = atomic64_inc_return(&last_id);
	return ib_respond_udata(udata, resp);
}

/**
 * vfiowc_dealloc_ucontext - see ib_device_ops; nothing is left to free
 * @ibuc: the context
 */
void vfiowc_dealloc_ucontext(struct ib_ucontext *ibuc)
{
}

/**
 * vfiowc_disassociate_ucontext - the device goes away under an application
 * @ibuc: the context
 *
 * Rings are ordinary memory, so nothing has to be zapped; that this operation
 * exists lets the core destroy the objects without waiting for the application.
 */
void vfiowc_disassociate_ucontext(struct ib_ucontext *ibuc)
{
}

/**
 * vfiowc_alloc_pd - see ib_device_ops
 * @ibpd: the PD
 * @udata: no driver data
 *
 * Return: 0; -ENOMEM there are VFIOWC_MAX_PD; another negative errno.
 */
int vfiowc_alloc_pd(struct ib_pd *ibpd, struct ib_udata *udata)
{
	struct vfiowc_dev *dev = to_vdev(ibpd->device);
	int err;

	err = ib_no_udata_io(udata);
	if (err)
		return err;
	return atomic_add_unless(&dev->nr_pds, 1, VFIOWC_MAX_PD) ? 0 : -ENOMEM;
}

/**
 * vfiowc_dealloc_pd - see ib_device_ops
 * @ibpd: the PD
 * @udata: no driver data
 *
 * Return: 0 or a negative errno.
 */
int vfiowc_dealloc_pd(struct ib_pd *ibpd, struct ib_udata *udata)
{
	int err;

	err = ib_no_udata_io(udata);
	if (err)
		return err;
	atomic_dec(&to_vdev(ibpd->device)->nr_pds);
	return 0;
}

/**
 * vfiowc_mmap - map a ring; see ib_device_ops
 * @ibuc: context of the caller
 * @vma: offset and length as in struct vfiowc_ring_info
 *
 * Return: 0; -EINVAL no such ring, wrong length, private mapping.
 */
int vfiowc_mmap(struct ib_ucontext *ibuc, struct vm_area_struct *vma)
{
	struct rdma_user_mmap_entry *entry;
	struct vfiowc_ring *ring;
	int err;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	entry = rdma_user_mmap_entry_get(ibuc, vma);
	if (!entry)
		return -EINVAL;
	ring = container_of(entry, struct vfiowc_ring, entry);
	err = remap_vmalloc_range(vma, ring->header, 0);
	rdma_user_mmap_entry_put(entry);
	return err;
}

/**
 * vfiowc_mmap_free - last reference of a ring's mmap entry; see ib_device_ops
 * @entry: the entry
 */
void vfiowc_mmap_free(struct rdma_user_mmap_entry *entry)
{
	struct vfiowc_ring *ring = container_of(entry, struct vfiowc_ring, entry);

	vfree(ring->header);
	kfree(ring);
}

/**
 * vfiowc_ring_create - allocate a ring and offer it for mmap
 * @ibuc: context that may map it
 * @entries: at least that many slots, not 0; checked against the limits
 * @stride: bytes per slot
 * @info: out: for the response
 *
 * Return: the ring, or an error pointer (-ENOMEM).
 */
struct vfiowc_ring *vfiowc_ring_create(struct ib_ucontext *ibuc, u32 entries,
				       u32 stride,
				       struct vfiowc_ring_info *info)
{
	struct vfiowc_ring *ring;
	int err;

	ring = kzalloc_obj(*ring);
	if (!ring)
		return ERR_PTR(-ENOMEM);
	ring->entries = roundup_pow_of_two(entries);
	ring->stride = stride;
	ring->size = PAGE_ALIGN(VFIOWC_RING_HEADER_BYTES +
				(size_t)ring->entries * stride);
	ring->header = vmalloc_user(ring->size);
	if (!ring->header) {
		err = -ENOMEM;
		goto err_free;
	}
	err = rdma_user_mmap_entry_insert(ibuc, &ring->entry, ring->size);
	if (err)
		goto err_vfree;

	*info = (struct vfiowc_ring_info){
		.mmap_offset = rdma_user_mmap_get_offset(&ring->entry),
		.mmap_size = ring->size,
		.entries = ring->entries,
		.stride = ring->stride,
	};
	return ring;

err_vfree:
	vfree(ring->header);
err_free:
	kfree(ring);
	return ERR_PTR(err);
}

/**
 * vfiowc_ring_destroy - end of a ring; the kernel no longer uses it
 * @ring: the ring
 */
void vfiowc_ring_destroy(struct vfiowc_ring *ring)
{
	rdma_user_mmap_entry_remove(&ring->entry);
}

/**
 * vfiowc_ring_discard - drop all that is posted
 * @ring: SQ or RQ; its queue's lock is held
 */
void vfiowc_ring_discard(struct vfiowc_ring *ring)
{
	ring->own = READ_ONCE(ring->header->producer);
	/* as in vfiowc_ring_consume() */
	smp_store_release(&ring->header->consumer, ring->own);
}
