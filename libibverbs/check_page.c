// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Pages of checked maps: from the device to a shadow and back, and the lines that a flush copies
 * out, in random order, as combining buffers would (O2).
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "check.h"

/* 64 bytes of which some have changed. */
struct line {
	unsigned char *to;
	const unsigned char *now;
	const unsigned char *before;
};

struct lines {
	struct line *line;
	size_t count;
	size_t room;
};

uint64_t vfiowc_check_page_bytes(void)
{
	return sysconf(_SC_PAGESIZE);
}

static void *page_address(const struct checked_map *cm, uint64_t page)
{
	return (char *)cm->map->base + page * vfiowc_check_page_bytes();
}

/* An access there gives SIGBUS, as to a revoked slice. */
static void map_hole(const struct checked_map *cm, uint64_t page)
{
	uint64_t bytes = vfiowc_check_page_bytes();

	/* When it fails, what was there stays there. */
	(void)mmap(page_address(cm, page), bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		   cm->memory, cm->map->bytes + bytes);
}

/*
 * Through the kernel, which says EFAULT where a load of ours would end in SIGBUS: the slice may be
 * revoked at any moment.
 */
static bool read_device(const struct checked_map *cm, uint64_t offset, uint64_t bytes)
{
	return pwrite(cm->memory, cm->real + offset, bytes, offset) == (ssize_t)bytes;
}

/* Is the slice still there? The byte goes to the page behind the shadow. */
static bool present(const struct checked_map *cm, uint64_t offset)
{
	return pwrite(cm->memory, cm->real + offset, 1, cm->map->bytes) == 1;
}

void vfiowc_check_page_to_shadow(struct checked_map *cm, uint64_t page)
{
	uint64_t bytes = vfiowc_check_page_bytes(), offset = page * bytes;

	if (!read_device(cm, offset, bytes)) {
		map_hole(cm, page);
		return;
	}
	memcpy(cm->before + offset, cm->shadow + offset, bytes);
	/* Complete before it appears: other threads may be at it. */
	if (mmap(page_address(cm, page), bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		 cm->memory, offset) == MAP_FAILED)
		abort(); /* the store would trap for ever */
	cm->pages[page] = (struct checked_page){ .dirty = true, .owner = gettid() };
}

/* From here on stores trap again; the shadow keeps what it has. */
void vfiowc_check_page_to_device(struct checked_map *cm, uint64_t page)
{
	uint64_t bytes = vfiowc_check_page_bytes();

	cm->pages[page].dirty = false;
	if (vfiowc_mmap_part(cm->map, page_address(cm, page), PROT_READ, cm->map->first + page * bytes,
			     bytes) == MAP_FAILED)
		map_hole(cm, page);
}

static void free_stranded_page(struct stranded_page *stranded)
{
	free(stranded->now);
	free(stranded->before);
	free(stranded);
}

static struct stranded_page *alloc_stranded_page(void)
{
	struct stranded_page *stranded = calloc(1, sizeof(*stranded));

	if (!stranded)
		return NULL;
	stranded->now = malloc(vfiowc_check_page_bytes());
	stranded->before = malloc(vfiowc_check_page_bytes());
	if (stranded->now && stranded->before)
		return stranded;
	free_stranded_page(stranded);
	return NULL;
}

void vfiowc_check_strand(struct checked_map *cm, uint64_t page)
{
	uint64_t bytes = vfiowc_check_page_bytes();
	struct stranded_page *stranded = alloc_stranded_page();

	if (!stranded)
		return; /* then the missing flush goes unnoticed */
	stranded->owner = cm->pages[page].owner;
	stranded->page = page;
	vfiowc_check_page_to_device(cm, page);
	memcpy(stranded->now, cm->shadow + page * bytes, bytes);
	memcpy(stranded->before, cm->before + page * bytes, bytes);
	stranded->next = cm->stranded;
	cm->stranded = stranded;
}

void vfiowc_check_free_stranded(struct checked_map *cm, pid_t thread)
{
	struct stranded_page **link = &cm->stranded, *page;

	while ((page = *link)) {
		if (thread && page->owner != thread) {
			link = &page->next;
			continue;
		}
		*link = page->next;
		free_stranded_page(page);
	}
}

static void add_line(struct lines *lines, struct line line)
{
	if (lines->count == lines->room) {
		size_t room = lines->room ? 2 * lines->room : 64;
		struct line *more = realloc(lines->line, room * sizeof(*more));

		if (!more)
			abort(); /* a checker that loses lines is worse than none */
		lines->line = more;
		lines->room = room;
	}
	lines->line[lines->count++] = line;
}

static void add_page(struct lines *lines, unsigned char *to, const unsigned char *now,
		     const unsigned char *before)
{
	uint64_t i;

	for (i = 0; i < vfiowc_check_page_bytes(); i += VFIOWC_LINE_BYTES)
		if (memcmp(now + i, before + i, VFIOWC_LINE_BYTES))
			add_line(lines, (struct line){ to + i, now + i, before + i });
}

static void add_dirty(struct lines *lines, struct checked_map *cm)
{
	uint64_t bytes = vfiowc_check_page_bytes(), i;

	for (i = 0; i < cm->map->bytes / bytes; i++) {
		if (!cm->pages[i].dirty)
			continue;
		vfiowc_check_page_to_device(cm, i);
		/* Else the lines are gone with the slice. */
		if (present(cm, i * bytes))
			add_page(lines, cm->real + i * bytes, cm->shadow + i * bytes, cm->before + i * bytes);
	}
}

/* Each changed byte once, and no other: beside it a NIC may be writing. */
static void copy_line(const struct line *line)
{
	int from = 0, to;

	while (from < VFIOWC_LINE_BYTES) {
		while (from < VFIOWC_LINE_BYTES && line->now[from] == line->before[from])
			from++;
		for (to = from; to < VFIOWC_LINE_BYTES && line->now[to] != line->before[to];)
			to++;
		vfiowc_copy_to(line->to + from, line->now + from, to - from);
		from = to;
	}
}

static void shuffle(struct lines *lines)
{
	size_t i;

	for (i = lines->count; i > 1; i--) {
		size_t other = vfiowc_check_random(i);
		struct line line = lines->line[i - 1];

		lines->line[i - 1] = lines->line[other];
		lines->line[other] = line;
	}
}

static void copy_out(struct lines *lines)
{
	size_t i;

	shuffle(lines);
	for (i = 0; i < lines->count; i++)
		copy_line(&lines->line[i]);
	/* What the trapped instruction would have done; without its note. */
#if defined(__x86_64__)
	__asm__ __volatile__("mfence" ::: "memory");
#else
	__asm__ __volatile__("dsb sy" ::: "memory");
#endif
	free(lines->line);
}

/* What @thread may have stored: all that is not another's by a lock (O10). */
void vfiowc_check_flush(struct checked_map *maps, pid_t thread)
{
	const struct stranded_page *page;
	struct lines lines = {};
	struct checked_map *cm;

	for (cm = maps; cm; cm = cm->next) {
		for (page = cm->stranded; page; page = page->next)
			if (page->owner == thread && present(cm, page->page * vfiowc_check_page_bytes()))
				add_page(&lines, cm->real + page->page * vfiowc_check_page_bytes(), page->now,
					 page->before);
		add_dirty(&lines, cm);
	}
	copy_out(&lines);
	for (cm = maps; cm; cm = cm->next)
		vfiowc_check_free_stranded(cm, thread);
}
