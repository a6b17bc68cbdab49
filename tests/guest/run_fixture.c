// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* The device and the page tables that the tests of `vfiowc run --wc` look at. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "run_fixture.h"

#define RUN_STDERR "/tmp/run.stderr"

/* PWT, PCD and PAT. */
#define PTE_CACHE_BITS (1ULL << 3 | 1ULL << 4 | 1ULL << 7)

const char *run_bdf(void)
{
	static char bdf[GUEST_BDF_LEN];

	if (!bdf[0] && guest_find_pci(GUEST_IVSHMEM, bdf))
		bdf[0] = '\0';
	return bdf;
}

static int bind(const char *driver)
{
	return guest_modprobe("vfio-pci") || guest_modprobe("vfiowc_pci") || !run_bdf()[0] ||
	       guest_bind(run_bdf(), driver) ? -1 : 0;
}

int run_up(void **state)
{
	(void)state;
	return bind(EXPORTER_DRIVER);
}

int run_up_stock(void **state)
{
	(void)state;
	return bind("vfio-pci");
}

int run_down(void **state)
{
	(void)state;
	return guest_bind(run_bdf(), NULL) ? -1 : 0;
}

int run_inside(const char *options)
{
	char program[256];
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);

	program[n < 0 ? 0 : n] = '\0';
	return guest_run("exec " GUEST_TIMEOUT(100) "vfiowc run %s -- %s inside", options, program);
}

uint64_t run_pte(uint32_t pid, uint64_t address)
{
	struct importer_pte pte = { .address = address, .pid = pid };
	int importer = importer_open();

	assert_return_code(ioctl(importer, IMPORTER_PTE, &pte), errno);
	importer_close(importer);
	return pte.bits & PTE_CACHE_BITS;
}

void run_fails(int status, const char *text, const char *fmt, ...)
{
	char command[1024], out[4096], error[8192] = "";
	va_list args;
	int got;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	got = guest_capture(out, sizeof(out), GUEST_TIMEOUT(60) "vfiowc run %s 2>" RUN_STDERR, command);
	guest_read_file(RUN_STDERR, error, sizeof(error));
	if (got != status || !strstr(error, text) || out[0])
		fail_msg("vfiowc run %s: status %d instead of %d, stdout '%s', stderr '%s'", command, got, status,
			 out, error);
}
