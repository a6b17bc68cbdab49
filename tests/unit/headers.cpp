// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* The headers in C++, their inline functions called so that they are compiled. */
#include <infiniband/vfiowc_order.h>
#include <infiniband/vfiowc.h>
#include <infiniband/vfiowc_p2p.h>
#include <infiniband/vfiowc_share.h>

uint32_t every_inline_call(volatile void *word);

uint32_t every_inline_call(volatile void *word)
{
	vfiowc_wc_flush();
	vfiowc_ring32(word, 1);
	vfiowc_ring64(word, 1);
	vfiowc_ring32_wc(word, 1);
	vfiowc_ring64_wc(word, 1);
	vfiowc_acquire();
	vfiowc_done_reading();
	vfiowc_wc_lock((struct vfiowc_line_lock *)(uintptr_t)word);
	vfiowc_wc_unlock((struct vfiowc_line_lock *)(uintptr_t)word);
	return vfiowc_deliver(word);
}
