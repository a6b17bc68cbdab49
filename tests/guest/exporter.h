/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * What the exporter's tests share: the device under test, its features as raw ioctls, and looks at
 * dma-bufs. Features return an fd or 0, or a negative errno. Not thread-safe unless said.
 */
#ifndef VFIOWC_TESTS_EXPORTER_H
#define VFIOWC_TESTS_EXPORTER_H

#include <linux/vfio_dmabuf.h>

#include "guest.h"

#define EXPORTER_DRIVER "vfiowc_pci"
#define KIB 1024ULL
#define MIB (1024ULL * 1024)
#define PAGE 4096ULL

/* A function with a RAM-backed BAR, opened through the exporter. */
struct exporter {
	char bdf[GUEST_BDF_LEN];
	struct guest_vfio vfio;
	unsigned int bar;
	uint64_t bar_bytes;
	uint64_t bar_phys;
};

/**
 * exporter_open() - load the module, bind and open a device
 * @vendor, @device: GUEST_IVSHMEM or GUEST_NVME_PMR
 * @driver: EXPORTER_DRIVER, or "vfio-pci" to compare with
 *
 * Fails the test when that does not work, skips it when the guest has no such device.
 */
void exporter_open(struct exporter *exp, uint16_t vendor, uint16_t device, const char *driver);
/* The same for a function by its address and the number of its RAM-backed BAR; @exp has both filled in. */
void exporter_open_at(struct exporter *exp, const char *driver);
void exporter_close(struct exporter *exp);
/* After a reset NVMe's PMR must be switched on again. */
void exporter_enable_memory(struct exporter *exp);

/* Setup and teardown of a test whose state is a struct exporter of that kind. */
int exporter_setup_ivshmem(void **state);
int exporter_setup_nvme(void **state);
int exporter_teardown(void **state);
#define exporter_test(f) cmocka_unit_test_setup_teardown(f, exporter_setup_ivshmem, exporter_teardown)
#define exporter_test_nvme(f)                                                                      \
	cmocka_unit_test_setup_teardown(f, exporter_setup_nvme, exporter_teardown)

/* VFIO_DEVICE_FEATURE on the device fd; @op is VFIO_DEVICE_FEATURE_GET, _SET, _PROBE or a mix. */
int exporter_feature(const struct exporter *exp, uint32_t op, uint32_t nr, void *payload, size_t len);

/* The same with an argsz that need not fit. */
int exporter_feature_argsz(const struct exporter *exp, uint32_t op, uint32_t nr, void *payload,
			   size_t len, uint32_t argsz);

struct exporter_range {
	uint64_t offset;
	uint64_t length;
};

int exporter_stock(const struct exporter *exp, uint32_t bar, uint32_t open_flags, uint32_t flags,
		   uint32_t nr, const struct exporter_range *ranges);
int exporter_export_ranges(const struct exporter *exp, uint32_t memattr, uint32_t open_flags,
			   uint32_t nr, const struct exporter_range *ranges);
/* One range, read and write; fails the test instead of returning an error. */
int exporter_export(const struct exporter *exp, uint32_t memattr, uint64_t offset, uint64_t length);

int exporter_revoke(const struct exporter *exp, int dmabuf);
int exporter_query(const struct exporter *exp, int dmabuf, struct vfiowc_feature_query *query);
uint32_t exporter_state(const struct exporter *exp, int dmabuf);
int exporter_map_query(const struct exporter *exp, const void *address,
		       struct vfiowc_feature_map_query *query);
/* enum vfiowc_pte_type at @address; fails the test when there is no PTE. */
uint32_t exporter_pte_type(const struct exporter *exp, const volatile void *address);
int exporter_set_memattr(const struct exporter *exp, int dmabuf, uint32_t memattr);

/* MAP_SHARED, read and write; fails the test. */
void *exporter_mmap(int dmabuf, uint64_t length);
/* For guest_wait_for(): has the kernel forgotten every dma-buf of every device? */
bool exporter_no_dma_buf_left(void *unused);

/* The configuration space through VFIO. */
uint32_t exporter_config_read(const struct exporter *exp, unsigned int offset, unsigned int width);
void exporter_config_write(const struct exporter *exp, unsigned int offset, unsigned int width,
			   uint32_t value);
/* Offset of a capability, 0 when there is none. */
unsigned int exporter_capability(const struct exporter *exp, uint8_t id);
/* PCI_COMMAND.MEM. */
void exporter_decode(const struct exporter *exp, bool on);

/* Any module parameter of vfiowc_pci. */
void exporter_param(const char *name, const char *value);

#endif
