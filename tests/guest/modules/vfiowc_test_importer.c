// SPDX-License-Identifier: GPL-2.0
/*
 * A dma-buf importer for tests: attaches as a PCI function of the test's choice
 * (or as a bare device), maps, shows the DMA addresses and what the IOMMU makes
 * of them, and lets go when it is told to, late, or never.  It also puts a
 * fence on a dma-buf as a hostile client could, or an exporter that moves the
 * memory, and reads a PTE of a process without asking the exporter.
 *
 * Locks: importer.lock (ioctls) > dma_resv.  invalidate_mappings() is called
 * with resv held and takes nothing.
 */
#include <linux/dma-buf.h>
#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/iommu.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vfiowc_dma_buf.h"
#include "vfiowc_test_importer.h"

/* Under resv: sgt, ranges, nr_ranges, nr_invalidates. */
struct importer {
	struct mutex lock;	/* ioctls against each other */
	struct dma_buf *dmabuf;
	struct dma_buf_attachment *attach;
	struct pci_dev *pdev;
	struct sg_table *sgt;
	struct vfiowc_cpu_range *ranges;
	u32 nr_ranges;
	u32 nr_invalidates;
	u32 policy;
	u32 delay_ms;
	bool pinned;
	struct delayed_work unmap_work;
	struct dma_fence *fence;
};

static struct miscdevice importer_misc;
static DEFINE_SPINLOCK(fence_lock);

static void unmap_locked(struct importer *imp)
{
	void (*cpu_unmap)(struct dma_buf_attachment *attach);

	dma_resv_assert_held(imp->dmabuf->resv);
	if (imp->sgt)
		dma_buf_unmap_attachment(imp->attach, imp->sgt,
					 DMA_BIDIRECTIONAL);
	imp->sgt = NULL;
	if (!imp->ranges)
		return;
	cpu_unmap = symbol_get(vfiowc_dma_buf_cpu_unmap);
	if (cpu_unmap) {
		cpu_unmap(imp->attach);
		symbol_put(vfiowc_dma_buf_cpu_unmap);
	}
	kfree(imp->ranges);
	imp->ranges = NULL;
	imp->nr_ranges = 0;
}

static void unmap_later(struct work_struct *work)
{
	struct importer *imp = container_of(work, struct importer,
					    unmap_work.work);

	dma_resv_lock(imp->dmabuf->resv, NULL);
	unmap_locked(imp);
	dma_resv_unlock(imp->dmabuf->resv);
}

static void importer_invalidate(struct dma_buf_attachment *attach)
{
	struct importer *imp = attach->importer_priv;

	imp->nr_invalidates++;
	if (imp->policy == IMPORTER_UNMAP_AT_ONCE)
		unmap_locked(imp);
	else if (imp->policy == IMPORTER_UNMAP_LATER)
		schedule_delayed_work(&imp->unmap_work,
				      msecs_to_jiffies(imp->delay_ms));
}

static const struct dma_buf_attach_ops importer_ops[] = {
	[IMPORTER_DYNAMIC] = {
		.allow_peer2peer = true,
		.invalidate_mappings = importer_invalidate,
	},
	[IMPORTER_NOT_REVOCABLE] = { .allow_peer2peer = true },
	[IMPORTER_NOT_P2P] = { .invalidate_mappings = importer_invalidate },
	[IMPORTER_STATIC] = {},
	[IMPORTER_PINNED] = {
		.allow_peer2peer = true,
		.invalidate_mappings = importer_invalidate,
	},
};

static const char *fence_name(struct dma_fence *fence)
{
	return "vfiowc_test_importer";
}

static const struct dma_fence_ops fence_ops = {
	.get_driver_name = fence_name,
	.get_timeline_name = fence_name,
};

static void signal_fence(struct importer *imp)
{
	if (!imp->fence)
		return;
	dma_fence_signal(imp->fence);
	dma_fence_put(imp->fence);
	imp->fence = NULL;
}

