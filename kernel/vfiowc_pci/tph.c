// SPDX-License-Identifier: GPL-2.0
/*
 * TPH steering tags published on a dma-buf, and how importers read them.
 *
 * The two namespaces, 8-bit ST and 16-bit extended ST, are values of their own
 * and are never converted.  Values are opaque: the function they steer in is
 * the owner's.  ST and PH add or remove no order (rule O8).
 *
 * Locks: tags are written and read under resv.
 */
#include <linux/bitfield.h>
#include <linux/export.h>
#include <linux/module.h>
#include <linux/pci.h>

#include "vfiowc_dma_buf.h"
#include "vfiowc_pci.h"

/* PH is a two-bit field of the TLP. */
#define TPH_PH_MAX	3

static unsigned int tph_override;

static int tph_override_set(const char *val, const struct kernel_param *kp)
{
	unsigned int value;
	int ret;

	ret = kstrtouint(val, 0, &value);
	if (ret)
		return ret;
	if (value != VFIOWC_TPH_COMPLETER_NONE &&
	    value != VFIOWC_TPH_COMPLETER_TPH &&
	    value != VFIOWC_TPH_COMPLETER_EXT)
		return -EINVAL;
	WRITE_ONCE(tph_override, value);
	return 0;
}

static const struct kernel_param_ops tph_override_ops = {
	.get = param_get_uint,
	.set = tph_override_set,
};

module_param_cb(tph_override, &tph_override_ops, &tph_override, 0644);
MODULE_PARM_DESC(tph_override,
		 "Treat every device as this TPH completer instead of what DEVCAP2 says: 1 TPH, 3 TPH and extended TPH, 0 off (default)");

/**
 * vfiowc_tph_check - may these tags be published on this device's dma-bufs?
 * @vdev: the device
 * @tph: as the user gave it
 *
 * Return: 0; -EINVAL unknown flag, or ph above 3; -EOPNOTSUPP an extended tag
 * for a device that is no extended completer.
 */
int vfiowc_tph_check(struct vfiowc_device *vdev,
		     const struct vfiowc_feature_tph *tph)
{
	if (tph->flags & ~(VFIOWC_TPH_ST | VFIOWC_TPH_ST_EXT))
		return -EINVAL;
	if (tph->ph > TPH_PH_MAX)
		return -EINVAL;
	if (tph->flags & VFIOWC_TPH_ST_EXT &&
	    vfiowc_tph_effective(vdev) != VFIOWC_TPH_COMPLETER_EXT)
		return -EOPNOTSUPP;
	return 0;
}

u32 vfiowc_tph_override(void)
{
	return READ_ONCE(tph_override);
}

/* What SET is checked against. */
u32 vfiowc_tph_effective(struct vfiowc_device *vdev)
{
	return vfiowc_tph_override() ?: vdev->tph_completer;
}

/* Read here: stock kernels may be built without CONFIG_PCIE_TPH. */
u32 vfiowc_tph_read_completer(struct pci_dev *pdev)
{
	u32 cap2 = 0, type;

	pcie_capability_read_dword(pdev, PCI_EXP_DEVCAP2, &cap2);
	type = FIELD_GET(PCI_EXP_DEVCAP2_TPH_COMP_MASK, cap2);
	if (type == VFIOWC_TPH_COMPLETER_TPH ||
	    type == VFIOWC_TPH_COMPLETER_EXT)
		return type;
	return VFIOWC_TPH_COMPLETER_NONE;
}

/* Replace all tags of a dma-buf by checked ones; resv held. */
void vfiowc_buf_set_tph(struct vfiowc_buf *buf,
			const struct vfiowc_feature_tph *tph)
{
	dma_resv_assert_held(buf->resv);
	WRITE_ONCE(buf->tph.flags, tph->flags);
	buf->tph.st = tph->flags & VFIOWC_TPH_ST ? tph->steering_tag : 0;
	buf->tph.st_ext = tph->flags & VFIOWC_TPH_ST_EXT ?
			  tph->steering_tag_ext : 0;
	buf->tph.ph = tph->flags ? tph->ph : 0;
}

void vfiowc_buf_get_tph(struct vfiowc_buf *buf, struct vfiowc_feature_tph *tph)
{
	dma_resv_assert_held(buf->resv);
	tph->flags = buf->tph.flags;
	tph->steering_tag = buf->tph.st;
	tph->steering_tag_ext = buf->tph.st_ext;
	tph->ph = buf->tph.ph;
}

int vfiowc_dma_buf_get_tph(struct dma_buf *dmabuf, bool extended,
			   u16 *st, u8 *ph)
{
	struct vfiowc_buf *buf = vfiowc_buf_of(dmabuf);
	u32 want = extended ? VFIOWC_TPH_ST_EXT : VFIOWC_TPH_ST;

	if (!buf)
		return -EOPNOTSUPP;
	dma_resv_assert_held(buf->resv);
	if (vfiowc_buf_arm(buf) || !(buf->tph.flags & want))
		return -EOPNOTSUPP;
	*st = extended ? buf->tph.st_ext : buf->tph.st;
	*ph = buf->tph.ph;
	return 0;
}
EXPORT_SYMBOL_GPL(vfiowc_dma_buf_get_tph);
