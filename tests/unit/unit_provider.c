// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * The libibverbs plug-in over a fake kernel: what it writes into the rings and in which order,
 * what it makes of what it reads there, and that every failure undoes what was done. The
 * plug-in's operations are called as an application calls them, through stock libibverbs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "provider_fixture.h"
#include "vfiowcdv.h"

static void refused_objects_leave_nothing_and_say_why(void **state)
{
	(void)state;
	provider_fail_next(IB_USER_VERBS_CMD_ALLOC_PD, EMFILE);
	assert_null(ibv_alloc_pd(context));
	assert_int_equal(errno, EMFILE);
	provider_fail_next(IB_USER_VERBS_CMD_REG_MR, EFAULT);
	assert_null(ibv_reg_mr(pd, &fake, 8, 0));
	assert_int_equal(errno, EFAULT);
	provider_fail_next(IB_USER_VERBS_CMD_CREATE_CQ, ENOMEM);
	assert_null(ibv_create_cq(context, 1, NULL, NULL, 0));
	assert_int_equal(errno, ENOMEM);
	provider_fail_next(IB_USER_VERBS_CMD_CREATE_QP, EINVAL);
	assert_null(provider_qp(1));
	assert_int_equal(errno, EINVAL);
	assert_int_equal(fake.objects, 3);
}

static void refused_context_says_why(void **state)
{
	struct verbs_device *vdev = provider_device();

	(void)state;
	provider_fail_next(IB_USER_VERBS_CMD_GET_CONTEXT, EACCES);
	assert_null(plugin->alloc_context(&vdev->device, fake.fd, NULL)); /* which closes the fd */
	assert_int_equal(errno, EACCES);
	plugin->uninit_device(vdev);
	fake.fd = memfd_create("uverbs", MFD_CLOEXEC);
	context->cmd_fd = fake.fd;
}

static void ring_that_cannot_be_mapped_undoes_its_object(void **state)
{
	(void)state;
	fake.fail_mmap = 1;
	assert_null(ibv_create_cq(context, 1, NULL, NULL, 0));
	assert_int_equal(errno, ENOMEM);
	for (int n = 1; n <= 2; n++) {
		fake.fail_mmap = n;
		assert_null(provider_qp(1));
		assert_int_equal(errno, ENOMEM);
	}
	assert_int_equal(fake.objects, 3);
	assert_int_equal(fake.mappings, 3);
}

static void object_that_is_not_destroyed_stays_usable(void **state)
{
	struct ibv_wc wc;

	(void)state;
	provider_fail_next(IB_USER_VERBS_CMD_DESTROY_CQ, EBUSY);
	assert_int_equal(ibv_destroy_cq(cq), EBUSY);
	assert_int_equal(ibv_poll_cq(cq, 1, &wc), 0);
	provider_fail_next(IB_USER_VERBS_CMD_DESTROY_QP, EBUSY);
	assert_int_equal(ibv_destroy_qp(qp), EBUSY);
	provider_fail_next(IB_USER_VERBS_CMD_DEALLOC_PD, EBUSY);
	assert_int_equal(ibv_dealloc_pd(pd), EBUSY);
}

static int post(struct ibv_send_wr *wr, struct ibv_send_wr **bad)
{
	*bad = NULL;
	return ibv_post_send(qp, wr, bad);
}

/* Everything that an application may leave in a request that does not use it. */
static struct ibv_send_wr dirty_wr(enum ibv_wr_opcode opcode, struct ibv_sge *sge)
{
	return (struct ibv_send_wr){
		.wr_id = 0x1111222233334444,
		.sg_list = sge,
		.num_sge = 1,
		.opcode = opcode,
		.send_flags = IBV_SEND_SIGNALED | IBV_SEND_FENCE,
		.imm_data = 0x55667788,
		.wr.atomic = { 0xaaaabbbbccccdddd, 0x99, 0x98, 0x97 },
	};
}

