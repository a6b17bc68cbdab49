// SPDX-License-Identifier: GPL-2.0
/*
 * The verbs device: what it is, what it can do, and its sysfs attribute.
 *
 * Only what works is advertised; the limits are those the code enforces.
 *
 * There are no DMA handles (alloc_dmah): the kernel can look no tag up for a
 * processor, and the tag that an exporter published is the only one, so that
 * TPH_LOCKED holds for every dma-buf.  Whoever adds them must keep it.
 *
 * sysfs infiniband/NAME/tph, writable by root: which steering tags the device can
 * put on the wire: off, st or st_ext.  MRs read tags at registration, so a change
 * concerns later registrations.
 */
#include <linux/etherdevice.h>
#include <linux/sysfs.h>
#include <net/addrconf.h>
#include <rdma/ib_mad.h>

#include "vfiowc_rdma.h"

static const char *const tph_names[] = {
	[VFIOWC_TPH_NS_NONE] = "off",
	[VFIOWC_TPH_NS_ST] = "st",
	[VFIOWC_TPH_NS_ST_EXT] = "st_ext",
};

static ssize_t tph_show(struct device *device, struct device_attribute *attr,
			char *buf)
{
	struct vfiowc_dev *dev =
		rdma_device_to_drv_device(device, struct vfiowc_dev, ibdev);

	return sysfs_emit(buf, "%s\n", tph_names[READ_ONCE(dev->tph_emit)]);
}

static ssize_t tph_store(struct device *device, struct device_attribute *attr,
			 const char *buf, size_t count)
{
	struct vfiowc_dev *dev =
		rdma_device_to_drv_device(device, struct vfiowc_dev, ibdev);
	int ns = sysfs_match_string(tph_names, buf);

	if (ns < 0)
		return ns;
	WRITE_ONCE(dev->tph_emit, ns);
	return count;
}

static DEVICE_ATTR_RW(tph);

static struct attribute *vfiowc_attrs[] = {
	&dev_attr_tph.attr,
	NULL
};

static const struct attribute_group vfiowc_attr_group = {
	.attrs = vfiowc_attrs,
};

static int vfiowc_query_device(struct ib_device *ibdev,
			       struct ib_device_attr *attr,
			       struct ib_udata *udata)
{
	int err;

	err = ib_no_udata_io(udata);
	if (err)
		return err;
	*attr = (struct ib_device_attr){
		.sys_image_guid = ibdev->node_guid,
		.device_cap_flags = IB_DEVICE_RC_RNR_NAK_GEN |
				    IB_DEVICE_SRQ_RESIZE |
				    IB_DEVICE_MEM_WINDOW_TYPE_2B |
				    IB_DEVICE_FLUSH_GLOBAL |
				    IB_DEVICE_ATOMIC_WRITE,
		/* `rdma link delete` */
		.kernel_cap_flags = IBK_ALLOW_USER_UNREG,
		.max_mr_size = VFIOWC_MAX_MR_BYTES,
		.page_size_cap = PAGE_SIZE,
		.vendor_id = VFIOWC_VENDOR_ID,
		.max_qp = VFIOWC_MAX_QP,
		.max_qp_wr = VFIOWC_MAX_QP_WR,
		.max_send_sge = VFIOWC_MAX_SGE,
		.max_recv_sge = VFIOWC_MAX_SGE,
		.max_sge_rd = VFIOWC_MAX_SGE,
		.max_cq = VFIOWC_MAX_CQ,
		.max_cqe = VFIOWC_MAX_CQE,
		.max_mr = VFIOWC_MAX_MR,
		.max_mw = VFIOWC_MAX_MW,
		.max_pd = VFIOWC_MAX_PD,
		.max_qp_rd_atom = VFIOWC_MAX_RD_ATOMIC,
		.max_qp_init_rd_atom = VFIOWC_MAX_RD_ATOMIC,
		.max_res_rd_atom = VFIOWC_MAX_RD_ATOMIC * VFIOWC_MAX_QP,
		.atomic_cap = IB_ATOMIC_HCA,
		.max_ah = VFIOWC_MAX_AH,
		.max_srq = VFIOWC_MAX_SRQ,
		.max_srq_wr = VFIOWC_MAX_SRQ_WR,
		.max_srq_sge = VFIOWC_MAX_SGE,
		.max_pkeys = 1,
	};
	return 0;
}

