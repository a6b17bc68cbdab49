// SPDX-License-Identifier: GPL-2.0
/*
 * Granting and taking away: the canary, REVOKE by request, resets that core
 * does not tell dma-bufs about (sysfs, AER), and the end of the device.
 * Implements rule O9 of Documentation/ordering.md.
 *
 * Whether memory may be used is core's knowledge.  We keep none of our own: to
 * grant is to map the canary, which core refuses with -ENODEV while decode is
 * off or the device sleeps, resets or is closed; and what core takes away it
 * takes by invalidating the canary.  Hence a temporary revocation heals by
 * itself at the next fault or mapping.  Low power alone is asked for beside
 * that: core takes the memory away when it begins, but also gives it back before
 * it ends.
 *
 * Locks: see vfiowc_pci.h.
 */
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sched/signal.h>
#include <linux/smp.h>

#include "vfiowc_io.h"
#include "vfiowc_pci.h"

static unsigned int revoke_timeout_ms = 5000;
module_param(revoke_timeout_ms, uint, 0644);
MODULE_PARM_DESC(revoke_timeout_ms,
		 "How long REVOKE and sysfs reset wait for importers and their fences, in ms (default 5000)");

/* Cutting off takes moments; it is not given up because waiting is not wanted. */
#define VFIOWC_CUT_TRIES_JIFFIES	HZ

static unsigned long drain_deadline(void)
{
	return jiffies + msecs_to_jiffies(READ_ONCE(revoke_timeout_ms));
}

/* Drop the canary's mapping, which core waits for, once nobody uses it. */
void vfiowc_buf_settle(struct vfiowc_buf *buf)
{
	dma_resv_assert_held(buf->resv);
	if (buf->armed || buf->nr_maps || !buf->canary_sgt)
		return;
	/* Up to 7.3 core frees the list by orig_nents, and left that 0. */
	buf->canary_sgt->orig_nents = buf->canary_sgt->nents;
	dma_buf_unmap_attachment(buf->canary, buf->canary_sgt,
				 DMA_BIDIRECTIONAL);
	buf->canary_sgt = NULL;
}

/**
 * vfiowc_buf_arm - may the memory be used now?  If so it counts as granted.
 * @buf: the dma-buf; resv held
 *
 * Return: 0, and core will invalidate the canary before the answer changes;
 * -ENODEV revoked, for a time or for good; -ENOMEM; -EINVAL if the device
 * cannot be its own peer.
 */
int vfiowc_buf_arm(struct vfiowc_buf *buf)
{
	struct sg_table *sgt;

	dma_resv_assert_held(buf->resv);
	if (vfiowc_buf_revoked(buf) || !buf->vdev ||
	    READ_ONCE(buf->vdev->blocked))
		return -ENODEV;
	/*
	 * In low power an ioctl or config write wakes the device for as long as
	 * it takes, and may find decode on: core then does not refuse the
	 * canary, as it does refuse its own faults.  The flag is set after core
	 * has revoked; what makes the memory usable again comes later, under
	 * memory_lock and resv, so who sees that sees the flag.  Core writes it
	 * plainly.
	 */
	if (data_race(READ_ONCE(buf->vdev->core.pm_runtime_engaged)))
		return -ENODEV;
	if (buf->armed)
		return 0;
	/* Still mapped, not armed: a revocation waits for importers. */
	if (!buf->canary || buf->canary_sgt)
		return -ENODEV;
	sgt = dma_buf_map_attachment(buf->canary, DMA_BIDIRECTIONAL);
	if (IS_ERR(sgt))
		return PTR_ERR(sgt);
	buf->canary_sgt = sgt;
	buf->armed = true;
	return 0;
}

static void store_fence(void *unused)
{
	wmb();	/* empties this CPU's write-combining buffers (O9) */
}

/*
 * A read that no posted write passes on its way to the function.  A register
 * may change by being read, prefetchable memory by definition does not: the
 * others are flushed by a config read, which PCIe orders behind posted writes
 * just as well.  So is memory that core has mapped write-combined, where a read
 * may be answered early (O4).  Not inlined nor cloned, and with the value as its
 * result, so that a probe can see what was read and when (tests/guest/drain_trace.c).
 */
