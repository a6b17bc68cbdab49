// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Calls of the VFIO device fd, of its dma-bufs and of the driver, failing once each. See failures.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "exporter.h"
#include "failures.h"

#define SLICE (64 * KIB)

static const struct exporter *dut; /* device under test */
static char other[GUEST_BDF_LEN]; /* a function that nobody else has */
static int dmabuf = -1;
static int made = -1;
static volatile uint8_t *map;

static int keep(int fd)
{
	made = fd;
	return fd < 0 ? -fd : 0;
}

static void close_made(void)
{
	close(made);
	made = -1;
}

static int export(void)
{
	const struct exporter_range ranges[2] = { { 0, SLICE }, { MIB, SLICE } };

	return keep(exporter_export_ranges(dut, VFIOWC_MEMATTR_WC, O_RDWR | O_CLOEXEC, 2, ranges));
}

static int export_stock(void)
{
	const struct exporter_range range = { 0, SLICE };

	return keep(exporter_stock(dut, dut->bar, O_RDWR | O_CLOEXEC, 0, 1, &range));
}

static void make_dmabuf(void)
{
	dmabuf = exporter_export(dut, VFIOWC_MEMATTR_WC, 0, SLICE);
}

static void close_dmabuf(void)
{
	close(dmabuf);
	dmabuf = -1;
}

/* The dma-buf must be granted anew. */
static void make_and_reset(void)
{
	make_dmabuf();
	assert_int_equal(ioctl(dut->vfio.device, VFIO_DEVICE_RESET), 0);
}

static void make_and_map(void)
{
	make_dmabuf();
	map = exporter_mmap(dmabuf, SLICE);
}

static void make_map_and_reset(void)
{
	make_and_map();
	assert_int_equal(ioctl(dut->vfio.device, VFIO_DEVICE_RESET), 0);
}

static void make_and_touch(void)
{
	make_and_map();
	assert_false(guest_sigbus_read8(map));
}

static void unmap(void)
{
	munmap((void *)map, SLICE);
	close_dmabuf();
}

static int id(void)
{
	struct vfiowc_feature_id answer;

	return -exporter_feature(dut, VFIO_DEVICE_FEATURE_GET, VFIOWC_FEATURE_ID, &answer, sizeof(answer));
}

static int set_memattr(void)
{
	return -exporter_set_memattr(dut, dmabuf, VFIOWC_MEMATTR_NC);
}

static int get_memattr(void)
{
	struct vfiowc_feature_memattr attr = { .dmabuf_fd = dmabuf };

	return -exporter_feature(dut, VFIO_DEVICE_FEATURE_GET, VFIOWC_FEATURE_DMA_BUF_MEMATTR, &attr,
				 sizeof(attr));
}

static int tph(uint32_t op)
{
	struct vfiowc_feature_tph tags = { .dmabuf_fd = dmabuf, .flags = VFIOWC_TPH_ST, .steering_tag = 7 };

	return -exporter_feature(dut, op, VFIOWC_FEATURE_DMA_BUF_TPH, &tags, sizeof(tags));
}

static int set_tph(void)
{
	return tph(VFIO_DEVICE_FEATURE_SET);
}

static int get_tph(void)
{
	return tph(VFIO_DEVICE_FEATURE_GET);
}

static uint32_t state;

static int query(void)
{
	struct vfiowc_feature_query answer;
	int err = -exporter_query(dut, dmabuf, &answer);

	state = answer.state;
	return err;
}

/* A failure below is no revocation. */
static void state_is_live(int err)
{
	if (!err)
		assert_int_equal(state, VFIOWC_DMA_BUF_LIVE);
}

static int revoke_dmabuf(void)
{
	return -exporter_revoke(dut, dmabuf);
}

static int map_dmabuf(void)
{
	void *at = mmap(NULL, SLICE, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);

	map = at;
	return at == MAP_FAILED ? errno : 0;
}

static void unmap_only(void)
{
	munmap((void *)map, SLICE);
}

/* What a failed mmap has counted it has taken back. */
static void mappings_are_counted(int err)
{
	struct vfiowc_feature_query answer;

	assert_int_equal(exporter_query(dut, dmabuf, &answer), 0);
	assert_int_equal(answer.nr_mappings, err ? 0 : 1);
}

static int touch(void)
{
	return guest_sigbus_read8(map) ? EFAULT : 0;
}

/* Out of memory, the kernel repeats a page fault; SIGBUS would mean revoked. */
static void touch_works(int err)
{
	assert_int_equal(err, 0);
}

static int map_query(void)
{
	struct vfiowc_feature_map_query answer;

	return -exporter_map_query(dut, (const void *)map, &answer);
}

static off_t command_at;

/* Exported while decode is off: it cannot be granted before its device is told that it may be. */
static void make_without_decode(void)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = VFIO_PCI_CONFIG_REGION_INDEX };

	assert_int_equal(ioctl(dut->vfio.device, VFIO_DEVICE_GET_REGION_INFO, &info), 0);
	command_at = (off_t)info.offset + PCI_COMMAND;
	exporter_decode(dut, false);
	make_dmabuf();
}

static int switch_decode_on(void)
{
	const uint16_t on = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;

	return pwrite(dut->vfio.device, &on, sizeof(on), command_at) == sizeof(on) ? 0 : errno;
}

