// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* A device, two connected RC queue pairs on it, and memory for them: see perf.h. */
#include <err.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "perf.h"

#define PORT 1

void check(const char *what, int err)
{
	if (err)
		errx(1, "%s: %s", what, strerror(err));
}

void *got(const char *what, void *object)
{
	check(what, object ? 0 : errno);
	return object;
}

/* rxe finds IPv4 addresses by the GID that maps one; a link-local GID is always there. */
static union ibv_gid find_gid(struct ibv_context *context)
{
	union ibv_gid gid;

	check("GID 0", ibv_query_gid(context, PORT, 0, &gid));
	return gid;
}

struct ibv_qp *ends_qp(struct ends *ends)
{
	struct ibv_qp_init_attr init = {
		.send_cq = ends->cq,
		.recv_cq = ends->cq,
		.cap = { .max_send_wr = WINDOW, .max_recv_wr = 1, .max_send_sge = 1, .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
	};

	return got("queue pair", ibv_create_qp(ends->pd, &init));
}

static void modify(struct ibv_qp *qp, struct ibv_qp_attr *attr, enum ibv_qp_state state, int mask)
{
	attr->qp_state = state;
	check("ibv_modify_qp", ibv_modify_qp(qp, attr, mask | IBV_QP_STATE));
}

void ends_connect(struct ends *ends, struct ibv_qp *qp, const struct ibv_qp *peer)
{
	struct ibv_qp_attr attr = {
		.port_num = PORT,
		.qp_access_flags = IBV_ACCESS_REMOTE_WRITE,
		.path_mtu = IBV_MTU_4096,
		.dest_qp_num = peer->qp_num,
		.timeout = 14, /* as perftest */
		.retry_cnt = 7,
		.rnr_retry = 7,
		.ah_attr = {
			.grh = { .dgid = find_gid(ends->context), .hop_limit = 1 },
			.is_global = 1,
			.port_num = PORT,
		},
	};

	modify(qp, &attr, IBV_QPS_INIT, IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS);
	modify(qp, &attr, IBV_QPS_RTR,
	       IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN |
		       IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER);
	modify(qp, &attr, IBV_QPS_RTS,
	       IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN |
		       IBV_QP_MAX_QP_RD_ATOMIC);
}

static struct ibv_context *open_device(const char *name)
{
	struct ibv_device **list = got("ibv_get_device_list", ibv_get_device_list(NULL));
	struct ibv_context *context = NULL;

	errno = ENODEV;
	for (int i = 0; list[i] && !context; i++)
		if (!strcmp(ibv_get_device_name(list[i]), name))
			context = ibv_open_device(list[i]);
	got(name, context);
	ibv_free_device_list(list);
	return context;
}

void ends_open(struct ends *ends, const char *device)
{
	ends->context = open_device(device);
	ends->pd = got("protection domain", ibv_alloc_pd(ends->context));
	ends->cq = got("completion queue", ibv_create_cq(ends->context, 2 * WINDOW, NULL, NULL, 0));
	for (int i = 0; i < 2; i++)
		ends->qp[i] = ends_qp(ends);
	for (int i = 0; i < 2; i++)
		ends_connect(ends, ends->qp[i], ends->qp[!i]);
}

static uint8_t *touched(size_t bytes)
{
	uint8_t *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		check("memory", errno);
	memset(map, 0x5a, bytes);
	return map;
}

void host_memory(struct memory *memory, struct ibv_pd *pd, size_t bytes)
{
	size_t apart = bytes + ODD_PAGES;
	uint8_t *map = touched(2 * apart);

	for (int i = 0; i < 2; i++) {
		memory->addr[i] = map + (size_t)i * apart;
		memory->mr[i] = got("memory region", ibv_reg_mr(pd, memory->addr[i], bytes, ACCESS));
	}
}
