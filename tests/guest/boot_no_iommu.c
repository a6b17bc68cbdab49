// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* `vfiowc check` on a machine whose IOMMU is off: intel_iommu=off, in a boot of its own (buildlib/lab/test.sh). */
#include <string.h>
#include <unistd.h>

#include "check_agrees.h"
#include "guest.h"
#include "rdma_fixture.h"

static void function_without_iommu_group(void **state)
{
	char bdf[GUEST_BDF_LEN], path[128], driver[32];

	(void)state;
	assert_int_equal(guest_find_pci(GUEST_IVSHMEM, bdf), 0);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", bdf);
	if (!access(path, F_OK))
		guest_skip("this guest has an IOMMU: it was not booted for this test");
	assert_int_equal(guest_modprobe("vfiowc_pci"), 0);
	/* VFIO takes no function without a group; the tool says so instead of an errno. */
	assert_int_equal(guest_run("vfiowc bind %s", bdf), 1);
	assert_int_equal(guest_driver(bdf, driver, sizeof(driver)), 0);
	assert_string_equal(driver, "");
	check_agrees("", bdf, RDMA_DEVICE, false, "group");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(function_without_iommu_group),
	};

	return cmocka_run_group_tests_name("boot_no_iommu", tests, rdma_device_up, rdma_device_down);
}
