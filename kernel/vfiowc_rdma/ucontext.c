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
	struct vfiowc_ring_memory *memory;
	int err;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	entry = rdma_user_mmap_entry_get(ibuc, vma);
	if (!entry)
		return -EINVAL;
	memory = container_of(entry, struct vfiowc_ring_memory, entry);
	err = remap_vmalloc_range(vma, memory->header, 0);
	rdma_user_mmap_entry_put(entry);
	return err;
}

/**
 * vfiowc_mmap_free - last reference of a ring's mmap entry; see ib_device_ops
 * @entry: the entry
 */
void vfiowc_mmap_free(struct rdma_user_mmap_entry *entry)
{
	struct vfiowc_ring_memory *memory =
		container_of(entry, struct vfiowc_ring_memory, entry);

	vfree(memory->header);
	kfree(memory);
}

static struct vfiowc_ring_memory *ring_memory_alloc(struct ib_ucontext *ibuc,
						    size_t size)
{
	struct vfiowc_ring_memory *memory = kzalloc_obj(*memory);

	if (!memory)
		return NULL;
	memory->size = size;
	memory->header = vmalloc_user(size);
	if (!memory->header)
		goto err_free;
	if (rdma_user_mmap_entry_insert(ibuc, &memory->entry, size))
		goto err_vfree;
	return memory;

err_vfree:
	vfree(memory->header);
err_free:
	kfree(memory);
	return NULL;
}

/**
 * vfiowc_ring_create - allocate a ring's memory and offer it for mmap
 * @ring: out
 * @ibuc: context that may map it
 * @entries: at least that many slots, not 0; checked against the limits
 * @stride: bytes per slot
 * @info: out: for the response
 *
 * Return: 0 or -ENOMEM.
 */
int vfiowc_ring_create(struct vfiowc_ring *ring, struct ib_ucontext *ibuc,
		       u32 entries, u32 stride, struct vfiowc_ring_info *info)
{
	u32 slots = roundup_pow_of_two(entries);
	struct vfiowc_ring_memory *memory =
		ring_memory_alloc(ibuc, PAGE_ALIGN(VFIOWC_RING_HEADER_BYTES +
						   (size_t)slots * stride));

	if (!memory)
		return -ENOMEM;
	*ring = (struct vfiowc_ring){
		.memory = memory,
		.header = memory->header,
		.entries = slots,
		.stride = stride,
	};
	*info = (struct vfiowc_ring_info){
		.mmap_offset = rdma_user_mmap_get_offset(&memory->entry),
		.mmap_size = memory->size,
		.entries = slots,
		.stride = stride,
	};
	return 0;
}

/**
 * vfiowc_ring_destroy - end of a ring; the kernel no longer uses it
 * @ring: the ring
 */
void vfiowc_ring_destroy(const struct vfiowc_ring *ring)
{
	rdma_user_mmap_entry_remove(&ring->memory->entry);
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
