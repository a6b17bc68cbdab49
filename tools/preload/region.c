// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Parts of BARs that an unmodified VFIO program gets write-combined. It maps them through its device fd at
 * VFIO's own offsets, with whatever lies around them. The mapping is made as ever; then the pages of the
 * part are replaced by a mapping at the offset that vfiowc_pci gives for them (REGION_MMAP): so their
 * neighbours stay what they are. What the page table then says is compared with what was asked for, each
 * time; a part that is not write-combined is no mapping at all.
 *
 * Without vfiowc_pci `vfiowc run --wc-bar` brings the kernel to it for a whole BAR. Then nothing is replaced
 * here, and what is compared is what the kernel's list of memory types says of the pages.
 *
 * A device fd is known by what the kernel says about it in fdinfo, not by how the program came by it.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/vfio.h>
#include <linux/vfio_dmabuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memtype.h"
#include "preload.h"

/* The line of /proc/self/fdinfo that a VFIO device has; its value ends with the function's address. */
#define FDINFO_KEY "vfio-device-syspath:"

static struct handover_wc wcs[HANDOVER_MAX];
static unsigned int num_wcs;
static bool wcs_malformed;

static __attribute__((constructor)) void read_wcs(void)
{
	const char *text = getenv(HANDOVER_PARTS);

	wcs_malformed = text && handover_wc_parse(text, wcs, &num_wcs);
	if (wcs_malformed)
		num_wcs = 0;
}

/* "0000:01:00.0" of the VFIO device behind @fd; false: it is none. */
static bool find_device(int fd, char bdf[static 13])
{
	char path[40], text[1024], *line, *slash;
	ssize_t n;
	int info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = open(path, O_RDONLY | O_CLOEXEC);
	if (info < 0)
		return false;
	n = read(info, text, sizeof(text) - 1);
	close(info);
	text[n < 0 ? 0 : n] = '\0';
	line = strstr(text, FDINFO_KEY);
	if (!line)
		return false;
	line[strcspn(line, "\n")] = '\0';
	slash = strrchr(line, '/');
	if (!slash || strlen(slash + 1) != 12)
		return false;
	memcpy(bdf, slash + 1, 13);
	return true;
}

/* Bytes [from, from + length) of a BAR, and where the program has just mapped them. */
struct part {
	const struct handover_wc *wc;
	uint8_t *address;
	uint64_t from;
	uint64_t length;
};

/* The pages that a mapping of [offset, offset + length) of the device fd has of @wc; false: none. */
static bool intersect(const struct handover_wc *wc, int fd, void *address, size_t length, off_t offset,
		      struct part *part)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = VFIO_PCI_BAR0_REGION_INDEX + wc->bar };
	uint64_t begin, end, map_begin = offset, map_end = map_begin + length;

	if (ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, &info))
		return false;
	begin = info.offset + wc->offset;
	end = begin + wc->bytes;
	if (map_begin > begin)
		begin = map_begin;
	if (map_end < end)
		end = map_end;
	if (begin >= end)
		return false;
	*part = (struct part) {
		.wc = wc,
		.address = (uint8_t *)address + (begin - map_begin),
		.from = begin - info.offset,
		.length = end - begin,
	};
	return true;
}

/* Where the device fd has @wc write-combined; a positive errno otherwise. */
static int find_offset(const struct handover_wc *wc, int fd, uint64_t *offset)
{
	uint8_t arg[sizeof(struct vfio_device_feature) + sizeof(struct vfiowc_feature_region_mmap)]
		__attribute__((aligned(8)));
	struct vfio_device_feature *head = (struct vfio_device_feature *)arg;
	struct vfiowc_feature_region_mmap request = {
		.region_index = VFIO_PCI_BAR0_REGION_INDEX + wc->bar,
		.memattr = VFIOWC_MEMATTR_WC,
		.offset = wc->offset,
		.length = wc->bytes,
	};

	head->argsz = sizeof(arg);
	head->flags = VFIO_DEVICE_FEATURE_GET | VFIOWC_FEATURE_REGION_MMAP;
	memcpy(head->data, &request, sizeof(request));
	if (ioctl(fd, VFIO_DEVICE_FEATURE, head))
		return errno;
	memcpy(&request, head->data, sizeof(request));
	*offset = request.mmap_offset;
	return 0;
}

