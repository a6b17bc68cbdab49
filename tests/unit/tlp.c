// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Headers of PCIe memory requests against vectors written by hand from the figures of the PCI Express
 * Base Specification 5.0: 2.2.1 (Figure "Generic TLP Header": Fmt 31:29, Type 28:24, TC 22:20, TH 16,
 * TD 15, EP 14, Attr[1:0] 13:12, AT 11:10, Length 9:0), 2.2.5 (byte enables), 2.2.7 (memory requests:
 * Requester ID 31:16, Tag 15:8, Last DW BE 7:4, First DW BE 3:0), 2.2.7.1.1 (TPH: PH in the low two
 * bits of the last header DW, ST[7:0] in the Tag of a write and in the BE byte of a read), 2.2.10.2
 * (End-End TLP prefix, Extended TPH: first byte 100 1 0000b, ST[15:8] in the second).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tlp.h"

static const struct tlp_limits limits = { .payload_bytes = 256, .read_bytes = 512 };

static void assert_first(struct tlp_transfer transfer, const char *expected)
{
	char text[TLP_TEXT_LEN];
	struct tlp tlp;

	assert_true(tlp_first(&transfer, &limits, &tlp));
	tlp_format(&tlp, text);
	assert_string_equal(text, expected);
}

/* Fmt 010 (3 DW, data), 2 DW, both BE full. */
static void write_below_4_gib_has_three_dws(void **state)
{
	(void)state;
	assert_first((struct tlp_transfer){ .write = true, .address = 0xfe001000, .bytes = 8 },
		     "MWr 40000002 000000ff fe001000");
}

/* Fmt 011 (4 DW, data): address bits 63:32 come first. */
static void write_above_4_gib_has_four_dws(void **state)
{
	(void)state;
	assert_first((struct tlp_transfer){ .write = true, .address = 0x1234fe001000, .bytes = 8 },
		     "MWr 60000002 000000ff 00001234 fe001000");
}

/* Fmt 000 (3 DW, no data). */
static void read_carries_no_data(void **state)
{
	(void)state;
	assert_first((struct tlp_transfer){ .address = 0xfe001000, .bytes = 8 },
		     "MRd 00000002 000000ff fe001000");
	assert_first((struct tlp_transfer){ .address = 0x1fe001000, .bytes = 4 },
		     "MRd 20000001 0000000f 00000001 fe001000");
}

/* TH is bit 16; ST 0x5a in the tag byte; PH 2 in the address' low bits. */
static void tagged_write_has_its_st_in_the_tag(void **state)
{
	(void)state;
	assert_first((struct tlp_transfer){ .write = true, .ns = TLP_ST, .st = 0x5a, .ph = 2,
					    .address = 0xfe001000, .bytes = 8 },
		     "MWr 40010002 00005aff fe001002");
}

/* The same read; its ST takes the place of the byte enables. */
static void tagged_read_has_its_st_in_the_byte_enables(void **state)
{
	(void)state;
	assert_first((struct tlp_transfer){ .ns = TLP_ST, .st = 0x5a, .ph = 3, .address = 0xfe001000,
					    .bytes = 8 },
		     "MRd 00010002 0000005a fe001003");
}

/* ST 0xbeef: 0xbe in the prefix, 0xef in the header. */
static void extended_tag_has_its_upper_half_in_a_prefix(void **state)
{
	(void)state;
	assert_first((struct tlp_transfer){ .write = true, .ns = TLP_ST_EXT, .st = 0xbeef, .ph = 1,
					    .address = 0x1fe001000, .bytes = 4 },
		     "MWr 90be0000 60010001 0000ef0f 00000001 fe001001");
	assert_first((struct tlp_transfer){ .ns = TLP_ST_EXT, .st = 0xbeef, .ph = 1,
					    .address = 0xfe001000, .bytes = 64 },
		     "MRd 90be0000 00010010 000000ef fe001001");
}

/* A tag of 0 is a tag: TH says so. A hint without one is not sent. */
static void tag_zero_sets_th_and_no_tag_does_not(void **state)
{
	(void)state;
	assert_first((struct tlp_transfer){ .write = true, .ns = TLP_ST, .address = 0x1000, .bytes = 4 },
		     "MWr 40010001 0000000f 00001000");
	assert_first((struct tlp_transfer){ .write = true, .st = 0x5a, .ph = 3, .address = 0x1000,
					    .bytes = 4 }, "MWr 40000001 0000000f 00001000");
}

