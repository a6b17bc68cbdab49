// SPDX-License-Identifier: GPL-2.0
/*
 * vfiowc_pci: a VFIO variant driver for any PCI function, bound through
 * driver_override.  What plain vfio-pci does is done by the same vfio-pci-core
 * functions, but for what it does outside of core: no VFs can be made (its
 * enable_sriov), and Intel graphics has no regions of its own.  dma-bufs are made
 * exporter-side complete (CPU mappings NC and WC, TPH tags, REVOKE).  This file
 * is the skeleton: driver, VFIO operations, and the PCI error handlers by which
 * we learn of resets.
 *
 * Locks: see vfiowc_pci.h.
 */
#include <linux/module.h>
#include <linux/pci.h>

#include "vfiowc_pci.h"

/*
 * Devices stock vfio-pci denies because of errata that their users could turn
 * against the host; nothing here widens what vfio-pci allows.
 */
static const struct pci_device_id vfiowc_denied[] = {
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_C3XXX) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_C3XXX_VF) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_C62X) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_C62X_VF) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_DH895XCC) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_DH895XCC_VF) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_DSA_SPR0) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_IAX_SPR0) },
	{}
};

/*
 * What an administrator may have restricted vfio-pci to must not come back by
 * binding another driver: its parameters are ours, too.
 */
static bool nointxmask;
module_param(nointxmask, bool, 0644);
MODULE_PARM_DESC(nointxmask, "As vfio-pci's: do not use PCI 2.3 INTx masking");

static bool disable_idle_d3;
module_param(disable_idle_d3, bool, 0644);
MODULE_PARM_DESC(disable_idle_d3,
		 "As vfio-pci's: leave unused devices out of D3");

#ifdef CONFIG_VFIO_PCI_VGA
static bool disable_vga;
module_param(disable_vga, bool, 0444);
MODULE_PARM_DESC(disable_vga, "As vfio-pci's: no access to VGA resources");
#endif

static int vfiowc_init_dev(struct vfio_device *vfio)
{
	struct vfio_pci_core_device *core = &vfiowc_from_vfio(vfio)->core;

	core->nointxmask = nointxmask;
	core->disable_idle_d3 = disable_idle_d3;
#ifdef CONFIG_VFIO_PCI_VGA
	core->disable_vga = disable_vga;
#endif
	return vfio_pci_core_init_dev(vfio);
}

static int vfiowc_open_device(struct vfio_device *vfio)
{
	struct vfiowc_device *vdev = vfiowc_from_vfio(vfio);
	int ret;

	ret = vfio_pci_core_enable(&vdev->core);
	if (ret)
		return ret;
	vfiowc_regions_init(vdev);
	vdev->tph_completer = vfiowc_tph_read_completer(vdev->core.pdev);
	/*
	 * A new session of a device that AER left for dead.  Core has tried to
	 * reset it; whether that worked or not, the new user finds out himself.
	 */
	vfiowc_unblock(vdev, VFIOWC_BLOCK_AER);
	vfio_pci_core_finish_enable(&vdev->core);
	return 0;
}

static void vfiowc_close_device(struct vfio_device *vfio)
{
	vfio_pci_core_close_device(vfio);
	vfiowc_disown(vfiowc_from_vfio(vfio));
	vfiowc_regions_close(vfiowc_from_vfio(vfio));
}

static ssize_t vfiowc_write(struct vfio_device *vfio, const char __user *buf,
			    size_t count, loff_t *ppos)
{
	ssize_t ret = vfio_pci_core_write(vfio, buf, count, ppos);

	/* A config write may have switched decode on. */
	vfiowc_attach_missing(vfiowc_from_vfio(vfio));
	return ret;
}

static int vfiowc_mmap(struct vfio_device *vfio, struct vm_area_struct *vma)
{
	if (vfiowc_is_region(vma))
		return vfiowc_region_mmap(vfiowc_from_vfio(vfio), vma);
	return vfio_pci_core_mmap(vfio, vma);
}

static const struct vfio_device_ops vfiowc_ops = {
	.name = KBUILD_MODNAME,
	.init = vfiowc_init_dev,
	.release = vfio_pci_core_release_dev,
	.open_device = vfiowc_open_device,
	.close_device = vfiowc_close_device,
	.ioctl = vfio_pci_core_ioctl,
	.get_region_info_caps = vfio_pci_ioctl_get_region_info,
	.device_feature = vfiowc_device_feature,
	.read = vfio_pci_core_read,
	.write = vfiowc_write,
	.mmap = vfiowc_mmap,
	.request = vfio_pci_core_request,
	.match = vfio_pci_core_match,
	.match_token_uuid = vfio_pci_core_match_token_uuid,
	.bind_iommufd = vfio_iommufd_physical_bind,
	.unbind_iommufd = vfio_iommufd_physical_unbind,
	.attach_ioas = vfio_iommufd_physical_attach_ioas,
	.detach_ioas = vfio_iommufd_physical_detach_ioas,
	.pasid_attach_ioas = vfio_iommufd_physical_pasid_attach_ioas,
	.pasid_detach_ioas = vfio_iommufd_physical_pasid_detach_ioas,
};

