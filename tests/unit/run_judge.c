// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* The comparison of `vfiowc run --prove`: what makes a proof, and what each thing missing does to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "run_proof.h"

#define KEY 0x101
#define HOST_KEY 0x202

struct scene {
	struct run run;
	struct run_mr mrs[2];
	struct run_report report;
	struct trace_sum sums[3];
	struct run_proof proof;
	const char *device_tph;
};

static char *argv_bw[] = { "ib_write_bw", "-n", "10", NULL };
static char *argv_lat[] = { "/usr/bin/ib_write_lat", NULL };
static char *argv_timed[] = { "ib_write_bw", "-D", "5", NULL };

static struct trace_sum sum(unsigned int key, unsigned int remote, const char *ns, unsigned int st)
{
	struct trace_sum row = { .like = { .dev = "vfiowc0", .op = "write", .key = key, .remote = remote, .st = st,
					   .ph = 1, .target = key == KEY }, .count = 10, .bytes = 80 };

	strcpy(row.like.ns, ns);
	return row;
}

/* Ten writes of eight bytes from host memory into a slice with ST 5: proved. */
static void set_scene(struct scene *s)
{
	*s = (struct scene) {
		.run = { .num_targets = 1, .num_ends = 2, .argv = argv_bw,
			 .tph = { .flags = VFIOWC_TAG_ST | VFIOWC_TAG_ST_EXT, .st = 5, .st_ext = 0x600, .ph = 1 } },
		.mrs = { { .rdma = "vfiowc0", .target = 0, .lkey = KEY, .rkey = KEY },
			 { .rdma = "vfiowc0", .target = -1, .lkey = HOST_KEY, .rkey = HOST_KEY } },
		.report = { .num_mrs = 2, .num_redirected = 1 },
		.sums = { sum(KEY, 1, "st", 5), sum(HOST_KEY, 0, "none", 0), sum(0x999, 1, "st", 9) },
		.proof = { .tally = { .num = 3 }, .control_made = true, .control_transfers = 1,
			   .table = { .rows = 1, .messages = 10, .bytes = 80 } },
		.device_tph = "st",
	};
}

static enum run_verdict judge(struct scene *s)
{
	s->report.mrs = s->mrs;
	s->proof.tally.sums = s->sums;
	run_proof_judge(&s->proof, &s->run, &s->report, s->device_tph);
	print_message("%d: %s\n", s->proof.verdict, s->proof.why);
	assert_int_equal(!s->proof.why[0], s->proof.verdict == RUN_PROVED);
	return s->proof.verdict;
}

/* Transfers of keys that this run did not register are somebody else's. */
static void everything_right_is_proved(void **state)
{
	struct scene s;

	(void)state;
	set_scene(&s);
	assert_int_equal(judge(&s), RUN_PROVED);
	assert_int_equal(s.proof.messages, 10);
	assert_int_equal(s.proof.right, 10);
	assert_int_equal(s.proof.host, 10);
}

static void wrong_tag_is_refuted(void **state)
{
	static const struct trace_row wrong[] = {
		{ .ns = "none" }, { .ns = "st", .st = 6, .ph = 1 }, { .ns = "st", .st = 5, .ph = 2 },
		{ .ns = "st_ext", .st = 5, .ph = 1 }, { .ns = "st_ext", .st = 0x600, .ph = 1 },
	};
	struct scene s;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		set_scene(&s);
		strcpy(s.sums[0].like.ns, wrong[i].ns);
		s.sums[0].like.st = wrong[i].st;
		s.sums[0].like.ph = wrong[i].ph;
		assert_int_equal(judge(&s), RUN_REFUTED);
	}
}

static void tag_on_host_memory_is_refuted(void **state)
{
	struct scene s;

	(void)state;
	set_scene(&s);
	strcpy(s.sums[1].like.ns, "st");
	assert_int_equal(judge(&s), RUN_REFUTED);
}

static void other_counts_are_refuted(void **state)
{
	struct scene s;

	(void)state;
	set_scene(&s);
	s.proof.table.messages = 11;
	assert_int_equal(judge(&s), RUN_REFUTED);
	set_scene(&s);
	s.sums[0].bytes = 79;
	assert_int_equal(judge(&s), RUN_REFUTED);
	set_scene(&s);
	s.sums[0].count = 11;
	assert_int_equal(judge(&s), RUN_REFUTED);
}

static void latency_counts_both_directions_and_time_at_least(void **state)
{
	struct scene s;

	(void)state;
	set_scene(&s);
	s.run.argv = argv_lat;
	assert_int_equal(judge(&s), RUN_REFUTED);
	set_scene(&s);
	s.run.argv = argv_lat;
	s.sums[0].count = 20;
	s.sums[0].bytes = 160;
	assert_int_equal(judge(&s), RUN_PROVED);
	set_scene(&s);
	s.run.argv = argv_timed;
	s.sums[0].count = 20;
	s.sums[0].bytes = 160;
	assert_int_equal(judge(&s), RUN_PROVED);
	s.proof.table.messages = 30;
	assert_int_equal(judge(&s), RUN_REFUTED);
}

