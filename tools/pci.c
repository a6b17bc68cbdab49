// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* PCI functions as sysfs shows them. See pci.h. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pci.h"

/* Red Hat's subsystem vendor id, which QEMU gives to its own device models. */
#define SUBSYSTEM_VENDOR_QEMU 0x1af4
/* From include/linux/ioport.h; the third column of sysfs' `resource`. */
#define RESOURCE_MEMORY 0x200
#define RESOURCE_PREFETCH 0x2000

#define FORMAT_PATH(path, fmt)                             \
	do {                                               \
		va_list args_;                             \
		va_start(args_, fmt);                      \
		vsnprintf(path, sizeof(path), fmt, args_); \
		va_end(args_);                             \
	} while (0)

int sysfs_read(char *text, size_t len, const char *fmt, ...)
{
	char path[PATH_MAX];
	int fd, err = 0;
	ssize_t n;

	FORMAT_PATH(path, fmt);
	text[0] = '\0';
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	n = read(fd, text, len - 1);
	if (n < 0)
		err = errno;
	else
		text[n > 0 && text[n - 1] == '\n' ? n - 1 : n] = '\0';
	close(fd);
	return err;
}

int sysfs_write(const char *text, const char *fmt, ...)
{
	char path[PATH_MAX];
	int fd, err = 0;

	FORMAT_PATH(path, fmt);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		err = errno;
	close(fd);
	return err;
}

void sysfs_link(char *name, size_t len, const char *fmt, ...)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t n;

	FORMAT_PATH(path, fmt);
	n = readlink(path, target, sizeof(target) - 1);
	target[n < 0 ? 0 : n] = '\0';
	snprintf(name, len, "%s", n < 0 ? "" : basename(target));
}

/* Each 'h' of the form is a hexadecimal digit; sscanf() would take "0x" and "+1" for numbers. */
static bool has_form(const char *text, const char *form)
{
	for (; *form; form++, text++) {
		if (*form == 'h' ? !isxdigit((unsigned char)*text) : *text != *form)
			return false;
	}
	return !*text;
}

int pci_parse(const char *text, char bdf[static PCI_BDF_LEN])
{
	char path[PATH_MAX];

	if (has_form(text, "hhhh:hh:hh.h"))
		snprintf(bdf, PCI_BDF_LEN, "%s", text);
	else if (has_form(text, "hh:hh.h"))
		snprintf(bdf, PCI_BDF_LEN, "0000:%s", text);
	else
		return EINVAL;
	for (char *c = bdf; *c; c++)
		*c = tolower((unsigned char)*c);
	/* 5 bits of device, 3 bits of function */
	if (strtoul(bdf + 8, NULL, 16) > 0x1f || bdf[11] > '7')
		return EINVAL;
	snprintf(path, sizeof(path), PCI_DEVICES "/%s", bdf);
	return access(path, F_OK) ? ENODEV : 0;
}

void pci_driver(const char *bdf, char *name, size_t len)
{
	sysfs_link(name, len, PCI_DEVICES "/%s/driver", bdf);
}

int pci_bar(const char *bdf, unsigned int index, struct pci_bar *bar)
{
	uint64_t start, end, flags;
	char text[4096], *line = text;
	int err = sysfs_read(text, sizeof(text), PCI_DEVICES "/%s/resource", bdf);

	if (err)
		return err;
	if (index >= PCI_BARS)
		return ENOENT;
	for (unsigned int i = 0; line && i < index; i++) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	if (!line || sscanf(line, "%" SCNx64 " %" SCNx64 " %" SCNx64, &start, &end, &flags) != 3)
		return EIO;
	if (!flags)
		return ENOENT;
	bar->start = start;
	bar->bytes = end - start + 1;
	bar->memory = flags & RESOURCE_MEMORY;
	bar->prefetchable = flags & RESOURCE_PREFETCH;
	return 0;
}

uint32_t pci_id(const char *bdf, const char *attribute)
{
	char text[32];

	if (sysfs_read(text, sizeof(text), PCI_DEVICES "/%s/%s", bdf, attribute))
		return 0;
	return strtoul(text, NULL, 16);
}

bool pci_is_emulated(const char *bdf)
{
	return pci_id(bdf, "subsystem_vendor") == SUBSYSTEM_VENDOR_QEMU;
}

static uint32_t config_le(const uint8_t *config, unsigned int offset, unsigned int width)
{
	uint32_t value = 0;

	while (width--)
		value = value << 8 | config[offset + width];
	return value;
}

/* Offset of a capability, 0 when the function lacks it. A broken list of a device must not loop. */
static unsigned int find_capability(const uint8_t *config, unsigned int id)
{
	unsigned int offset, hops = 48;

	if (!(config_le(config, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST))
		return 0;
	offset = config[PCI_CAPABILITY_LIST] & ~3u;
	while (offset >= PCI_STD_HEADER_SIZEOF && hops--) {
		if (config[offset + PCI_CAP_LIST_ID] == id)
			return offset;
		offset = config[offset + PCI_CAP_LIST_NEXT] & ~3u;
	}
	return 0;
}

int pci_tph_completer(const char *bdf, unsigned int *completer)
{
	uint8_t config[PCI_CFG_SPACE_SIZE];
	unsigned int express;
	char path[PATH_MAX];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/config", bdf);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	n = pread(fd, config, sizeof(config), 0);
	close(fd);
	if (n != sizeof(config))
		return n < 0 ? errno : EPERM;
	express = find_capability(config, PCI_CAP_ID_EXP);
	*completer = 0;
	if (!express || express + PCI_EXP_DEVCAP2 + 4 > sizeof(config))
		return 0;
	*completer =
		(config_le(config, express + PCI_EXP_DEVCAP2, 4) & PCI_EXP_DEVCAP2_TPH_COMP_MASK) >>
		12;
	/* The reserved encoding; the exporter reports it as none, too. */
	if (*completer == 2)
		*completer = 0;
	return 0;
}
