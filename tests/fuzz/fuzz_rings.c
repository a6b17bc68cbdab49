// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * The plug-in's rings with a kernel that writes into them what it likes, and an application that
 * posts what it likes. The input is a program: one byte for the step, then what the step takes.
 * Wanted: nothing is written behind the slots, indices are what was counted, a poll gives no more
 * than asked for.
 */
#include "fake_uverbs.h"
#include "fuzz.h"
#include "vfiowc.h"

#define MAX_WC 16

static const struct verbs_device_ops *plugin;
static struct ibv_context *context;
static struct ibv_pd *pd;
static struct ibv_cq *cq;
static struct ibv_qp *qp;

void verbs_register_driver(const struct verbs_device_ops *ops);
void verbs_register_driver(const struct verbs_device_ops *ops)
{
	plugin = ops;
}

/* The program and how far it has been read; behind its end all is 0. */
struct program {
	const uint8_t *data;
	size_t left;
};

static void take(struct program *program, void *to, size_t n)
{
	size_t have = n < program->left ? n : program->left;

	memset(to, 0, n);
	memcpy(to, program->data, have);
	program->data += have;
	program->left -= have;
}

static uint8_t take8(struct program *program)
{
	uint8_t value;

	take(program, &value, sizeof(value));
	return value;
}

static uint32_t take32(struct program *program)
{
	uint32_t value;

	take(program, &value, sizeof(value));
	return value;
}

/* The kernel's side. */
static void write_cqe(struct program *program)
{
	take(program, fake_slot(FAKE_CQ, take8(program)), sizeof(struct vfiowc_cqe));
}

static void publish_cqes(struct program *program)
{
	fake.ring[FAKE_CQ]->producer = take32(program);
}

static void set_flags(struct program *program)
{
	fake.ring[FAKE_RQ]->flags = take8(program);
}

static void fail_doorbell(struct program *program)
{
	fake.fail_nth = take8(program) % 2;
}

/* The application's side. */
static void poll_cq(struct program *program)
{
	int wanted = take8(program) % (MAX_WC + 1);
	uint32_t before = to_vfiowc_cq(cq)->ring.index;
	struct ibv_wc wc[MAX_WC];
	int n = ibv_poll_cq(cq, wanted, wc);

	must(n >= 0 && n <= wanted);
	must(to_vfiowc_cq(cq)->ring.index == before + (uint32_t)n);
	must(!n || fake.ring[FAKE_CQ]->consumer == before + (uint32_t)n);
}

/* Sources of exactly the bytes that may be copied: a longer read is seen. */
static void fill_sges(struct program *program, struct ibv_sge *sges, int num, const uint8_t *source)
{
	for (int i = 0; i < num; i++)
		sges[i] = (struct ibv_sge){ (uintptr_t)source, take32(program), take8(program) };
}

static void post_send(struct program *program)
{
	uint8_t *source = malloc(FAKE_MAX_INLINE);
	struct ibv_sge sges[8];
	struct ibv_send_wr *bad, wr = {
		.opcode = take8(program),
		.send_flags = take8(program),
		.num_sge = take8(program) % 8,
		.sg_list = sges,
		.wr_id = take32(program),
	};
	uint32_t before = to_vfiowc_qp(qp)->sq.ring.index;
	int err;

	must(source);
	memset(source, 0x55, FAKE_MAX_INLINE);
	fill_sges(program, sges, wr.num_sge, source);
	err = ibv_post_send(qp, &wr, &bad);
	must(!err || bad == &wr);
	must(to_vfiowc_qp(qp)->sq.ring.index - before <= 1);
	must(fake.ring[FAKE_SQ]->producer == to_vfiowc_qp(qp)->sq.ring.index);
	free(source);
}

static void post_recv(struct program *program)
{
	struct ibv_sge sges[8];
	struct ibv_recv_wr *bad, wr = {
		.num_sge = (int8_t)take8(program) % 8,
		.sg_list = sges,
		.wr_id = take32(program),
	};
	int err;

	fill_sges(program, sges, wr.num_sge, NULL);
	err = ibv_post_recv(qp, &wr, &bad);
	must(!err || bad == &wr);
	must(fake.ring[FAKE_RQ]->producer == to_vfiowc_qp(qp)->rq.ring.index);
}

static void change_state(struct program *program)
{
	struct ibv_qp_attr attr = { .qp_state = take8(program) % (IBV_QPS_ERR + 1) };

	ibv_modify_qp(qp, &attr, IBV_QP_STATE);
}

static void (*const steps[])(struct program *program) = {
	write_cqe, publish_cqes, set_flags, fail_doorbell, poll_cq, post_send, post_recv, change_state,
};

/* Once: the context costs more than most programs. */
static void open_context(void)
{
	struct verbs_device *device = plugin->alloc_device(NULL);

	fake_uverbs_reset();
	device->ops = plugin;
	atomic_init(&device->refcount, 1);
	context = &plugin->alloc_context(&device->device, fake.fd, NULL)->context;
	pd = ibv_alloc_pd(context);
	must(pd);
}

static void make_rings(void)
{
	struct ibv_qp_init_attr attr = { .cap = { 1, 1, 1, 1, 1 }, .qp_type = IBV_QPT_RC };

	cq = ibv_create_cq(context, 1, NULL, NULL, 0);
	attr.send_cq = attr.recv_cq = cq;
	fake.qps_made = 0; /* the same number each time */
	qp = ibv_create_qp(pd, &attr);
	must(cq && qp);
}

static void destroy_rings(void)
{
	fake.fail_nth = 0;
	must(!ibv_destroy_qp(qp) && !ibv_destroy_cq(cq));
	must(fake.objects == 1 && !fake.mappings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct program program = { data, size };

	if (!context)
		open_context();
	make_rings();
	while (program.left)
		steps[take8(&program) % (sizeof(steps) / sizeof(steps[0]))](&program);
	/* those of make_rings() */
	for (int ring = FAKE_CQ; ring <= FAKE_RQ; ring++)
		must(fake_untouched_behind(ring));
	destroy_rings();
	return 0;
}
