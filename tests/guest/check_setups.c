// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * `vfiowc check` in set-ups that work and in set-ups broken by one thing each: its verdict, made before anything
 * is exported, against the probe, which really moves bytes. A verdict that the probe contradicts fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check_agrees.h"
#include "lib_fixture.h"
#include "rdma_fixture.h"

#define AS_NOBODY "setpriv --reuid=65534 --regid=65534 --clear-groups "

struct site {
	char bdf[GUEST_BDF_LEN];
	char netdev[32];
	char out[CHECK_OUT_BYTES];
};

static int setup(void **state)
{
	struct site *site = calloc(1, sizeof(*site));
	char nic[GUEST_BDF_LEN];

	guest_setup(state);
	assert_non_null(site);
	*state = site;
	lib_bind(site->bdf, EXPORTER_DRIVER);
	assert_int_equal(guest_find_pci(GUEST_E1000E, nic), 0);
	assert_int_equal(guest_find_netdev(nic, site->netdev, sizeof(site->netdev)), 0);
	return 0;
}

static int teardown(void **state)
{
	struct site *site = *state;

	guest_bind(site->bdf, NULL);
	free(site);
	*state = NULL;
	return guest_teardown(state);
}

#define check_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static void sound_setup_works(void **state)
{
	struct site *site = *state;

	check_agrees("", site->bdf, RDMA_DEVICE, true, NULL);
}

static void exporter_without_driver(void **state)
{
	struct site *site = *state;

	assert_int_equal(guest_bind(site->bdf, NULL), 0);
	check_agrees("", site->bdf, RDMA_DEVICE, false, "driver");
}

static void exporter_of_another_driver(void **state)
{
	struct site *site = *state;

	assert_int_equal(guest_modprobe("pci-stub"), 0);
	assert_int_equal(guest_bind(site->bdf, "pci-stub"), 0);
	check_agrees("", site->bdf, RDMA_DEVICE, false, "driver");
}

/* The addresses of stock vfio-pci cannot be told from those behind the interface's IOMMU. */
static void stock_exporter_for_the_software_device(void **state)
{
	struct site *site = *state;

	assert_int_equal(guest_bind(site->bdf, "vfio-pci"), 0);
	check_agrees("", site->bdf, RDMA_DEVICE, false, "importer");
}

static void importer_that_imports_no_dma_buf(void **state)
{
	struct site *site = *state;

	check_rxe_up();
	check_agrees("", site->bdf, CHECK_RXE, false, "importer");
	check_rxe_down();
}

static void port_that_is_down(void **state)
{
	struct site *site = *state;

	assert_int_equal(guest_run("ip link set %s down", site->netdev), 0);
	check_agrees("", site->bdf, RDMA_DEVICE, false, "port");
	assert_int_equal(guest_run("ip link set %s up", site->netdev), 0);
	/* The probe waits for the carrier, so the next test may begin. */
	assert_int_equal(guest_capture(site->out, sizeof(site->out), "vfiowc check --probe %s " RDMA_DEVICE,
				       site->bdf), 0);
}

static void user_without_rights(void **state)
{
	struct site *site = *state;

	check_agrees(AS_NOBODY, site->bdf, RDMA_DEVICE, false, "permission");
}

static void group_that_another_process_has_open(void **state)
{
	struct site *site = *state;
	struct guest_vfio vfio;

	assert_int_equal(guest_vfio_open(site->bdf, &vfio), 0);
	check_agrees("", site->bdf, RDMA_DEVICE, false, "permission");
	guest_vfio_close(&vfio);
}

static void group_with_a_function_of_another_driver(void **state)
{
	(void)state;
	assert_int_equal(guest_modprobe("uio_pci_generic"), 0);
	assert_int_equal(guest_bind(GUEST_PAIR, EXPORTER_DRIVER), 0);
	check_agrees("", GUEST_PAIR, RDMA_DEVICE, true, NULL);
	assert_int_equal(guest_bind(GUEST_PAIR_SIBLING, "uio_pci_generic"), 0);
	check_agrees("", GUEST_PAIR, RDMA_DEVICE, false, "group");
	guest_bind(GUEST_PAIR_SIBLING, NULL);
	guest_bind(GUEST_PAIR, NULL);
}

/* The group's node of the exporter. */
static void group_node(const struct site *site, char *path, size_t len)
{
	char link[128], target[256];
	ssize_t n;

	snprintf(link, sizeof(link), "/sys/bus/pci/devices/%s/iommu_group", site->bdf);
	n = readlink(link, target, sizeof(target) - 1);
	assert_true(n > 0);
	target[n] = '\0';
	snprintf(path, len, "/dev/vfio%s", strrchr(target, '/'));
}

