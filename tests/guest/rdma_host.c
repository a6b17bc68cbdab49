// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Regions of host memory are one piece, however their pages lie in the machine's memory, and an aligned word of
 * them, a flag, is written and read by one access.
 */
#include <pthread.h>
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

#define WORDS 20000

/* A word of @len bytes in memory, all of them 0 or all of them 0xff, and what was seen of it. */
struct flag {
	void *word;
	size_t len;
	bool stop;
	unsigned long halves; /* something in between */
};

static uint64_t load_word(const void *word, size_t len)
{
	switch (len) {
	case 2:
		return __atomic_load_n((const uint16_t *)word, __ATOMIC_RELAXED);
	case 4:
		return __atomic_load_n((const uint32_t *)word, __ATOMIC_RELAXED);
	default:
		return __atomic_load_n((const uint64_t *)word, __ATOMIC_RELAXED);
	}
}

static void store_word(void *word, size_t len, uint64_t value)
{
	switch (len) {
	case 2:
		__atomic_store_n((uint16_t *)word, (uint16_t)value, __ATOMIC_RELAXED);
		break;
	case 4:
		__atomic_store_n((uint32_t *)word, (uint32_t)value, __ATOMIC_RELAXED);
		break;
	default:
		__atomic_store_n((uint64_t *)word, value, __ATOMIC_RELAXED);
	}
}

static bool is_whole(uint64_t value, size_t len)
{
	return !value || value == UINT64_MAX >> (64 - 8 * len);
}

static void *poll_word(void *arg)
{
	struct flag *flag = arg;

	while (!__atomic_load_n(&flag->stop, __ATOMIC_RELAXED))
		flag->halves += !is_whole(load_word(flag->word, flag->len), flag->len);
	return NULL;
}

static void *change_word(void *arg)
{
	struct flag *flag = arg;

	for (uint64_t i = 0; !__atomic_load_n(&flag->stop, __ATOMIC_RELAXED); i++)
		store_word(flag->word, flag->len, i % 2 ? UINT64_MAX : 0);
	return NULL;
}

static void stop(struct flag *flag, pthread_t thread)
{
	__atomic_store_n(&flag->stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}

static void cpu_never_sees_half_of_a_flag(void **state)
{
	struct rdma_buf src = rdma_buf_alloc(node.pd, PAGE_LEN, RDMA_REMOTE);
	struct rdma_buf dst = rdma_buf_alloc(node.pd, PAGE_LEN, RDMA_REMOTE);

	(void)state;
	memset(src.addr + 8, 0xff, 8);
	for (uint32_t len = 2; len <= 8; len *= 2) {
		struct flag flag = { .word = dst.addr, .len = len };
		struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &src, &dst, len);
		pthread_t thread;

		memset(dst.addr, 0, 8);
		assert_int_equal(pthread_create(&thread, NULL, poll_word, &flag), 0);
		for (uint32_t i = 0; i < WORDS; i++) {
			wr.local = (uintptr_t)src.addr + 8 * (i % 2);
			assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
		}
		stop(&flag, thread);
		print_message("%u WRITEs of %u bytes: %lu times a half\n", WORDS, len, flag.halves);
		assert_int_equal(flag.halves, 0);
	}
	rdma_buf_free(&src);
	rdma_buf_free(&dst);
}

static void read_never_fetches_half_of_a_flag(void **state)
{
	struct rdma_buf local = rdma_buf_alloc(node.pd, PAGE_LEN, RDMA_REMOTE);
	struct rdma_buf remote = rdma_buf_alloc(node.pd, PAGE_LEN, RDMA_REMOTE);

	(void)state;
	for (uint32_t len = 2; len <= 8; len *= 2) {
		struct flag flag = { .word = remote.addr, .len = len };
		struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_READ, &local, &remote, len);
		unsigned long halves = 0;
		pthread_t thread;

		memset(remote.addr, 0, 8);
		assert_int_equal(pthread_create(&thread, NULL, change_word, &flag), 0);
		for (uint32_t i = 0; i < WORDS; i++) {
			assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
			halves += !is_whole(load_word(local.addr, len), len);
		}
		stop(&flag, thread);
		print_message("%u READs of %u bytes: %lu times a half\n", WORDS, len, halves);
		assert_int_equal(halves, 0);
	}
	rdma_buf_free(&local);
	rdma_buf_free(&remote);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define rdma_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		rdma_test(pages_anywhere_in_memory_are_one_region),
		rdma_test(pages_in_a_row_are_one_region),
		rdma_test(one_page_is_a_region),
		rdma_test(cpu_never_sees_half_of_a_flag),
		rdma_test(read_never_fetches_half_of_a_flag),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