static void detach(struct importer *imp)
{
	signal_fence(imp);
	if (imp->attach) {
		cancel_delayed_work_sync(&imp->unmap_work);
		dma_resv_lock(imp->dmabuf->resv, NULL);
		unmap_locked(imp);
		if (imp->pinned)
			dma_buf_unpin(imp->attach);
		imp->pinned = false;
		dma_resv_unlock(imp->dmabuf->resv);
		dma_buf_detach(imp->dmabuf, imp->attach);
		imp->attach = NULL;
		/* Callbacks come until then; what they queue finds nothing mapped. */
		cancel_delayed_work_sync(&imp->unmap_work);
	}
	pci_dev_put(imp->pdev);
	imp->pdev = NULL;
	if (imp->dmabuf)
		dma_buf_put(imp->dmabuf);
	imp->dmabuf = NULL;
}

static int find_device(struct importer *imp, u32 bdf, struct device **dev)
{
	*dev = importer_misc.this_device;
	if (!bdf)
		return 0;
	imp->pdev = pci_get_domain_bus_and_slot(bdf >> 16, (bdf >> 8) & 0xff,
						bdf & 0xff);
	if (!imp->pdev)
		return -ENXIO;
	*dev = &imp->pdev->dev;
	return 0;
}

static int pin(struct importer *imp)
{
	int ret;

	dma_resv_lock(imp->dmabuf->resv, NULL);
	ret = dma_buf_pin(imp->attach);
	imp->pinned = !ret;
	dma_resv_unlock(imp->dmabuf->resv);
	return ret;
}

static int ioctl_attach(struct importer *imp, void __user *arg)
{
	struct dma_buf_attachment *attach;
	struct importer_attach req;
	struct device *dev;
	int ret;

	if (copy_from_user(&req, arg, sizeof(req)))
		return -EFAULT;
	if (imp->dmabuf)
		return -EBUSY;
	if (req.kind >= ARRAY_SIZE(importer_ops))
		return -EINVAL;
	ret = find_device(imp, req.bdf, &dev);
	if (ret)
		return ret;
	imp->dmabuf = dma_buf_get(req.dmabuf_fd);
	if (IS_ERR(imp->dmabuf)) {
		ret = PTR_ERR(imp->dmabuf);
		imp->dmabuf = NULL;
		goto err_detach;
	}
	imp->policy = req.policy;
	imp->delay_ms = req.delay_ms;
	imp->nr_invalidates = 0;
	attach = dma_buf_dynamic_attach(imp->dmabuf, dev,
					req.kind == IMPORTER_STATIC ? NULL :
					&importer_ops[req.kind], imp);
	if (IS_ERR(attach)) {
		ret = PTR_ERR(attach);
		goto err_detach;
	}
	imp->attach = attach;
	if (req.kind == IMPORTER_PINNED) {
		ret = pin(imp);
		if (ret)
			goto err_detach;
	}
	return 0;

err_detach:
	detach(imp);
	return ret;
}

static int map_sgt(struct importer *imp)
{
	struct sg_table *sgt;

	sgt = dma_buf_map_attachment(imp->attach, DMA_BIDIRECTIONAL);
	if (IS_ERR(sgt))
		return PTR_ERR(sgt);
	imp->sgt = sgt;
	return 0;
}

static int map_cpu(struct importer *imp)
{
	int (*cpu_map)(struct dma_buf_attachment *attach,
		       struct vfiowc_cpu_range **ranges, u32 *nr);
	int ret;

	cpu_map = symbol_get(vfiowc_dma_buf_cpu_map);
	if (!cpu_map)
		return -ENXIO;
	ret = cpu_map(imp->attach, &imp->ranges, &imp->nr_ranges);
	if (ret)
		imp->ranges = NULL;
	symbol_put(vfiowc_dma_buf_cpu_map);
	return ret;
}

static int ioctl_map(struct importer *imp, int (*map)(struct importer *imp))
{
	int ret;

	if (!imp->attach)
		return -ENOTCONN;
	dma_resv_lock(imp->dmabuf->resv, NULL);
	ret = imp->sgt || imp->ranges ? -EBUSY : map(imp);
	dma_resv_unlock(imp->dmabuf->resv);
	return ret;
}

static int ioctl_mend_list(struct importer *imp)
{
	if (!imp->attach)
		return -ENOTCONN;
	dma_resv_lock(imp->dmabuf->resv, NULL);
	if (imp->sgt)
		imp->sgt->orig_nents = imp->sgt->nents;
	dma_resv_unlock(imp->dmabuf->resv);
	return 0;
}