static noinline __noclone u32 read_back(struct vfiowc_buf *buf, bool memory_locked)
{
	struct vfio_pci_core_device *core = &buf->vdev->core;
	resource_size_t start = pci_resource_start(buf->pdev, buf->bar);
	void __iomem *bar = core->barmap[buf->bar];
	u32 id;

	if (memory_locked)
		lockdep_assert_held(&core->memory_lock);
	if (memory_locked && __vfio_pci_memory_enabled(core) &&
	    pci_resource_flags(buf->pdev, buf->bar) & IORESOURCE_PREFETCH &&
	    !IS_ERR_OR_NULL(bar) && vfiowc_io_uncached(bar))
		return ioread32(bar + (buf->phys[0].paddr - start));
	pci_read_config_dword(buf->pdev, PCI_VENDOR_ID, &id);
	return id;
}

/* What AER has reported may not be there, or hang who reads it. */
static bool readable(const struct vfiowc_device *vdev)
{
	return !test_bit(VFIOWC_BLOCK_AER, &vdev->blocked);
}

/*
 * O9: zapping delivers nothing by itself; on processors with broadcast TLB
 * flushes it does not even interrupt the CPU whose write-combining buffer still
 * holds stores.  So: a store fence on every CPU, then a read-back.  If nothing
 * can be read (!@reachable), it counts as dirty on.
 */
static void drain_stores(struct vfiowc_buf *buf, bool memory_locked,
			 bool reachable)
{
	/* Whoever still has a mapping may store on: drained again at its end. */
	bool last = !READ_ONCE(buf->nr_maps);

	dma_resv_assert_held(buf->resv);
	if (!test_bit(VFIOWC_BUF_DIRTY, &buf->flags))
		return;
	on_each_cpu(store_fence, NULL, 1);
	if (!reachable)
		return;
	read_back(buf, memory_locked);
	/* Not before: a second REVOKE must not return while this one drains. */
	if (last)
		clear_bit(VFIOWC_BUF_DIRTY, &buf->flags);
}

/*
 * The same where memory_lock is not held.  Its writer may wait for us or for
 * fences: never wait for it.
 */
static void drain_stores_trylock(struct vfiowc_buf *buf, bool reachable)
{
	struct rw_semaphore *memory_lock = &buf->vdev->core.memory_lock;
	bool locked = down_read_trylock(memory_lock);

	drain_stores(buf, locked, reachable);
	if (locked)
		up_read(memory_lock);
}

/**
 * vfiowc_buf_drain_late - an importer's last mapping ends after it was cut off
 * @buf: the dma-buf; resv held, the mapping still counted, so that neither
 *	REVOKE nor core goes on before its stores are delivered (O9)
 */
void vfiowc_buf_drain_late(struct vfiowc_buf *buf)
{
	dma_resv_assert_held(buf->resv);
	if (!buf->armed && buf->vdev)
		drain_stores_trylock(buf, readable(buf->vdev));
}

/* Take away what was granted: importers first, then every CPU mapping. */
static void cut(struct vfiowc_buf *buf)
{
	dma_resv_assert_held(buf->resv);
	if (!buf->armed)
		return;
	buf->armed = false;
	/* Counts as a mapping itself: whoever unmaps in here is not the last. */
	vfiowc_buf_maps_inc(buf);
	if (buf->dmabuf)
		dma_buf_invalidate_mappings(buf->dmabuf);
	unmap_mapping_range(buf->inode->i_mapping, 0, 0, 1);
	if (!vfiowc_buf_maps_dec(buf))
		wake_up_all(&buf->idle);
	vfiowc_buf_settle(buf);
}

/*
 * Core's word, in the context of whoever caused it, with memory_lock held for
 * write and resv held.  It says the same for "revoked" and for "usable again";
 * the canary is mapped only in the first case.  Importers that are slow to
 * unmap are not waited for here: core does, through the canary.
 */
static void canary_invalidate(struct dma_buf_attachment *attach)
{
	struct vfiowc_buf *buf = attach->importer_priv;

	dma_resv_assert_held(buf->resv);
	if (buf->vdev)
		lockdep_assert_held_write(&buf->vdev->core.memory_lock);
	if (buf->canary_sgt) {
		cut(buf);
		if (buf->vdev)
			drain_stores(buf, true, readable(buf->vdev));
	} else if (buf->dmabuf && !vfiowc_buf_revoked(buf)) {
		dma_buf_invalidate_mappings(buf->dmabuf);
	}
}

