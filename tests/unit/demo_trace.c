// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Reading lines of the tracepoint vfiowc:dma (tools/trace.c). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "trace.h"

#define PREFIX "          vfiowc-412     [001] .....    37.512345: dma: "
#define FIELDS                                                                                       \
	"dev=vfiowc0 qpn=17 wr_id=18446744073709551615 op=write remote=1 target=1 key=0x294 "        \
	"address=0x400008 length=4093 ro=0 ns=st_ext st=2748 ph=3"

static void line_of_the_tracepoint_gives_every_field(void **state)
{
	struct trace_row row;

	(void)state;
	assert_int_equal(trace_parse(PREFIX FIELDS "\n", &row), 0);
	assert_string_equal(row.dev, "vfiowc0");
	assert_string_equal(row.op, "write");
	assert_string_equal(row.ns, "st_ext");
	assert_int_equal(row.qpn, 17);
	assert_true(row.wr_id == UINT64_MAX);
	assert_int_equal(row.remote, 1);
	assert_int_equal(row.target, 1);
	assert_int_equal(row.key, 0x294);
	assert_int_equal(row.ro, 0);
	assert_int_equal(row.address, 0x400008);
	assert_int_equal(row.length, 4093);
	assert_int_equal(row.st, 2748);
	assert_int_equal(row.ph, 3);
}

static void comments_and_other_events_are_passed_over(void **state)
{
	struct trace_row row;

	(void)state;
	assert_int_equal(trace_parse("# tracer: nop : dma: " FIELDS "\n", &row), ENOMSG);
	assert_int_equal(trace_parse("\n", &row), ENOMSG);
	assert_int_equal(trace_parse("  sh-1 [000] ..... 1.0: sched_switch: prev_comm=sh\n", &row), ENOMSG);
	assert_int_equal(trace_parse("CPU:1 [LOST 12 EVENTS]\n", &row), ENOMSG);
}

/* The line with one field's "name=" spoilt. */
static int parse_without(const char *name)
{
	char line[512], *at;
	struct trace_row row;

	snprintf(line, sizeof(line), "%s", PREFIX FIELDS "\n");
	at = strstr(line, name);
	assert_non_null(at);
	at[1] = '_';
	return trace_parse(line, &row);
}

static void missing_field_is_an_error(void **state)
{
	static const char *const names[] = { " dev=", " qpn=", " wr_id=", " op=", " remote=", " target=",
					     " key=", " ro=", " address=", " length=", " ns=", " st=", " ph=" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(parse_without(names[i]), EPROTO);
}

static void malformed_number_is_an_error(void **state)
{
	static const char rest[] = " qpn=1 op=read remote=1 target=1 key=0x1 address=0x0 length=1 ro=0 ns=st st=1 ph=0";
	static const char *const numbers[] = { "-1", "+1", "", "1x", "0xg", "one" };
	struct trace_row row;
	char line[512];

	(void)state;
	snprintf(line, sizeof(line), PREFIX "dev=a wr_id=%s%s", "1", rest);
	assert_int_equal(trace_parse(line, &row), 0);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		snprintf(line, sizeof(line), PREFIX "dev=a wr_id=%s%s", numbers[i], rest);
		assert_int_equal(trace_parse(line, &row), EPROTO);
	}
}

/* Neither at its end, nor at its beginning; nor is the beginning of a field's name that field. */
static void name_inside_another_word_is_no_field(void **state)
{
	struct trace_row row;

	(void)state;
	assert_int_equal(trace_parse(PREFIX "dev=a qpn=1 wr_id=1 op=read remote=1 target=1 key=0x1 address=0x0 "
				     "last=9 stamp=8 s=7 length=1 ro=0 ns=st st=4 ph=0\n", &row), 0);
	assert_int_equal(row.st, 4);
}

static void order_of_fields_does_not_matter(void **state)
{
	struct trace_row row;

	(void)state;
	assert_int_equal(trace_parse(PREFIX "ph=3 st=4 ns=st ro=0 length=1 address=0x10 new=1 key=0x1 target=2 remote=1 "
				     "op=read wr_id=5 qpn=6 dev=a", &row), 0);
	assert_string_equal(row.dev, "a");
	assert_string_equal(row.op, "read");
	assert_int_equal(row.qpn, 6);
	assert_int_equal(row.wr_id, 5);
	assert_int_equal(row.target, 2);
	assert_int_equal(row.address, 0x10);
	assert_int_equal(row.ph, 3);
}

static void rows_are_read_in_order_and_counted_beyond_the_room(void **state)
{
	struct trace trace = { .path = "/tmp/vfiowc-trace-XXXXXX" };
	struct trace_row rows[2];
	char path[300];
	size_t count;
	FILE *file;

	(void)state;
	assert_non_null(mkdtemp(trace.path));
	snprintf(path, sizeof(path), "%s/trace", trace.path);
	assert_int_equal(trace_read(&trace, rows, 2, &count), ENOENT);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "# tracer: nop\n#\n");
	for (int i = 1; i <= 3; i++)
		fprintf(file, PREFIX "dev=a qpn=1 wr_id=%d op=read remote=1 target=1 key=0x1 address=0x0 length=1 ro=0 ns=st "
			"st=1 ph=0\n", i);
	fclose(file);
	assert_int_equal(trace_read(&trace, rows, 2, &count), 0);
	assert_int_equal(count, 3);
	assert_int_equal(rows[0].wr_id, 1);
	assert_int_equal(rows[1].wr_id, 2);
	unlink(path);
	trace_stop(&trace);
	assert_string_equal(trace.path, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_of_the_tracepoint_gives_every_field),
		cmocka_unit_test(comments_and_other_events_are_passed_over),
		cmocka_unit_test(missing_field_is_an_error),
		cmocka_unit_test(malformed_number_is_an_error),
		cmocka_unit_test(name_inside_another_word_is_no_field),
		cmocka_unit_test(order_of_fields_does_not_matter),
		cmocka_unit_test(rows_are_read_in_order_and_counted_beyond_the_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
