// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* A memory window and those who use it: see rdma_window.h. */
#include <string.h>

#include "rdma_window.h"

struct window_fixture win;

void window_pair(struct ibv_qp *pair[static 2])
{
	pair[0] = rdma_qp_create(&win.node);
	pair[1] = rdma_qp_create(&win.owner_node);
	rdma_qp_connect(pair[0], &win.node.gid, pair[1]->qp_num);
	rdma_qp_connect(pair[1], &win.node.gid, pair[0]->qp_num);
}

int window_setup(void **state)
{
	guest_setup(state);
	rdma_node_open(&win.node);
	win.owner_node = win.node;
	win.owner_node.cq = ibv_create_cq(win.node.context, 64, NULL, NULL, 0);
	assert_non_null(win.owner_node.cq);
	window_pair(win.qp);
	win.src = rdma_buf_alloc(win.node.pd, WINDOW_BUF_LEN, RDMA_LOCAL);
	win.dst = rdma_buf_alloc(win.node.pd, WINDOW_BUF_LEN, WINDOW_BINDABLE);
	rdma_pattern(win.src.addr, WINDOW_BUF_LEN, 1);
	memset(win.dst.addr, WINDOW_GUARD, WINDOW_BUF_LEN);
	win.mw = ibv_alloc_mw(win.node.pd, IBV_MW_TYPE_2);
	assert_non_null(win.mw);
	win.key = win.mw->rkey;
	return 0;
}

int window_teardown(void **state)
{
	if (win.mw)
		assert_int_equal(ibv_dealloc_mw(win.mw), 0);
	rdma_buf_free(&win.dst);
	rdma_buf_free(&win.src);
	rdma_qp_unpair(win.qp);
	assert_int_equal(ibv_destroy_cq(win.owner_node.cq), 0);
	rdma_node_close(&win.node);
	return guest_teardown(state);
}

void window_untouched(void)
{
	for (size_t i = 0; i < WINDOW_BUF_LEN; i++)
		if (win.dst.addr[i] != WINDOW_GUARD)
			fail_msg("byte %#zx was written", i);
}

void window_renew_pair(void)
{
	rdma_qp_unpair(win.qp);
	window_pair(win.qp);
}

static enum ibv_wc_status window_post(struct ibv_qp *on, struct ibv_send_wr wr, enum ibv_wc_opcode opcode)
{
	struct ibv_send_wr *bad;
	struct ibv_wc wc;

	wr.send_flags |= IBV_SEND_SIGNALED;
	assert_int_equal(ibv_post_send(on, &wr, &bad), 0);
	wc = rdma_wait(on->send_cq);
	if (wc.status == IBV_WC_SUCCESS)
		assert_int_equal(wc.opcode, opcode);
	return wc.status;
}

struct ibv_mw_bind_info window_info(unsigned int access)
{
	return (struct ibv_mw_bind_info){
		.mr = win.dst.mr,
		.addr = (uintptr_t)win.dst.addr + WINDOW_OFFSET,
		.length = WINDOW_BYTES,
		.mw_access_flags = access,
	};
}

enum ibv_wc_status window_bind(struct ibv_qp *on, uint32_t rkey, struct ibv_mw_bind_info to)
{
	struct ibv_send_wr wr = { .opcode = IBV_WR_BIND_MW };

	wr.bind_mw.mw = win.mw;
	wr.bind_mw.rkey = rkey;
	wr.bind_mw.bind_info = to;
	return window_post(on, wr, IBV_WC_BIND_MW);
}

void window_open(struct ibv_mw_bind_info to)
{
	win.key = ibv_inc_rkey(win.key);
	assert_wc(window_bind(win.qp[1], win.key, to), IBV_WC_SUCCESS);
}

enum ibv_wc_status window_local_inv(struct ibv_qp *on, uint32_t rkey)
{
	struct ibv_send_wr wr = { .opcode = IBV_WR_LOCAL_INV, .invalidate_rkey = rkey };

	return window_post(on, wr, IBV_WC_LOCAL_INV);
}

enum ibv_wc_status window_send_inv(struct ibv_qp *on, uint32_t rkey, uint32_t len)
{
	struct ibv_sge sge = { (uintptr_t)win.src.addr, len, win.src.mr->lkey };
	struct ibv_send_wr wr = {
		.opcode = IBV_WR_SEND_WITH_INV,
		.invalidate_rkey = rkey,
		.sg_list = &sge,
		.num_sge = 1,
	};

	return window_post(on, wr, IBV_WC_SEND);
}

enum ibv_wc_status window_transfer(struct ibv_qp *on, enum ibv_wr_opcode opcode, size_t offset,
				   uint32_t len)
{
	struct rdma_wr wr = rdma_wr(opcode, &win.src, &win.dst, len);

	wr.remote += offset;
	wr.rkey = win.key;
	return rdma_do(on, &wr);
}

enum ibv_wc_status window_write(void)
{
	return window_transfer(win.qp[0], IBV_WR_RDMA_WRITE, WINDOW_OFFSET, 64);
}
