// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Random operations below the verbs: ring memory written by hand, also by a thread while the kernel
 * reads it, commands and methods put together by hand, mmaps at any offset. The rings are taken from
 * the plug-in's objects. See random.h.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <rdma/ib_user_verbs.h>
#include <rdma/rdma_user_ioctl_cmds.h>

#include "random.h"
#include "vfiowc.h"

static struct vfiowc_ring *random_ring(struct world *w)
{
	struct ibv_qp *qp = *random_pick(w, w->qp);
	struct ibv_srq *srq = *random_pick(w, w->srq);
	bool send = random_chance(w, 70), shared = random_chance(w, 20);
	struct vfiowc_ring *ring;

	if (shared ? !srq : !qp)
		return NULL;
	if (shared)
		ring = &to_vfiowc_srq(srq)->wq.ring;
	else
		ring = send ? &to_vfiowc_qp(qp)->sq.ring : &to_vfiowc_qp(qp)->rq.ring;
	return ring->header ? ring : NULL;
}

/* Past the first checks: a request that could be one. */
static void write_request(struct world *w, uint8_t *slot, size_t len)
{
	struct ibv_sge remote = random_sge(w), sges[3] = { random_sge(w), random_sge(w), random_sge(w) };
	const struct ibv_ah *ah = *random_pick(w, w->ah);
	struct vfiowc_send_wqe wqe = {
		.opcode = random_below(w, 16),
		.flags = random_below(w, 16) & ~(random_chance(w, 80) ? VFIOWC_SEND_INLINE : 0),
		.num_sge = random_below(w, 4),
		.rkey = remote.lkey,
		.remote_addr = remote.addr,
	};

	if (random_chance(w, 30)) {
		wqe.ud.ahn = ah ? to_vfiowc_ah((struct ibv_ah *)ah)->ahn : random_below(w, 8);
		wqe.ud.remote_qpn = random_below(w, 1 << 12);
		wqe.ud.remote_qkey = RANDOM_QKEY;
	} else if (random_chance(w, 50)) {
		wqe.flush.length = random_below(w, PAGE);
		wqe.flush.type = random_below(w, 4);
		wqe.flush.level = random_below(w, 3);
	} else if (random_chance(w, 50)) {
		wqe.bind.addr = remote.addr;
		wqe.bind.length = random_below(w, PAGE);
		wqe.bind.mr_lkey = remote.lkey;
		wqe.bind.new_rkey = wqe.rkey + random_below(w, 2);
		wqe.bind.access = random_below(w, 16);
	}
	memcpy(slot, &wqe, len < sizeof(wqe) ? len : sizeof(wqe));
	if (len > sizeof(wqe))
		memcpy(slot + sizeof(wqe), sges, len - sizeof(wqe) < sizeof(sges) ? len - sizeof(wqe) : sizeof(sges));
	if (random_chance(w, 20))
		slot[random_below(w, len)] = random_below(w, 256);
}

static int write_slot(struct world *w)
{
	struct vfiowc_ring *ring = random_ring(w);
	uint8_t rubbish[128];
	size_t len;
	uint8_t *slot;

	random_bytes(w, rubbish, sizeof(rubbish));
	if (!ring)
		return ENOENT;
	len = ring->stride_bytes < sizeof(rubbish) ? ring->stride_bytes : sizeof(rubbish);
	slot = ring->slots + random_below(w, ring->entries) * ring->stride_bytes;
	if (random_chance(w, 70))
		write_request(w, slot, len);
	else
		memcpy(slot, rubbish, len);
	return 0;
}

static int write_producer(struct world *w)
{
	struct vfiowc_ring *ring = random_ring(w);
	uint32_t step = random_chance(w, 80) ? random_below(w, 8) : random_edge(w, 1UL << 31);

	if (!ring)
		return ENOENT;
	__atomic_store_n(&ring->header->producer, ring->index + step, __ATOMIC_RELEASE);
	return 0;
}

static int write_consumer(struct world *w)
{
	struct ibv_cq *cq = *random_pick(w, w->cq);
	uint32_t value = random_below(w, UINT32_MAX);

	if (!cq)
		return ENOENT;
	to_vfiowc_cq(cq)->ring.header->consumer = value;
	return 0;
}

static int send_doorbell(struct world *w, struct ib_uverbs_post_send body)
{
	struct ib_uverbs_post_send_resp resp;
	struct {
		struct ib_uverbs_cmd_hdr hdr;
		struct ib_uverbs_post_send body;
	} cmd = {
		.hdr = { IB_USER_VERBS_CMD_POST_SEND, sizeof(cmd) / 4, sizeof(resp) / 4 },
		.body = body,
	};

	cmd.body.response = (uintptr_t)&resp;
	return write(w->context->cmd_fd, &cmd, sizeof(cmd)) == sizeof(cmd) ? 0 : errno;
}

static int ring_doorbell(struct world *w)
{
	struct ibv_qp *qp = *random_pick(w, w->qp);
	struct ib_uverbs_post_send body = { .wqe_size = sizeof(struct ib_uverbs_send_wr) };

	if (!qp)
		return ENOENT;
	body.qp_handle = qp->handle;
	if (random_chance(w, 5)) {
		body.wr_count = random_below(w, 3);
		body.sge_count = random_below(w, 3);
		body.qp_handle = random_below(w, 64);
	}
	return send_doorbell(w, body);
}

