/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/* A back-end of perftest's struct memory_ctx: buffers in a dma-buf of a VFIO device's BAR. */
#ifndef VFIO_DMABUF_MEMORY_H
#define VFIO_DMABUF_MEMORY_H

#include "memory.h"

struct perftest_parameters;

/**
 * vfio_dmabuf_memory_create() - the context of --use_vfio_dmabuf=BDF:BAR[+OFFSET]
 * @params: perftest's; the option's value is in vfio_dmabuf
 *
 * Return: the context, its functions as memory.h has them; perftest exits where memory runs out.
 */
struct memory_ctx *vfio_dmabuf_memory_create(struct perftest_parameters *params);

#endif
