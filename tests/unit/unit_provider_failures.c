// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Every call of the plug-in with each of its allocations, commands and mmaps failing once: n = 1, 2,
 * ... until none fails any more. Wanted each time: the errno of what failed, nothing kept in the
 * kernel or mapped (memory is AddressSanitizer's to count), and objects that serve the same call
 * afterwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake_uverbs.h"
#include "vfiowc.h"
#include "vfiowcdv.h"

/* More than any call has; ends a loop that should have ended by itself. */
#define MAX_POINTS 50

static const struct verbs_device_ops *plugin;
static struct verbs_device *device;
static struct ibv_context *context;
static struct ibv_pd *pd;
static struct ibv_cq *cq;
static struct ibv_qp *qp;
static struct ibv_mr *mr;
static struct ibv_srq *srq;
static struct ibv_ah *ah;
static struct ibv_mw *mw;

/* What a call under test has made, for its undo. */
static void *made;

/* Takes the place of libibverbs' own: the plug-in's constructor hands itself over here. */
void verbs_register_driver(const struct verbs_device_ops *ops);
void verbs_register_driver(const struct verbs_device_ops *ops)
{
	plugin = ops;
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
	return fake_uverbs_fails(ENOMEM) ? NULL : __real_calloc(n, size);
}

static int keep(void *object)
{
	made = object;
	return object ? 0 : errno;
}

static int alloc_device(void)
{
	return keep(plugin->alloc_device(NULL));
}

static void uninit_device(void)
{
	plugin->uninit_device(made);
}

/* Takes the fd over, whatever comes of it. */
static int alloc_context(void)
{
	struct verbs_context *vctx;

	fake.fd = memfd_create("uverbs", MFD_CLOEXEC);
	vctx = plugin->alloc_context(&device->device, fake.fd, NULL);
	return keep(vctx ? &vctx->context : NULL);
}

static void close_context(void)
{
	assert_int_equal(ibv_close_device(made), 0);
	fake.fd = context->cmd_fd;
}

static int alloc_pd(void)
{
	return keep(ibv_alloc_pd(context));
}

static void dealloc_pd(void)
{
	assert_int_equal(ibv_dealloc_pd(made), 0);
}

static int reg_mr(void)
{
	return keep(ibv_reg_mr(pd, &fake, sizeof(fake), 0));
}

static int reg_dmabuf_mr(void)
{
	return keep(ibv_reg_dmabuf_mr(pd, 0, 4096, 0, 5, 0));
}

static void dereg_mr(void)
{
	assert_int_equal(ibv_dereg_mr(made), 0);
}

static int create_cq(void)
{
	return keep(ibv_create_cq(context, 1, NULL, NULL, 0));
}

static void destroy_cq(void)
{
	assert_int_equal(ibv_destroy_cq(made), 0);
}

static struct ibv_qp *make_qp(uint32_t max_recv_wr)
{
	struct ibv_qp_init_attr attr = {
		.send_cq = cq,
		.recv_cq = cq,
		.cap = { 1, max_recv_wr, 1, 1, 1 },
		.qp_type = IBV_QPT_RC,
	};

	return ibv_create_qp(pd, &attr);
}

static int create_qp(void)
{
	return keep(make_qp(1));
}

static int create_qp_without_receives(void)
{
	return keep(make_qp(0));
}

static void destroy_qp(void)
{
	assert_int_equal(ibv_destroy_qp(made), 0);
}

/* With the calls of ibv_wr_*(). */
static int create_qp_ex(void)
{
	struct ibv_qp_init_attr_ex attr = {
		.send_cq = cq,
		.recv_cq = cq,
		.cap = { 1, 1, 1, 1, 1 },
		.qp_type = IBV_QPT_UD,
		.comp_mask = IBV_QP_INIT_ATTR_PD | IBV_QP_INIT_ATTR_SEND_OPS_FLAGS,
		.pd = pd,
		.send_ops_flags = IBV_QP_EX_WITH_SEND,
	};

	return keep(ibv_create_qp_ex(context, &attr));
}

static int create_qp_with_shared_receives(void)
{
	struct ibv_qp_init_attr attr = {
		.send_cq = cq,
		.recv_cq = cq,
		.srq = srq,
		.cap = { 1, 0, 1, 0, 1 },
		.qp_type = IBV_QPT_RC,
	};

	return keep(ibv_create_qp(pd, &attr));
}

static int create_cq_ex(void)
{
	struct ibv_cq_init_attr_ex attr = { .cqe = 1, .wc_flags = IBV_WC_EX_WITH_BYTE_LEN };
	struct ibv_cq_ex *ex = vfiowc_create_cq_ex(context, &attr);

	if (ex)
		verbs_init_cq(ibv_cq_ex_to_cq(ex), context, NULL, NULL);
	return keep(ex ? ibv_cq_ex_to_cq(ex) : NULL);
}

static struct ibv_srq *make_srq(void)
{
	struct ibv_srq_init_attr attr = { .attr = { .max_wr = 1, .max_sge = 1 } };

	return ibv_create_srq(pd, &attr);
}

static int create_srq(void)
{
	return keep(make_srq());
}

static void destroy_srq(void)
{
	assert_int_equal(ibv_destroy_srq(made), 0);
}

static int resize_srq(void)
{
	struct ibv_srq_attr attr = { .max_wr = FAKE_ENTRIES };

	return ibv_modify_srq(srq, &attr, IBV_SRQ_MAX_WR);
}

static struct ibv_ah *make_ah(void)
{
	struct ibv_ah_attr attr = { .is_global = 1, .port_num = 1 };

	return ibv_create_ah(pd, &attr);
}

static int create_ah(void)
{
	return keep(make_ah());
}

static void destroy_ah(void)
{
	assert_int_equal(ibv_destroy_ah(made), 0);
}

static int alloc_mw(void)
{
	return keep(ibv_alloc_mw(pd, IBV_MW_TYPE_2));
}

static void dealloc_mw(void)
{
	assert_int_equal(ibv_dealloc_mw(made), 0);
}

static int modify_qp(void)
{
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_RTS };

	return ibv_modify_qp(qp, &attr, IBV_QP_STATE);
}

