// SPDX-License-Identifier: GPL-2.0
/*
 * Address handles.
 *
 * A handle is a number in the send queue's slots.  What it stands for is looked up
 * under RCU and copied for each request, so a handle may be destroyed at any
 * time; requests that name it afterwards fail.
 */
#include <linux/slab.h>
#include <net/ipv6.h>
#include <rdma/ib_cache.h>

#include "vfiowc_rdma.h"

static int av_fill(struct vfiowc_dev *dev, struct vfiowc_av *av,
		   const struct rdma_ah_attr *attr)
{
	const struct ib_global_route *grh = rdma_ah_read_grh(attr);

	if (!(rdma_ah_get_ah_flags(attr) & IB_AH_GRH) || !grh->sgid_attr)
		return -EINVAL;
	av->sgid = grh->sgid_attr->gid;
	av->dgid = grh->dgid;
	av->is_ipv4 = ipv6_addr_v4mapped((struct in6_addr *)&av->sgid);
	av->traffic_class = grh->traffic_class;
	av->hop_limit = grh->hop_limit;
	av->flow_label = grh->flow_label;
	av->sl = rdma_ah_get_sl(attr);
	return vfiowc_dev_by_gid(dev, &grh->dgid, &av->dest_dev);
}

/**
 * vfiowc_create_ah - see ib_device_ops
 * @ibah: the handle
 * @init: destination, with a GRH
 * @udata: no request, struct vfiowc_create_ah_resp
 *
 * Return: 0; -EINVAL no GRH, or no room for the response; -EHOSTUNREACH the
 * destination GID is no port of ours; -ENOMEM, also for VFIOWC_MAX_AH; -EFAULT.
 */
int vfiowc_create_ah(struct ib_ah *ibah, struct rdma_ah_init_attr *init,
		     struct ib_udata *udata)
{
	struct vfiowc_dev *dev = to_vdev(ibah->device);
	struct vfiowc_create_ah_resp resp = {};
	struct vfiowc_ah *ah = to_vah(ibah);
	int err;

	err = ib_is_udata_in_empty(udata);
	if (err)
		return err;
	if (udata->outlen < sizeof(resp))
		return -EINVAL;
	ah->av = kzalloc_obj(*ah->av);
	if (!ah->av)
		return -ENOMEM;
	ah->av->pd = ibah->pd;
	err = av_fill(dev, ah->av, init->ah_attr);
	if (err)
		goto err_free;
	err = xa_alloc(&dev->avs, &ah->ahn, ah->av, XA_LIMIT(1, VFIOWC_MAX_AH),
		       GFP_KERNEL);
	if (err) {
		err = err == -EBUSY ? -ENOMEM : err;
		goto err_free;
	}
	resp.ahn = ah->ahn;
	err = ib_respond_udata(udata, resp);
	if (err)
		goto err_erase;
	return 0;

err_erase:
	xa_erase(&dev->avs, ah->ahn);
	kfree_rcu(ah->av, rcu);
	return err;
err_free:
	kfree(ah->av);
	return err;
}

/**
 * vfiowc_query_ah - see ib_device_ops
 * @ibah: the handle
 * @attr: out
 *
 * Return: 0.
 */
int vfiowc_query_ah(struct ib_ah *ibah, struct rdma_ah_attr *attr)
{
	const struct vfiowc_av *av = to_vah(ibah)->av;

	attr->type = RDMA_AH_ATTR_TYPE_ROCE;
	rdma_ah_set_port_num(attr, VFIOWC_PORT);
	rdma_ah_set_sl(attr, av->sl);
	rdma_ah_set_grh(attr, (union ib_gid *)&av->dgid, av->flow_label,
			ibah->sgid_attr->index, av->hop_limit,
			av->traffic_class);
	return 0;
}

/**
 * vfiowc_destroy_ah - see ib_device_ops
 * @ibah: the handle
 * @flags: RDMA_DESTROY_AH_*: does not sleep anyway
 *
 * Return: 0.
 */
int vfiowc_destroy_ah(struct ib_ah *ibah, u32 flags)
{
	struct vfiowc_ah *ah = to_vah(ibah);

	xa_erase(&to_vdev(ibah->device)->avs, ah->ahn);
	kfree_rcu(ah->av, rcu);
	return 0;
}

/**
 * vfiowc_av_get - what an address handle stands for
 * @dev: device of the QP
 * @pd: PD of the QP
 * @ahn: number of the handle
 * @av: out
 *
 * Return: false: there is none in this PD.
 */
bool vfiowc_av_get(struct vfiowc_dev *dev, struct ib_pd *pd, u32 ahn,
		   struct vfiowc_av *av)
{
	const struct vfiowc_av *found;
	bool ok;

	rcu_read_lock();
	found = xa_load(&dev->avs, ahn);
	ok = found && found->pd == pd;
	if (ok)
		*av = *found;
	rcu_read_unlock();
	return ok;
}
