// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* The kernel side for tests of the plug-in: see fake_uverbs.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <infiniband/verbs.h>
#include <rdma/ib_user_ioctl_verbs.h>
#include <rdma/ib_user_verbs.h>
#include <rdma/rdma_user_ioctl_cmds.h>

#include "fake_uverbs.h"

#define RING_BYTES 8192
#define STRIDE(ring) ((ring) == FAKE_CQ ? sizeof(struct vfiowc_cqe) : 128U)
#define HANDLE 7

struct fake_uverbs fake;

/* Two rings of a kind are never needed at once; what one holds does not matter to the next. */
static _Alignas(4096) uint8_t ring_memory[FAKE_RINGS][RING_BYTES];

void fake_uverbs_reset(void)
{
	memset(&fake, 0, sizeof(fake));
	fake.fail_command = -1;
	fake.fd = memfd_create("uverbs", MFD_CLOEXEC);
}

bool fake_uverbs_fails(int err)
{
	if (!fake.fail_nth || --fake.fail_nth)
		return false;
	fake.nth_errno = err;
	errno = err;
	return true;
}

void *fake_slot(enum fake_ring ring, uint32_t index)
{
	return ring_memory[ring] + VFIOWC_RING_HEADER_BYTES + index % FAKE_ENTRIES * STRIDE(ring);
}

bool fake_untouched_behind(enum fake_ring ring)
{
	const uint8_t *end = ring_memory[ring] + RING_BYTES;

	for (const uint8_t *at = fake_slot(ring, FAKE_ENTRIES - 1) + STRIDE(ring); at < end; at++)
		if (*at != 0xee)
			return false;
	return true;
}

static struct vfiowc_ring_info make_ring(enum fake_ring ring)
{
	memset(ring_memory[ring], 0xee, RING_BYTES);
	memset(ring_memory[ring], 0, VFIOWC_RING_HEADER_BYTES);
	fake.ring[ring] = (void *)ring_memory[ring];
	return (struct vfiowc_ring_info){
		.mmap_offset = (ring + 1ULL) << 32,
		.mmap_size = RING_BYTES,
		.entries = FAKE_ENTRIES,
		.stride = STRIDE(ring),
	};
}

/* Every response: the core's structure, then the driver's. */
#define respond(core, driver)                                                                      \
	do {                                                                                       \
		memcpy(response, &(core), sizeof(core));                                           \
		memcpy(response + sizeof(core), &(driver), sizeof(driver));                        \
	} while (0)

static void create_cq(uint8_t *response)
{
	struct ib_uverbs_create_cq_resp core = { .cq_handle = HANDLE, .cqe = FAKE_ENTRIES };
	struct vfiowc_create_cq_resp driver = { .cqn = 1, .cq = make_ring(FAKE_CQ) };

	respond(core, driver);
}

/* A new ring, as the kernel makes it: the same indices. */
static void modify_srq(const struct ib_uverbs_modify_srq *cmd)
{
	const struct vfiowc_modify_srq *req = (const void *)(cmd + 1);
	struct vfiowc_ring_info info;

	if (!(cmd->attr_mask & IBV_SRQ_MAX_WR))
		return;
	info = make_ring(FAKE_SRQ2);
	fake.ring[FAKE_SRQ2]->producer = fake.ring[FAKE_SRQ]->producer;
	fake.ring[FAKE_SRQ2]->consumer = fake.ring[FAKE_SRQ]->consumer;
	memcpy((void *)(uintptr_t)req->ring_info_addr, &info, sizeof(info));
}

static void create_ah(uint8_t *response)
{
	struct ib_uverbs_create_ah_resp core = { .ah_handle = HANDLE };
	struct vfiowc_create_ah_resp driver = { .ahn = FAKE_AHN };

	respond(core, driver);
}

/* Type 2 only, as the device. */
static bool alloc_mw(const struct ib_uverbs_alloc_mw *req, uint8_t *response)
{
	struct ib_uverbs_alloc_mw_resp core = { .mw_handle = HANDLE, .rkey = FAKE_MW_RKEY };

	if (req->mw_type != IBV_MW_TYPE_2) {
		errno = EOPNOTSUPP;
		return false;
	}
	memcpy(response, &core, sizeof(core));
	return true;
}

static void get_context(uint8_t *response)
{
	struct ib_uverbs_get_context_resp core = { .async_fd = UINT32_MAX, .num_comp_vectors = 1 };
	struct vfiowc_alloc_ucontext_resp driver = { .max_inline = FAKE_MAX_INLINE };

	respond(core, driver);
}

