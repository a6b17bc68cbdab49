// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * CMP_AND_SWP, FETCH_AND_ADD, ATOMIC_WRITE and FLUSH: what they do to memory, and what they refuse
 * (rules O5i and O12).
 */
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "rdma_slice.h"

#define ATOMIC_ACCESS                                                                              \
	(RDMA_REMOTE | IBV_ACCESS_REMOTE_ATOMIC | IBV_ACCESS_FLUSH_GLOBAL)

static struct rdma_node node;

static struct ibv_qp *make_qp(void)
{
	struct ibv_qp_init_attr_ex attr = {
		.send_cq = node.cq,
		.recv_cq = node.cq,
		.cap = { RDMA_DEPTH, RDMA_DEPTH, RDMA_SGES, RDMA_SGES, RDMA_INLINE },
		.qp_type = IBV_QPT_RC,
		.comp_mask = IBV_QP_INIT_ATTR_PD | IBV_QP_INIT_ATTR_SEND_OPS_FLAGS,
		.pd = node.pd,
		.send_ops_flags = IBV_QP_EX_WITH_FLUSH | IBV_QP_EX_WITH_ATOMIC_WRITE,
	};
	struct ibv_qp *qp = ibv_create_qp_ex(node.context, &attr);

	assert_non_null(qp);
	return qp;
}

static void connect_pair(struct ibv_qp *qp[static 2], int access)
{
	for (int i = 0; i < 2; i++) {
		assert_int_equal(rdma_qp_init(qp[i], access), 0);
		assert_int_equal(rdma_qp_rtr(qp[i], &node.gid, qp[!i]->qp_num), 0);
		assert_int_equal(rdma_qp_rts(qp[i], 7), 0);
	}
}

static void make_pair(struct ibv_qp *qp[static 2], int access)
{
	qp[0] = make_qp();
	qp[1] = make_qp();
	connect_pair(qp, access);
}

static enum ibv_wc_status atomic(struct ibv_qp *qp, enum ibv_wr_opcode opcode,
				 const struct rdma_buf *local, uint64_t remote, uint32_t rkey,
				 uint64_t compare_add, uint64_t swap)
{
	struct ibv_sge sge = { (uintptr_t)local->addr, 8, local->mr->lkey };
	struct ibv_send_wr *bad, wr = {
		.wr_id = 5,
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = opcode,
		.send_flags = IBV_SEND_SIGNALED,
		.wr.atomic = { remote, compare_add, swap, rkey },
	};

	assert_int_equal(ibv_post_send(qp, &wr, &bad), 0);
	return rdma_wait(qp->send_cq).status;
}

static uint64_t word(const struct rdma_buf *buf)
{
	uint64_t value;

	memcpy(&value, buf->addr, sizeof(value));
	return value;
}

static void set_word(const struct rdma_buf *buf, uint64_t value)
{
	memcpy(buf->addr, &value, sizeof(value));
}

static void swap_happens_when_equal_and_the_old_value_comes_back(void **state)
{
	struct rdma_buf local, target;
	struct ibv_qp *qp[2];

	(void)state;
	rdma_node_open(&node);
	make_pair(qp, ATOMIC_ACCESS);
	local = rdma_buf_alloc(node.pd, 4096, RDMA_LOCAL);
	target = rdma_buf_alloc(node.pd, 4096, ATOMIC_ACCESS);

	set_word(&target, 0x1122334455667788);
	assert_wc(atomic(qp[0], IBV_WR_ATOMIC_CMP_AND_SWP, &local, (uintptr_t)target.addr,
			 target.mr->rkey, 0x1122334455667788, 7),
		  IBV_WC_SUCCESS);
	assert_int_equal(word(&local), 0x1122334455667788);
	assert_int_equal(word(&target), 7);
	assert_wc(atomic(qp[0], IBV_WR_ATOMIC_CMP_AND_SWP, &local, (uintptr_t)target.addr,
			 target.mr->rkey, 8, 9),
		  IBV_WC_SUCCESS);
	assert_int_equal(word(&local), 7);
	assert_int_equal(word(&target), 7);

	rdma_qp_unpair(qp);
	rdma_buf_free(&target);
	rdma_buf_free(&local);
	rdma_node_close(&node);
}

