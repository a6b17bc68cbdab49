// SPDX-License-Identifier: GPL-2.0
/*
 * Devices and the netdevs they sit on: link add, the port, and what happens when
 * a netdev goes away.
 *
 * The list holds a reference of each struct device.  A device that the core has
 * deallocated (link delete, netdev gone) stays on it, marked dead, until the next
 * link add or module exit takes it off after ib_unregister_device(), which waits
 * for an unregistration in progress: so no code of this module can run any more
 * when the list is empty.
 *
 * Lock order: rtnl, devs_lock.  devs_lock is never held while calling into the
 * core's registration.
 */
#include <linux/if_arp.h>
#include <linux/netdevice.h>
#include <rdma/ib_cache.h>
#include <rdma/rdma_netlink.h>

#include "vfiowc_rdma.h"

static LIST_HEAD(devs);
static DEFINE_MUTEX(devs_lock);
static u32 last_id;	/* devs_lock */

static void devs_add(struct vfiowc_dev *dev)
{
	get_device(&dev->ibdev.dev);
	mutex_lock(&devs_lock);
	dev->id = ++last_id;
	list_add_tail(&dev->link, &devs);
	mutex_unlock(&devs_lock);
}

static void devs_remove(struct vfiowc_dev *dev)
{
	mutex_lock(&devs_lock);
	list_del_init(&dev->link);
	mutex_unlock(&devs_lock);
	put_device(&dev->ibdev.dev);
}

/* The first device, or the first dead one, with a reference; NULL: none. */
static struct vfiowc_dev *devs_first(bool dead_only)
{
	struct vfiowc_dev *dev, *found = NULL;

	mutex_lock(&devs_lock);
	list_for_each_entry(dev, &devs, link) {
		if (!dead_only || READ_ONCE(dev->dead)) {
			found = dev;
			get_device(&dev->ibdev.dev);
			break;
		}
	}
	mutex_unlock(&devs_lock);
	return found;
}

static void devs_unregister(bool dead_only)
{
	struct vfiowc_dev *dev;

	while ((dev = devs_first(dead_only))) {
		ib_unregister_device(&dev->ibdev);
		devs_remove(dev);
		put_device(&dev->ibdev.dev);
	}
}

/* A live device on @ndev, for ib_device_put(). */
static struct vfiowc_dev *devs_get_by_netdev(const struct net_device *ndev)
{
	struct vfiowc_dev *dev, *found = NULL;

	mutex_lock(&devs_lock);
	list_for_each_entry(dev, &devs, link) {
		if (dev->ndev == ndev && ib_device_try_get(&dev->ibdev)) {
			found = dev;
			break;
		}
	}
	mutex_unlock(&devs_lock);
	return found;
}

static bool dev_has_gid(struct vfiowc_dev *dev, const union ib_gid *gid)
{
	const struct ib_gid_attr *attr;

	attr = rdma_find_gid(&dev->ibdev, gid, IB_GID_TYPE_ROCE_UDP_ENCAP,
			     NULL);
	if (IS_ERR(attr))
		return false;
	rdma_put_gid_attr(attr);
	return true;
}

/**
 * vfiowc_dev_by_gid - which of our devices has this GID on its port?
 * @likely: it is the one if it has the GID, too: a VLAN and the netdev below it have
 *	one link-local GID, and what is below has those of the VLAN as well
 * @gid: a destination
 * @id: out: vfiowc_dev.id
 *
 * Return: 0 or -EHOSTUNREACH.
 */
int vfiowc_dev_by_gid(struct vfiowc_dev *likely, const union ib_gid *gid,
		      u32 *id)
{
	struct vfiowc_dev *dev;
	int err = -EHOSTUNREACH;

	if (dev_has_gid(likely, gid)) {
		*id = likely->id;
		return 0;
	}
	mutex_lock(&devs_lock);
	list_for_each_entry(dev, &devs, link) {
		if (!ib_device_try_get(&dev->ibdev))
			continue;
		if (dev_has_gid(dev, gid)) {
			*id = dev->id;
			err = 0;
		}
		ib_device_put(&dev->ibdev);
		if (!err)
			break;
	}
	mutex_unlock(&devs_lock);
	return err;
}

/**
 * vfiowc_newlink - rdma link add NAME type vfiowc netdev DEV
 * @name: name of the new device
 * @ndev: its netdev
 *
 * Return: 0; -EINVAL not Ethernet; -EEXIST there is one on @ndev; -ENODEV @ndev
 * is going away; -ENOMEM; what the core says.
 */
