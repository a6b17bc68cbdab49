// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * `vfiowc trace` on a device that is faster than its events can be read: it ends when its time is over. To read a
 * full buffer then takes an emulated processor a while.
 */
#include "perf_fixture.h"

static void trace_that_is_outrun_ends_in_time(void **state)
{
	(void)state;
	assert_int_equal(guest_run("vfiowc run --json --pair --target %s:%d -- ib_write_bw" PERF_ARGS "-s 8 -l 16 -D 1 "
				   "--run_infinitely --mmap=vfiowc:0 >/dev/null 2>" DEMO_STDERR " & pid=$!; "
				   PERF_LINE(" 8 *[1-9]") "; "
				   GUEST_TIMEOUT(300) "vfiowc trace --duration 1 --summary; "
				   "echo $? >/tmp/traced; kill -INT $pid; wait $pid", perf_bdf(), PERF_BAR), 0);
	/* 1: it lost some, 124: it did not end. */
	assert_int_equal(guest_run("grep -x [01] /tmp/traced"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(trace_that_is_outrun_ends_in_time),
	};

	return cmocka_run_group_tests(tests, perf_up, perf_down);
}
