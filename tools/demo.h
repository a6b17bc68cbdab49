/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * `vfiowc demo`: the state that its steps share. Each demo_*.c holds the steps of one subject. A
 * step returns 0, or has said on stderr what failed and returns non-zero; what it sets up is undone
 * by demo_teardown(), however far the steps came.
 */
#ifndef VFIOWC_TOOL_DEMO_H
#define VFIOWC_TOOL_DEMO_H

#include <json-c/json.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <infiniband/verbs.h>
#include <infiniband/vfiowc.h>

#include "bind.h"
#include "link.h"
#include "nic.h"
#include "trace.h"

/* Where the two slices lie in the BAR, and what lies where in the data slice (walkthrough.md). */
#define DOORBELL_BAR_OFFSET 0x100000u
#define DOORBELL_BYTES 0x1000u
#define DATA_BAR_OFFSET 0x400000u
#define DATA_BYTES 0x100000u
#define DATA_WRITE 0x0u
#define DATA_CPU 0x40000u
#define DATA_BLOCK_BYTES 0x40000u
#define DATA_RESET_REFUSED 0x80000u
#define DATA_RECOVERED 0x81000u
#define DATA_REVOKE_REFUSED 0x82000u
#define DATA_SMALL_BYTES 0x1000u

struct slice {
	const char *name;
	uint64_t bar_offset; /* also the iova: a trace row's address is an offset into the BAR */
	uint64_t bytes;
	enum vfiowc_mem_type type;
	struct vfiowc_tph tph; /* published */
	struct vfiowc_buf *buf;
	struct vfiowc_mapping *map;
	volatile uint8_t *cpu;
	struct ibv_mr *mr;
};

enum { SLICE_DATA, SLICE_DOORBELL, NUM_SLICES };

/* A work request that was posted. */
struct work {
	uint64_t wr_id;
	enum ibv_wr_opcode opcode;
	const struct slice *slice;
	uint64_t address;
	uint32_t bytes;
	uint32_t qpn;
	enum ibv_wc_status status;
	bool verified;
};

#define WORKS_MAX 32

struct demo {
	/* options */
	char bdf[PCI_BDF_LEN];
	unsigned int bar;
	const char *rdma;
	uint64_t seed;
	bool json;
	const char *json_path;

	FILE *json_file;
	const char *step; /* that runs, for messages */
	json_object *report;

	struct binding binding;
	char old_override[16]; /* module parameter tph_override; "": not changed */
	struct vfiowc_device *dev;
	struct rdma_link link;
	char tph_mode[16]; /* what the RDMA device emits: off, st or st_ext */
	struct slice slices[NUM_SLICES];
	struct nic nic;
	struct trace trace;
	struct work works[WORKS_MAX];
	unsigned int num_works;
};

/* Set by SIGINT and SIGTERM; looked at between steps and while waiting. */
extern volatile sig_atomic_t demo_interrupted;

/**
 * demo_fail() - say on stderr what failed in the present step
 * @object: what it happened to
 *
 * Return: -1, for `return demo_fail(...)`.
 */
int demo_fail(const struct demo *d, const char *object, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** demo_say() - a line of the report for people; nothing with --json */
void demo_say(const struct demo *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* demo_kernel.c */
int demo_kernel(struct demo *d);
int demo_modules(struct demo *d);
void demo_restore_override(struct demo *d);

/* demo_exporter.c */
int demo_bind(struct demo *d);
int demo_enable_memory(struct demo *d);

/* demo_rdma.c */
int demo_rdma(struct demo *d);
int demo_transfer(struct demo *d, enum ibv_wr_opcode opcode, const struct slice *slice,
		  uint64_t offset, void *host, uint32_t bytes);
int demo_transfer_refused(struct demo *d, const struct slice *slice, uint64_t offset, void *host,
			  uint32_t bytes, enum ibv_wc_status *status);
void demo_verified(struct demo *d, unsigned int first);

/* demo_slices.c */
int demo_export(struct demo *d);
int demo_register(struct demo *d);
int demo_register_slice(struct demo *d, struct slice *slice);

/* demo_transfer.c */
int demo_write(struct demo *d);
int demo_cpu(struct demo *d);
int demo_doorbell(struct demo *d);
int demo_check_cpu(struct demo *d, const struct slice *slice, uint64_t offset, const uint8_t *want,
		   size_t bytes);
int demo_check_host(struct demo *d, const struct slice *slice, uint64_t offset, const uint8_t *want,
		    size_t bytes);

/* demo_reset.c */
int demo_reset(struct demo *d);
int demo_revoke(struct demo *d);

/* demo_trace.c */
int demo_trace_start(struct demo *d);
int demo_trace_check(struct demo *d);

/* demo_report.c */
json_object *report_new(void);
void report_set(json_object *object, const char *key, json_object *value);
json_object *report_tph(const struct vfiowc_tph *tph);
const char *report_op(enum ibv_wr_opcode opcode);
void report_transfers(struct demo *d);
int report_print(struct demo *d, bool ok);

#endif
