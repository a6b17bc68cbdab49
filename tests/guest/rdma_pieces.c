// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * The way the source of a WRITE is cut into pages and SGEs is not seen by the device: a word of device
 * memory is written by one access all the same. Shown on edu's 64-bit register at 0x80, which takes 8
 * bytes in one store and only the lower half of anything narrower.
 */
#include <endian.h>
#include <string.h>
#include <unistd.h>

#include "rdma_slice.h"

#define PAGE_LEN 0x1000
#define EDU_DMA_SRC 0x80

static struct rdma_node node;
static struct ibv_qp *qp[2];
static struct rdma_buf host;
static struct rdma_bar bar;
static struct rdma_buf regs;
static int dmabuf;

static int setup(void **state)
{
	guest_setup(state);
	rdma_node_open(&node);
	rdma_qp_pair(&node, qp);
	host = rdma_buf_alloc(node.pd, 2 * PAGE_LEN, RDMA_REMOTE);
	rdma_bar_open(&bar, EXPORTER_DRIVER, GUEST_EDU, 0, PAGE_LEN);
	dmabuf = rdma_export(&bar, 0, PAGE_LEN);
	regs = rdma_reg_slice(node.pd, dmabuf, bar.map, PAGE_LEN);
	return 0;
}

static int teardown(void **state)
{
	rdma_dereg_slice(&regs);
	close(dmabuf);
	rdma_bar_close(&bar);
	rdma_buf_free(&host);
	rdma_qp_unpair(qp);
	rdma_node_close(&node);
	return guest_teardown(state);
}

static volatile uint64_t *dma_src(void)
{
	return (volatile uint64_t *)(bar.map + EDU_DMA_SRC);
}

/* One WRITE of @sges to the register. */
static void write_register(struct ibv_sge *sges, int n)
{
	struct ibv_send_wr *bad, wr = {
		.sg_list = sges,
		.num_sge = n,
		.opcode = IBV_WR_RDMA_WRITE,
		.send_flags = IBV_SEND_SIGNALED,
		.wr.rdma = { (uintptr_t)regs.addr + EDU_DMA_SRC, regs.mr->rkey },
	};

	assert_int_equal(ibv_post_send(qp[0], &wr, &bad), 0);
	assert_wc(rdma_wait(node.cq).status, IBV_WC_SUCCESS);
}

static void source_across_a_page_boundary_is_one_store(void **state)
{
	const uint64_t value = 0x1122334455667788;
	struct ibv_sge sge = { .length = 8, .lkey = host.mr->lkey };

	(void)state;
	for (uint32_t before = 1; before < 8; before++) {
		uint8_t *at = host.addr + PAGE_LEN - before;

		memcpy(at, (uint64_t[]){ htole64(value + before) }, 8);
		sge.addr = (uintptr_t)at;
		write_register(&sge, 1);
		assert_int_equal(*dma_src(), value + before);
	}
}

static void source_in_two_pieces_is_one_store(void **state)
{
	const uint64_t value = 0x8877665544332211;

	(void)state;
	for (uint32_t first = 1; first < 8; first++) {
		uint64_t word = htole64(value + first);
		struct ibv_sge sges[2] = {
			{ (uintptr_t)host.addr + 1, first, host.mr->lkey },
			{ (uintptr_t)host.addr + 100, 8 - first, host.mr->lkey },
		};

		memcpy(host.addr + 1, &word, first);
		memcpy(host.addr + 100, (uint8_t *)&word + first, 8 - first);
		write_register(sges, 2);
		assert_int_equal(*dma_src(), value + first);
	}
}

/* So it is inside a longer WRITE: the pieces meet in the middle of the register. */
static void longer_write_keeps_the_words_of_the_device(void **state)
{
	const uint64_t value = 0x0102030405060708;
	struct ibv_send_wr *bad, wr = { .opcode = IBV_WR_RDMA_WRITE, .send_flags = IBV_SEND_SIGNALED };
	struct ibv_sge sges[2] = {
		{ (uintptr_t)host.addr + 1, 8 + 3, host.mr->lkey },
		{ (uintptr_t)host.addr + 100, 8 - 3, host.mr->lkey },
	};
	const uint64_t word = htole64(value);

	(void)state;
	memset(host.addr, 0, PAGE_LEN);
	memcpy(host.addr + 1 + 8, &word, 3);
	memcpy(host.addr + 100, (const uint8_t *)&word + 3, 8 - 3);
	wr.sg_list = sges;
	wr.num_sge = 2;
	wr.wr.rdma.remote_addr = (uintptr_t)regs.addr + EDU_DMA_SRC - 8;
	wr.wr.rdma.rkey = regs.mr->rkey;
	*dma_src() = 0; /* an earlier run left its value */
	assert_int_equal(ibv_post_send(qp[0], &wr, &bad), 0);
	assert_wc(rdma_wait(node.cq).status, IBV_WC_SUCCESS);
	assert_int_equal(*dma_src(), value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define pieces_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		pieces_test(source_across_a_page_boundary_is_one_store),
		pieces_test(source_in_two_pieces_is_one_store),
		pieces_test(longer_write_keeps_the_words_of_the_device),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
