// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * The plug-in over a fake kernel, second part: posting by ibv_wr_*(), extended completion queues,
 * shared receive queues, address handles, atomics, memory windows.
 */
#include "provider_fixture.h"

static struct ibv_qp_ex *ex;

/* Takes the place of the fixture's queue pair. */
static struct ibv_qp *replace_qp(enum ibv_qp_type type, uint64_t ops, struct ibv_srq *srq)
{
	struct ibv_qp_init_attr_ex attr = {
		.send_cq = cq,
		.recv_cq = cq,
		.srq = srq,
		.cap = { 1, 1, 1, 1, 1 },
		.qp_type = type,
		.comp_mask = IBV_QP_INIT_ATTR_PD | IBV_QP_INIT_ATTR_CREATE_FLAGS |
			     IBV_QP_INIT_ATTR_SEND_OPS_FLAGS,
		.pd = pd,
		.send_ops_flags = ops,
	};

	if (qp)
		assert_int_equal(ibv_destroy_qp(qp), 0);
	qp = ibv_create_qp_ex(context, &attr);
	if (qp)
		qp->state = IBV_QPS_RTS;
	ex = qp ? ibv_qp_to_qp_ex(qp) : NULL;
	return qp;
}

static void operations_are_granted_by_type(void **state)
{
	(void)state;
	assert_null(replace_qp(IBV_QPT_UD, IBV_QP_EX_WITH_RDMA_WRITE, NULL));
	assert_int_equal(errno, EOPNOTSUPP);
	assert_null(replace_qp(IBV_QPT_UC, IBV_QP_EX_WITH_RDMA_READ, NULL));
	assert_null(replace_qp(IBV_QPT_UD, IBV_QP_EX_WITH_SEND_WITH_INV, NULL));
	assert_null(replace_qp(IBV_QPT_RC, IBV_QP_EX_WITH_TSO, NULL));
	assert_non_null(replace_qp(IBV_QPT_RC, IBV_QP_EX_WITH_FLUSH, NULL));
	assert_non_null(ex);
}

static void calls_fill_the_slots_as_lists_do(void **state)
{
	const struct ibv_sge sge = { 0x1234, 77, 0x42 };
	const uint64_t value = 0x1122334455667788;
	const struct vfiowc_send_wqe expected[] = {
		{ .wr_id = 3, .opcode = IBV_WR_RDMA_WRITE_WITH_IMM, .flags = VFIOWC_SEND_SIGNALED,
		  .num_sge = 1, .imm_data = 9, .rkey = 7, .remote_addr = 0x9000 },
		{ .wr_id = 3, .opcode = IBV_WR_ATOMIC_CMP_AND_SWP, .flags = VFIOWC_SEND_SIGNALED,
		  .num_sge = 1, .rkey = 7, .remote_addr = 0x9000,
		  .atomic = { .compare_add = 5, .swap = 6 } },
		{ .wr_id = 3, .opcode = IBV_WR_FLUSH, .flags = VFIOWC_SEND_SIGNALED, .rkey = 7,
		  .remote_addr = 0x9000,
		  .flush = { .length = 11, .type = IBV_FLUSH_GLOBAL, .level = IBV_FLUSH_RANGE } },
		{ .wr_id = 3, .opcode = IBV_WR_ATOMIC_WRITE,
		  .flags = VFIOWC_SEND_SIGNALED | VFIOWC_SEND_INLINE, .inline_length = 8, .rkey = 7,
		  .remote_addr = 0x9000 },
	};

	(void)state;
	assert_non_null(replace_qp(IBV_QPT_RC, IBV_QP_EX_WITH_FLUSH, NULL));
	ibv_wr_start(ex);
	ex->wr_id = 3;
	/* IBV_SEND_INLINE is said by the call that sets the data */
	ex->wr_flags = IBV_SEND_SIGNALED | IBV_SEND_INLINE;
	ibv_wr_rdma_write_imm(ex, 7, 0x9000, 9);
	ibv_wr_set_sge(ex, sge.lkey, sge.addr, sge.length);
	ibv_wr_atomic_cmp_swp(ex, 7, 0x9000, 5, 6);
	ibv_wr_set_sge_list(ex, 1, &sge);
	ibv_wr_flush(ex, 7, 0x9000, 11, IBV_FLUSH_GLOBAL, IBV_FLUSH_RANGE);
	ibv_wr_atomic_write(ex, 7, 0x9000, &value);
	assert_int_equal(fake.ring[FAKE_SQ]->producer, 0);
	assert_int_equal(ibv_wr_complete(ex), 0);

	assert_int_equal(fake.doorbells, 1);
	assert_int_equal(fake.doorbell_producer, 4);
	for (uint32_t i = 0; i < 4; i++)
		assert_memory_equal(fake_slot(FAKE_SQ, i), &expected[i], sizeof(expected[i]));
	assert_memory_equal((uint8_t *)fake_slot(FAKE_SQ, 1) + sizeof(expected[1]), &sge,
			    sizeof(sge));
	assert_memory_equal((uint8_t *)fake_slot(FAKE_SQ, 3) + sizeof(expected[3]), &value,
			    sizeof(value));
}

