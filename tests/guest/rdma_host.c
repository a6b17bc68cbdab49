// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Regions of host memory are one piece, however their pages lie in the machine's memory, and an aligned word of
 * them, a flag, is written and read by one access.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>

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

/* What the debugger's registers of the processor count: accesses of the kernel to a word of memory. */
struct watch {
	int fd;
	uint64_t seen;
};

static uint64_t physical(const void *addr)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	assert_return_code(fd, errno);
	assert_int_equal(pread(fd, &entry, sizeof(entry), (uintptr_t)addr / PAGE_LEN * sizeof(entry)),
			 sizeof(entry));
	close(fd);
	return (entry & ((1ULL << 55) - 1)) * PAGE_LEN + (uintptr_t)addr % PAGE_LEN;
}

/* Where the kernel maps all memory, by which it reaches a region of one page. 0: it does not say. */
static uint64_t kernel_address(const void *addr)
{
	int fd = open("/proc/kcore", O_RDONLY | O_CLOEXEC);
	uint64_t phys = physical(addr), found = 0;
	Elf64_Ehdr head = {};
	Elf64_Phdr part;

	if (fd < 0)
		return 0;
	assert_int_equal(pread(fd, &head, sizeof(head), 0), sizeof(head));
	for (unsigned int i = 0; i < head.e_phnum && !found; i++) {
		off_t at = (off_t)(head.e_phoff + i * sizeof(part));

		assert_int_equal(pread(fd, &part, sizeof(part), at), sizeof(part));
		if (part.p_type == PT_LOAD && phys >= part.p_paddr && phys - part.p_paddr < part.p_memsz)
			found = part.p_vaddr + (phys - part.p_paddr);
	}
	close(fd);
	return found;
}

/* @type: HW_BREAKPOINT_*.  fd < 0: this kernel does not watch its own addresses. */
static struct watch try_watch(const void *word, uint32_t len, uint32_t type)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT,
		.size = sizeof(attr),
		.bp_type = type,
		.bp_addr = kernel_address(word),
		.bp_len = len,
	};
	struct watch watch = { .fd = -1 };

	if (attr.bp_addr)
		watch.fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	return watch;
}

static struct watch watch(const void *word, uint32_t len, uint32_t type)
{
	struct watch watch = try_watch(word, len, type);

	assert_return_code(watch.fd, errno);
	return watch;
}

/* Before there is anything to free. */
static void skip_unless_watched(void)
{
	static uint64_t word;
	struct watch tried;

	word = 1; /* there is a page now */
	tried = try_watch(&word, sizeof(word), HW_BREAKPOINT_W);
	if (tried.fd < 0)
		guest_skip("this kernel watches none of its addresses: %s", strerror(errno));
	close(tried.fd);
}

/* Accesses since it was asked last. */
static uint64_t accesses(struct watch *watch)
{
	uint64_t before = watch->seen;

	assert_int_equal(read(watch->fd, &watch->seen, sizeof(watch->seen)), sizeof(watch->seen));
	return watch->seen - before;
}

static void flag_in_memory_is_written_by_one_access(void **state)
{
	struct rdma_buf src, dst;

	(void)state;
	skip_unless_watched();
	src = rdma_buf_alloc(node.pd, PAGE_LEN, RDMA_REMOTE);
	dst = rdma_buf_alloc(node.pd, PAGE_LEN, RDMA_REMOTE);
	rdma_pattern(src.addr, PAGE_LEN, 11);
	for (uint32_t len = 1; len <= 8; len *= 2) {
		struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &src, &dst, len);
		struct watch watched = watch(dst.addr + 64, len, HW_BREAKPOINT_W);

		wr.remote += 64;
		for (uint32_t from = 0; from < 8; from++) { /* an aligned source, and others */
			wr.local = (uintptr_t)src.addr + from;
			assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
			assert_int_equal(accesses(&watched), 1);
			assert_memory_equal(dst.addr + 64, src.addr + from, len);
		}
		close(watched.fd);
	}
	rdma_buf_free(&src);
	rdma_buf_free(&dst);
}

static void flag_in_memory_is_read_by_one_access(void **state)
{
	struct rdma_buf local, remote;

	(void)state;
	if (guest_ms(1) != 1)
		guest_skip("a debug kernel may look at memory once more");
	skip_unless_watched();
	local = rdma_buf_alloc(node.pd, PAGE_LEN, RDMA_REMOTE);
	remote = rdma_buf_alloc(node.pd, PAGE_LEN, RDMA_REMOTE);
	rdma_pattern(remote.addr, PAGE_LEN, 12);
	for (uint32_t len = 1; len <= 8; len *= 2) {
		struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_READ, &local, &remote, len);
		struct watch watched = watch(remote.addr + 64, len, HW_BREAKPOINT_RW);

		wr.remote += 64;
		assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
		assert_int_equal(accesses(&watched), 1);
		assert_memory_equal(local.addr, remote.addr + 64, len);
		close(watched.fd);
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
		rdma_test(flag_in_memory_is_written_by_one_access),
		rdma_test(flag_in_memory_is_read_by_one_access),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
