// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * The figures of perftest with our back-end (tools/perftest) are those of the unmodified program under
 * `vfiowc run`, as far as runs agree with themselves. See perf_backend.h.
 */
#include <stdlib.h>
#include <string.h>

#include "perf_backend.h"

#define PAIRS 4
/* Medians may differ by this much, however far single runs lie apart. */
#define FACTOR 1.5

/* The average bandwidth that perftest prints. */
static double bandwidth(const char *server, const char *client)
{
	static char out[16384];
	double peak, average;

	assert_int_equal(perf_backend_pair(out, sizeof(out), "", server, client), 0);
	for (const char *line = out; line; line = strchr(line + 1, '\n')) {
		if (sscanf(line, " 65536 %*u %lf %lf", &peak, &average) == 2)
			return average;
	}
	fail_msg("no table of perftest: %s", out);
	return 0;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static bool figures_agree(const char *option, const char *run)
{
	static const char client[] = "ib_write_bw" PERF_ARGS "-s 65536 -n 500";
	double own[PAIRS], preload[PAIRS], ratio;

	for (int i = 0; i < PAIRS; i++) {
		/* In turns, so that what disturbs one disturbs both. */
		if (i % 2)
			preload[i] = bandwidth(run, client);
		own[i] = bandwidth(option, client);
		if (i % 2 == 0)
			preload[i] = bandwidth(run, client);
		print_message("back-end %.1f, preload %.1f MiB/s\n", own[i], preload[i]);
	}
	qsort(own, PAIRS, sizeof(own[0]), by_size);
	qsort(preload, PAIRS, sizeof(preload[0]), by_size);
	ratio = own[PAIRS / 2] / preload[PAIRS / 2];
	print_message("back-end %.1f to %.1f, preload %.1f to %.1f, medians 1 to %.3f\n", own[0], own[PAIRS - 1],
		      preload[0], preload[PAIRS - 1], ratio);
	/* Within the runs' own spread, and a spread without end is no excuse. */
	return own[0] <= preload[PAIRS - 1] && preload[0] <= own[PAIRS - 1] && ratio < FACTOR && ratio > 1 / FACTOR;
}

static void figures_are_those_of_the_preload_library(void **state)
{
	char option[256], run[256];

	(void)state;
	perf_backend_needed();
	snprintf(option, sizeof(option), PERF_BACKEND "ib_write_bw" PERF_ARGS "-s 65536 -n 500 --use_vfio_dmabuf=%s:%d",
		 perf_bdf(), PERF_BAR);
	snprintf(run, sizeof(run), "vfiowc run --memattr wc --target %s:%d:16M -- ib_write_bw" PERF_ARGS
		 "-s 65536 -n 500 --mmap=vfiowc:0", perf_bdf(), PERF_BAR);
	/* A host that others use, too, may disturb one of the two for a while: once more is allowed. */
	assert_true(figures_agree(option, run) || figures_agree(option, run));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(figures_are_those_of_the_preload_library),
	};

	return cmocka_run_group_tests(tests, perf_up, perf_down);
}
