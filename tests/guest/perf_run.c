// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * `vfiowc run`: Debian's perftest, unmodified, both ends in slices of a BAR, and the proof that the tags
 * were used: what the device did against what perftest says.
 */
#include "perf_fixture.h"

/* One run with tags: everything there is to see is right. */
static void run_is_proved(const char *command, uint64_t messages, uint64_t directions)
{
	int status;
	json_object *root = perf_run(&status, "--pair --memattr wc --tph st=0x12,ph=1 --target %s:%d -- %s --mmap=vfiowc:0",
				     perf_bdf(), PERF_BAR, command);

	assert_int_equal(status, 0);
	assert_true(json_object_get_boolean(json_object_object_get(root, "ok")));
	assert_string_equal(perf_text(root, "verdict"), "proved");
	assert_int_equal(perf_number(root, "directions"), directions);
	assert_int_equal(perf_number(root, "messages"), messages * directions);
	assert_int_equal(perf_number(root, "perftest_messages"), messages);
	assert_true(perf_number(root, "right_tag") >= messages * directions);
	assert_int_equal(perf_number(root, "wrong_tag"), 0);
	assert_int_equal(perf_number(root, "control_transfers"), 1);
	assert_int_equal(perf_number(root, "control_tagged"), 0);
	assert_int_equal(perf_number(root, "lost_events"), 0);
	json_object_put(root);
}

static void write_bw_is_proved(void **state)
{
	(void)state;
	run_is_proved("ib_write_bw" PERF_ARGS "-s 65536 -n 200", 200, 1);
}

static void read_bw_is_proved(void **state)
{
	(void)state;
	run_is_proved("ib_read_bw" PERF_ARGS "-s 4096 -n 200", 200, 1);
}

static void send_bw_is_proved(void **state)
{
	(void)state;
	run_is_proved("ib_send_bw" PERF_ARGS "-s 4096 -n 200", 200, 1);
}

static void bidirectional_send_bw_is_proved(void **state)
{
	(void)state;
	run_is_proved("ib_send_bw" PERF_ARGS "-b -s 4096 -n 200", 200, 2);
}

/* The CPU of each end polls its slice for what the other has written. */
static void write_lat_is_proved(void **state)
{
	(void)state;
	run_is_proved("ib_write_lat" PERF_ARGS "-s 8 -n 200", 200, 2);
}

static void read_lat_is_proved(void **state)
{
	(void)state;
	run_is_proved("ib_read_lat" PERF_ARGS "-s 8 -n 200", 200, 1);
}

static void send_lat_is_proved(void **state)
{
	(void)state;
	run_is_proved("ib_send_lat" PERF_ARGS "-s 8 -n 200", 200, 2);
}

static void many_queue_pairs_with_lists_are_proved(void **state)
{
	(void)state;
	run_is_proved("ib_write_bw" PERF_ARGS "-q 4 -l 4 -s 8 -n 400", 1600, 1);
}

/* perftest counts only the middle of its time. */
static void timed_run_moves_at_least_what_it_says(void **state)
{
	int status;
	json_object *root = perf_run(&status, "--pair --tph st=7 --target %s:%d -- ib_write_bw" PERF_ARGS
				     "-D 3 -s 65536 --mmap=vfiowc:0", perf_bdf(), PERF_BAR);

	(void)state;
	assert_int_equal(status, 0);
	assert_string_equal(perf_text(root, "verdict"), "proved");
	assert_true(perf_number(root, "perftest_messages") > 0);
	assert_true(perf_number(root, "messages") >= perf_number(root, "perftest_messages"));
	json_object_put(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(write_bw_is_proved),
		guest_test(read_bw_is_proved),
		guest_test(send_bw_is_proved),
		guest_test(bidirectional_send_bw_is_proved),
		guest_test(write_lat_is_proved),
		guest_test(read_lat_is_proved),
		guest_test(send_lat_is_proved),
		guest_test(many_queue_pairs_with_lists_are_proved),
		guest_test(timed_run_moves_at_least_what_it_says),
	};

	return cmocka_run_group_tests(tests, perf_up, perf_down);
}
