// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * What the software device refuses, and in which words: the status of each completion is the one
 * that the verbs specification gives for that mistake, the target is untouched, the queue pair is
 * in error and flushes what follows.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>

#include "rdma_fixture.h"

#define BUF_LEN 8192
#define GUARD 0xa5

static struct rdma_node node;
static struct ibv_pd *other_pd;
static struct ibv_qp *qp[2];
static struct rdma_buf src, dst;

static int setup(void **state)
{
	guest_setup(state);
	rdma_node_open(&node);
	other_pd = ibv_alloc_pd(node.context);
	assert_non_null(other_pd);
	rdma_qp_pair(&node, qp);
	src = rdma_buf_alloc(node.pd, BUF_LEN, RDMA_REMOTE);
	dst = rdma_buf_alloc(node.pd, BUF_LEN, RDMA_REMOTE);
	rdma_pattern(src.addr, BUF_LEN, 1);
	memset(dst.addr, GUARD, BUF_LEN);
	return 0;
}

static int teardown(void **state)
{
	rdma_qp_unpair(qp);
	rdma_buf_free(&src);
	rdma_buf_free(&dst);
	assert_int_equal(ibv_dealloc_pd(other_pd), 0);
	rdma_node_close(&node);
	return guest_teardown(state);
}

static void assert_untouched(const struct rdma_buf *buf)
{
	for (size_t i = 0; i < buf->len; i++)
		if (buf->addr[i] != GUARD)
			fail_msg("byte %zu was touched", i);
}

/* @wr fails with @status, stores nothing in dst, and the next request is flushed. */
static void assert_fails(struct rdma_wr wr, enum ibv_wc_status status)
{
	assert_wc(rdma_do(qp[0], &wr), status);
	assert_untouched(&dst);
	assert_int_equal(rdma_qp_state(qp[0]), IBV_QPS_ERR);
	wr = rdma_wr(IBV_WR_RDMA_WRITE, &src, &dst, 8);
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_WR_FLUSH_ERR);
	assert_untouched(&dst);
}

/* dst registered once more, with other rights or in another domain. */
static void replace_dst_mr(struct ibv_pd *pd, int access)
{
	assert_int_equal(ibv_dereg_mr(dst.mr), 0);
	dst.mr = ibv_reg_mr(pd, dst.addr, BUF_LEN, access);
	assert_non_null(dst.mr);
}

static void write_with_unknown_rkey_is_remote_access_error(void **state)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &src, &dst, 8);

	(void)state;
	wr.rkey ^= 0x5a5a5a5a;
	assert_fails(wr, IBV_WC_REM_ACCESS_ERR);
}

static void write_with_stale_rkey_is_remote_access_error(void **state)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &src, &dst, 8);

	(void)state;
	replace_dst_mr(node.pd, RDMA_REMOTE);
	assert_int_not_equal(wr.rkey, dst.mr->rkey);
	assert_fails(wr, IBV_WC_REM_ACCESS_ERR);
}

/* The region of that index is there, and its key is another. */
static void write_with_another_key_byte_is_remote_access_error(void **state)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &src, &dst, 8);

	(void)state;
	wr.rkey ^= 1;
	assert_fails(wr, IBV_WC_REM_ACCESS_ERR);
}

static void write_past_the_end_is_remote_access_error(void **state)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &src, &dst, 8);

	(void)state;
	wr.remote += BUF_LEN - 7;
	assert_fails(wr, IBV_WC_REM_ACCESS_ERR);
}

/* A longer one moves in pieces: all of its target is looked at before the first. */
static void long_write_past_the_end_moves_nothing(void **state)
{
	const uint32_t len = 1U << 20;
	struct rdma_buf from = rdma_buf_alloc(node.pd, len, RDMA_REMOTE);
	struct rdma_buf to = rdma_buf_alloc(node.pd, len, RDMA_REMOTE);
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &from, &to, len);

	(void)state;
	rdma_pattern(from.addr, len, 1);
	wr.remote += 1;
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_REM_ACCESS_ERR);
	assert_int_equal(to.addr[0], 0);
	assert_memory_equal(to.addr, to.addr + 1, len - 1);
	rdma_buf_free(&from);
	rdma_buf_free(&to);
}

