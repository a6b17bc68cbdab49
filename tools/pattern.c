// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* The bytes that `vfiowc demo --seed N` moves. See pattern.h. */
#include "pattern.h"

/* SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014). */
#define GAMMA 0x9e3779b97f4a7c15u

static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* Mixed: the states of one SplitMix64 sequence are only GAMMA apart, streams would overlap. */
struct pattern pattern_start(uint64_t seed, enum pattern_stream stream)
{
	return (struct pattern){ .state = mix(seed ^ (uint64_t)stream << 56) };
}

uint64_t pattern_next(struct pattern *pattern)
{
	pattern->state += GAMMA;
	return mix(pattern->state);
}

void pattern_fill(uint64_t seed, enum pattern_stream stream, uint8_t *to, size_t bytes)
{
	struct pattern pattern = pattern_start(seed, stream);
	uint64_t word = 0;

	for (size_t i = 0; i < bytes; i++) {
		word = i % 8 ? word >> 8 : pattern_next(&pattern);
		to[i] = word;
	}
}