static int post_send(void)
{
	struct ibv_send_wr *bad, wr = { .opcode = IBV_WR_RDMA_WRITE };

	return ibv_post_send(qp, &wr, &bad);
}

/* The same by the calls of ibv_wr_*(), on a queue pair that has them. */
static int wr_complete(void)
{
	struct ibv_qp_ex *ex;
	int err = create_qp_ex();

	if (err)
		return err;
	((struct ibv_qp *)made)->state = IBV_QPS_RTS;
	ex = ibv_qp_to_qp_ex(made);
	ibv_wr_start(ex);
	ibv_wr_send(ex);
	ibv_wr_set_ud_addr(ex, ah, 1, 2);
	err = ibv_wr_complete(ex);
	if (err)
		destroy_qp();
	return err;
}

static int req_notify_cq(void)
{
	return ibv_req_notify_cq(cq, 0);
}

static int query_mr(void)
{
	struct vfiowcdv_mr_attr attr;

	return vfiowcdv_query_mr(mr, &attr, sizeof(attr));
}

/* Destroying: when it fails the object lives on; when not, the fixture gets another. */
static int destroyed(int err, void *object)
{
	if (!err)
		*(void **)object = NULL;
	return err;
}

static int destroy_the_mr(void)
{
	return destroyed(ibv_dereg_mr(mr), &mr);
}

static int destroy_the_qp(void)
{
	return destroyed(ibv_destroy_qp(qp), &qp);
}

static int destroy_the_srq(void)
{
	return destroyed(ibv_destroy_srq(srq), &srq);
}

static int destroy_the_ah(void)
{
	return destroyed(ibv_destroy_ah(ah), &ah);
}

static int destroy_the_mw(void)
{
	return destroyed(ibv_dealloc_mw(mw), &mw);
}

/* The fake lets a CQ go although a QP completes into it. */
static int destroy_the_cq(void)
{
	return destroyed(ibv_destroy_cq(cq), &cq);
}

static void make_missing(void)
{
	if (!cq)
		assert_non_null(cq = ibv_create_cq(context, 1, NULL, NULL, 0));
	if (!qp)
		assert_non_null(qp = make_qp(1));
	if (!mr)
		assert_non_null(mr = ibv_reg_mr(pd, &fake, sizeof(fake), 0));
	if (!srq)
		assert_non_null(srq = make_srq());
	if (!ah)
		assert_non_null(ah = make_ah());
	if (!mw)
		assert_non_null(mw = ibv_alloc_mw(pd, IBV_MW_TYPE_2));
	qp->state = IBV_QPS_RTS;
}

