// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Write-combining without a module, on x86: vfio-pci maps a BAR when the device is opened, as uncached; but
 * the kernel's memtype list gives it the type that somebody mapped the BAR with before, and all mappings of
 * the device fd follow. So a page of the BAR's write-combining file in sysfs is mapped across the open.
 *
 * The type is the whole BAR's, and that it comes out so is no promise of the kernel: it is looked up each
 * time something is mapped.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include "memtype.h"
#include "vfiowc_int.h"

static int hold_bar(const char *pci_address, unsigned int bar, void **page)
{
	char path[64];
	int fd, err = 0;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource%u_wc", pci_address, bar);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? EOPNOTSUPP : errno;
	*page = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*page == MAP_FAILED) {
		err = errno;
		*page = NULL;
	}
	close(fd);
	return err;
}

/* @held is ended by vfiowc_release_bars(), whatever this returns. */
int vfiowc_hold_bars(const char *pci_address, uint32_t bars, void *held[VFIOWC_NUM_BARS])
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < VFIOWC_NUM_BARS; i++)
		held[i] = NULL;
	for (i = 0; i < VFIOWC_NUM_BARS && !err; i++)
		if (bars & 1U << i)
			err = hold_bar(pci_address, i, &held[i]);
	return err;
}

void vfiowc_release_bars(void *held[VFIOWC_NUM_BARS])
{
	unsigned int i;

	for (i = 0; i < VFIOWC_NUM_BARS; i++)
		if (held[i])
			munmap(held[i], sysconf(_SC_PAGESIZE));
}

/* Is this part of a BAR write-combined, by the kernel's list? */
int vfiowc_check_wc(const struct vfiowc_device *dev, unsigned int bar, uint64_t offset, uint64_t length)
{
	enum vfiowc_effective_type type;
	int err = vfiowc_bar_memtype(dev->pci_address, bar, offset, length, &type);

	return err || type == VFIOWC_EFFECTIVE_WC ? err : EOPNOTSUPP;
}

int vfiowc_check_bars(struct vfiowc_device *dev)
{
	uint64_t bytes;
	unsigned int i;
	int err = 0;

	for (i = 0; i < VFIOWC_NUM_BARS && !err; i++) {
		if (!(dev->wc_bars & 1U << i))
			continue;
		err = vfiowc_bar_size(dev, i, &bytes);
		if (!err)
			err = vfiowc_check_wc(dev, i, 0, bytes);
	}
	return err;
}