/* The file that the plug-in opened; its own queue pairs, others', numbers and commands that are none. */
static int ring_doorbell_file(struct world *w)
{
	struct ibv_qp *qp = *random_pick(w, w->qp);
	unsigned long qpn = qp ? qp->qp_num : random_below(w, 4096);
	unsigned long request = VFIOWC_IOCTL_DOORBELL;

	if (random_chance(w, 10))
		qpn = random_below(w, 2) ? random_below(w, 4096) : ~(unsigned long)qpn;
	if (random_chance(w, 3))
		request += random_below(w, 4);
	return ioctl(to_vfiowc_context(w->context)->doorbell_fd, request, qpn) ? errno : 0;
}

/* One thread at a time; it never draws from the world's numbers. */
static pthread_t scribbler;
static volatile bool scribbling;
static struct vfiowc_ring scribbled;

static void *scribble(void *arg)
{
	struct world own = { .rng = *(uint64_t *)arg };
	size_t slots_len = (size_t)scribbled.entries * scribbled.stride_bytes;

	while (scribbling) {
		size_t at = random_below(&own, slots_len), len = 1 + random_below(&own, 64);

		random_bytes(&own, scribbled.slots + at, len < slots_len - at ? len : slots_len - at);
		scribbled.header->producer = scribbled.index + random_below(&own, 2 * scribbled.entries);
	}
	return NULL;
}

void random_scribble_stop(void)
{
	if (!scribbling)
		return;
	scribbling = false;
	pthread_join(scribbler, NULL);
}

static int start_scribbler(struct world *w)
{
	static uint64_t seed;
	struct vfiowc_ring *ring = random_ring(w);

	random_scribble_stop();
	seed = random_below(w, UINT64_MAX);
	if (!ring || !w->threads)
		return ENOENT;
	scribbled = *ring;
	scribbling = true;
	if (!pthread_create(&scribbler, NULL, scribble, &seed))
		return 0;
	scribbling = false;
	return EAGAIN;
}

static int stop_scribbler(struct world *w)
{
	(void)w;
	random_scribble_stop();
	return 0;
}

/* The device's method, with any handle, attribute and length. */
static int query_mr(struct world *w)
{
	struct {
		struct ib_uverbs_ioctl_hdr hdr;
		struct ib_uverbs_attr attrs[2];
	} cmd = {
		.hdr = {
			.length = sizeof(cmd),
			.object_id = UVERBS_OBJECT_MR,
			.method_id = VFIOWC_IB_METHOD_MR_QUERY,
			.num_attrs = 2,
			.driver_id = RDMA_DRIVER_UNKNOWN,
		},
	};
	const struct ibv_mr *mr = *random_pick(w, w->mr);
	struct vfiowc_mr_query answer[2];

	cmd.attrs[0] = (struct ib_uverbs_attr){
		.attr_id = VFIOWC_IB_ATTR_MR_QUERY_HANDLE,
		.flags = UVERBS_ATTR_F_MANDATORY,
		.data = mr ? mr->handle : random_below(w, 32),
	};
	cmd.attrs[1] = (struct ib_uverbs_attr){
		.attr_id = VFIOWC_IB_ATTR_MR_QUERY_RESP,
		.flags = UVERBS_ATTR_F_MANDATORY,
		.len = random_chance(w, 80) ? sizeof(answer[0]) : random_below(w, sizeof(answer)),
		.data = (uintptr_t)answer,
	};
	if (random_chance(w, 5))
		random_bytes(w, &cmd.attrs[1].len, sizeof(cmd.attrs[1].len));
	if (random_chance(w, 5))
		cmd.attrs[1].data = random_edge(w, 1UL << 47);
	/* an answer longer than its room would be ours to lose */
	if (cmd.attrs[1].len > sizeof(answer) && cmd.attrs[1].data == (uintptr_t)answer)
		cmd.attrs[1].len = sizeof(answer);
	return ioctl(w->context->cmd_fd, RDMA_VERBS_IOCTL, &cmd) ? errno : 0;
}

static int map_rings(struct world *w)
{
	uint64_t offset = random_below(w, 64) * PAGE;
	size_t len = (1 + random_below(w, 16)) * PAGE;
	void *at;

	if (random_chance(w, 10))
		offset = random_edge(w, 1ULL << 44) & ~(PAGE - 1);
	at = mmap(NULL, len, random_below(w, 8), random_chance(w, 90) ? MAP_SHARED : MAP_PRIVATE,
		  w->context->cmd_fd, offset);
	if (at == MAP_FAILED)
		return errno;
	munmap(at, len);
	return 0;
}

static const struct operation ops[] = {
	{ "write_slot", 8, write_slot },
	{ "write_producer", 6, write_producer },
	{ "write_consumer", 2, write_consumer },
	{ "ring_doorbell", 4, ring_doorbell },
	{ "ring_doorbell_file", 8, ring_doorbell_file },
	{ "start_scribbler", 1, start_scribbler },
	{ "stop_scribbler", 1, stop_scribbler },
	{ "query_mr", 4, query_mr },
	{ "map_rings", 3, map_rings },
};

const struct operations random_rings = OPERATIONS(ops);
