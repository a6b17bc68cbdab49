// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* perftest in all its ways, with proof. See perf_modes.h. */
#include <string.h>

#include "perf_modes.h"

#define MAX_TESTS 32

/* How a run ends. */
enum end {
	COUNTED, /* after a number of messages: perftest and the device agree on it */
	TIMED, /* after a time, of which perftest counts the middle */
	ENDLESS, /* told to stop (SIGINT); its client takes leave of its server */
	KILLED, /* the same, but these of perftest's programs know no leave-taking */
};

struct mode {
	const char *name;
	const char *command;
	enum end end;
	uint64_t messages; /* COUNTED */
	unsigned int directions;
	bool inline_data;
	bool is_long; /* on slices of `lab test --long` only */
};

#define BW(verb) "ib_" verb "_bw" PERF_ARGS
#define LAT(verb) "ib_" verb "_lat" PERF_ARGS

#define CI false
#define LONG true
#define NUMBER(name, command, messages, directions, when) { name, command, COUNTED, messages, directions, false, when }
#define BY_TIME(name, command, when) { name, command " -D 1 -f 0", TIMED, 0, 0, false, when }
#define UNTIL_TOLD(name, command, how, when) { name, command " -s 65536 -D 1 --run_infinitely", how, 0, 0, false, when }
#define INLINE(name, command, messages, directions, when) { name, command, COUNTED, messages, directions, true, when }

static const struct mode bandwidth[] = {
	NUMBER("write_bw_is_proved", BW("write") "-s 65536 -n 200", 200, 1, CI),
	NUMBER("write_bw_in_both_directions_is_proved", BW("write") "-b -s 4096 -n 200", 200, 2, LONG),
	NUMBER("read_bw_is_proved", BW("read") "-s 4096 -n 200", 200, 1, CI),
	NUMBER("read_bw_in_both_directions_is_proved", BW("read") "-b -s 4096 -n 200", 200, 2, LONG),
	NUMBER("send_bw_is_proved", BW("send") "-s 4096 -n 200", 200, 1, CI),
	NUMBER("send_bw_in_both_directions_is_proved", BW("send") "-b -s 4096 -n 200", 200, 2, CI),
	NUMBER("many_queue_pairs_with_lists_are_proved", BW("write") "-q 4 -l 4 -s 8 -n 400", 1600, 1, CI),
	BY_TIME("write_bw_for_a_time_is_proved", BW("write") "-s 4096", LONG),
	BY_TIME("write_bw_in_both_directions_for_a_time_is_proved", BW("write") "-b -s 4096", CI),
	BY_TIME("read_bw_for_a_time_is_proved", BW("read") "-s 4096", LONG),
	BY_TIME("send_bw_for_a_time_is_proved", BW("send") "-s 4096", LONG),
	UNTIL_TOLD("write_bw_until_told_to_stop_is_proved", BW("write"), ENDLESS, CI),
	UNTIL_TOLD("write_bw_in_both_directions_until_told_to_stop_is_proved", BW("write") "-b", KILLED, LONG),
	UNTIL_TOLD("read_bw_until_told_to_stop_is_proved", BW("read"), ENDLESS, LONG),
	UNTIL_TOLD("send_bw_until_told_to_stop_is_proved", BW("send"), KILLED, CI),
	INLINE("write_bw_with_inline_data_is_proved", BW("write") "-I 64 -s 64 -n 200", 200, 1, CI),
	INLINE("send_bw_with_inline_data_is_proved", BW("send") "--inline_size=64 -s 64 -n 200", 200, 1, LONG),
};

static const struct mode latency[] = {
	/* The CPU of each end polls its slice for what the other has written. */
	NUMBER("write_lat_is_proved", LAT("write") "-s 8 -n 200", 200, 2, CI),
	NUMBER("read_lat_is_proved", LAT("read") "-s 8 -n 200", 200, 1, CI),
	NUMBER("send_lat_is_proved", LAT("send") "-s 8 -n 200", 200, 2, CI),
	BY_TIME("write_lat_for_a_time_is_proved", LAT("write") "-s 8", CI),
	BY_TIME("read_lat_for_a_time_is_proved", LAT("read") "-s 8", LONG),
	BY_TIME("send_lat_for_a_time_is_proved", LAT("send") "-s 8", LONG),
	INLINE("write_lat_with_inline_data_is_proved", LAT("write") "-I 64 -s 8 -n 200", 200, 2, LONG),
	INLINE("send_lat_with_inline_data_is_proved", LAT("send") "-I 64 -s 8 -n 200", 200, 2, CI),
};

static struct perf_target the_target;

struct perf_target perf_slices(void)
{
	struct perf_target target = { .slice = true };

	snprintf(target.options, sizeof(target.options), "--memattr wc --tph st=0x12,ph=1 --target %s:%d", perf_bdf(),
		 PERF_BAR);
	return target;
}

struct perf_target perf_udmabuf(void)
{
	return (struct perf_target){ .options = "--target udmabuf:1M" };
}

struct perf_target perf_drm(void)
{
	return (struct perf_target){ .options = "--target drm:/dev/dri/card0:1M" };
}

