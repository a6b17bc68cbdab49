// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * `vfiowc demo`: the exporter: bound to vfiowc_pci, opened through VFIO, its BAR usable. A NVMe
 * Persistent Memory Region answers only after it was switched on (NVMe 1.4, 3.1.14), and a reset
 * switches it off again.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "demo.h"

#define CLASS_NVME 0x010802
#define NVME_CAP 0x0
#define NVME_CAP_PMRS (UINT64_C(1) << 56)
#define NVME_PMRCAP 0xe00
#define NVME_PMRCAP_BIR(cap) ((cap) >> 5 & 7)
#define NVME_PMRCTL 0xe04
#define NVME_PMRCTL_EN 1u
#define NVME_PMRSTS 0xe08
#define NVME_PMRSTS_NRDY (1u << 8)
#define PMR_TIMEOUT_MS 5000

static const char *completer_name(uint32_t completer)
{
	switch (completer) {
	case VFIOWC_COMPLETER_ST:
		return "8-bit tags";
	case VFIOWC_COMPLETER_ST_EXT:
		return "8-bit and extended tags";
	default:
		return "none";
	}
}

static void report_exporter(struct demo *d, const struct vfiowc_device_attr *attr)
{
	json_object *exporter = json_object_new_object();
	uint64_t bytes = attr->bars[d->bar].size_bytes;

	report_set(exporter, "bdf", json_object_new_string(attr->pci_address));
	report_set(exporter, "driver", json_object_new_string(attr->driver));
	report_set(exporter, "bar", json_object_new_int(d->bar));
	report_set(exporter, "bytes", json_object_new_uint64(bytes));
	report_set(exporter, "devcap2_tph", json_object_new_uint64(attr->tph_completer));
	report_set(exporter, "tph_override", json_object_new_uint64(attr->tph_override));
	report_set(d->report, "exporter", exporter);
	demo_say(d, "%s: driver %s, before: %s; BAR %u: %" PRIu64 " bytes", attr->pci_address,
		 attr->driver, d->binding.driver[0] ? d->binding.driver : "(none)", d->bar, bytes);
	demo_say(d, "TPH completer: %s, as read from the device",
		 completer_name(attr->tph_completer));
	if (attr->tph_override)
		demo_say(d,
			 "TPH completer: %s, as overridden by the module parameter tph_override=%u",
			 completer_name(attr->tph_override), attr->tph_override);
}

static int check_bar(struct demo *d, const struct vfiowc_device_attr *attr)
{
	const struct vfiowc_bar *bar = &attr->bars[d->bar];
	const uint64_t need = DATA_BAR_OFFSET + DATA_BYTES;

	if (!(bar->flags & VFIOWC_BAR_MAPPABLE))
		return demo_fail(
			d, d->bdf,
			"BAR %u is not mappable: %s; try another --bar (see `vfiowc info %s`)",
			d->bar,
			!bar->size_bytes	   ? "the device has no such BAR" :
			bar->flags & VFIOWC_BAR_IO ? "it is I/O ports" :
						     "VFIO does not offer it",
			d->bdf);
	if (bar->size_bytes < need)
		return demo_fail(d, d->bdf,
				 "BAR %u has %" PRIu64 " bytes, the walk-through needs %" PRIu64
				 "; try another --bar",
				 d->bar, bar->size_bytes, need);
	return 0;
}

int demo_bind(struct demo *d)
{
	struct vfiowc_device_attr attr;
	int err;

	if (bind_take(d->bdf, VFIOWC_PCI_DRIVER, false, &d->binding))
		return -1;
	d->dev = vfiowc_open_device(d->bdf);
	if (!d->dev)
		return demo_fail(
			d, d->bdf,
			"cannot be opened through VFIO: %s; is the IOMMU on, and its group free?",
			strerror(errno));
	err = vfiowc_query_device(d->dev, &attr, sizeof(attr));
	if (err)
		return demo_fail(d, d->bdf, "vfiowc_query_device: %s", strerror(err));
	if (attr.source != VFIOWC_SOURCE_VFIOWC_PCI)
		return demo_fail(d, d->bdf, "driver %s does not answer as vfiowc_pci; see dmesg",
				 attr.driver);
	if (check_bar(d, &attr))
		return -1;
	report_exporter(d, &attr);
	return demo_enable_memory(d);
}

/* Registers of BAR 0 through VFIO's read and write, which need no mapping. */
static int read_bar0(struct demo *d, uint64_t offset, void *value, size_t width)
{
	struct vfio_region_info region = { .argsz = sizeof(region),
					   .index = VFIO_PCI_BAR0_REGION_INDEX };
	int fd = vfiowc_device_fd(d->dev);

	if (ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, &region))
		return errno;
	return pread(fd, value, width, region.offset + offset) == (ssize_t)width ? 0 : EIO;
}

static int write_bar0(struct demo *d, uint64_t offset, uint32_t value)
{
	struct vfio_region_info region = { .argsz = sizeof(region),
					   .index = VFIO_PCI_BAR0_REGION_INDEX };
	int fd = vfiowc_device_fd(d->dev);

	if (ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, &region))
		return errno;
	return pwrite(fd, &value, sizeof(value), region.offset + offset) == sizeof(value) ? 0 : EIO;
}

static int wait_pmr(struct demo *d)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	uint32_t status;
	int err;

	for (int i = 0; i < PMR_TIMEOUT_MS; i++) {
		err = read_bar0(d, NVME_PMRSTS, &status, sizeof(status));
		if (err || !(status & NVME_PMRSTS_NRDY))
			return err;
		nanosleep(&ms, NULL);
	}
	return ETIMEDOUT;
}

/**
 * demo_enable_memory() - make the BAR answer, after open and after each reset
 *
 * Does nothing but for the Persistent Memory Region of a NVMe controller.
 */
int demo_enable_memory(struct demo *d)
{
	uint32_t pmrcap;
	uint64_t cap;
	int err;

	if (pci_id(d->bdf, "class") != CLASS_NVME)
		return 0;
	err = read_bar0(d, NVME_CAP, &cap, sizeof(cap));
	if (!err)
		err = read_bar0(d, NVME_PMRCAP, &pmrcap, sizeof(pmrcap));
	if (!err && (!(cap & NVME_CAP_PMRS) || NVME_PMRCAP_BIR(pmrcap) != d->bar))
		return 0;
	if (!err)
		err = write_bar0(d, NVME_PMRCTL, NVME_PMRCTL_EN);
	if (!err)
		err = wait_pmr(d);
	if (err)
		return demo_fail(d, d->bdf, "its Persistent Memory Region cannot be enabled: %s",
				 strerror(err));
	demo_say(d, "NVMe Persistent Memory Region enabled (PMRCTL.EN)");
	return 0;
}