static void slots_hold_what_the_opcode_uses_and_zeros(void **state)
{
	static const struct { enum ibv_wr_opcode opcode; bool imm, remote; } cases[] = {
		{ IBV_WR_SEND, false, false }, { IBV_WR_SEND_WITH_IMM, true, false },
		{ IBV_WR_RDMA_WRITE, false, true }, { IBV_WR_RDMA_WRITE_WITH_IMM, true, true },
		{ IBV_WR_RDMA_READ, false, true },
	};
	struct ibv_sge sge = { 0x1234567890, 77, 0x42 };
	struct ibv_send_wr *bad;

	(void)state;
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ibv_send_wr wr = dirty_wr(cases[i].opcode, &sge);
		struct vfiowc_send_wqe expected = {
			.wr_id = wr.wr_id,
			.opcode = (uint8_t)cases[i].opcode,
			.flags = VFIOWC_SEND_SIGNALED | VFIOWC_SEND_FENCE,
			.num_sge = 1,
			.imm_data = cases[i].imm ? wr.imm_data : 0,
			.rkey = cases[i].remote ? wr.wr.rdma.rkey : 0,
			.remote_addr = cases[i].remote ? wr.wr.rdma.remote_addr : 0,
		};

		assert_int_equal(post(&wr, &bad), 0);
		assert_memory_equal(fake_slot(FAKE_SQ, i), &expected, sizeof(expected));
		assert_memory_equal((uint8_t *)fake_slot(FAKE_SQ, i) + sizeof(expected), &sge,
				    sizeof(sge));
	}
}

static void inline_data_lies_behind_the_header(void **state)
{
	char text[] = "peer-to-peer", rest[FAKE_MAX_INLINE];
	struct ibv_sge sges[2] = {
		{ (uintptr_t)text, 5, 0 }, { (uintptr_t)text + 5, 7, 0 },
	};
	struct ibv_send_wr *bad, wr = dirty_wr(IBV_WR_RDMA_WRITE, sges);
	struct vfiowc_send_wqe *wqe = fake_slot(FAKE_SQ, 0);

	(void)state;
	wr.num_sge = 2;
	wr.send_flags = IBV_SEND_INLINE;
	assert_int_equal(post(&wr, &bad), 0);
	assert_int_equal(wqe->flags, VFIOWC_SEND_INLINE);
	assert_int_equal(wqe->num_sge, 0);
	assert_int_equal(wqe->inline_length, 12);
	assert_memory_equal(wqe + 1, text, 12);
	memset(rest, 0xee, sizeof(rest));
	assert_memory_equal((uint8_t *)(wqe + 1) + 12, rest, FAKE_MAX_INLINE - 12);
}

static void inline_data_may_fill_a_slot_and_no_more(void **state)
{
	uint8_t data[FAKE_MAX_INLINE + 1] = {}, after[16];
	struct ibv_sge sges[2] = { { (uintptr_t)data, 60, 0 }, { (uintptr_t)data, 4, 0 } };
	struct ibv_send_wr *bad, wr = dirty_wr(IBV_WR_SEND, sges);

	(void)state;
	memset(after, 0xee, sizeof(after));
	wr.num_sge = 2;
	wr.send_flags = IBV_SEND_INLINE;
	assert_int_equal(post(&wr, &bad), 0);
	sges[1].length = 5;
	assert_int_equal(post(&wr, &bad), EINVAL);
	sges[1].length = UINT32_MAX - 59; /* the sum wraps to 0 */
	assert_int_equal(post(&wr, &bad), EINVAL);
	assert_ptr_equal(bad, &wr);
	assert_memory_equal(fake_slot(FAKE_SQ, 2), after, sizeof(after));
	assert_int_equal(fake.doorbells, 1);
}

/* @n requests in one list. */
static struct ibv_send_wr *make_list(struct ibv_send_wr wr[], unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		wr[i] = (struct ibv_send_wr){
			.wr_id = i,
			.opcode = IBV_WR_RDMA_WRITE,
			.next = i + 1 < n ? &wr[i + 1] : NULL,
		};
	return wr;
}

static void list_is_published_before_its_one_doorbell(void **state)
{
	struct ibv_send_wr wr[5], *bad;

	(void)state;
	assert_int_equal(post(make_list(wr, 5), &bad), 0);
	assert_int_equal(fake.doorbells, 1);
	assert_int_equal(fake.doorbell_producer, 5);
	assert_int_equal(fake.doorbell_qpn, qp->qp_num);
	assert_int_equal(post(make_list(wr, 3), &bad), 0);
	assert_int_equal(fake.doorbells, 2);
	assert_int_equal(fake.doorbell_producer, 8);
}