/* Local transfers of targets: inline data was in the work request already. */
static uint64_t local_transfers(json_object *root)
{
	json_object *list = json_object_object_get(json_object_object_get(root, "proof"), "transfers");
	uint64_t count = 0;

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *item = json_object_array_get_idx(list, i);

		if (!strcmp(json_object_get_string(json_object_object_get(item, "side")), "local"))
			count += json_object_get_uint64(json_object_object_get(item, "transfers"));
	}
	return count;
}

static void assert_proved(json_object *root, const struct perf_target *target)
{
	assert_string_equal(perf_text(root, "verdict"), "proved");
	assert_true(perf_number(root, "messages") > 0);
	assert_true(perf_number(root, "perftest_messages") > 0);
	assert_int_equal(perf_number(root, "wrong_tag"), 0);
	assert_int_equal(perf_number(root, "lost_events"), 0);
	assert_int_equal(perf_number(root, "control_transfers"), target->slice);
	assert_int_equal(perf_number(root, "control_tagged"), 0);
}

static void counted(const struct perf_target *target, const struct mode *mode)
{
	uint64_t messages = mode->messages, directions = mode->directions;
	int status;
	json_object *root = perf_run(&status, "--pair %s -- %s --mmap=vfiowc:0", target->options, mode->command);

	assert_int_equal(status, 0);
	assert_true(json_object_get_boolean(json_object_object_get(root, "ok")));
	assert_proved(root, target);
	assert_int_equal(perf_number(root, "directions"), directions);
	assert_int_equal(perf_number(root, "messages"), messages * directions);
	assert_int_equal(perf_number(root, "perftest_messages"), messages);
	assert_true(perf_number(root, "right_tag") >= messages * directions);
	/* Whether the data was inline shows in what the device did not have to fetch. */
	if (mode->inline_data)
		assert_int_equal(local_transfers(root), 0);
	json_object_put(root);
}

static void timed(const struct perf_target *target, const char *command)
{
	int status;
	json_object *root = perf_run(&status, "--pair %s -- %s --mmap=vfiowc:0", target->options, command);

	assert_int_equal(status, 0);
	assert_proved(root, target);
	assert_true(perf_number(root, "messages") >= perf_number(root, "perftest_messages"));
	json_object_put(root);
}

/* Told to stop once perftest has shown a row with messages, which comes while it runs: 97 when none came. */
static void endless(const struct perf_target *target, const char *command, int expected)
{
	int status;
	json_object *root = demo_run_json(&status, "sh -c 'vfiowc run --json --prove --pair %s -- %s --mmap=vfiowc:0 & "
					  "pid=$!; " PERF_LINE(" 65536 *[1-9]") " || late=97; kill -INT $pid; "
					  "wait $pid; exit ${late:-$?}'",
					  target->options, command);

	print_message("status %d: %s\n", status, json_object_to_json_string(root));
	assert_int_equal(status, expected);
	assert_int_equal(json_object_get_int(json_object_object_get(root, "status")), expected);
	assert_proved(root, target);
	json_object_put(root);
}

static void mode_is_proved(void **state)
{
	const struct mode *mode = *state;

	switch (mode->end) {
	case COUNTED:
		counted(&the_target, mode);
		break;
	case TIMED:
		timed(&the_target, mode->command);
		break;
	case ENDLESS:
		endless(&the_target, mode->command, 0);
		break;
	case KILLED:
		endless(&the_target, mode->command, 130);
		break;
	}
}

static enum perf_part part_of(const struct mode *mode)
{
	if (mode->is_long)
		return PERF_LONG;
	return mode->end == COUNTED && !mode->inline_data ? PERF_COUNTED : PERF_WAYS;
}

static size_t add_tests(struct CMUnitTest *tests, size_t used, const struct mode *modes, size_t count,
			enum perf_part part)
{
	for (size_t i = 0; i < count; i++) {
		if (part != PERF_ALL && part != part_of(&modes[i]))
			continue;
		tests[used++] = (struct CMUnitTest) {
			.name = modes[i].name,
			.test_func = mode_is_proved,
			.setup_func = guest_setup,
			.teardown_func = guest_teardown,
			.initial_state = (void *)&modes[i],
		};
	}
	return used;
}

int perf_modes_run(struct perf_target (*target)(void), unsigned int programs, enum perf_part part)
{
	static struct CMUnitTest tests[MAX_TESTS];
	size_t used = 0;
	int failed;

	_Static_assert(sizeof(bandwidth) / sizeof(bandwidth[0]) + sizeof(latency) / sizeof(latency[0]) <= MAX_TESTS,
		       "room for all modes");
	if (programs & PERF_BANDWIDTH)
		used = add_tests(tests, used, bandwidth, sizeof(bandwidth) / sizeof(bandwidth[0]), part);
	if (programs & PERF_LATENCY)
		used = add_tests(tests, used, latency, sizeof(latency) / sizeof(latency[0]), part);
	/* Before any test: a target's text has the address of the exporter in it. */
	if (perf_up(NULL))
		return 1;
	the_target = target();
	failed = _cmocka_run_group_tests(RDMA_DEVICE, tests, used, NULL, NULL);
	return perf_down(NULL) || failed;
}
