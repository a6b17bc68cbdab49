// SPDX-License-Identifier: GPL-2.0
/*
 * Where an MR of I/O memory lies: ranges of kernel addresses.  Those of vfiowc_pci's
 * dma-bufs are lent by the exporter, others are mapped here.
 */
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/io.h>
#include <linux/slab.h>

#include "vfiowc_dma_buf.h"
#include "vfiowc_io.h"
#include "vfiowc_rdma.h"

/*
 * What of @given, at @pos of the dma-buf, belongs to the MR.  Not by a write-combined
 * mapping: it would merge and delay what must be one access, and may answer a delivery
 * read early (O5i, O5t).
 */
static int range_add(struct vfiowc_mr *mr, const struct vfiowc_cpu_range *given,
		     u64 pos)
{
	u64 from = max(pos, mr->buf_offset);
	u64 to = min(pos + given->len, mr->buf_offset + mr->length);
	struct vfiowc_range *range = &mr->ranges[mr->nr_ranges];

	if (from >= to)
		return 0;
	range->start = from - mr->buf_offset;
	range->len = to - from;
	range->io = given->io ? given->io + (from - pos) :
				ioremap(given->phys + (from - pos), range->len);
	if (!range->io)
		return -ENOMEM;
	mr->nr_ranges++;
	if (vfiowc_io_uncached(range->io))
		return 0;
	ibdev_warn_ratelimited(&mr->dev->ibdev,
			       "memory at %pa can be mapped write-combined only: a program had mapped its resource file in sysfs before the VFIO device was opened; end it, and open the device again\n",
			       &given->phys);
	return -EBUSY;
}

/**
 * vfiowc_mr_ranges_set - say where an MR lies
 * @mr: the MR; dmabuf->resv held
 * @given: ranges of the whole dma-buf; mapped here if they have no kernel addresses,
 *	all of them or none
 * @nr: their number
 *
 * Return: 0; -EBUSY the kernel has write-combined mappings of the memory only; -ENOMEM;
 * -EINVAL the ranges are less than the dma-buf.  After a failure, too,
 * vfiowc_mr_ranges_unmap() what was mapped here.
 */
int vfiowc_mr_ranges_set(struct vfiowc_mr *mr,
			 const struct vfiowc_cpu_range *given, u32 nr)
{
	u64 pos = 0;
	int err;
	u32 i;

	dma_resv_assert_held(mr->dmabuf->resv);

	mr->ranges = kzalloc_objs(*mr->ranges, nr);
	if (!mr->ranges)
		return -ENOMEM;
	for (i = 0; i < nr; pos += given[i++].len) {
		err = range_add(mr, &given[i], pos);
		if (err)
			return err;
	}
	/* the exporter's ranges must cover what its size promised */
	return pos < mr->buf_offset + mr->length ? -EINVAL : 0;
}

/**
 * vfiowc_mr_ranges_unmap - unmap what was mapped by vfiowc_mr_ranges_set()
 * @mr: drained, or never published
 */
void vfiowc_mr_ranges_unmap(struct vfiowc_mr *mr)
{
	while (mr->nr_ranges)
		iounmap(mr->ranges[--mr->nr_ranges].io);
}
