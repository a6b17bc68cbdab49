// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Regions of host memory are one piece, however their pages lie in the machine's memory.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "rdma_fixture.h"

#define PAGE_LEN 4096u
#define PAGES 16
#define BUF_LEN (PAGES * PAGE_LEN)
#define HUGE_LEN (2u << 20)
#define GUARD 0xa5

static struct rdma_node node;
static struct ibv_qp *qp[2];

static int setup(void **state)
{
	guest_setup(state);
	rdma_node_open(&node);
	rdma_qp_pair(&node, qp);
	return 0;
}

static int teardown(void **state)
{
	rdma_qp_unpair(qp);
	rdma_node_close(&node);
	return guest_teardown(state);
}

static void *map(void *at, size_t len, int flags, int fd, off_t offset)
{
	void *addr = mmap(at, len, PROT_READ | PROT_WRITE, flags, fd, offset);

	assert_ptr_not_equal(addr, MAP_FAILED);
	return addr;
}

/* Every fifth page of a file in turn: in memory they follow each other neither upwards nor downwards. */
static struct rdma_buf scattered(void)
{
	struct rdma_buf buf = { .len = BUF_LEN };
	int fd = memfd_create("scattered", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, BUF_LEN), 0);
	buf.addr = map(NULL, BUF_LEN, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	/* touched in the order of the file, which so is mostly that of memory, or its reverse */
	memset(map(NULL, BUF_LEN, MAP_SHARED, fd, 0), 0, BUF_LEN);
	for (off_t i = 0; i < PAGES; i++)
		map(buf.addr + i * PAGE_LEN, PAGE_LEN, MAP_SHARED | MAP_FIXED, fd,
		    5 * i % PAGES * PAGE_LEN);
	close(fd);
	return buf;
}

/* Bytes of the middle of @src, from page to page, into @dst and nowhere else. */
static void assert_one_piece(struct rdma_buf *src, struct rdma_buf *dst)
{
	const size_t skip = PAGE_LEN - 3, len = dst->len - 2 * PAGE_LEN;
	struct rdma_wr wr;

	src->mr = ibv_reg_mr(node.pd, src->addr, src->len, RDMA_REMOTE);
	dst->mr = ibv_reg_mr(node.pd, dst->addr + 5, dst->len - 5, RDMA_REMOTE);
	assert_true(src->mr && dst->mr);
	rdma_pattern(src->addr, src->len, 7);
	memset(dst->addr, GUARD, dst->len);
	wr = rdma_wr(IBV_WR_RDMA_WRITE, src, dst, len);
	wr.local += 11;
	wr.remote += skip;
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	assert_int_equal(ibv_dereg_mr(src->mr), 0);
	assert_int_equal(ibv_dereg_mr(dst->mr), 0);
	for (size_t i = 0; i < dst->len; i++)
		if (dst->addr[i] != (i < skip || i >= skip + len ? GUARD : src->addr[11 + i - skip]))
			fail_msg("byte %zu is wrong", i);
}

static void pages_anywhere_in_memory_are_one_region(void **state)
{
	struct rdma_buf src = scattered(), dst = scattered();

	(void)state;
	assert_one_piece(&src, &dst);
}

static void pages_in_a_row_are_one_region(void **state)
{
	uint8_t *addr = map(NULL, 3 * HUGE_LEN, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *aligned = addr + (HUGE_LEN - (uintptr_t)addr % HUGE_LEN);
	struct rdma_buf src = { .addr = aligned, .len = HUGE_LEN };
	struct rdma_buf dst = { .addr = aligned + HUGE_LEN, .len = HUGE_LEN };

	(void)state;
	/* a hint; with small pages the test is the one above */
	madvise(aligned, 2 * (size_t)HUGE_LEN, MADV_HUGEPAGE);
	assert_one_piece(&src, &dst);
}

static void one_page_is_a_region(void **state)
{
	struct rdma_buf src = rdma_buf_alloc(node.pd, PAGE_LEN, RDMA_REMOTE);
	struct rdma_buf dst = rdma_buf_alloc(node.pd, PAGE_LEN, RDMA_REMOTE);
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &src, &dst, PAGE_LEN);

	(void)state;
	rdma_pattern(src.addr, PAGE_LEN, 9);
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	assert_memory_equal(dst.addr, src.addr, PAGE_LEN);
	rdma_buf_free(&src);
	rdma_buf_free(&dst);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define rdma_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		rdma_test(pages_anywhere_in_memory_are_one_region),
		rdma_test(pages_in_a_row_are_one_region),
		rdma_test(one_page_is_a_region),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
