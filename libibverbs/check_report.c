// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * What a checked map tells in the end: the lines that were stored and never flushed, so that on some
 * machine, some day, they arrive too late (O2, O4, O10). Only here, and only for checked maps, does
 * the library print, unless the program takes the reports.
 */
#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "check.h"

#define LINES_PRINTED 16 /* of one mapping */

static struct {
	void (*function)(const struct vfiowc_unflushed *line, void *context);
	void *context;
} report_to;

void vfiowc_set_check_report(void (*function)(const struct vfiowc_unflushed *line, void *context),
			     void *context)
{
	sigset_t before;

	vfiowc_check_lock(&before);
	report_to.function = function;
	report_to.context = context;
	vfiowc_check_unlock(&before);
}

/* From an offset in the dma-buf to one in the BAR, where it is known. */
static void locate(const struct vfiowc_buf *buf, uint64_t offset, struct vfiowc_unflushed *line)
{
	uint32_t i;

	line->bar = UINT32_MAX;
	line->offset = offset;
	for (i = 0; buf->ranges && i < buf->num_ranges; i++) {
		if (offset < buf->ranges[i].length) {
			line->bar = buf->bar;
			line->offset = buf->ranges[i].offset + offset;
			return;
		}
		offset -= buf->ranges[i].length;
	}
}

static void print_line(const struct vfiowc_unflushed *line, unsigned int number)
{
	char where[64];
	Dl_info object;

	if (number >= LINES_PRINTED) {
		if (number == LINES_PRINTED)
			fprintf(stderr, "vfiowc: and more lines of this mapping\n");
		return;
	}
	if (line->bar == UINT32_MAX)
		snprintf(where, sizeof(where), "dma-buf offset 0x%" PRIx64, line->offset);
	else
		snprintf(where, sizeof(where), "BAR %u offset 0x%" PRIx64, line->bar, line->offset);
	fprintf(stderr, "vfiowc: %s%s%s: %u bytes never arrived: thread %d stored them and did not flush (O2)",
		line->pci_address, *line->pci_address ? " " : "", where, line->bytes, line->thread);
	if (dladdr(line->caller, &object) && object.dli_fname)
		fprintf(stderr, "; mapped at %s+0x%" PRIxPTR, object.dli_fname,
			(uintptr_t)line->caller - (uintptr_t)object.dli_fbase);
	else
		fprintf(stderr, "; mapped at %p", line->caller);
	fprintf(stderr, "; seed %" PRIu64 "\n", line->seed);
}

/* The lines of one page that differ. Adds to *number. */
static void report_page(const struct checked_map *cm, uint64_t page, const unsigned char *now,
			const unsigned char *before, struct vfiowc_unflushed *line, unsigned int *number)
{
	uint64_t bytes = vfiowc_check_page_bytes(), i, j;

	for (i = 0; i < bytes; i += VFIOWC_LINE_BYTES) {
		line->bytes = 0;
		for (j = i; j < i + VFIOWC_LINE_BYTES; j++)
			line->bytes += now[j] != before[j];
		if (!line->bytes)
			continue;
		locate(cm->map->buf, cm->map->first + page * bytes + i, line);
		if (report_to.function)
			report_to.function(line, report_to.context);
		else
			print_line(line, *number);
		++*number;
	}
}

void vfiowc_check_report(const struct checked_map *cm, uint64_t seed)
{
	uint64_t bytes = vfiowc_check_page_bytes(), i;
	struct vfiowc_unflushed line = { .caller = cm->caller, .seed = seed };
	const struct stranded_page *stranded;
	unsigned int number = 0;

	if (cm->map->buf->dev)
		memcpy(line.pci_address, cm->map->buf->dev->pci_address, sizeof(line.pci_address));
	for (stranded = cm->stranded; stranded; stranded = stranded->next) {
		line.thread = stranded->owner;
		report_page(cm, stranded->page, stranded->now, stranded->before, &line, &number);
	}
	for (i = 0; i < cm->map->bytes / bytes; i++) {
		line.thread = cm->pages[i].owner;
		if (cm->pages[i].dirty)
			report_page(cm, i, cm->shadow + i * bytes, cm->before + i * bytes, &line, &number);
	}
}