static ssize_t command(const struct ib_uverbs_cmd_hdr *hdr, size_t len)
{
	const void *body = hdr + 1;
	uint8_t *response = NULL;

	/* most commands begin with the address of their response */
	memcpy(&response, body, sizeof(response));
	/* an errno that libibverbs takes for nothing else */
	if (fake_uverbs_fails(ENOSPC))
		return -1;
	if ((int)hdr->command == fake.fail_command) {
		errno = fake.fail_errno;
		return -1;
	}
	switch (hdr->command) {
	case IB_USER_VERBS_CMD_GET_CONTEXT:
		get_context(response);
		break;
	case IB_USER_VERBS_CMD_CREATE_CQ:
		create_cq(response);
		fake.objects++;
		break;
	case IB_USER_VERBS_CMD_CREATE_AH:
		create_ah(response);
		fake.objects++;
		break;
	case IB_USER_VERBS_CMD_ALLOC_MW:
		if (!alloc_mw(body, response))
			return -1;
		fake.objects++;
		break;
	case IB_USER_VERBS_CMD_MODIFY_SRQ:
		modify_srq(body);
		break;
	case IB_USER_VERBS_CMD_DESTROY_SRQ:
		memset(response, 0, sizeof(struct ib_uverbs_destroy_srq_resp));
		fake.objects--;
		break;
	case IB_USER_VERBS_CMD_ALLOC_PD:
	case IB_USER_VERBS_CMD_REG_MR:
		memset(response, 0, sizeof(uint32_t));
		fake.objects++;
		break;
	case IB_USER_VERBS_CMD_DESTROY_CQ:
		memset(response, 0, sizeof(struct ib_uverbs_destroy_cq_resp));
		fake.objects--;
		break;
	case IB_USER_VERBS_CMD_DESTROY_QP:
		memset(response, 0, sizeof(struct ib_uverbs_destroy_qp_resp));
		fake.objects--;
		break;
	case IB_USER_VERBS_CMD_DEALLOC_PD:
	case IB_USER_VERBS_CMD_DEREG_MR:
	case IB_USER_VERBS_CMD_DESTROY_AH:
	case IB_USER_VERBS_CMD_DEALLOC_MW:
		fake.objects--;
		break;
	case IB_USER_VERBS_CMD_MODIFY_QP:
	case IB_USER_VERBS_CMD_REQ_NOTIFY_CQ:
		break;
	default:
		errno = ENOSYS;
		return -1;
	}
	return (ssize_t)len;
}

static struct ib_uverbs_attr *find_attr(struct ib_uverbs_ioctl_hdr *hdr, uint16_t id)
{
	for (int i = 0; i < hdr->num_attrs; i++)
		if (hdr->attrs[i].attr_id == id)
			return &hdr->attrs[i];
	return NULL;
}

/* What an output attribute points to. */
static void *out(struct ib_uverbs_ioctl_hdr *hdr, uint16_t id)
{
	return (void *)(uintptr_t)find_attr(hdr, id)->data;
}

static int create_qp(struct ib_uverbs_ioctl_hdr *hdr)
{
	struct ib_uverbs_qp_cap *wanted = out(hdr, UVERBS_ATTR_CREATE_QP_CAP);
	struct ib_uverbs_qp_cap *cap = out(hdr, UVERBS_ATTR_CREATE_QP_RESP_CAP);
	struct vfiowc_create_qp_resp driver = { .max_inline = FAKE_MAX_INLINE };

	*cap = (struct ib_uverbs_qp_cap){
		.max_send_wr = FAKE_ENTRIES,
		.max_recv_wr = wanted->max_recv_wr ? FAKE_ENTRIES : 0,
		.max_send_sge = FAKE_MAX_SGE,
		.max_recv_sge = FAKE_MAX_SGE,
		.max_inline_data = FAKE_MAX_INLINE,
	};
	driver.sq = make_ring(FAKE_SQ);
	if (cap->max_recv_wr)
		driver.rq = make_ring(FAKE_RQ);
	/* far apart: each is the first in its leaf of the table of done.h */
	*(uint32_t *)out(hdr, UVERBS_ATTR_CREATE_QP_RESP_QP_NUM) = 17 + (fake.qps_made++ << 12);
	memcpy(out(hdr, UVERBS_ATTR_UHW_OUT), &driver, sizeof(driver));
	find_attr(hdr, UVERBS_ATTR_CREATE_QP_HANDLE)->data = HANDLE;
	fake.objects++;
	return 0;
}

static int reg_dmabuf_mr(struct ib_uverbs_ioctl_hdr *hdr)
{
	*(uint32_t *)out(hdr, UVERBS_ATTR_REG_DMABUF_MR_RESP_LKEY) = 1;
	*(uint32_t *)out(hdr, UVERBS_ATTR_REG_DMABUF_MR_RESP_RKEY) = 1;
	find_attr(hdr, UVERBS_ATTR_REG_DMABUF_MR_HANDLE)->data = HANDLE;
	fake.objects++;
	return 0;
}

