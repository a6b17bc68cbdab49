/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/* vfiowc_check_p2p(): what the files reach*.c share. No locks, no state. */
#ifndef VFIOWC_REACH_H
#define VFIOWC_REACH_H

#include "vfiowc_int.h"
#include "vfiowc_p2p.h"

/* What this process may, and what the RDMA device told it. */
struct reach_caps {
	uint64_t memlock_bytes; /* UINT64_MAX: no limit */
	int open_error; /* of the RDMA device; the two below are known when it is 0 */
	bool odp; /* it follows the pages of what is registered */
	uint32_t max_reads; /* READs in flight */
};

struct reach {
	const char *root; /* "", or the directory in which a test has its sysfs */
	char exporter[16];
	char rdma[64];
	struct reach_caps caps;
	struct vfiowc_p2p_attr *attr;
	/* Found out on the way. */
	char driver[32]; /* of the exporter, "" none */
	bool soft; /* the RDMA device is vfiowc_rdma's: the CPU moves the bytes */
	char nic[16]; /* PCI function whose addresses it uses, "" none */
};

/* reach.c */
int vfiowc_reach_judge(struct reach *reach);
/* A small file without its last newline: its length, or -1 with errno. */
__attribute__((format(printf, 4, 5)))
ssize_t vfiowc_reach_read(const struct reach *reach, char *text, size_t len, const char *fmt, ...);
/* Last component of what a symbolic link points to; false and "" when there is none. */
__attribute__((format(printf, 4, 5)))
bool vfiowc_reach_link(const struct reach *reach, char *name, size_t len, const char *fmt, ...);
__attribute__((format(printf, 6, 7)))
void vfiowc_reach_say(struct reach *reach, enum vfiowc_p2p_subject subject,
		      enum vfiowc_p2p_verdict write, enum vfiowc_p2p_verdict read,
		      const char *remedy, const char *fmt, ...);
/* Is CONFIG_@option set in the running kernel? -1: that cannot be told. */
int vfiowc_reach_config(const struct reach *reach, const char *option);

/* The rest, each a subject or some. */
void vfiowc_reach_driver(struct reach *reach);
void vfiowc_reach_group(struct reach *reach);
void vfiowc_reach_bars(struct reach *reach);
void vfiowc_reach_nodes(struct reach *reach);
void vfiowc_reach_importer(struct reach *reach);
void vfiowc_reach_port(struct reach *reach);
void vfiowc_reach_path(struct reach *reach);
void vfiowc_reach_system(struct reach *reach);

#endif
