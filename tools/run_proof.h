/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * `vfiowc run --prove`: joins what was asked for (tags), what the program says (perftest's table),
 * what was registered (the preload library) and what the device did (tracepoint vfiowc:dma).
 */
#ifndef VFIOWC_TOOL_RUN_PROOF_H
#define VFIOWC_TOOL_RUN_PROOF_H

#include <json-c/json.h>

#include "run.h"
#include "run_table.h"
#include "trace_stream.h"

enum run_verdict {
	RUN_PROVED, /* everything below was seen, and is as it must be */
	RUN_REFUTED, /* something was seen that must not be */
	RUN_INCOMPLETE, /* nothing wrong was seen, but not everything was seen */
	RUN_NOT_OBSERVED, /* a device that shows nothing: kernel accepted, wire not observed */
};

/* A tag; @ns is none, st or st_ext. */
struct run_tag {
	char ns[8];
	unsigned int st;
	unsigned int ph;
};

struct run_proof {
	struct trace_stream stream;
	struct trace_tally tally;
	struct run_table table;
	bool control_made;
	uint64_t control_transfers; /* of the control, see run_proof_control() */
	uint64_t control_tagged;
	/* run_proof_judge() fills in the rest. */
	struct run_counting counting;
	char rdma[64];
	struct run_tag expected; /* on transfers of targets */
	uint64_t messages; /* transfers of targets on the side that the table counts */
	uint64_t bytes;
	uint64_t right; /* transfers of targets with the expected tag, both sides */
	uint64_t wrong; /* the others of them */
	uint64_t host; /* transfers of host MRs */
	uint64_t host_tagged; /* those with any tag */
	enum run_verdict verdict;
	char why[256];
};

/** run_proof_start() - record; ended by run_proof_stop(), whatever this returns */
int run_proof_start(struct run_proof *proof);

/** run_proof_collect() - count some of what the device has done since the last call */
int run_proof_collect(struct run_proof *proof);

/** run_proof_end() - count the rest, when the programs have ended, and record no more */
int run_proof_end(struct run_proof *proof);

/**
 * run_proof_control() - the other half of the proof: tags cleared, registered again, none is used
 * @run: targets still open; the program has ended. Reads eight bytes of the first slice
 * @report: names the RDMA device
 */
int run_proof_control(struct run_proof *proof, const struct run *run, const struct run_report *report);

/** run_proof_judge() - compare everything; sets the verdict and why */
void run_proof_judge(struct run_proof *proof, const struct run *run, const struct run_report *report,
		     const char *device_tph);

/** run_proof_device_tph() - what the device can emit (sysfs), "" when it is not vfiowc_rdma's */
void run_proof_device_tph(const struct run_report *report, char *mode, size_t len);

void run_proof_print(const struct run_proof *proof, const struct run_report *report);
json_object *run_proof_json(const struct run_proof *proof, const struct run_report *report);

void run_proof_stop(struct run_proof *proof);

#endif
