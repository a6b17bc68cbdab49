// SPDX-License-Identifier: GPL-2.0
/*
 * The order stage: the one place through which every write to a target passes,
 * whether it comes from a WRITE, a SEND or the response of a READ.
 *
 * It stands for the posted-write path between the device and the completer.
 * Strict: a write goes through at once, so within one engine writes are delivered
 * in the order they are issued (the strict half of O6), and a completion or a
 * later flag follows all of them.  A stage that may hold writes and release them
 * in any order PCIe allows would stand here and nowhere else.
 *
 * Context: the MRs of both sides are held by the caller; does not sleep.
 */
#include <asm/barrier.h>

#include "vfiowc_rdma.h"

/**
 * vfiowc_order_write - a write enters the path to its target
 * @to: target
 * @from: source; may be reused when the function returns
 * @length: bytes
 */
void vfiowc_order_write(const struct vfiowc_span *to,
			const struct vfiowc_span *from, u32 length)
{
	vfiowc_copy(to, from, length);
	if (!to->mr || to->mr->kind != VFIOWC_MEM_BUF_IO)
		return;
	/*
	 * Posted before anything the engine does next: before a completion that
	 * makes someone ring the device (O7), and before the MR is let go, so that
	 * the read-back with which the exporter ends a revoke delivers it (O9).
	 */
	wmb();
}