/* The first error counts, nothing of the list is posted, and the next list is a new one. */
static void list_with_an_error_is_taken_back(void **state)
{
	uint8_t data[FAKE_MAX_INLINE] = {};
	struct ibv_data_buf bufs[2] = { { data, 40 }, { data, FAKE_MAX_INLINE - 39 } };
	struct ibv_sge sges[FAKE_MAX_SGE + 1] = {};

	(void)state;
	assert_non_null(replace_qp(IBV_QPT_RC, IBV_QP_EX_WITH_SEND, NULL));
	ibv_wr_start(ex);
	ibv_wr_send(ex);
	ibv_wr_set_inline_data_list(ex, 2, bufs);
	ibv_wr_send(ex);
	assert_int_equal(ibv_wr_complete(ex), EINVAL);
	ibv_wr_start(ex);
	ibv_wr_send(ex);
	ibv_wr_set_sge_list(ex, FAKE_MAX_SGE + 1, sges);
	assert_int_equal(ibv_wr_complete(ex), EINVAL);
	ibv_wr_start(ex);
	for (int i = 0; i <= FAKE_ENTRIES; i++)
		ibv_wr_send(ex);
	assert_int_equal(ibv_wr_complete(ex), ENOMEM);
	ibv_wr_start(ex);
	ibv_wr_set_sge(ex, 1, 2, 3); /* of what? */
	assert_int_equal(ibv_wr_complete(ex), EINVAL);
	ibv_wr_start(ex);
	ibv_wr_send(ex);
	ibv_wr_abort(ex);
	qp->state = IBV_QPS_RTR;
	ibv_wr_start(ex);
	ibv_wr_send(ex);
	assert_int_equal(ibv_wr_complete(ex), EINVAL);
	assert_int_equal(fake.doorbells, 0);
	assert_int_equal(fake.ring[FAKE_SQ]->producer, 0);

	qp->state = IBV_QPS_RTS;
	ibv_wr_start(ex);
	ibv_wr_send(ex);
	assert_int_equal(ibv_wr_complete(ex), 0);
	assert_int_equal(fake.doorbell_producer, 1);
}

