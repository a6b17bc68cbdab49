// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * rdma-ratios: measures the software device against its peers, in interleaved pairs.
 *
 * Usage: rdma-ratios PAIRS copies|tags|reg BDF BAR, or rdma-ratios PAIRS rxe|scale
 *
 * Each line of the output is KEY FIRST SECOND: one pair, nanoseconds of one operation of the software device and
 * of what it is compared with; or KEY FIGURE. Who comes first alternates. `copies` and `tags` run on one processor,
 * as one thread: what is compared there is two ways for the same CPU to move the same bytes.
 */
#include <err.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "perf.h"

#define OURS "vfiowc0"
#define RXE "rxe0"
#define COPIES 16
#define QPS 1000
#define MRS 2000

/* What one side of a pair measures. */
struct side {
	double (*run)(const struct side *side);
	struct ends *ends;
	const struct memory *memory;
	struct load load;
	const struct slice *slice;
	size_t bytes;
	struct crowd *crowd;
	unsigned int qps, mrs;
	bool tagged;
};

/* Caches, and what is done once. */
static void warm_up(const struct side *first, const struct side *second)
{
	first->run(first);
	second->run(second);
}

static void pair(const char *key, bool second_begins, const struct side *first,
		 const struct side *second)
{
	double a, b = 0;

	if (second_begins)
		b = second->run(second);
	a = first->run(first);
	if (!second_begins)
		b = second->run(second);
	printf("%s %.2f %.2f\n", key, a, b);
}

static void pairs(const char *key, unsigned int number, const struct side *first,
		  const struct side *second)
{
	warm_up(first, second);
	for (unsigned int i = 0; i < number; i++)
		pair(key, i % 2, first, second);
	fflush(stdout);
}

static double run_throughput(const struct side *side)
{
	return load_throughput(side->ends, side->memory, &side->load);
}

static double run_latency(const struct side *side)
{
	return load_latency(side->ends, side->memory, side->load.count);
}

static double run_kernel_copy(const struct side *side)
{
	return copy_by_kernel(side->memory->addr[1], side->memory->addr[0], MIB, COPIES);
}

static double run_cpu_copy(const struct side *side)
{
	return copy_by_cpu(side->memory->addr[1], side->memory->addr[0], MIB, COPIES);
}

static double run_registration(const struct side *side)
{
	return register_slice(side->ends, side->slice, side->bytes, side->load.count);
}

static double run_tagged(const struct side *side)
{
	return write_tagged(side->ends, side->memory, side->slice, &side->load, side->tagged);
}

static double run_crowd(const struct side *side)
{
	return crowd_writes(side->crowd, side->qps, side->mrs, side->load.count);
}

static void pin(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	check("pinning to a processor", sched_setaffinity(0, sizeof(set), &set) ? errno : 0);
}

/* Each pair at another place in memory: how fast a copy is depends on it (place.c). */
static void measure_copies(unsigned int number, const char *bdf, unsigned int bar)
{
	const struct load load = { MIB, 1, COPIES };
	struct slice slice;
	struct place place;
	struct ends ends;
	const struct side write = {
		.run = run_throughput, .ends = &ends, .memory = &place.memory, .load = load,
	};
	const struct side by_kernel = { .run = run_kernel_copy, .memory = &place.memory };
	const struct side by_cpu = { .run = run_cpu_copy, .memory = &place.memory };
	uint8_t *map;

	pin();
	ends_open(&ends, OURS);
	slice_open(&slice, bdf, bar, PLACES_BYTES);
	map = vfiowc_map_addr(got("mapping", vfiowc_map(slice.buf, 0, slice.bytes, 0)));
	for (unsigned int i = 0; i < number; i++) {
		place_hosts(&place, ends.pd, MIB);
		warm_up(&write, &by_kernel);
		pair("write_bw_1m_vs_kernel_copy", i % 2, &write, &by_kernel);
		place_end(&place);

		place_slice(&place, ends.pd, MIB, &slice, map);
		warm_up(&write, &by_cpu);
		pair("p2p_write_bw_1m_vs_cpu_copy", i % 2, &write, &by_cpu);
		place_end(&place);
	}
	fflush(stdout);
}

