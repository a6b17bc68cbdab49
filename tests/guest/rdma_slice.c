// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Slices of a BAR for the RDMA tests: see rdma_slice.h. */
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "rdma_slice.h"

static uint64_t region_offset(const struct rdma_bar *bar, uint32_t index)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = index };

	assert_int_equal(ioctl(bar->exp.vfio.device, VFIO_DEVICE_GET_REGION_INFO, &info), 0);
	return info.offset;
}

void rdma_bar_open(struct rdma_bar *bar, const char *driver, uint16_t vendor, uint16_t device,
		   unsigned int index, size_t map_len)
{
	struct exporter *exp = &bar->exp;

	*exp = (struct exporter){ .bar = index };
	assert_int_equal(guest_find_pci(vendor, device, exp->bdf), 0);
	assert_int_equal(guest_modprobe(driver), 0);
	assert_int_equal(guest_bind(exp->bdf, driver), 0);
	assert_int_equal(guest_vfio_open(exp->bdf, &exp->vfio), 0);
	exporter_enable_memory(exp);
	bar->map_len = map_len;
	bar->map = mmap(NULL, map_len, PROT_READ | PROT_WRITE, MAP_SHARED, exp->vfio.device,
			region_offset(bar, index));
	assert_ptr_not_equal(bar->map, MAP_FAILED);
}

void rdma_bar_close(struct rdma_bar *bar)
{
	munmap(bar->map, bar->map_len);
	exporter_close(&bar->exp);
	assert_int_equal(guest_bind(bar->exp.bdf, NULL), 0);
}

void rdma_bar_reset(struct rdma_bar *bar)
{
	assert_int_equal(ioctl(bar->exp.vfio.device, VFIO_DEVICE_RESET), 0);
	exporter_enable_memory(&bar->exp);
}

int rdma_export(const struct rdma_bar *bar, uint64_t offset, uint64_t len)
{
	struct exporter_range range = { offset, len };
	int fd = exporter_stock(&bar->exp, bar->exp.bar, O_RDWR | O_CLOEXEC, 0, 1, &range);

	assert_return_code(fd, -fd);
	return fd;
}

struct rdma_buf rdma_reg_slice(struct ibv_pd *pd, int dmabuf, uint8_t *map, size_t len)
{
	struct rdma_buf slice = { .addr = map, .len = len };

	slice.mr = ibv_reg_dmabuf_mr(pd, 0, len, (uintptr_t)map, dmabuf, RDMA_REMOTE);
	assert_non_null(slice.mr);
	return slice;
}

void rdma_dereg_slice(struct rdma_buf *slice)
{
	assert_int_equal(ibv_dereg_mr(slice->mr), 0);
}

int rdma_udmabuf(size_t len, uint8_t **map)
{
	int memfd = memfd_create("rdma", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	struct udmabuf_create create = {
		.memfd = memfd,
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.size = len,
	};
	int fd;

	assert_true(memfd >= 0 && device >= 0);
	assert_int_equal(ftruncate(memfd, len), 0);
	assert_int_equal(fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	*map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	assert_ptr_not_equal(*map, MAP_FAILED);
	fd = ioctl(device, UDMABUF_CREATE, &create);
	assert_true(fd >= 0);
	close(device);
	close(memfd);
	return fd;
}
