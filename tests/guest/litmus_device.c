// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Litmus tests with a device that acts on its doorbell: O3, O7, O14. edu copies between host memory
 * and a buffer of its own when its command register is written; it begins 100 ms later, which hides
 * a store that is late by less. The rest of O3 is the RDMA device, which reads at once.
 */
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "litmus.h"

#define ROUNDS 100
#define EDU_ROUNDS 3
#define BYTES (2 * KIB)
#define BACK PAGE /* where edu writes back, in the host memory it may touch */

static volatile uint64_t *edu_reg(volatile uint8_t *regs, unsigned int offset)
{
	return (volatile uint64_t *)(regs + offset);
}

/* Registers through a dma-buf of that type. */
static volatile uint8_t *map_regs(struct litmus_edu *edu, int i, uint32_t memattr)
{
	edu->dmabuf[i] = exporter_export(&edu->exp, memattr, 0, PAGE);
	return exporter_mmap(edu->dmabuf[i], PAGE);
}

void litmus_edu_open(struct litmus_edu *edu, struct litmus *l)
{
	struct vfio_iommu_type1_dma_map dma = { .argsz = sizeof(dma),
						.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
						.iova = EDU_IOVA, .size = 2 * PAGE };
	uint32_t command;

	*edu = (struct litmus_edu){};
	if (guest_find_pci(GUEST_EDU, edu->exp.bdf))
		guest_skip("no edu device");
	assert_int_equal(guest_bind(edu->exp.bdf, EXPORTER_DRIVER), 0);
	assert_int_equal(guest_vfio_open(edu->exp.bdf, &edu->exp.vfio), 0);
	command = exporter_config_read(&edu->exp, PCI_COMMAND, 2);
	exporter_config_write(&edu->exp, PCI_COMMAND, 2,
			      command | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	edu->nc = map_regs(edu, 0, VFIOWC_MEMATTR_NC);
	edu->wc = map_regs(edu, 1, VFIOWC_MEMATTR_WC);
	edu->host = rdma_buf_alloc(l->mine.node.pd, 2 * PAGE, RDMA_REMOTE);
	dma.vaddr = (uintptr_t)edu->host.addr;
	assert_int_equal(ioctl(edu->exp.vfio.container, VFIO_IOMMU_MAP_DMA, &dma), 0);
	edu->mr = ibv_reg_dmabuf_mr(l->mine.node.pd, 0, PAGE, 0, edu->dmabuf[0], RDMA_REMOTE);
	assert_non_null(edu->mr);
}

void litmus_edu_close(struct litmus_edu *edu)
{
	assert_int_equal(ibv_dereg_mr(edu->mr), 0);
	munmap((void *)edu->nc, PAGE);
	munmap((void *)edu->wc, PAGE);
	close(edu->dmabuf[0]);
	close(edu->dmabuf[1]);
	exporter_close(&edu->exp); /* and with it the DMA mapping */
	rdma_buf_free(&edu->host);
	assert_int_equal(guest_bind(edu->exp.bdf, NULL), 0);
}

void litmus_edu_program(struct litmus_edu *edu, uint64_t src, uint64_t dst, uint64_t bytes)
{
	vfiowc_ring64(edu_reg(edu->nc, EDU_DMA_SRC), src);
	vfiowc_ring64(edu_reg(edu->nc, EDU_DMA_DST), dst);
	vfiowc_ring64(edu_reg(edu->nc, EDU_DMA_COUNT), bytes);
}

static bool edu_idle(void *arg)
{
	struct litmus_edu *edu = arg;

	return !(*edu_reg(edu->nc, EDU_DMA_COMMAND) & EDU_RUN);
}

void litmus_edu_wait(struct litmus_edu *edu)
{
	assert_true(guest_wait_for(edu_idle, edu, 10000));
}

void litmus_edu_check(struct litmus_edu *edu, size_t bytes, uint64_t value)
{
	uint64_t *back = (uint64_t *)(edu->host.addr + BACK);

	litmus_edu_wait(edu);
	memset(back, 0, bytes);
	litmus_edu_program(edu, EDU_BUFFER, EDU_IOVA + BACK, bytes);
	vfiowc_ring64(edu_reg(edu->nc, EDU_DMA_COMMAND), EDU_RUN_BACK);
	litmus_edu_wait(edu);
	for (size_t i = 0; i < bytes / 8; i++)
		assert_int_equal(back[i], value);
}

static void fill(void *to, size_t bytes, uint64_t value)
{
	for (size_t i = 0; i < bytes / 8; i++)
		((uint64_t *)to)[i] = value;
}

/* ---- O3 -------------------------------------------------------------------------------------- */

/* The doorbell that makes N read H is inside ibv_post_send(). */
static void nic_reads_what_was_stored(struct litmus *l)
{
	for (uint64_t i = 1; i <= ROUNDS; i++) {
		litmus_fill(&l->peer, BYTES, i);
		assert_int_equal(litmus_post(l, &l->peer, IBV_WR_RDMA_WRITE, IBV_SEND_SIGNALED, 0, 0,
					     BYTES), 0);
		assert_wc(litmus_cqe(&l->peer), IBV_WC_SUCCESS);
		for (size_t word = 0; word < BYTES / 8; word += LITMUS_WORDS)
			litmus_look(l, i, l->nc + word);
	}
	litmus_nothing_wrong(l);
}

/* The one that makes D read H is rung by us: NC, then WC. */
static void device_reads_what_was_stored(struct litmus *l)
{
	struct litmus_edu edu;

	litmus_edu_open(&edu, l);
	for (uint64_t i = 1; i <= 2 * EDU_ROUNDS; i++) {
		fill(edu.host.addr, BYTES, i - 1);
		litmus_edu_program(&edu, EDU_IOVA, EDU_BUFFER, BYTES);
		fill(edu.host.addr, BYTES, i);
		if (i % 2)
			vfiowc_ring64(edu_reg(edu.nc, EDU_DMA_COMMAND), EDU_RUN);
		else
			vfiowc_ring64_wc(edu_reg(edu.wc, EDU_DMA_COMMAND), EDU_RUN);
		litmus_edu_check(&edu, BYTES, i);
	}
	litmus_edu_close(&edu);
}

void o3_host_stores_then_doorbell(void **state)
{
	nic_reads_what_was_stored(*state);
	device_reads_what_was_stored(*state);
}

/* ---- O7 -------------------------------------------------------------------------------------- */

/* @bytes of the peer's host memory to an address of the end @mine, with a receive there or not. */
static void peer_writes(struct litmus *l, size_t from, size_t bytes, uint64_t to, uint32_t rkey,
			enum ibv_wr_opcode opcode, int flags)
{
	struct ibv_sge sge = { (uintptr_t)l->peer.host.addr + from, bytes, l->peer.host.mr->lkey };
	struct ibv_send_wr *bad, wr = { .sg_list = &sge, .num_sge = 1, .opcode = opcode,
					.send_flags = flags, .wr.rdma = { to, rkey } };

	assert_int_equal(ibv_post_send(l->peer.qp, &wr, &bad), 0);
}

/* N writes source, destination and length into D's registers; C, told by the CQE, rings D. */
void o7_nic_write_then_cpu_bell(void **state)
{
	struct litmus *l = *state;
	struct litmus_edu edu;

	litmus_edu_open(&edu, l);
	for (uint64_t i = 1; i <= EDU_ROUNDS; i++) {
		const uint64_t descriptor[3] = { EDU_IOVA + 8 * i, EDU_BUFFER, BYTES - 8 * i };

		fill(edu.host.addr, BYTES, i);
		litmus_edu_program(&edu, EDU_IOVA + BACK, EDU_BUFFER, 8); /* what must not be used */
		memcpy(l->peer.host.addr, descriptor, sizeof(descriptor));
		assert_int_equal(rdma_post_recv(l->mine.qp, i, NULL, 0), 0);
		peer_writes(l, 0, sizeof(descriptor), EDU_DMA_SRC, edu.mr->rkey,
			    IBV_WR_RDMA_WRITE_WITH_IMM, IBV_SEND_SIGNALED);
		assert_wc(litmus_cqe(&l->peer), IBV_WC_SUCCESS);
		assert_wc(litmus_cqe(&l->mine), IBV_WC_SUCCESS);
		assert_int_equal(vfiowc_local_delivery(edu.mr, EDU_DMA_SRC, NULL), 0);
		vfiowc_ring64(edu_reg(edu.nc, EDU_DMA_COMMAND), EDU_RUN);
		litmus_edu_check(&edu, descriptor[2], i);
	}
	litmus_edu_close(&edu);
}

/* ---- O14 ------------------------------------------------------------------------------------- */

/* N writes H, reads it back, and rings D with a fenced WRITE; D reads H. */
void o14_nic_host_write_then_nic_bell(void **state)
{
	struct litmus *l = *state;
	struct ibv_sge into = { (uintptr_t)l->peer.host.addr + BACK + 8, 1, l->peer.host.mr->lkey };
	struct litmus_edu edu;

	litmus_edu_open(&edu, l);
	for (uint64_t i = 1; i <= EDU_ROUNDS; i++) {
		fill(edu.host.addr, BYTES, 0);
		litmus_edu_program(&edu, EDU_IOVA, EDU_BUFFER, BYTES);
		litmus_fill(&l->peer, BYTES, i);
		fill(l->peer.host.addr + BACK, 8, EDU_RUN);
		peer_writes(l, 0, BYTES, (uintptr_t)edu.host.addr, edu.host.mr->rkey,
			    IBV_WR_RDMA_WRITE, 0);
		assert_int_equal(vfiowc_post_delivery_read(l->peer.qp, i, &into,
							   (uintptr_t)edu.host.addr,
							   edu.host.mr->rkey), 0);
		peer_writes(l, BACK, 8, EDU_DMA_COMMAND, edu.mr->rkey, IBV_WR_RDMA_WRITE,
			    IBV_SEND_FENCE | IBV_SEND_SIGNALED);
		assert_wc(litmus_cqe(&l->peer), IBV_WC_SUCCESS); /* the READ */
		assert_wc(litmus_cqe(&l->peer), IBV_WC_SUCCESS); /* the bell */
		litmus_edu_check(&edu, BYTES, i);
	}
	litmus_edu_close(&edu);
}
