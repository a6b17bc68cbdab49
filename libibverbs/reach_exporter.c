// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* vfiowc_check_p2p(): the exporter. Its driver, its IOMMU group, its BARs, and the device nodes of VFIO. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "reach.h"

#define DEVICES "/sys/bus/pci/devices"
/* From include/linux/ioport.h; the third column of sysfs' `resource`. */
#define RESOURCE_MEMORY 0x200
#define RESOURCE_PREFETCH 0x2000
#define RESOURCE_64BIT 0x100000

/* The same finding for writes and reads. */
#define say(reach, subject, verdict, remedy, ...)                                                  \
	vfiowc_reach_say(reach, subject, verdict, verdict, remedy, __VA_ARGS__)

static void say_stock(struct reach *reach)
{
	switch (vfiowc_reach_config(reach, "VFIO_PCI_DMABUF")) {
	case 1:
		say(reach, VFIOWC_P2P_DRIVER, VFIOWC_P2P_YES, "",
		    "%s is bound to vfio-pci, which exports dma-bufs; for CPU mappings, WC and tags: vfiowc bind",
		    reach->exporter);
		break;
	case 0:
		say(reach, VFIOWC_P2P_DRIVER, VFIOWC_P2P_NO,
		    "boot Linux 6.19 or newer with CONFIG_VFIO_PCI_DMABUF",
		    "%s is bound to vfio-pci, and this kernel's exports no dma-bufs", reach->exporter);
		break;
	default:
		say(reach, VFIOWC_P2P_DRIVER, VFIOWC_P2P_UNKNOWN, "",
		    "%s is bound to vfio-pci; whether this kernel's exports dma-bufs (since 6.19) is not known: its configuration is not readable",
		    reach->exporter);
		break;
	}
}

void vfiowc_reach_driver(struct reach *reach)
{
	char remedy[64];

	snprintf(remedy, sizeof(remedy), "vfiowc bind %s", reach->exporter);
	vfiowc_reach_link(reach, reach->driver, sizeof(reach->driver), DEVICES "/%s/driver",
			  reach->exporter);
	if (!strcmp(reach->driver, "vfiowc_pci"))
		say(reach, VFIOWC_P2P_DRIVER, VFIOWC_P2P_YES, "", "%s is bound to vfiowc_pci",
		    reach->exporter);
	else if (!strcmp(reach->driver, "vfio-pci"))
		say_stock(reach);
	else if (strstr(reach->driver, "vfio"))
		say(reach, VFIOWC_P2P_DRIVER, VFIOWC_P2P_UNKNOWN, remedy,
		    "%s is bound to %s; whether that VFIO driver exports dma-bufs is not known",
		    reach->exporter, reach->driver);
	else if (reach->driver[0])
		say(reach, VFIOWC_P2P_DRIVER, VFIOWC_P2P_NO, remedy,
		    "%s is bound to %s, not to a VFIO driver", reach->exporter, reach->driver);
	else
		say(reach, VFIOWC_P2P_DRIVER, VFIOWC_P2P_NO, remedy, "%s is bound to no driver",
		    reach->exporter);
}

/* Drivers that do no DMA of their own, which VFIO therefore tolerates beside it. */
static bool tolerated(const char *driver)
{
	return !driver[0] || strstr(driver, "vfio") || !strcmp(driver, "pci-stub") ||
	       !strcmp(driver, "pcieport");
}

/* The first function of the group that keeps VFIO out; "" none does. */
static void find_intruder(const struct reach *reach, char bdf[static 32], char driver[static 32])
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;

	bdf[0] = '\0';
	snprintf(path, sizeof(path), "%s" DEVICES "/%s/iommu_group/devices", reach->root,
		 reach->exporter);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || !strcmp(entry->d_name, reach->exporter))
			continue;
		vfiowc_reach_link(reach, driver, 32, DEVICES "/%s/driver", entry->d_name);
		if (!tolerated(driver)) {
			snprintf(bdf, 32, "%.31s", entry->d_name);
			break;
		}
	}
	if (dir)
		closedir(dir);
}

void vfiowc_reach_group(struct reach *reach)
{
	char group[16], type[32], bdf[32], driver[32], remedy[128];

	if (!vfiowc_reach_link(reach, group, sizeof(group), DEVICES "/%s/iommu_group",
			       reach->exporter)) {
		say(reach, VFIOWC_P2P_GROUP, VFIOWC_P2P_NO,
		    "switch the IOMMU on in the firmware, and boot with intel_iommu=on or amd_iommu=on",
		    "%s has no IOMMU group: VFIO cannot open it", reach->exporter);
		return;
	}
	find_intruder(reach, bdf, driver);
	if (bdf[0]) {
		snprintf(remedy, sizeof(remedy), "unbind %s, or bind it to vfio-pci too", bdf);
		say(reach, VFIOWC_P2P_GROUP, VFIOWC_P2P_NO, remedy,
		    "IOMMU group %s holds %s, too, which is bound to %s: VFIO does not open the group",
		    group, bdf, driver);
		return;
	}
	if (vfiowc_reach_read(reach, type, sizeof(type), DEVICES "/%s/iommu_group/type",
			      reach->exporter) < 0)
		strcpy(type, "not known");
	say(reach, VFIOWC_P2P_GROUP, VFIOWC_P2P_YES, "", "IOMMU group %s, domain type %s", group, type);
}

