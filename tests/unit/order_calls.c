// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * One function for each ordering call, compiled and disassembled by order_calls.sh, which compares
 * the instructions with those that the header documents. Never run.
 */
#include <infiniband/vfiowc_order.h>

void call_wc_flush(void);
void call_ring32(volatile void *bell);
void call_ring64(volatile void *bell);
void call_ring32_wc(volatile void *bell);
void call_ring64_wc(volatile void *bell);
uint32_t call_deliver(const volatile void *word);
void call_acquire(void);
void call_done_reading(void);
void call_wc_lock(struct vfiowc_line_lock *lock);
void call_wc_unlock(struct vfiowc_line_lock *lock);

void call_wc_flush(void)
{
	vfiowc_wc_flush();
}

void call_ring32(volatile void *bell)
{
	vfiowc_ring32(bell, 7);
}

void call_ring64(volatile void *bell)
{
	vfiowc_ring64(bell, 7);
}

void call_ring32_wc(volatile void *bell)
{
	vfiowc_ring32_wc(bell, 7);
}

void call_ring64_wc(volatile void *bell)
{
	vfiowc_ring64_wc(bell, 7);
}

uint32_t call_deliver(const volatile void *word)
{
	return vfiowc_deliver(word);
}

void call_acquire(void)
{
	vfiowc_acquire();
}

void call_done_reading(void)
{
	vfiowc_done_reading();
}

void call_wc_lock(struct vfiowc_line_lock *lock)
{
	vfiowc_wc_lock(lock);
}

void call_wc_unlock(struct vfiowc_line_lock *lock)
{
	vfiowc_wc_unlock(lock);
}