static void user_that_may_lock_no_memory(void **state)
{
	struct site *site = *state;
	char node[64];

	group_node(site, node, sizeof(node));
	assert_return_code(chmod(node, 0666), errno);
	check_agrees(AS_NOBODY, site->bdf, RDMA_DEVICE, true, NULL);
	check_agrees("prlimit --memlock=0:0 " AS_NOBODY, site->bdf, RDMA_DEVICE, false, "memlock");
}

static void user_that_may_not_open_the_rdma_device(void **state)
{
	struct site *site = *state;
	char node[64];

	group_node(site, node, sizeof(node));
	assert_return_code(chmod(node, 0666), errno);
	assert_int_equal(guest_run("chmod 0600 /dev/infiniband/uverbs*"), 0);
	check_agrees(AS_NOBODY, site->bdf, RDMA_DEVICE, false, "permission");
	assert_int_equal(guest_run("chmod 0666 /dev/infiniband/uverbs*"), 0);
}

static void usage_and_names_that_are_not_there(void **state)
{
	struct site *site = *state;

	assert_int_equal(guest_capture(site->out, sizeof(site->out), "vfiowc check --help"), 0);
	assert_non_null(strstr(site->out, "Usage: vfiowc check"));
	assert_int_equal(guest_capture(site->out, sizeof(site->out), "vfiowc check %s", site->bdf), 2);
	assert_int_equal(guest_capture(site->out, sizeof(site->out), "vfiowc check --bar 6 %s x", site->bdf), 2);
	assert_int_equal(guest_capture(site->out, sizeof(site->out), "vfiowc check --bar"), 2);
	assert_int_equal(guest_capture(site->out, sizeof(site->out), "vfiowc check --bar 2 %s " RDMA_DEVICE,
				       site->bdf), 2);
	assert_non_null(strstr(site->out, "add --probe"));
	assert_int_equal(guest_capture(site->out, sizeof(site->out), "vfiowc check 0000:77:00.0 x"), 1);
	assert_non_null(strstr(site->out, "vfiowc: 0000:77:00.0: no such PCI function"));
	assert_int_equal(guest_capture(site->out, sizeof(site->out), "vfiowc check %s nosuch0", site->bdf), 1);
	assert_non_null(strstr(site->out, "vfiowc: nosuch0: no such RDMA device"));
	assert_int_equal(guest_capture(site->out, sizeof(site->out), "vfiowc check %s " RDMA_DEVICE,
				       site->bdf), 0);
	assert_non_null(strstr(site->out, "writes"));
	assert_null(strstr(site->out, "probe:"));
}

/* What was in the BAR is there again. */
static void probe_puts_back_what_was_there(void **state)
{
	struct site *site = *state;
	static const char text[] = "bytes that belong to somebody else, and must be there again.";
	struct vfiowc_device *dev = vfiowc_open_device(site->bdf);
	struct vfiowc_mapping *map;
	struct vfiowc_buf *buf;

	assert_non_null(dev);
	buf = lib_export(dev, 0, PAGE, VFIOWC_MEM_NC);
	map = lib_map(buf, PAGE);
	memcpy(vfiowc_map_addr(map), text, sizeof(text));
	vfiowc_unmap(map);
	vfiowc_destroy_buf(buf);
	vfiowc_close_device(dev);
	check_agrees("", site->bdf, RDMA_DEVICE, true, NULL);
	dev = vfiowc_open_device(site->bdf);
	assert_non_null(dev);
	buf = lib_export(dev, 0, PAGE, VFIOWC_MEM_NC);
	map = lib_map(buf, PAGE);
	assert_memory_equal(vfiowc_map_addr(map), text, sizeof(text));
	vfiowc_unmap(map);
	vfiowc_destroy_buf(buf);
	vfiowc_close_device(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		check_test(sound_setup_works),
		check_test(exporter_without_driver),
		check_test(exporter_of_another_driver),
		check_test(stock_exporter_for_the_software_device),
		check_test(importer_that_imports_no_dma_buf),
		check_test(port_that_is_down),
		check_test(user_without_rights),
		check_test(group_that_another_process_has_open),
		check_test(group_with_a_function_of_another_driver),
		check_test(user_that_may_lock_no_memory),
		check_test(user_that_may_not_open_the_rdma_device),
		check_test(probe_puts_back_what_was_there),
		check_test(usage_and_names_that_are_not_there),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
