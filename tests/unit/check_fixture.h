/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * A checked map over a file that plays the device: what has arrived is read from the file, by a
 * path that shares nothing with the mapping. The checker's vfiowc_copy_to() is the test's, which
 * writes down what is copied out when.
 */
#ifndef VFIOWC_TESTS_CHECK_FIXTURE_H
#define VFIOWC_TESTS_CHECK_FIXTURE_H

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "check.h"
#include "tap.h"

#define PAGES 4
#define BAR_OFFSET 0x100000

static struct {
	int file; /* the device's memory */
	uint64_t page_bytes;
	struct vfiowc_device dev;
	struct vfiowc_range range;
	struct vfiowc_buf buf;
	struct vfiowc_mapping map;
	volatile unsigned char *wc; /* what the program stores through */
	struct vfiowc_unflushed last; /* report */
	unsigned int reports;
	size_t copied_at[1024]; /* offsets, in the order in which they were copied out */
	unsigned int copies;
} t;

void vfiowc_copy_to(volatile void *to, const void *from, size_t bytes)
{
	size_t offset = (unsigned char *)(uintptr_t)to - t.map.check->real;

	if (!bytes)
		return;
	t.copied_at[t.copies++ % 1024] = offset;
	memcpy((void *)(uintptr_t)to, from, bytes);
}

static void on_report(const struct vfiowc_unflushed *line, void *context)
{
	(void)context;
	t.last = *line;
	t.reports++;
}

/* A caller address that the reports must repeat. */
static const char origin[1];

static inline bool open_device(const char *seed)
{
	memset(&t, 0, sizeof(t));
	t.page_bytes = sysconf(_SC_PAGESIZE);
	t.file = memfd_create("device", 0);
	if (ftruncate(t.file, PAGES * t.page_bytes))
		return false;
	strcpy(t.dev.pci_address, "0000:02:00.0");
	t.range = (struct vfiowc_range){ BAR_OFFSET, PAGES * t.page_bytes };
	t.buf = (struct vfiowc_buf){ .fd = t.file, .dev = &t.dev, .bar = 2, .ranges = &t.range,
				     .num_ranges = 1 };
	t.map = (struct vfiowc_mapping){ .buf = &t.buf, .bytes = PAGES * t.page_bytes };
	t.map.base = mmap(NULL, t.map.bytes, PROT_READ, MAP_SHARED, t.file, 0);
	t.wc = t.map.base;
	vfiowc_set_check_report(on_report, NULL);
	setenv("VFIOWC_MAP_CHECKED_SEED", seed, 1);
	return t.map.base != MAP_FAILED && !vfiowc_check_begin(&t.map, origin);
}

/* How many lines were never flushed. */
static inline unsigned int close_device(void)
{
	if (t.map.check)
		vfiowc_check_end(&t.map);
	munmap(t.map.base, t.map.bytes);
	close(t.file);
	return t.reports;
}

/* The byte that D, or N, finds there. */
static inline unsigned char arrived(size_t offset)
{
	unsigned char byte = 0xee;

	if (pread(t.file, &byte, 1, offset) != 1)
		return 0xef;
	return byte;
}

static inline void device_writes(size_t offset, unsigned char byte)
{
	if (pwrite(t.file, &byte, 1, offset) != 1)
		abort();
}

#endif
