// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * The copy limit: how fast a CPU moves bytes between host memory and a slice, or host memory and host
 * memory, with plain unrolled 8-byte moves: the same way the software RDMA device moves them, and
 * nothing else. What `./lab perf` compares the device with.
 *
 * Usage: copy-limit BYTES [BDF BAR]; prints nanoseconds of one copy of BYTES, to and from.
 *
 * O2: each copy to the slice ends with a flush, inside the measured time.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <infiniband/vfiowc.h>
#include <infiniband/vfiowc_order.h>

#define PAGE 4096u
/* Source and destination must not be a multiple of 4 MiB apart: emulators' TLBs alias there. */
#define ODD_PAGES (37 * PAGE)
#define ROOM (8u << 20)
#define BATCHES 15
#define BATCH_NS 2000000u

static void copy(volatile uint64_t *to, const volatile uint64_t *from, size_t bytes)
{
	size_t words = bytes / 8;

	for (; words >= 8; words -= 8, to += 8, from += 8) {
		uint64_t a = from[0], b = from[1], c = from[2], d = from[3];
		uint64_t e = from[4], f = from[5], g = from[6], h = from[7];

		to[0] = a, to[1] = b, to[2] = c, to[3] = d;
		to[4] = e, to[5] = f, to[6] = g, to[7] = h;
	}
	while (words--)
		*to++ = *from++;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Median over batches; the clock is read once for a batch that takes long enough to be measured. */
static double measure(void *to, const void *from, size_t bytes)
{
	double ns[BATCHES];

	for (int i = 0; i < BATCHES; i++) {
		uint64_t start = now_ns(), end;
		unsigned long copies = 0;

		do {
			for (int j = 0; j < 16; j++)
				copy(to, from, bytes);
			vfiowc_wc_flush();
			copies += 16;
			end = now_ns();
		} while (end - start < BATCH_NS);
		ns[i] = (double)(end - start) / copies;
	}
	qsort(ns, BATCHES, sizeof(ns[0]), by_size);
	return ns[BATCHES / 2];
}

static void *map_slice(const char *bdf, unsigned int bar)
{
	const enum vfiowc_mem_type type = VFIOWC_MEM_WC;
	struct vfiowc_export_attr attr = { .bar = bar, .length = ROOM, .types = &type, .num_types = 1 };
	struct vfiowc_device *dev = vfiowc_open_device(bdf);
	struct vfiowc_buf *buf = dev ? vfiowc_export(dev, &attr, sizeof(attr)) : NULL;
	struct vfiowc_mapping *map = buf ? vfiowc_map(buf, 0, ROOM, 0) : NULL;

	if (!map)
		fprintf(stderr, "copy-limit: %s BAR %u: %s\n", bdf, bar, strerror(errno));
	/* The device is closed by the process' end. */
	return map ? vfiowc_map_addr(map) : NULL;
}

static void *map_host(void)
{
	void *map = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return map == MAP_FAILED ? NULL : map;
}

int main(int argc, char **argv)
{
	size_t bytes = argc > 1 ? strtoul(argv[1], NULL, 0) : 0;
	uint8_t *host = map_host(), *other;
	double to, from;

	if ((argc != 2 && argc != 4) || !bytes || bytes % 8 || bytes > ROOM - ODD_PAGES) {
		fprintf(stderr, "Usage: copy-limit BYTES [BDF BAR]\n");
		return 2;
	}
	other = argc == 4 ? map_slice(argv[2], atoi(argv[3])) : map_host();
	if (!host || !other)
		return 1;
	to = measure(other, host + ODD_PAGES, bytes);
	from = measure(host + ODD_PAGES, other, bytes);
	printf("%.2f %.2f\n", to, from);
	return 0;
}
