// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Memory regions in dma-bufs: slices of a BAR exported by vfiowc_pci, and system memory by
 * udmabuf. What the RDMA device wrote is looked for through the CPU mapping of the whole BAR,
 * with guard bytes on both sides of the slice.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "rdma_slice.h"

#define MAP_LEN 0x100000
#define SLICE_OFFSET 0x20000
#define SLICE_LEN 0x10000
#define GUARD 0xa5

static struct rdma_node node;
static struct ibv_qp *qp[2];
static struct rdma_buf host;
static struct rdma_bar bar;
static struct rdma_buf slice;
static int dmabuf;

static void open_all(uint16_t vendor, uint16_t device, uint32_t index)
{
	rdma_node_open(&node);
	rdma_qp_pair(&node, qp);
	host = rdma_buf_alloc(node.pd, MAP_LEN, RDMA_REMOTE);
	rdma_pattern(host.addr, MAP_LEN, 1);
	rdma_bar_open(&bar, EXPORTER_DRIVER, vendor, device, index, MAP_LEN);
	memset(bar.map, GUARD, MAP_LEN);
	dmabuf = rdma_export(&bar, SLICE_OFFSET, SLICE_LEN);
	slice = rdma_reg_slice(node.pd, dmabuf, bar.map + SLICE_OFFSET, SLICE_LEN);
}

static int setup(void **state)
{
	guest_setup(state);
	open_all(GUEST_IVSHMEM, 2);
	return 0;
}

static int setup_nvme(void **state)
{
	guest_setup(state);
	open_all(GUEST_NVME_PMR, 4);
	return 0;
}

static int teardown(void **state)
{
	rdma_dereg_slice(&slice);
	close(dmabuf);
	rdma_bar_close(&bar);
	rdma_buf_free(&host);
	rdma_qp_unpair(qp);
	rdma_node_close(&node);
	return guest_teardown(state);
}

/* The BAR holds @from at @offset, and guard bytes everywhere else. */
static void assert_bar(const void *from, size_t offset, size_t len)
{
	uint8_t *copy = malloc(MAP_LEN);

	memcpy(copy, bar.map, MAP_LEN);
	assert_memory_equal(copy + offset, from, len);
	memset(copy + offset, GUARD, len);
	for (size_t i = 0; i < MAP_LEN; i++)
		if (copy[i] != GUARD)
			fail_msg("byte %#zx of the BAR was touched", i);
	free(copy);
}

static void write_lands_in_the_slice_and_nowhere_else(void **state)
{
	static const struct { uint32_t from, to, len; } cases[] = {
		{ 0, 0, 1 }, { 1, 3, 2 }, { 5, 8, 8 }, { 1, 7, 63 }, { 3, 4094, 4 },
		{ 100, 1, 5000 }, { 0, 0, SLICE_LEN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &host, &slice, cases[i].len);

		memset(bar.map, GUARD, MAP_LEN);
		wr.local += cases[i].from;
		wr.remote += cases[i].to;
		assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
		assert_bar(host.addr + cases[i].from, SLICE_OFFSET + cases[i].to, cases[i].len);
	}
}

static void read_fetches_what_the_cpu_stored(void **state)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_READ, &host, &slice, SLICE_LEN - 3);
	uint8_t *expected = malloc(SLICE_LEN);

	(void)state;
	rdma_pattern(expected, SLICE_LEN, 7);
	memcpy(bar.map + SLICE_OFFSET, expected, SLICE_LEN);
	wr.remote += 3;
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	assert_memory_equal(host.addr, expected + 3, SLICE_LEN - 3);
	free(expected);
}

