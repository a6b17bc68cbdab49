// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Verbs, failing once each in the kernel. See failures.h. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <infiniband/vfiowcdv.h>

#include "failures.h"
#include "rdma_slice.h"

#define BUF_LEN (64 * 1024)
#define ACCESS (RDMA_REMOTE | IBV_ACCESS_REMOTE_ATOMIC)

static struct rdma_node node;
static struct ibv_qp *qp[2];
static struct rdma_buf src, dst;
static struct rdma_bar bar;
static int slice_fd, system_fd;
static uint8_t *system_map;

/* What a call under test has made, for its undo. */
static void *made;

static int keep(void *object)
{
	made = object;
	return object ? 0 : errno;
}

static int query_device(void)
{
	struct ibv_device_attr attr;

	return ibv_query_device(node.context, &attr);
}

static int query_port(void)
{
	struct ibv_port_attr attr;

	return ibv_query_port(node.context, 1, &attr);
}

static int alloc_pd(void)
{
	return keep(ibv_alloc_pd(node.context));
}

static void dealloc_pd(void)
{
	assert_int_equal(ibv_dealloc_pd(made), 0);
}

static int create_cq(void)
{
	return keep(ibv_create_cq(node.context, 100, NULL, NULL, 0));
}

static void destroy_cq(void)
{
	assert_int_equal(ibv_destroy_cq(made), 0);
}

static int create_qp(void)
{
	struct ibv_qp_init_attr attr = {
		.send_cq = node.cq,
		.recv_cq = node.cq,
		.cap = { .max_send_wr = 16, .max_recv_wr = 16, .max_send_sge = 2, .max_recv_sge = 2 },
		.qp_type = IBV_QPT_RC,
	};

	return keep(ibv_create_qp(node.pd, &attr));
}

static void destroy_qp(void)
{
	assert_int_equal(ibv_destroy_qp(made), 0);
}

static void make_qp(void)
{
	assert_int_equal(create_qp(), 0);
}

static int to_init(void)
{
	return rdma_qp_init(made, RDMA_REMOTE);
}

static void make_init_qp(void)
{
	make_qp();
	assert_int_equal(to_init(), 0);
}

static void make_rtr_qp(void)
{
	make_init_qp();
	assert_int_equal(rdma_qp_rtr(made, &node.gid, qp[0]->qp_num), 0);
}

static int to_rtr(void)
{
	return rdma_qp_rtr(made, &node.gid, qp[0]->qp_num);
}

static int to_rts(void)
{
	return rdma_qp_rts(made, 7);
}

static int to_error(void)
{
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_ERR };

	return ibv_modify_qp(made, &attr, IBV_QP_STATE);
}

static int to_drained(void)
{
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_SQD };

	return ibv_modify_qp(made, &attr, IBV_QP_STATE);
}

static void make_rts_qp(void)
{
	make_rtr_qp();
	assert_int_equal(rdma_qp_rts(made, 7), 0);
}

static int query_qp(void)
{
	struct ibv_qp_init_attr init;
	struct ibv_qp_attr attr;

	return ibv_query_qp(qp[0], &attr, IBV_QP_STATE, &init);
}

static int reg_mr(void)
{
	return keep(ibv_reg_mr(node.pd, src.addr, BUF_LEN, RDMA_REMOTE));
}

static int reg_slice(void)
{
	return keep(ibv_reg_dmabuf_mr(node.pd, 0, BUF_LEN, 0, slice_fd, RDMA_REMOTE));
}

/* The dma-buf must be granted anew. */
static void reset_bar(void)
{
	rdma_bar_reset(&bar);
}

static int reg_system(void)
{
	return keep(ibv_reg_dmabuf_mr(node.pd, 0, BUF_LEN, 0, system_fd, RDMA_REMOTE));
}

static void dereg_mr(void)
{
	assert_int_equal(ibv_dereg_mr(made), 0);
}

static int query_mr(void)
{
	struct vfiowcdv_mr_attr attr;

	return vfiowcdv_query_mr(src.mr, &attr, sizeof(attr));
}

/* The doorbell, in which a request of each kind is executed. */
static int post_write(void)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &src, &dst, BUF_LEN);

	return rdma_post(qp[0], &wr);
}

static int post_read(void)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_READ, &src, &dst, 8);

	return rdma_post(qp[0], &wr);
}

static int post_send(void)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_SEND, &src, NULL, 64);

	return rdma_post(qp[0], &wr);
}

static void make_receive(void)
{
	assert_int_equal(rdma_post_recv(qp[1], 2, &dst, BUF_LEN), 0);
}

static void poll_one(void)
{
	assert_wc(rdma_wait(node.cq).status, IBV_WC_SUCCESS);
}

static void poll_two(void)
{
	poll_one();
	poll_one();
}

