/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * One slice in use from every side while a cause takes it away: mapped by the CPU, imported by two kernel
 * modules (one borrows the physical ranges, one has a scatter list on a second PCI function) and registered
 * with the RDMA device. Not thread-safe.
 */
#ifndef VFIOWC_TESTS_CAUSE_LOOK_H
#define VFIOWC_TESTS_CAUSE_LOOK_H

#include "cause.h"
#include "rdma_slice.h"

/* Behind what the load uses. */
#define LOOK_OFFSET (2 * MIB)
#define LOOK_BYTES MIB
/* What the slice's first word holds when the cause comes. */
#define LOOK_VALUE 0x5eedca5eU

struct cause_look {
	const struct cause *cause;
	struct cause_run run;
	struct rdma_node node;
	struct ibv_qp *qp[2];
	struct rdma_buf host;
	struct rdma_buf slice;
	volatile uint32_t *map;
	int borrower;
	int function;
};

/** look_begin() - open the device and use the slice; skips the test when the cause cannot be tested here. */
void look_begin(struct cause_look *look, const struct cause *cause);

/** look_end() - let go of all that look_begin() made, also after a failed test. */
void look_end(struct cause_look *look);

/* What must hold once the cause has come, before and after it was ended. */
void look_assert_taken(struct cause_look *look);
void look_assert_cut_off(struct cause_look *look);
void look_assert_healed(struct cause_look *look);
void look_assert_in_use(struct cause_look *look);

/**
 * look_run() - run a test for every cause
 * @program: the group's name
 * @suffix: test names are CAUSE_SUFFIX
 * @test: its state is the struct cause_look
 *
 * With the argument --list: print "CAUSE<TAB>KIND" of each instead.
 */
int look_run(int argc, char **argv, const char *program, const char *suffix, void (*test)(void **state));

/** look_cause() - of a test's initial state. */
struct cause_look *look_of(void **state);

#endif