static void relaxed_ordering_is_an_attribute(void **state)
{
	(void)state;
	assert_first((struct tlp_transfer){ .write = true, .relaxed = true, .address = 0x1000, .bytes = 4 },
		     "MWr 40002001 0000000f 00001000");
}

/* 2.2.5: one bit for each byte, from the lowest; one DW has no Last BE. */
static void byte_enables_name_the_bytes(void **state)
{
	(void)state;
	assert_first((struct tlp_transfer){ .write = true, .address = 0x1001, .bytes = 1 },
		     "MWr 40000001 00000002 00001000");
	assert_first((struct tlp_transfer){ .write = true, .address = 0x1001, .bytes = 2 },
		     "MWr 40000001 00000006 00001000");
	assert_first((struct tlp_transfer){ .write = true, .address = 0x1003, .bytes = 2 },
		     "MWr 40000002 00000018 00001000");
	assert_first((struct tlp_transfer){ .write = true, .address = 0x1002, .bytes = 9 },
		     "MWr 40000003 0000007c 00001000");
}

/* 4096 bytes are 1024 DW, which the ten bits of Length write as 0. */
static void length_of_1024_dws_is_zero(void **state)
{
	const struct tlp_limits large = { .payload_bytes = 4096, .read_bytes = 4096 };
	struct tlp_transfer transfer = { .address = 0x2000, .bytes = 4096 };
	char text[TLP_TEXT_LEN];
	struct tlp tlp;

	(void)state;
	assert_true(tlp_first(&transfer, &large, &tlp));
	tlp_format(&tlp, text);
	assert_string_equal(text, "MRd 00000000 000000ff 00002000");
	assert_false(tlp_first(&transfer, &large, &tlp));
}

/* Neither the payload limit nor a 4 KiB boundary is crossed, and every byte moves once. */
static void transfer_is_split_at_limits_and_pages(void **state)
{
	struct tlp_transfer write = { .write = true, .address = 0x1e40, .bytes = 640 };
	const uint32_t sizes[] = { 192, 256, 192 };
	const uint32_t addresses[] = { 0x1e40, 0x1f00, 0x2000 };
	struct tlp tlp;

	(void)state;
	assert_int_equal(tlp_count(&write, &limits), 3);
	for (size_t i = 0; i < 3; i++) {
		assert_true(tlp_first(&write, &limits, &tlp));
		assert_int_equal(tlp.bytes, sizes[i]);
		assert_int_equal(tlp.dw[2], addresses[i]);
	}
	assert_false(tlp_first(&write, &limits, &tlp));
}

static void reads_follow_the_read_limit(void **state)
{
	const struct tlp_transfer read = { .address = 0x10000, .bytes = 65536 };
	const struct tlp_transfer write = { .write = true, .address = 0x10000, .bytes = 65536 };

	(void)state;
	assert_int_equal(tlp_count(&read, &limits), 128);
	assert_int_equal(tlp_count(&write, &limits), 256);
}

/* As a damaged trace may say; counted one by one it would take years. */
static void count_of_any_length_is_told_at_once(void **state)
{
	const struct tlp_transfer longest = { .address = 0x1ff, .bytes = UINT64_MAX };
	const struct tlp_transfer aligned = { .bytes = 1ULL << 63 };
	const struct tlp_transfer inside = { .address = 1, .bytes = 511 };
	const struct tlp_transfer empty = {};

	(void)state;
	assert_true(tlp_count(&longest, &limits) == 1 + (UINT64_MAX - 1) / 512 + 1);
	assert_true(tlp_count(&aligned, &limits) == 1ULL << 54);
	assert_int_equal(tlp_count(&inside, &limits), 1);
	assert_int_equal(tlp_count(&empty, &limits), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(write_below_4_gib_has_three_dws),
		cmocka_unit_test(write_above_4_gib_has_four_dws),
		cmocka_unit_test(read_carries_no_data),
		cmocka_unit_test(tagged_write_has_its_st_in_the_tag),
		cmocka_unit_test(tagged_read_has_its_st_in_the_byte_enables),
		cmocka_unit_test(extended_tag_has_its_upper_half_in_a_prefix),
		cmocka_unit_test(tag_zero_sets_th_and_no_tag_does_not),
		cmocka_unit_test(relaxed_ordering_is_an_attribute),
		cmocka_unit_test(byte_enables_name_the_bytes),
		cmocka_unit_test(length_of_1024_dws_is_zero),
		cmocka_unit_test(transfer_is_split_at_limits_and_pages),
		cmocka_unit_test(reads_follow_the_read_limit),
		cmocka_unit_test(count_of_any_length_is_told_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