static void datagram_names_its_address_handle(void **state)
{
	struct ibv_ah_attr attr = { .is_global = 1, .port_num = 1 };
	struct ibv_ah *ah = ibv_create_ah(pd, &attr);
	struct ibv_send_wr *bad, wr = { .opcode = IBV_WR_SEND };
	const struct vfiowc_send_wqe *wqe;

	(void)state;
	assert_non_null(ah);
	assert_non_null(replace_qp(IBV_QPT_UD, IBV_QP_EX_WITH_SEND, NULL));
	wr.wr.ud.ah = ah;
	wr.wr.ud.remote_qpn = 0x77;
	wr.wr.ud.remote_qkey = 0x88;
	assert_int_equal(ibv_post_send(qp, &wr, &bad), 0);
	ibv_wr_start(ex);
	ibv_wr_send(ex);
	ibv_wr_set_ud_addr(ex, ah, 0x77, 0x88);
	assert_int_equal(ibv_wr_complete(ex), 0);
	for (uint32_t i = 0; i < 2; i++) {
		wqe = fake_slot(FAKE_SQ, i);
		assert_int_equal(wqe->ud.ahn, FAKE_AHN);
		assert_int_equal(wqe->ud.remote_qpn, 0x77);
		assert_int_equal(wqe->ud.remote_qkey, 0x88);
	}
	wr.opcode = IBV_WR_RDMA_WRITE;
	assert_int_equal(ibv_post_send(qp, &wr, &bad), EOPNOTSUPP);
	assert_int_equal(ibv_destroy_ah(ah), 0);
}

static struct ibv_recv_wr recv_wr(uint64_t wr_id)
{
	return (struct ibv_recv_wr){ .wr_id = wr_id };
}

static void shared_receives_go_on_in_the_new_ring(void **state)
{
	struct ibv_srq_init_attr init = { .attr = { .max_wr = 1, .max_sge = 1 } };
	struct ibv_srq_attr attr = { .max_wr = FAKE_ENTRIES };
	struct ibv_srq *srq = ibv_create_srq(pd, &init);
	struct ibv_recv_wr *bad, wr = recv_wr(1);
	int mapped = fake.mappings;

	(void)state;
	assert_non_null(srq);
	assert_int_equal(init.attr.max_wr, FAKE_ENTRIES);
	for (int i = 0; i < FAKE_ENTRIES; i++)
		assert_int_equal(ibv_post_srq_recv(srq, &wr, &bad), 0);
	assert_int_equal(ibv_post_srq_recv(srq, &wr, &bad), ENOMEM);
	assert_ptr_equal(bad, &wr);
	/* here the kernel's index counts, not what was polled */
	fake.ring[FAKE_SRQ]->consumer = 2;
	assert_int_equal(ibv_post_srq_recv(srq, &wr, &bad), 0);
	assert_int_equal(fake.ring[FAKE_SRQ]->producer, FAKE_ENTRIES + 1);

	assert_int_equal(ibv_modify_srq(srq, &attr, IBV_SRQ_MAX_WR), 0);
	assert_int_equal(fake.mappings, mapped);
	wr = recv_wr(99);
	assert_int_equal(ibv_post_srq_recv(srq, &wr, &bad), 0);
	assert_int_equal(fake.ring[FAKE_SRQ2]->producer, FAKE_ENTRIES + 2);
	assert_int_equal(((struct vfiowc_recv_wqe *)fake_slot(FAKE_SRQ2, FAKE_ENTRIES + 1))->wr_id,
			 99);
	assert_int_equal(fake.doorbells, 0);

	provider_fail_next(IB_USER_VERBS_CMD_MODIFY_SRQ, EINVAL);
	assert_int_equal(ibv_modify_srq(srq, &attr, IBV_SRQ_MAX_WR), EINVAL);
	fake.fail_command = -1;
	assert_int_equal(ibv_destroy_srq(srq), 0);
	provider_fail_next(IB_USER_VERBS_CMD_CREATE_SRQ, ENOMEM);
	assert_null(ibv_create_srq(pd, &init));
	assert_int_equal(errno, ENOMEM);
}

static void complete(uint64_t wr_id, uint32_t sl)
{
	uint32_t index = fake.ring[FAKE_CQ]->producer;

	*(struct vfiowc_cqe *)fake_slot(FAKE_CQ, index) = (struct vfiowc_cqe){
		.wr_id = wr_id,
		.status = IBV_WC_SUCCESS,
		.opcode = IBV_WC_RECV,
		.byte_len = 12,
		.imm_data = 13,
		.qp_num = 14,
		.src_qp = 15,
		.wc_flags = IBV_WC_GRH | IBV_WC_WITH_IMM,
		.sl = (uint8_t)sl,
	};
	__atomic_store_n(&fake.ring[FAKE_CQ]->producer, index + 1, __ATOMIC_RELEASE);
}

