/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * The shape of every copy: words up to the first line of the device, whole lines by the routine's
 * own instructions, words for the rest. Whatever the alignment, the device sees naturally aligned
 * accesses only and each byte once.
 */
#ifndef VFIOWC_COPY_BODY_H
#define VFIOWC_COPY_BODY_H

#include "access.h"
#include "routine.h"

#define COPY_BODY static inline __attribute__((always_inline))

/* The largest word that starts at @device and is not longer than what is @left. */
COPY_BODY size_t word_bytes(const volatile void *device, size_t left)
{
	size_t bytes = 8;

	while ((uintptr_t)device % bytes || bytes > left)
		bytes /= 2;
	return bytes;
}

COPY_BODY size_t put_word(volatile char *to, const char *from, size_t left)
{
	size_t bytes = word_bytes(to, left);

	switch (bytes) {
	case 8:
		put8(to, from);
		break;
	case 4:
		put4(to, from);
		break;
	case 2:
		put2(to, from);
		break;
	default:
		put1(to, from);
	}
	return bytes;
}

COPY_BODY size_t get_word(char *to, const volatile char *from, size_t left)
{
	size_t bytes = word_bytes(from, left);

	switch (bytes) {
	case 8:
		get8(to, from);
		break;
	case 4:
		get4(to, from);
		break;
	case 2:
		get2(to, from);
		break;
	default:
		get1(to, from);
	}
	return bytes;
}

/* Bytes before the first line boundary, when a whole line follows it; else all of them. */
COPY_BODY size_t head_bytes(const volatile void *device, size_t bytes)
{
	size_t head = -(uintptr_t)device % VFIOWC_LINE_BYTES;

	return head + VFIOWC_LINE_BYTES <= bytes ? head : bytes;
}

COPY_BODY void put_words(volatile char *to, const char *from, size_t bytes)
{
	while (bytes) {
		size_t done = put_word(to, from, bytes);

		to += done;
		from += done;
		bytes -= done;
	}
}

COPY_BODY void get_words(char *to, const volatile char *from, size_t bytes)
{
	while (bytes) {
		size_t done = get_word(to, from, bytes);

		to += done;
		from += done;
		bytes -= done;
	}
}

/* @fence, or NULL: stands before the first and after the last whole line. */
COPY_BODY void copy_to_by(void (*put_line)(volatile char *to, const char *from), void (*fence)(void),
			  volatile char *to, const char *from, size_t bytes)
{
	size_t head = head_bytes(to, bytes), lines = (bytes - head) / VFIOWC_LINE_BYTES;

	put_words(to, from, head);
	to += head;
	from += head;
	bytes -= head + lines * VFIOWC_LINE_BYTES;
	if (fence && lines)
		fence();
	for (size_t i = 0; i < lines; i++) {
		put_line(to, from);
		to += VFIOWC_LINE_BYTES;
		from += VFIOWC_LINE_BYTES;
	}
	if (fence && lines)
		fence();
	put_words(to, from, bytes);
}

COPY_BODY void copy_from_by(void (*get_line)(char *to, const volatile char *from),
			    void (*fence)(void), char *to, const volatile char *from, size_t bytes)
{
	size_t head = head_bytes(from, bytes), lines = (bytes - head) / VFIOWC_LINE_BYTES;

	get_words(to, from, head);
	to += head;
	from += head;
	bytes -= head + lines * VFIOWC_LINE_BYTES;
	if (fence && lines)
		fence();
	for (size_t i = 0; i < lines; i++) {
		get_line(to, from);
		to += VFIOWC_LINE_BYTES;
		from += VFIOWC_LINE_BYTES;
	}
	if (fence && lines)
		fence();
	get_words(to, from, bytes);
}

/* The routine of words, on every CPU. */
COPY_BODY void put_line_words(volatile char *to, const char *from)
{
	put_words(to, from, VFIOWC_LINE_BYTES);
}

COPY_BODY void get_line_words(char *to, const volatile char *from)
{
	get_words(to, from, VFIOWC_LINE_BYTES);
}

#endif