#define ADDERS 4
#define ADDS 500

struct adder {
	pthread_t thread;
	struct ibv_qp *qp[2];
	struct ibv_cq *cq;
	struct rdma_buf local;
	const struct rdma_buf *target;
	int failures;
};

/* For threads, in which no test can fail: did it work? */
static bool add_one(struct ibv_qp *qp, const struct rdma_buf *local, const struct rdma_buf *target)
{
	struct ibv_sge sge = { (uintptr_t)local->addr, 8, local->mr->lkey };
	struct ibv_send_wr *bad, wr = {
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = IBV_WR_ATOMIC_FETCH_AND_ADD,
		.send_flags = IBV_SEND_SIGNALED,
		.wr.atomic = { (uintptr_t)target->addr, 1, 0, target->mr->rkey },
	};
	struct ibv_wc wc;

	return !ibv_post_send(qp, &wr, &bad) && rdma_poll(qp->send_cq, &wc, 10000) && !wc.status;
}

static void *add_ones(void *arg)
{
	struct adder *adder = arg;

	for (int i = 0; i < ADDS; i++)
		adder->failures += !add_one(adder->qp[0], &adder->local, adder->target);
	return NULL;
}

/* Queue pairs share no lock, so only the atomicity of the device keeps the sum right (O12). */
static void additions_of_many_queue_pairs_all_count(void **state)
{
	struct ibv_cq *shared;
	struct adder adders[ADDERS] = {};
	struct rdma_buf target;

	(void)state;
	rdma_node_open(&node);
	target = rdma_buf_alloc(node.pd, 4096, ATOMIC_ACCESS);
	shared = node.cq;
	for (int i = 0; i < ADDERS; i++) {
		adders[i].cq = ibv_create_cq(node.context, 16, NULL, NULL, 0);
		node.cq = adders[i].cq;
		make_pair(adders[i].qp, ATOMIC_ACCESS);
		adders[i].local = rdma_buf_alloc(node.pd, 4096, RDMA_LOCAL);
		adders[i].target = &target;
	}
	node.cq = shared;
	for (int i = 0; i < ADDERS; i++)
		assert_int_equal(pthread_create(&adders[i].thread, NULL, add_ones, &adders[i]), 0);
	for (int i = 0; i < ADDERS; i++) {
		pthread_join(adders[i].thread, NULL);
		assert_int_equal(adders[i].failures, 0);
	}
	assert_int_equal(word(&target), ADDERS * ADDS);
	for (int i = 0; i < ADDERS; i++) {
		rdma_qp_unpair(adders[i].qp);
		ibv_destroy_cq(adders[i].cq);
		rdma_buf_free(&adders[i].local);
	}
	rdma_buf_free(&target);
	rdma_node_close(&node);
}

/* Each on a pair of its own: an error ends a connection. */
static void refused_atomics_change_nothing(void **state)
{
	static const struct {
		int qp_access, mr_access;
		uint32_t misplaced;
		enum ibv_wc_status status;
	} cases[] = {
		{ ATOMIC_ACCESS, ATOMIC_ACCESS, 4, IBV_WC_REM_INV_REQ_ERR },
		{ RDMA_REMOTE, ATOMIC_ACCESS, 0, IBV_WC_REM_INV_REQ_ERR },
		{ ATOMIC_ACCESS, RDMA_REMOTE, 0, IBV_WC_REM_ACCESS_ERR },
	};

	(void)state;
	rdma_node_open(&node);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rdma_buf local = rdma_buf_alloc(node.pd, 4096, RDMA_LOCAL);
		struct rdma_buf target = rdma_buf_alloc(node.pd, 4096, cases[i].mr_access);
		struct ibv_qp *qp[2];

		make_pair(qp, cases[i].qp_access);
		assert_wc(atomic(qp[0], IBV_WR_ATOMIC_FETCH_AND_ADD, &local,
				 (uintptr_t)target.addr + cases[i].misplaced, target.mr->rkey, 3, 0),
			  cases[i].status);
		assert_int_equal(word(&target), 0);
		assert_int_equal(rdma_qp_state(qp[0]), IBV_QPS_ERR);
		rdma_qp_unpair(qp);
		rdma_buf_free(&target);
		rdma_buf_free(&local);
	}
	rdma_node_close(&node);
}

