// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * A PCI function that lies: 256 bytes of configuration space, then the text of an address. What the
 * library makes of it through VFIO must end (capabilities may form a ring) and stay inside.
 */
#include <errno.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <unistd.h>

#include "fuzz.h"
#include "pci.h"
#include "vfiowc_int.h"

#define CONFIG_BYTES 256
#define VFIO_FD 3

static uint8_t config[CONFIG_BYTES];

int __wrap_access(const char *path, int mode);
int __wrap_access(const char *path, int mode)
{
	(void)path, (void)mode;
	return 0;
}

int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	struct vfio_region_info *info;
	va_list args;

	va_start(args, request);
	info = va_arg(args, struct vfio_region_info *);
	va_end(args);
	must(fd == VFIO_FD && request == VFIO_DEVICE_GET_REGION_INFO);
	info->offset = 0;
	info->flags = config[info->index];
	info->size = info->index == VFIO_PCI_CONFIG_REGION_INDEX ? CONFIG_BYTES : 1ULL << (info->flags & 63);
	return 0;
}

ssize_t __wrap_pread(int fd, void *to, size_t n, off_t offset);
ssize_t __wrap_pread(int fd, void *to, size_t n, off_t offset)
{
	must(fd == VFIO_FD && offset >= 0);
	if (offset >= CONFIG_BYTES)
		return 0;
	if (n > (size_t)(CONFIG_BYTES - offset))
		n = CONFIG_BYTES - offset;
	memcpy(to, config + offset, n);
	return n;
}

static void read_function(void)
{
	struct vfiowc_bar bars[VFIOWC_NUM_BARS] = {};
	uint32_t completer;
	int err = vfiowc_read_completer(VFIO_FD, &completer);

	must(!err || err == EIO);
	must(completer == VFIOWC_COMPLETER_NONE || completer == VFIOWC_COMPLETER_ST ||
	     completer == VFIOWC_COMPLETER_ST_EXT);
	must(!vfiowc_read_bars(VFIO_FD, bars));
	for (int i = 0; i < VFIOWC_NUM_BARS; i++)
		must(!(bars[i].flags & ~0xfU) && bars[i].size_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t n = size < CONFIG_BYTES ? size : CONFIG_BYTES;
	char bdf[PCI_BDF_LEN], *text;

	memset(config, 0, sizeof(config));
	memcpy(config, data, n);
	read_function();
	text = fuzz_string(data + n, size - n);
	if (!pci_parse(text, bdf))
		must(strlen(bdf) == PCI_BDF_LEN - 1 && bdf[4] == ':' && bdf[7] == ':' && bdf[10] == '.');
	free(text);
	return 0;
}
