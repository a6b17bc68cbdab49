// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* What `vfiowc run` reads in a perftest command before it starts anything. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "run.h"

#define MMAP "--mmap=vfiowc:0"

static int check(struct run *run, char **argv)
{
	*run = (struct run) { .num_targets = 1, .argv = argv };
	return run_check_command(run);
}

#define CHECK(run, ...) check(run, (char *[]){ "/usr/bin/ib_write_bw", __VA_ARGS__, NULL })

static void inline_data_is_seen_in_every_form_of_its_option(void **state)
{
	struct run run;

	(void)state;
	assert_int_equal(CHECK(&run, MMAP, "-I", "64"), 0);
	assert_true(run.inline_data);
	assert_int_equal(CHECK(&run, "-I64", MMAP), 0);
	assert_true(run.inline_data);
	assert_int_equal(CHECK(&run, "--inline_size", "64", MMAP), 0);
	assert_true(run.inline_data);
	assert_int_equal(CHECK(&run, "--inline_size=64", MMAP), 0);
	assert_true(run.inline_data);
}

static void no_inline_data_is_seen_where_none_is_asked_for(void **state)
{
	struct run run;

	(void)state;
	assert_int_equal(CHECK(&run, MMAP), 0);
	assert_false(run.inline_data);
	assert_int_equal(CHECK(&run, MMAP, "-I", "0"), 0);
	assert_false(run.inline_data);
	assert_int_equal(CHECK(&run, MMAP, "-I0", "--inline_size=0"), 0);
	assert_false(run.inline_data);
	assert_int_equal(CHECK(&run, MMAP, "-I"), 0);
	assert_false(run.inline_data);
}

static void options_that_cannot_work_are_refused(void **state)
{
	static char *const options[] = { "--odp", "--mr_per_qp", "--use-null-mr", "--use_cuda=0", "--use_cuda_bus_id=1", "--use_hl=0",
					 "--use_cuda_dmabuf", "--use_hugepages", "--use_mlu=0", "--use_neuron=0",
					 "--use_neuron_dmabuf", "--use_rocm=0" };
	struct run run;

	(void)state;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		assert_int_equal(CHECK(&run, MMAP, options[i]), EINVAL);
	assert_int_equal(CHECK(&run, MMAP, "--use_cudas"), 0);
}

/* One end of two on different machines may well use it. */
static void rdma_cm_is_refused_to_pairs(void **state)
{
	static char *const options[] = { "-R", "-z", "--rdma_cm", "--comm_rdma_cm" };
	struct run run;

	(void)state;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		char *argv[] = { "ib_write_bw", MMAP, options[i], NULL };

		assert_int_equal(check(&run, argv), 0);
		run = (struct run) { .num_targets = 1, .num_ends = RUN_ENDS, .argv = argv };
		assert_int_equal(run_check_command(&run), EINVAL);
	}
}

static void buffer_that_would_be_host_memory_is_refused(void **state)
{
	struct run run;

	(void)state;
	assert_int_equal(CHECK(&run, "-n", "10"), EINVAL);
	assert_int_equal(CHECK(&run, "--mmap", "/dev/zero"), EINVAL);
	assert_int_equal(CHECK(&run, "--mmap=vfiowc:1"), EINVAL);
	assert_int_equal(CHECK(&run, "--mmap"), EINVAL);
	assert_int_equal(CHECK(&run, "--mmap", "vfiowc:0"), 0);
	/* A program that is not perftest knows itself what it does. */
	assert_int_equal(check(&run, (char *[]){ "ibv_rc_pingpong", "--odp", NULL }), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inline_data_is_seen_in_every_form_of_its_option),
		cmocka_unit_test(no_inline_data_is_seen_where_none_is_asked_for),
		cmocka_unit_test(options_that_cannot_work_are_refused),
		cmocka_unit_test(rdma_cm_is_refused_to_pairs),
		cmocka_unit_test(buffer_that_would_be_host_memory_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