static void bad_request_ends_the_list_and_those_before_it_run(void **state)
{
	struct ibv_send_wr wr[5], *bad;

	(void)state;
	make_list(wr, 5)[3].opcode = IBV_WR_TSO;
	assert_int_equal(post(wr, &bad), EOPNOTSUPP);
	assert_ptr_equal(bad, &wr[3]);
	assert_int_equal(fake.doorbell_producer, 3);
	make_list(wr, 1)->opcode = 200;
	assert_int_equal(post(wr, &bad), EOPNOTSUPP);
	assert_int_equal(fake.doorbells, 1);
}

/* The kernel's @n-th completion, of the send request before SQ index @wqe_index. */
static void complete_send(uint32_t n, uint32_t wqe_index)
{
	struct vfiowc_cqe cqe = {
		.opcode = IBV_WC_SEND,
		.qp_num = qp->qp_num,
		.wqe_index = wqe_index,
	};

	memcpy(fake_slot(FAKE_CQ, n), &cqe, sizeof(cqe));
	__atomic_store_n(&fake.ring[FAKE_CQ]->producer, n + 1, __ATOMIC_RELEASE);
}

static void queue_takes_as_many_as_it_has_slots(void **state)
{
	struct ibv_send_wr wr[FAKE_ENTRIES + 2], *bad;
	struct ibv_wc wc;

	(void)state;
	assert_int_equal(post(make_list(wr, FAKE_ENTRIES + 2), &bad), ENOMEM);
	assert_ptr_equal(bad, &wr[FAKE_ENTRIES]);
	assert_int_equal(fake.doorbell_producer, FAKE_ENTRIES);
	fake.ring[FAKE_SQ]->consumer = FAKE_ENTRIES;
	assert_int_equal(post(&wr[FAKE_ENTRIES], &bad), ENOMEM);
	complete_send(0, 2);
	assert_int_equal(post(&wr[FAKE_ENTRIES], &bad), ENOMEM);
	assert_int_equal(ibv_poll_cq(cq, 1, &wc), 1);
	assert_int_equal(post(&wr[FAKE_ENTRIES], &bad), 0);
	assert_int_equal(fake.doorbell_producer, FAKE_ENTRIES + 2);
	assert_int_equal(((struct vfiowc_send_wqe *)fake_slot(FAKE_SQ, 0))->wr_id, FAKE_ENTRIES);
}

static void indices_go_on_behind_their_last_value(void **state)
{
	struct vfiowc_wq *sq = &to_vfiowc_qp(qp)->sq;
	struct ibv_send_wr wr[5], *bad;

	(void)state;
	sq->ring.index = *sq->done = UINT32_MAX - 1;
	fake.ring[FAKE_SQ]->consumer = fake.ring[FAKE_SQ]->producer = UINT32_MAX - 1;
	assert_int_equal(post(make_list(wr, 5), &bad), 0);
	assert_int_equal(fake.doorbell_producer, 3);
	assert_int_equal(((struct vfiowc_send_wqe *)fake_slot(FAKE_SQ, UINT32_MAX - 1))->wr_id, 0);
	assert_int_equal(((struct vfiowc_send_wqe *)fake_slot(FAKE_SQ, 0))->wr_id, 2);
}

static void failed_doorbell_is_reported_for_the_whole_list(void **state)
{
	struct ibv_send_wr wr[2], *bad;

	(void)state;
	fake.doorbell_errno = EIO;
	assert_int_equal(post(make_list(wr, 2), &bad), EIO);
	assert_ptr_equal(bad, &wr[0]);
}

static void receives_are_published_without_a_doorbell(void **state)
{
	struct ibv_sge sges[2] = { { 0x1000, 10, 1 }, { 0x2000, 20, 2 } };
	struct ibv_recv_wr *bad, wr = { .wr_id = 9, .sg_list = sges, .num_sge = 2 };
	struct vfiowc_recv_wqe *wqe = fake_slot(FAKE_RQ, 0);

	(void)state;
	assert_int_equal(ibv_post_recv(qp, &wr, &bad), 0);
	assert_int_equal(fake.ring[FAKE_RQ]->producer, 1);
	assert_int_equal(wqe->wr_id, 9);
	assert_int_equal(wqe->num_sge, 2);
	assert_int_equal(wqe->reserved, 0);
	assert_memory_equal(wqe + 1, sges, sizeof(sges));
	assert_int_equal(fake.doorbells, 0);
	fake.ring[FAKE_RQ]->flags = VFIOWC_RING_KICK;
	assert_int_equal(ibv_post_recv(qp, &wr, &bad), 0);
	assert_int_equal(fake.doorbells, 1);
	wr.num_sge = FAKE_MAX_SGE + 1;
	assert_int_equal(ibv_post_recv(qp, &wr, &bad), EINVAL);
	wr.num_sge = -1;
	assert_int_equal(ibv_post_recv(qp, &wr, &bad), EINVAL);
}

