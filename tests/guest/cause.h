/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * Every cause that takes a device's memory away: how it is brought about, how it ends, and what is to be
 * expected meanwhile. Documentation/exporter.md has the same list in words.
 */
#ifndef VFIOWC_TESTS_CAUSE_H
#define VFIOWC_TESTS_CAUSE_H

#include "exporter.h"

enum cause_device {
	CAUSE_IVSHMEM, /* behind a port of its own: reset by its bus */
	CAUSE_NVME, /* Express, power management, FLR; its memory is switched off by a reset */
	CAUSE_PAIR, /* one of two functions that are reset together */
};

/* What a cause needs while it lasts. */
struct cause_run {
	struct exporter exp;
	int dmabuf; /* the one slice that the test looks at */
	int sibling; /* device fd of the other function of a pair */
	bool closed; /* the device fd is closed, and @exp not to be used */
};

struct cause {
	const char *name;
	enum cause_device device;
	bool permanent;
	/* Between begin() and end() the memory stays away; else it is back when begin() returns. */
	bool lasts;
	/* No look through the device fd meanwhile: there is none, or it would end the cause. */
	bool unseen;
	/* The exporter must refuse it: nothing changes. */
	bool refused;
	/* Before the device is opened; NULL, or why this cannot be tested here. */
	const char *(*prepare)(struct cause_run *run);
	void (*begin)(struct cause_run *run);
	/* After it: the device is there again, and open. */
	void (*end)(struct cause_run *run);
	/* After the device was closed. */
	void (*undo)(struct cause_run *run);
};

extern const struct cause causes[];
extern const unsigned int nr_causes;

/** cause_named() - a row of the table; fails the test when there is none. */
const struct cause *cause_named(const char *name);

/*
 * The steps of aer_error_detected: report an error of the port above the device, and has the kernel ended the
 * recovery that follows?
 */
void cause_inject_aer(const struct cause_run *run);
bool cause_aer_recovered(void *unused);

/** cause_open() - the device of a cause, bound and open; skips the test when the cause cannot be tested. */
void cause_open(const struct cause *cause, struct cause_run *run);
void cause_close(const struct cause *cause, struct cause_run *run);

#endif