static void write_before_the_start_is_remote_access_error(void **state)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &src, &dst, 8);

	(void)state;
	wr.remote -= 1;
	assert_fails(wr, IBV_WC_REM_ACCESS_ERR);
}

static void write_whose_end_wraps_around_is_remote_access_error(void **state)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &src, &dst, 8);

	(void)state;
	wr.remote = UINT64_MAX - 3;
	assert_fails(wr, IBV_WC_REM_ACCESS_ERR);
}

static void write_without_remote_write_right_is_remote_access_error(void **state)
{
	(void)state;
	replace_dst_mr(node.pd, IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ);
	assert_fails(rdma_wr(IBV_WR_RDMA_WRITE, &src, &dst, 8), IBV_WC_REM_ACCESS_ERR);
}

static void read_without_remote_read_right_is_remote_access_error(void **state)
{
	struct rdma_wr wr;

	(void)state;
	assert_int_equal(ibv_dereg_mr(src.mr), 0);
	src.mr = ibv_reg_mr(node.pd, src.addr, BUF_LEN,
			    IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE);
	assert_non_null(src.mr);
	wr = rdma_wr(IBV_WR_RDMA_READ, &dst, &src, 8);
	assert_fails(wr, IBV_WC_REM_ACCESS_ERR);
}

static void write_into_another_domain_is_remote_access_error(void **state)
{
	(void)state;
	replace_dst_mr(other_pd, RDMA_REMOTE);
	assert_fails(rdma_wr(IBV_WR_RDMA_WRITE, &src, &dst, 8), IBV_WC_REM_ACCESS_ERR);
}

static void unknown_lkey_is_local_protection_error(void **state)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &src, &dst, 8);

	(void)state;
	wr.lkey ^= 0x5a5a5a5a;
	assert_fails(wr, IBV_WC_LOC_PROT_ERR);
}

static void source_past_the_end_is_local_protection_error(void **state)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &src, &dst, 8);

	(void)state;
	wr.local += BUF_LEN - 4;
	assert_fails(wr, IBV_WC_LOC_PROT_ERR);
}

static void read_into_read_only_memory_is_local_protection_error(void **state)
{
	(void)state;
	replace_dst_mr(node.pd, IBV_ACCESS_REMOTE_READ);
	assert_fails(rdma_wr(IBV_WR_RDMA_READ, &dst, &src, 8), IBV_WC_LOC_PROT_ERR);
}

static void source_of_another_domain_is_local_protection_error(void **state)
{
	struct rdma_wr wr;

	(void)state;
	assert_int_equal(ibv_dereg_mr(src.mr), 0);
	src.mr = ibv_reg_mr(other_pd, src.addr, BUF_LEN, RDMA_REMOTE);
	assert_non_null(src.mr);
	wr = rdma_wr(IBV_WR_RDMA_WRITE, &src, &dst, 8);
	assert_fails(wr, IBV_WC_LOC_PROT_ERR);
}

/* A pair whose second queue pair grants @access, made in place of the usual one. */
static void replace_pair(int access, uint8_t rnr_retry)
{
	rdma_qp_unpair(qp);
	qp[0] = rdma_qp_create(&node);
	qp[1] = rdma_qp_create(&node);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(rdma_qp_init(qp[i], i ? access : RDMA_REMOTE), 0);
		assert_int_equal(rdma_qp_rtr(qp[i], &node.gid, qp[!i]->qp_num), 0);
		assert_int_equal(rdma_qp_rts(qp[i], rnr_retry), 0);
	}
}

static void write_to_a_queue_pair_without_the_right_is_invalid_request(void **state)
{
	(void)state;
	replace_pair(IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ, 7);
	assert_fails(rdma_wr(IBV_WR_RDMA_WRITE, &src, &dst, 8), IBV_WC_REM_INV_REQ_ERR);
}

