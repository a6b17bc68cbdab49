// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * The PCI function behind a VFIO device fd: its BARs and its TPH completer bits, read through the
 * fd alone, so that a borrowed fd of a device without a known address serves as well. VFIO
 * virtualises the BARs of the configuration space but keeps their type bits. And addresses as users write
 * them.
 */
#include <endian.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "vfiowc_int.h"

/* PCIe 6.0, 7.5.3.15; its name in pci_regs.h is younger than the headers we build with. */
#define DEVCAP2_TPH_COMPLETER_SHIFT 12
#define DEVCAP2_TPH_COMPLETER_MASK 3
/* Capabilities that fit between the header and the end of the 256 bytes: bounds a looping list. */
#define MAX_CAPS ((PCI_CFG_SPACE_SIZE - PCI_STD_HEADER_SIZEOF) / PCI_CAP_SIZEOF)

static int region_info(int fd, uint32_t index, struct vfio_region_info *info)
{
	*info = (struct vfio_region_info){ .argsz = sizeof(*info), .index = index };
	return ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, info) ? errno : 0;
}

/* The configuration space: the fd and where in the fd it begins. */
struct config {
	int fd;
	uint64_t base;
};

static int open_config(int fd, struct config *config)
{
	struct vfio_region_info info;
	int err = region_info(fd, VFIO_PCI_CONFIG_REGION_INDEX, &info);

	config->fd = fd;
	config->base = info.offset;
	return err;
}

/* @bytes: 1, 2 or 4, little-endian in the configuration space. */
static int read_config(const struct config *config, unsigned int offset, unsigned int bytes,
		       uint32_t *value)
{
	uint32_t raw = 0;
	ssize_t n = pread(config->fd, &raw, bytes, config->base + offset);

	*value = 0;
	if (n < 0)
		return errno;
	if ((size_t)n != bytes)
		return EIO;
	*value = le32toh(raw);
	return 0;
}

/* It stays as it is while the device is open, so one look is enough: an export is one system call. */
int vfiowc_bar_size(struct vfiowc_device *dev, uint32_t bar, uint64_t *size)
{
	struct vfio_region_info info;
	int err = 0;

	pthread_mutex_lock(&dev->scope.lock);
	if (!dev->bar_bytes[bar]) {
		err = region_info(dev->fd, VFIO_PCI_BAR0_REGION_INDEX + bar, &info);
		dev->bar_bytes[bar] = err ? 0 : info.size;
	}
	*size = dev->bar_bytes[bar];
	pthread_mutex_unlock(&dev->scope.lock);
	return err;
}

/* Where mmap() of the device fd finds the BAR. */
int vfiowc_bar_offset(int fd, uint32_t bar, uint64_t *offset)
{
	struct vfio_region_info info;
	int err = region_info(fd, VFIO_PCI_BAR0_REGION_INDEX + bar, &info);

	*offset = info.offset;
	return err || (info.flags & VFIO_REGION_INFO_FLAG_MMAP) ? err : EOPNOTSUPP;
}

static int read_bar(const struct config *config, unsigned int index, struct vfiowc_bar *bar)
{
	struct vfio_region_info info;
	uint32_t reg;
	int err;

	err = region_info(config->fd, VFIO_PCI_BAR0_REGION_INDEX + index, &info);
	if (err || !info.size)
		return err;
	err = read_config(config, PCI_BASE_ADDRESS_0 + 4 * index, 4, &reg);
	if (err)
		return err;
	bar->size_bytes = info.size;
	if (info.flags & VFIO_REGION_INFO_FLAG_MMAP)
		bar->flags |= VFIOWC_BAR_MAPPABLE;
	if ((reg & PCI_BASE_ADDRESS_SPACE) == PCI_BASE_ADDRESS_SPACE_IO) {
		bar->flags |= VFIOWC_BAR_IO;
		return 0;
	}
	if (reg & PCI_BASE_ADDRESS_MEM_PREFETCH)
		bar->flags |= VFIOWC_BAR_PREFETCHABLE;
	if ((reg & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64)
		bar->flags |= VFIOWC_BAR_64BIT;
	return 0;
}

/* @bars has been zeroed. */
int vfiowc_read_bars(int fd, struct vfiowc_bar bars[VFIOWC_NUM_BARS])
{
	struct config config;
	unsigned int i;
	int err;

	err = open_config(fd, &config);
	for (i = 0; i < VFIOWC_NUM_BARS && !err; i++)
		err = read_bar(&config, i, &bars[i]);
	return err;
}

/* Return: 0, ENOENT when there is no such capability, or why the list cannot be read. */
static int find_cap(const struct config *config, uint32_t wanted, uint32_t *where)
{
	uint32_t status, pos, header;
	unsigned int i;
	int err;

	err = read_config(config, PCI_STATUS, 2, &status);
	if (err)
		return err;
	if (!(status & PCI_STATUS_CAP_LIST))
		return ENOENT;
	err = read_config(config, PCI_CAPABILITY_LIST, 1, &pos);
	for (i = 0; i < MAX_CAPS && !err && pos >= PCI_STD_HEADER_SIZEOF; i++) {
		*where = pos & ~3U;
		err = read_config(config, *where, 2, &header);
		if (!err && (header & 0xff) == wanted)
			return 0;
		pos = header >> 8;
	}
	return err ? err : ENOENT;
}

/*
 * A function without the PCI Express capability, or with its first version, which has no Device
 * Capabilities 2, is no completer. The reserved encoding 2 means none, as upstream takes it.
 */
int vfiowc_read_completer(int fd, uint32_t *completer)
{
	struct config config;
	uint32_t cap, flags, devcap2;
	int err;

	*completer = VFIOWC_COMPLETER_NONE;
	err = open_config(fd, &config);
	if (err)
		return err;
	err = find_cap(&config, PCI_CAP_ID_EXP, &cap);
	if (err)
		return err == ENOENT ? 0 : err;
	err = read_config(&config, cap + PCI_EXP_FLAGS, 2, &flags);
	if (err || (flags & PCI_EXP_FLAGS_VERS) < 2)
		return err;
	err = read_config(&config, cap + PCI_EXP_DEVCAP2, 4, &devcap2);
	if (err)
		return err;
	devcap2 = (devcap2 >> DEVCAP2_TPH_COMPLETER_SHIFT) & DEVCAP2_TPH_COMPLETER_MASK;
	if (devcap2 == VFIOWC_COMPLETER_ST || devcap2 == VFIOWC_COMPLETER_ST_EXT)
		*completer = devcap2;
	return 0;
}

static bool only_chars(const char *text, const char *shape)
{
	for (; *shape; text++, shape++) {
		if (*shape == 'x' ? !strchr("0123456789abcdefABCDEF", *text) || !*text :
				    *text != *shape)
			return false;
	}
	return !*text;
}

/* Fixed width, as sysfs names functions: it becomes a part of a path, so nothing else may pass. */
int vfiowc_parse_address(const char *text, char address[static 16])
{
	char *c;

	if (text && only_chars(text, "xxxx:xx:xx.x"))
		strcpy(address, text);
	else if (text && only_chars(text, "xx:xx.x"))
		snprintf(address, 16, "0000:%.7s", text);
	else
		return EINVAL;
	for (c = address; *c; c++)
		if (*c >= 'A' && *c <= 'F')
			*c += 'a' - 'A';
	return 0;
}
