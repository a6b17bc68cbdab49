// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* `vfiowc bind`, `vfiowc unbind` and `vfiowc info`. */
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>
#include <infiniband/vfiowc.h>

#include "demo_fixture.h"

static void assert_driver(const char *bdf, const char *want)
{
	char driver[64];

	assert_int_equal(guest_driver(bdf, driver, sizeof(driver)), 0);
	assert_string_equal(driver, want);
}

static void unbind_restores_the_driver_from_before_bind(void **state)
{
	const struct demo_exporter exporter = demo_find_exporter(GUEST_IVSHMEM, 2, false);
	struct demo_state before;

	(void)state;
	assert_int_equal(guest_modprobe("-a vfio-pci vfiowc_pci"), 0);
	assert_int_equal(guest_bind(exporter.bdf, "vfio-pci"), 0);
	demo_state_get(exporter.bdf, &before);
	assert_int_equal(guest_run("vfiowc bind %s", exporter.bdf), 0);
	assert_driver(exporter.bdf, "vfiowc_pci");
	/* A second bind must not forget what was there before the first. */
	assert_int_equal(guest_run("vfiowc bind %s", exporter.bdf), 0);
	assert_int_equal(guest_run("vfiowc unbind %s", exporter.bdf), 0);
	demo_assert_state(exporter.bdf, &before);
	assert_int_equal(guest_bind(exporter.bdf, NULL), 0);
}

/* What modprobe ended with is known all the same. */
static void bind_works_where_ends_of_children_are_ignored(void **state)
{
	const struct demo_exporter exporter = demo_find_exporter(GUEST_IVSHMEM, 2, false);

	(void)state;
	assert_int_equal(guest_run(DEMO_SIGCHLD_IGNORED "vfiowc bind %s", exporter.bdf), 0);
	assert_driver(exporter.bdf, "vfiowc_pci");
	assert_int_equal(guest_run("vfiowc unbind %s", exporter.bdf), 0);
}

static void unbind_without_a_record_lets_the_bus_choose(void **state)
{
	const struct demo_exporter exporter = demo_find_exporter(GUEST_NVME_PMR, 4, true);

	(void)state;
	if (guest_modprobe("nvme"))
		guest_skip("no module nvme");
	assert_int_equal(guest_modprobe("vfiowc_pci"), 0);
	assert_int_equal(guest_bind(exporter.bdf, "vfiowc_pci"), 0);
	assert_int_equal(guest_run("vfiowc unbind %s", exporter.bdf), 0);
	assert_driver(exporter.bdf, "nvme");
	assert_int_equal(guest_run("vfiowc unbind %s", exporter.bdf), 1);
	assert_int_equal(guest_bind(exporter.bdf, NULL), 0);
}

static void bind_and_unbind_refuse_an_open_device(void **state)
{
	const struct demo_exporter exporter = demo_find_exporter(GUEST_IVSHMEM, 2, false);
	struct guest_vfio vfio;

	(void)state;
	assert_int_equal(guest_modprobe("-a vfio-pci vfio_iommu_type1"), 0);
	assert_int_equal(guest_bind(exporter.bdf, "vfio-pci"), 0);
	assert_int_equal(guest_vfio_open(exporter.bdf, &vfio), 0);
	assert_int_equal(guest_run("vfiowc bind %s 2>" DEMO_STDERR, exporter.bdf), 1);
	assert_true(demo_stderr_has("in use: its VFIO group"));
	assert_driver(exporter.bdf, "vfio-pci");
	guest_vfio_close(&vfio);
	assert_int_equal(guest_run("vfiowc bind %s", exporter.bdf), 0);
	assert_int_equal(guest_vfio_open(exporter.bdf, &vfio), 0);
	assert_int_equal(guest_run("vfiowc unbind %s 2>" DEMO_STDERR, exporter.bdf), 1);
	assert_true(demo_stderr_has("in use: its VFIO group"));
	assert_true(demo_stderr_has("add --force to wait for it"));
	assert_driver(exporter.bdf, "vfiowc_pci");
	guest_vfio_close(&vfio);
	assert_int_equal(guest_run("vfiowc unbind %s", exporter.bdf), 0);
	assert_driver(exporter.bdf, "vfio-pci");
	assert_int_equal(guest_bind(exporter.bdf, NULL), 0);
}

/* Where /proc shows neither mounts nor processes. */
static int run_without_proc(const char *command, const char *bdf)
{
	return guest_run("unshare -m sh -c 'mount -t tmpfs none /proc && exec vfiowc %s %s' 2>" DEMO_STDERR, command,
			 bdf);
}

