/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * `vfiowc run`: targets (memory that is no ordinary host memory) are made and kept here, a program
 * runs with libvfiowc-preload, which gives them to it. int functions return 0 or a positive errno
 * and have then said on stderr what happened.
 */
#ifndef VFIOWC_TOOL_RUN_H
#define VFIOWC_TOOL_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <infiniband/vfiowc.h>

#include "pci.h"
#include "preload/handover.h"

/* The two programs of --pair. Without it there is only the client. */
enum run_end {
	RUN_CLIENT = 0,
	RUN_SERVER = 1,
	RUN_ENDS = 2,
};

enum run_kind {
	RUN_VFIO, /* a slice of a BAR */
	RUN_UDMABUF, /* pages of this process */
	RUN_DRM, /* a dumb buffer of a DRM device */
};

/* One dma-buf. */
struct run_buffer {
	struct vfiowc_buf *buf; /* RUN_VFIO only */
	int fd; /* -1: there is none */
	uint64_t offset; /* in the BAR */
	uint64_t bytes;
	uint64_t inode;
};

struct run_target {
	const char *text; /* as the user wrote it, to name it */
	enum run_kind kind;
	char bdf[PCI_BDF_LEN];
	unsigned int bar;
	uint64_t offset;
	uint64_t length; /* 0: all there is */
	const char *path; /* RUN_DRM */
	struct vfiowc_device *dev;
	bool owns_dev; /* else a target before it does */
	struct run_buffer buffers[RUN_ENDS];
};

/* A part of a BAR that the program maps itself, through a device fd that it opens itself. */
struct run_wc {
	const char *text; /* as the user wrote it, to name it */
	char bdf[PCI_BDF_LEN];
	unsigned int bar;
	uint64_t offset;
	uint64_t length; /* 0: all there is */
	bool whole_bar; /* by the kernel's memtype list, without vfiowc_pci */
	void *kept; /* page of the BAR that holds the memtype; NULL: none does */
};

struct run {
	struct run_target targets[HANDOVER_MAX];
	unsigned int num_targets;
	struct run_wc wcs[HANDOVER_MAX];
	unsigned int num_wcs;
	unsigned int num_ends; /* 1, or RUN_ENDS for --pair */
	enum vfiowc_mem_type type;
	bool type_given;
	struct vfiowc_tph tph; /* flags 0: no tags */
	char **argv; /* the program's */
	bool inline_data; /* perftest is asked for inline data */
	int report_fd; /* what the preload library reported, see handover.h */
};

/**
 * run_parse_target() - BDF:BAR[+OFFSET][:LENGTH], udmabuf:BYTES or drm:PATH[:BYTES]
 * @text: kept, not copied
 * @target: receives it
 * @why: receives what is wrong with it
 *
 * Return: 0 or EINVAL. Prints nothing.
 */
int run_parse_target(char *text, struct run_target *target, const char **why);

/** run_parse_wc() - BDF:BAR[+OFFSET][:LENGTH]; as run_parse_target() */
int run_parse_wc(const char *text, struct run_wc *wc, const char **why);

/**
 * run_parse_tph() - st=N,st_ext=N,ph=N in any order, a tag at least
 * Return: 0 or EINVAL. Prints nothing.
 */
int run_parse_tph(const char *text, struct vfiowc_tph *tph, const char **why);

/** run_open_targets() - make the dma-bufs of all targets, and say on stderr what they are */
int run_open_targets(struct run *run);
void run_close_targets(struct run *run);

/** run_prepare_wcs() - can these parts be had? Said on stderr; undone by run_release_wcs() */
int run_prepare_wcs(struct run *run);
void run_release_wcs(struct run *run);
/** run_set_wcs() - tell the preload library; 0 or a positive errno, prints nothing */
int run_set_wcs(const struct run *run);

/** run_system_buffer() - a dma-buf of system memory: RUN_UDMABUF or RUN_DRM */
int run_system_buffer(const struct run_target *target, struct run_buffer *buffer);

/**
 * run_check_command() - options of perftest that cannot work with a target, and a missing --mmap
 * @run: its inline_data is set
 *
 * Return: 0, or EINVAL and has said which option and why.
 */
int run_check_command(struct run *run);

/* A program that runs. */
struct run_child {
	pid_t pid; /* 0: not started */
	int pidfd;
	bool ended;
	int status; /* as of waitpid(2) */
};

/**
 * run_spawn() - start the program of one end
 * @run: with its targets open
 * @end: whose targets it gets
 * @argv: program and arguments
 * @out: its stdout, or -1: that of this process
 * @child: receives it
 */
int run_spawn(const struct run *run, enum run_end end, char *const argv[], int out,
	      struct run_child *child);

/** run_child_ended() - collect a program that has ended; true when it has, now or before */
bool run_child_ended(struct run_child *child);

/** run_child_listens() - has the program a listening TCP socket? */
bool run_child_listens(const struct run_child *child);

/* An MR that the preload library reported. */
struct run_mr {
	char rdma[64];
	int target; /* -1: host memory */
	uint32_t lkey;
	uint32_t rkey;
	uint64_t bytes;
	char tags[64]; /* as the RDMA device told, "not-observed" where it does not */
};

/* What was mapped of a struct run_wc. */
struct run_wc_report {
	unsigned int num_maps;
	char effective[16]; /* of the last one; "" when there was none */
};

/* All that the preload library reported. */
struct run_report {
	struct run_wc_report wcs[HANDOVER_MAX];
	struct run_mr *mrs;
	size_t num_mrs;
	unsigned int num_maps;
	unsigned int num_redirected; /* MRs of targets */
	unsigned int num_refused;
	unsigned int num_invalidated; /* MRs of targets that were invalid at their end */
	int invalidated; /* a target of those */
};

/** run_report_read() - read the report file; ended by run_report_free(), whatever this returns */
int run_report_read(const struct run *run, struct run_report *report);
void run_report_free(struct run_report *report);

#endif