/* Whatever failed then, the dma-buf works as soon as there is memory and its device is spoken to. */
static void dmabuf_can_be_mapped(int err)
{
	if (err)
		return;
	assert_int_equal(query(), 0);
	assert_int_equal(state, VFIOWC_DMA_BUF_LIVE);
	assert_int_equal(map_dmabuf(), 0);
	assert_int_equal(touch(), 0);
	unmap_only();
}

/* A part that was not asked for before, each time: they live as long as the device is open. */
static struct vfiowc_feature_region_mmap part = { .memattr = VFIOWC_MEMATTR_WC, .length = PAGE };

static void choose_part(void)
{
	part.region_index = dut->bar;
	part.offset += PAGE;
}

/* A request that fails may come back as anything. */
static int region(void)
{
	struct vfiowc_feature_region_mmap req = part;
	int ret = exporter_feature(dut, VFIO_DEVICE_FEATURE_GET, VFIOWC_FEATURE_REGION_MMAP, &req, sizeof(req));

	if (!ret)
		part = req;
	return -ret;
}

static int map_region(void)
{
	void *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, dut->vfio.device,
			(off_t)part.mmap_offset);

	map = at;
	return at == MAP_FAILED ? errno : 0;
}

static void choose_and_get_part(void)
{
	choose_part();
	assert_int_equal(region(), 0);
}

static void unmap_part(void)
{
	munmap((void *)map, PAGE);
}

static int read_debugfs(void)
{
	char text[4096];

	return guest_read_file("/sys/kernel/debug/vfiowc_pci/dma_bufs", text, sizeof(text));
}

static int bind_other(void)
{
	return guest_write_file("/sys/bus/pci/drivers/" EXPORTER_DRIVER "/bind", other);
}

static void choose_driver(void)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver_override", other);
	assert_int_equal(guest_write_file(path, EXPORTER_DRIVER), 0);
}

static void unbind_other(void)
{
	assert_int_equal(guest_write_file("/sys/bus/pci/drivers/" EXPORTER_DRIVER "/unbind", other), 0);
}

static struct guest_vfio other_vfio;

static void bind_it(void)
{
	choose_driver();
	assert_int_equal(bind_other(), 0);
}

static int open_other(void)
{
	return guest_vfio_open(other, &other_vfio);
}

static void close_other(void)
{
	guest_vfio_close(&other_vfio);
}

static const struct failing_call calls[] = {
	FAILING(export, .undo = close_made, .kthread = true, .errnos = { EIO }),
	FAILING(export_stock, .undo = close_made, .kthread = true, .errnos = { EIO }),
	FAILING(id),
	FAILING(set_memattr, .before = make_dmabuf, .after = close_dmabuf),
	FAILING(get_memattr, .before = make_dmabuf, .after = close_dmabuf),
	FAILING(set_tph, .before = make_dmabuf, .after = close_dmabuf),
	FAILING(get_tph, .before = make_dmabuf, .after = close_dmabuf),
	FAILING(query, .before = make_dmabuf, .after = close_dmabuf),
	{ "query after reset", query, .before = make_and_reset, .after = close_dmabuf, .check = state_is_live,
	  .errnos = { EIO } },
	FAILING(revoke_dmabuf, .before = make_and_touch, .after = unmap),
	FAILING(map_dmabuf, .before = make_dmabuf, .undo = unmap_only, .after = close_dmabuf,
		.check = mappings_are_counted),
	{ "map after reset", map_dmabuf, .before = make_and_reset, .undo = unmap_only, .after = close_dmabuf,
	  .errnos = { EIO } },
	FAILING(touch, .before = make_and_map, .after = unmap, .check = touch_works, .absorbs = true),
	{ "touch after reset", touch, .before = make_map_and_reset, .after = unmap, .check = touch_works,
	  .absorbs = true },
	FAILING(map_query, .before = make_and_touch, .after = unmap),
	FAILING(switch_decode_on, .before = make_without_decode, .after = close_dmabuf,
		.check = dmabuf_can_be_mapped, .absorbs = true),
	FAILING(region, .before = choose_part, .kthread = true, .errnos = { EIO }),
	FAILING(map_region, .before = choose_and_get_part, .undo = unmap_part),
	FAILING(read_debugfs, .before = make_dmabuf, .after = close_dmabuf),
	/* VFIO warns and loses a reference: Documentation/upstream/group-not-created.md */
	FAILING(bind_other, .before = choose_driver, .undo = unbind_other, .errnos = { ENODEV, EIO },
		.spares = "vfio_create_group"),
	/*
	 * Without what PCI and ACPI allocate to enable a function: hundreds, and most they do without. vfio-pci-core
	 * opens without its copy of the configuration space and with a BAR less, too.
	 */
	FAILING(open_other, .before = bind_it, .undo = close_other, .after = unbind_other, .depth = 9,
		.absorbs = true, .errnos = { EIO, ENODEV, EINVAL }),
};

static void each_failure_of_the_exporter_is_reported_and_undone(void **test_state)
{
	dut = *test_state;
	assert_int_equal(guest_find_pci(GUEST_NVME_PMR, other), 0);
	assert_int_equal(guest_bind(other, NULL), 0);
	failures_setup(EXPORTER_DRIVER);
	exporter_param("tph_override", "3");
	failures_run(calls, sizeof(calls) / sizeof(calls[0]));
	exporter_param("tph_override", "0");
	assert_int_equal(guest_bind(other, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		exporter_test(each_failure_of_the_exporter_is_reported_and_undone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