struct op {
	const char *name;
	int (*call)(void);
	void (*undo)(void); /* after a success; NULL: nothing to undo */
};

#define OP(f, ...) { .name = #f, .call = f, __VA_ARGS__ }

static const struct op ops[] = {
	OP(alloc_device, .undo = uninit_device),
	OP(alloc_context, .undo = close_context),
	OP(alloc_pd, .undo = dealloc_pd),
	OP(reg_mr, .undo = dereg_mr),
	OP(reg_dmabuf_mr, .undo = dereg_mr),
	OP(create_cq, .undo = destroy_cq),
	OP(create_qp, .undo = destroy_qp),
	OP(create_qp_without_receives, .undo = destroy_qp),
	OP(create_qp_ex, .undo = destroy_qp),
	OP(create_qp_with_shared_receives, .undo = destroy_qp),
	OP(create_cq_ex, .undo = destroy_cq),
	OP(create_srq, .undo = destroy_srq),
	OP(resize_srq),
	OP(create_ah, .undo = destroy_ah),
	OP(alloc_mw, .undo = dealloc_mw),
	OP(modify_qp),
	OP(post_send),
	OP(wr_complete, .undo = destroy_qp),
	OP(req_notify_cq),
	OP(query_mr),
	OP(destroy_the_mr, .undo = make_missing),
	OP(destroy_the_qp, .undo = make_missing),
	OP(destroy_the_cq, .undo = make_missing),
	OP(destroy_the_srq, .undo = make_missing),
	OP(destroy_the_ah, .undo = make_missing),
	OP(destroy_the_mw, .undo = make_missing),
};

static void make_fixture(void)
{
	fake_uverbs_reset();
	device = plugin->alloc_device(NULL);
	assert_non_null(device);
	device->ops = plugin;
	atomic_init(&device->refcount, 1);
	assert_int_equal(alloc_context(), 0);
	context = made;
	assert_non_null(pd = ibv_alloc_pd(context));
	make_missing();
}

static void destroy_fixture(void)
{
	assert_int_equal(destroy_the_mr(), 0);
	assert_int_equal(destroy_the_qp(), 0);
	assert_int_equal(destroy_the_cq(), 0);
	assert_int_equal(destroy_the_srq(), 0);
	assert_int_equal(destroy_the_ah(), 0);
	assert_int_equal(destroy_the_mw(), 0);
	assert_int_equal(ibv_dealloc_pd(pd), 0);
	assert_int_equal(fake.objects, 0);
	assert_int_equal(fake.mappings, 0);
	assert_int_equal(ibv_close_device(context), 0);
	plugin->uninit_device(device);
}

/* True while the n-th failure happens: there may be more. */
static bool fail_nth(const struct op *op, int n)
{
	bool failed;
	int err;

	make_fixture();
	fake.fail_nth = n;
	errno = 0;
	err = op->call();
	failed = !fake.fail_nth;
	fake.fail_nth = 0;
	if (err != (failed ? fake.nth_errno : 0))
		fail_msg("%s: failure %d gives errno %d, not %d", op->name, n, err, fake.nth_errno);
	if (!err && op->undo)
		op->undo();
	assert_int_equal(op->call(), 0);
	if (op->undo)
		op->undo();
	destroy_fixture();
	return failed;
}

static void each_failure_is_reported_and_undone(void **state)
{
	int total = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		int n = 0;

		while (fail_nth(&ops[i], n + 1))
			assert_true(++n < MAX_POINTS);
		print_message("%-32s %2d failures\n", ops[i].name, n);
		assert_true(n > 0);
		total += n;
	}
	print_message("%d failures of %zu calls\n", total, sizeof(ops) / sizeof(ops[0]));
}

/* Receives are posted by the ring; a doorbell that fails only delays their flush. */
static void receives_are_posted_although_their_doorbell_fails(void **state)
{
	struct ibv_recv_wr *bad, wr = { .wr_id = 9 };

	(void)state;
	make_fixture();
	fake.ring[FAKE_RQ]->flags = VFIOWC_RING_KICK;
	fake.fail_nth = 1;
	assert_int_equal(ibv_post_recv(qp, &wr, &bad), 0);
	assert_int_equal(fake.fail_nth, 0);
	assert_int_equal(fake.ring[FAKE_RQ]->producer, 1);
	destroy_fixture();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_failure_is_reported_and_undone),
		cmocka_unit_test(receives_are_posted_although_their_doorbell_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
