/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * What `vfiowc run` hands to the program it starts, and what libvfiowc-preload hands back.
 *
 * Down: the dma-bufs as inherited fds, described in the environment variable VFIOWC_TARGETS; one
 * description for each target, ';' between them. A wrapper that closes inherited fds would leave the
 * numbers pointing anywhere, so a description carries the inode of its dma-buf too.
 *
 * In VFIOWC_WC stand parts of BARs, whose device the program opens itself: what it maps of them through the
 * device fd is write-combined.
 *
 * Up: lines appended to the file that stands in VFIOWC_REPORT: "WORD name=value name=value ...",
 * one for each mapping ("map"), registration ("mr"), end of a registration ("end"), write-combined
 * part of a mapping ("wc") and refusal ("refused"). It is described as a dma-buf is, by its fd and
 * what is behind it: else a program whose launcher has closed the fd would find the lines in a file
 * of its own that got the number.
 */
#ifndef VFIOWC_PRELOAD_HANDOVER_H
#define VFIOWC_PRELOAD_HANDOVER_H

#include <stdint.h>
#include <stddef.h>

#define HANDOVER_TARGETS "VFIOWC_TARGETS"
#define HANDOVER_REPORT "VFIOWC_REPORT"
#define HANDOVER_PARTS "VFIOWC_WC"
/* Set where perftest is asked for inline data, see ibv_query_device() in preload/inline.c. */
#define HANDOVER_INLINE "VFIOWC_INLINE"
/* "vfiowc:0" is the first target, wherever a program wants a path. */
#define HANDOVER_PREFIX "vfiowc:"
#define HANDOVER_MAX 8
/* Bytes of one description, NUL included. */
#define HANDOVER_LEN 160

enum handover_type {
	HANDOVER_NC = 0, /* as enum vfiowc_mem_type */
	HANDOVER_WC = 1,
	HANDOVER_SYSTEM = 2, /* system memory: the exporter chooses, nobody was asked */
};

/**
 * struct handover - one target
 * @dmabuf_fd: the dma-buf
 * @device_fd: the VFIO device, for the query of the PTE type; -1: not a VFIO device
 * @type: enum handover_type, as requested
 * @inode: of the dma-buf; unique among the dma-bufs of a running kernel
 * @bytes: size of the dma-buf
 */
struct handover {
	int dmabuf_fd;
	int device_fd;
	uint32_t type;
	uint64_t inode;
	uint64_t bytes;
};

/** handover_format() - the description of one target; 0, or ENOSPC when @len is too small. */
int handover_format(const struct handover *target, char *text, size_t len);

/**
 * handover_parse() - all targets of the environment variable
 * @text: its value
 * @targets: receives at most HANDOVER_MAX targets
 * @count: receives how many
 *
 * Return: 0; EINVAL malformed; E2BIG more than HANDOVER_MAX.
 */
int handover_parse(const char *text, struct handover *targets, unsigned int *count);

/**
 * struct handover_wc - a part of a BAR that is to be mapped write-combined
 * @bdf: the function, "0000:01:00.0"
 * @bar: 0 to 5
 * @offset, @bytes: of the part; whole pages
 * @whole_bar: the kernel was brought to give the whole BAR that type: look whether it does
 */
struct handover_wc {
	char bdf[13];
	uint32_t bar;
	uint64_t offset;
	uint64_t bytes;
	uint32_t whole_bar;
};

/** handover_wc_format(), handover_wc_parse() - as those of targets */
int handover_wc_format(const struct handover_wc *wc, char *text, size_t len);
int handover_wc_parse(const char *text, struct handover_wc *wcs, unsigned int *count);

/**
 * struct handover_report - the file of the reports
 * @fd: its fd
 * @device, @inode: its st_dev and st_ino
 */
struct handover_report {
	int fd;
	uint64_t device;
	uint64_t inode;
};

/** handover_report_format() - its description; 0, or ENOSPC when @len is too small. */
int handover_report_format(const struct handover_report *report, char *text, size_t len);
/** handover_report_parse() - 0, or EINVAL malformed */
int handover_report_parse(const char *text, struct handover_report *report);

/** handover_type_name() - "nc", "wc" or "system" */
const char *handover_type_name(uint32_t type);

#endif
