// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Memory at places drawn anew: see perf.h.
 *
 * An emulator looks a page up in a table that the low bits of its number index. Where the pages of
 * source and target meet in it, a copy is slower, several times if they meet all along; the kernel's
 * addresses and the process's meet in different places. One place would measure its luck: the median
 * of many does not. The numbers are the same in each run, but what the kernel makes of them is not.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "perf.h"

/* A page's offset, so that @bytes fit behind it. */
static size_t draw(size_t bytes)
{
	return (size_t)random() % ((PLACES_BYTES - bytes) / PAGE + 1) * PAGE;
}

static void place_host(struct place *place, unsigned int end, struct ibv_pd *pd, size_t bytes)
{
	uint8_t *map = mmap(NULL, PLACES_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	uint8_t *addr;

	if (map == MAP_FAILED)
		check("memory", errno);
	addr = map + draw(bytes);
	memset(addr, 0x5a, bytes);
	place->map[end] = map;
	place->memory.addr[end] = addr;
	place->memory.mr[end] = got("memory region", ibv_reg_mr(pd, addr, bytes, ACCESS));
}

void place_hosts(struct place *place, struct ibv_pd *pd, size_t bytes)
{
	place_host(place, 0, pd, bytes);
	place_host(place, 1, pd, bytes);
}

void place_slice(struct place *place, struct ibv_pd *pd, size_t bytes, const struct slice *slice,
		 uint8_t *map)
{
	size_t offset = draw(bytes);
	uint64_t iova = (uintptr_t)map + offset;

	place_host(place, 0, pd, bytes);
	place->map[1] = NULL;
	place->memory.addr[1] = map + offset;
	place->memory.mr[1] = got("memory region of a slice",
				  vfiowc_reg_mr(slice->buf, pd, offset, bytes, iova, ACCESS));
}

void place_end(struct place *place)
{
	for (int i = 0; i < 2; i++) {
		check("ibv_dereg_mr", ibv_dereg_mr(place->memory.mr[i]));
		if (place->map[i])
			munmap(place->map[i], PLACES_BYTES);
	}
}
