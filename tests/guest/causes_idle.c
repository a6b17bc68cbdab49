// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Every cause that takes memory away, the device otherwise idle: importers are told, mappings zapped and
 * drained (rule O9), RDMA requests end in errors; it heals after a temporary cause and never after a
 * permanent one. One test for each row of the table in cause.c.
 */
#include "cause_look.h"
#include "drain_trace.h"

static void idle(void **state)
{
	struct cause_look *look = look_of(state);
	const struct cause *cause = look->cause;
	bool drained;

	look_begin(look, cause);
	assert_true(drain_trace_start());
	cause->begin(&look->run);
	drained = drain_trace_stop(LOOK_VALUE).drained;
	if (cause->refused) {
		look_assert_in_use(look);
		assert_false(drained);
		return;
	}
	look_assert_taken(look);
	assert_true(drained);
	if (cause->lasts || cause->permanent)
		look_assert_cut_off(look);
	cause->end(&look->run);
	if (cause->permanent)
		look_assert_cut_off(look);
	else
		look_assert_healed(look);
}

int main(int argc, char **argv)
{
	return look_run(argc, argv, "causes_idle", "idle", idle);
}