/* -b with -n: both directions move what the table says. In a given time they get differently far. */
static void both_directions_are_alike_only_in_number(void **state)
{
	static char *counted[] = { "ib_write_bw", "-b", "-n", "10", NULL };
	static char *timed[] = { "ib_write_bw", "-b", "-D", "5", NULL };
	struct scene s;

	(void)state;
	set_scene(&s);
	s.run.argv = counted;
	s.sums[0].count = 15;
	s.sums[0].bytes = 120;
	assert_int_equal(judge(&s), RUN_REFUTED);
	set_scene(&s);
	s.run.argv = timed;
	s.sums[0].count = 15;
	s.sums[0].bytes = 120;
	assert_int_equal(judge(&s), RUN_PROVED);
	s.proof.table.messages = 16;
	assert_int_equal(judge(&s), RUN_REFUTED);
}

static void control_with_a_tag_is_refuted(void **state)
{
	struct scene s;

	(void)state;
	set_scene(&s);
	s.proof.control_tagged = 1;
	assert_int_equal(judge(&s), RUN_REFUTED);
}

static void what_was_not_seen_is_incomplete(void **state)
{
	struct scene s;

	(void)state;
	set_scene(&s);
	s.proof.stream.lost = 1;
	assert_int_equal(judge(&s), RUN_INCOMPLETE);
	set_scene(&s);
	s.proof.control_made = false;
	assert_int_equal(judge(&s), RUN_INCOMPLETE);
	set_scene(&s);
	memset(&s.proof.table, 0, sizeof(s.proof.table));
	assert_int_equal(judge(&s), RUN_INCOMPLETE);
	/* but a wrong tag is a wrong tag */
	set_scene(&s);
	s.proof.stream.lost = 1;
	s.sums[0].like.st = 6;
	assert_int_equal(judge(&s), RUN_REFUTED);
}

static void real_nic_is_not_observed(void **state)
{
	struct scene s;

	(void)state;
	set_scene(&s);
	s.device_tph = "";
	s.proof.tally.num = 0;
	assert_int_equal(judge(&s), RUN_NOT_OBSERVED);
	assert_non_null(strstr(s.proof.why, "kernel accepted, wire not observed"));
}

static void device_that_cannot_emit_the_tag_is_refuted(void **state)
{
	struct scene s;

	(void)state;
	set_scene(&s);
	s.device_tph = "off";
	strcpy(s.sums[0].like.ns, "none");
	assert_int_equal(judge(&s), RUN_REFUTED);
	/* No tags asked for, none sent: that is right. */
	s.run.tph.flags = 0;
	s.proof.right = s.proof.wrong = s.proof.host = 0;
	assert_int_equal(judge(&s), RUN_PROVED);
}

static void rows_of_perftest_are_found_in_its_output(void **state)
{
	static const char out[] =
		" #bytes     #iterations    BW peak[MiB/sec]    BW average[MiB/sec]   MsgRate[Mpps]\n"
		" 65536      1000             81.87              33.46  		     0.000535\n"
		" local address: LID 0000 QPN 0x0010 PSN 0x167066\n"
		"65536      1000             81.87              33.46\n"
		" 8       300          5.60           23820.45      13.85    	       2141.37     	3666.85\n"
		"---------------------------------------------------------------------------------------\n";
	struct run_table table = { 0 };

	(void)state;
	/* cut anywhere */
	for (size_t i = 0; i < sizeof(out) - 1; i++)
		run_table_feed(&table, out + i, 1);
	assert_int_equal(table.rows, 2);
	assert_int_equal(table.messages, 1300);
	assert_int_equal(table.bytes, 65536 * 1000 + 8 * 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_right_is_proved),
		cmocka_unit_test(wrong_tag_is_refuted),
		cmocka_unit_test(tag_on_host_memory_is_refuted),
		cmocka_unit_test(other_counts_are_refuted),
		cmocka_unit_test(latency_counts_both_directions_and_time_at_least),
		cmocka_unit_test(both_directions_are_alike_only_in_number),
		cmocka_unit_test(control_with_a_tag_is_refuted),
		cmocka_unit_test(what_was_not_seen_is_incomplete),
		cmocka_unit_test(real_nic_is_not_observed),
		cmocka_unit_test(device_that_cannot_emit_the_tag_is_refuted),
		cmocka_unit_test(rows_of_perftest_are_found_in_its_output),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
