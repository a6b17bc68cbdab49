// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * The replaced functions of libibverbs: memory of a target is registered as a dma-buf MR, at the
 * address the program knows it by, so that the address it tells its peer stays right. All other
 * memory is registered as ever, and named as host memory.
 *
 * ibv_reg_mr() is a macro that becomes either of two functions; both are replaced. They carry the
 * symbol versions that libibverbs gives them (preload.map), and the real ones are asked for by
 * version: an unversioned look-up may find the one for programs of 2006.
 */
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "preload.h"

#undef ibv_reg_mr

#define REPORT_LEN 96

/* What ibv_reg_dmabuf_mr() knows; other bits change what the MR is, or are hints one may drop. */
#define ACCESS_KNOWN (IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ | \
		      IBV_ACCESS_REMOTE_ATOMIC | IBV_ACCESS_RELAXED_ORDERING)

typedef struct ibv_mr *(*reg_mr_fn)(struct ibv_pd *, void *, size_t, int);
typedef struct ibv_mr *(*reg_iova_fn)(struct ibv_pd *, void *, size_t, uint64_t, unsigned int);
typedef struct ibv_mr *(*reg_dmabuf_fn)(struct ibv_pd *, uint64_t, size_t, uint64_t, int, int);
typedef int (*dereg_fn)(struct ibv_mr *);
typedef int (*close_fn)(struct ibv_context *);

struct ibv_mr *ibv_reg_mr(struct ibv_pd *pd, void *address, size_t length, int access);

void *verbs_next(const char *name, const char *version)
{
	void *function = dlvsym(RTLD_NEXT, name, version);

	if (!function)
		refuse("function=%s reason=\"the program's libibverbs has no version %s of it\"", name,
		       version);
	return function;
}

static const char *access_reason(unsigned int access)
{
	if (access & IBV_ACCESS_ON_DEMAND)
		return "on-demand paging (ODP) is for pages of the process; a dma-buf has none";
	if (access & IBV_ACCESS_HUGETLB)
		return "huge pages are host memory";
	if (access & IBV_ACCESS_MW_BIND)
		return "memory windows cannot be bound to a dma-buf MR";
	return "an access flag that dma-buf MRs do not have";
}

static struct ibv_mr *redirect(struct ibv_pd *pd, const void *address, size_t length, uint64_t iova,
			       unsigned int access, const struct piece *piece)
{
	reg_dmabuf_fn reg = (reg_dmabuf_fn)verbs_next("ibv_reg_dmabuf_mr", "IBVERBS_1.12");
	unsigned int unknown = access & ~ACCESS_KNOWN & ~IBV_ACCESS_OPTIONAL_RANGE;
	struct ibv_mr *mr;
	int err = EOPNOTSUPP;

	if (unknown)
		refuse("target=%d address=%p length=%zu access=0x%x reason=\"%s\"", piece->target, address,
		       length, access, access_reason(unknown));
	if (unknown || !reg)
		goto err_errno;
	mr = reg(pd, piece->offset, length, iova, targets_get(piece->target)->dmabuf_fd,
		 access & ACCESS_KNOWN);
	if (mr)
		return mr;
	err = errno;
	refuse("target=%d rdma=%s address=%p length=%zu reason=\"%s%s\"", piece->target,
	       pd->context->device->name, address, length, strerror(err),
	       err == EOPNOTSUPP ? ": this RDMA device cannot register this dma-buf" :
	       err == ENODEV ? ": the target was revoked" : "");
err_errno:
	errno = err;
	return NULL;
}

static void report_mr(struct ibv_mr *mr, const void *address, size_t length, uint64_t iova,
		      const struct piece *piece)
{
	const char *device = mr->context->device->name;
	char tags[REPORT_LEN];

	if (piece->target < 0) {
		report("mr", "rdma=%s target=host address=%p length=%zu lkey=0x%x rkey=0x%x", device,
		       address, length, mr->lkey, mr->rkey);
		return;
	}
	observe_mr(mr, tags, sizeof(tags));
	report("mr", "rdma=%s target=%d address=%p offset=0x%" PRIx64 " length=%zu iova=0x%" PRIx64
	       " lkey=0x%x rkey=0x%x %s", device, piece->target, address, piece->offset, length, iova,
	       mr->lkey, mr->rkey, tags);
}

static int find_piece(const void *address, size_t length, struct piece *piece)
{
	if (!maps_find(address, length, piece))
		return 0;
	refuse("address=%p length=%zu reason=\"only a part of this memory is a target's\"", address,
	       length);
	errno = EINVAL;
	return EINVAL;
}

PRELOAD_EXPORT struct ibv_mr *ibv_reg_mr(struct ibv_pd *pd, void *address, size_t length, int access)
{
	reg_mr_fn reg = (reg_mr_fn)verbs_next("ibv_reg_mr", "IBVERBS_1.1");
	struct ibv_mr *mr = NULL;
	struct piece piece;

	if (find_piece(address, length, &piece))
		return NULL;
	if (piece.target >= 0)
		mr = redirect(pd, address, length, (uintptr_t)address, access, &piece);
	else if (reg)
		mr = reg(pd, address, length, access);
	if (mr && piece.target >= 0)
		mrs_add(mr);
	if (mr)
		report_mr(mr, address, length, (uintptr_t)address, &piece);
	return mr;
}

PRELOAD_EXPORT struct ibv_mr *ibv_reg_mr_iova2(struct ibv_pd *pd, void *address, size_t length,
					       uint64_t iova, unsigned int access)
{
	reg_iova_fn reg = (reg_iova_fn)verbs_next("ibv_reg_mr_iova2", "IBVERBS_1.8");
	struct ibv_mr *mr = NULL;
	struct piece piece;

	if (find_piece(address, length, &piece))
		return NULL;
	if (piece.target >= 0)
		mr = redirect(pd, address, length, iova, access, &piece);
	else if (reg)
		mr = reg(pd, address, length, iova, access);
	if (mr && piece.target >= 0)
		mrs_add(mr);
	if (mr)
		report_mr(mr, address, length, iova, &piece);
	return mr;
}

/* The state at its end tells whether the device was reset, or the target revoked, in between. */
static void report_end(struct ibv_mr *mr)
{
	char tags[REPORT_LEN];

	observe_mr(mr, tags, sizeof(tags));
	report("end", "lkey=0x%x rkey=0x%x %s", mr->lkey, mr->rkey, tags);
}

PRELOAD_EXPORT int ibv_dereg_mr(struct ibv_mr *mr)
{
	dereg_fn dereg = (dereg_fn)verbs_next("ibv_dereg_mr", "IBVERBS_1.1");

	if (!dereg)
		return ENOSYS;
	if (mrs_take(mr))
		report_end(mr);
	return dereg(mr);
}

PRELOAD_EXPORT int ibv_close_device(struct ibv_context *context)
{
	close_fn close_device = (close_fn)verbs_next("ibv_close_device", "IBVERBS_1.1");
	struct ibv_mr *mr;

	if (!close_device) {
		errno = ENOSYS;
		return -1;
	}
	while ((mr = mrs_take_any(context)))
		report_end(mr);
	return close_device(context);
}

/* A program that gives up on an error completion exits with its MRs registered. */
static __attribute__((destructor)) void report_rest(void)
{
	struct ibv_mr *mr;

	while ((mr = mrs_take_any(NULL)))
		report_end(mr);
}
