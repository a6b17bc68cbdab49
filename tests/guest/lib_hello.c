// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* The shortest correct program, examples/hello_p2p.c, run as a newcomer runs it. */
#include <limits.h>
#include <string.h>

#include "lib_fixture.h"
#include "rdma_fixture.h"

static const char *hello(void)
{
	static char path[PATH_MAX];

	guest_example("hello_p2p", path, sizeof(path));
	return path;
}

static void hello_moves_bytes_both_ways(void **state)
{
	char bdf[GUEST_BDF_LEN], output[512];

	(void)state;
	lib_bind(bdf, EXPORTER_DRIVER);
	assert_int_equal(guest_capture(output, sizeof(output), "%s %s %u " RDMA_DEVICE, hello(), bdf,
				       LIB_BAR), 0);
	assert_non_null(strstr(output, "hello_p2p: ok"));
	guest_bind(bdf, NULL);
}

static void hello_says_what_is_wrong(void **state)
{
	char bdf[GUEST_BDF_LEN], output[512];

	(void)state;
	lib_bind(bdf, EXPORTER_DRIVER);
	assert_int_equal(guest_capture(output, sizeof(output), "%s", hello()), 1);
	assert_non_null(strstr(output, "usage: hello_p2p BDF BAR RDMADEV"));
	assert_int_equal(guest_capture(output, sizeof(output), "%s %s %u nosuch0", hello(), bdf,
				       LIB_BAR), 1);
	assert_non_null(strstr(output, "nosuch0: No such device"));
	assert_int_equal(guest_bind(bdf, NULL), 0);
	assert_int_equal(guest_capture(output, sizeof(output), "%s %s %u " RDMA_DEVICE, hello(), bdf,
				       LIB_BAR), 1);
	assert_non_null(strstr(output, bdf));
}

/* The installed header, pkg-config file and library belong together. */
static void hello_builds_from_its_source_with_pkg_config(void **state)
{
	char output[2048];

	(void)state;
	if (guest_run("command -v cc pkg-config >/dev/null"))
		guest_skip("the guest has no compiler");
	assert_int_equal(guest_capture(output, sizeof(output), "cc -Wall -Wextra -Werror -o /tmp/hello_p2p "
				       HELLO_SOURCE " $(pkg-config --cflags --libs libvfiowc)"), 0);
	assert_int_equal(guest_capture(output, sizeof(output), "/tmp/hello_p2p; rm /tmp/hello_p2p"), 0);
	assert_non_null(strstr(output, "usage:"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(hello_moves_bytes_both_ways),
		guest_test(hello_says_what_is_wrong),
		guest_test(hello_builds_from_its_source_with_pkg_config),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
