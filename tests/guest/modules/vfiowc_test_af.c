// SPDX-License-Identifier: GPL-2.0
/*
 * Shows an Advanced Features capability (PCI AF ECN) with FLR in the configuration
 * space of a function that has none, as no emulated device has: it stands in for
 * the bus's accessors.  The function cannot really be reset so; who asks for it
 * gets whatever reset the kernel knows for the function.
 *
 *	echo 0000:01:00.0 >/sys/module/vfiowc_test_af/parameters/function
 *	echo none >/sys/module/vfiowc_test_af/parameters/function
 *
 * Locks: af_lock (the parameter) > pci_lock, held by the PCI core around the
 * accessors.
 */
#include <linux/module.h>
#include <linux/pci.h>

/* In front of the list, at a place where the function has nothing of its own. */
#define AF_POS		0xe0
#define AF_END		(AF_POS + PCI_CAP_AF_SIZEOF)

static DEFINE_MUTEX(af_lock);
static struct pci_dev *af_pdev;
static struct pci_ops *real_ops;
static u8 af_bytes[PCI_CAP_AF_SIZEOF];

static void overlay(u8 *bytes, int where, int size)
{
	int i;

	for (i = 0; i < size; i++) {
		if (where + i == PCI_STATUS)
			bytes[i] |= PCI_STATUS_CAP_LIST;
		else if (where + i == PCI_CAPABILITY_LIST)
			bytes[i] = AF_POS;
		else if (where + i >= AF_POS && where + i < AF_END)
			bytes[i] = af_bytes[where + i - AF_POS];
	}
}

static int af_read(struct pci_bus *bus, unsigned int devfn, int where,
		   int size, u32 *value)
{
	int ret = real_ops->read(bus, devfn, where, size, value);
	__le32 bytes;

	if (ret || devfn != af_pdev->devfn)
		return ret;
	bytes = cpu_to_le32(*value);
	overlay((u8 *)&bytes, where, size);
	*value = le32_to_cpu(bytes);
	return 0;
}

static int af_write(struct pci_bus *bus, unsigned int devfn, int where,
		    int size, u32 value)
{
	return real_ops->write(bus, devfn, where, size, value);
}

static struct pci_ops af_ops = {
	.read = af_read,
	.write = af_write,
};

static void restore(void)
{
	if (!af_pdev)
		return;
	pci_bus_set_ops(af_pdev->bus, real_ops);
	pci_dev_put(af_pdev);
	af_pdev = NULL;
}

static int inject(const char *name)
{
	unsigned int domain, bus, slot, function;
	struct pci_dev *pdev;
	u8 first;

	if (sscanf(name, "%x:%x:%x.%x", &domain, &bus, &slot, &function) != 4)
		return -EINVAL;
	pdev = pci_get_domain_bus_and_slot(domain, bus,
					   PCI_DEVFN(slot, function));
	if (!pdev)
		return -ENODEV;
	pci_read_config_byte(pdev, PCI_CAPABILITY_LIST, &first);
	af_bytes[PCI_CAP_LIST_ID] = PCI_CAP_ID_AF;
	af_bytes[PCI_CAP_LIST_NEXT] = first;
	af_bytes[PCI_AF_LENGTH] = PCI_CAP_AF_SIZEOF;
	af_bytes[PCI_AF_CAP] = PCI_AF_CAP_TP | PCI_AF_CAP_FLR;
	real_ops = pdev->bus->ops;
	af_pdev = pdev;
	pci_bus_set_ops(pdev->bus, &af_ops);
	return 0;
}

static int function_set(const char *val, const struct kernel_param *kp)
{
	int ret = 0;

	mutex_lock(&af_lock);
	restore();
	if (!sysfs_streq(val, "none"))
		ret = inject(val);
	mutex_unlock(&af_lock);
	return ret;
}

static const struct kernel_param_ops function_ops = {
	.set = function_set,
};

module_param_cb(function, &function_ops, NULL, 0200);
MODULE_PARM_DESC(function, "The function that shows an AF capability, or none");

static int __init af_init(void)
{
	return 0;
}

static void __exit af_exit(void)
{
	restore();
}

module_init(af_init);
module_exit(af_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("AF capability for the tests of vfiowc_pci");
