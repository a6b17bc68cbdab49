/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * The random driver: unprivileged processes that do to the exporter and to the RDMA device whatever
 * a program with their fds can do. Operation number i of a process depends on the seed, the
 * process's number and i alone, so that a seed is replayed with all it did.
 *
 * A new operation is one line in a table (random_exporter.c, random_rdma.c, random_objects.c, random_rings.c).
 */
#ifndef VFIOWC_TESTS_RANDOM_H
#define VFIOWC_TESTS_RANDOM_H

#include "exporter.h"
#include "rdma_fixture.h"

#define RANDOM_ARENA (1UL << 20)
#define RANDOM_SLICE (256 * KIB)
#define RANDOM_ACCESS (RDMA_REMOTE | IBV_ACCESS_REMOTE_ATOMIC)
#define RANDOM_QKEY 0x77

/* What a process has; empty places are -1 or NULL. */
struct world {
	uint64_t rng;
	const struct exporter *exp;
	bool threads; /* ring memory may change while the kernel reads */

	int dmabuf[6];
	struct {
		uint8_t *at;
		size_t len;
	} map[6];
	uint8_t *arena; /* all the host memory that is ever registered */
	struct ibv_context *context;
	union ibv_gid gid;
	struct ibv_pd *pd[2];
	struct ibv_cq *cq[3];
	struct ibv_qp *qp[4];
	struct ibv_mr *mr[6];
	struct ibv_srq *srq[2];
	struct ibv_ah *ah[2];
	struct ibv_mw *mw[3];
};

/* Returns 0 or an errno: counted, never judged; what must hold is what is left at the end. */
struct operation {
	const char *name;
	unsigned int weight;
	int (*run)(struct world *w);
};

struct operations {
	const struct operation *ops;
	size_t count;
};

#define OPERATIONS(array) { array, sizeof(array) / sizeof((array)[0]) }

extern const struct operations random_exporter, random_rdma, random_objects, random_rings;

/** random_below() - a number below @n */
uint64_t random_below(struct world *w, uint64_t n);
/** random_chance() - true @percent times of a hundred */
bool random_chance(struct world *w, unsigned int percent);
/** random_bytes() - @n bytes of rubbish */
void random_bytes(struct world *w, void *to, size_t n);
/** random_edge() - a number that is interesting around @n: near 0, near @n, near 2^32, anything */
uint64_t random_edge(struct world *w, uint64_t n);

/** random_pick() - one of an array, an empty place now and then */
#define random_pick(w, array) (&(array)[random_below(w, sizeof(array) / sizeof((array)[0]))])

/* A verbs object into a place; the one that was there goes first, or stays when it is in use. */
#define RANDOM_REPLACE(place, destroy, make)                                                       \
	do {                                                                                       \
		if (*(place) && destroy(*(place)))                                                 \
			return EBUSY;                                                              \
		*(place) = (make);                                                                 \
		return *(place) ? 0 : errno;                                                       \
	} while (0)

/** random_sge() - a piece of one of our MRs, or of none */
struct ibv_sge random_sge(struct world *w);

/** random_touch() - load or store one byte; EFAULT when that ends in SIGBUS or SIGSEGV */
int random_touch(volatile uint8_t *at, bool store);

/** random_verbs_start() - objects to begin with: else most calls would have none */
void random_verbs_start(struct world *w);

/** random_scribble_stop() - end the thread that changes ring memory; before its ring goes away */
void random_scribble_stop(void);

/** random_close_all() - give everything back that a world still has */
void random_close_all(struct world *w);

#endif
