// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* The table of causes: see cause.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cause.h"

/* Power states as PCI_PM_CTRL has them. */
#define PM_D0 0
#define PM_D3HOT 3

/* Long enough to see that somebody waits, and for a removal to end on a busy host. */
#define WAITS_MS 300
#define ENDS_MS 30000

#define AF_PARAM "/sys/module/vfiowc_test_af/parameters/function"

static int write_attribute(const struct cause_run *run, const char *attribute)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", run->exp.bdf, attribute);
	return guest_write_file(path, "1");
}

static void decode_off(struct cause_run *run)
{
	exporter_decode(&run->exp, false);
}

static void decode_on(struct cause_run *run)
{
	exporter_decode(&run->exp, true);
}

static void set_power(const struct exporter *exp, uint32_t state)
{
	unsigned int pm = exporter_capability(exp, PCI_CAP_ID_PM);

	assert_true(pm);
	exporter_config_write(exp, pm + PCI_PM_CTRL, 2, state);
}

static void d3hot(struct cause_run *run)
{
	set_power(&run->exp, PM_D3HOT);
}

static void d0(struct cause_run *run)
{
	set_power(&run->exp, PM_D0);
	exporter_enable_memory(&run->exp);
}

static void enable_memory(struct cause_run *run)
{
	exporter_enable_memory(&run->exp);
}

static void pcie_flr(struct cause_run *run)
{
	unsigned int cap = exporter_capability(&run->exp, PCI_CAP_ID_EXP);
	uint32_t control;

	assert_true(cap);
	control = exporter_config_read(&run->exp, cap + PCI_EXP_DEVCTL, 2);
	exporter_config_write(&run->exp, cap + PCI_EXP_DEVCTL, 2, control | PCI_EXP_DEVCTL_BCR_FLR);
}

/* No emulated device has an AF capability: the test module shows one to the kernel. */
static const char *af_prepare(struct cause_run *run)
{
	if (access(AF_PARAM, F_OK) && guest_modprobe("vfiowc_test_af"))
		return "vfiowc_test_af, which injects the AF capability, does not load";
	assert_int_equal(guest_write_file(AF_PARAM, run->exp.bdf), 0);
	return NULL;
}

static void af_flr(struct cause_run *run)
{
	unsigned int cap = exporter_capability(&run->exp, PCI_CAP_ID_AF);

	assert_true(cap);
	exporter_config_write(&run->exp, cap + PCI_AF_CTRL, 1, PCI_AF_CTRL_FLR);
}

static void af_undo(struct cause_run *run)
{
	(void)run;
	assert_int_equal(guest_write_file(AF_PARAM, "none"), 0);
}

static void vfio_device_reset(struct cause_run *run)
{
	assert_return_code(ioctl(run->exp.vfio.device, VFIO_DEVICE_RESET), errno);
}

static const char *pair_prepare(struct cause_run *run)
{
	(void)run;
	if (access("/sys/bus/pci/devices/" GUEST_PAIR_SIBLING, F_OK))
		return "the guest has no two functions on one bus";
	if (access("/sys/bus/pci/drivers/vfio-pci", F_OK))
		assert_int_equal(guest_modprobe("vfio-pci"), 0);
	/* Another owner's driver: it knows nothing of our dma-bufs. */
	assert_int_equal(guest_bind(GUEST_PAIR_SIBLING, "vfio-pci"), 0);
	return NULL;
}

static void hot_reset_of_sibling(struct cause_run *run)
{
	const size_t bytes = sizeof(struct vfio_pci_hot_reset) + sizeof(int32_t);
	struct vfio_pci_hot_reset *reset = calloc(1, bytes);

	assert_non_null(reset);
	reset->argsz = bytes;
	reset->count = 1;
	reset->group_fds[0] = run->exp.vfio.group;
	run->sibling = ioctl(run->exp.vfio.group, VFIO_GROUP_GET_DEVICE_FD, GUEST_PAIR_SIBLING);
	assert_return_code(run->sibling, errno);
	assert_return_code(ioctl(run->sibling, VFIO_DEVICE_PCI_HOT_RESET, reset), errno);
	free(reset);
}

