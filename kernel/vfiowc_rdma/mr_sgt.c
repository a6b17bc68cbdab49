// SPDX-License-Identifier: GPL-2.0
/*
 * Dma-bufs whose exporter offers nothing but a scatter list: those of stock vfio-pci.
 *
 * A scatter list holds DMA addresses of the device that is attached, and this device
 * does no DMA.  It borrows the identity of the PCI function behind its netdev.  Where
 * that function sees physical memory as it is (no IOMMU, or an identity domain), its
 * DMA addresses are what the CPU can map; elsewhere they mean nothing to a CPU, and
 * the dma-buf is refused.  What comes back is believed only as far as it lies inside
 * a BAR: an address that is none of a BAR is never mapped.
 *
 * Called by mr_dmabuf.c; dmabuf->resv protects mr->sgt.
 */
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/iommu.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/types.h>

#include "vfiowc_dma_buf.h"
#include "vfiowc_rdma.h"

/**
 * vfiowc_dma_identity - the PCI function whose DMA addresses are physical ones
 * @dev: the RDMA device
 *
 * Return: the struct device behind the netdev, for put_device(); NULL: there is none,
 * or its addresses are translated.
 */
struct device *vfiowc_dma_identity(struct vfiowc_dev *dev)
{
	struct net_device *ndev = ib_device_get_netdev(&dev->ibdev,
						       VFIOWC_PORT);
	struct device *parent = NULL;
	struct iommu_domain *domain;

	if (!ndev)
		return NULL;
	if (ndev->dev.parent && dev_is_pci(ndev->dev.parent))
		parent = get_device(ndev->dev.parent);
	dev_put(ndev);
	domain = parent ? iommu_get_domain_for_dev(parent) : NULL;
	if (domain && domain->type != IOMMU_DOMAIN_IDENTITY) {
		put_device(parent);
		parent = NULL;
	}
	return parent;
}

static bool function_has(struct pci_dev *pdev, const struct resource *range)
{
	struct resource *bar;
	int i;

	for (i = 0; i < PCI_STD_NUM_BARS; i++) {
		bar = pci_resource_n(pdev, i);
		if (bar->parent && resource_type(bar) == IORESOURCE_MEM &&
		    resource_contains(bar, range))
			return true;
	}
	return false;
}

static bool is_inside_a_bar(u64 address, u64 len)
{
	struct resource range = DEFINE_RES_MEM(address, len);
	struct pci_dev *pdev = NULL;

	for_each_pci_dev(pdev) {
		if (function_has(pdev, &range)) {
			pci_dev_put(pdev);
			return true;
		}
	}
	return false;
}

/* Each entry checked; -EOPNOTSUPP: not what a CPU may map. */
static int check_list(struct sg_table *sgt, struct vfiowc_cpu_range *ranges)
{
	struct scatterlist *sg;
	int i;

	for_each_sgtable_dma_sg(sgt, sg, i) {
		phys_addr_t phys = sg_dma_address(sg);
		u64 len = sg_dma_len(sg);

		if (!len || !PAGE_ALIGNED(phys | len) || phys + len < phys ||
		    !is_inside_a_bar(phys, len))
			return -EOPNOTSUPP;
		ranges[i] = (struct vfiowc_cpu_range){
			.phys = phys,
			.len = len,
		};
	}
	return 0;
}

/**
 * vfiowc_mr_sgt_map - fetch the scatter list of an MR's dma-buf
 * @mr: attached as its PCI function; reservation lock held
 * @ranges: out: in the dma-buf's order, without kernel addresses; kfree() it
 * @nr: out: number of them
 *
 * Return: 0; -EOPNOTSUPP the list is not one of BARs, or the exporter has no way to
 * this function; -ENODEV revoked; -ENOMEM; what else the exporter says.
 */
int vfiowc_mr_sgt_map(struct vfiowc_mr *mr, struct vfiowc_cpu_range **ranges,
		      u32 *nr)
{
	int err;

	dma_resv_assert_held(mr->dmabuf->resv);

	mr->sgt = dma_buf_map_attachment(mr->attach, DMA_BIDIRECTIONAL);
	if (IS_ERR(mr->sgt)) {
		err = PTR_ERR(mr->sgt);
		mr->sgt = NULL;
		/* the kernel's word for: no peer-to-peer path between the two */
		return err == -EINVAL ? -EOPNOTSUPP : err;
	}
	*nr = mr->sgt->nents;
	*ranges = kzalloc_objs(**ranges, *nr);
	err = *ranges ? check_list(mr->sgt, *ranges) : -ENOMEM;
	if (!err)
		return 0;
	kfree(*ranges);
	vfiowc_mr_sgt_unmap(mr);
	return err;
}

/**
 * vfiowc_mr_sgt_unmap - give the scatter list back
 * @mr: from vfiowc_mr_sgt_map(); reservation lock held
 */
void vfiowc_mr_sgt_unmap(struct vfiowc_mr *mr)
{
	dma_resv_assert_held(mr->dmabuf->resv);

	/* Up to 7.3 the exporter frees the list by orig_nents, and left that 0. */
	mr->sgt->orig_nents = mr->sgt->nents;
	dma_buf_unmap_attachment(mr->attach, mr->sgt, DMA_BIDIRECTIONAL);
	mr->sgt = NULL;
}
