/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * What the tests of the vfiowc tool share: what a function was before and after, the bytes behind an
 * exporter's BAR by another way than the tool's (sysfs), and running the tool.
 */
#ifndef VFIOWC_TESTS_DEMO_FIXTURE_H
#define VFIOWC_TESTS_DEMO_FIXTURE_H

#include <json-c/json.h>

#include "guest.h"

/* An exporter of the guest, and the part of its BAR that the tests look at. */
struct demo_exporter {
	char bdf[GUEST_BDF_LEN];
	unsigned int bar;
	bool pmr; /* BAR 4 of a NVMe controller, to be switched on first */
};

#define DEMO_BAR_BYTES (8u << 20)

/** demo_find_exporter() - by PCI ids; skips the test when the guest has none */
struct demo_exporter demo_find_exporter(uint16_t vendor, uint16_t device, unsigned int bar,
					bool pmr);

/**
 * demo_bar_clear(), demo_bar_save() - zero the first DEMO_BAR_BYTES of the BAR, write them to a file
 *
 * Through sysfs: the function must have no driver.
 */
void demo_bar_clear(const struct demo_exporter *exporter);
void demo_bar_save(const struct demo_exporter *exporter, const char *path);

/* What must be the same before and after: driver, driver_override, RDMA devices, tph_override. */
struct demo_state {
	char text[512];
};

void demo_state_get(const char *bdf, struct demo_state *state);

/** demo_assert_state() - fails the test, and shows both, when the state is not @before's any more */
void demo_assert_state(const char *bdf, const struct demo_state *before);

/**
 * demo_run_json() - run a command whose stdout is one JSON object
 * @status: receives the exit status
 *
 * Return: the object; the test fails when stdout is anything else. stderr is in DEMO_STDERR.
 */
json_object *demo_run_json(int *status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* In front of a command: its parent ignores the end of its children, and exec() hands that on. */
#define DEMO_SIGCHLD_IGNORED "env --ignore-signal=CHLD "

#define DEMO_STDERR "/tmp/demo.stderr"

/** demo_stderr_has() - is @text in what the last command wrote to stderr? Shows it when it is not. */
bool demo_stderr_has(const char *text);

#endif
