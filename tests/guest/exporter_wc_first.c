// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * A program has mapped a page of the BAR's write-combining file in sysfs when vfiowc_pci's device is opened: x86
 * then makes all mappings of the kernel's of that BAR write-combined, core's and an importer's. What is said of
 * types and order holds all the same, or is refused.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "drain_trace.h"
#include "lib_fixture.h"
#include "rdma_fixture.h"

#define VALUE 0x6c7e5a1d
/* Device and vendor, as a config read gives them. */
#define CONFIG_ID 0x11101af4

struct site {
	char bdf[GUEST_BDF_LEN];
	struct exporter exp;
	struct vfiowc_device *dev;
};

/* Any page of the BAR will do. */
static void *map_wc_file(const char *bdf)
{
	char path[64];
	void *page;
	int file;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource%d_wc", bdf, LIB_BAR);
	file = open(path, O_RDWR | O_CLOEXEC);
	assert_return_code(file, errno);
	page = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, (off_t)(LIB_BAR_BYTES - PAGE));
	assert_true(page != MAP_FAILED);
	close(file);
	return page;
}

/* @first: there is a write-combining mapping before; it ends when the device is open. */
static void open_site(struct site *site, bool first)
{
	void *page = first ? map_wc_file(site->bdf) : NULL;

	site->dev = vfiowc_open_device(site->bdf);
	assert_non_null(site->dev);
	if (first)
		assert_int_equal(munmap(page, PAGE), 0);
	site->exp.bar = LIB_BAR;
	site->exp.vfio.device = vfiowc_device_fd(site->dev);
}

static void close_site(struct site *site)
{
	assert_int_equal(vfiowc_close_device(site->dev), 0);
	site->dev = NULL;
}

static int setup(void **state)
{
	static struct site site;

	guest_setup(state);
	memset(&site, 0, sizeof(site));
	lib_bind(site.bdf, EXPORTER_DRIVER);
	*state = &site;
	return 0;
}

static int teardown(void **state)
{
	struct site *site = *state;

	/* Left open by a test that failed: unbinding would wait for it. */
	if (site->dev)
		close(vfiowc_device_fd(site->dev));
	guest_bind(site->bdf, NULL);
	return guest_teardown(state);
}

#define site_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* By the kernel's list: of what core has mapped, which is all of the BAR. */
static bool kernel_has_it_write_combined(const struct site *site)
{
	char out[8192];

	assert_int_equal(guest_capture(out, sizeof(out), "vfiowc info %s", site->bdf), 0);
	return strstr(out, "BAR 2: 67108864 bytes of memory, prefetchable, write-combined for the kernel\n");
}

static void type_of_each_slice_is_what_was_asked_for(void **state)
{
	struct site *site = *state;

	open_site(site, true);
	assert_true(kernel_has_it_write_combined(site));
	for (unsigned int type = VFIOWC_MEMATTR_NC; type <= VFIOWC_MEMATTR_WC; type++) {
		int fd = exporter_export(&site->exp, type, type * MIB, MIB);
		volatile uint8_t *map = exporter_mmap(fd, MIB);

		(void)map[0];
		assert_int_equal(exporter_pte_type(&site->exp, map),
				 type == VFIOWC_MEMATTR_WC ? VFIOWC_PTE_WC : VFIOWC_PTE_UC_MINUS);
		munmap((void *)map, MIB);
		close(fd);
	}
	close_site(site);
}

/* O9's read-back is no load through a write-combined mapping, which may be answered early (O4). */
static bool revoke_reads(struct site *site, uint32_t value)
{
	int fd = exporter_export(&site->exp, VFIOWC_MEMATTR_WC, 0, MIB);
	volatile uint32_t *map = exporter_mmap(fd, MIB);

	map[0] = VALUE;
	assert_true(drain_trace_start());
	assert_int_equal(exporter_revoke(&site->exp, fd), 0);
	munmap((void *)map, MIB);
	close(fd);
	return drain_trace_stop(value).drained;
}

static void drain_reads_back_past_the_write_combined_mapping(void **state)
{
	struct site *site = *state;

	open_site(site, true);
	assert_true(revoke_reads(site, CONFIG_ID));
	close_site(site);
	open_site(site, false);
	assert_false(kernel_has_it_write_combined(site));
	assert_true(revoke_reads(site, VALUE));
	close_site(site);
}

static struct ibv_mr *register_slice(struct site *site, struct rdma_node *node, struct vfiowc_buf **buf)
{
	*buf = lib_export(site->dev, 0, MIB, VFIOWC_MEM_WC);
	return vfiowc_reg_mr(*buf, node->pd, 0, MIB, 0, RDMA_REMOTE);
}

static int check_status(const struct site *site, char *out, size_t len)
{
	return guest_capture(out, len, "vfiowc check %s " RDMA_DEVICE, site->bdf);
}

static void software_device_refuses_it_and_check_says_so_before(void **state)
{
	struct site *site = *state;
	void *page = map_wc_file(site->bdf);
	struct rdma_node node;
	struct vfiowc_buf *buf;
	struct ibv_mr *mr;
	char out[8192];

	rdma_node_open(&node);
	assert_int_equal(check_status(site, out, sizeof(out)), 1);
	if (!strstr(out, "BAR 2 write-combined") || !strstr(out, "resource2_wc"))
		fail_msg("%s", out);
	open_site(site, true);
	munmap(page, PAGE);
	assert_fails(register_slice(site, &node, &buf), EBUSY);
	assert_int_equal(guest_log_count("can be mapped write-combined only"), 1);
	assert_int_equal(vfiowc_destroy_buf(buf), 0);
	close_site(site);

	assert_int_equal(check_status(site, out, sizeof(out)), 0);
	open_site(site, false);
	mr = register_slice(site, &node, &buf);
	assert_non_null(mr);
	assert_int_equal(ibv_dereg_mr(mr), 0);
	assert_int_equal(vfiowc_destroy_buf(buf), 0);
	close_site(site);
	rdma_node_close(&node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		site_test(type_of_each_slice_is_what_was_asked_for),
		site_test(drain_reads_back_past_the_write_combined_mapping),
		site_test(software_device_refuses_it_and_check_says_so_before),
	};

	return cmocka_run_group_tests_name("exporter_wc_first", tests, rdma_device_up, rdma_device_down);
}
