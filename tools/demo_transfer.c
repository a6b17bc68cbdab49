// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * `vfiowc demo`: data in every direction: NIC to BAR and back, CPU to BAR to NIC, and the doorbell
 * from both. Every byte is compared with what the seed says, by the agent that did not write it.
 *
 * Rules: O5i (the READ on the same QP proves that the WRITE is delivered), with vfiowc_acquire()
 * before the CPU loads; O2 and O4 for CPU stores that the NIC reads; O7 for the NIC's data before
 * the CPU's doorbell; O15 (a buffer is reused after its work request's CQE only).
 */
#include <inttypes.h>
#include <string.h>
#include <infiniband/vfiowc_order.h>

#include "demo.h"
#include "pattern.h"

/* Odd sizes and odd addresses among them: not every transfer is a page. */
static const uint32_t write_bytes[] = { 8, 4093, DATA_BLOCK_BYTES - 8 - 4093 };

static int mismatch(struct demo *d, const char *who, const struct slice *slice, uint64_t offset,
		    uint8_t got, uint8_t want)
{
	return demo_fail(d, d->bdf,
			 "%s reads 0x%02x at slice %s + 0x%" PRIx64 ", seed %" PRIu64
			 " says 0x%02x",
			 who, got, slice->name, offset, d->seed, want);
}

/** demo_check_cpu() - what the CPU loads from a slice, against what it must hold */
int demo_check_cpu(struct demo *d, const struct slice *slice, uint64_t offset, const uint8_t *want,
		   size_t bytes)
{
	/* O5: the CQE that proved delivery came first; WC loads may have been made before it. */
	vfiowc_acquire();
	for (size_t i = 0; i < bytes; i++) {
		uint8_t got = slice->cpu[offset + i];

		if (got != want[i])
			return mismatch(d, "the CPU", slice, offset + i, got, want[i]);
	}
	return 0;
}

/** demo_check_host() - what a READ brought to nic.in, against what it must hold */
int demo_check_host(struct demo *d, const struct slice *slice, uint64_t offset, const uint8_t *want,
		    size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		if (d->nic.in[i] != want[i])
			return mismatch(d, "the RDMA device", slice, offset + i, d->nic.in[i],
					want[i]);
	}
	return 0;
}

/* The whole of a block by one READ. O5i: its CQE also proves that earlier WRITEs are delivered. */
static int read_back(struct demo *d, const struct slice *slice, uint64_t offset,
		     const uint8_t *want, uint32_t bytes)
{
	/* So that a READ which moves nothing is not taken for one that brought the right bytes. */
	for (uint32_t i = 0; i < bytes; i++)
		d->nic.in[i] = ~want[i];
	if (demo_transfer(d, IBV_WR_RDMA_READ, slice, offset, d->nic.in, bytes))
		return -1;
	return demo_check_host(d, slice, offset, want, bytes);
}

/* Host memory -> slice by WRITE, slice -> host memory by READ, and the CPU looks as well. */
int demo_write(struct demo *d)
{
	const struct slice *data = &d->slices[SLICE_DATA];
	unsigned int first = d->num_works;
	uint8_t *out = d->nic.out;
	uint32_t done = 0;

	pattern_fill(d->seed, PATTERN_WRITE, out, DATA_BLOCK_BYTES);
	for (size_t i = 0; i < sizeof(write_bytes) / sizeof(write_bytes[0]); i++) {
		if (demo_transfer(d, IBV_WR_RDMA_WRITE, data, DATA_WRITE + done, out + done,
				  write_bytes[i]))
			return -1;
		done += write_bytes[i];
	}
	if (read_back(d, data, DATA_WRITE, out, done) ||
	    demo_check_cpu(d, data, DATA_WRITE, out, done))
		return -1;
	demo_verified(d, first);
	demo_say(d, "%u bytes from host memory to slice data by %zu WRITEs, back by READ: equal",
		 done, sizeof(write_bytes) / sizeof(write_bytes[0]));
	demo_say(d, "the same bytes through the CPU's WC mapping: equal");
	return 0;
}

