// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * `vfiowc run` with bad input: each thing that cannot be is named with its reason, nothing falls back
 * to host memory, and a run that was cut short is not taken for a result.
 */
#include <string.h>

#include "exporter.h"
#include "perf_fixture.h"

#define WRITE "ib_write_bw" PERF_ARGS "-s 65536 -n 10 "

static void slice_too_small_is_named(void **state)
{
	(void)state;
	perf_fails(1, "the target is too small: it has 4096 bytes",
		   "vfiowc run --pair --target %s:%d:4096 -- " WRITE "--mmap=vfiowc:0", perf_bdf(), PERF_BAR);
}

static void unaligned_offsets_are_named(void **state)
{
	(void)state;
	perf_fails(1, "OFFSET and LENGTH must be multiples of the page size",
		   "vfiowc run --target %s:%d+100 -- " WRITE "--mmap=vfiowc:0", perf_bdf(), PERF_BAR);
	perf_fails(1, "OFFSET and LENGTH must be multiples of the page size",
		   "vfiowc run --target %s:%d:100 -- " WRITE "--mmap=vfiowc:0", perf_bdf(), PERF_BAR);
	perf_fails(1, "the offset must be a multiple of 4096",
		   "vfiowc run --pair --target %s:%d -- " WRITE "--mmap=vfiowc:0 --mmap-offset=100", perf_bdf(),
		   PERF_BAR);
}

static void wrong_bars_are_named(void **state)
{
	(void)state;
	perf_fails(1, "there is no BAR 4", "vfiowc run --target %s:4 -- true", perf_bdf());
	perf_fails(1, "BAR 0 cannot be exported", "vfiowc run --target %s:0 -- true", perf_bdf());
	perf_fails(2, "the BAR must be a digit from 0 to 5", "vfiowc run --target %s:6 -- true", perf_bdf());
	perf_fails(1, "OFFSET is past the end", "vfiowc run --target %s:%d+1G -- true", perf_bdf(), PERF_BAR);
	perf_fails(1, "LENGTH is more than BAR", "vfiowc run --target %s:%d:1G -- true", perf_bdf(), PERF_BAR);
	perf_fails(1, "LENGTH for each of two ends is more than BAR",
		   "vfiowc run --pair --target %s:%d:64M -- true", perf_bdf(), PERF_BAR);
}

static void missing_permission_is_named(void **state)
{
	(void)state;
	perf_fails(1, "no permission for its device node",
		   "setpriv --reuid 65534 --regid 65534 --clear-groups vfiowc run --target %s:%d -- true",
		   perf_bdf(), PERF_BAR);
	perf_fails(1, "/dev/udmabuf: Permission denied; run as its owner or as root",
		   "setpriv --reuid 65534 --regid 65534 --clear-groups vfiowc run --target udmabuf:1M -- true");
}

static void unbound_function_is_named(void **state)
{
	(void)state;
	assert_int_equal(guest_bind(perf_bdf(), NULL), 0);
	perf_fails(1, "vfiowc bind", "vfiowc run --target %s:%d -- true", perf_bdf(), PERF_BAR);
	assert_int_equal(guest_bind(perf_bdf(), "vfiowc_pci"), 0);
}

static void second_owner_is_told_to_share(void **state)
{
	(void)state;
	perf_fails(1, "start both ends under one `vfiowc run`",
		   "vfiowc run --target %s:%d -- vfiowc run --target %s:%d -- true", perf_bdf(), PERF_BAR,
		   perf_bdf(), PERF_BAR);
}

static void plain_vfio_pci_cannot_be_mapped(void **state)
{
	(void)state;
	assert_int_equal(guest_modprobe("vfio-pci"), 0);
	assert_int_equal(guest_bind(perf_bdf(), "vfio-pci"), 0);
	perf_fails(1, "the program could not map it", "vfiowc run --target %s:%d -- true", perf_bdf(), PERF_BAR);
	assert_int_equal(guest_bind(perf_bdf(), "vfiowc_pci"), 0);
}

static void options_that_cannot_work_are_named(void **state)
{
	static const char *const options[] = { "--odp", "--use_hugepages", "--use_cuda=0",
					       "--use-null-mr", "--mr_per_qp" };
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		snprintf(text, sizeof(text), "%s cannot work with a target", options[i]);
		perf_fails(2, text, "vfiowc run --target %s:%d -- " WRITE "--mmap=vfiowc:0 %s", perf_bdf(),
			   PERF_BAR, options[i]);
	}
	perf_fails(2, "-R cannot work with a target: rdma_cm", "vfiowc run --pair --target %s:%d -- " WRITE "--mmap=vfiowc:0 -R",
		   perf_bdf(), PERF_BAR);
	perf_fails(2, "without --mmap=vfiowc:0 its buffer would be host memory",
		   "vfiowc run --target %s:%d -- " WRITE, perf_bdf(), PERF_BAR);
	perf_fails(2, "is not a target", "vfiowc run --target %s:%d -- " WRITE "--mmap=vfiowc:1", perf_bdf(),
		   PERF_BAR);
	perf_fails(2, "is not a target", "vfiowc run --target %s:%d -- " WRITE "--mmap=/dev/zero", perf_bdf(),
		   PERF_BAR);
}

