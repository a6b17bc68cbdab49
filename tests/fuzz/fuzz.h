/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/* What the fuzzers share. The input's bytes are the parser's text, unless a file says otherwise. */
#ifndef VFIOWC_TESTS_FUZZ_H
#define VFIOWC_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold whatever the input. Not assert(): builds without debug checks keep it. */
#define must(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			__builtin_trap();                                                          \
	} while (0)

/* The bytes as a string of exactly their length, for AddressSanitizer to see the first one behind. */
static inline char *fuzz_string(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	must(text);
	memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

static inline bool fuzz_ended(const char *text, size_t room)
{
	return strnlen(text, room) < room;
}

#endif
