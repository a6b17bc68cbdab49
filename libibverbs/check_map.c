// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * The checked maps of the process (rules O2, O4, O10, O11): which there are, and what a store, a
 * flush and a lock do to them. State of the process, because traps are.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>
#include "check.h"

static struct {
	struct checked_map *maps;
	uint64_t seed;
	unsigned short random[3]; /* of nrand48() */
} check;

static void start_random(void)
{
	const char *seed = getenv("VFIOWC_MAP_CHECKED_SEED");
	uint32_t own = 0;

	if (!seed && getrandom(&own, sizeof(own), GRND_NONBLOCK) < 0)
		own = getpid();
	check.seed = seed ? strtoull(seed, NULL, 0) : own;
	memcpy(check.random, &check.seed, sizeof(check.random));
}

uint64_t vfiowc_check_random(uint64_t below)
{
	return (uint64_t)nrand48(check.random) % below;
}

bool vfiowc_check_wanted(void)
{
	const char *value = getenv("VFIOWC_MAP_CHECKED");

	return value && *value && strcmp(value, "0");
}

static int make_shadow(struct checked_map *cm, uint64_t bytes)
{
	cm->memory = memfd_create("vfiowc-checked", MFD_CLOEXEC);
	/* One page more: check_page.c probes with it. */
	if (cm->memory < 0 || ftruncate(cm->memory, bytes + vfiowc_check_page_bytes()))
		return errno;
	cm->shadow = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, cm->memory, 0);
	if (cm->shadow == MAP_FAILED)
		return errno;
	cm->before = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			  -1, 0);
	return cm->before == MAP_FAILED ? errno : 0;
}

static void release(struct checked_map *cm)
{
	uint64_t bytes = cm->map->bytes;

	vfiowc_check_free_stranded(cm, 0);
	if (cm->real != MAP_FAILED)
		munmap(cm->real, bytes);
	if (cm->shadow != MAP_FAILED)
		munmap(cm->shadow, bytes);
	if (cm->before != MAP_FAILED)
		munmap(cm->before, bytes);
	if (cm->memory >= 0)
		close(cm->memory);
	free(cm->pages);
	free(cm);
}

static int prepare(struct checked_map *cm)
{
	const struct vfiowc_mapping *map = cm->map;

	cm->memory = -1;
	cm->shadow = cm->before = MAP_FAILED;
	cm->real = vfiowc_mmap_part(map, NULL, PROT_READ | PROT_WRITE, map->first, map->bytes);
	if (cm->real == MAP_FAILED)
		return errno;
	cm->pages = calloc(map->bytes / vfiowc_check_page_bytes(), sizeof(*cm->pages));
	if (!cm->pages)
		return ENOMEM;
	return make_shadow(cm, map->bytes);
}

static int begin_locked(struct checked_map *cm)
{
	int err;

	if (!check.maps)
		start_random();
	err = vfiowc_check_install_handlers();
	if (!err)
		err = vfiowc_check_patch_sites();
	if (err)
		goto err_restore;
	cm->next = check.maps;
	check.maps = cm;
	return 0;

err_restore:
	if (!check.maps)
		vfiowc_check_restore_sites();
	return err;
}

/* @map is mapped read-only; from now on its stores are checked. */
int vfiowc_check_begin(struct vfiowc_mapping *map, const void *caller)
{
	struct checked_map *cm = calloc(1, sizeof(*cm));
	sigset_t signals;
	int err;

	if (!cm)
		return ENOMEM;
	cm->map = map;
	cm->caller = caller;
	err = prepare(cm);
	if (err)
		goto err_release;
	vfiowc_check_lock(&signals);
	err = begin_locked(cm);
	vfiowc_check_unlock(&signals);
	if (err)
		goto err_release;
	map->check = cm;
	return 0;

err_release:
	release(cm);
	return err;
}

/* Before @map is unmapped: what is not flushed now has never arrived. */
void vfiowc_check_end(struct vfiowc_mapping *map)
{
	struct checked_map **link = &check.maps, *cm = map->check;
	sigset_t signals;

	vfiowc_check_lock(&signals);
	vfiowc_check_report(cm, check.seed);
	while (*link != cm)
		link = &(*link)->next;
	*link = cm->next;
	if (!check.maps)
		vfiowc_check_restore_sites();
	vfiowc_check_unlock(&signals);
	map->check = NULL;
	release(cm);
}

bool vfiowc_check_store(void *address)
{
	struct checked_map *cm;
	sigset_t signals;
	uint64_t offset;

	vfiowc_check_lock(&signals);
	for (cm = check.maps; cm; cm = cm->next) {
		offset = (uintptr_t)address - (uintptr_t)cm->map->base;
		if (offset < cm->map->bytes)
			break;
	}
	/* Another thread may have been quicker: then the store just works now. */
	if (cm && !cm->pages[offset / vfiowc_check_page_bytes()].dirty)
		vfiowc_check_page_to_shadow(cm, offset / vfiowc_check_page_bytes());
	vfiowc_check_unlock(&signals);
	return cm;
}

/* What others have not flushed is not for who takes a lock now to flush (O10). */
static void strand_others(pid_t thread)
{
	struct checked_map *cm;
	uint64_t i;

	for (cm = check.maps; cm; cm = cm->next)
		for (i = 0; i < cm->map->bytes / vfiowc_check_page_bytes(); i++)
			if (cm->pages[i].dirty && cm->pages[i].owner != thread)
				vfiowc_check_strand(cm, i);
}

void vfiowc_check_call(enum check_call call)
{
	sigset_t signals;

	vfiowc_check_lock(&signals);
	if (call == CHECK_LOCK)
		strand_others(gettid());
	else
		vfiowc_check_flush(check.maps, gettid());
	vfiowc_check_unlock(&signals);
}

/* Mappings that live to the end of the process. */
__attribute__((destructor)) static void report_at_exit(void)
{
	const struct checked_map *cm;

	for (cm = check.maps; cm; cm = cm->next)
		vfiowc_check_report(cm, check.seed);
}
