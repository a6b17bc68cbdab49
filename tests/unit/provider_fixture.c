// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* The plug-in, opened over the fake kernel: see provider_fixture.h. */
#include <fcntl.h>

#include "provider_fixture.h"

const struct verbs_device_ops *plugin;
struct ibv_context *context;
struct ibv_pd *pd;
struct ibv_cq *cq;
struct ibv_qp *qp;

/* Takes the place of libibverbs' own: the plug-in's constructor hands itself over here. */
void verbs_register_driver(const struct verbs_device_ops *ops);
void verbs_register_driver(const struct verbs_device_ops *ops)
{
	plugin = ops;
}

struct verbs_device *provider_device(void)
{
	struct verbs_device *vdev = plugin->alloc_device(NULL);

	assert_non_null(vdev);
	vdev->ops = plugin;
	atomic_init(&vdev->refcount, 1);
	return vdev;
}

struct ibv_qp *provider_qp(uint32_t max_recv_wr)
{
	struct ibv_qp_init_attr attr = {
		.send_cq = cq,
		.recv_cq = cq,
		.cap = { 1, max_recv_wr, 1, 1, 1 },
		.qp_type = IBV_QPT_RC,
	};

	return ibv_create_qp(pd, &attr);
}

int provider_setup(void **state)
{
	struct verbs_context *vctx;

	(void)state;
	fake_uverbs_reset();
	vctx = plugin->alloc_context(&provider_device()->device, fake.fd, NULL);
	assert_non_null(vctx);
	context = &vctx->context;
	pd = ibv_alloc_pd(context);
	cq = ibv_create_cq(context, 1, NULL, NULL, 0);
	qp = provider_qp(1);
	assert_non_null(qp);
	qp->state = IBV_QPS_RTS;
	return 0;
}

int provider_teardown(void **state)
{
	struct verbs_device *vdev = verbs_get_device(context->device);

	(void)state;
	fake.fail_command = -1;
	if (qp)
		assert_int_equal(ibv_destroy_qp(qp), 0);
	assert_int_equal(ibv_destroy_cq(cq), 0);
	assert_int_equal(ibv_dealloc_pd(pd), 0);
	assert_int_equal(fake.objects, 0);
	assert_int_equal(fake.mappings, 0);
	ibv_close_device(context);
	assert_int_equal(fcntl(fake.doorbell_fd, F_GETFD), -1);
	plugin->uninit_device(vdev);
	return 0;
}

/* The next @command fails with @err. */
void provider_fail_next(int command, int err)
{
	fake.fail_command = command;
	fake.fail_errno = err;
	errno = 0;
}
