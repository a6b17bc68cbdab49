# SPDX-License-Identifier: GPL-2.0
# Makes of this kernel's <linux/dma-buf.h> one of a kernel that hands tags from exporters to importers. The
# exporters of the running kernel were built without the member: only ours is asked.
/^struct dma_buf_ops {/,/^};/ {
	s/^};/	int (*get_pci_tph)(struct dma_buf *dmabuf, bool extended, u16 *st, u8 *ph);\n};/
}
/^#endif.*__DMA_BUF_H__/ i\
static inline int dma_buf_get_pci_tph(struct dma_buf *dmabuf, bool extended, u16 *st, u8 *ph)\
{\
	if (strcmp(dmabuf->exp_name, "vfiowc_pci") || !dmabuf->ops->get_pci_tph)\
		return -EOPNOTSUPP;\
	return dmabuf->ops->get_pci_tph(dmabuf, extended, st, ph);\
}\