static int vfiowc_query_pkey(struct ib_device *ibdev, u32 port, u16 index,
			     u16 *pkey)
{
	if (index)
		return -EINVAL;
	*pkey = IB_DEFAULT_PKEY_FULL;
	return 0;
}

static enum rdma_link_layer vfiowc_get_link_layer(struct ib_device *ibdev,
						  u32 port)
{
	return IB_LINK_LAYER_ETHERNET;
}

static void vfiowc_dealloc_driver(struct ib_device *ibdev)
{
	struct vfiowc_dev *dev = to_vdev(ibdev);

	WARN_ON(!xa_empty(&dev->mrs));
	xa_destroy(&dev->mrs);
	WARN_ON(!xa_empty(&dev->mws));
	xa_destroy(&dev->mws);
	mutex_destroy(&dev->mw_lock);
	ida_destroy(&dev->cqns);
	WARN_ON(!xa_empty(&dev->avs));
	xa_destroy(&dev->avs);
	free_percpu(dev->counters);
	WRITE_ONCE(dev->dead, true);
}

static const struct ib_device_ops vfiowc_dev_ops = {
	.owner = THIS_MODULE,
	.driver_id = RDMA_DRIVER_UNKNOWN,
	.uverbs_abi_ver = VFIOWC_UVERBS_ABI_VERSION,
	.uverbs_no_driver_id_binding = 1,
	.uverbs_robust_udata = 1,

	.alloc_hw_port_stats = vfiowc_alloc_hw_port_stats,
	.alloc_mw = vfiowc_alloc_mw,
	.alloc_pd = vfiowc_alloc_pd,
	.alloc_ucontext = vfiowc_alloc_ucontext,
	.create_qp = vfiowc_create_qp,
	.create_srq = vfiowc_create_srq,
	.create_user_ah = vfiowc_create_ah,
	.create_user_cq = vfiowc_create_cq,
	.dealloc_driver = vfiowc_dealloc_driver,
	.dealloc_mw = vfiowc_dealloc_mw,
	.dealloc_pd = vfiowc_dealloc_pd,
	.dealloc_ucontext = vfiowc_dealloc_ucontext,
	.dereg_mr = vfiowc_dereg_mr,
	.destroy_ah = vfiowc_destroy_ah,
	.destroy_cq = vfiowc_destroy_cq,
	.destroy_qp = vfiowc_destroy_qp,
	.destroy_srq = vfiowc_destroy_srq,
	.device_group = &vfiowc_attr_group,
	.disassociate_ucontext = vfiowc_disassociate_ucontext,
	.fill_res_cq_entry = vfiowc_fill_res_cq_entry,
	.fill_res_mr_entry = vfiowc_fill_res_mr_entry,
	.fill_res_qp_entry = vfiowc_fill_res_qp_entry,
	.fill_res_srq_entry = vfiowc_fill_res_srq_entry,
	.get_hw_stats = vfiowc_get_hw_stats,
	.get_link_layer = vfiowc_get_link_layer,
	.get_port_immutable = vfiowc_get_port_immutable,
	.mmap = vfiowc_mmap,
	.mmap_free = vfiowc_mmap_free,
	.modify_qp = vfiowc_modify_qp,
	.modify_srq = vfiowc_modify_srq,
	.post_send = vfiowc_post_send,
	.query_ah = vfiowc_query_ah,
	.query_device = vfiowc_query_device,
	.query_pkey = vfiowc_query_pkey,
	.query_port = vfiowc_query_port,
	.query_qp = vfiowc_query_qp,
	.query_srq = vfiowc_query_srq,
	.reg_user_mr = vfiowc_reg_user_mr,
	.reg_user_mr_dmabuf = vfiowc_reg_user_mr_dmabuf,
	.req_notify_cq = vfiowc_req_notify_cq,

	INIT_RDMA_OBJ_SIZE(ib_ah, vfiowc_ah, ibah),
	INIT_RDMA_OBJ_SIZE(ib_cq, vfiowc_cq, ibcq),
	INIT_RDMA_OBJ_SIZE(ib_mw, vfiowc_mw, ibmw),
	INIT_RDMA_OBJ_SIZE(ib_pd, vfiowc_pd, ibpd),
	INIT_RDMA_OBJ_SIZE(ib_qp, vfiowc_qp, ibqp),
	INIT_RDMA_OBJ_SIZE(ib_srq, vfiowc_srq, ibsrq),
	INIT_RDMA_OBJ_SIZE(ib_ucontext, vfiowc_ucontext, ibuc),
};

