/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * The bytes that `vfiowc demo --seed N` moves. Documentation/walkthrough.md is the specification;
 * witness/vfiowc-witness carries it out a second time, from that text.
 */
#ifndef VFIOWC_TOOL_PATTERN_H
#define VFIOWC_TOOL_PATTERN_H

#include <stddef.h>
#include <stdint.h>

/* The streams of one seed. */
enum pattern_stream {
	PATTERN_TAGS = 0,
	PATTERN_WRITE = 1,
	PATTERN_CPU = 2,
	PATTERN_DOORBELL = 3,
	PATTERN_RESET_REFUSED = 4,
	PATTERN_RECOVERED = 5,
	PATTERN_REVOKE_REFUSED = 6,
};

struct pattern {
	uint64_t state;
};

/** pattern_start() - the beginning of a stream of a seed; different streams share no bytes */
struct pattern pattern_start(uint64_t seed, enum pattern_stream stream);

/** pattern_next() - the next 64 bits of a stream (SplitMix64) */
uint64_t pattern_next(struct pattern *pattern);

/** pattern_fill() - the first @bytes of a stream, its words in little-endian order */
void pattern_fill(uint64_t seed, enum pattern_stream stream, uint8_t *to, size_t bytes);

#endif