static void store_wc(volatile uint8_t *to, const uint8_t *from, size_t bytes)
{
	volatile uint64_t *word = (volatile uint64_t *)to;
	uint64_t value;

	for (size_t i = 0; i < bytes / 8; i++) {
		memcpy(&value, from + 8 * i, 8);
		word[i] = value;
	}
}

/* The CPU stores through the WC mapping, and the NIC reads. */
int demo_cpu(struct demo *d)
{
	const struct slice *data = &d->slices[SLICE_DATA];
	const volatile uint8_t *nc_word = d->slices[SLICE_DOORBELL].cpu;
	unsigned int first = d->num_works;
	uint8_t *out = d->nic.out;

	pattern_fill(d->seed, PATTERN_CPU, out, DATA_BLOCK_BYTES);
	store_wc(data->cpu + DATA_CPU, out, DATA_BLOCK_BYTES);
	vfiowc_wc_flush(); /* O2: posted */
	vfiowc_deliver(
		nc_word); /* O4: delivered, so the NIC's READ, by its other path, finds them */
	if (read_back(d, data, DATA_CPU, out, DATA_BLOCK_BYTES))
		return -1;
	demo_verified(d, first);
	demo_say(
		d,
		"%u bytes stored by the CPU through WC, flushed (O2), delivered (O4); READ by %s: equal",
		DATA_BLOCK_BYTES, d->rdma);
	return 0;
}

static void to_little_endian(uint32_t value, uint8_t *bytes)
{
	for (unsigned int i = 0; i < 4; i++)
		bytes[i] = value >> 8 * i;
}

static int ring_by_cpu(struct demo *d, uint32_t value)
{
	const struct slice *bell = &d->slices[SLICE_DOORBELL];
	uint8_t want[4];

	to_little_endian(value, want);
	/*
	 * O7: the WRITEs of earlier steps are delivered: their READs said so and are complete.
	 * O2: the CPU's own WC stores were flushed by vfiowc_deliver().
	 */
	vfiowc_ring32(bell->cpu, value);
	vfiowc_deliver(bell->cpu); /* O4: the NIC reads it next */
	return read_back(d, bell, 0, want, sizeof(want));
}

static int ring_by_rdma(struct demo *d, uint32_t value)
{
	const struct slice *bell = &d->slices[SLICE_DOORBELL];
	uint8_t *want = d->nic.out;

	to_little_endian(value, want);
	if (demo_transfer(d, IBV_WR_RDMA_WRITE, bell, 0, want, sizeof(value)))
		return -1;
	return read_back(d, bell, 0, want, sizeof(value)) ||
	       demo_check_cpu(d, bell, 0, want, sizeof(value));
}

int demo_doorbell(struct demo *d)
{
	struct pattern pattern = pattern_start(d->seed, PATTERN_DOORBELL);
	/* The lowest two bits tell who rang, and that it was rung at all. */
	uint32_t by_cpu = (pattern_next(&pattern) & ~3u) | 1;
	uint32_t by_rdma = (pattern_next(&pattern) & ~3u) | 2;
	json_object *report = json_object_new_object();
	volatile uint32_t *word = (volatile uint32_t *)d->slices[SLICE_DOORBELL].cpu;
	unsigned int first = d->num_works;
	int err;

	report_set(d->report, "doorbell", report);
	err = ring_by_cpu(d, by_cpu);
	report_set(report, "cpu_rung", json_object_new_boolean(!err));
	if (err)
		return -1;
	err = ring_by_rdma(d, by_rdma);
	report_set(report, "rdma_rung", json_object_new_boolean(!err));
	report_set(report, "value", json_object_new_uint64(*word));
	if (err)
		return -1;
	demo_verified(d, first);
	demo_say(d, "rung by the CPU (ring32): 0x%08x, READ by %s: equal", by_cpu, d->rdma);
	demo_say(d, "rung by %s (4-byte WRITE): 0x%08x, loaded by the CPU: equal", d->rdma, *word);
	return 0;
}