/* As libibverbs does it for a context that came from ibv_open_device(). */
static struct ibv_cq_ex *make_cq_ex(struct ibv_cq_init_attr_ex *init)
{
	struct ibv_cq_ex *cq_ex = vfiowc_create_cq_ex(context, init);

	if (cq_ex)
		verbs_init_cq(ibv_cq_ex_to_cq(cq_ex), context, NULL, NULL);
	return cq_ex;
}

static void extended_queue_gives_each_slot_back_as_it_is_read(void **state)
{
	struct ibv_cq_init_attr_ex init = { .cqe = 1, .wc_flags = IBV_WC_STANDARD_FLAGS };
	struct ibv_poll_cq_attr attr = {};
	struct ibv_cq_ex *cq_ex = make_cq_ex(&init);

	(void)state;
	assert_non_null(cq_ex);
	assert_int_equal(ibv_start_poll(cq_ex, &attr), ENOENT);
	complete(1, 3);
	complete(2, 4);
	assert_int_equal(ibv_start_poll(cq_ex, &attr), 0);
	assert_int_equal(cq_ex->wr_id, 1);
	assert_int_equal(fake.ring[FAKE_CQ]->consumer, 1);
	memset(fake_slot(FAKE_CQ, 0), 0xee, sizeof(struct vfiowc_cqe)); /* the kernel's again */
	assert_int_equal(ibv_wc_read_opcode(cq_ex), IBV_WC_RECV);
	assert_int_equal(ibv_wc_read_byte_len(cq_ex), 12);
	assert_int_equal(ibv_wc_read_imm_data(cq_ex), 13);
	assert_int_equal(ibv_wc_read_qp_num(cq_ex), 14);
	assert_int_equal(ibv_wc_read_src_qp(cq_ex), 15);
	assert_int_equal(ibv_wc_read_wc_flags(cq_ex), IBV_WC_GRH | IBV_WC_WITH_IMM);
	assert_int_equal(ibv_wc_read_sl(cq_ex), 3);
	assert_int_equal(ibv_next_poll(cq_ex), 0);
	assert_int_equal(cq_ex->wr_id, 2);
	assert_int_equal(ibv_wc_read_sl(cq_ex), 4);
	assert_int_equal(ibv_next_poll(cq_ex), ENOENT);
	ibv_end_poll(cq_ex);
	assert_int_equal(fake.ring[FAKE_CQ]->consumer, 2);
	assert_int_equal(ibv_destroy_cq(ibv_cq_ex_to_cq(cq_ex)), 0);

	init.wc_flags = IBV_WC_EX_WITH_COMPLETION_TIMESTAMP;
	assert_null(make_cq_ex(&init));
	assert_int_equal(errno, EOPNOTSUPP);
}

static void atomics_carry_their_operands(void **state)
{
	struct ibv_sge sge = { 1, 8, 2 };
	struct ibv_send_wr *bad, wr = {
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = IBV_WR_ATOMIC_FETCH_AND_ADD,
		.wr.atomic = { .remote_addr = 0x4000, .compare_add = 5, .swap = 6, .rkey = 7 },
	};
	const struct vfiowc_send_wqe *wqe = fake_slot(FAKE_SQ, 0);

	(void)state;
	assert_int_equal(ibv_post_send(qp, &wr, &bad), 0);
	assert_int_equal(wqe->remote_addr, 0x4000);
	assert_int_equal(wqe->rkey, 7);
	assert_int_equal(wqe->atomic.compare_add, 5);
	wr.send_flags = IBV_SEND_INLINE;
	assert_int_equal(ibv_post_send(qp, &wr, &bad), EINVAL);
}