static const char *reason_of(int err)
{
	switch (err) {
	case ENOTTY:
		return "the device's driver is not vfiowc_pci";
	case ENODEV:
		return "the memory is away: decode is off, the device is in reset or sleeps";
	case EOPNOTSUPP:
		return "the BAR cannot be mapped, or not with this type";
	default:
		return strerror(err);
	}
}

static bool replace(const struct part *part, int prot, int flags, int fd)
{
	uint64_t offset = 0;
	void *address;
	int err = find_offset(part->wc, fd, &offset);

	if (!err) {
		address = ((typeof(&mmap))dlsym(RTLD_NEXT, "mmap"))(part->address, part->length, prot,
			  (flags & ~(MAP_FIXED_NOREPLACE | MAP_TYPE)) | MAP_SHARED | MAP_FIXED, fd,
			  (off_t)(offset + part->from - part->wc->offset));
		err = address == MAP_FAILED ? errno : 0;
	}
	if (!err)
		return true;
	refuse("device=%s bar=%" PRIu32 " offset=0x%" PRIx64 " length=%" PRIu64
	       " reason=\"not write-combined: %s\"", part->wc->bdf, part->wc->bar, part->from, part->length,
	       reason_of(err));
	errno = err;
	return false;
}

static void refuse_type(const struct part *part, const char *who, const char *type)
{
	refuse("device=%s bar=%" PRIu32 " offset=0x%" PRIx64 " length=%" PRIu64
	       " reason=\"not write-combined: %s says %s\"", part->wc->bdf, part->wc->bar, part->from,
	       part->length, who, type);
	errno = EOPNOTSUPP;
}

static void report_part(const struct part *part, const char *who, const char *type)
{
	report("wc", "device=%s part=%d bar=%" PRIu32 " address=%p offset=0x%" PRIx64 " length=%" PRIu64
	       " requested=wc %s=%s", part->wc->bdf, (int)(part->wc - wcs), part->wc->bar,
	       (void *)part->address, part->from, part->length, who, type);
}

/* Of stock vfio-pci's mapping, which follows the list. */
static bool verify_list(const struct part *part)
{
	enum vfiowc_effective_type type;
	int err = vfiowc_bar_memtype(part->wc->bdf, part->wc->bar, part->from, part->length, &type);

	if (err || type != VFIOWC_EFFECTIVE_WC) {
		refuse_type(part, "the kernel's list of types", err ? strerror(err) : observe_type_name(type));
		return false;
	}
	report_part(part, "memtype", observe_type_name(type));
	return true;
}

/* Write-combining memory may be read ahead by its nature, so a load does no harm there. */
static bool verify(const struct part *part, int prot, int fd)
{
	const char *pte = prot & PROT_READ ? observe_pte(fd, part->address) : "not-observed";

	if (prot & PROT_READ && strcmp(pte, "wc")) {
		refuse_type(part, "the page table", pte);
		return false;
	}
	report_part(part, "pte", pte);
	return true;
}

bool region_combine(void *address, size_t length, int prot, int flags, int fd, off_t offset)
{
	struct part part;
	char bdf[13];

	if (wcs_malformed) {
		refuse("reason=\"" HANDOVER_PARTS " is malformed\"");
		wcs_malformed = false;
	}
	if (!num_wcs || fd < 0 || flags & MAP_ANONYMOUS || !find_device(fd, bdf))
		return true;
	for (unsigned int i = 0; i < num_wcs; i++) {
		if (strcmp(bdf, wcs[i].bdf) || !intersect(&wcs[i], fd, address, length, offset, &part))
			continue;
		if (wcs[i].whole_bar ? !verify_list(&part) :
		    !replace(&part, prot, flags, fd) || !verify(&part, prot, fd))
			return false;
	}
	return true;
}
