// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's own copy: memcpy() between two pieces of the caller's memory, both
 * pinned and mapped in one piece beforehand, so that nothing but the copy is in the
 * measured time.  What the RDMA device's WRITE of as many bytes is compared with.
 */
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "vfiowc_test_copy.h"

/* Pages of the caller, mapped one behind the other. */
struct piece {
	struct page **pages;
	u32 pinned;
	void *addr;
};

static void piece_unmap(struct piece *piece, bool dirty)
{
	if (piece->addr)
		vunmap(piece->addr);
	unpin_user_pages_dirty_lock(piece->pages, piece->pinned, dirty);
	kvfree(piece->pages);
}

static int piece_map(struct piece *piece, u64 addr, u32 bytes, bool write)
{
	u32 nr = DIV_ROUND_UP(bytes, PAGE_SIZE);
	int ret;

	*piece = (struct piece){
		.pages = kvcalloc(nr, sizeof(*piece->pages), GFP_KERNEL),
	};
	if (!piece->pages)
		return -ENOMEM;
	ret = pin_user_pages_fast(addr, nr, write ? FOLL_WRITE : 0,
				  piece->pages);
	piece->pinned = max(ret, 0);
	if (ret == nr)
		piece->addr = vmap(piece->pages, nr, VM_MAP, PAGE_KERNEL);
	if (piece->addr)
		return 0;
	piece_unmap(piece, false);
	return ret < 0 ? ret : -ENOMEM;
}

static u64 measure(void *to, const void *from, u32 bytes, u32 times)
{
	u64 start = ktime_get_ns();

	while (times--) {
		memcpy(to, from, bytes);
		barrier_data(to);
	}
	return ktime_get_ns() - start;
}

static long copy_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct copy_request req;
	struct piece to, from;
	int ret;

	if (cmd != COPY_MEASURE)
		return -ENOTTY;
	if (copy_from_user(&req, (void __user *)arg, sizeof(req)))
		return -EFAULT;
	if (!req.bytes || req.bytes > COPY_BYTES_MAX ||
	    req.times > COPY_TIMES_MAX || !PAGE_ALIGNED(req.to | req.from))
		return -EINVAL;
	ret = piece_map(&from, req.from, req.bytes, false);
	if (ret)
		return ret;
	ret = piece_map(&to, req.to, req.bytes, true);
	if (ret)
		goto err_from;
	req.ns = measure(to.addr, from.addr, req.bytes, req.times);
	piece_unmap(&to, true);
	if (copy_to_user((void __user *)arg, &req, sizeof(req)))
		ret = -EFAULT;
err_from:
	piece_unmap(&from, false);
	return ret;
}

static const struct file_operations copy_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = copy_ioctl,
};

static struct miscdevice copy_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vfiowc_test_copy",
	.fops = &copy_fops,
	.mode = 0600,
};

module_misc_device(copy_misc);

MODULE_DESCRIPTION("The kernel's own copy, measured");
MODULE_AUTHOR("vfiowc");
MODULE_LICENSE("GPL");
