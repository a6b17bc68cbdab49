// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Dma-bufs of every other kind than the usual slice: DMA heaps, DRM devices with hardware and without, a slice
 * of a gigabyte; and the borders of a registration: no bytes at all, regions that overlap.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/dma-heap.h>
#include <drm.h>
#include <drm_mode.h>
#include <xf86drm.h>

#include "rdma_slice.h"

#define LEN 0x10000
#define GIB (1ull << 30)

static struct rdma_node node;
static struct ibv_qp *qp[2];
static struct rdma_buf host;

static int setup(void **state)
{
	guest_setup(state);
	rdma_node_open(&node);
	rdma_qp_pair(&node, qp);
	host = rdma_buf_alloc(node.pd, LEN, RDMA_REMOTE);
	rdma_pattern(host.addr, LEN, 5);
	return 0;
}

static int teardown(void **state)
{
	rdma_buf_free(&host);
	rdma_qp_unpair(qp);
	rdma_node_close(&node);
	return guest_teardown(state);
}

/* A dma-buf of memory: written as a whole, seen by the CPU; stored by the CPU, read back. */
static void assert_memory_is_reached(int fd, uint8_t *map)
{
	struct rdma_buf memory = rdma_reg_slice(node.pd, fd, map, LEN);
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &host, &memory, LEN);

	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	assert_memory_equal(map, host.addr, LEN);
	rdma_pattern(map, LEN, 6);
	wr = rdma_wr(IBV_WR_RDMA_READ, &host, &memory, LEN);
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	assert_memory_equal(host.addr, map, LEN);
	rdma_dereg_slice(&memory);
}

static void *map_of(int fd, uint64_t offset)
{
	void *map = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);

	assert_ptr_not_equal(map, MAP_FAILED);
	return map;
}

static void memory_of_a_heap_is_written_and_read(void **state)
{
	struct dma_heap_allocation_data alloc = { .len = LEN, .fd_flags = O_RDWR | O_CLOEXEC };
	int heap = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC);
	uint8_t *map;

	(void)state;
	if (heap < 0)
		guest_skip("no DMA heap: %s", strerror(errno));
	assert_int_equal(ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &alloc), 0);
	map = map_of(alloc.fd, 0);
	assert_memory_is_reached(alloc.fd, map);
	munmap(map, LEN);
	close(alloc.fd);
	close(heap);
}

/* The only card there is, by the name of its driver. */
static int open_card(const char *driver)
{
	drmVersionPtr version;
	glob_t cards;
	int fd = -1;

	if (glob("/dev/dri/card*", 0, NULL, &cards))
		return -1;
	for (size_t i = 0; i < cards.gl_pathc && fd < 0; i++) {
		fd = open(cards.gl_pathv[i], O_RDWR | O_CLOEXEC);
		version = fd < 0 ? NULL : drmGetVersion(fd);
		if (!version || strcmp(version->name, driver)) {
			close(fd);
			fd = -1;
		}
		drmFreeVersion(version);
	}
	globfree(&cards);
	return fd;
}

static void assert_dumb_buffer_is_reached(const char *driver)
{
	struct drm_mode_create_dumb create = { .width = 128, .height = LEN / 512, .bpp = 32 };
	struct drm_mode_map_dumb map_dumb = {};
	int card = open_card(driver), fd;
	uint8_t *map;

	assert_true(card >= 0);
	assert_int_equal(drmIoctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &create), 0);
	assert_int_equal(create.size, LEN);
	map_dumb.handle = create.handle;
	assert_int_equal(drmIoctl(card, DRM_IOCTL_MODE_MAP_DUMB, &map_dumb), 0);
	assert_int_equal(drmPrimeHandleToFD(card, create.handle, DRM_CLOEXEC | DRM_RDWR, &fd), 0);
	map = map_of(card, map_dumb.offset);
	assert_memory_is_reached(fd, map);
	munmap(map, LEN);
	close(fd);
	close(card);
}

static void buffer_of_a_card_without_hardware_is_written_and_read(void **state)
{
	(void)state;
	if (guest_modprobe("vgem"))
		guest_skip("no vgem module");
	assert_dumb_buffer_is_reached("vgem");
	assert_int_equal(guest_rmmod("vgem"), 0);
}

static void buffer_of_a_display_is_written_and_read(void **state)
{
	char bdf[GUEST_BDF_LEN];

	(void)state;
	assert_int_equal(guest_find_pci(GUEST_BOCHS, bdf), 0);
	if (guest_modprobe("bochs"))
		guest_skip("no bochs module");
	assert_int_equal(guest_bind(bdf, "bochs-drm"), 0);
	assert_dumb_buffer_is_reached("bochs-drm");
	assert_int_equal(guest_bind(bdf, NULL), 0);
	assert_int_equal(guest_rmmod("bochs"), 0);
}

static struct rdma_bar bar;

static int setup_gib(void **state)
{
	setup(state);
	rdma_bar_open(&bar, EXPORTER_DRIVER, GUEST_NVME_GIB, 4, GIB);
	return 0;
}