/* Statuses of a message that fails at the receiver: sender's and receiver's. */
static void assert_message_fails(uint32_t send_len, uint32_t recv_len,
				 enum ibv_wc_status at_sender, enum ibv_wc_status at_receiver)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_SEND, &src, NULL, send_len);

	assert_int_equal(rdma_post_recv(qp[1], 9, &dst, recv_len), 0);
	assert_int_equal(rdma_post(qp[0], &wr), 0);
	for (int i = 0; i < 2; i++) {
		struct ibv_wc wc = rdma_wait(node.cq);

		assert_wc(wc.status, wc.qp_num == qp[1]->qp_num ? at_receiver : at_sender);
	}
}

static void send_longer_than_the_receive_fails_at_both_ends(void **state)
{
	(void)state;
	assert_message_fails(101, 100, IBV_WC_REM_INV_REQ_ERR, IBV_WC_LOC_LEN_ERR);
	for (size_t i = 100; i < BUF_LEN; i++)
		assert_int_equal(dst.addr[i], GUARD);
}

static void receive_into_unregistered_memory_fails_at_both_ends(void **state)
{
	uint32_t lkey = dst.mr->lkey;

	(void)state;
	dst.mr->lkey ^= 0x5a5a5a5a;
	assert_message_fails(100, 100, IBV_WC_REM_OP_ERR, IBV_WC_LOC_PROT_ERR);
	dst.mr->lkey = lkey;
	assert_untouched(&dst);
}

static void send_without_receive_gives_up_after_its_retries(void **state)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_SEND, &src, NULL, 8);

	(void)state;
	replace_pair(RDMA_REMOTE, 2);
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_RNR_RETRY_EXC_ERR);
	assert_int_equal(rdma_qp_state(qp[0]), IBV_QPS_ERR);
}

static void request_to_nobody_gives_up_after_its_retries(void **state)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &src, &dst, 8);

	(void)state;
	assert_int_equal(ibv_destroy_qp(qp[1]), 0);
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_RETRY_EXC_ERR);
	qp[1] = rdma_qp_create(&node);
}

static void queue_pair_in_error_flushes_both_queues(void **state)
{
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_ERR };
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &src, &dst, 8);
	struct ibv_wc wc;

	(void)state;
	assert_int_equal(rdma_post_recv(qp[0], 1, &dst, 8), 0);
	assert_int_equal(ibv_modify_qp(qp[0], &attr, IBV_QP_STATE), 0);
	wc = rdma_wait(node.cq);
	assert_wc(wc.status, IBV_WC_WR_FLUSH_ERR);
	assert_int_equal(wc.wr_id, 1);
	assert_int_equal(rdma_post_recv(qp[0], 2, &dst, 8), 0); /* flushed though nobody sends */
	wc = rdma_wait(node.cq);
	assert_wc(wc.status, IBV_WC_WR_FLUSH_ERR);
	assert_int_equal(wc.wr_id, 2);
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_WR_FLUSH_ERR);
	assert_untouched(&dst);
}

static void queue_pair_works_again_after_reset(void **state)
{
	struct rdma_wr bad = rdma_wr(IBV_WR_RDMA_WRITE, &src, &dst, 8);
	struct rdma_wr good = bad;
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_RESET };

	(void)state;
	bad.rkey ^= 0x5a5a5a5a;
	assert_wc(rdma_do(qp[0], &bad), IBV_WC_REM_ACCESS_ERR);
	for (int i = 0; i < 2; i++)
		assert_int_equal(ibv_modify_qp(qp[i], &attr, IBV_QP_STATE), 0);
	rdma_qp_connect(qp[0], &node.gid, qp[1]->qp_num);
	rdma_qp_connect(qp[1], &node.gid, qp[0]->qp_num);
	assert_wc(rdma_do(qp[0], &good), IBV_WC_SUCCESS);
	assert_memory_equal(dst.addr, src.addr, 8);
}

