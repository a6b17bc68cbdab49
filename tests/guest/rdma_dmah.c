// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Tags that the kernel looks up for a processor (DMA handles) and registration by ibv_reg_mr_ex(): built
 * where libibverbs has them, from 59 on. No stock kernel here can look such a tag up (CONFIG_PCIE_TPH is
 * off), so what there is to show is that the way leads to the kernel and ends in a clear answer.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "rdma_slice.h"

#define LEN 0x4000
#define BYTES 64

static struct rdma_node node;
static struct ibv_qp *qp[2];
static struct rdma_buf host;

static int setup(void **state)
{
	guest_setup(state);
	rdma_node_open(&node);
	rdma_qp_pair(&node, qp);
	host = rdma_buf_alloc(node.pd, LEN, RDMA_REMOTE);
	rdma_pattern(host.addr, LEN, 7);
	return 0;
}

static int teardown(void **state)
{
	rdma_buf_free(&host);
	rdma_qp_unpair(qp);
	rdma_node_close(&node);
	return guest_teardown(state);
}

#define dmah_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static void assert_no_handle(struct ibv_dmah_init_attr attr)
{
	errno = 0;
	assert_null(ibv_alloc_dmah(node.context, &attr));
	print_message("ibv_alloc_dmah, comp_mask 0x%x: %s\n", attr.comp_mask, strerror(errno));
	assert_int_equal(errno, EOPNOTSUPP);
}

static void tag_of_a_processor_is_refused_by_name(void **state)
{
	(void)state;
	assert_no_handle((struct ibv_dmah_init_attr) {
		.comp_mask = IBV_DMAH_INIT_ATTR_MASK_CPU_ID | IBV_DMAH_INIT_ATTR_MASK_PH |
			     IBV_DMAH_INIT_ATTR_MASK_TPH_MEM_TYPE,
		.cpu_id = 1,
		.ph = 2,
		.tph_mem_type = IBV_TPH_MEM_TYPE_PM,
	});
	assert_no_handle((struct ibv_dmah_init_attr){ .comp_mask = IBV_DMAH_INIT_ATTR_MASK_PH, .ph = 1 });
}

static void write_and_compare(struct ibv_mr *mr, const uint8_t *memory)
{
	struct rdma_buf buf = { .addr = (uint8_t *)(uintptr_t)memory, .len = LEN, .mr = mr };
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &host, &buf, BYTES);

	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	assert_memory_equal(memory, host.addr, BYTES);
}

static void ordinary_memory_is_registered_without_a_handle(void **state)
{
	static uint8_t memory[LEN] __attribute__((aligned(4096)));
	struct ibv_mr_init_attr attr = {
		.comp_mask = IBV_REG_MR_MASK_ADDR,
		.addr = memory,
		.length = LEN,
		.access = RDMA_REMOTE,
	};
	struct ibv_mr *mr = ibv_reg_mr_ex(node.pd, &attr);

	(void)state;
	assert_non_null(mr);
	write_and_compare(mr, memory);
	assert_int_equal(ibv_dereg_mr(mr), 0);
}

static void dma_buf_is_registered_without_a_handle(void **state)
{
	uint8_t *memory;
	int fd = rdma_udmabuf(LEN, &memory);
	struct ibv_mr_init_attr attr = {
		.comp_mask = IBV_REG_MR_MASK_FD | IBV_REG_MR_MASK_FD_OFFSET | IBV_REG_MR_MASK_IOVA,
		.fd = fd,
		.length = LEN,
		.iova = (uintptr_t)memory,
		.access = RDMA_REMOTE,
	};
	struct ibv_mr *mr = ibv_reg_mr_ex(node.pd, &attr);

	(void)state;
	assert_non_null(mr);
	write_and_compare(mr, memory);
	assert_int_equal(ibv_dereg_mr(mr), 0);
	/* A dma-buf without an offset, and something that is not known: no guess is made. */
	attr.comp_mask = IBV_REG_MR_MASK_FD | IBV_REG_MR_MASK_IOVA;
	errno = 0;
	assert_null(ibv_reg_mr_ex(node.pd, &attr));
	assert_int_equal(errno, EINVAL);
	attr.comp_mask = IBV_REG_MR_MASK_FD | IBV_REG_MR_MASK_FD_OFFSET | IBV_REG_MR_MASK_IOVA | 1ull << 63;
	errno = 0;
	assert_null(ibv_reg_mr_ex(node.pd, &attr));
	assert_int_equal(errno, EOPNOTSUPP);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		dmah_test(tag_of_a_processor_is_refused_by_name),
		dmah_test(ordinary_memory_is_registered_without_a_handle),
		dmah_test(dma_buf_is_registered_without_a_handle),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