static struct ibv_send_wr bind_wr(struct ibv_mw *mw, struct ibv_mr *mr)
{
	struct ibv_send_wr wr = { .wr_id = 3, .opcode = IBV_WR_BIND_MW, .send_flags = IBV_SEND_SIGNALED };

	wr.bind_mw.mw = mw;
	wr.bind_mw.rkey = FAKE_MW_RKEY + 1;
	wr.bind_mw.bind_info = (struct ibv_mw_bind_info){
		.mr = mr, .addr = 0x9000, .length = 1ULL << 33, .mw_access_flags = IBV_ACCESS_REMOTE_WRITE,
	};
	return wr;
}

static void windows_are_bound_and_invalidated_alike_by_lists_and_calls(void **state)
{
	struct ibv_mr *mr = ibv_reg_mr(pd, &fake, sizeof(fake), IBV_ACCESS_MW_BIND);
	struct ibv_mw *mw = ibv_alloc_mw(pd, IBV_MW_TYPE_2);
	const struct vfiowc_send_wqe expected[] = {
		{ .wr_id = 3, .opcode = IBV_WR_BIND_MW, .flags = VFIOWC_SEND_SIGNALED, .rkey = FAKE_MW_RKEY,
		  .bind = { .addr = 0x9000, .length = 1ULL << 33, .mr_lkey = 0x77, .new_rkey = FAKE_MW_RKEY + 1,
			    .access = IBV_ACCESS_REMOTE_WRITE } },
		{ .wr_id = 3, .opcode = IBV_WR_LOCAL_INV, .flags = VFIOWC_SEND_SIGNALED,
		  .invalidate_rkey = FAKE_MW_RKEY + 1 },
		{ .wr_id = 3, .opcode = IBV_WR_SEND_WITH_INV, .flags = VFIOWC_SEND_SIGNALED,
		  .invalidate_rkey = FAKE_MW_RKEY + 1 },
	};
	struct ibv_send_wr *bad, wr[3];

	(void)state;
	assert_non_null(mr);
	assert_non_null(mw);
	assert_int_equal(mw->rkey, FAKE_MW_RKEY);
	mr->lkey = 0x77;
	assert_non_null(replace_qp(IBV_QPT_RC, IBV_QP_EX_WITH_BIND_MW | IBV_QP_EX_WITH_LOCAL_INV |
						       IBV_QP_EX_WITH_SEND_WITH_INV, NULL));
	wr[0] = wr[1] = wr[2] = bind_wr(mw, mr);
	wr[1].opcode = IBV_WR_LOCAL_INV;
	wr[2].opcode = IBV_WR_SEND_WITH_INV;
	for (int i = 0; i < 3; i++) {
		wr[i].invalidate_rkey = FAKE_MW_RKEY + 1;
		wr[i].next = i < 2 ? &wr[i + 1] : NULL;
	}
	assert_int_equal(ibv_post_send(qp, wr, &bad), 0);

	ibv_wr_start(ex);
	ex->wr_id = 3;
	ex->wr_flags = IBV_SEND_SIGNALED;
	ibv_wr_bind_mw(ex, mw, FAKE_MW_RKEY + 1, &wr[0].bind_mw.bind_info);
	ibv_wr_local_inv(ex, FAKE_MW_RKEY + 1);
	ibv_wr_send_inv(ex, FAKE_MW_RKEY + 1);
	assert_int_equal(ibv_wr_complete(ex), 0);
	for (uint32_t i = 0; i < 6; i++)
		assert_memory_equal(fake_slot(FAKE_SQ, i), &expected[i % 3], sizeof(expected[0]));

	assert_int_equal(ibv_dealloc_mw(mw), 0);
	assert_int_equal(ibv_dereg_mr(mr), 0);
}

