/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * A kernel side for tests of the libibverbs plug-in: answers the uverbs write commands that
 * libibverbs sends to one fd, hands out rings for mmap, and counts. It stands in front of the C
 * library's calls in the whole process, real libibverbs included. The test plays the device: it
 * fills and empties the rings. Not thread-safe.
 */
#ifndef VFIOWC_TESTS_FAKE_UVERBS_H
#define VFIOWC_TESTS_FAKE_UVERBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <rdma/vfiowc-abi.h>

#define FAKE_ENTRIES 8 /* slots of each ring */
#define FAKE_MAX_INLINE 64
#define FAKE_MAX_SGE 4
#define FAKE_AHN 0x23 /* number of every address handle */
#define FAKE_MW_RKEY 0x1200 /* of every memory window */

enum fake_ring { FAKE_CQ, FAKE_SQ, FAKE_RQ, FAKE_SRQ, FAKE_SRQ2, FAKE_RINGS };

/* fake_uverbs_reset() clears it. */
struct fake_uverbs {
	int fd; /* the command fd */
	int doorbell_fd; /* the doorbell file made last */
	int doorbell_errno; /* of the doorbell; 0: it works */
	int fail_command; /* IB_USER_VERBS_CMD_* that fails ...; -1: none */
	int fail_errno; /* ... with this */
	int fail_mmap; /* fail the n-th mmap from now, counted from 1; ENOMEM */
	int ioctl_errno; /* of driver methods; 0: answered from mr_query */
	int fail_nth; /* the n-th command, method or mmap from now fails, whichever it is; 0: none */
	int nth_errno; /* and what it said */
	struct vfiowc_mr_query mr_query;
	uint32_t mr_query_handle; /* asked for last */

	int objects; /* alive: PDs, MRs, CQs, QPs, SRQs, AHs, MWs */
	uint32_t qps_made;
	int mappings; /* of rings */
	unsigned int doorbells;
	uint32_t doorbell_qpn; /* of the last */
	uint32_t doorbell_producer; /* of the SQ, as the last doorbell found it */
	struct vfiowc_ring_header *ring[FAKE_RINGS]; /* the ones made last */
};

extern struct fake_uverbs fake;

void fake_uverbs_reset(void);

/** fake_uverbs_fails() - is this the n-th? Sets errno to @err then. */
bool fake_uverbs_fails(int err);

/** fake_slot() - address of slot @index of a ring. */
void *fake_slot(enum fake_ring ring, uint32_t index);

/** fake_untouched_behind() - has nobody written behind the last slot of a ring? */
bool fake_untouched_behind(enum fake_ring ring);

#endif
