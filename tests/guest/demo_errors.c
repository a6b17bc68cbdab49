// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Bad input of the vfiowc tool: a clear error on stderr, the right exit status, one JSON object all
 * the same, and the function is what it was before.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "demo_fixture.h"

#define NOBODY "setpriv --reuid=65534 --regid=65534 --clear-groups "

/* A run that must fail in a step: status 1, "ok": false, @message on stderr, nothing changed. */
static void assert_fails(const char *bdf, const char *message, const char *command)
{
	struct demo_state before;
	json_object *report, *ok;
	int status;

	demo_state_get(bdf, &before);
	report = demo_run_json(&status, "%s", command);
	assert_int_equal(status, 1);
	assert_true(json_object_object_get_ex(report, "ok", &ok));
	assert_false(json_object_get_boolean(ok));
	assert_int_equal(json_object_object_length(report), 15);
	json_object_put(report);
	assert_true(demo_stderr_has(message));
	demo_assert_state(bdf, &before);
}

static void assert_usage(const char *message, const char *command)
{
	assert_int_equal(guest_run("%s 2>" DEMO_STDERR " >/tmp/demo.stdout", command), 2);
	assert_true(demo_stderr_has(message));
	assert_int_equal(guest_run("test ! -s /tmp/demo.stdout"), 0);
}

static void wrong_usage_is_status_2(void **state)
{
	(void)state;
	assert_usage("no command given", "vfiowc");
	assert_usage("'dance' is not a command", "vfiowc dance");
	assert_usage("--exporter, --bar and --rdma are needed", "vfiowc demo --json");
	assert_usage("'0000:0x:00.0' is not a PCI address",
		     "vfiowc demo -e 0000:0x:00.0 -b 2 -r vfiowc0");
	assert_usage("--bar '6' is not", "vfiowc demo -e 0000:01:00.0 -b 6 -r vfiowc0");
	assert_usage("--bar '-1' is not", "vfiowc demo -e 0000:01:00.0 -b -1 -r vfiowc0");
	assert_usage("--seed '18446744073709551616' is not",
		     "vfiowc demo -e 0000:01:00.0 -b 2 -r vfiowc0 -s 18446744073709551616");
	assert_usage("'--colour' is no option", "vfiowc demo --colour");
	assert_usage("'more' is one argument too many",
		     "vfiowc demo -e 0000:01:00.0 -b 2 -r vfiowc0 more");
	assert_usage("exactly one PCI address is needed", "vfiowc bind");
	assert_usage("'x' is not a PCI address", "vfiowc unbind x");
}

static void help_and_version_are_status_0(void **state)
{
	(void)state;
	assert_int_equal(guest_run("vfiowc --help && vfiowc --version && vfiowc demo --help && "
				   "vfiowc bind --help && vfiowc unbind -h && vfiowc info --help"),
			 0);
}

static void missing_exporter_is_named(void **state)
{
	(void)state;
	assert_fails("0000:7f:00.0", "0000:7f:00.0: step start: no such PCI function",
		     "vfiowc demo --json -e 7f:00.0 -b 2 -r vfiowc0");
}

static void other_users_than_root_are_told(void **state)
{
	const struct demo_exporter exporter = demo_find_exporter(GUEST_IVSHMEM, 2, false);
	char command[256];

	(void)state;
	snprintf(command, sizeof(command), NOBODY "vfiowc demo --json -e %s -b 2 -r vfiowc0",
		 exporter.bdf);
	assert_fails(exporter.bdf, "needs root", command);
}

static void bar_that_cannot_be_exported_is_refused(void **state)
{
	const struct demo_exporter exporter = demo_find_exporter(GUEST_IVSHMEM, 2, false);
	char command[256], message[128];

	(void)state;
	snprintf(command, sizeof(command), "vfiowc demo --json -e %s -r vfiowc0 -b 4",
		 exporter.bdf);
	snprintf(message, sizeof(message), "%s: step bind: BAR 4 is not mappable", exporter.bdf);
	assert_fails(exporter.bdf, message, command);
	/* 256 bytes of registers */
	snprintf(command, sizeof(command), "vfiowc demo --json -e %s -r vfiowc0 -b 0",
		 exporter.bdf);
	snprintf(message, sizeof(message), "%s: step bind: BAR 0 ", exporter.bdf);
	assert_fails(exporter.bdf, message, command);
}

static void missing_rdma_device_is_not_invented(void **state)
{
	const struct demo_exporter exporter = demo_find_exporter(GUEST_IVSHMEM, 2, false);
	char command[256];

	(void)state;
	snprintf(command, sizeof(command), "vfiowc demo --json -e %s -b 2 -r mlx5_7", exporter.bdf);
	assert_fails(exporter.bdf, "mlx5_7: no such RDMA device", command);
}

