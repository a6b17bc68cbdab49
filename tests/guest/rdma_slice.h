/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * Slices of a BAR as the RDMA tests need them: any BAR of any function of the guest, opened
 * through the exporter (exporter.h has its features), seen through the CPU mapping of the VFIO
 * device fd, and registered with the RDMA device.
 *
 * Functions without a return value fail the running test when a step of theirs fails.
 */
#ifndef VFIOWC_TESTS_RDMA_SLICE_H
#define VFIOWC_TESTS_RDMA_SLICE_H

#include "exporter.h"
#include "rdma_fixture.h"

/* One BAR of an opened device, mapped by the CPU from its beginning. */
struct rdma_bar {
	struct exporter exp;
	size_t map_len;
	uint8_t *map;
};

/**
 * rdma_bar_open() - bind a function to a driver, open it and map one BAR
 * @driver: EXPORTER_DRIVER or "vfio-pci"
 * @vendor, @device: as for guest_find_pci()
 * @index: the BAR
 * @map_len: bytes of it to map
 */
void rdma_bar_open(struct rdma_bar *bar, const char *driver, uint16_t vendor, uint16_t device,
		   unsigned int index, size_t map_len);

/** rdma_bar_close() - close it and leave the function unbound. */
void rdma_bar_close(struct rdma_bar *bar);

/** rdma_bar_reset() - VFIO_DEVICE_RESET. */
void rdma_bar_reset(struct rdma_bar *bar);

/** rdma_export() - dma-buf of one part of the BAR by the stock feature; an fd. */
int rdma_export(const struct rdma_bar *bar, uint64_t offset, uint64_t len);

/**
 * rdma_reg_slice() - register a whole dma-buf
 * @map: where its first byte is in a CPU mapping: becomes the buffer's address; the iova is the
 * same
 */
struct rdma_buf rdma_reg_slice(struct ibv_pd *pd, int dmabuf, uint8_t *map, size_t len);

/** rdma_dereg_slice() - deregister, leaving the mapping alone. */
void rdma_dereg_slice(struct rdma_buf *slice);

/** rdma_udmabuf() - dma-buf of @len bytes of memory; an fd, and the memory at @map. */
int rdma_udmabuf(size_t len, uint8_t **map);

#endif