static int setup_bar(void **state)
{
	setup(state);
	rdma_bar_open(&bar, EXPORTER_DRIVER, GUEST_IVSHMEM, 2, 2 * LEN);
	memset(bar.map, 0, 2 * LEN);
	return 0;
}

static int teardown_bar(void **state)
{
	rdma_bar_close(&bar);
	return teardown(state);
}

static void both_ends_of_a_gigabyte_are_reached(void **state)
{
	static const uint64_t offsets[] = { 0, GIB / 2 - LEN / 2, GIB - LEN };
	int fd = rdma_export(&bar, 0, GIB);
	struct rdma_buf slice = rdma_reg_slice(node.pd, fd, bar.map, GIB);

	(void)state;
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &host, &slice, LEN);

		rdma_pattern(host.addr, LEN, i);
		wr.remote += offsets[i];
		assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
		assert_memory_equal(bar.map + offsets[i], host.addr, LEN);
	}
	rdma_dereg_slice(&slice);
	close(fd);
}

/* A slice that does not begin where large pages do. */
static void odd_pages_of_a_gigabyte_are_reached(void **state)
{
	uint64_t start = 3 * PAGE, len = GIB - 5 * PAGE;
	int fd = rdma_export(&bar, start, len);
	struct rdma_buf slice = rdma_reg_slice(node.pd, fd, bar.map + start, len);
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &host, &slice, LEN);

	(void)state;
	wr.remote += len - LEN;
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	assert_memory_equal(bar.map + start + len - LEN, host.addr, LEN);
	wr.remote++;
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_REM_ACCESS_ERR);
	rdma_dereg_slice(&slice);
	close(fd);
}

static void nothing_at_all_is_neither_registered_nor_moved(void **state)
{
	int fd = rdma_export(&bar, 0, LEN);
	struct rdma_buf slice = rdma_reg_slice(node.pd, fd, bar.map, LEN);
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &host, &slice, 0);

	(void)state;
	errno = 0;
	assert_null(ibv_reg_dmabuf_mr(node.pd, 0, 0, 0, fd, RDMA_REMOTE));
	assert_int_equal(errno, EINVAL);
	errno = 0;
	assert_null(ibv_reg_dmabuf_mr(node.pd, LEN, 0, 0, fd, RDMA_REMOTE));
	assert_int_equal(errno, EINVAL);
	/* a message of no bytes is one, wherever it points within the region's end */
	wr.remote += LEN;
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	for (size_t i = 0; i < LEN; i++)
		assert_int_equal(bar.map[i], 0);
	rdma_dereg_slice(&slice);
	close(fd);
}

static void regions_that_overlap_are_the_same_bytes_and_end_one_by_one(void **state)
{
	int fd = rdma_export(&bar, 0, LEN), again = rdma_export(&bar, LEN / 2, LEN);
	struct rdma_buf one = rdma_reg_slice(node.pd, fd, bar.map, LEN);
	struct rdma_buf part = one, other = rdma_reg_slice(node.pd, again, bar.map + LEN / 2, LEN);
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &host, &one, LEN);

	(void)state;
	part.mr = ibv_reg_dmabuf_mr(node.pd, LEN / 2, LEN / 2, (uintptr_t)bar.map + LEN / 2, fd, RDMA_REMOTE);
	assert_non_null(part.mr);
	part.addr += LEN / 2;
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	assert_memory_equal(bar.map, host.addr, LEN);

	/* what the first one wrote, by both others: the same dma-buf, and another of the same bytes */
	memset(host.addr + LEN / 2, 0, LEN / 2);
	wr = rdma_wr(IBV_WR_RDMA_READ, &host, &part, LEN / 2);
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	assert_memory_equal(host.addr, bar.map + LEN / 2, LEN / 2);
	rdma_dereg_slice(&one);
	rdma_dereg_slice(&part);
	close(fd);
	memset(host.addr, 0, LEN / 2);
	wr = rdma_wr(IBV_WR_RDMA_READ, &host, &other, LEN / 2);
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	assert_memory_equal(host.addr, bar.map + LEN / 2, LEN / 2);
	rdma_dereg_slice(&other);
	close(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define importer_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define gib_test(f) cmocka_unit_test_setup_teardown(f, setup_gib, teardown_bar)
#define bar_test(f) cmocka_unit_test_setup_teardown(f, setup_bar, teardown_bar)
		importer_test(memory_of_a_heap_is_written_and_read),
		importer_test(buffer_of_a_card_without_hardware_is_written_and_read),
		importer_test(buffer_of_a_display_is_written_and_read),
		gib_test(both_ends_of_a_gigabyte_are_reached),
		gib_test(odd_pages_of_a_gigabyte_are_reached),
		bar_test(nothing_at_all_is_neither_registered_nor_moved),
		bar_test(regions_that_overlap_are_the_same_bytes_and_end_one_by_one),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