static void posting_in_the_wrong_state_is_einval(void **state)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &src, &dst, 8);
	struct ibv_qp_attr reset = { .qp_state = IBV_QPS_RESET };
	struct ibv_qp *fresh = rdma_qp_create(&node);
	struct ibv_wc wc;

	(void)state;
	assert_int_equal(rdma_post(fresh, &wr), EINVAL);
	assert_int_equal(rdma_post_recv(fresh, 1, &dst, 8), EINVAL);
	assert_int_equal(rdma_qp_init(fresh, RDMA_REMOTE), 0);
	assert_int_equal(rdma_post(fresh, &wr), EINVAL);
	assert_int_equal(rdma_post_recv(fresh, 1, &dst, 8), 0);
	assert_int_equal(rdma_qp_rtr(fresh, &node.gid, qp[0]->qp_num), 0);
	assert_int_equal(rdma_post(fresh, &wr), EINVAL);
	assert_int_equal(rdma_qp_rts(fresh, 7), 0);
	assert_int_equal(ibv_destroy_qp(qp[1]), 0);
	qp[1] = fresh;
	assert_int_equal(ibv_modify_qp(qp[0], &reset, IBV_QP_STATE), 0);
	rdma_qp_connect(qp[0], &node.gid, fresh->qp_num);
	assert_wc(rdma_do(fresh, &wr), IBV_WC_SUCCESS);
	assert_false(rdma_poll(node.cq, &wc, 20)); /* nothing of the refused posts was kept */
}

static void skipping_a_state_is_einval(void **state)
{
	struct ibv_qp *fresh = rdma_qp_create(&node);
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_INIT, .port_num = 1 };

	(void)state;
	assert_int_equal(rdma_qp_rtr(fresh, &node.gid, qp[0]->qp_num), EINVAL);
	assert_int_equal(rdma_qp_rts(fresh, 7), EINVAL);
	/* attributes are missing */
	assert_int_equal(ibv_modify_qp(fresh, &attr, IBV_QP_STATE), EINVAL);
	assert_int_equal(rdma_qp_init(fresh, RDMA_REMOTE), 0);
	assert_int_equal(rdma_qp_rts(fresh, 7), EINVAL);
	assert_int_equal(rdma_qp_state(fresh), IBV_QPS_INIT);
	assert_int_equal(ibv_destroy_qp(fresh), 0);
}

static void bad_requests_are_refused_when_posted(void **state)
{
	struct ibv_sge sge[256] = {};
	struct ibv_send_wr *bad, wr = { .sg_list = sge, .send_flags = IBV_SEND_SIGNALED };
	struct ibv_recv_wr *bad_recv, recv = { .sg_list = sge, .num_sge = 256 };
	struct ibv_qp_init_attr init_attr;
	struct ibv_qp_attr attr;
	struct ibv_wc wc;

	(void)state;
	assert_int_equal(ibv_query_qp(qp[0], &attr, IBV_QP_CAP, &init_attr), 0);
	wr.opcode = IBV_WR_TSO;
	assert_int_equal(ibv_post_send(qp[0], &wr, &bad), EOPNOTSUPP);
	assert_ptr_equal(bad, &wr);
	wr.opcode = IBV_WR_RDMA_WRITE;
	wr.num_sge = 256;
	assert_int_equal(ibv_post_send(qp[0], &wr, &bad), EINVAL);
	assert_int_equal(ibv_post_recv(qp[0], &recv, &bad_recv), EINVAL);
	assert_ptr_equal(bad_recv, &recv);
	wr.num_sge = 1;
	wr.send_flags |= IBV_SEND_INLINE;
	sge[0] = (struct ibv_sge){ (uintptr_t)src.addr, init_attr.cap.max_inline_data + 1, 0 };
	assert_int_equal(ibv_post_send(qp[0], &wr, &bad), EINVAL);
	wr.opcode = IBV_WR_RDMA_READ;
	sge[0].length = 1;
	assert_int_equal(ibv_post_send(qp[0], &wr, &bad), EINVAL);
	assert_false(rdma_poll(node.cq, &wc, 20));
}

static void remote_write_without_local_write_is_not_registered(void **state)
{
	(void)state;
	errno = 0;
	assert_null(ibv_reg_mr(node.pd, src.addr, BUF_LEN, IBV_ACCESS_REMOTE_WRITE));
	assert_int_equal(errno, EINVAL);
}