static const struct dma_buf_attach_ops canary_ops = {
	.allow_peer2peer = true,
	.invalidate_mappings = canary_invalidate,
};

/**
 * vfiowc_buf_attach_canary - attach the canary, if that has not been done
 * @buf: the dma-buf, of the calling ioctl's or write's device; takes resv
 *
 * Return: 0; -ENODEV while core has the inner revoked; -ENOMEM.
 */
int vfiowc_buf_attach_canary(struct vfiowc_buf *buf)
{
	struct dma_buf_attachment *canary;

	canary = dma_buf_dynamic_attach(buf->inner, &buf->pdev->dev,
					&canary_ops, buf);
	if (IS_ERR(canary))
		return PTR_ERR(canary);

	dma_resv_lock(buf->resv, NULL);
	if (!buf->canary && buf->dmabuf) {
		WRITE_ONCE(buf->canary, canary);
		canary = NULL;
		if (buf->vdev)
			atomic_dec(&buf->vdev->nr_lazy);
	}
	dma_resv_unlock(buf->resv);
	if (canary)		/* another thread was first, or release was */
		dma_buf_detach(buf->inner, canary);
	return 0;
}

/*
 * Decode may have been switched on: give the dma-bufs exported without it
 * their canary.  Here and not in the fault handler, because attaching takes
 * resv unkillably.
 */
void vfiowc_attach_missing(struct vfiowc_device *vdev)
{
	struct vfiowc_buf *buf = NULL;

	vfiowc_buf_may_walk();
	if (!atomic_read(&vdev->nr_lazy))
		return;
	while ((buf = vfiowc_buf_next(vdev, buf)))
		if (!READ_ONCE(buf->canary))
			vfiowc_buf_attach_canary(buf);
}

static long jiffies_until(unsigned long deadline)
{
	return max_t(long, deadline - jiffies, 0);
}

/*
 * Wait until importers have let go: no fence on the memory, no mapping.  By
 * small steps, because a fence may be a hostile client's and never signal.
 */
static int wait_importers(struct vfiowc_buf *buf, unsigned long deadline)
{
	long left;

	/* Who is waited for may need it to let go. */
	lockdep_assert_not_held(&buf->resv->lock.base);
	do {
		left = dma_resv_wait_timeout(buf->resv, DMA_RESV_USAGE_BOOKKEEP,
					     false, min(jiffies_until(deadline),
							max(HZ / 50, 1)));
		if (left < 0)
			return left;
		if (!left && fatal_signal_pending(current))
			return -EINTR;
		if (!left && time_after_eq(jiffies, deadline))
			return -ETIMEDOUT;
	} while (!left);

	left = wait_event_killable_timeout(buf->idle, !READ_ONCE(buf->nr_maps),
					   jiffies_until(deadline));
	if (left < 0)
		return -EINTR;
	return left ? 0 : -ETIMEDOUT;
}

/*
 * resv with a bound.  Core holds it without one while it waits for fences
 * during a reset; it has cut everybody off by then.  Everybody else holds it
 * for moments (a fault, a registration).
 */
static int lock_until(struct vfiowc_buf *buf, unsigned long deadline)
{
	might_lock(&buf->resv->lock.base);
	while (!dma_resv_trylock(buf->resv)) {
		if (fatal_signal_pending(current))
			return -EINTR;
		if (time_after(jiffies, deadline))
			return -ETIMEDOUT;
		schedule_timeout_killable(1);
	}
	return 0;
}

/**
 * vfiowc_buf_revoke - revoke for good, rule O9
 * @buf: the dma-buf, of the calling ioctl's device
 *
 * Return: 0; -EBADFD it was revoked before (and is drained by now); -ETIMEDOUT
 * nothing can be granted any more and vfiowc_rdma and CPUs are cut off, but an
 * importer or a fence has not let go: call again to wait on; -EINTR killed.
 */
int vfiowc_buf_revoke(struct vfiowc_buf *buf)
{
	unsigned long deadline = drain_deadline();
	bool again = test_and_set_bit(VFIOWC_BUF_REVOKED, &buf->flags);
	int ret;

	ret = lock_until(buf, deadline);
	if (ret)
		return ret;
	cut(buf);
	/* Core and resets find nothing to wait for from the unlock on. */
	drain_stores_trylock(buf, readable(buf->vdev));
	dma_resv_unlock(buf->resv);

	ret = wait_importers(buf, deadline);
	if (ret)
		return ret;
	return again ? -EBADFD : 0;
}

