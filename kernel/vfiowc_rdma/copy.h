/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The copy routines below copy.c: I/O memory in copy_io.c, memory in copy_mem.c.
 */
#ifndef _VFIOWC_COPY_H
#define _VFIOWC_COPY_H

#include <linux/static_call.h>
#include <linux/types.h>

/* The widest access to I/O memory, and the grain at which transfers are cut. */
#define VFIOWC_IO_WORD		8U

/* copy_io.c */
void vfiowc_io_put(void __iomem *to, const void *from, u32 n);
void vfiowc_io_get(void *to, const void __iomem *from, u32 n);
void vfiowc_io_move(void __iomem *to, const void __iomem *from, u32 n);

/* copy_mem.c */
void vfiowc_copy_memcpy(void *to, const void *from, size_t n);
DECLARE_STATIC_CALL(vfiowc_mem_copy, vfiowc_copy_memcpy);
int vfiowc_copy_choose(void);

#endif /* _VFIOWC_COPY_H */
