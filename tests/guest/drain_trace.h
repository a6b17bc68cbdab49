/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * Was a slice drained as rule O9 says: zapped, then a store fence on every CPU, then a read-back of the slice, all
 * before the reservation lock is let go, behind which core and resets wait?
 * Emulated memory types hide a forgotten drain, so the kernel's own functions are traced (kprobe events).
 */
#ifndef VFIOWC_TESTS_DRAIN_TRACE_H
#define VFIOWC_TESTS_DRAIN_TRACE_H

#include <stdbool.h>
#include <stdint.h>

/** drain_trace_start() - false when the kernel has no kprobe events. */
bool drain_trace_start(void);

/*
 * @drained: a zap, then a fence on every CPU, then a read that gave the expected value, and the thread that zapped has
 *	unlocked no reservation object in between
 * @fenced: a fence on every CPU, whatever was before and after
 * @reads: how often something was read back
 */
struct drain_seen {
	bool drained;
	bool fenced;
	unsigned int reads;
};

/**
 * drain_trace_stop() - end tracing
 * @value: what the slice's first four bytes held
 */
struct drain_seen drain_trace_stop(uint32_t value);

#endif
