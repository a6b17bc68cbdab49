/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * libvfiowc-preload: loaded by `vfiowc run` into an unmodified program, it gives the program the
 * dma-buf when it opens "vfiowc:N", and registers what the program mapped from it as a dma-buf MR.
 * Nothing is ever redirected to host memory: what cannot be done is said on stderr and fails.
 *
 * Lock order: one mutex (in table.c) around the tables, never held across a call into libc's or
 * libibverbs' replaced functions, nor into the allocator, which may call those. All functions are thread-safe.
 *
 * Only the replaced functions leave the library (-fvisibility=hidden).
 */
#ifndef VFIOWC_PRELOAD_H
#define VFIOWC_PRELOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <infiniband/verbs.h>

#include "handover.h"

#define PRELOAD_EXPORT __attribute__((visibility("default")))

/* ---- table.c --------------------------------------------------------------------------------- */

/** targets_find_path() - number of the target that a path names; -1: it names none (errno ENOENT) */
int targets_find_path(const char *path);

/** targets_find_fd() - number of the target whose dma-buf this fd is, whatever its number; or -1 */
int targets_find_fd(int fd);

/** targets_get() - a target by number */
const struct handover *targets_get(int number);

/* A part of the program's memory that is a target's. */
struct piece {
	int target; /* -1: host memory */
	uint64_t offset; /* of its first byte, in the dma-buf */
};

void maps_add(const void *address, size_t length, int target, uint64_t offset);
void maps_remove(const void *address, size_t length);

/** maps_take() - maps_remove(), and what was removed: for maps_put_back() or maps_free() */
struct map *maps_take(const void *address, size_t length);
void maps_put_back(struct map *taken);
void maps_free(struct map *taken);

/**
 * maps_find() - whose memory is this?
 * @piece: receives the answer
 *
 * Return: 0, or EINVAL when only a part of it is a target's.
 */
int maps_find(const void *address, size_t length, struct piece *piece);

void mrs_add(struct ibv_mr *mr);
/** mrs_take() - forget an MR; false: it was not one of a target */
bool mrs_take(struct ibv_mr *mr);
/** mrs_take_any() - forget any MR of a context (NULL: of all); NULL when there is none */
struct ibv_mr *mrs_take_any(const struct ibv_context *context);

/* ---- observe.c ------------------------------------------------------------------------------- */

/** observe_pte() - "wc", "uc-", ...: in this process's page table, read back by the kernel of this device */
const char *observe_pte(int device_fd, const volatile void *address);

/** observe_type_name() - of enum vfiowc_effective_type */
const char *observe_type_name(uint32_t type);

/** observe_mr() - what the RDMA device says about an MR, as "tags=... state=...", for reports */
void observe_mr(struct ibv_mr *mr, char *text, size_t len);

/* ---- region.c -------------------------------------------------------------------------------- */

/**
 * region_combine() - make those parts of a new mapping write-combined that are to be so
 * @address, @length, @prot, @flags, @fd, @offset: of the mapping
 *
 * Return: true; false when it cannot be done, which was said, and errno is set: unmap it.
 */
bool region_combine(void *address, size_t length, int prot, int flags, int fd, off_t offset);

/* ---- verbs.c --------------------------------------------------------------------------------- */

/** verbs_next() - the real function of libibverbs; NULL when it lacks that version of it, and said so */
void *verbs_next(const char *name, const char *version);

/* ---- report.c -------------------------------------------------------------------------------- */

/** report() - one line for `vfiowc run` and the same for people, on stderr; no newline in @fmt */
void report(const char *word, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** refuse() - report("refused", ...); a program's call fails for a reason it cannot say itself */
void refuse(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
