// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Doorbells: a naturally aligned WRITE or READ of 1, 2, 4 or 8 bytes of device memory is exactly
 * one access of that size. Shown on emulated devices that can tell:
 *
 *	pci-testdev	BAR 0 counts stores to one byte, whatever their size: one that is repeated,
 *			or two that are merged, give another count
 *	bochs-display	BAR 2 has 16-bit registers; a store of one byte zeroes the other half
 *	edu		BAR 0 takes 4-byte stores at 0x04, refuses narrower ones, and at 0x80 takes
 *			the 64-bit register in one store or only its lower half
 */
#include <endian.h>
#include <string.h>
#include <unistd.h>

#include "rdma_slice.h"

#define PAGE_LEN 0x1000

/* pci-testdev's header; writing a test's number to @test starts it with a count of 0. */
struct testdev {
	uint8_t test;
	uint8_t width;
	uint8_t pad0[2];
	uint32_t offset;
	uint8_t data;
	uint8_t pad1[3];
	uint32_t count;
};

#define BOCHS_VBE 0x500
#define BOCHS_VIRT_WIDTH (BOCHS_VBE + 6 * 2)
#define EDU_ID 0x00
#define EDU_ID_VALUE 0x010000edU
#define EDU_INVERT 0x04
#define EDU_DMA_SRC 0x80

static struct rdma_node node;
static struct ibv_qp *qp[2];
static struct rdma_buf host;
static struct rdma_bar bar;
static struct rdma_buf regs;
static int dmabuf;

static void open_bar(uint16_t vendor, uint16_t device, unsigned int index)
{
	rdma_bar_open(&bar, EXPORTER_DRIVER, vendor, device, index, PAGE_LEN);
	dmabuf = rdma_export(&bar, 0, PAGE_LEN);
	regs = rdma_reg_slice(node.pd, dmabuf, bar.map, PAGE_LEN);
}

