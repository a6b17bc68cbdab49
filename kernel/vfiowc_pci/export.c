// SPDX-License-Identifier: GPL-2.0
/*
 * Export: have vfio-pci-core make its own dma-buf for the user's request (the
 * inner one, see vfiowc_pci.h) and give the user ours.
 *
 * Core returns the inner as a file descriptor.  Installed in the caller's table
 * any other thread could dup() it and own a dma-buf that our REVOKE cannot
 * reach.  So core runs in a kernel thread of its own, in the caller's address
 * space but not in its file table.  The caller waits for the thread, and a kill
 * is passed on to it: it never outlives the ioctl, so the device cannot be
 * closed under it, and it hangs no longer than the caller itself would have
 * (the user's memory may be userfaultfd's).  Kernel threads share one file
 * table; a usermode helper that is forked in those microseconds copies it, and
 * helpers are root's.
 *
 * All of the request is read by core, once; we learn what it read from the
 * get_dmabuf_phys() hook and from the inner.
 */
#include <linux/completion.h>
#include <linux/dma-buf-mapping.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/kthread.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "vfiowc_pci.h"

struct vfiowc_export_job {
	struct vfiowc_device *vdev;
	u32 flags;
	void __user *arg;
	size_t argsz;
	struct mm_struct *mm;
	bool cancelled;
	struct completion done;

	int ret;
	struct vfiowc_grant grant;
};

void vfiowc_grant_drop(struct vfiowc_grant *grant)
{
	if (grant->inner)
		dma_buf_put(grant->inner);
	kfree(grant->phys);
	memset(grant, 0, sizeof(*grant));
}

/* Called by core in the export thread only: every GET goes through it. */
static int vfiowc_get_dmabuf_phys(struct vfio_pci_core_device *core,
				  struct p2pdma_provider **provider,
				  unsigned int region_index,
				  struct phys_vec *phys_vec,
				  struct vfio_region_dma_range *dma_ranges,
				  size_t nr_ranges)
{
	struct vfiowc_export_job *job = kthread_data(current);
	struct vfiowc_grant *grant = &job->grant;
	int ret;

	ret = vfio_pci_core_get_dmabuf_phys(core, provider, region_index,
					    phys_vec, dma_ranges, nr_ranges);
	if (ret)
		return ret;

	grant->phys = kmemdup_array(phys_vec, nr_ranges, sizeof(*phys_vec),
				    GFP_KERNEL);
	if (!grant->phys)
		return -ENOMEM;
	grant->nr_ranges = nr_ranges;
	grant->provider = *provider;
	grant->bar = region_index;
	return 0;
}

const struct vfio_pci_device_ops vfiowc_dev_ops = {
	.get_dmabuf_phys = vfiowc_get_dmabuf_phys,
};

/* Turn core's fd, in this kernel thread's table, into a reference. */
static int collect_inner(struct vfiowc_grant *grant, int fd)
{
	struct dma_buf *inner = dma_buf_get(fd);

	scoped_guard(rcu)
		grant->cloexec = close_on_exec(fd, current->files);
	close_fd(fd);
	if (IS_ERR(inner))
		return PTR_ERR(inner);
	grant->inner = inner;
	return 0;
}

static int export_thread(void *data)
{
	struct vfiowc_export_job *job = data;
	int ret;

	allow_signal(SIGKILL);
	/* Pairs with run_job(): a signal sent before allow_signal() is lost. */
	smp_mb();
	if (READ_ONCE(job->cancelled)) {
		ret = -EINTR;
	} else {
		kthread_use_mm(job->mm);
		ret = vfio_pci_core_ioctl_feature(&job->vdev->core.vdev,
						  job->flags, job->arg,
						  job->argsz);
		kthread_unuse_mm(job->mm);
	}
	if (ret >= 0)
		ret = collect_inner(&job->grant, ret);
	job->ret = ret;
	kthread_complete_and_exit(&job->done, 0);
}

static int run_job(struct vfiowc_export_job *job)
{
	struct task_struct *task;

	init_completion(&job->done);
	task = kthread_create(export_thread, job, "vfiowc-export");
	if (IS_ERR(task))
		return PTR_ERR(task);

	get_task_struct(task);
	wake_up_process(task);
	if (wait_for_completion_killable(&job->done)) {
		WRITE_ONCE(job->cancelled, true);
		smp_mb();	/* see export_thread() */
		send_sig(SIGKILL, task, 1);
		wait_for_completion(&job->done);
	}
	put_task_struct(task);
	return job->ret;
}

/* Ask core for a dma-buf.  0: @grant is filled; end with vfiowc_grant_drop(). */
int vfiowc_core_get(struct vfiowc_device *vdev, void __user *arg, size_t argsz,
		    struct vfiowc_grant *grant)
{
	struct vfiowc_export_job job = {
		.vdev = vdev,
		.flags = VFIO_DEVICE_FEATURE_DMA_BUF | VFIO_DEVICE_FEATURE_GET,
		.arg = arg,
		.argsz = argsz,
		.mm = current->mm,
	};
	int ret;

	if (!current->mm)
		return -EFAULT;
	ret = run_job(&job);
	if (ret) {
		vfiowc_grant_drop(&job.grant);
		return ret;
	}
	*grant = job.grant;
	return 0;
}

static int export_fd(struct vfiowc_device *vdev, void __user *arg,
		     size_t argsz, u32 memattr, u32 export_flags)
{
	struct vfiowc_grant grant;
	struct vfiowc_buf *buf;
	struct dma_buf *dmabuf;
	bool cloexec;
	int ret;

	ret = vfiowc_core_get(vdev, arg, argsz, &grant);
	if (ret)
		return ret;
	cloexec = grant.cloexec;
	buf = vfiowc_buf_create(vdev, &grant, memattr, export_flags);
	vfiowc_grant_drop(&grant);
	if (IS_ERR(buf))
		return PTR_ERR(buf);

	/* Once installed the fd is the user's: buf may be gone any time. */
	dmabuf = buf->dmabuf;
	ret = dma_buf_fd(dmabuf, cloexec ? O_CLOEXEC : 0);
	if (ret < 0)
		dma_buf_put(dmabuf);
	return ret;
}

int vfiowc_feature_dma_buf(struct vfiowc_device *vdev, u32 flags,
			   void __user *arg, size_t argsz)
{
	/* Core makes an fd for exactly one combination; the rest is its own. */
	if ((flags & ~VFIO_DEVICE_FEATURE_MASK) != VFIO_DEVICE_FEATURE_GET)
		return vfio_pci_core_ioctl_feature(&vdev->core.vdev, flags,
						   arg, argsz);
	return export_fd(vdev, arg, argsz, VFIOWC_MEMATTR_NC, 0);
}

int vfiowc_feature_export(struct vfiowc_device *vdev, u32 flags,
			  void __user *arg, size_t argsz)
{
	struct vfiowc_feature_export req;
	const size_t ours = offsetof(struct vfiowc_feature_export, dma_buf);
	int ret;

	ret = vfio_check_feature(flags, argsz, VFIO_DEVICE_FEATURE_GET,
				 sizeof(req));
	if (ret != 1)
		return ret;
	/* Our part only; the stock struct behind it is core's to read. */
	if (copy_from_user(&req, arg, ours))
		return -EFAULT;
	if (req.flags & ~VFIOWC_EXPORT_TPH_LOCKED)
		return -EINVAL;
	if (!vfiowc_memattr_known(req.memattr))
		return -EOPNOTSUPP;
	return export_fd(vdev, arg + ours, argsz - ours, req.memattr,
			 req.flags);
}
