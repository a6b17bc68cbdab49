// SPDX-License-Identifier: GPL-2.0
/*
 * Drives the DMA engine of QEMU's edu device (docs/specs/edu.rst there): a PCI
 * function that really moves bytes to the addresses that an importer was given.
 * The device has a buffer of its own, so each transfer takes two steps, one of
 * them from or to coherent memory.
 *
 * Locks: edu_lock, one transfer at a time.
 */
#include <linux/dma-mapping.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/iopoll.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/uaccess.h>

#include "vfiowc_test_edu.h"

#define EDU_DMA_SRC	0x80
#define EDU_DMA_DST	0x88
#define EDU_DMA_COUNT	0x90
#define EDU_DMA_CMD	0x98
#define EDU_DMA_START	BIT(0)
#define EDU_DMA_TO_RAM	BIT(1)
#define EDU_BUFFER	0x40000
#define EDU_TIMEOUT_US	(10 * USEC_PER_SEC)

struct edu {
	struct pci_dev *pdev;
	void __iomem *regs;
	void *bounce;
	dma_addr_t bounce_dma;
};

static DEFINE_MUTEX(edu_lock);
static struct edu the_edu;

/* One step: between the device's buffer and an address outside it. */
static int edu_step(struct edu *edu, u64 dma, u32 bytes, bool to_ram)
{
	u32 cmd;

	writeq(to_ram ? EDU_BUFFER : dma, edu->regs + EDU_DMA_SRC);
	writeq(to_ram ? dma : EDU_BUFFER, edu->regs + EDU_DMA_DST);
	writeq(bytes, edu->regs + EDU_DMA_COUNT);
	writel(EDU_DMA_START | (to_ram ? EDU_DMA_TO_RAM : 0),
	       edu->regs + EDU_DMA_CMD);
	return readl_poll_timeout(edu->regs + EDU_DMA_CMD, cmd,
				  !(cmd & EDU_DMA_START), USEC_PER_MSEC,
				  EDU_TIMEOUT_US);
}

static int edu_write(struct edu *edu, const struct edu_dma *req)
{
	int ret;

	if (copy_from_user(edu->bounce, u64_to_user_ptr(req->data), req->bytes))
		return -EFAULT;
	ret = edu_step(edu, edu->bounce_dma, req->bytes, false);
	return ret ?: edu_step(edu, req->dma, req->bytes, true);
}

static int edu_read(struct edu *edu, const struct edu_dma *req)
{
	int ret;

	ret = edu_step(edu, req->dma, req->bytes, false);
	if (!ret)
		ret = edu_step(edu, edu->bounce_dma, req->bytes, true);
	if (ret)
		return ret;
	if (copy_to_user(u64_to_user_ptr(req->data), edu->bounce, req->bytes))
		return -EFAULT;
	return 0;
}

static long edu_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct edu_dma req;
	int ret = -ENODEV;

	if (copy_from_user(&req, (void __user *)arg, sizeof(req)))
		return -EFAULT;
	if (req.pad || !req.bytes || req.bytes > EDU_BYTES_MAX)
		return -EINVAL;
	mutex_lock(&edu_lock);
	if (the_edu.pdev) {
		if (cmd == EDU_WRITE)
			ret = edu_write(&the_edu, &req);
		else
			ret = cmd == EDU_READ ? edu_read(&the_edu, &req) :
						-ENOTTY;
	}
	mutex_unlock(&edu_lock);
	return ret;
}

static const struct file_operations edu_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = edu_ioctl,
};

static struct miscdevice edu_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vfiowc_test_edu",
	.fops = &edu_fops,
	.mode = 0600,
};

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct edu edu = { .pdev = pdev };
	int ret;

	if (the_edu.pdev)
		return -EBUSY;
	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (ret)
		return ret;
	edu.regs = pcim_iomap_region(pdev, 0, KBUILD_MODNAME);
	if (IS_ERR(edu.regs))
		return PTR_ERR(edu.regs);
	edu.bounce = dmam_alloc_coherent(&pdev->dev, EDU_BYTES_MAX,
					 &edu.bounce_dma, GFP_KERNEL);
	if (!edu.bounce)
		return -ENOMEM;
	pci_set_master(pdev);
	the_edu = edu;
	ret = misc_register(&edu_misc);
	if (ret)
		the_edu.pdev = NULL;
	return ret;
}

static void edu_remove(struct pci_dev *pdev)
{
	misc_deregister(&edu_misc);
	mutex_lock(&edu_lock);
	the_edu.pdev = NULL;
	mutex_unlock(&edu_lock);
	pci_clear_master(pdev);
}

static const struct pci_device_id edu_table[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{}
};
MODULE_DEVICE_TABLE(pci, edu_table);

static struct pci_driver edu_driver = {
	.name = KBUILD_MODNAME,
	.id_table = edu_table,
	.probe = edu_probe,
	.remove = edu_remove,
};
module_pci_driver(edu_driver);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("DMA engine of the edu device for the tests of vfiowc_pci");
