// SPDX-License-Identifier: GPL-2.0
/*
 * Doorbell files: an object of the device's own, whose ioctl rings the doorbell of a QP of
 * the context that made it.  The POST_SEND command does the same; what it costs more than
 * the transfer of a short message (Documentation/speed.md) is the core's: two copies of
 * the command, and a look-up of the QP by its handle.
 *
 * The QP is found by its number and held, as a peer is (qp_table.c), so that a call and
 * the destruction of the QP, by its owner or because the device goes away, need no lock
 * of their own.  The code of this module runs in the call: an open file, unlike an open
 * context, keeps the module from being unloaded.  The device can still be deleted.
 */
#include <linux/fs.h>
#include <linux/module.h>
#include <rdma/uverbs_std_types.h>

#define UVERBS_MODULE_NAME vfiowc
#include <rdma/uverbs_named_ioctl.h>

#include "vfiowc_rdma.h"

/**
 * struct vfiowc_doorbell - a doorbell file
 * @uobj: the core's part; must be first
 * @owner: id of the context whose QPs it rings
 * @gone: the device was deleted
 */
struct vfiowc_doorbell {
	struct ib_uobject uobj;
	u64 owner;
	bool gone;
};

static struct vfiowc_doorbell *to_doorbell(struct ib_uobject *uobj)
{
	return container_of(uobj, struct vfiowc_doorbell, uobj);
}

static int doorbell_ring(const struct vfiowc_doorbell *doorbell, u32 qpn)
{
	struct vfiowc_qp *qp = vfiowc_qp_find(qpn);
	int err = -EINVAL;

	if (!qp)
		return READ_ONCE(doorbell->gone) ? -EIO : -EINVAL;
	if (qp->owner == doorbell->owner)
		err = vfiowc_sq_ring(qp);
	vfiowc_qp_put(qp);
	return err;
}

static long doorbell_ioctl(struct file *file, unsigned int cmd,
			   unsigned long qpn)
{
	if (cmd != VFIOWC_IOCTL_DOORBELL)
		return -ENOTTY;
	if (qpn > U32_MAX)
		return -EINVAL;
	return doorbell_ring(to_doorbell(file->private_data), qpn);
}

static const struct file_operations doorbell_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = doorbell_ioctl,
	/* the argument is a number */
	.compat_ioctl = doorbell_ioctl,
	.release = uverbs_uobject_fd_release,
};

/* The file is closed, or the device goes away under it. */
static void doorbell_destroy(struct ib_uobject *uobj,
			     enum rdma_remove_reason why)
{
	WRITE_ONCE(to_doorbell(uobj)->gone, true);
}

static int UVERBS_HANDLER(VFIOWC_IB_METHOD_DOORBELL_ALLOC)(struct uverbs_attr_bundle *attrs)
{
	struct ib_uobject *uobj =
		uverbs_attr_get_uobject(attrs,
					VFIOWC_IB_ATTR_DOORBELL_ALLOC_HANDLE);
	struct vfiowc_ucontext *uc =
		rdma_udata_to_drv_context(&attrs->driver_udata,
					  struct vfiowc_ucontext, ibuc);

	to_doorbell(uobj)->owner = uc->id;
	return 0;
}

DECLARE_UVERBS_NAMED_METHOD(VFIOWC_IB_METHOD_DOORBELL_ALLOC,
			    UVERBS_ATTR_FD(VFIOWC_IB_ATTR_DOORBELL_ALLOC_HANDLE,
					   VFIOWC_IB_OBJECT_DOORBELL,
					   UVERBS_ACCESS_NEW, UA_MANDATORY));

DECLARE_UVERBS_NAMED_OBJECT(VFIOWC_IB_OBJECT_DOORBELL,
			    UVERBS_TYPE_ALLOC_FD(sizeof(struct vfiowc_doorbell),
						 doorbell_destroy,
						 &doorbell_fops,
						 "[vfiowc_doorbell]", O_WRONLY),
			    &UVERBS_METHOD(VFIOWC_IB_METHOD_DOORBELL_ALLOC));

const struct uapi_definition vfiowc_doorbell_defs[] = {
	UAPI_DEF_CHAIN_OBJ_TREE_NAMED(VFIOWC_IB_OBJECT_DOORBELL),
	{},
};