int vfiowc_newlink(const char *name, struct net_device *ndev)
{
	struct vfiowc_dev *dev;
	int err;

	if (ndev->type != ARPHRD_ETHER)
		return -EINVAL;
	devs_unregister(true);
	dev = devs_get_by_netdev(ndev);
	if (dev) {
		ib_device_put(&dev->ibdev);
		return -EEXIST;
	}

	dev = vfiowc_dev_alloc(ndev);
	if (!dev)
		return -ENOMEM;
	ib_mark_name_assigned_by_user(&dev->ibdev);
	devs_add(dev);
	get_device(&dev->ibdev.dev);
	err = ib_register_device(&dev->ibdev, name, NULL);
	if (err) {
		devs_remove(dev);
		ib_dealloc_device(&dev->ibdev);
	} else if (READ_ONCE(ndev->reg_state) != NETREG_REGISTERED) {
		/* its NETDEV_UNREGISTER came before we could be found */
		ib_unregister_device(&dev->ibdev);
		err = -ENODEV;
	}
	put_device(&dev->ibdev.dev);
	return err;
}

static void port_attr_fixed(struct ib_port_attr *attr)
{
	attr->gid_tbl_len = VFIOWC_GID_TABLE_LEN;
	attr->pkey_tbl_len = 1;
	attr->max_msg_sz = VFIOWC_MAX_MSG_BYTES;
	attr->max_vl_num = 1;
	attr->max_mtu = IB_MTU_4096;
	attr->active_mtu = IB_MTU_4096;
	attr->ip_gids = true;
}

/**
 * vfiowc_query_port - see ib_device_ops
 * @ibdev: the device
 * @port: 1
 * @attr: out
 *
 * The state follows the netdev.  The MTU does not: nothing is packetised.
 *
 * Return: 0 or -ENODEV.
 */
int vfiowc_query_port(struct ib_device *ibdev, u32 port,
		      struct ib_port_attr *attr)
{
	struct net_device *ndev = ib_device_get_netdev(ibdev, port);
	int err;

	if (!ndev)
		return -ENODEV;
	port_attr_fixed(attr);
	attr->state = ib_get_curr_port_state(ndev);
	if (attr->state == IB_PORT_ACTIVE)
		attr->phys_state = IB_PORT_PHYS_STATE_LINK_UP;
	else if (netif_running(ndev))
		attr->phys_state = IB_PORT_PHYS_STATE_POLLING;
	else
		attr->phys_state = IB_PORT_PHYS_STATE_DISABLED;
	err = ib_get_eth_speed(ibdev, port, &attr->active_speed,
			       &attr->active_width);
	dev_put(ndev);
	return err;
}

/**
 * vfiowc_get_port_immutable - see ib_device_ops
 * @ibdev: the device
 * @port: 1
 * @immutable: out
 *
 * RoCE v2 addressing, without MAD and CM.
 *
 * Return: 0.
 */
int vfiowc_get_port_immutable(struct ib_device *ibdev, u32 port,
			      struct ib_port_immutable *immutable)
{
	immutable->core_cap_flags = RDMA_CORE_CAP_PROT_ROCE_UDP_ENCAP |
				    RDMA_CORE_CAP_ETH_AH;
	immutable->gid_tbl_len = VFIOWC_GID_TABLE_LEN;
	immutable->pkey_tbl_len = 1;
	return 0;
}

/* Port events are the core's business; ours is a netdev that goes away. */
static int netdev_event(struct notifier_block *nb, unsigned long event,
			void *ptr)
{
	struct net_device *ndev = netdev_notifier_info_to_dev(ptr);
	struct vfiowc_dev *dev;

	if (event != NETDEV_UNREGISTER)
		return NOTIFY_OK;
	dev = devs_get_by_netdev(ndev);
	if (dev) {
		ib_unregister_device_queued(&dev->ibdev);
		ib_device_put(&dev->ibdev);
	}
	return NOTIFY_OK;
}

static struct notifier_block netdev_notifier = {
	.notifier_call = netdev_event,
};

static struct rdma_link_ops link_ops = {
	.type = "vfiowc",
	.newlink = vfiowc_newlink,
};

/**
 * vfiowc_netdev_init - begin to accept devices
 *
 * Return: 0 or a negative errno.
 */
int vfiowc_netdev_init(void)
{
	int err;

	err = register_netdevice_notifier(&netdev_notifier);
	if (err)
		return err;
	rdma_link_register(&link_ops);
	return 0;
}

/**
 * vfiowc_netdev_exit - unregister all devices; applications lose theirs
 */
void vfiowc_netdev_exit(void)
{
	rdma_link_unregister(&link_ops);
	unregister_netdevice_notifier(&netdev_notifier);
	devs_unregister(false);
}