/**
 * vfiowc_buf_state - may the memory be used?
 * @buf: the dma-buf; resv held
 * @state: out: enum vfiowc_dma_buf_state
 *
 * Return: 0; what vfiowc_buf_arm() says when it failed for another reason than
 * a revocation: out of memory is no state of the dma-buf.
 */
int vfiowc_buf_state(struct vfiowc_buf *buf, u32 *state)
{
	int ret;

	dma_resv_assert_held(buf->resv);
	*state = VFIOWC_DMA_BUF_REVOKED;
	if (vfiowc_buf_revoked(buf) || !buf->vdev)
		return 0;
	ret = vfiowc_buf_arm(buf);
	*state = ret ? VFIOWC_DMA_BUF_REVOKED_TEMP : VFIOWC_DMA_BUF_LIVE;
	return ret == -ENODEV ? 0 : ret;
}

/*
 * Cut off what can be locked.  Who holds resv for long is core, waiting for
 * fences, and has cut that one off; everybody else holds it for moments.
 *
 * Return: all could be locked.
 */
static bool cut_all(struct vfiowc_device *vdev, bool reachable)
{
	struct vfiowc_buf *buf = NULL;
	bool all = true;

	while ((buf = vfiowc_buf_next(vdev, buf))) {
		might_lock(&buf->resv->lock.base);
		if (!dma_resv_trylock(buf->resv)) {
			all = false;
			continue;
		}
		if (buf->vdev == vdev && buf->armed) {
			cut(buf);
			drain_stores_trylock(buf, reachable);
		}
		dma_resv_unlock(buf->resv);
	}
	return all;
}

/**
 * vfiowc_block - revoke all dma-bufs of a device until vfiowc_unblock()
 * @vdev: the device, bound
 * @why: what for
 * @reachable: the device can still be read
 *
 * For what core tells nobody: a reset through sysfs or by a sibling's driver,
 * and AER.  In resets by VFIO, whether it holds memory_lock or not, core has
 * revoked and waited already or the device has no dma-buf: nothing is left to
 * do here, unless somebody has put a fence on a dma-buf that was revoked before.
 *
 * One bound holds for all of it, because who calls holds locks of the PCI core,
 * and nobody's fence or mapping delays the cut of another dma-buf.  A kill ends
 * the wait for importers, not the cut.
 */
void vfiowc_block(struct vfiowc_device *vdev, enum vfiowc_block why,
		  bool reachable)
{
	unsigned long deadline = drain_deadline();
	unsigned long cut_deadline = jiffies + VFIOWC_CUT_TRIES_JIFFIES;
	struct pci_dev *pdev = vdev->core.pdev;
	struct vfiowc_buf *buf = NULL;
	bool all;

	if (time_after(deadline, cut_deadline))
		cut_deadline = deadline;
	set_bit(why, &vdev->blocked);
	/* Who grants from now on does so under resv, and sees the bit. */
	smp_mb__after_atomic();
	while (!(all = cut_all(vdev, reachable)) &&
	       time_before(jiffies, cut_deadline))
		schedule_timeout_uninterruptible(1);
	if (!all)
		pci_warn(pdev, "reset goes ahead although a dma-buf stayed locked\n");
	/* Also for whom REVOKE or an earlier reset has waited in vain. */
	while ((buf = vfiowc_buf_next(vdev, buf)))
		if (wait_importers(buf, deadline))
			pci_warn(pdev, "reset goes ahead although an importer, or its fence, still uses a dma-buf of BAR %u\n",
				 buf->bar);
}

void vfiowc_unblock(struct vfiowc_device *vdev, enum vfiowc_block why)
{
	clear_bit(why, &vdev->blocked);
}

/* The device was closed: its dma-bufs are revoked for good, and forget it. */
void vfiowc_disown(struct vfiowc_device *vdev)
{
	struct vfiowc_buf *buf = NULL;

	while ((buf = vfiowc_buf_next(vdev, buf))) {
		dma_resv_lock(buf->resv, NULL);
		/* Core's close has come through the canary already. */
		WARN_ON_ONCE(buf->armed);
		WRITE_ONCE(buf->vdev, NULL);
		dma_resv_unlock(buf->resv);
	}
	atomic_set(&vdev->nr_lazy, 0);
}
