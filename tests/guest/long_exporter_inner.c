// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* exporter_life looks for the inner dma-buf in a thousand exports; here are as many tries as were promised. */
#include "exporter_thief.h"

#define TRIES 60000

static void inner_dma_buf_is_never_captured_in_60000_tries(void **state)
{
	assert_int_equal(exporter_thief_run(*state, false, TRIES), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		exporter_test(inner_dma_buf_is_never_captured_in_60000_tries),
	};

	return cmocka_run_group_tests_name("long_exporter_inner", tests, NULL, NULL);
}
