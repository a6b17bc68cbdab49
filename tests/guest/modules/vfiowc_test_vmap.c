// SPDX-License-Identifier: GPL-2.0
/*
 * A dma-buf exporter for tests: the beginning of a BAR, which it maps for its importers
 * itself, uncached or write-combined.  It has no scatter list to offer.
 *
 * No locks: a buffer does not change.
 */
#include <linux/dma-buf.h>
#include <linux/fcntl.h>
#include <linux/io.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vfiowc_test_vmap.h"

struct buffer {
	struct pci_dev *pdev;
	phys_addr_t phys;
	bool wc;
};

static struct sg_table *buffer_map(struct dma_buf_attachment *attach,
				   enum dma_data_direction dir)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static void buffer_unmap(struct dma_buf_attachment *attach,
			 struct sg_table *sgt, enum dma_data_direction dir)
{
}

static int buffer_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct buffer *buffer = dmabuf->priv;
	void __iomem *io;

	io = buffer->wc ? ioremap_wc(buffer->phys, dmabuf->size) :
			  ioremap(buffer->phys, dmabuf->size);
	if (!io)
		return -ENOMEM;
	iosys_map_set_vaddr_iomem(map, io);
	return 0;
}

static void buffer_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	iounmap(map->vaddr_iomem);
}

static void buffer_free(struct buffer *buffer)
{
	pci_disable_device(buffer->pdev);
	pci_dev_put(buffer->pdev);
	kfree(buffer);
}

static void buffer_release(struct dma_buf *dmabuf)
{
	buffer_free(dmabuf->priv);
}

static const struct dma_buf_ops buffer_ops = {
	.map_dma_buf = buffer_map,
	.unmap_dma_buf = buffer_unmap,
	.release = buffer_release,
	.vmap = buffer_vmap,
	.vunmap = buffer_vunmap,
};

static int buffer_find(struct buffer *buffer, const struct vmap_export *req)
{
	int ret;

	buffer->pdev = pci_get_domain_bus_and_slot(req->bdf >> 16,
						   (req->bdf >> 8) & 0xff,
						   req->bdf & 0xff);
	if (!buffer->pdev)
		return -ENXIO;
	ret = -EINVAL;
	if (req->bar >= PCI_STD_NUM_BARS || !req->bytes ||
	    !PAGE_ALIGNED(req->bytes) ||
	    req->bytes > pci_resource_len(buffer->pdev, req->bar))
		goto err_put;
	ret = pci_enable_device_mem(buffer->pdev);
	if (ret)
		goto err_put;
	buffer->phys = pci_resource_start(buffer->pdev, req->bar);
	buffer->wc = req->wc;
	return 0;

err_put:
	pci_dev_put(buffer->pdev);
	return ret;
}

static int export(const struct vmap_export *req)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct buffer *buffer = kzalloc_obj(*buffer);
	struct dma_buf *dmabuf;
	int ret;

	if (!buffer)
		return -ENOMEM;
	ret = buffer_find(buffer, req);
	if (ret) {
		kfree(buffer);
		return ret;
	}
	info.ops = &buffer_ops;
	info.size = req->bytes;
	info.flags = O_RDWR;
	info.priv = buffer;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf)) {
		buffer_free(buffer);
		return PTR_ERR(dmabuf);
	}
	ret = dma_buf_fd(dmabuf, O_CLOEXEC);
	if (ret < 0)
		dma_buf_put(dmabuf);
	return ret;
}

static long vmap_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vmap_export req;

	if (cmd != VMAP_EXPORT)
		return -ENOTTY;
	if (copy_from_user(&req, (void __user *)arg, sizeof(req)))
		return -EFAULT;
	return export(&req);
}

static const struct file_operations vmap_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = vmap_ioctl,
};

static struct miscdevice vmap_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vfiowc_test_vmap",
	.fops = &vmap_fops,
	.mode = 0600,
};
module_misc_device(vmap_misc);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("dma-buf exporter of I/O memory by vmap, for the tests of vfiowc_rdma");
MODULE_IMPORT_NS("DMA_BUF");