static struct vfiowc_device *vfiowc_from_pci(struct pci_dev *pdev)
{
	return vfiowc_from_core(dev_get_drvdata(&pdev->dev));
}

/*
 * The PCI core comes by here before most resets.  For sysfs and for other drivers
 * nothing is revoked yet.  For VFIO_DEVICE_RESET, hot reset and FLR through config
 * space core has revoked and holds memory_lock; at opening, and for the bus at
 * the last close, it does not hold it, and no dma-buf is left to revoke.  AER's
 * reset of the link, which error_detected() precedes, and the reset with which
 * core closes the device do not come by here.
 */
static void vfiowc_reset_prepare(struct pci_dev *pdev)
{
	struct vfiowc_device *vdev = vfiowc_from_pci(pdev);

	/* Recovery from an error may end in one. */
	vfiowc_block(vdev, VFIOWC_BLOCK_RESET,
		     !test_bit(VFIOWC_BLOCK_AER, &vdev->blocked));
}

/* A reset also ends what an error began: recovery may have given up on us. */
static void vfiowc_reset_done(struct pci_dev *pdev)
{
	vfiowc_unblock(vfiowc_from_pci(pdev), VFIOWC_BLOCK_AER);
	vfiowc_unblock(vfiowc_from_pci(pdev), VFIOWC_BLOCK_RESET);
}

static pci_ers_result_t vfiowc_error_detected(struct pci_dev *pdev,
					      pci_channel_state_t state)
{
	vfiowc_block(vfiowc_from_pci(pdev), VFIOWC_BLOCK_AER,
		     state == pci_channel_io_normal);
	return vfio_pci_core_aer_err_detected(pdev, state);
}

static void vfiowc_error_resume(struct pci_dev *pdev)
{
	vfiowc_unblock(vfiowc_from_pci(pdev), VFIOWC_BLOCK_AER);
}

static const struct pci_error_handlers vfiowc_err_handlers = {
	.error_detected = vfiowc_error_detected,
	.reset_done = vfiowc_reset_done,
	.reset_prepare = vfiowc_reset_prepare,
	.resume = vfiowc_error_resume,
};

static int vfiowc_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct vfiowc_device *vdev;
	int ret;

	if (pci_match_id(vfiowc_denied, pdev)) {
		pci_warn(pdev, "denied: vfio-pci's device denylist has it\n");
		return -EINVAL;
	}
	vdev = vfio_alloc_device(vfiowc_device, core.vdev, &pdev->dev,
				 &vfiowc_ops);
	if (IS_ERR(vdev))
		return PTR_ERR(vdev);

	dev_set_drvdata(&pdev->dev, &vdev->core);
	vdev->core.pci_ops = &vfiowc_dev_ops;
	ret = vfio_pci_core_register_device(&vdev->core);
	if (ret)
		goto err_put_vdev;
	return 0;

err_put_vdev:
	vfio_put_device(&vdev->core.vdev);
	return ret;
}

static void vfiowc_remove(struct pci_dev *pdev)
{
	struct vfiowc_device *vdev = vfiowc_from_pci(pdev);

	vfio_pci_core_unregister_device(&vdev->core);
	vfio_put_device(&vdev->core.vdev);
}

static const struct pci_device_id vfiowc_table[] = {
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(PCI_ANY_ID, PCI_ANY_ID) },
	{}
};

MODULE_DEVICE_TABLE(pci, vfiowc_table);

static struct pci_driver vfiowc_driver = {
	.name = KBUILD_MODNAME,
	.id_table = vfiowc_table,
	.probe = vfiowc_probe,
	.remove = vfiowc_remove,
	.err_handler = &vfiowc_err_handlers,
	.driver_managed_dma = true,
};

static int __init vfiowc_init(void)
{
	int ret;

	vfiowc_debugfs_init();
	ret = pci_register_driver(&vfiowc_driver);
	if (ret)
		vfiowc_debugfs_exit();
	return ret;
}

static void __exit vfiowc_exit(void)
{
	pci_unregister_driver(&vfiowc_driver);
	vfiowc_debugfs_exit();
}

module_init(vfiowc_init);
module_exit(vfiowc_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("VFIO PCI driver whose dma-bufs have CPU mappings (NC, WC), TPH tags and REVOKE");