struct bar {
	uint64_t start, bytes, flags;
};

/* Line @index of `resource`. */
static bool read_bar(const char *text, unsigned int index, struct bar *bar)
{
	uint64_t end;

	while (text && index--)
		text = (text = strchr(text, '\n')) ? text + 1 : NULL;
	if (!text || sscanf(text, "%" SCNx64 " %" SCNx64 " %" SCNx64, &bar->start, &end, &bar->flags) != 3)
		return false;
	bar->bytes = end - bar->start + 1;
	return bar->flags & RESOURCE_MEMORY;
}

void vfiowc_reach_bars(struct reach *reach)
{
	uint64_t page = sysconf(_SC_PAGESIZE);
	unsigned int i, usable = 0, homeless = 0;
	char text[4096];
	struct bar bar;

	if (vfiowc_reach_read(reach, text, sizeof(text), DEVICES "/%s/resource", reach->exporter) < 0)
		return;
	for (i = 0; i < VFIOWC_NUM_BARS; i++) {
		if (!read_bar(text, i, &bar))
			continue;
		homeless += !bar.start;
		if (!bar.start || bar.bytes < page)
			continue;
		usable++;
		say(reach, VFIOWC_P2P_BAR, VFIOWC_P2P_YES, "", "BAR %u: %" PRIu64 " KiB, %s-bit, %s", i,
		    bar.bytes / 1024, bar.flags & RESOURCE_64BIT ? "64" : "32",
		    bar.flags & RESOURCE_PREFETCH ?
			    "prefetchable" :
			    "not prefetchable: a read may have side effects, and a NIC may read more than it was asked for");
	}
	if (usable)
		return;
	say(reach, VFIOWC_P2P_BAR, VFIOWC_P2P_NO,
	    homeless ? "boot with pci=realloc, or switch on 'above 4G decoding' in the firmware" : "",
	    homeless ? "%s has memory BARs, but none has been given an address" :
		       "%s has no memory BAR of at least a page", reach->exporter);
}

/* Is the VFIO group open in this process already? Then it is no obstacle that it is open. */
static bool is_mine(const struct reach *reach, const char *group)
{
	char path[PATH_MAX], target[64], wanted[64];
	struct dirent *entry;
	bool mine = false;
	ssize_t n;
	DIR *dir;

	snprintf(wanted, sizeof(wanted), "/dev/vfio/%s", group);
	snprintf(path, sizeof(path), "%s/proc/self/fd", reach->root);
	dir = opendir(path);
	while (dir && !mine && (entry = readdir(dir))) {
		n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target));
		mine = n == (ssize_t)strlen(wanted) && !memcmp(target, wanted, n);
	}
	if (dir)
		closedir(dir);
	return mine;
}

static void say_group_error(struct reach *reach, const char *group, int err)
{
	switch (err) {
	case EBUSY:
		say(reach, VFIOWC_P2P_PERMISSION, VFIOWC_P2P_NO,
		    "end that process, or ask it for a slice (vfiowc_receive_slice(3))",
		    "/dev/vfio/%s is open in another process", group);
		break;
	case EACCES:
	case EPERM:
		say(reach, VFIOWC_P2P_PERMISSION, VFIOWC_P2P_NO,
		    "run as root, or give this user the node", "/dev/vfio/%s may not be opened", group);
		break;
	case ENOENT: /* no VFIO driver in the group: the driver's finding */
		break;
	default:
		say(reach, VFIOWC_P2P_PERMISSION, VFIOWC_P2P_UNKNOWN, "", "/dev/vfio/%s: %s", group,
		    strerrordesc_np(err));
		break;
	}
}

void vfiowc_reach_nodes(struct reach *reach)
{
	char group[16], path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/dev/vfio/vfio", reach->root);
	if (access(path, R_OK | W_OK))
		say(reach, VFIOWC_P2P_PERMISSION, VFIOWC_P2P_NO,
		    errno == ENOENT ? "modprobe vfio-pci" : "give this user the node (a udev rule; its mode is 0666 by default)",
		    "/dev/vfio/vfio: %s", strerrordesc_np(errno));
	if (!vfiowc_reach_link(reach, group, sizeof(group), DEVICES "/%s/iommu_group",
			       reach->exporter) || is_mine(reach, group))
		return;
	snprintf(path, sizeof(path), "%s/dev/vfio/%s", reach->root, group);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		say_group_error(reach, group, errno);
		return;
	}
	close(fd);
	say(reach, VFIOWC_P2P_PERMISSION, VFIOWC_P2P_YES, "", "/dev/vfio/%s can be opened", group);
}
