// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * What may be done to a device between an error that AER reports and the end of the recovery. An importer that does
 * not let go keeps the kernel in between for as long as a test needs.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cause.h"
#include "drain_trace.h"
#include "importer.h"

#define WAIT_MS 30000

struct slice {
	int fd;
	int importer;
};

static struct cause_run run;

static struct slice begin_slice(uint64_t offset)
{
	struct slice slice = { exporter_export(&run.exp, VFIOWC_MEMATTR_NC, offset, PAGE), importer_open() };

	assert_int_equal(importer_attach_policy(slice.importer, slice.fd, NULL, IMPORTER_UNMAP_NEVER, 0), 0);
	assert_int_equal(importer_do(slice.importer, IMPORTER_CPU_MAP), 0);
	return slice;
}

static void end_slice(struct slice *slice)
{
	importer_close(slice->importer);
	close(slice->fd);
}

/* Under the lock that is held until the slice is drained. */
static bool is_told(void *arg)
{
	return importer_info(*(int *)arg).nr_invalidates;
}

static void revoke_reads_nothing_until_recovery_is_over(void **state)
{
	struct slice slice, holds_on;
	struct drain_seen seen;

	cause_open(*state, &run);
	slice = begin_slice(0);
	holds_on = begin_slice(MIB);
	exporter_param("revoke_timeout_ms", "60000");
	cause_inject_aer(&run);
	assert_true(guest_wait_for(is_told, &slice.importer, WAIT_MS));
	assert_true(guest_wait_for(is_told, &holds_on.importer, WAIT_MS));

	assert_true(drain_trace_start());
	assert_int_equal(importer_do(slice.importer, IMPORTER_UNMAP), 0);
	assert_int_equal(exporter_revoke(&run.exp, slice.fd), 0);
	seen = drain_trace_stop(0);
	assert_true(seen.fenced);
	assert_int_equal(seen.reads, 0);

	assert_false(cause_aer_recovered(NULL));
	assert_int_equal(importer_do(holds_on.importer, IMPORTER_UNMAP), 0);
	assert_true(guest_wait_for(cause_aer_recovered, NULL, WAIT_MS));
	exporter_param("revoke_timeout_ms", "5000");

	/* What could not be read back then is now. */
	assert_true(drain_trace_start());
	assert_int_equal(exporter_revoke(&run.exp, slice.fd), -EBADFD);
	seen = drain_trace_stop(0);
	assert_true(seen.fenced);
	assert_int_equal(seen.reads, 1);
	end_slice(&slice);
	end_slice(&holds_on);
}

static void nothing_is_granted_until_recovery_is_over(void **state)
{
	struct slice slice, holds_on;
	volatile uint8_t *map;

	cause_open(*state, &run);
	slice = begin_slice(0);
	holds_on = begin_slice(MIB);
	map = exporter_mmap(slice.fd, PAGE);
	map[0] = 1;
	exporter_param("revoke_timeout_ms", "60000");
	cause_inject_aer(&run);
	assert_true(guest_wait_for(is_told, &slice.importer, WAIT_MS));
	assert_true(guest_wait_for(is_told, &holds_on.importer, WAIT_MS));

	/* From here on only the recovery stands between it and its memory. */
	assert_int_equal(importer_do(slice.importer, IMPORTER_UNMAP), 0);
	assert_true(guest_sigbus_read8(map));
	assert_int_equal(exporter_state(&run.exp, slice.fd), VFIOWC_DMA_BUF_REVOKED_TEMP);
	assert_int_equal(importer_do(slice.importer, IMPORTER_CPU_MAP), -ENODEV);

	assert_false(cause_aer_recovered(NULL));
	assert_int_equal(importer_do(holds_on.importer, IMPORTER_UNMAP), 0);
	assert_true(guest_wait_for(cause_aer_recovered, NULL, WAIT_MS));
	exporter_param("revoke_timeout_ms", "5000");
	assert_false(guest_sigbus_read8(map));
	assert_int_equal(importer_do(slice.importer, IMPORTER_CPU_MAP), 0);
	assert_int_equal(importer_do(slice.importer, IMPORTER_UNMAP), 0);
	munmap((void *)map, PAGE);
	end_slice(&slice);
	end_slice(&holds_on);
}

static int setup(void **state)
{
	*state = (void *)cause_named("aer_error_detected");
	run = (struct cause_run){};
	return guest_setup(state);
}

static int teardown(void **state)
{
	importer_close_all();
	if (run.exp.vfio.device > 0)
		cause_close(*state, &run);
	return guest_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(revoke_reads_nothing_until_recovery_is_over, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_granted_until_recovery_is_over, setup, teardown),
	};

	return cmocka_run_group_tests_name("exporter_aer", tests, NULL, NULL);
}
