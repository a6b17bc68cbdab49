// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * libvfiowc-preload from the inside: this program starts itself under `vfiowc run` and then is the
 * unmodified program. The target's tag tells an MR of the slice from one of host memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <infiniband/vfiowc.h>

#include "perf_fixture.h"

#define ACCESS (IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ)
#define PAGE 4096u
#define BYTES (4 * PAGE)
#define TAG 0x33

static struct ibv_context *context;
static struct ibv_pd *pd;

static uint8_t *map_slice(off_t offset)
{
	int fd = open("vfiowc:0", O_RDWR);
	uint8_t *map;

	assert_true(fd >= 0);
	map = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
	assert_ptr_not_equal(map, MAP_FAILED);
	assert_int_equal(close(fd), 0);
	return map;
}

static bool is_slice(struct ibv_mr *mr)
{
	struct vfiowc_mr_tph tph;

	assert_non_null(mr);
	assert_int_equal(vfiowc_query_mr_tph(mr, &tph, sizeof(tph)), 0);
	return tph.valid && tph.st == TAG;
}

/* Not a constant: the macro ibv_reg_mr() then becomes ibv_reg_mr_iova2(). */
static volatile int variable_access = ACCESS;

static void both_forms_of_registration_are_redirected(void **state)
{
	uint8_t *map = map_slice(0);
	struct ibv_mr *mr;

	(void)state;
	mr = ibv_reg_mr(pd, map, BYTES, ACCESS);
	assert_true(is_slice(mr));
	assert_int_equal(ibv_dereg_mr(mr), 0);
	mr = ibv_reg_mr(pd, map + PAGE, PAGE, variable_access | IBV_ACCESS_RELAXED_ORDERING);
	assert_true(is_slice(mr));
	assert_int_equal(ibv_dereg_mr(mr), 0);
	mr = ibv_reg_mr_iova(pd, map + PAGE, PAGE, 0x7000, ACCESS);
	assert_true(is_slice(mr));
	assert_int_equal(ibv_dereg_mr(mr), 0);
	munmap(map, BYTES);
}

static void host_memory_stays_host_memory(void **state)
{
	static uint8_t memory[PAGE];
	struct ibv_mr *mr = ibv_reg_mr(pd, memory, sizeof(memory), ACCESS);

	(void)state;
	assert_false(is_slice(mr));
	assert_int_equal(ibv_dereg_mr(mr), 0);
}

/* The end of the mapping and what lies behind it: neither the one nor the other. */
static void registration_across_the_border_is_refused(void **state)
{
	uint8_t *map = map_slice(0);

	(void)state;
	errno = 0;
	assert_null(ibv_reg_mr(pd, map + BYTES - PAGE, 2 * PAGE, ACCESS));
	assert_int_equal(errno, EINVAL);
	munmap(map, BYTES);
}

static void access_that_dma_bufs_lack_is_refused(void **state)
{
	uint8_t *map = map_slice(0);

	(void)state;
	errno = 0;
	assert_null(ibv_reg_mr(pd, map, BYTES, ACCESS | IBV_ACCESS_ON_DEMAND));
	assert_int_equal(errno, EOPNOTSUPP);
	errno = 0;
	assert_null(ibv_reg_mr(pd, map, BYTES, ACCESS | IBV_ACCESS_HUGETLB));
	assert_int_equal(errno, EOPNOTSUPP);
	munmap(map, BYTES);
}

static void assert_page(uint8_t *page, bool of_slice)
{
	struct ibv_mr *mr = ibv_reg_mr(pd, page, PAGE, ACCESS);

	assert_true(is_slice(mr) == of_slice);
	assert_int_equal(ibv_dereg_mr(mr), 0);
}