static void slice_serves_as_local_memory_too(void **state)
{
	struct rdma_wr write = rdma_wr(IBV_WR_RDMA_WRITE, &slice, &host, 4096);
	struct rdma_wr read = rdma_wr(IBV_WR_RDMA_READ, &slice, &host, 4096);
	struct rdma_wr send = rdma_wr(IBV_WR_SEND, &host, NULL, 100);
	uint8_t expected[4096];

	(void)state;
	rdma_pattern(expected, sizeof(expected), 3);
	memcpy(bar.map + SLICE_OFFSET, expected, sizeof(expected));
	assert_wc(rdma_do(qp[0], &write), IBV_WC_SUCCESS);
	assert_memory_equal(host.addr, expected, sizeof(expected));

	read.local += 8192;
	assert_wc(rdma_do(qp[0], &read), IBV_WC_SUCCESS);
	assert_memory_equal(bar.map + SLICE_OFFSET + 8192, expected, sizeof(expected));

	slice.addr += 20000;
	assert_int_equal(rdma_post_recv(qp[1], 1, &slice, 100), 0);
	slice.addr -= 20000;
	assert_int_equal(rdma_post(qp[0], &send), 0);
	assert_wc(rdma_wait(node.cq).status, IBV_WC_SUCCESS);
	assert_wc(rdma_wait(node.cq).status, IBV_WC_SUCCESS);
	assert_memory_equal(bar.map + SLICE_OFFSET + 20000, expected, 100);
}

static void slice_is_copied_to_another_slice(void **state)
{
	int other = rdma_export(&bar, 0x80000, SLICE_LEN);
	struct rdma_buf to = rdma_reg_slice(node.pd, other, bar.map + 0x80000, SLICE_LEN);
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &slice, &to, SLICE_LEN);

	(void)state;
	rdma_pattern(bar.map + SLICE_OFFSET, SLICE_LEN, 4);
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	assert_memory_equal(bar.map + 0x80000, bar.map + SLICE_OFFSET, SLICE_LEN);
	rdma_dereg_slice(&to);
	close(other);
}

/* Offset in the dma-buf and address in work requests are two things. */
static void part_of_a_slice_is_registered_under_another_address(void **state)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &host, NULL, 64);
	uint64_t iova = 0x7000000000000000 + 0x345;
	struct ibv_mr *mr = ibv_reg_dmabuf_mr(node.pd, 0x2345, 0x1000, iova, dmabuf, RDMA_REMOTE);

	(void)state;
	assert_non_null(mr);
	wr.remote = iova + 0x1000 - 64;
	wr.rkey = mr->rkey;
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	assert_bar(host.addr, SLICE_OFFSET + 0x2345 + 0x1000 - 64, 64);
	wr.remote++;
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_REM_ACCESS_ERR);
	assert_int_equal(ibv_dereg_mr(mr), 0);
}

static void two_ranges_are_one_slice_in_their_order(void **state)
{
	static const struct exporter_range ranges[2] = { { 0x90000, 0x2000 }, { 0x50000, 0x1000 } };
	int two = exporter_stock(&bar.exp, bar.exp.bar, O_RDWR | O_CLOEXEC, 0, 2, ranges);
	struct ibv_mr *mr = ibv_reg_dmabuf_mr(node.pd, 0, 0x3000, 0, two, RDMA_REMOTE);
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &host, NULL, 0x3000);

	(void)state;
	assert_non_null(mr);
	wr.rkey = mr->rkey;
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	assert_memory_equal(bar.map + 0x90000, host.addr, 0x2000);
	assert_memory_equal(bar.map + 0x50000, host.addr + 0x2000, 0x1000);
	assert_int_equal(ibv_dereg_mr(mr), 0);
	close(two);
}

static void write_past_the_slice_is_refused_and_leaves_the_bar(void **state)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &host, &slice, 16);

	(void)state;
	wr.remote += SLICE_LEN - 15;
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_REM_ACCESS_ERR);
	assert_bar(NULL, 0, 0);
}

static void assert_not_registered(int fd, uint64_t offset, size_t len, uint64_t iova, int access,
				  int err)
{
	struct ibv_mr *mr;

	errno = 0;
	mr = ibv_reg_dmabuf_mr(node.pd, offset, len, iova, fd, access);
	if (mr || errno != err)
		print_error("offset %#lx len %#lx iova %#lx access %#x: %s\n", offset, len, iova,
			    access, mr ? "registered" : strerror(errno));
	assert_null(mr);
	assert_int_equal(errno, err);
}