static enum ibv_wc_status atomic_write(struct ibv_qp *qp, uint64_t remote, uint32_t rkey,
				       uint64_t value)
{
	struct ibv_qp_ex *ex = ibv_qp_to_qp_ex(qp);

	ibv_wr_start(ex);
	ex->wr_id = 6;
	ex->wr_flags = IBV_SEND_SIGNALED;
	ibv_wr_atomic_write(ex, rkey, remote, &value);
	assert_int_equal(ibv_wr_complete(ex), 0);
	return rdma_wait(qp->send_cq).status;
}

static void atomic_write_wants_eight_aligned_bytes(void **state)
{
	struct rdma_buf target;
	struct ibv_qp *qp[2];

	(void)state;
	rdma_node_open(&node);
	make_pair(qp, ATOMIC_ACCESS);
	target = rdma_buf_alloc(node.pd, 4096, ATOMIC_ACCESS);
	assert_wc(atomic_write(qp[0], (uintptr_t)target.addr, target.mr->rkey, 0xabcdef0123456789),
		  IBV_WC_SUCCESS);
	assert_int_equal(word(&target), 0xabcdef0123456789);
	assert_wc(atomic_write(qp[0], (uintptr_t)target.addr + 1, target.mr->rkey, 1),
		  IBV_WC_REM_INV_REQ_ERR);
	assert_int_equal(word(&target), 0xabcdef0123456789);
	rdma_qp_unpair(qp);
	rdma_buf_free(&target);
	rdma_node_close(&node);
}

#define BASES 4000

/* One adds ones to a word to which the other writes bases, each so far above that no addition gets there. */
struct race {
	struct ibv_qp *adder[2], *writer[2];
	struct rdma_buf old;
	const struct rdma_buf *target;
	uint64_t base; /* the ATOMIC_WRITE of it is complete */
	uint64_t added; /* completed FETCH_ADDs */
	uint64_t lost; /* those that found less than a base of before */
	bool failed, stop;
};

static struct race race;

static void *add_until_told(void *unused)
{
	while (!__atomic_load_n(&race.stop, __ATOMIC_RELAXED)) {
		uint64_t base = __atomic_load_n(&race.base, __ATOMIC_ACQUIRE);

		if (!add_one(race.adder[0], &race.old, race.target)) {
			__atomic_store_n(&race.failed, true, __ATOMIC_RELAXED);
			break;
		}
		race.lost += word(&race.old) < base;
		__atomic_fetch_add(&race.added, 1, __ATOMIC_RELEASE);
	}
	return unused;
}

static uint64_t added(void)
{
	return __atomic_load_n(&race.added, __ATOMIC_ACQUIRE);
}

/* After each base an addition that has begun after it is waited for: it sees what the write left. */
static void write_bases(void)
{
	for (uint64_t k = 1; k <= BASES; k++) {
		uint64_t before;

		assert_wc(atomic_write(race.writer[0], (uintptr_t)race.target->addr,
				       race.target->mr->rkey, k << 32),
			  IBV_WC_SUCCESS);
		__atomic_store_n(&race.base, k << 32, __ATOMIC_RELEASE);
		before = added();
		while (added() < before + 2 && !__atomic_load_n(&race.failed, __ATOMIC_RELAXED))
			sched_yield();
	}
}