static int create_srq(struct ib_uverbs_ioctl_hdr *hdr)
{
	struct vfiowc_create_srq_resp driver = { .srq = make_ring(FAKE_SRQ) };

	*(uint32_t *)out(hdr, UVERBS_ATTR_CREATE_SRQ_RESP_MAX_WR) = FAKE_ENTRIES;
	*(uint32_t *)out(hdr, UVERBS_ATTR_CREATE_SRQ_RESP_MAX_SGE) = FAKE_MAX_SGE;
	memcpy(out(hdr, UVERBS_ATTR_UHW_OUT), &driver, sizeof(driver));
	find_attr(hdr, UVERBS_ATTR_CREATE_SRQ_HANDLE)->data = HANDLE;
	fake.objects++;
	return 0;
}

static int query_mr(struct ib_uverbs_ioctl_hdr *hdr)
{
	fake.mr_query_handle = find_attr(hdr, VFIOWC_IB_ATTR_MR_QUERY_HANDLE)->data;
	memcpy(out(hdr, VFIOWC_IB_ATTR_MR_QUERY_RESP), &fake.mr_query, sizeof(fake.mr_query));
	return 0;
}

static int make_doorbell(struct ib_uverbs_ioctl_hdr *hdr)
{
	fake.doorbell_fd = memfd_create("doorbell", MFD_CLOEXEC);
	find_attr(hdr, VFIOWC_IB_ATTR_DOORBELL_ALLOC_HANDLE)->data_s64 = fake.doorbell_fd;
	return 0;
}

static int ring_doorbell(unsigned long request, uint32_t qpn)
{
	if (fake_uverbs_fails(ENOSPC))
		return -1;
	errno = request == VFIOWC_IOCTL_DOORBELL ? fake.doorbell_errno : ENOTTY;
	if (errno)
		return -1;
	fake.doorbells++;
	fake.doorbell_qpn = qpn;
	fake.doorbell_producer = __atomic_load_n(&fake.ring[FAKE_SQ]->producer, __ATOMIC_ACQUIRE);
	return 0;
}

/*
 * CREATE_QP, whose write command means different things in different versions of uverbs, and what
 * has no write command. libibverbs tries the write command for all others.
 */
static int method(struct ib_uverbs_ioctl_hdr *hdr)
{
	int (*answer)(struct ib_uverbs_ioctl_hdr *hdr) = NULL;

	errno = EPROTONOSUPPORT;
	if (hdr->object_id == UVERBS_OBJECT_QP && hdr->method_id == UVERBS_METHOD_QP_CREATE) {
		answer = create_qp;
		errno = fake.fail_command == IB_USER_VERBS_CMD_CREATE_QP ? fake.fail_errno : 0;
	}
	if (hdr->object_id == UVERBS_OBJECT_SRQ && hdr->method_id == UVERBS_METHOD_SRQ_CREATE) {
		answer = create_srq;
		errno = fake.fail_command == IB_USER_VERBS_CMD_CREATE_SRQ ? fake.fail_errno : 0;
	}
	if (hdr->object_id == UVERBS_OBJECT_MR && hdr->method_id == VFIOWC_IB_METHOD_MR_QUERY) {
		answer = query_mr;
		errno = fake.ioctl_errno;
	}
	if (hdr->object_id == UVERBS_OBJECT_MR && hdr->method_id == UVERBS_METHOD_REG_DMABUF_MR) {
		answer = reg_dmabuf_mr;
		errno = 0;
	}
	if (hdr->object_id == VFIOWC_IB_OBJECT_DOORBELL &&
	    hdr->method_id == VFIOWC_IB_METHOD_DOORBELL_ALLOC) {
		answer = make_doorbell;
		errno = 0;
	}
	if (errno || fake_uverbs_fails(ENOSPC))
		return -1;
	return answer(hdr);
}

ssize_t write(int fd, const void *data, size_t len)
{
	return fd == fake.fd && fd ? command(data, len) : syscall(SYS_write, fd, data, len);
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (fd && fd == fake.doorbell_fd)
		return ring_doorbell(request, (uint32_t)(uintptr_t)arg);
	return fd == fake.fd && fd ? method(arg) : (int)syscall(SYS_ioctl, fd, request, arg);
}

void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	if (fd != fake.fd || fd <= 0)
		return (void *)syscall(SYS_mmap, addr, len, prot, flags, fd, offset);
	if (fake.fail_mmap && !--fake.fail_mmap) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	if (fake_uverbs_fails(EAGAIN))
		return MAP_FAILED;
	fake.mappings++;
	return ring_memory[(offset >> 32) - 1];
}

int munmap(void *addr, size_t len)
{
	uintptr_t offset = (uintptr_t)addr - (uintptr_t)ring_memory;

	if (offset >= sizeof(ring_memory))
		return (int)syscall(SYS_munmap, addr, len);
	fake.mappings--;
	return 0;
}