static void bad_registrations_say_why(void **state)
{
	int null_device = open("/dev/null", O_RDWR);

	(void)state;
	assert_not_registered(dmabuf, 0, SLICE_LEN + 1, 0, RDMA_REMOTE, EINVAL);
	assert_not_registered(dmabuf, SLICE_LEN, 1, 0, RDMA_REMOTE, EINVAL);
	assert_not_registered(dmabuf, UINT64_MAX - 0xfff, 0x2000, 0, RDMA_REMOTE, EINVAL);
	/* page offsets differ */
	assert_not_registered(dmabuf, 0x1000, 0x1000, 0x10, RDMA_REMOTE, EINVAL);
	assert_not_registered(dmabuf, 0, 0x1000, 0, IBV_ACCESS_REMOTE_WRITE, EINVAL);
	assert_not_registered(null_device, 0, 0x1000, 0, RDMA_REMOTE, EINVAL);
	close(null_device);
	assert_not_registered(null_device, 0, 0x1000, 0, RDMA_REMOTE, EBADF);
}

static void system_memory_dmabuf_is_written_and_read(void **state)
{
	uint8_t *map, *expected = malloc(SLICE_LEN);
	int fd = rdma_udmabuf(SLICE_LEN, &map);
	struct rdma_buf memory = rdma_reg_slice(node.pd, fd, map, SLICE_LEN);
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &host, &memory, 50001);

	(void)state;
	wr.remote += 13;
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	assert_memory_equal(map + 13, host.addr, 50001);
	assert_int_equal(map[12], 0);
	assert_int_equal(map[13 + 50001], 0);
	rdma_pattern(expected, SLICE_LEN, 8);
	memcpy(map, expected, SLICE_LEN);
	wr = rdma_wr(IBV_WR_RDMA_READ, &host, &memory, SLICE_LEN);
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	assert_memory_equal(host.addr, expected, SLICE_LEN);
	rdma_dereg_slice(&memory);
	munmap(map, SLICE_LEN);
	close(fd);
	free(expected);
}

static void part_of_a_system_memory_dmabuf_begins_at_its_offset(void **state)
{
	const size_t offset = 3 * 4096 + 24, len = 5000;
	uint8_t *map;
	int fd = rdma_udmabuf(SLICE_LEN, &map);
	struct rdma_buf part = { .addr = map + offset, .len = len };
	struct rdma_wr wr;

	(void)state;
	part.mr = ibv_reg_dmabuf_mr(node.pd, offset, len, (uintptr_t)part.addr, fd, RDMA_REMOTE);
	assert_non_null(part.mr);
	wr = rdma_wr(IBV_WR_RDMA_WRITE, &host, &part, len);
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	assert_memory_equal(part.addr, host.addr, len);
	assert_int_equal(map[0] | map[offset - 1] | map[offset + len], 0);
	assert_int_equal(ibv_dereg_mr(part.mr), 0);
	munmap(map, SLICE_LEN);
	close(fd);
}

/*
 * The kernel's own exporter offers this device no way to reach its memory yet: said, not guessed.
 */
static void stock_vfio_dmabuf_is_eopnotsupp(void **state)
{
	struct rdma_bar stock;
	int fd;

	(void)state;
	rdma_bar_open(&stock, "vfio-pci", GUEST_BOCHS, 0, 0x1000);
	fd = rdma_export(&stock, 0, 0x10000);
	assert_not_registered(fd, 0, 0x10000, 0, RDMA_REMOTE, EOPNOTSUPP);
	close(fd);
	rdma_bar_close(&stock);
}

/* The region keeps the dma-buf alive; its fd is the application's. */
static void region_outlives_the_fd(void **state)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &host, &slice, 8);

	(void)state;
	close(dmabuf);
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	assert_bar(host.addr, SLICE_OFFSET, 8);
	dmabuf = -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define slice_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		slice_test(write_lands_in_the_slice_and_nowhere_else),
		{ "write_lands_in_the_slice_and_nowhere_else_nvme",
		  write_lands_in_the_slice_and_nowhere_else, setup_nvme, teardown, NULL },
		slice_test(read_fetches_what_the_cpu_stored),
		slice_test(slice_serves_as_local_memory_too),
		slice_test(slice_is_copied_to_another_slice),
		slice_test(part_of_a_slice_is_registered_under_another_address),
		slice_test(two_ranges_are_one_slice_in_their_order),
		slice_test(write_past_the_slice_is_refused_and_leaves_the_bar),
		slice_test(bad_registrations_say_why),
		slice_test(system_memory_dmabuf_is_written_and_read),
		slice_test(part_of_a_system_memory_dmabuf_begins_at_its_offset),
		slice_test(stock_vfio_dmabuf_is_eopnotsupp),
		slice_test(region_outlives_the_fd),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