static void what_cannot_be_told_is_not_called_in_use(void **state)
{
	const struct demo_exporter exporter = demo_find_exporter(GUEST_IVSHMEM, 2, false);

	(void)state;
	assert_int_equal(guest_modprobe("-a vfio-pci vfiowc_pci"), 0);
	assert_int_equal(guest_bind(exporter.bdf, "vfio-pci"), 0);
	assert_int_equal(run_without_proc("bind", exporter.bdf), 1);
	assert_true(demo_stderr_has("cannot tell whether it is in use: No such file or directory"));
	assert_driver(exporter.bdf, "vfio-pci");
	assert_int_equal(guest_bind(exporter.bdf, "vfiowc_pci"), 0);
	assert_int_equal(run_without_proc("unbind", exporter.bdf), 1);
	assert_true(demo_stderr_has("cannot tell whether it is in use: No such file or directory"));
	assert_driver(exporter.bdf, "vfiowc_pci");
	assert_int_equal(guest_bind(exporter.bdf, NULL), 0);
}

static void force_takes_a_device_in_use(void **state)
{
	const struct demo_exporter card = demo_find_exporter(GUEST_E1000E, 0, false);
	struct demo_state before;
	char name[64];

	(void)state;
	if (guest_find_netdev(card.bdf, name, sizeof(name)))
		guest_skip("%s has no network interface", card.bdf);
	assert_int_equal(guest_run("ip link set %s up", name), 0);
	demo_state_get(card.bdf, &before);
	assert_int_equal(guest_run("vfiowc bind %s", card.bdf), 1);
	demo_assert_state(card.bdf, &before);
	assert_int_equal(guest_run("vfiowc bind %s --force", card.bdf), 0);
	assert_driver(card.bdf, "vfiowc_pci");
	assert_int_equal(guest_run("vfiowc unbind %s", card.bdf), 0);
	demo_assert_state(card.bdf, &before);
}

/* Its first disk: the controller is there at once, the disk a moment later. */
static bool disk_is_there(void *node)
{
	return !access(node, F_OK);
}

static void wait_for_disk(const char *bdf, char *node, size_t len)
{
	char name[32];

	assert_int_equal(guest_find_nvme(bdf, name, sizeof(name)), 0);
	snprintf(node, len, "/dev/%sn1", name);
	assert_true(guest_wait_for(disk_is_there, node, 10000));
}

static void refuse(const char *bdf, const char *reason)
{
	assert_int_equal(guest_run("vfiowc bind %s 2>" DEMO_STDERR, bdf), 1);
	assert_true(demo_stderr_has(reason));
	assert_driver(bdf, "nvme");
}

static void mounted_or_swapped_disk_is_refused(void **state)
{
	const struct demo_exporter disk = demo_find_exporter(GUEST_NVME_PMR, 4, true);

	char node[64], reason[128];

	(void)state;
	assert_int_equal(guest_modprobe("-a nvme ext4 vfiowc_pci"), 0);
	assert_int_equal(guest_bind(disk.bdf, "nvme"), 0);
	wait_for_disk(disk.bdf, node, sizeof(node));
	assert_int_equal(guest_run("mkfs.ext4 -q %s && mkdir -p /tmp/disk && mount %s /tmp/disk", node,
				   node),
			 0);
	refuse(disk.bdf, "in use: a block device of it is mounted at /tmp/disk");
	assert_int_equal(guest_run("umount /tmp/disk && mkswap -q %s && swapon %s", node, node), 0);
	snprintf(reason, sizeof(reason), "in use: %s is swapped to", node);
	refuse(disk.bdf, reason);
	assert_int_equal(guest_run("swapoff %s", node), 0);
	assert_int_equal(guest_run("vfiowc bind %s", disk.bdf), 0);
	assert_driver(disk.bdf, "vfiowc_pci");
	assert_int_equal(guest_run("vfiowc unbind %s", disk.bdf), 0);
	assert_driver(disk.bdf, "nvme");
	wait_for_disk(disk.bdf, node, sizeof(node));
	assert_int_equal(guest_bind(disk.bdf, NULL), 0);
}

