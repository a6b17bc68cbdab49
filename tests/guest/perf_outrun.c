// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* `vfiowc run --prove` on a device that is faster than its events can be read. */
#include <string.h>

#include "perf_fixture.h"

/*
 * Small messages in lists are. The rows are there all the same, and Ctrl-C ends the run. Some events may have been
 * lost, so that it is a proof or none; it says which.
 */
static void run_that_is_outrun_is_still_ended(void **state)
{
	const char *verdict;
	json_object *root;
	int status;

	(void)state;
	root = demo_run_json(&status, "sh -c 'vfiowc run --json --prove --pair --target %s:%d -- ib_write_bw"
			     PERF_ARGS "-s 8 -l 16 -D 1 --run_infinitely --mmap=vfiowc:0 & pid=$!; " PERF_LINE(" 8 *[1-9]")
			     "; kill -INT $pid; wait $pid'", perf_bdf(), PERF_BAR);
	print_message("status %d: %s\n", status, json_object_to_json_string(root));
	verdict = perf_text(root, "verdict");
	assert_true(perf_number(root, "perftest_messages") > 0);
	assert_string_equal(verdict, perf_number(root, "lost_events") ? "incomplete" : "proved");
	assert_int_equal(status, strcmp(verdict, "proved") ? 1 : 0);
	json_object_put(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(run_that_is_outrun_is_still_ended),
	};

	return cmocka_run_group_tests(tests, perf_up, perf_down);
}