static void wrong_windows_are_refused_before_they_are_posted(void **state)
{
	struct ibv_mw *mw = ibv_alloc_mw(pd, IBV_MW_TYPE_2);
	struct ibv_send_wr *bad, wr = bind_wr(mw, NULL);
	struct ibv_sge sge = { 1, 8, 2 };

	(void)state;
	errno = 0;
	assert_null(ibv_alloc_mw(pd, IBV_MW_TYPE_1));
	assert_int_equal(errno, EOPNOTSUPP);
	assert_non_null(mw);
	assert_int_equal(ibv_post_send(qp, &wr, &bad), EINVAL); /* of no region */
	assert_non_null(replace_qp(IBV_QPT_UC, IBV_QP_EX_WITH_BIND_MW, NULL));
	ibv_wr_start(ex);
	ibv_wr_bind_mw(ex, mw, FAKE_MW_RKEY + 1, &wr.bind_mw.bind_info);
	assert_int_equal(ibv_wr_complete(ex), EINVAL);
	wr.opcode = IBV_WR_LOCAL_INV;
	wr.send_flags = IBV_SEND_INLINE;
	assert_int_equal(ibv_post_send(qp, &wr, &bad), EINVAL);
	assert_int_equal(fake.doorbells, 0);
	/* pieces of a request that moves nothing are none */
	wr.send_flags = 0;
	wr.sg_list = &sge;
	wr.num_sge = 1;
	assert_int_equal(ibv_post_send(qp, &wr, &bad), 0);
	assert_int_equal(((struct vfiowc_send_wqe *)fake_slot(FAKE_SQ, 0))->num_sge, 0);
	assert_non_null(replace_qp(IBV_QPT_UD, IBV_QP_EX_WITH_SEND, NULL));
	assert_int_equal(ibv_post_send(qp, &wr, &bad), EOPNOTSUPP);
	assert_int_equal(ibv_dealloc_mw(mw), 0);
}

static void completion_names_the_invalidated_window(void **state)
{
	struct ibv_cq_init_attr_ex init = { .cqe = 1, .wc_flags = IBV_WC_STANDARD_FLAGS };
	struct ibv_cq_ex *cq_ex = make_cq_ex(&init);
	struct ibv_poll_cq_attr attr = {};
	struct vfiowc_cqe *cqe = fake_slot(FAKE_CQ, 0);
	struct ibv_wc wc;

	(void)state;
	assert_int_equal(VFIOWC_WC_WITH_INV, IBV_WC_WITH_INV);
	for (int i = 0; i < 2; i++) {
		complete(1, 0);
		cqe[i].wc_flags = VFIOWC_WC_WITH_INV;
		cqe[i].invalidated_rkey = FAKE_MW_RKEY + 1;
	}
	assert_int_equal(ibv_start_poll(cq_ex, &attr), 0);
	assert_int_equal(ibv_wc_read_wc_flags(cq_ex), IBV_WC_WITH_INV);
	assert_int_equal(ibv_wc_read_invalidated_rkey(cq_ex), FAKE_MW_RKEY + 1);
	ibv_end_poll(cq_ex);
	assert_int_equal(ibv_poll_cq(ibv_cq_ex_to_cq(cq_ex), 1, &wc), 1);
	assert_int_equal(wc.wc_flags, IBV_WC_WITH_INV);
	assert_int_equal(wc.invalidated_rkey, FAKE_MW_RKEY + 1);
	assert_int_equal(ibv_destroy_cq(ibv_cq_ex_to_cq(cq_ex)), 0);
}

#define with_setup(test) cmocka_unit_test_setup_teardown(test, provider_setup, provider_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_setup(operations_are_granted_by_type),
		with_setup(calls_fill_the_slots_as_lists_do),
		with_setup(list_with_an_error_is_taken_back),
		with_setup(datagram_names_its_address_handle),
		with_setup(shared_receives_go_on_in_the_new_ring),
		with_setup(extended_queue_gives_each_slot_back_as_it_is_read),
		with_setup(atomics_carry_their_operands),
		with_setup(windows_are_bound_and_invalidated_alike_by_lists_and_calls),
		with_setup(wrong_windows_are_refused_before_they_are_posted),
		with_setup(completion_names_the_invalidated_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
