// SPDX-License-Identifier: GPL-2.0
/*
 * Part of no module: compiles where the kernel has dma_buf_get_pci_tph() and
 * the callback behind it, in the form that our code uses.  See ../Kbuild.
 */
#include <linux/dma-buf.h>
#include <linux/types.h>

static struct dma_buf_ops __maybe_unused
has_callback(int (*get)(struct dma_buf *, bool, u16 *, u8 *))
{
	return (struct dma_buf_ops){ .get_pci_tph = get };
}

static int __maybe_unused has_call(struct dma_buf *dmabuf, u16 *st, u8 *ph)
{
	return dma_buf_get_pci_tph(dmabuf, true, st, ph);
}