static void wrong_types_and_tags_are_named(void **state)
{
	static const char *const tags[] = { "st=256", "st_ext=65536", "st=1,ph=4", "ph=1", "st=1,st=2", "st", "" };

	(void)state;
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		perf_fails(2, "--tph", "vfiowc run --target %s:%d --tph '%s' -- true", perf_bdf(), PERF_BAR, tags[i]);
	perf_fails(2, "it is nc or wc", "vfiowc run --target %s:%d --memattr wb -- true", perf_bdf(), PERF_BAR);
	perf_fails(1, "--tph is for slices of a BAR", "vfiowc run --target udmabuf:1M --tph st=1 -- true");
	perf_fails(1, "--memattr is for slices of a BAR", "vfiowc run --target udmabuf:1M --memattr wc -- true");
	perf_fails(1, "BYTES must be a multiple of the page size", "vfiowc run --target udmabuf:100 -- true");
	perf_fails(1, "modprobe vgem", "vfiowc run --target drm:/dev/dri/card7 -- true");
}

static void function_without_a_completer_gets_no_tags(void **state)
{
	(void)state;
	exporter_param("tph_override", "0");
	perf_fails(1, "no TPH completer", "vfiowc run --target %s:%d --tph st=1 -- true", perf_bdf(), PERF_BAR);
	exporter_param("tph_override", "3");
}

static void program_that_registers_nothing_has_failed(void **state)
{
	(void)state;
	perf_fails(1, "it registered no memory of a target", "vfiowc run --target %s:%d -- true", perf_bdf(),
		   PERF_BAR);
	perf_fails(7, "type requested", "vfiowc run --target %s:%d -- sh -c 'exit 7'", perf_bdf(), PERF_BAR);
}

/* rxe registers no dma-bufs: the run fails, it does not measure host memory instead. */
static void device_without_dma_buf_mrs_fails_loudly(void **state)
{
	char netdev[32], bdf[GUEST_BDF_LEN];

	(void)state;
	if (guest_modprobe("rdma_rxe"))
		guest_skip("no rdma_rxe module");
	assert_int_equal(guest_find_pci(GUEST_E1000E, bdf), 0);
	assert_int_equal(guest_find_netdev(bdf, netdev, sizeof(netdev)), 0);
	assert_int_equal(guest_run("rdma link add rxe0 type rxe netdev %s", netdev), 0);
	perf_fails(1, "this RDMA device cannot register this dma-buf",
		   "vfiowc run --pair --target %s:%d -- ib_write_bw -d rxe0 -F -n 10 --mmap=vfiowc:0", perf_bdf(),
		   PERF_BAR);
	assert_int_equal(guest_run("rdma link delete rxe0"), 0);
}

/* A reset of the function while data moves: the memory is back at once, the MRs are not. */
static void reset_in_mid_run_is_no_result(void **state)
{
	char error[16384], named[64];
	int status;

	(void)state;
	/* Data moves once a trace that has begun after the start sees some. */
	status = guest_run(GUEST_TIMEOUT(100) "vfiowc run --pair --target %s:%d -- ib_write_bw" PERF_ARGS
			   "-s 65536 -D 60 --mmap=vfiowc:0 2>" DEMO_STDERR " & pid=$!; "
			   GUEST_TIMEOUT(50) "vfiowc trace --count 100 >/dev/null; "
			   "echo 1 >/sys/bus/pci/devices/%s/reset; wait $pid", perf_bdf(), PERF_BAR, perf_bdf());
	assert_int_equal(guest_read_file(DEMO_STDERR, error, sizeof(error)), 0);
	print_message("status %d: %s\n", status, error);
	assert_int_equal(status, 1);
	assert_non_null(strstr(error, "state=invalidated"));
	/* Which one, and what to do. */
	snprintf(named, sizeof(named), "vfiowc: %s:%d: this target was revoked", perf_bdf(), PERF_BAR);
	assert_non_null(strstr(error, named));
	assert_non_null(strstr(error, "partial result; run it again"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(slice_too_small_is_named),
		guest_test(unaligned_offsets_are_named),
		guest_test(wrong_bars_are_named),
		guest_test(missing_permission_is_named),
		guest_test(unbound_function_is_named),
		guest_test(second_owner_is_told_to_share),
		guest_test(plain_vfio_pci_cannot_be_mapped),
		guest_test(options_that_cannot_work_are_named),
		guest_test(wrong_types_and_tags_are_named),
		guest_test(function_without_a_completer_gets_no_tags),
		guest_test(program_that_registers_nothing_has_failed),
		guest_test(device_without_dma_buf_mrs_fails_loudly),
		guest_test(reset_in_mid_run_is_no_result),
	};

	return cmocka_run_group_tests(tests, perf_up, perf_down);
}
