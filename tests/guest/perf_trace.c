// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* `vfiowc trace`: what is shown is what the device did, in columns, as JSON, in sums and as requests. */
#include <string.h>

#include "perf_fixture.h"

/* Fifty writes of eight bytes into a slice, from a slice; nothing on stdout. */
#define FIFTY_WRITES "sh -c 'vfiowc run --pair --tph st=0x5a,ph=2 --target %s:%d -- ib_write_bw" PERF_ARGS \
		     "-s 8 -n 50 --mmap=vfiowc:0 >/dev/null'"

static unsigned int count_lines(const char *text, const char *with)
{
	unsigned int count = 0;

	for (; (text = strstr(text, with)); text++)
		count++;
	return count;
}

static void run_trace(char *out, size_t len, const char *options)
{
	assert_int_equal(guest_capture(out, len, GUEST_TIMEOUT(100) "vfiowc trace -d " RDMA_DEVICE
				       " %s -- " FIFTY_WRITES " 2>" DEMO_STDERR, options, perf_bdf(), PERF_BAR), 0);
	print_message("%.2000s\n", out);
}

static void columns_show_each_transfer(void **state)
{
	static char out[65536];

	(void)state;
	run_trace(out, sizeof(out), "");
	assert_int_equal(count_lines(out, " write     remote bar "), 50);
	assert_int_equal(count_lines(out, " write     local  bar "), 50);
	assert_int_equal(count_lines(out, " st     0x5a   2"), 100);
}

/* 0x40000002 is a write of two DWs below 4 GiB; this one is above, has TH set, and ST in its tag. */
static void requests_carry_the_tag(void **state)
{
	static char out[65536];

	(void)state;
	run_trace(out, sizeof(out), "--tlp");
	assert_int_equal(count_lines(out, "would emit: MWr 60012002 00005aff 00007f"), 50);
	assert_int_equal(count_lines(out, "would emit: MRd 60012002 0000005a"), 0);
	assert_int_equal(count_lines(out, "would emit: MRd 2001"), 50);
	assert_int_equal(count_lines(out, "request 1 of 1)"), 100);
}

static void sums_are_the_transfers(void **state)
{
	json_object *root, *sums, *sum;
	uint64_t transfers = 0, bytes = 0;
	int status;

	(void)state;
	root = demo_run_json(&status, GUEST_TIMEOUT(100) "vfiowc trace --summary --json -- " FIFTY_WRITES, perf_bdf(),
			     PERF_BAR);
	assert_int_equal(status, 0);
	sums = json_object_object_get(root, "sums");
	assert_int_equal(json_object_array_length(sums), 2);
	for (size_t i = 0; i < 2; i++) {
		sum = json_object_array_get_idx(sums, i);
		transfers += json_object_get_uint64(json_object_object_get(sum, "transfers"));
		bytes += json_object_get_uint64(json_object_object_get(sum, "bytes"));
		assert_int_equal(json_object_get_int(json_object_object_get(sum, "st")), 0x5a);
	}
	assert_int_equal(transfers, 100);
	assert_int_equal(bytes, 800);
	assert_int_equal(json_object_get_int(json_object_object_get(root, "lost_events")), 0);
	json_object_put(root);
}

static void wrong_usage_is_named(void **state)
{
	(void)state;
	perf_fails(2, "--tag 5", "vfiowc trace --tag 5");
	perf_fails(2, "--tag none:1", "vfiowc trace --tag none:1");
	perf_fails(2, "it is a power of two", "vfiowc trace --tlp --mps 300");
	perf_fails(2, "add --tlp", "vfiowc trace --mps 256 -- true");
	perf_fails(2, "add --tlp", "vfiowc trace --mrrs 512 -- true");
	perf_fails(2, "of which --summary shows none", "vfiowc trace --summary --tlp -- true");
	perf_fails(2, "--qp -1", "vfiowc trace --qp -1");
	perf_fails(2, "'--columns' is no option", "vfiowc trace --columns");
	perf_fails(1, "cannot be started", "vfiowc trace -- /nonexistent");
}

static void program_ends_where_ends_of_children_are_ignored(void **state)
{
	(void)state;
	perf_fails(7, "", DEMO_SIGCHLD_IGNORED "vfiowc trace -- sh -c 'exit 7'");
	perf_fails(7, "type requested", DEMO_SIGCHLD_IGNORED "vfiowc run --target %s:%d -- sh -c 'exit 7'", perf_bdf(),
		   PERF_BAR);
}

static void missing_permission_is_named(void **state)
{
	(void)state;
	perf_fails(1, "are you root", "setpriv --reuid 65534 --regid 65534 --clear-groups vfiowc trace");
}

/* The device would go on recording for it. */
static void trace_that_was_killed_is_removed_by_the_next_one(void **state)
{
	char out[64];

	(void)state;
	assert_int_equal(guest_run("vfiowc trace >/dev/null & pid=$!; until ls /sys/kernel/tracing/instances/vfiowc-$pid/trace; "
				   "do sleep 0.1; done; kill -KILL $pid; wait $pid; "
				   "ls -d /sys/kernel/tracing/instances/vfiowc-$pid"), 0);
	assert_int_equal(guest_run("vfiowc trace -- true"), 0);
	assert_int_equal(guest_capture(out, sizeof(out), "ls /sys/kernel/tracing/instances"), 0);
	assert_string_equal(out, "");
}

static void nothing_of_the_trace_is_left(void **state)
{
	char out[64];

	(void)state;
	assert_int_equal(guest_capture(out, sizeof(out), "ls /sys/kernel/tracing/instances"), 0);
	assert_string_equal(out, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(columns_show_each_transfer),
		guest_test(requests_carry_the_tag),
		guest_test(sums_are_the_transfers),
		guest_test(wrong_usage_is_named),
		guest_test(program_ends_where_ends_of_children_are_ignored),
		guest_test(missing_permission_is_named),
		guest_test(trace_that_was_killed_is_removed_by_the_next_one),
		guest_test(nothing_of_the_trace_is_left),
	};

	return cmocka_run_group_tests(tests, perf_up, perf_down);
}
