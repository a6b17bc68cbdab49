// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Routines of arm64. st64b and ld64b end in a bus error on memory that does not take accesses of 64
 * bytes, and only the device's driver knows: they are used when asked for, never otherwise.
 */
#include <sys/auxv.h>
#include "copy_body.h"

/* Of <sys/auxv.h> and <asm/hwcap.h> where these are new enough. */
#ifndef AT_HWCAP3
#define AT_HWCAP3 29
#endif
#ifndef HWCAP3_LS64
#define HWCAP3_LS64 (1UL << 3)
#endif

static bool always(void)
{
	return true;
}

static bool has_ls64(void)
{
	return getauxval(AT_HWCAP3) & HWCAP3_LS64;
}

static inline void put_line_neon(volatile char *to, const char *from)
{
	put32(to, from);
	put32(to + 32, from + 32);
}

static inline void put_line_st64b(volatile char *to, const char *from)
{
	put64(to, from);
}

static inline void get_line_neon(char *to, const volatile char *from)
{
	get32(to, from);
	get32(to + 32, from + 32);
}

static inline void get_line_ld64b(char *to, const volatile char *from)
{
	get64(to, from);
}

static void copy_to_words(volatile char *to, const char *from, size_t bytes)
{
	copy_to_by(put_line_words, NULL, to, from, bytes);
}

static void copy_to_neon(volatile char *to, const char *from, size_t bytes)
{
	copy_to_by(put_line_neon, NULL, to, from, bytes);
}

static void copy_to_st64b(volatile char *to, const char *from, size_t bytes)
{
	copy_to_by(put_line_st64b, NULL, to, from, bytes);
}

static void copy_from_words(char *to, const volatile char *from, size_t bytes)
{
	copy_from_by(get_line_words, NULL, to, from, bytes);
}

static void copy_from_neon(char *to, const volatile char *from, size_t bytes)
{
	copy_from_by(get_line_neon, NULL, to, from, bytes);
}

static void copy_from_ld64b(char *to, const volatile char *from, size_t bytes)
{
	copy_from_by(get_line_ld64b, NULL, to, from, bytes);
}

static const struct vfiowc_routine copy_to[] = {
	{ "st64b", "ls64", has_ls64, .asked_only = true, .one_transaction = true,
	  .copy_to = copy_to_st64b },
	{ "neon", "asimd", always, .copy_to = copy_to_neon },
	{ "words", "nothing", always, .copy_to = copy_to_words },
	{},
};

static const struct vfiowc_routine copy_from[] = {
	{ "ld64b", "ls64", has_ls64, .asked_only = true, .one_transaction = true,
	  .copy_from = copy_from_ld64b },
	{ "neon", "asimd", always, .copy_from = copy_from_neon },
	{ "words", "nothing", always, .copy_from = copy_from_words },
	{},
};

static const struct vfiowc_routine ring_line[] = {
	{ "st64b", "ls64", has_ls64, .asked_only = true, .one_transaction = true,
	  .put_line = put_line_st64b },
	{ "neon", "asimd", always, .put_line = put_line_neon },
	{ "words", "nothing", always, .put_line = put_line_words },
	{},
};

const struct vfiowc_routine *const vfiowc_routines[NUM_OPS] = { copy_to, copy_from, ring_line };
