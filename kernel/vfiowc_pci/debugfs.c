// SPDX-License-Identifier: GPL-2.0
/*
 * debugfs vfiowc_pci/dma_bufs: one line per dma-buf, read-only, root only.  A
 * VFIO group opens once, so a tool cannot ask through a device fd; this is for
 * tools.  Names and order of the columns are part of the interface.
 *
 * Locks: walks the list as everybody; only tries resv, so that reading never
 * waits for a revocation: the state is "busy" then, and when there is no memory
 * to find it out.
 */
#include <linux/debugfs.h>
#include <linux/pci.h>
#include <linux/seq_file.h>

#include "vfiowc_pci.h"

static struct dentry *vfiowc_debugfs;

static const char *const state_name[] = {
	[VFIOWC_DMA_BUF_LIVE] = "live",
	[VFIOWC_DMA_BUF_REVOKED_TEMP] = "revoked-temporarily",
	[VFIOWC_DMA_BUF_REVOKED] = "revoked",
};

static const char *const memattr_name[] = {
	[VFIOWC_MEMATTR_NC] = "NC",
	[VFIOWC_MEMATTR_WC] = "WC",
	[VFIOWC_MEMATTR_NATURAL] = "natural",
};

static void show_buf(struct seq_file *m, struct vfiowc_buf *buf)
{
	const char *state = "busy";
	u32 nr;

	if (dma_resv_trylock(buf->resv)) {
		if (!vfiowc_buf_state(buf, &nr))
			state = state_name[nr];
		dma_resv_unlock(buf->resv);
	}
	seq_printf(m, "%s bar=%u size=%zu ranges=%u memattr=%s state=%s tph_flags=%u importers=%d mappings=%d tph_locked=%u\n",
		   pci_name(buf->pdev), buf->bar, buf->size, buf->nr_ranges,
		   memattr_name[READ_ONCE(buf->memattr)], state,
		   READ_ONCE(buf->tph.flags),
		   atomic_read(&buf->nr_importers),
		   atomic_read(&buf->nr_mappings),
		   !!(buf->export_flags & VFIOWC_EXPORT_TPH_LOCKED));
}

static int dma_bufs_show(struct seq_file *m, void *unused)
{
	struct vfiowc_buf *buf = NULL;

	while ((buf = vfiowc_buf_next(NULL, buf)))
		show_buf(m, buf);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(dma_bufs);

void vfiowc_debugfs_init(void)
{
	vfiowc_debugfs = debugfs_create_dir(KBUILD_MODNAME, NULL);
	debugfs_create_file("dma_bufs", 0400, vfiowc_debugfs, NULL,
			    &dma_bufs_fops);
}

void vfiowc_debugfs_exit(void)
{
	debugfs_remove(vfiowc_debugfs);
}