static int ioctl_unmap(struct importer *imp)
{
	if (!imp->attach)
		return -ENOTCONN;
	dma_resv_lock(imp->dmabuf->resv, NULL);
	unmap_locked(imp);
	dma_resv_unlock(imp->dmabuf->resv);
	return 0;
}

static int ioctl_info(struct importer *imp, void __user *arg)
{
	struct importer_info info = {};

	if (!imp->attach)
		return -ENOTCONN;
	dma_resv_lock(imp->dmabuf->resv, NULL);
	info.mapped = imp->sgt || imp->ranges;
	info.nr_segments = imp->sgt ? imp->sgt->nents : imp->nr_ranges;
	info.nr_invalidates = imp->nr_invalidates;
	dma_resv_unlock(imp->dmabuf->resv);
	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

static int sgt_segment(struct importer *imp, struct importer_segment *seg)
{
	struct iommu_domain *domain;
	struct scatterlist *sg;
	int i;

	domain = iommu_get_domain_for_dev(imp->attach->dev);
	for_each_sgtable_dma_sg(imp->sgt, sg, i) {
		if (i != seg->index)
			continue;
		seg->dma = sg_dma_address(sg);
		seg->length = sg_dma_len(sg);
		seg->phys = domain ? iommu_iova_to_phys(domain, seg->dma) : 0;
		return 0;
	}
	return -ENOENT;
}

static int ioctl_segment(struct importer *imp, void __user *arg)
{
	struct importer_segment seg;
	int ret = -ENOENT;

	if (copy_from_user(&seg, arg, sizeof(seg)))
		return -EFAULT;
	if (!imp->attach)
		return -ENOTCONN;
	dma_resv_lock(imp->dmabuf->resv, NULL);
	if (imp->sgt) {
		ret = sgt_segment(imp, &seg);
	} else if (imp->ranges && seg.index < imp->nr_ranges) {
		seg.dma = 0;
		seg.phys = imp->ranges[seg.index].phys;
		seg.length = imp->ranges[seg.index].len;
		ret = 0;
	}
	dma_resv_unlock(imp->dmabuf->resv);
	if (ret)
		return ret;
	return copy_to_user(arg, &seg, sizeof(seg)) ? -EFAULT : 0;
}

static int ioctl_tph(struct importer *imp, void __user *arg)
{
	int (*get_tph)(struct dma_buf *dmabuf, bool extended, u16 *st, u8 *ph);
	struct importer_tph tph;
	int ret;

	if (copy_from_user(&tph, arg, sizeof(tph)))
		return -EFAULT;
	if (!imp->dmabuf)
		return -ENOTCONN;
	get_tph = symbol_get(vfiowc_dma_buf_get_tph);
	if (!get_tph)
		return -ENXIO;
	dma_resv_lock(imp->dmabuf->resv, NULL);
	ret = get_tph(imp->dmabuf, tph.extended, &tph.st, &tph.ph);
	dma_resv_unlock(imp->dmabuf->resv);
	symbol_put(vfiowc_dma_buf_get_tph);
	if (ret)
		return ret;
	return copy_to_user(arg, &tph, sizeof(tph)) ? -EFAULT : 0;
}

static int ioctl_fence(struct importer *imp, enum dma_resv_usage usage)
{
	struct dma_fence *fence;
	int ret;

	if (!imp->dmabuf)
		return -ENOTCONN;
	if (imp->fence)
		return -EBUSY;
	fence = kzalloc_obj(*fence);
	if (!fence)
		return -ENOMEM;
	dma_fence_init(fence, &fence_ops, &fence_lock,
		       dma_fence_context_alloc(1), 1);
	dma_resv_lock(imp->dmabuf->resv, NULL);
	ret = dma_resv_reserve_fences(imp->dmabuf->resv, 1);
	if (!ret)
		dma_resv_add_fence(imp->dmabuf->resv, fence, usage);
	dma_resv_unlock(imp->dmabuf->resv);
	if (ret)
		dma_fence_put(fence);
	else
		imp->fence = fence;
	return ret;
}

static int read_pte(struct mm_struct *mm, struct importer_pte *pte)
{
	struct follow_pfnmap_args args = { .address = pte->address };
	int ret = -EINVAL;

	mmap_read_lock(mm);
	args.vma = vma_lookup(mm, pte->address);
	if (args.vma)
		ret = follow_pfnmap_start(&args);
	if (!ret) {
		/* A leaf higher up has PAT elsewhere. */
		if (~args.addr_mask >= PAGE_SIZE)
			args.pgprot = pgprot_large_2_4k(args.pgprot);
		pte->bits = pgprot_val(args.pgprot);
		pte->pfn = args.pfn;
		follow_pfnmap_end(&args);
	}
	mmap_read_unlock(mm);
	return ret;
}

/* With a reference, or NULL. */
static struct mm_struct *mm_of(u32 nr)
{
	struct task_struct *task;
	struct mm_struct *mm;
	struct pid *pid;

	if (!nr)
		return get_task_mm(current);
	pid = find_get_pid(nr);
	task = get_pid_task(pid, PIDTYPE_PID);
	mm = task ? get_task_mm(task) : NULL;
	if (task)
		put_task_struct(task);
	put_pid(pid);
	return mm;
}

static int ioctl_pte(void __user *arg)
{
	struct importer_pte pte;
	struct mm_struct *mm;
	int ret;

	if (copy_from_user(&pte, arg, sizeof(pte)))
		return -EFAULT;
	mm = mm_of(pte.pid);
	if (!mm)
		return -ESRCH;
	ret = read_pte(mm, &pte);
	mmput(mm);
	if (ret)
		return ret;
	return copy_to_user(arg, &pte, sizeof(pte)) ? -EFAULT : 0;
}

static long dispatch(struct importer *imp, unsigned int cmd, void __user *arg)
{
	switch (cmd) {
	case IMPORTER_ATTACH:
		return ioctl_attach(imp, arg);
	case IMPORTER_DETACH:
		detach(imp);
		return 0;
	case IMPORTER_MAP:
		return ioctl_map(imp, map_sgt);
	case IMPORTER_MEND_LIST:
		return ioctl_mend_list(imp);
	case IMPORTER_UNMAP:
		return ioctl_unmap(imp);
	case IMPORTER_INFO:
		return ioctl_info(imp, arg);
	case IMPORTER_SEGMENT:
		return ioctl_segment(imp, arg);
	case IMPORTER_CPU_MAP:
		return ioctl_map(imp, map_cpu);
	case IMPORTER_TPH:
		return ioctl_tph(imp, arg);
	case IMPORTER_FENCE:
		return ioctl_fence(imp, DMA_RESV_USAGE_BOOKKEEP);
	case IMPORTER_FENCE_KERNEL:
		return ioctl_fence(imp, DMA_RESV_USAGE_KERNEL);
	case IMPORTER_FENCE_SIGNAL:
		signal_fence(imp);
		return 0;
	case IMPORTER_PTE:
		return ioctl_pte(arg);
	default:
		return -ENOTTY;
	}
}

static long importer_ioctl(struct file *file, unsigned int cmd,
			   unsigned long arg)
{
	struct importer *imp = file->private_data;
	long ret;

	mutex_lock(&imp->lock);
	ret = dispatch(imp, cmd, (void __user *)arg);
	mutex_unlock(&imp->lock);
	return ret;
}

static int importer_open(struct inode *inode, struct file *file)
{
	struct importer *imp = kzalloc_obj(*imp);

	if (!imp)
		return -ENOMEM;
	mutex_init(&imp->lock);
	INIT_DELAYED_WORK(&imp->unmap_work, unmap_later);
	file->private_data = imp;
	return 0;
}

static int importer_release(struct inode *inode, struct file *file)
{
	struct importer *imp = file->private_data;

	detach(imp);
	kfree(imp);
	return 0;
}

static const struct file_operations importer_fops = {
	.owner = THIS_MODULE,
	.open = importer_open,
	.release = importer_release,
	.unlocked_ioctl = importer_ioctl,
};

static struct miscdevice importer_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vfiowc_test_importer",
	.fops = &importer_fops,
	.mode = 0600,
};
module_misc_device(importer_misc);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("dma-buf importer for the tests of vfiowc_pci");
MODULE_IMPORT_NS("DMA_BUF");
