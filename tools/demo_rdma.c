// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* `vfiowc demo`: the importing RDMA device, and the record of each work request posted on it. */
#include <errno.h>
#include <string.h>

#include "demo.h"

int demo_rdma(struct demo *d)
{
	const char *what;
	int err;

	if (link_ensure(d->rdma, d->bdf, &d->link))
		return -1;
	err = nic_open(d->rdma, &d->nic, &what);
	if (err)
		return demo_fail(d, d->rdma, "%s: %s; see `ibv_devinfo -d %s`", what, strerror(err),
				 d->rdma);
	if (sysfs_read(d->tph_mode, sizeof(d->tph_mode), "/sys/class/infiniband/%s/tph", d->rdma))
		strcpy(d->tph_mode, "unknown");
	if (d->link.added)
		demo_say(d, "%s: added to %s for this run", d->rdma, d->link.netdev);
	demo_say(d, "%s: port active, tags it can emit: %s", d->rdma, d->tph_mode);
	return 0;
}

static const char *host_op(enum ibv_wr_opcode opcode)
{
	return opcode == IBV_WR_RDMA_READ ? "READ" : "WRITE";
}

/* Posts one work request and notes it; the completion's status is in the note. */
static struct work *post(struct demo *d, enum ibv_wr_opcode opcode, const struct slice *slice,
			 uint64_t offset, void *host, uint32_t bytes)
{
	struct work *work = &d->works[d->num_works];
	int err;

	if (d->num_works == WORKS_MAX) {
		demo_fail(d, d->rdma, "more than %d work requests", WORKS_MAX);
		return NULL;
	}
	*work = (struct work){
		.wr_id = ++d->num_works,
		.opcode = opcode,
		.slice = slice,
		.address = slice->bar_offset + offset,
		.bytes = bytes,
		.qpn = d->nic.initiator->qp_num,
		.status = IBV_WC_GENERAL_ERR,
	};
	err = nic_transfer(&d->nic, work->wr_id, opcode, host, bytes, work->address,
			   slice->mr->rkey, &work->status);
	if (err) {
		demo_fail(d, d->rdma, "%s of %u bytes, slice %s: %s", host_op(opcode), bytes,
			  slice->name, strerror(err));
		return NULL;
	}
	return work;
}

/**
 * demo_transfer() - one READ or WRITE of a slice, which must succeed
 * @offset: bytes into the slice
 * @host: in nic.out or nic.in
 */
int demo_transfer(struct demo *d, enum ibv_wr_opcode opcode, const struct slice *slice,
		  uint64_t offset, void *host, uint32_t bytes)
{
	struct work *work = post(d, opcode, slice, offset, host, bytes);

	if (!work)
		return -1;
	if (work->status != IBV_WC_SUCCESS)
		return demo_fail(d, d->rdma, "%s of %u bytes, slice %s + 0x%llx, ended with '%s'",
				 host_op(opcode), bytes, slice->name, (unsigned long long)offset,
				 ibv_wc_status_str(work->status));
	return 0;
}

/** demo_transfer_refused() - one WRITE to a slice that was invalidated: must end with an error */
int demo_transfer_refused(struct demo *d, const struct slice *slice, uint64_t offset, void *host,
			  uint32_t bytes, enum ibv_wc_status *status)
{
	struct work *work = post(d, IBV_WR_RDMA_WRITE, slice, offset, host, bytes);

	if (!work)
		return -1;
	*status = work->status;
	if (work->status == IBV_WC_SUCCESS)
		return demo_fail(d, d->rdma, "a WRITE to slice %s, which was taken away, succeeded",
				 slice->name);
	return 0;
}

/** demo_verified() - the data of the work requests from @first on was compared and is right */
void demo_verified(struct demo *d, unsigned int first)
{
	for (unsigned int i = first; i < d->num_works; i++)
		d->works[i].verified = d->works[i].status == IBV_WC_SUCCESS;
}