static int setup(void **state)
{
	guest_setup(state);
	rdma_node_open(&node);
	rdma_qp_pair(&node, qp);
	host = rdma_buf_alloc(node.pd, PAGE_LEN, RDMA_REMOTE);
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

static void transfer(enum ibv_wr_opcode opcode, uint32_t reg, uint32_t len)
{
	struct rdma_wr wr = rdma_wr(opcode, &host, &regs, len);

	wr.remote += reg;
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
}

static void testdev_start(void)
{
	volatile struct testdev *dev = (void *)bar.map;

	dev->test = 0;
	assert_int_equal(dev->count, 0);
	memset(host.addr, dev->data, 16);
}

static uint32_t testdev_count(void)
{
	return ((volatile struct testdev *)bar.map)->count;
}

static void counter_sees_one_store_for_each_write(void **state)
{
	uint32_t reg, stores = 0;

	(void)state;
	open_bar(GUEST_TESTDEV, 0);
	testdev_start();
	reg = ((volatile struct testdev *)bar.map)->offset;
	for (uint32_t len = 1; len <= 8; len *= 2) {
		transfer(IBV_WR_RDMA_WRITE, reg, len);
		assert_int_equal(testdev_count(), ++stores);
	}
}

static void longer_write_touches_each_byte_once(void **state)
{
	uint32_t reg;

	(void)state;
	open_bar(GUEST_TESTDEV, 0);
	testdev_start();
	reg = ((volatile struct testdev *)bar.map)->offset;
	transfer(IBV_WR_RDMA_WRITE, reg - 1, 3);
	assert_int_equal(testdev_count(), 1);
	transfer(IBV_WR_RDMA_WRITE, reg - 5, 13);
	assert_int_equal(testdev_count(), 2);
}

/* Two rings of one bell are two stores, even when posted together. */
static void equal_writes_are_not_merged(void **state)
{
	struct ibv_send_wr *bad, send[5] = {};
	struct ibv_sge sge;

	(void)state;
	open_bar(GUEST_TESTDEV, 0);
	testdev_start();
	sge = (struct ibv_sge){ (uintptr_t)host.addr, 4, host.mr->lkey };
	for (int i = 0; i < 5; i++)
		send[i] = (struct ibv_send_wr){
			.next = i < 4 ? &send[i + 1] : NULL,
			.sg_list = &sge,
			.num_sge = 1,
			.opcode = IBV_WR_RDMA_WRITE,
			.send_flags = i == 4 ? IBV_SEND_SIGNALED : 0,
			.wr.rdma = {
				(uintptr_t)regs.addr + ((volatile struct testdev *)bar.map)->offset,
				regs.mr->rkey,
			},
		};
	assert_int_equal(ibv_post_send(qp[0], send, &bad), 0);
	assert_wc(rdma_wait(node.cq).status, IBV_WC_SUCCESS);
	assert_int_equal(testdev_count(), 5);
}

/* Source of an inline write is not memory that the device reads, and rings as well. */
static void inline_write_is_one_store(void **state)
{
	struct rdma_wr wr;

	(void)state;
	open_bar(GUEST_TESTDEV, 0);
	testdev_start();
	wr = rdma_wr(IBV_WR_RDMA_WRITE, &host, &regs, 4);
	wr.remote += ((volatile struct testdev *)bar.map)->offset;
	wr.flags = IBV_SEND_INLINE;
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	assert_int_equal(testdev_count(), 1);
}

static void two_byte_write_is_one_access(void **state)
{
	volatile uint16_t *reg;

	(void)state;
	open_bar(GUEST_BOCHS, 2);
	reg = (void *)(bar.map + BOCHS_VIRT_WIDTH);
	((volatile uint8_t *)reg)[0] = 0x34;
	((volatile uint8_t *)reg)[1] = 0x12;
	assert_int_not_equal(*reg, 0x1234); /* this register can tell */
	memcpy(host.addr, (uint16_t[]){ htole16(0x1234) }, 2);
	transfer(IBV_WR_RDMA_WRITE, BOCHS_VIRT_WIDTH, 2);
	assert_int_equal(*reg, 0x1234);
}

static void four_byte_write_is_one_access(void **state)
{
	volatile uint32_t *reg;

	(void)state;
	open_bar(GUEST_EDU, 0);
	reg = (void *)(bar.map + EDU_INVERT);
	*reg = 0;
	memcpy(host.addr, (uint32_t[]){ htole32(0x12345678) }, 4);
	transfer(IBV_WR_RDMA_WRITE, EDU_INVERT, 4);
	assert_int_equal(*reg, (uint32_t)~0x12345678);
}

static void eight_byte_write_is_one_access(void **state)
{
	volatile uint64_t *reg;

	(void)state;
	open_bar(GUEST_EDU, 0);
	reg = (void *)(bar.map + EDU_DMA_SRC);
	*(volatile uint32_t *)reg = 0x55667788;
	*((volatile uint32_t *)reg + 1) = 0x11223344;
	assert_int_not_equal(*reg, 0x1122334455667788); /* this register can tell */
	memcpy(host.addr, (uint64_t[]){ htole64(0x1122334455667788) }, 8);
	transfer(IBV_WR_RDMA_WRITE, EDU_DMA_SRC, 8);
	assert_int_equal(*reg, 0x1122334455667788);
}

static void reads_are_one_access_of_their_size(void **state)
{
	uint64_t got;

	(void)state;
	open_bar(GUEST_EDU, 0);
	*(volatile uint64_t *)(bar.map + EDU_DMA_SRC) = 0x8877665544332211;
	transfer(IBV_WR_RDMA_READ, EDU_DMA_SRC, 8);
	memcpy(&got, host.addr, 8);
	assert_int_equal(le64toh(got), 0x8877665544332211);
	memset(host.addr, 0, 8);
	transfer(IBV_WR_RDMA_READ, EDU_ID, 4);
	memcpy(&got, host.addr, 8);
	assert_int_equal(le64toh(got), EDU_ID_VALUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define access_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		access_test(counter_sees_one_store_for_each_write),
		access_test(longer_write_touches_each_byte_once),
		access_test(equal_writes_are_not_merged),
		access_test(inline_write_is_one_store),
		access_test(two_byte_write_is_one_access),
		access_test(four_byte_write_is_one_access),
		access_test(eight_byte_write_is_one_access),
		access_test(reads_are_one_access_of_their_size),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