static void close_sibling(struct cause_run *run)
{
	close(run->sibling);
	run->sibling = -1;
}

static void pair_undo(struct cause_run *run)
{
	(void)run;
	assert_int_equal(guest_bind(GUEST_PAIR_SIBLING, NULL), 0);
}

static void low_power(const struct exporter *exp, uint32_t feature)
{
	struct vfio_device_low_power_entry_with_wakeup unused = {};

	assert_int_equal(exporter_feature(exp, VFIO_DEVICE_FEATURE_SET, feature, &unused,
					  sizeof(unused)), 0);
}

static void low_power_entry(struct cause_run *run)
{
	low_power(&run->exp, VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY);
}

static void low_power_exit(struct cause_run *run)
{
	low_power(&run->exp, VFIO_DEVICE_FEATURE_LOW_POWER_EXIT);
	exporter_enable_memory(&run->exp);
}

static void sysfs_reset(struct cause_run *run)
{
	assert_int_equal(write_attribute(run, "reset"), 0);
}

/* One record, as /dev/aer_inject takes it. */
struct aer_error {
	uint8_t bus;
	uint8_t dev;
	uint8_t fn;
	uint32_t uncorrectable;
	uint32_t correctable;
	uint32_t header_log[4];
	uint32_t domain;
};

static const char *aer_prepare(struct cause_run *run)
{
	(void)run;
	if (access("/dev/aer_inject", F_OK) && guest_modprobe("aer_inject"))
		return "the kernel has no aer_inject";
	return NULL;
}

/*
 * A non-fatal error of the port above: the kernel tells the drivers of all functions below it. After a fatal one
 * it resets the link, and then, as with vfio-pci, the function's BARs are not programmed until the next open.
 */
void cause_inject_aer(const struct cause_run *run)
{
	struct aer_error record = { .uncorrectable = PCI_ERR_UNC_COMP_TIME };
	char path[128], target[256], *port;
	unsigned int bus, dev, fn;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", run->exp.bdf);
	n = readlink(path, target, sizeof(target) - 1);
	assert_true(n > 0);
	target[n] = '\0';
	*strrchr(target, '/') = '\0';
	port = strrchr(target, '/') + 1;
	assert_int_equal(sscanf(port, "%x:%x:%x.%x", &record.domain, &bus, &dev, &fn), 4);
	record.bus = bus;
	record.dev = dev;
	record.fn = fn;
	fd = open("/dev/aer_inject", O_WRONLY | O_CLOEXEC);
	assert_return_code(fd, errno);
	assert_int_equal(write(fd, &record, sizeof(record)), sizeof(record));
	close(fd);
}

bool cause_aer_recovered(void *unused)
{
	(void)unused;
	return guest_log_count("device recovery successful") || guest_log_count("device recovery failed");
}

static void aer_error_detected(struct cause_run *run)
{
	cause_inject_aer(run);
	assert_true(guest_wait_for(cause_aer_recovered, NULL, ENDS_MS));
}

static void revoke_by_request(struct cause_run *run)
{
	assert_int_equal(exporter_revoke(&run->exp, run->dmabuf), 0);
}

static void close_device(struct cause_run *run)
{
	exporter_close(&run->exp);
	run->closed = true;
}

static void open_again(struct cause_run *run)
{
	exporter_open_at(&run->exp, EXPORTER_DRIVER);
	run->closed = false;
}

/* A write to sysfs in a process of its own; it ends with the errno. */
static pid_t write_in_child(const struct cause_run *run, const char *attribute, const char *value)
{
	char path[128];
	pid_t child;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", run->exp.bdf, attribute);
	child = fork();
	if (child)
		return child;
	/* The device is the parent's alone to close. */
	close(run->exp.vfio.device);
	close(run->exp.vfio.group);
	close(run->exp.vfio.container);
	_exit(guest_write_file(path, value));
}

