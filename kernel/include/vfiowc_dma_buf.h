/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What vfiowc_pci offers to importers of its dma-bufs inside the kernel.
 *
 * The functions are exported GPL-only and found with symbol_get(), so that an
 * importer loads and works without the exporter.  All are called with the
 * dma-buf's reservation lock held, and what they return is valid until the
 * importer's next invalidate_mappings().
 *
 * Where the kernel has dma_buf_get_pci_tph(), the tags come through it.
 */
#ifndef _VFIOWC_DMA_BUF_H
#define _VFIOWC_DMA_BUF_H

#include <linux/dma-buf.h>
#include <linux/types.h>

/**
 * vfiowc_dma_buf_get_tph - read the steering tag published on a dma-buf
 * @dmabuf: any dma-buf; the caller holds a reference and its reservation lock
 * @extended: which namespace the importer can emit; tags are never converted
 * @st: out: the 8-bit ST, or the 16-bit extended ST
 * @ph: out: processing hint, 0..3
 *
 * These are the exporter's tags.  No client's may take their place on a dma-buf
 * that was exported with VFIOWC_EXPORT_TPH_LOCKED; an importer that knows no
 * others, like vfiowc_rdma, need not ask whether it was.
 *
 * Return: 0; -EOPNOTSUPP if @dmabuf is not ours, is revoked, or has no tag in
 * that namespace.
 */
int vfiowc_dma_buf_get_tph(struct dma_buf *dmabuf, bool extended,
			   u16 *st, u8 *ph);

/**
 * struct vfiowc_cpu_range - consecutive bytes of a dma-buf, for CPU access
 * @io: kernel address; the mapping of the BAR that vfio-pci-core made when the
 *	device was opened, uncached
 * @phys: physical address
 * @len: bytes
 */
struct vfiowc_cpu_range {
	void __iomem *io;
	phys_addr_t phys;
	u64 len;
};

/**
 * vfiowc_dma_buf_cpu_map - lend the ranges of a dma-buf, for CPU access
 * @attach: a revocable (invalidate_mappings) peer-to-peer attachment; its
 *	device need not be a PCI function; reservation lock held
 * @ranges: out: array of the ranges in the dma-buf's order; kfree() it
 * @nr: out: number of ranges
 *
 * Counts as a mapping of @attach: revocation, and so the end of the BAR's mapping,
 * waits for the matching vfiowc_dma_buf_cpu_unmap().
 *
 * Return: 0; -EOPNOTSUPP if the dma-buf is not ours; -ENODEV if it is revoked;
 * -ENOMEM, also when vfio-pci-core could not map the BAR.
 */
int vfiowc_dma_buf_cpu_map(struct dma_buf_attachment *attach,
			   struct vfiowc_cpu_range **ranges, u32 *nr);

/**
 * vfiowc_dma_buf_cpu_unmap - end what vfiowc_dma_buf_cpu_map() began
 * @attach: the attachment; reservation lock held
 *
 * May be called from invalidate_mappings().
 */
void vfiowc_dma_buf_cpu_unmap(struct dma_buf_attachment *attach);

#endif /* _VFIOWC_DMA_BUF_H */
