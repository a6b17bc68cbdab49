// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * `vfiowc run --wc-bar`: a whole BAR of stock vfio-pci, write-combined for a program that knows nothing of it;
 * and what `vfiowc run` says about parts that cannot be had.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "run_fixture.h"

#define RW (PROT_READ | PROT_WRITE)

/* A VFIO program: the types that it finds in its page table, whatever `vfiowc run` says. */
static int program(void)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = RUN_BAR };
	struct guest_vfio vfio;
	volatile uint8_t *bar;

	if (guest_vfio_open(run_bdf(), &vfio) || ioctl(vfio.device, VFIO_DEVICE_GET_REGION_INFO, &info))
		return 10;
	bar = mmap(NULL, RUN_BAR_BYTES, RW, MAP_SHARED, vfio.device, (off_t)info.offset);
	if (bar == MAP_FAILED)
		return 11;
	bar[0] = bar[RUN_BAR_BYTES - PAGE] = 1;
	if (run_pte(0, (uintptr_t)bar) != RUN_PTE_WC ||
	    run_pte(0, (uintptr_t)bar + RUN_BAR_BYTES - PAGE) != RUN_PTE_WC)
		return 12;
	munmap((void *)bar, RUN_BAR_BYTES);
	guest_vfio_close(&vfio);
	return 0;
}

static void whole_bar_of_stock_vfio_is_write_combined(void **state)
{
	char options[64];

	(void)state;
	snprintf(options, sizeof(options), "--wc-bar %s:%d", run_bdf(), RUN_BAR);
	assert_int_equal(run_inside(options), 0);
	/* Without it the same program finds what it always found. */
	assert_int_equal(guest_run("/proc/%d/exe inside", getpid()), 12);
}

static void price_and_effective_type_are_said(void **state)
{
	char out[4096];

	(void)state;
	assert_int_equal(guest_capture(out, sizeof(out), GUEST_TIMEOUT(60) "vfiowc run --json --wc-bar %s:%d -- "
				       "/proc/%d/exe inside", run_bdf(), RUN_BAR, getpid()), 0);
	assert_non_null(strstr(out, "all of BAR 2 becomes write-combined, registers and doorbells in it too"));
	assert_non_null(strstr(out, "requested=wc memtype=wc"));
	assert_non_null(strstr(out, "\"whole_bar\": true"));
	assert_non_null(strstr(out, "\"type_requested\": \"wc\""));
	assert_non_null(strstr(out, "\"type_effective\": \"wc\""));
}

/* Somebody's uncached mapping came first: the kernel gives that type, and nobody pretends it were another. */
static void bar_that_stays_uncached_is_no_mapping(void **state)
{
	char path[96], command[256];
	void *first;
	int file;

	(void)state;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource%d", run_bdf(), RUN_BAR);
	file = open(path, O_RDWR | O_CLOEXEC);
	assert_return_code(file, errno);
	first = mmap(NULL, RUN_BAR_BYTES, RW, MAP_SHARED, file, 0);
	assert_true(first != MAP_FAILED);
	snprintf(command, sizeof(command), "--wc-bar %s:%d -- /proc/%d/exe inside", run_bdf(), RUN_BAR, getpid());
	run_fails(11, "not write-combined: the kernel's list of types says uc-", "%s", command);
	munmap(first, RUN_BAR_BYTES);
	close(file);
}

/* A launcher that closes what it inherited; the program's own file then has the number of the report. */
static void lost_report_is_told_and_written_nowhere(void **state)
{
	char own[64];

	(void)state;
	run_fails(1, "or was started by a launcher that closes inherited file descriptors",
		  "--wc-bar %s:%d -- sh -c 'fd=${VFIOWC_REPORT#fd=}; eval \"exec ${fd%%%%,*}>/tmp/run.own\"; "
		  "exec /proc/%d/exe inside'", run_bdf(), RUN_BAR, getpid());
	assert_int_equal(guest_capture(own, sizeof(own), "cat /tmp/run.own"), 0);
	assert_string_equal(own, "");
}

static void stock_is_told_from_vfiowc_pci(void **state)
{
	const char *bdf = run_bdf();

	(void)state;
	run_fails(1, "driver vfio-pci has it, and only vfiowc_pci gives a part", "--wc %s:2:1M -- true", bdf);
	run_fails(2, "there is only all of a BAR", "--wc-bar %s:2:1M -- true", bdf);
	assert_int_equal(run_up(state), 0);
	run_fails(1, "--wc-bar is for vfio-pci", "--wc-bar %s:2 -- true", bdf);
	assert_int_equal(run_down(state), 0);
	run_fails(1, "no driver has it", "--wc %s:2:1M -- true", bdf);
	assert_int_equal(run_up_stock(state), 0);
}

static void bar_without_a_write_combining_file_is_refused(void **state)
{
	char bochs[GUEST_BDF_LEN];

	(void)state;
	assert_int_equal(guest_find_pci(GUEST_BOCHS, bochs), 0);
	assert_int_equal(guest_bind(bochs, "vfio-pci"), 0);
	run_fails(1, "the BAR is not prefetchable", "--wc-bar %s:2 -- true", bochs);
	assert_int_equal(guest_bind(bochs, NULL), 0);
}

static void parts_that_cannot_be_are_refused(void **state)
{
	const char *bdf = run_bdf();

	(void)state;
	assert_int_equal(run_up(state), 0);
	run_fails(2, "it is not BDF:BAR[+OFFSET][:LENGTH]", "--wc udmabuf:1M -- true");
	run_fails(2, "the BAR must be a digit", "--wc %s:7 -- true", bdf);
	run_fails(2, "neither --target nor --wc given", "-- true");
	run_fails(2, "--prove is for a --target", "--prove --wc %s:2 -- true", bdf);
	run_fails(2, "--memattr is for a --target", "--memattr nc --wc %s:2 -- true", bdf);
	run_fails(2, "--tph is for a --target", "--tph st=1 --wc %s:2 -- true", bdf);
	run_fails(2, "--pair needs a --target", "--pair --wc %s:2 -- true", bdf);
	run_fails(2, "--target opens this device here", "--target %s:2 --wc %s:2:1M -- true", bdf, bdf);
	run_fails(1, "there is no BAR 4", "--wc %s:4 -- true", bdf);
	run_fails(1, "multiples of the page size", "--wc %s:2:100 -- true", bdf);
	run_fails(1, "past the end of BAR 2", "--wc %s:2+1M:64M -- true", bdf);
	run_fails(1, "past the end of BAR 2", "--wc %s:2+64M -- true", bdf);
	run_fails(1, "it mapped nothing of", "--wc %s:2:1M -- true", bdf);
	run_fails(7, "type requested: wc", "--wc %s:2:1M -- sh -c 'exit 7'", bdf);
	assert_int_equal(run_up_stock(state), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		guest_test(whole_bar_of_stock_vfio_is_write_combined),
		guest_test(price_and_effective_type_are_said),
		guest_test(bar_that_stays_uncached_is_no_mapping),
		guest_test(lost_report_is_told_and_written_nowhere),
		guest_test(stock_is_told_from_vfiowc_pci),
		guest_test(bar_without_a_write_combining_file_is_refused),
		guest_test(parts_that_cannot_be_are_refused),
	};

	if (argc > 1 && !strcmp(argv[1], "inside"))
		return program();
	return cmocka_run_group_tests(tests, run_up_stock, run_down);
}
