// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * `vfiowc check` on a kernel that is locked down, as under Secure Boot, and so loads no module that nobody signed:
 * lockdown=integrity, in a boot of its own (buildlib/lab/test.sh).
 */
#include <string.h>

#include "check_agrees.h"
#include "guest.h"

#define LOCKDOWN "/sys/kernel/security/lockdown"

static int setup(void **state)
{
	guest_setup(state);
	/* No init of a distribution has mounted it. */
	guest_run("mount -t securityfs security /sys/kernel/security");
	check_rxe_up();
	return 0;
}

static int teardown(void **state)
{
	check_rxe_down();
	guest_run("umount /sys/kernel/security");
	return guest_teardown(state);
}

static void modules_that_nobody_signed_are_refused(void **state)
{
	char bdf[GUEST_BDF_LEN], text[80] = "";

	(void)state;
	guest_read_file(LOCKDOWN, text, sizeof(text));
	if (!strstr(text, "[integrity]"))
		guest_skip("the kernel is not locked down (%s): it was not booted for this test", text);
	assert_int_equal(guest_find_pci(GUEST_IVSHMEM, bdf), 0);
	assert_int_not_equal(guest_modprobe("vfiowc_pci"), 0);
	assert_int_equal(guest_run("vfiowc bind %s", bdf), 1);
	check_agrees("", bdf, CHECK_RXE, false, "lockdown");
}

/* The distribution's own driver is signed: it is not the lockdown that stands in its way. */
static void stock_driver_is_not_affected(void **state)
{
	/* What a kernel can do whose configuration is not there (a debug kernel's is not) is not known. */
	const char *driver = guest_run("test -r /boot/config-$(uname -r)") ? "unknown" : "yes";
	char bdf[GUEST_BDF_LEN], out[CHECK_OUT_BYTES], finding[80];

	(void)state;
	snprintf(finding, sizeof(finding), "\"subject\": \"driver\",\n      \"write\": \"%s\"", driver);
	assert_int_equal(guest_find_pci(GUEST_IVSHMEM, bdf), 0);
	assert_int_equal(guest_modprobe("vfio-pci"), 0);
	assert_int_equal(guest_bind(bdf, "vfio-pci"), 0);
	guest_capture(out, sizeof(out), "vfiowc check --json %s " CHECK_RXE, bdf);
	if (!strstr(out, finding) ||
	    strstr(out, "\"subject\": \"lockdown\",\n      \"write\": \"no\""))
		fail_msg("%s", out);
	assert_int_equal(guest_bind(bdf, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(modules_that_nobody_signed_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(stock_driver_is_not_affected, setup, teardown),
	};

	return cmocka_run_group_tests_name("boot_lockdown", tests, NULL, NULL);
}