static void set_identity(struct vfiowc_dev *dev, const struct net_device *ndev)
{
	u8 mac[ETH_ALEN];

	/* a netdev without a hardware address still needs a unique GUID */
	if (ndev->addr_len == ETH_ALEN && !is_zero_ether_addr(ndev->dev_addr))
		ether_addr_copy(mac, ndev->dev_addr);
	else
		eth_random_addr(mac);
	addrconf_addr_eui48((u8 *)&dev->ibdev.node_guid, mac);
	strscpy(dev->ibdev.node_desc, VFIOWC_NODE_DESC,
		sizeof(dev->ibdev.node_desc));
	dev->ibdev.node_type = RDMA_NODE_IB_CA;
	dev->ibdev.phys_port_cnt = 1;
	dev->ibdev.num_comp_vectors = num_possible_cpus();
}

/**
 * vfiowc_dev_alloc - a device, not yet registered
 * @ndev: its netdev; the core takes a reference
 *
 * Return: the device, or NULL (no memory).
 */
struct vfiowc_dev *vfiowc_dev_alloc(struct net_device *ndev)
{
	struct vfiowc_dev *dev = ib_alloc_device(vfiowc_dev, ibdev);

	if (!dev)
		return NULL;
	dev->counters = alloc_percpu(struct vfiowc_counters);
	if (!dev->counters) {
		ib_dealloc_device(&dev->ibdev);
		return NULL;
	}
	INIT_LIST_HEAD(&dev->link);
	dev->ndev = ndev;
	dev->tph_emit = VFIOWC_TPH_NS_ST;
	xa_init_flags(&dev->mrs, XA_FLAGS_ALLOC1);
	xa_init(&dev->mws);
	mutex_init(&dev->mw_lock);
	atomic_set(&dev->nr_mws, 0);
	atomic_set(&dev->nr_pds, 0);
	atomic_set(&dev->nr_qps, 0);
	atomic_set(&dev->nr_srqs, 0);
	xa_init_flags(&dev->avs, XA_FLAGS_ALLOC1);
	ida_init(&dev->cqns);
	set_identity(dev, ndev);

	dev->ibdev.uverbs_cmd_mask |=
		BIT_ULL(IB_USER_VERBS_CMD_POST_SEND) |
		BIT_ULL(IB_USER_VERBS_CMD_REQ_NOTIFY_CQ);
	dev->ibdev.driver_def = vfiowc_uapi_defs;
	ib_set_device_ops(&dev->ibdev, &vfiowc_dev_ops);
	if (ib_device_set_netdev(&dev->ibdev, ndev, VFIOWC_PORT)) {
		ib_dealloc_device(&dev->ibdev);
		return NULL;
	}
	return dev;
}
