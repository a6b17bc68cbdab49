// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Routines of x86-64. Stores are ordinary ones: a non-temporal hint means nothing to NC and WC
 * memory. movdir64b follows the rules of WC even on NC memory, so copies put a fence around its
 * lines to keep O1. Streaming loads are bracketed by mfence: lfence does not empty their buffers.
 */
#include <cpuid.h>
#include "copy_body.h"

#define CPUID7_ECX_MOVDIR64B (1u << 28)

static bool always(void)
{
	return true;
}

static bool has_sse41(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("sse4.1");
}

/* Also asks the operating system, which must save the upper halves. */
static bool has_avx2(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx2");
}

static bool has_movdir64b(void)
{
	unsigned int eax, ebx, ecx, edx;

	return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ecx & CPUID7_ECX_MOVDIR64B);
}

static inline void put_line_sse2(volatile char *to, const char *from)
{
	put16(to, from);
	put16(to + 16, from + 16);
	put16(to + 32, from + 32);
	put16(to + 48, from + 48);
}

AVX2 static inline void put_line_avx2(volatile char *to, const char *from)
{
	put32(to, from);
	put32(to + 32, from + 32);
}

static inline void put_line_movdir64b(volatile char *to, const char *from)
{
	put64(to, from);
}

static inline void get_line_sse2(char *to, const volatile char *from)
{
	get16(to, from);
	get16(to + 16, from + 16);
	get16(to + 32, from + 32);
	get16(to + 48, from + 48);
}

static inline void get_line_sse41(char *to, const volatile char *from)
{
	get16_streaming(to, from);
	get16_streaming(to + 16, from + 16);
	get16_streaming(to + 32, from + 32);
	get16_streaming(to + 48, from + 48);
}

AVX2 static inline void get_line_avx2(char *to, const volatile char *from)
{
	get32_streaming(to, from);
	get32_streaming(to + 32, from + 32);
}

static void copy_to_words(volatile char *to, const char *from, size_t bytes)
{
	copy_to_by(put_line_words, NULL, to, from, bytes);
}

static void copy_to_sse2(volatile char *to, const char *from, size_t bytes)
{
	copy_to_by(put_line_sse2, NULL, to, from, bytes);
}

AVX2 static void copy_to_avx2(volatile char *to, const char *from, size_t bytes)
{
	copy_to_by(put_line_avx2, NULL, to, from, bytes);
}

static void copy_to_movdir64b(volatile char *to, const char *from, size_t bytes)
{
	copy_to_by(put_line_movdir64b, fence_lines, to, from, bytes);
}

static void copy_from_words(char *to, const volatile char *from, size_t bytes)
{
	copy_from_by(get_line_words, NULL, to, from, bytes);
}

static void copy_from_sse2(char *to, const volatile char *from, size_t bytes)
{
	copy_from_by(get_line_sse2, NULL, to, from, bytes);
}

static void copy_from_sse41(char *to, const volatile char *from, size_t bytes)
{
	copy_from_by(get_line_sse41, fence_streaming, to, from, bytes);
}

AVX2 static void copy_from_avx2(char *to, const volatile char *from, size_t bytes)
{
	copy_from_by(get_line_avx2, fence_streaming, to, from, bytes);
}

static const struct vfiowc_routine copy_to[] = {
	{ "movdir64b", "movdir64b", has_movdir64b, .one_transaction = true,
	  .copy_to = copy_to_movdir64b },
	{ "avx2", "avx2", has_avx2, .copy_to = copy_to_avx2 },
	{ "sse2", "sse2", always, .copy_to = copy_to_sse2 },
	{ "words", "nothing", always, .copy_to = copy_to_words },
	{},
};

static const struct vfiowc_routine copy_from[] = {
	{ "avx2", "avx2", has_avx2, .copy_from = copy_from_avx2 },
	{ "sse4.1", "sse4.1", has_sse41, .copy_from = copy_from_sse41 },
	{ "sse2", "sse2", always, .copy_from = copy_from_sse2 },
	{ "words", "nothing", always, .copy_from = copy_from_words },
	{},
};

static const struct vfiowc_routine ring_line[] = {
	{ "movdir64b", "movdir64b", has_movdir64b, .one_transaction = true,
	  .put_line = put_line_movdir64b },
	{ "avx2", "avx2", has_avx2, .put_line = put_line_avx2 },
	{ "sse2", "sse2", always, .put_line = put_line_sse2 },
	{ "words", "nothing", always, .put_line = put_line_words },
	{},
};

const struct vfiowc_routine *const vfiowc_routines[NUM_OPS] = { copy_to, copy_from, ring_line };