/* The whole list is there with its last request, and the kernel is told once. */
static void list_of_receives_is_published_whole(void **state)
{
	struct ibv_recv_wr wr[3] = {}, *bad;

	(void)state;
	for (unsigned int i = 0; i < 3; i++)
		wr[i] = (struct ibv_recv_wr){ .wr_id = 5 + i, .next = i < 2 ? &wr[i + 1] : NULL };
	fake.ring[FAKE_RQ]->flags = VFIOWC_RING_KICK;
	assert_int_equal(ibv_post_recv(qp, wr, &bad), 0);
	assert_int_equal(fake.ring[FAKE_RQ]->producer, 3);
	assert_int_equal(fake.doorbells, 1);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(((struct vfiowc_recv_wqe *)fake_slot(FAKE_RQ, i))->wr_id, 5 + i);

	wr[1].num_sge = FAKE_MAX_SGE + 1;
	assert_int_equal(ibv_post_recv(qp, wr, &bad), EINVAL);
	assert_ptr_equal(bad, &wr[1]);
	assert_int_equal(fake.ring[FAKE_RQ]->producer, 4);
}

static void queue_pair_without_receives_takes_none(void **state)
{
	struct ibv_recv_wr *bad = NULL, wr = {};

	(void)state;
	assert_int_equal(ibv_destroy_qp(qp), 0);
	qp = provider_qp(0);
	qp->state = IBV_QPS_RTS;
	assert_int_equal(ibv_post_recv(qp, &wr, &bad), ENOMEM);
	assert_ptr_equal(bad, &wr);
}

/* The device adds a completion whose every member tells it apart. */
static void complete(uint32_t index)
{
	struct vfiowc_cqe cqe = {
		.wr_id = 100 + index,
		.status = index % 20,
		.opcode = IBV_WC_RECV,
		.vendor_err = 300 + index,
		.byte_len = 400 + index,
		.imm_data = 500 + index,
		.qp_num = 600 + index,
		.src_qp = 700 + index,
		.wc_flags = IBV_WC_WITH_IMM,
	};

	memcpy(fake_slot(FAKE_CQ, index), &cqe, sizeof(cqe));
	__atomic_store_n(&fake.ring[FAKE_CQ]->producer, index + 1, __ATOMIC_RELEASE);
}

static void assert_completion(const struct ibv_wc *wc, uint32_t index)
{
	assert_int_equal(wc->wr_id, 100 + index);
	assert_int_equal(wc->status, index % 20);
	assert_int_equal(wc->opcode, IBV_WC_RECV);
	assert_int_equal(wc->vendor_err, 300 + index);
	assert_int_equal(wc->byte_len, 400 + index);
	assert_int_equal(wc->imm_data, 500 + index);
	assert_int_equal(wc->qp_num, 600 + index);
	assert_int_equal(wc->src_qp, 700 + index);
	assert_int_equal(wc->wc_flags, IBV_WC_WITH_IMM);
}

static void completions_come_once_in_order_and_free_their_slots(void **state)
{
	struct ibv_wc wc[FAKE_ENTRIES];
	uint32_t added = 0, taken = 0;

	(void)state;
	assert_int_equal(ibv_poll_cq(cq, FAKE_ENTRIES, wc), 0);
	for (int round = 0; round < 10; round++) {
		while (added - taken < FAKE_ENTRIES)
			complete(added++);
		assert_int_equal(ibv_poll_cq(cq, 3, wc), 3);
		for (int i = 0; i < 3; i++)
			assert_completion(&wc[i], taken++);
		assert_int_equal(fake.ring[FAKE_CQ]->consumer, taken);
	}
	assert_int_equal(ibv_poll_cq(cq, FAKE_ENTRIES, wc), 5);
	assert_int_equal(ibv_poll_cq(cq, FAKE_ENTRIES, wc), 0);
	assert_int_equal(ibv_poll_cq(cq, 0, wc), 0);
}