/* Software ignores tags: what differs here is the noise, or a fault. */
static void measure_tags(unsigned int number, const char *bdf, unsigned int bar)
{
	struct ends ends;
	struct memory host;
	struct slice slice;
	struct side on, off;

	pin();
	ends_open(&ends, OURS);
	host_memory(&host, ends.pd, 65536);
	slice_open(&slice, bdf, bar, 65536);
	on = (struct side){ .run = run_tagged, .ends = &ends, .memory = &host, .slice = &slice,
			    .load = { 65536, 1, 256 }, .tagged = true };
	off = on;
	off.tagged = false;
	pairs("tags_on_off", number, &on, &off);
}

/* Count for rxe, and for us: about as long. */
struct versus {
	const char *key;
	struct load load;
	unsigned int ours;
	double (*run)(const struct side *side);
};

static void measure_rxe(unsigned int number)
{
	static const struct versus all[] = {
		{ "write_bw_64k_vs_rxe", { 65536, 1, 64 }, 1024, run_throughput },
		{ "write_lat_8b_vs_rxe", { 8, 1, 96 }, 1600, run_latency },
		{ "msg_rate_8b_vs_rxe", { 8, 1, 1600 }, 6400, run_throughput },
		{ "msg_rate_8b_list16_vs_rxe", { 8, 16, 1600 }, 24000, run_throughput },
	};
	struct ends ours, rxe;
	struct memory our_memory, rxe_memory;

	pin(); /* rxe has the other processor for its own threads */
	ends_open(&ours, OURS);
	ends_open(&rxe, RXE);
	host_memory(&our_memory, ours.pd, MIB);
	host_memory(&rxe_memory, rxe.pd, MIB);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct side second = {
			.run = all[i].run, .ends = &rxe, .memory = &rxe_memory, .load = all[i].load,
		};
		struct side first = second;

		first.ends = &ours;
		first.memory = &our_memory;
		first.load.count = all[i].ours;
		pairs(all[i].key, number, &first, &second);
	}
	for (unsigned int i = 0; i < number; i++) {
		printf("doorbell_empty_ns %.2f\n", load_doorbell(&ours, 5000));
		printf("post_send_empty_ns %.2f\n", load_post_send(&ours, 5000));
	}
}

static void measure_registration(unsigned int number, const char *bdf, unsigned int bar)
{
	struct slice slice;
	struct ends ends;
	struct side big, small;

	ends_open(&ends, OURS);
	slice_open(&slice, bdf, bar, (size_t)1024 * MIB);
	big = (struct side){ .run = run_registration, .ends = &ends, .load = { .count = 32 },
			     .slice = &slice, .bytes = slice.bytes };
	small = big;
	small.bytes = PAGE;
	pairs("reg_1g_vs_4k", number, &big, &small);
}

static void measure_scale(unsigned int number)
{
	struct ends ends;
	struct side many, one;

	pin();
	ends_open(&ends, OURS);
	many = (struct side){ .run = run_crowd, .ends = &ends, .load = { .count = 16 * QPS },
			      .crowd = crowd_open(&ends, QPS, MRS), .qps = QPS, .mrs = MRS };
	one = many;
	one.qps = 1;
	one.mrs = 2;
	crowd_settle(many.crowd, QPS, MRS, many.load.count);
	pairs("op_1000_qps_2000_mrs_vs_1", number, &many, &one);
}

static const struct part {
	const char *name;
	void (*of_bar)(unsigned int number, const char *bdf, unsigned int bar);
	void (*alone)(unsigned int number);
} parts[] = {
	{ "copies", .of_bar = measure_copies },
	{ "tags", .of_bar = measure_tags },
	{ "reg", .of_bar = measure_registration },
	{ "rxe", .alone = measure_rxe },
	{ "scale", .alone = measure_scale },
};

int main(int argc, char **argv)
{
	unsigned int number = argc > 1 ? (unsigned int)atoi(argv[1]) : 0;

	for (size_t i = 0; number && i < sizeof(parts) / sizeof(parts[0]); i++) {
		const struct part *part = &parts[i];

		if (argc != (part->of_bar ? 5 : 3) || strcmp(argv[2], part->name))
			continue;
		if (part->of_bar)
			part->of_bar(number, argv[3], (unsigned int)atoi(argv[4]));
		else
			part->alone(number);
		return 0;
	}
	errx(2, "usage: rdma-ratios PAIRS copies|tags|reg BDF BAR, or rdma-ratios PAIRS rxe|scale");
}
