// SPDX-License-Identifier: GPL-2.0
/*
 * Module load and unload.
 *
 * Unloading while applications have the device open is allowed: their objects are
 * destroyed (disassociate_ucontext) and their calls fail with EIO.
 */
#include <linux/module.h>
#include <rdma/rdma_netlink.h>

#include "copy.h"
#include "vfiowc_rdma.h"

/* Runs what QPs cannot do inside a doorbell call. */
struct workqueue_struct *vfiowc_wq;

static int __init vfiowc_init(void)
{
	int err;

	err = vfiowc_copy_choose();
	if (err)
		return err;
	vfiowc_wq = alloc_workqueue("vfiowc", WQ_UNBOUND, 0);
	if (!vfiowc_wq)
		return -ENOMEM;
	err = vfiowc_netdev_init();
	if (err)
		destroy_workqueue(vfiowc_wq);
	return err;
}

static void __exit vfiowc_exit(void)
{
	vfiowc_netdev_exit();
	vfiowc_qp_table_exit();
	destroy_workqueue(vfiowc_wq);
	/* handles and MRs are freed by RCU callbacks of the kernel proper */
}

module_init(vfiowc_init);
module_exit(vfiowc_exit);

MODULE_DESCRIPTION("Software RDMA device that imports dma-bufs for peer-to-peer");
MODULE_AUTHOR("vfiowc");
MODULE_LICENSE("GPL");
MODULE_ALIAS_RDMA_LINK("vfiowc");
