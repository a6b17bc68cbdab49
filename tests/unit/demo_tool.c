// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* The tool's small parts: numbers, PCI addresses, running a program, and the walk-through's data. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "pattern.h"
#include "pci.h"
#include "vfiowc.h"

static void numbers_are_whole_unsigned_and_bounded(void **state)
{
	static const char *const wrong[] = { "", " 1", "-1", "+1", "1 ", "1k", "0x", "x1", "0b1" };
	uint64_t value;

	(void)state;
	assert_int_equal(tool_parse_u64("18446744073709551615", UINT64_MAX, &value), 0);
	assert_true(value == UINT64_MAX);
	assert_int_equal(tool_parse_u64("0x1f", 31, &value), 0);
	assert_int_equal(value, 31);
	assert_int_equal(tool_parse_u64("010", 10, &value), 0);
	assert_int_equal(value, 10);
	assert_int_equal(tool_parse_u64("6", 5, &value), ERANGE);
	assert_int_equal(tool_parse_u64("18446744073709551616", UINT64_MAX, &value), ERANGE);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(tool_parse_u64(wrong[i], UINT64_MAX, &value), EINVAL);
}

static void pci_addresses_are_completed_or_refused(void **state)
{
	static const char *const wrong[] = { "",
					     "0000",
					     "00:00",
					     "0000:0x:00.0",
					     "0000:00:20.0",
					     "0000:00:00.8",
					     "0000:00:00.0 ",
					     " 00:00.0",
					     "00000:00:00.0",
					     "00:00.0.",
					     "g0:00.0" };
	char bdf[PCI_BDF_LEN];

	(void)state;
	/* No machine has a bus ff in domain fffe. */
	assert_int_equal(pci_parse("FFFE:ff:1F.7", bdf), ENODEV);
	assert_string_equal(bdf, "fffe:ff:1f.7");
	pci_parse("ff:1f.7", bdf);
	assert_string_equal(bdf, "0000:ff:1f.7");
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(pci_parse(wrong[i], bdf), EINVAL);
}

static int run_shell(const char *script, char *out, size_t len)
{
	char *const argv[] = { "sh", "-c", (char *)script, NULL };

	return tool_run(argv, out, len);
}

static void programs_are_run_to_their_end_and_heard(void **state)
{
	char *const missing[] = { "vfiowc-no-such-program", NULL };
	char out[16];

	(void)state;
	assert_int_equal(run_shell("echo out; echo err >&2; exit 3", out, sizeof(out)), 3);
	assert_string_equal(out, "out\nerr");
	/* more than fits, and more than a pipe holds */
	assert_int_equal(
		run_shell(
			"i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i + 1)); done; exit 4",
			out, sizeof(out)),
		4);
	assert_string_equal(out, "0123456789\n0123");
	assert_int_equal(run_shell("kill -TERM $$", out, sizeof(out)), 128 + SIGTERM);
	assert_int_equal(tool_run(missing, out, sizeof(out)), 127);
}

/* Published output of SplitMix64 from the state 1234567. */
static void generator_is_splitmix64(void **state)
{
	static const uint64_t words[] = { 6457827717110365317u, 3203168211198807973u,
					  9817491932198370423u, 4593380528125082431u,
					  16408922859458223821u };
	struct pattern pattern = { .state = 1234567 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		assert_true(pattern_next(&pattern) == words[i]);
}

static void streams_are_little_endian_words_of_any_length(void **state)
{
	struct pattern pattern = pattern_start(7, PATTERN_CPU);
	uint64_t first = pattern_next(&pattern), second = pattern_next(&pattern);
	uint8_t bytes[16] = { 0 }, other[16];

	(void)state;
	pattern_fill(7, PATTERN_CPU, bytes, 11);
	for (unsigned int i = 0; i < 8; i++)
		assert_int_equal(bytes[i], (uint8_t)(first >> 8 * i));
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(bytes[8 + i], (uint8_t)(second >> 8 * i));
	assert_int_equal(bytes[11], 0);
	pattern_fill(7, PATTERN_WRITE, other, 11);
	assert_memory_not_equal(bytes, other, 8);
	pattern_fill(8, PATTERN_CPU, other, 11);
	assert_memory_not_equal(bytes, other, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_whole_unsigned_and_bounded),
		cmocka_unit_test(pci_addresses_are_completed_or_refused),
		cmocka_unit_test(programs_are_run_to_their_end_and_heard),
		cmocka_unit_test(generator_is_splitmix64),
		cmocka_unit_test(streams_are_little_endian_words_of_any_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