/* A doorbell that fails, fails before anything was executed: the request waits for the next one. */
static void drain(int err)
{
	struct ibv_wc wc;

	if (err)
		assert_int_equal(ibv_poll_cq(node.cq, 1, &wc), 0);
}

static int arm_cq(void)
{
	return ibv_req_notify_cq(node.cq, 0);
}

static int destroyed(int err)
{
	if (!err)
		made = NULL;
	return err;
}

/* Gone at the first try, or whole for a second one. */
static int destroy_the_qp(void)
{
	return destroyed(made ? ibv_destroy_qp(made) : 0);
}

static int destroy_the_mr(void)
{
	return destroyed(made ? ibv_dereg_mr(made) : 0);
}

static void make_slice_mr(void)
{
	assert_int_equal(reg_slice(), 0);
}

static int post_atomic(void)
{
	struct ibv_sge sge = { (uintptr_t)src.addr, 8, src.mr->lkey };
	struct ibv_send_wr *bad, wr = {
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = IBV_WR_ATOMIC_FETCH_AND_ADD,
		.send_flags = IBV_SEND_SIGNALED,
		.wr.atomic = { (uintptr_t)dst.addr, 1, 0, dst.mr->rkey },
	};

	return ibv_post_send(qp[0], &wr, &bad);
}

static const struct failing_call calls[] = {
	/*
	 * Not ibv_open_device(): when alloc_ucontext fails, the core of Linux 7.3 (UVERBS_METHOD_GET_CONTEXT) frees
	 * the context and forgets the reference of the task that it had.
	 */
	FAILING(query_device),
	FAILING(query_port),
	FAILING(alloc_pd, .undo = dealloc_pd),
	FAILING(create_cq, .undo = destroy_cq, .errnos = { EAGAIN }),
	FAILING(create_qp, .undo = destroy_qp, .errnos = { EAGAIN }),
	FAILING(to_init, .before = make_qp, .after = destroy_qp),
	FAILING(to_rtr, .before = make_init_qp, .after = destroy_qp),
	FAILING(to_rts, .before = make_rtr_qp, .after = destroy_qp),
	FAILING(to_error, .before = make_rtr_qp, .after = destroy_qp),
	FAILING(to_drained, .before = make_rts_qp, .after = destroy_qp),
	FAILING(query_qp),
	FAILING(reg_mr, .undo = dereg_mr),
	FAILING(reg_slice, .undo = dereg_mr, .errnos = { EIO }),
	{ "reg_slice after reset", reg_slice, .before = reset_bar, .undo = dereg_mr, .errnos = { EIO } },
	FAILING(reg_system, .undo = dereg_mr),
	FAILING(query_mr),
	FAILING(post_write, .undo = poll_one, .check = drain),
	FAILING(post_read, .undo = poll_one, .check = drain),
	FAILING(post_send, .before = make_receive, .undo = poll_two, .check = drain),
	FAILING(post_atomic, .undo = poll_one, .check = drain),
	FAILING(arm_cq),
	FAILING(destroy_the_qp, .before = make_rtr_qp),
	FAILING(destroy_the_mr, .before = make_slice_mr),
};

/* Like rdma_qp_pair(), for atomics, too. */
static void make_pair(void)
{
	for (int i = 0; i < 2; i++)
		qp[i] = rdma_qp_create(&node);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(rdma_qp_init(qp[i], ACCESS), 0);
		assert_int_equal(rdma_qp_rtr(qp[i], &node.gid, qp[!i]->qp_num), 0);
		assert_int_equal(rdma_qp_rts(qp[i], 7), 0);
	}
}

static int setup(void **state)
{
	guest_setup(state);
	rdma_node_open(&node);
	make_pair();
	src = rdma_buf_alloc(node.pd, BUF_LEN, ACCESS);
	dst = rdma_buf_alloc(node.pd, BUF_LEN, ACCESS);
	rdma_pattern(src.addr, BUF_LEN, 1);
	rdma_bar_open(&bar, EXPORTER_DRIVER, GUEST_IVSHMEM, 2, BUF_LEN);
	slice_fd = rdma_export(&bar, 0, BUF_LEN);
	system_fd = rdma_udmabuf(BUF_LEN, &system_map);
	return 0;
}

static int teardown(void **state)
{
	close(system_fd);
	munmap(system_map, BUF_LEN);
	close(slice_fd);
	rdma_bar_close(&bar);
	rdma_buf_free(&src);
	rdma_buf_free(&dst);
	rdma_qp_unpair(qp);
	rdma_node_close(&node);
	return guest_teardown(state);
}

static void each_failure_of_the_device_is_reported_and_undone(void **state)
{
	(void)state;
	failures_setup("vfiowc_rdma");
	failures_run(calls, sizeof(calls) / sizeof(calls[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_failure_of_the_device_is_reported_and_undone, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