/* Core waits for the device to be closed; when it is, the rest is done without any wait for dma-bufs. */
static void waits_for_close(struct cause_run *run, pid_t child)
{
	int status;

	usleep(WAITS_MS * 1000);
	assert_int_equal(waitpid(child, &status, WNOHANG), 0);
	assert_int_equal(exporter_state(&run->exp, run->dmabuf), VFIOWC_DMA_BUF_LIVE);
	close_device(run);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void driver_unbind(struct cause_run *run)
{
	char driver[32];

	waits_for_close(run, write_in_child(run, "driver/unbind", run->exp.bdf));
	assert_int_equal(guest_driver(run->exp.bdf, driver, sizeof(driver)), 0);
	assert_string_equal(driver, "");
}

static void device_removal(struct cause_run *run)
{
	char path[128];

	waits_for_close(run, write_in_child(run, "remove", "1"));
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", run->exp.bdf);
	assert_int_equal(access(path, F_OK), -1);
}

static void rescan_and_open_again(struct cause_run *run)
{
	assert_int_equal(guest_write_file("/sys/bus/pci/rescan", "1"), 0);
	open_again(run);
}

static void module_unload(struct cause_run *run)
{
	(void)run;
	assert_int_not_equal(guest_run("rmmod vfiowc_pci 2>/dev/null"), 0);
	assert_int_equal(access("/sys/module/vfiowc_pci", F_OK), 0);
}

static void nothing(struct cause_run *run)
{
	(void)run;
}

const struct cause causes[] = {
	{ "decode_off", .lasts = true, .begin = decode_off, .end = decode_on },
	{ "d3hot", .device = CAUSE_NVME, .lasts = true, .begin = d3hot, .end = d0 },
	{ "pcie_flr", .device = CAUSE_NVME, .begin = pcie_flr, .end = enable_memory },
	{ "af_flr", .prepare = af_prepare, .begin = af_flr, .end = nothing, .undo = af_undo },
	{ "vfio_device_reset", .begin = vfio_device_reset, .end = nothing },
	{ "hot_reset_of_sibling", .device = CAUSE_PAIR, .prepare = pair_prepare,
	  .begin = hot_reset_of_sibling, .end = close_sibling, .undo = pair_undo },
	{ "low_power", .device = CAUSE_NVME, .lasts = true, .unseen = true, .begin = low_power_entry,
	  .end = low_power_exit },
	{ "sysfs_reset", .begin = sysfs_reset, .end = nothing },
	{ "aer_error_detected", .prepare = aer_prepare, .begin = aer_error_detected, .end = nothing },
	{ "revoke", .permanent = true, .begin = revoke_by_request, .end = nothing },
	{ "last_fd_closed", .permanent = true, .unseen = true, .begin = close_device, .end = open_again },
	{ "driver_unbind", .permanent = true, .unseen = true, .begin = driver_unbind, .end = open_again },
	{ "device_removal", .permanent = true, .unseen = true, .begin = device_removal,
	  .end = rescan_and_open_again },
	{ "module_unload", .permanent = true, .refused = true, .begin = module_unload, .end = nothing },
};

const unsigned int nr_causes = sizeof(causes) / sizeof(causes[0]);

const struct cause *cause_named(const char *name)
{
	for (unsigned int i = 0; i < nr_causes; i++)
		if (!strcmp(causes[i].name, name))
			return &causes[i];
	fail_msg("no cause %s", name);
	return NULL;
}

void cause_open(const struct cause *cause, struct cause_run *run)
{
	struct exporter *exp = &run->exp;
	const char *why;

	*run = (struct cause_run){ .dmabuf = -1, .sibling = -1 };
	exp->bar = cause->device == CAUSE_NVME ? 4 : 2;
	if (cause->device == CAUSE_PAIR)
		strcpy(exp->bdf, GUEST_PAIR);
	else if (cause->device == CAUSE_NVME ? guest_find_pci(GUEST_NVME_PMR, exp->bdf) :
					       guest_find_pci(GUEST_IVSHMEM, exp->bdf))
		guest_skip("the guest has no such device");
	why = cause->prepare ? cause->prepare(run) : NULL;
	if (why)
		guest_skip("%s", why);
	exporter_open_at(exp, EXPORTER_DRIVER);
}

void cause_close(const struct cause *cause, struct cause_run *run)
{
	if (run->sibling >= 0)
		close(run->sibling);
	if (!run->closed)
		exporter_close(&run->exp);
	if (cause->undo)
		cause->undo(run);
}
