/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * The single accesses that copies to and from a device consist of: each function is exactly one
 * instruction on the device's side, which the compiler can neither split, merge, drop nor repeat
 * (O1). The device's address is naturally aligned, that of host memory need not be.
 *
 * put<N>(device, host) stores N bytes, get<N>(host, device) loads N bytes. Tests put counting
 * functions in their place.
 */
#ifndef VFIOWC_ACCESS_H
#define VFIOWC_ACCESS_H

#include <stdint.h>
#include <string.h>

#define DEFINE_WORD(bytes, type, store, load)                                                      \
	static inline void put##bytes(volatile void *device, const void *host)                     \
	{                                                                                          \
		type value;                                                                        \
                                                                                                   \
		memcpy(&value, host, sizeof(value));                                               \
		__asm__ __volatile__(store : "=m"(*(volatile type *)device) : "r"(value));         \
	}                                                                                          \
                                                                                                   \
	static inline void get##bytes(void *host, const volatile void *device)                     \
	{                                                                                          \
		type value;                                                                        \
                                                                                                   \
		__asm__ __volatile__(load : "=r"(value) : "m"(*(const volatile type *)device));    \
		memcpy(host, &value, sizeof(value));                                               \
	}

#if defined(__x86_64__)

#include <immintrin.h>

DEFINE_WORD(1, uint8_t, "movb %b1, %0", "movb %1, %b0")
DEFINE_WORD(2, uint16_t, "movw %w1, %0", "movw %1, %w0")
DEFINE_WORD(4, uint32_t, "movl %k1, %0", "movl %1, %k0")
DEFINE_WORD(8, uint64_t, "movq %q1, %0", "movq %1, %q0")

static inline void put16(volatile void *device, const void *host)
{
	__m128i value = _mm_loadu_si128((const __m128i_u *)host);

	__asm__ __volatile__("movdqa %1, %0" : "=m"(*(volatile __m128i *)device) : "x"(value));
}

static inline void get16(void *host, const volatile void *device)
{
	__m128i value;

	__asm__ __volatile__("movdqa %1, %0"
			     : "=x"(value) : "m"(*(const volatile __m128i *)device));
	_mm_storeu_si128((__m128i_u *)host, value);
}

/* Streaming: as get16() on NC; on WC the four loads of a line are answered by one read of it. */
static inline void get16_streaming(void *host, const volatile void *device)
{
	__m128i value;

	__asm__ __volatile__("movntdqa %1, %0"
			     : "=x"(value) : "m"(*(const volatile __m128i *)device));
	_mm_storeu_si128((__m128i_u *)host, value);
}

#define AVX2 __attribute__((target("avx2")))

AVX2 static inline void put32(volatile void *device, const void *host)
{
	__m256i value = _mm256_loadu_si256((const __m256i_u *)host);

	__asm__ __volatile__("vmovdqa %1, %0" : "=m"(*(volatile __m256i *)device) : "x"(value));
}

AVX2 static inline void get32_streaming(void *host, const volatile void *device)
{
	__m256i value;

	__asm__ __volatile__("vmovntdqa %1, %0"
			     : "=x"(value) : "m"(*(const volatile __m256i *)device));
	_mm256_storeu_si256((__m256i_u *)host, value);
}

/* One write of 64 bytes. It is weakly ordered whatever the memory type, even NC. */
static inline void put64(volatile void *device, const void *host)
{
	__asm__ __volatile__("movdir64b %0, %1"
			     : : "m"(*(const char (*)[64])host), "r"(device) : "memory");
}

/* The copy's own fences; no call of the contract, so no flush that a checked map sees. */
static inline void fence_lines(void)
{
	__asm__ __volatile__("sfence" ::: "memory");
}

static inline void fence_streaming(void)
{
	__asm__ __volatile__("mfence" ::: "memory");
}

#else /* arm64 */

#undef AVX2

DEFINE_WORD(1, uint8_t, "strb %w1, %0", "ldrb %w0, %1")
DEFINE_WORD(2, uint16_t, "strh %w1, %0", "ldrh %w0, %1")
DEFINE_WORD(4, uint32_t, "str %w1, %0", "ldr %w0, %1")
DEFINE_WORD(8, uint64_t, "str %x1, %0", "ldr %x0, %1")

/* 32 bytes, two registers of 16. */
static inline void put32(volatile void *device, const void *host)
{
	__asm__ __volatile__("ldp q0, q1, [%1]\n\tstp q0, q1, [%0]"
			     : : "r"(device), "r"(host) : "v0", "v1", "memory");
}

static inline void get32(void *host, const volatile void *device)
{
	__asm__ __volatile__("ldp q0, q1, [%1]\n\tstp q0, q1, [%0]"
			     : : "r"(host), "r"(device) : "v0", "v1", "memory");
}

#define OCTET "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15"

/* One write, or read, of 64 bytes; faults where the memory does not take it. */
static inline void put64(volatile void *device, const void *host)
{
	__asm__ __volatile__(".arch_extension ls64\n\t"
			     "ldp x8, x9, [%1]\n\tldp x10, x11, [%1, #16]\n\t"
			     "ldp x12, x13, [%1, #32]\n\tldp x14, x15, [%1, #48]\n\t"
			     "st64b x8, [%0]"
			     : : "r"(device), "r"(host) : OCTET, "memory");
}

static inline void get64(void *host, const volatile void *device)
{
	__asm__ __volatile__(".arch_extension ls64\n\t"
			     "ld64b x8, [%1]\n\t"
			     "stp x8, x9, [%0]\n\tstp x10, x11, [%0, #16]\n\t"
			     "stp x12, x13, [%0, #32]\n\tstp x14, x15, [%0, #48]"
			     : : "r"(host), "r"(device) : OCTET, "memory");
}

#undef OCTET

#endif

#undef DEFINE_WORD

#endif