/* A process whose mount this one's mountinfo does not show; it unmounts and ends when @release is closed. */
static pid_t mount_elsewhere(const char *node, int *release)
{
	int ready[2], end[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(end, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(end[1]);
		if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		    mount(node, "/tmp/disk", "ext4", 0, NULL) || write(ready[1], "", 1) != 1)
			_exit(1);
		_exit(read(end[0], &byte, 1) || umount("/tmp/disk"));
	}
	close(ready[1]);
	close(end[0]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	*release = end[1];
	return pid;
}

static void disk_mounted_in_another_namespace_is_refused(void **state)
{
	const struct demo_exporter disk = demo_find_exporter(GUEST_NVME_PMR, 4, true);
	char node[64], reason[128];
	int release, status;
	pid_t pid;

	(void)state;
	assert_int_equal(guest_modprobe("-a nvme ext4 vfiowc_pci"), 0);
	assert_int_equal(guest_bind(disk.bdf, "nvme"), 0);
	wait_for_disk(disk.bdf, node, sizeof(node));
	assert_int_equal(guest_run("mkfs.ext4 -q -F %s && mkdir -p /tmp/disk", node), 0);
	pid = mount_elsewhere(node, &release);
	assert_int_not_equal(guest_run("grep -q /tmp/disk /proc/self/mountinfo"), 0);
	snprintf(reason, sizeof(reason), "in use: %s is held exclusively", node);
	refuse(disk.bdf, reason);
	close(release);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(guest_run("vfiowc bind %s && vfiowc unbind %s", disk.bdf, disk.bdf), 0);
	wait_for_disk(disk.bdf, node, sizeof(node));
	assert_int_equal(guest_bind(disk.bdf, NULL), 0);
}

static bool has_multipath(void)
{
	return !guest_run("grep -q Y /sys/module/nvme_core/parameters/multipath 2>/dev/null");
}

/* Its nodes and mounts are those of a device that is not below the function: the head, named without the path. */
static void disk_reached_by_multipath_is_refused(void **state)
{
	const struct demo_exporter disk = demo_find_exporter(GUEST_NVME_GIB, 4, true);
	char node[64], name[32], reason[128];
	int fd;

	(void)state;
	assert_int_equal(guest_modprobe("-a nvme ext4 vfiowc_pci"), 0);
	if (!has_multipath())
		guest_skip("this kernel has no NVMe multipath");
	assert_int_equal(guest_bind(disk.bdf, "nvme"), 0);
	wait_for_disk(disk.bdf, node, sizeof(node));
	assert_int_equal(guest_run("grep -q 1 /sys/bus/pci/devices/%s/nvme/nvme*/nvme*c*n1/hidden", disk.bdf), 0);
	assert_int_equal(guest_run("mkfs.ext4 -q -F %s && mkdir -p /tmp/disk && mount %s /tmp/disk", node, node), 0);
	refuse(disk.bdf, "in use: a block device of it is mounted at /tmp/disk");
	assert_int_equal(guest_run("umount /tmp/disk"), 0);

	assert_int_equal(guest_find_nvme(disk.bdf, name, sizeof(name)), 0);
	snprintf(node, sizeof(node), "/dev/ng%sn1", name + strlen("nvme"));
	snprintf(reason, sizeof(reason), "has %s open", node);
	fd = open(node, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	refuse(disk.bdf, reason);
	close(fd);

	assert_int_equal(guest_run("vfiowc bind %s && vfiowc unbind %s", disk.bdf, disk.bdf), 0);
	wait_for_disk(disk.bdf, node, sizeof(node));
	assert_int_equal(guest_bind(disk.bdf, NULL), 0);
}

static void interface_of_the_default_route_is_refused(void **state)
{
	const struct demo_exporter card = demo_find_exporter(GUEST_E1000E, 0, false);
	char name[64];

	(void)state;
	if (guest_find_netdev(card.bdf, name, sizeof(name)))
		guest_skip("%s has no network interface", card.bdf);
	assert_int_equal(guest_run("ip link set %s up && ip route add default dev %s", name, name), 0);
	assert_int_equal(guest_run("vfiowc bind %s 2>" DEMO_STDERR, card.bdf), 1);
	assert_true(demo_stderr_has("is up and carries the default route"));
	assert_int_equal(guest_run("ip route del default dev %s", name), 0);
	assert_int_equal(guest_run("vfiowc bind %s 2>" DEMO_STDERR, card.bdf), 1);
	assert_true(demo_stderr_has("is up; stop its user"));
}

static void bind_and_unbind_tell_in_json_what_they_did(void **state)
{
	const struct demo_exporter exporter = demo_find_exporter(GUEST_IVSHMEM, 2, false);
	json_object *root;
	int status;

	(void)state;
	assert_int_equal(guest_bind(exporter.bdf, NULL), 0);
	root = demo_run_json(&status, "vfiowc bind --json %s", exporter.bdf);
	assert_int_equal(status, 0);
	assert_string_equal(json_object_get_string(json_object_object_get(root, "bdf")), exporter.bdf);
	assert_null(json_object_object_get(root, "was"));
	assert_string_equal(json_object_get_string(json_object_object_get(root, "driver")), "vfiowc_pci");
	json_object_put(root);
	root = demo_run_json(&status, "vfiowc unbind --json %s", exporter.bdf);
	assert_int_equal(status, 0);
	assert_string_equal(json_object_get_string(json_object_object_get(root, "was")), "vfiowc_pci");
	assert_null(json_object_object_get(root, "driver"));
	json_object_put(root);
}

static json_object *only_function(json_object *root)
{
	json_object *list;

	assert_true(json_object_object_get_ex(root, "functions", &list));
	assert_int_equal(json_object_array_length(list), 1);
	return json_object_array_get_idx(list, 0);
}

static void info_shows_driver_bars_and_completer(void **state)
{
	const struct demo_exporter exporter = demo_find_exporter(GUEST_IVSHMEM, 2, false);
	json_object *root, *function, *bars, *value;
	int status;

	(void)state;
	root = demo_run_json(&status, "vfiowc info %s --json", exporter.bdf);
	assert_int_equal(status, 0);
	function = only_function(root);
	assert_string_equal(json_object_get_string(json_object_object_get(function, "id")),
			    "1af4:1110");
	assert_true(json_object_object_get_ex(function, "devcap2_tph", &value));
	assert_int_equal(json_object_get_int(value), 0);
	assert_true(json_object_object_get_ex(function, "bars", &bars));
	value = json_object_array_get_idx(bars, json_object_array_length(bars) - 1);
	assert_int_equal(json_object_get_int(json_object_object_get(value, "bar")), 2);
	assert_int_equal(json_object_get_int(json_object_object_get(value, "bytes")), 64 << 20);
	assert_true(json_object_get_boolean(json_object_object_get(value, "prefetchable")));
	json_object_put(root);
	assert_int_equal(guest_run("vfiowc info"), 0);
	assert_int_equal(guest_run("vfiowc info 7f:00.0"), 1);
}

static void info_shows_exported_dma_bufs(void **state)
{
	const struct demo_exporter exporter = demo_find_exporter(GUEST_IVSHMEM, 2, false);
	const enum vfiowc_mem_type wc = VFIOWC_MEM_WC;
	const struct vfiowc_export_attr attr = {
		.bar = 2,
		.offset = 8192,
		.length = 4096,
		.types = &wc,
		.num_types = 1,
	};
	struct vfiowc_device *dev;
	struct vfiowc_buf *buf;
	json_object *root, *list;
	int status;

	(void)state;
	assert_int_equal(guest_run("vfiowc bind %s", exporter.bdf), 0);
	dev = vfiowc_open_device(exporter.bdf);
	assert_non_null(dev);
	buf = vfiowc_export(dev, &attr, sizeof(attr));
	assert_non_null(buf);
	root = demo_run_json(&status, "vfiowc info --json %s", exporter.bdf);
	list = json_object_object_get(only_function(root), "dma_bufs");
	assert_int_equal(json_object_array_length(list), 1);
	assert_string_equal(
		json_object_to_json_string_ext(json_object_array_get_idx(list, 0),
					       JSON_C_TO_STRING_PLAIN),
		"{\"bar\":2,\"size\":4096,\"ranges\":1,\"memattr\":\"WC\",\"state\":\"live\","
		"\"tph_flags\":0,\"importers\":0,\"mappings\":0,\"tph_locked\":0}");
	json_object_put(root);
	assert_int_equal(vfiowc_destroy_buf(buf), 0);
	assert_int_equal(vfiowc_close_device(dev), 0);
	assert_int_equal(guest_run("vfiowc unbind %s", exporter.bdf), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		guest_test(unbind_restores_the_driver_from_before_bind),
		guest_test(bind_works_where_ends_of_children_are_ignored),
		guest_test(unbind_without_a_record_lets_the_bus_choose),
		guest_test(bind_and_unbind_refuse_an_open_device),
		guest_test(what_cannot_be_told_is_not_called_in_use),
		guest_test(force_takes_a_device_in_use),
		guest_test(mounted_or_swapped_disk_is_refused),
		guest_test(disk_mounted_in_another_namespace_is_refused),
		guest_test(disk_reached_by_multipath_is_refused),
		guest_test(interface_of_the_default_route_is_refused),
		guest_test(bind_and_unbind_tell_in_json_what_they_did),
		guest_test(info_shows_driver_bars_and_completer),
		guest_test(info_shows_exported_dma_bufs),
	};

	/* One test by its name: the walk-throughs take a while. */
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