static void unmapped_memory_is_not_registered(void **state)
{
	void *hole = mmap(NULL, BUF_LEN, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	errno = 0;
	assert_null(ibv_reg_mr(node.pd, hole, BUF_LEN, RDMA_LOCAL));
	assert_int_equal(errno, EFAULT);
	munmap(hole, BUF_LEN);
}

static void objects_in_use_are_not_destroyed(void **state)
{
	(void)state;
	assert_int_equal(ibv_destroy_cq(node.cq), EBUSY);
	assert_int_equal(ibv_dealloc_pd(node.pd), EBUSY);
}

static bool event_waits(struct ibv_context *context, int timeout_ms)
{
	struct pollfd pollfd = { .fd = context->async_fd, .events = POLLIN };

	return poll(&pollfd, 1, timeout_ms) == 1;
}

static void completion_queue_overflow_is_reported_not_hidden(void **state)
{
	struct ibv_cq *big = node.cq, *tiny = ibv_create_cq(node.context, 1, NULL, NULL, 0);
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &src, &dst, 8);
	bool cq_error = false;
	struct ibv_wc wc;
	int entries;

	(void)state;
	assert_non_null(tiny);
	entries = tiny->cqe;
	assert_in_range(entries, 1, RDMA_DEPTH - 1);
	node.cq = tiny;
	replace_pair(RDMA_REMOTE, 7);
	for (int i = 0; i <= entries; i++)
		assert_int_equal(rdma_post(qp[0], &wr), 0);
	while (event_waits(node.context, cq_error ? 0 : 10000)) {
		struct ibv_async_event event;

		assert_int_equal(ibv_get_async_event(node.context, &event), 0);
		cq_error |= event.event_type == IBV_EVENT_CQ_ERR && event.element.cq == tiny;
		ibv_ack_async_event(&event);
	}
	assert_true(cq_error);
	assert_int_equal(rdma_qp_state(qp[0]), IBV_QPS_ERR);
	for (int i = 0; i < entries; i++)
		assert_wc(rdma_wait(tiny).status, IBV_WC_SUCCESS);
	assert_false(rdma_poll(tiny, &wc, 20));
	node.cq = big;
	rdma_qp_unpair(qp);
	assert_int_equal(ibv_destroy_cq(tiny), 0);
	rdma_qp_pair(&node, qp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define rdma_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		rdma_test(write_with_unknown_rkey_is_remote_access_error),
		rdma_test(write_with_stale_rkey_is_remote_access_error),
		rdma_test(write_with_another_key_byte_is_remote_access_error),
		rdma_test(write_past_the_end_is_remote_access_error),
		rdma_test(long_write_past_the_end_moves_nothing),
		rdma_test(write_before_the_start_is_remote_access_error),
		rdma_test(write_whose_end_wraps_around_is_remote_access_error),
		rdma_test(write_without_remote_write_right_is_remote_access_error),
		rdma_test(read_without_remote_read_right_is_remote_access_error),
		rdma_test(write_into_another_domain_is_remote_access_error),
		rdma_test(unknown_lkey_is_local_protection_error),
		rdma_test(source_past_the_end_is_local_protection_error),
		rdma_test(read_into_read_only_memory_is_local_protection_error),
		rdma_test(source_of_another_domain_is_local_protection_error),
		rdma_test(write_to_a_queue_pair_without_the_right_is_invalid_request),
		rdma_test(send_longer_than_the_receive_fails_at_both_ends),
		rdma_test(receive_into_unregistered_memory_fails_at_both_ends),
		rdma_test(send_without_receive_gives_up_after_its_retries),
		rdma_test(request_to_nobody_gives_up_after_its_retries),
		rdma_test(queue_pair_in_error_flushes_both_queues),
		rdma_test(queue_pair_works_again_after_reset),
		rdma_test(posting_in_the_wrong_state_is_einval),
		rdma_test(skipping_a_state_is_einval),
		rdma_test(bad_requests_are_refused_when_posted),
		rdma_test(remote_write_without_local_write_is_not_registered),
		rdma_test(unmapped_memory_is_not_registered),
		rdma_test(objects_in_use_are_not_destroyed),
		rdma_test(completion_queue_overflow_is_reported_not_hidden),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