static void query_passes_the_kernels_answer_on(void **state)
{
	struct ibv_mr *mr = ibv_reg_mr(pd, &fake, 8, 0);
	struct vfiowcdv_mr_attr attr;

	(void)state;
	mr->handle = 4711;
	fake.mr_query = (struct vfiowc_mr_query){ 1, VFIOWC_TPH_NS_ST_EXT, 0xbeef, 3, 1, 0 };
	assert_int_equal(vfiowcdv_query_mr(mr, &attr, sizeof(attr)), 0);
	assert_int_equal(fake.mr_query_handle, 4711);
	assert_int_equal(attr.tph_valid, 1);
	assert_int_equal(attr.tph_ns, VFIOWCDV_TPH_ST_EXT);
	assert_int_equal(attr.steering_tag, 0xbeef);
	assert_int_equal(attr.ph, 3);
	assert_int_equal(attr.state, VFIOWCDV_MR_INVALIDATED);
	fake.ioctl_errno = EPROTONOSUPPORT;
	assert_int_equal(vfiowcdv_query_mr(mr, &attr, sizeof(attr)), EOPNOTSUPP);
	fake.ioctl_errno = EIO;
	assert_int_equal(vfiowcdv_query_mr(mr, &attr, sizeof(attr)), EIO);
	assert_int_equal(ibv_dereg_mr(mr), 0);
}

/* A sysfs directory whose node_desc reads @text; NULL: it has none. */
static bool matches(const char *text, uint32_t driver_id)
{
	struct verbs_sysfs_dev dev = { .driver_id = driver_id };
	char path[sizeof(dev.ibdev_path) + 16];
	FILE *file;
	bool match;

	strcpy(dev.ibdev_path, "unit_provider.XXXXXX");
	assert_non_null(mkdtemp(dev.ibdev_path));
	snprintf(path, sizeof(path), "%s/node_desc", dev.ibdev_path);
	if (text) {
		file = fopen(path, "w");
		fputs(text, file);
		fclose(file);
	}
	match = plugin->match_device(&dev);
	unlink(path);
	rmdir(dev.ibdev_path);
	return match;
}

static void only_our_own_device_is_matched(void **state)
{
	char longer[128];

	(void)state;
	snprintf(longer, sizeof(longer), "%s%64s\n", VFIOWC_NODE_DESC, "2");
	assert_true(matches(VFIOWC_NODE_DESC "\n", RDMA_DRIVER_UNKNOWN));
	assert_false(matches(VFIOWC_NODE_DESC "\n", RDMA_DRIVER_RXE));
	assert_false(matches("rxe_dv\n", RDMA_DRIVER_UNKNOWN));
	assert_false(matches(longer, RDMA_DRIVER_UNKNOWN));
	assert_false(matches("", RDMA_DRIVER_UNKNOWN));
	assert_false(matches(NULL, RDMA_DRIVER_UNKNOWN));
	assert_non_null(plugin->match_table); /* libibverbs walks it */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define plugin_test(f) cmocka_unit_test_setup_teardown(f, provider_setup, provider_teardown)
		plugin_test(refused_objects_leave_nothing_and_say_why),
		plugin_test(refused_context_says_why),
		plugin_test(ring_that_cannot_be_mapped_undoes_its_object),
		plugin_test(object_that_is_not_destroyed_stays_usable),
		plugin_test(slots_hold_what_the_opcode_uses_and_zeros),
		plugin_test(inline_data_lies_behind_the_header),
		plugin_test(inline_data_may_fill_a_slot_and_no_more),
		plugin_test(list_is_published_before_its_one_doorbell),
		plugin_test(bad_request_ends_the_list_and_those_before_it_run),
		plugin_test(queue_takes_as_many_as_it_has_slots),
		plugin_test(indices_go_on_behind_their_last_value),
		plugin_test(failed_doorbell_is_reported_for_the_whole_list),
		plugin_test(receives_are_published_without_a_doorbell),
		plugin_test(list_of_receives_is_published_whole),
		plugin_test(queue_pair_without_receives_takes_none),
		plugin_test(completions_come_once_in_order_and_free_their_slots),
		plugin_test(query_passes_the_kernels_answer_on),
		plugin_test(only_our_own_device_is_matched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