static void report_that_cannot_be_written_stops_the_run_before_it_begins(void **state)
{
	const struct demo_exporter exporter = demo_find_exporter(GUEST_IVSHMEM, 2, false);
	char command[256];

	(void)state;
	snprintf(command, sizeof(command), "vfiowc demo --json -J /nowhere/r -e %s -b 2 -r vfiowc0",
		 exporter.bdf);
	assert_fails(exporter.bdf, "/nowhere/r: step start: No such file or directory", command);
}

static void device_open_through_vfio_is_in_use(void **state)
{
	const struct demo_exporter exporter = demo_find_exporter(GUEST_IVSHMEM, 2, false);
	struct guest_vfio vfio;
	char command[256];

	(void)state;
	assert_int_equal(guest_modprobe("-a vfio-pci vfio_iommu_type1"), 0);
	assert_int_equal(guest_bind(exporter.bdf, "vfio-pci"), 0);
	assert_int_equal(guest_vfio_open(exporter.bdf, &vfio), 0);
	snprintf(command, sizeof(command), "vfiowc demo --json -e %s -b 2 -r vfiowc0",
		 exporter.bdf);
	assert_fails(exporter.bdf, "in use: its VFIO group", command);
	guest_vfio_close(&vfio);
	assert_int_equal(guest_bind(exporter.bdf, NULL), 0);
}

static void device_whose_node_is_open_is_in_use(void **state)
{
	const struct demo_exporter exporter = demo_find_exporter(GUEST_NVME_PMR, 4, true);
	char command[256], name[32], node[64], message[128];
	int fd;

	(void)state;
	if (guest_modprobe("nvme") || guest_bind(exporter.bdf, "nvme"))
		guest_skip("driver nvme does not take %s", exporter.bdf);
	assert_int_equal(guest_find_nvme(exporter.bdf, name, sizeof(name)), 0);
	snprintf(node, sizeof(node), "/dev/%s", name);
	snprintf(message, sizeof(message), "has %s open", node);
	fd = open(node, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	snprintf(command, sizeof(command), "vfiowc demo --json -e %s -b 4 -r vfiowc0",
		 exporter.bdf);
	assert_fails(exporter.bdf, message, command);
	close(fd);
	assert_int_equal(guest_bind(exporter.bdf, NULL), 0);
}

static void network_card_that_is_up_is_in_use(void **state)
{
	const struct demo_exporter card = demo_find_exporter(GUEST_E1000E, 0, false);
	char name[64], command[256];

	(void)state;
	if (guest_find_netdev(card.bdf, name, sizeof(name)))
		guest_skip("%s has no network interface", card.bdf);
	assert_int_equal(guest_run("ip link set %s up", name), 0);
	snprintf(command, sizeof(command), "vfiowc demo --json -e %s -b 0 -r vfiowc0", card.bdf);
	assert_fails(card.bdf, "is up", command);
	assert_int_equal(guest_run("ip link set %s down", name), 0);
}

static bool is_taken(void *bdf)
{
	char driver[64];

	return !guest_driver(bdf, driver, sizeof(driver)) && !strcmp(driver, "vfiowc_pci");
}

/* The signal comes while the exporter is bound: all of it is undone, and the report says so. */
static void interrupted_run_leaves_nothing_behind(void **state)
{
	struct demo_exporter exporter = demo_find_exporter(GUEST_IVSHMEM, 2, false);
	struct demo_state before;
	char bar[16];
	pid_t pid;
	int status;

	(void)state;
	snprintf(bar, sizeof(bar), "%u", exporter.bar);
	assert_int_equal(guest_bind(exporter.bdf, NULL), 0);
	demo_state_get(exporter.bdf, &before);
	pid = fork();
	if (!pid) {
		execlp("vfiowc", "vfiowc", "demo", "-r", "vfiowc0", "-b", bar, "-e", exporter.bdf,
		       NULL);
		_exit(127);
	}
	assert_true(guest_wait_for(is_taken, exporter.bdf, 60000));
	kill(pid, SIGINT);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	demo_assert_state(exporter.bdf, &before);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		guest_test(wrong_usage_is_status_2),
		guest_test(help_and_version_are_status_0),
		guest_test(missing_exporter_is_named),
		guest_test(other_users_than_root_are_told),
		guest_test(bar_that_cannot_be_exported_is_refused),
		guest_test(missing_rdma_device_is_not_invented),
		guest_test(report_that_cannot_be_written_stops_the_run_before_it_begins),
		guest_test(device_open_through_vfio_is_in_use),
		guest_test(device_whose_node_is_open_is_in_use),
		guest_test(network_card_that_is_up_is_in_use),
		guest_test(interrupted_run_leaves_nothing_behind),
	};

	/* One test by its name: the walk-throughs take a while. */
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
