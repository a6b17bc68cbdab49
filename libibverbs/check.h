/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * Checked maps: what the files check_*.c share. A page that nobody has stored to since the last flush is
 * the device's own, mapped read-only. A store traps; its page becomes a shadow of host memory, and
 * what differs from what it was is what a combining buffer might hold. A flush makes the page the
 * device's again and copies the changed lines out.
 *
 * Locks: check_lock() protects everything here, with all signals blocked: the handlers take it, too. It is
 * a leaf, taken with the scope's lock held.
 */
#ifndef VFIOWC_CHECK_H
#define VFIOWC_CHECK_H

#include <ucontext.h>
#include "vfiowc_int.h"
#include "vfiowc_order.h"

/* What a trapped call was, as in the notes of vfiowc_order.h. */
enum check_call {
	CHECK_FLUSH = 1,
	CHECK_LOCK = 2,
};

struct checked_page {
	bool dirty; /* a shadow is mapped */
	pid_t owner; /* who made it so */
};

/* Lines that their thread has not flushed and another thread's lock has left behind (O10). */
struct stranded_page {
	struct stranded_page *next;
	pid_t owner;
	uint64_t page; /* index */
	unsigned char *now; /* a page each */
	unsigned char *before;
};

struct checked_map {
	struct checked_map *next;
	const struct vfiowc_mapping *map;
	const void *caller; /* of vfiowc_map() */
	unsigned char *real; /* the device's bytes, writable, for the checker alone */
	unsigned char *shadow; /* the shadow's pages */
	unsigned char *before; /* what they were when they became shadows */
	int memory; /* fd of the shadow and a page more; behind its end is SIGBUS */
	struct checked_page *pages;
	struct stranded_page *stranded;
};

/* check_map.c */
int vfiowc_check_begin(struct vfiowc_mapping *map, const void *caller);
void vfiowc_check_end(struct vfiowc_mapping *map);
bool vfiowc_check_wanted(void);
/* A store to @address has trapped. False: it is no checked map's. */
bool vfiowc_check_store(void *address);
void vfiowc_check_call(enum check_call call);

/* check_page.c, with the lock held */
void vfiowc_check_page_to_shadow(struct checked_map *cm, uint64_t page);
void vfiowc_check_page_to_device(struct checked_map *cm, uint64_t page);
uint64_t vfiowc_check_page_bytes(void);
void vfiowc_check_strand(struct checked_map *cm, uint64_t page);
/* Of one thread, or with 0 of all. */
void vfiowc_check_free_stranded(struct checked_map *cm, pid_t thread);
void vfiowc_check_flush(struct checked_map *maps, pid_t thread);

/* check_site.c, with the lock held */
int vfiowc_check_patch_sites(void);
void vfiowc_check_restore_sites(void);
/* Length of the instruction whose place the trap at @pc has taken, and which call it is; or 0. */
unsigned int vfiowc_check_find_site(uintptr_t pc, enum check_call *call);

/* check_trap.c */
int vfiowc_check_install_handlers(void);
void vfiowc_check_lock(sigset_t *before);
void vfiowc_check_unlock(const sigset_t *before);

/* check_report.c, with the lock held: what of @cm has not been flushed and never will be. */
void vfiowc_check_report(const struct checked_map *cm, uint64_t seed);

/* check_map.c */
uint64_t vfiowc_check_random(uint64_t below);

#endif
