/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * Stands in for libibverbs/access.h (it is included first and takes its guard): the same functions
 * move the bytes and write down address and size of what the device would see.
 */
#ifndef VFIOWC_ACCESS_H
#define VFIOWC_ACCESS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct access {
	uintptr_t device;
	size_t bytes; /* 0: a fence */
};

#define MAX_ACCESSES 256
extern struct access accesses[MAX_ACCESSES];
extern unsigned int num_accesses;

static inline void note(const volatile void *device, size_t bytes)
{
	accesses[num_accesses % MAX_ACCESSES] = (struct access){ (uintptr_t)device, bytes };
	num_accesses++;
}

#define COUNT_PUT(name, bytes)                                                                     \
	static inline void name(volatile void *device, const void *host)                           \
	{                                                                                          \
		note(device, bytes);                                                               \
		memcpy((void *)(uintptr_t)device, host, bytes);                                    \
	}
#define COUNT_GET(name, bytes)                                                                     \
	static inline void name(void *host, const volatile void *device)                           \
	{                                                                                          \
		note(device, bytes);                                                               \
		memcpy(host, (const void *)(uintptr_t)device, bytes);                              \
	}

COUNT_PUT(put1, 1)
COUNT_PUT(put2, 2)
COUNT_PUT(put4, 4)
COUNT_PUT(put8, 8)
COUNT_PUT(put64, 64)
COUNT_GET(get1, 1)
COUNT_GET(get2, 2)
COUNT_GET(get4, 4)
COUNT_GET(get8, 8)

#if defined(__x86_64__)
#define AVX2
COUNT_PUT(put16, 16)
COUNT_PUT(put32, 32)
COUNT_GET(get16, 16)
COUNT_GET(get16_streaming, 16)
COUNT_GET(get32_streaming, 32)

static inline void fence_lines(void)
{
	note(NULL, 0);
}

static inline void fence_streaming(void)
{
	note(NULL, 0);
}
#else
/* Two registers of 16 bytes. */
static inline void put32(volatile void *device, const void *host)
{
	note(device, 16);
	note((volatile char *)device + 16, 16);
	memcpy((void *)(uintptr_t)device, host, 32);
}

static inline void get32(void *host, const volatile void *device)
{
	note(device, 16);
	note((const volatile char *)device + 16, 16);
	memcpy(host, (const void *)(uintptr_t)device, 32);
}

COUNT_GET(get64, 64)
#endif

#endif
