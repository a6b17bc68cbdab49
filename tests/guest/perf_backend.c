// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * perftest with our back-end for dma-bufs (tools/perftest), built from Debian's source: its programs move
 * their bytes into and out of the BAR. See perf_backend.h.
 */
#include <string.h>

#include "perf_backend.h"

static void programs_move_their_bytes_into_the_bar(void **state)
{
	static const struct {
		const char *program, *options, *op;
		unsigned int messages;
	} cases[] = {
		{ "ib_write_bw", "-s 4096 -n 200", "write", 200 },
		{ "ib_read_bw", "-s 4096 -n 200", "read", 200 },
		{ "ib_send_bw", "-s 4096 -n 200", "send", 200 },
		/* ping-pong: only the one of the two directions ends in the slice */
		{ "ib_write_lat", "-s 8 -n 200", "write", 200 },
	};
	static char out[16384];

	(void)state;
	perf_backend_needed();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char server[512], client[256], row[64];
		unsigned long moved = 0;

		snprintf(client, sizeof(client), PERF_BACKEND "%s" PERF_ARGS "%s", cases[i].program, cases[i].options);
		snprintf(server, sizeof(server), "%s --use_vfio_dmabuf=%s:%d", client, perf_bdf(), PERF_BAR);
		assert_int_equal(perf_backend_pair(out, sizeof(out), "vfiowc trace --summary --", server, client), 0);
		print_message("%s\n", out);
		snprintf(row, sizeof(row), " %-9s remote bar ", cases[i].op);
		/* ... key, ro, tag, st, ph, transfers */
		if (strstr(out, row))
			sscanf(strstr(out, row) + strlen(row), "%*s %*s %*s %*s %*s %lu", &moved);
		assert_int_equal(moved, cases[i].messages);
	}
}

static void bad_targets_are_named(void **state)
{
	static const struct {
		const char *value, *reason;
	} cases[] = {
		{ "01:00.0:7", "the BAR is not a digit" },
		{ "01:00.0:2+100", "OFFSET is not a multiple" },
		{ "01:00.0:0", "export" },
	};
	static char out[16384];

	(void)state;
	perf_backend_needed();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char client[256], server[512];

		snprintf(client, sizeof(client), PERF_BACKEND "ib_write_bw" PERF_ARGS "-s 64 -n 10");
		snprintf(server, sizeof(server), "%s --use_vfio_dmabuf=%s", client, cases[i].value);
		/* Both at once: it looks at its buffer when a client has come. */
		assert_int_not_equal(perf_backend_pair(out, sizeof(out), "", server, client), 0);
		print_message("%s\n", out);
		assert_non_null(strstr(out, cases[i].reason));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(programs_move_their_bytes_into_the_bar),
		guest_test(bad_targets_are_named),
	};

	return cmocka_run_group_tests(tests, perf_up, perf_down);
}