static void assert_no_write_is_undone(const struct rdma_buf *target)
{
	struct ibv_cq *shared = node.cq, *own = ibv_create_cq(node.context, 16, NULL, NULL, 0);
	pthread_t thread;

	assert_non_null(own);
	race = (struct race){ .target = target };
	race.old = rdma_buf_alloc(node.pd, 4096, RDMA_LOCAL);
	make_pair(race.writer, ATOMIC_ACCESS);
	node.cq = own;
	make_pair(race.adder, ATOMIC_ACCESS);
	node.cq = shared;
	assert_int_equal(pthread_create(&thread, NULL, add_until_told, NULL), 0);
	write_bases();
	__atomic_store_n(&race.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	print_message("%d bases, %lu additions, %lu found less than a base\n", BASES, race.added, race.lost);
	assert_false(race.failed);
	assert_int_equal(race.lost, 0);
	rdma_qp_unpair(race.adder);
	rdma_qp_unpair(race.writer);
	rdma_buf_free(&race.old);
	ibv_destroy_cq(own);
}

static void addition_in_memory_never_undoes_an_atomic_write(void **state)
{
	struct rdma_buf target;

	(void)state;
	rdma_node_open(&node);
	target = rdma_buf_alloc(node.pd, 4096, ATOMIC_ACCESS);
	assert_no_write_is_undone(&target);
	rdma_buf_free(&target);
	rdma_node_close(&node);
}

/* A register of edu that can be read and written by 8 bytes. */
#define EDU_DMA_SRC 0x80

static void addition_to_a_bar_never_undoes_an_atomic_write(void **state)
{
	struct rdma_buf target;
	struct rdma_bar bar;
	int dmabuf;

	(void)state;
	rdma_node_open(&node);
	rdma_bar_open(&bar, EXPORTER_DRIVER, GUEST_EDU, 0, 4096);
	dmabuf = rdma_export(&bar, 0, 4096);
	target.mr = ibv_reg_dmabuf_mr(node.pd, 0, 4096, (uintptr_t)bar.map, dmabuf,
				      RDMA_REMOTE | IBV_ACCESS_REMOTE_ATOMIC);
	assert_non_null(target.mr);
	target.addr = bar.map + EDU_DMA_SRC;
	*(volatile uint64_t *)target.addr = 0;
	assert_no_write_is_undone(&target);
	assert_int_equal(ibv_dereg_mr(target.mr), 0);
	close(dmabuf);
	rdma_bar_close(&bar);
	rdma_node_close(&node);
}

static enum ibv_wc_status flush(struct ibv_qp *qp, const struct rdma_buf *target, size_t len,
				uint8_t type, uint8_t level)
{
	struct ibv_qp_ex *ex = ibv_qp_to_qp_ex(qp);

	ibv_wr_start(ex);
	ex->wr_id = 7;
	ex->wr_flags = IBV_SEND_SIGNALED;
	ibv_wr_flush(ex, target->mr->rkey, (uintptr_t)target->addr, len, type, level);
	assert_int_equal(ibv_wr_complete(ex), 0);
	return rdma_wait(qp->send_cq).status;
}

static void flush_is_global_only_and_stays_inside_its_region(void **state)
{
	struct rdma_buf target;
	struct ibv_qp *qp[2];

	(void)state;
	rdma_node_open(&node);
	make_pair(qp, ATOMIC_ACCESS | IBV_ACCESS_FLUSH_PERSISTENT);
	target = rdma_buf_alloc(node.pd, 4096, ATOMIC_ACCESS);
	assert_wc(flush(qp[0], &target, 4096, IBV_FLUSH_GLOBAL, IBV_FLUSH_RANGE), IBV_WC_SUCCESS);
	assert_wc(flush(qp[0], &target, 1 << 30, IBV_FLUSH_GLOBAL, IBV_FLUSH_MR), IBV_WC_SUCCESS);
	assert_wc(flush(qp[0], &target, 4097, IBV_FLUSH_GLOBAL, IBV_FLUSH_RANGE),
		  IBV_WC_REM_ACCESS_ERR);
	rdma_qp_unpair(qp);

	make_pair(qp, ATOMIC_ACCESS | IBV_ACCESS_FLUSH_PERSISTENT);
	assert_wc(flush(qp[0], &target, 8, IBV_FLUSH_PERSISTENT, IBV_FLUSH_RANGE),
		  IBV_WC_REM_ACCESS_ERR);
	rdma_qp_unpair(qp);
	assert_null(ibv_reg_mr(node.pd, target.addr, 4096, IBV_ACCESS_FLUSH_PERSISTENT));
	rdma_buf_free(&target);
	rdma_node_close(&node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(swap_happens_when_equal_and_the_old_value_comes_back),
		guest_test(additions_of_many_queue_pairs_all_count),
		guest_test(refused_atomics_change_nothing),
		guest_test(atomic_write_wants_eight_aligned_bytes),
		guest_test(addition_in_memory_never_undoes_an_atomic_write),
		guest_test(addition_to_a_bar_never_undoes_an_atomic_write),
		guest_test(flush_is_global_only_and_stays_inside_its_region),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