/* What lies on both sides of the page stays the slice's. */
static void replaced_addresses_are_host_memory_again(void **state)
{
	uint8_t *map = map_slice(0), *again;

	(void)state;
	again = mmap(map + PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	assert_ptr_equal(again, map + PAGE);
	assert_page(map, true);
	assert_page(map + PAGE, false);
	assert_page(map + 2 * PAGE, true);
	munmap(map, BYTES);
}

/* malloc() gets its memory without the replaced mmap(): only munmap() tells. */
static void unmapped_addresses_are_host_memory_again(void **state)
{
	uint8_t *map = map_slice(0);
	long again;

	(void)state;
	assert_int_equal(munmap(map + PAGE, PAGE), 0);
	again = syscall(SYS_mmap, map + PAGE, PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	assert_int_equal(again, (intptr_t)(map + PAGE));
	assert_page(map, true);
	assert_page(map + PAGE, false);
	assert_page(map + 2 * PAGE, true);
	munmap(map, BYTES);
}

/* The bytes behind an MR are those that the CPU sees at the address it was registered with. */
static void offset_of_the_mapping_is_kept(void **state)
{
	uint8_t *whole = map_slice(0), *part = map_slice(PAGE);
	struct rdma_node node;
	struct ibv_qp *qp[2];
	struct rdma_buf host;
	struct ibv_mr *mr;
	struct rdma_wr wr;

	(void)state;
	rdma_node_open(&node);
	rdma_qp_pair(&node, qp);
	host = rdma_buf_alloc(node.pd, PAGE, ACCESS);
	memset(whole, 0, BYTES);
	memset(host.addr, 0x5c, PAGE);
	mr = ibv_reg_mr(node.pd, part + PAGE, PAGE, ACCESS);
	assert_true(is_slice(mr));
	wr = (struct rdma_wr){ .wr_id = 1, .opcode = IBV_WR_RDMA_WRITE, .local = (uintptr_t)host.addr, .len = 64,
			       .lkey = host.mr->lkey, .remote = (uintptr_t)(part + PAGE), .rkey = mr->rkey };
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	assert_int_equal(*(volatile uint8_t *)(whole + 2 * PAGE), 0x5c);
	assert_int_equal(*(volatile uint8_t *)(whole + 2 * PAGE - 1), 0);
	assert_int_equal(ibv_dereg_mr(mr), 0);
	rdma_buf_free(&host);
	rdma_qp_unpair(qp);
	rdma_node_close(&node);
	munmap(part, BYTES);
	munmap(whole, BYTES);
}

static void file_is_known_by_what_it_is(void **state)
{
	int fd = open("vfiowc:0", O_RDWR), other, copy;
	struct ibv_mr *mr;
	uint8_t *map;

	(void)state;
	copy = dup(fd);
	close(fd);
	/* The number is used again, by a file that is no target. */
	other = memfd_create("other", 0);
	assert_int_equal(other, fd);
	assert_int_equal(ftruncate(other, PAGE), 0);
	map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, other, 0);
	mr = ibv_reg_mr(pd, map, PAGE, ACCESS);
	assert_false(is_slice(mr));
	assert_int_equal(ibv_dereg_mr(mr), 0);
	munmap(map, PAGE);
	map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, copy, 0);
	mr = ibv_reg_mr(pd, map, PAGE, ACCESS);
	assert_true(is_slice(mr));
	assert_int_equal(ibv_dereg_mr(mr), 0);
	munmap(map, PAGE);
	close(copy);
	close(other);
}

static void every_form_of_open_knows_the_path(void **state)
{
	int fds[] = { open("vfiowc:0", O_RDWR), open64("vfiowc:0", O_RDWR | O_CLOEXEC),
		      openat(AT_FDCWD, "vfiowc:0", O_RDWR), openat64(AT_FDCWD, "vfiowc:0", O_RDWR) };

	(void)state;
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		assert_true(fds[i] >= 0);
		assert_int_equal(fcntl(fds[i], F_GETFD), i == 1 ? FD_CLOEXEC : 0);
		close(fds[i]);
	}
}

static void paths_that_name_no_target_are_refused(void **state)
{
	static const char *const paths[] = { "vfiowc:1", "vfiowc:", "vfiowc:x", "vfiowc:0x", "vfiowc:-1" };

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		errno = 0;
		assert_int_equal(open(paths[i], O_RDWR | O_CREAT, 0600), -1);
		assert_int_equal(errno, ENOENT);
	}
}

static void private_mapping_is_refused(void **state)
{
	int fd = open("vfiowc:0", O_RDWR);

	(void)state;
	errno = 0;
	assert_ptr_equal(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0), MAP_FAILED);
	assert_int_equal(errno, EINVAL);
	close(fd);
}

static int open_pd(void **state)
{
	(void)state;
	context = rdma_open();
	pd = context ? ibv_alloc_pd(context) : NULL;
	return pd ? 0 : -1;
}

static int close_pd(void **state)
{
	(void)state;
	return ibv_dealloc_pd(pd) || ibv_close_device(context) ? -1 : 0;
}

static int run_myself(void)
{
	char program[256];
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
	int status = -1;

	program[n < 0 ? 0 : n] = '\0';
	if (!perf_up(NULL))
		status = guest_run("exec vfiowc run --memattr wc --tph st=%d --target %s:%d:64K -- %s inside", TAG,
				   perf_bdf(), PERF_BAR, program);
	else
		fprintf(stderr, "the exporter or the RDMA device is not there\n");
	return perf_down(NULL) || status;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		guest_test(both_forms_of_registration_are_redirected),
		guest_test(host_memory_stays_host_memory),
		guest_test(registration_across_the_border_is_refused),
		guest_test(access_that_dma_bufs_lack_is_refused),
		guest_test(replaced_addresses_are_host_memory_again),
		guest_test(unmapped_addresses_are_host_memory_again),
		guest_test(offset_of_the_mapping_is_kept),
		guest_test(file_is_known_by_what_it_is),
		guest_test(every_form_of_open_knows_the_path),
		guest_test(paths_that_name_no_target_are_refused),
		guest_test(private_mapping_is_refused),
	};

	if (argc < 2 || strcmp(argv[1], "inside"))
		return run_myself();
	return cmocka_run_group_tests(tests, open_pd, close_pd);
}
