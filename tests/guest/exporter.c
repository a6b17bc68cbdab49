// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* The device under test of the exporter's tests, and its features as raw ioctls. */
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "exporter.h"

/* NVM Express: Persistent Memory Region Control, bit 0 switches the region on. */
#define NVME_PMRCTL 0xe04
#define NVME_PMRCTL_EN 1

static bool is_nvme(const struct exporter *exp)
{
	return exp->bar == 4;
}

static struct vfio_region_info region_info(const struct exporter *exp, uint32_t index)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = index };

	assert_return_code(ioctl(exp->vfio.device, VFIO_DEVICE_GET_REGION_INFO, &info), errno);
	return info;
}

void exporter_enable_memory(struct exporter *exp)
{
	uint32_t value = NVME_PMRCTL_EN;

	if (!is_nvme(exp))
		return;
	assert_int_equal(pwrite(exp->vfio.device, &value, sizeof(value),
				region_info(exp, VFIO_PCI_BAR0_REGION_INDEX).offset + NVME_PMRCTL),
			 sizeof(value));
}

static uint64_t bar_address(const char *bdf, unsigned int bar)
{
	unsigned long long start = 0;
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource", bdf);
	file = fopen(path, "r");
	assert_non_null(file);
	for (unsigned int i = 0; i <= bar; i++)
		assert_int_equal(fscanf(file, "%llx %*x %*x", &start), 1);
	fclose(file);
	return start;
}

void exporter_open(struct exporter *exp, uint16_t vendor, uint16_t device, const char *driver)
{
	*exp = (struct exporter){ .bar = vendor == 0x1af4 ? 2 : 4 };
	if (guest_find_pci(vendor, device, exp->bdf))
		guest_skip("no device %04x:%04x", vendor, device);
	exporter_open_at(exp, driver);
}

struct opening {
	struct exporter *exp;
	int err;
};

static bool opened_or_failed(void *arg)
{
	struct opening *opening = arg;

	opening->err = guest_vfio_open(opening->exp->bdf, &opening->exp->vfio);
	return opening->err != EBUSY;
}

/*
 * A child that was forked while the device was open holds the group until it has exited, a moment longer than the device
 * perhaps, and nobody else can open it then.
 */
void exporter_open_at(struct exporter *exp, const char *driver)
{
	struct opening opening = { exp, 0 };

	if (access("/sys/bus/pci/drivers/vfio-pci", F_OK))
		assert_int_equal(guest_modprobe("vfio-pci"), 0);
	if (access("/sys/module/vfiowc_pci", F_OK))
		assert_int_equal(guest_modprobe("vfiowc_pci"), 0);
	assert_int_equal(guest_bind(exp->bdf, driver), 0);
	guest_wait_for(opened_or_failed, &opening, 30000);
	assert_int_equal(opening.err, 0);
	exp->bar_bytes = region_info(exp, exp->bar).size;
	exp->bar_phys = bar_address(exp->bdf, exp->bar);
	exporter_enable_memory(exp);
}

void exporter_close(struct exporter *exp)
{
	guest_vfio_close(&exp->vfio);
}

static int setup(void **state, uint16_t vendor, uint16_t device)
{
	struct exporter *exp = calloc(1, sizeof(*exp));

	if (!exp || guest_setup(state))
		return -1;
	exporter_open(exp, vendor, device, EXPORTER_DRIVER);
	*state = exp;
	return 0;
}

int exporter_setup_ivshmem(void **state)
{
	return setup(state, GUEST_IVSHMEM);
}

int exporter_setup_nvme(void **state)
{
	return setup(state, GUEST_NVME_PMR);
}

int exporter_teardown(void **state)
{
	exporter_close(*state);
	free(*state);
	return guest_teardown(state);
}

int exporter_feature_argsz(const struct exporter *exp, uint32_t op, uint32_t nr, void *payload,
			   size_t len, uint32_t argsz)
{
	struct vfio_device_feature *feature = calloc(1, sizeof(*feature) + len);
	int ret;

	assert_non_null(feature);
	feature->argsz = argsz;
	feature->flags = op | nr;
	if (len)
		memcpy(feature->data, payload, len);
	ret = ioctl(exp->vfio.device, VFIO_DEVICE_FEATURE, feature);
	if (ret < 0)
		ret = -errno;
	if (len)
		memcpy(payload, feature->data, len);
	free(feature);
	return ret;
}

int exporter_feature(const struct exporter *exp, uint32_t op, uint32_t nr, void *payload, size_t len)
{
	return exporter_feature_argsz(exp, op, nr, payload, len,
				      sizeof(struct vfio_device_feature) + len);
}

/* @head bytes of @request, then the ranges. */
static int export_request(const struct exporter *exp, uint32_t nr_feature, const void *request,
			  size_t head, uint32_t nr, const struct exporter_range *ranges)
{
	size_t len = head + nr * sizeof(struct vfio_region_dma_range);
	char *payload = calloc(1, len);
	int ret;

	assert_non_null(payload);
	memcpy(payload, request, head);
	if (nr)
		memcpy(payload + head, ranges, nr * sizeof(*ranges));
	ret = exporter_feature(exp, VFIO_DEVICE_FEATURE_GET, nr_feature, payload, len);
	free(payload);
	return ret;
}

int exporter_stock(const struct exporter *exp, uint32_t bar, uint32_t open_flags, uint32_t flags,
		   uint32_t nr, const struct exporter_range *ranges)
{
	struct vfio_device_feature_dma_buf request = {
		.region_index = bar,
		.open_flags = open_flags,
		.flags = flags,
		.nr_ranges = nr,
	};

	return export_request(exp, VFIO_DEVICE_FEATURE_DMA_BUF, &request, sizeof(request), nr, ranges);
}

int exporter_export_ranges(const struct exporter *exp, uint32_t memattr, uint32_t open_flags,
			   uint32_t nr, const struct exporter_range *ranges)
{
	struct vfiowc_feature_export request = {
		.memattr = memattr,
		.dma_buf = {
			.region_index = exp->bar,
			.open_flags = open_flags,
			.nr_ranges = nr,
		},
	};

	return export_request(exp, VFIOWC_FEATURE_EXPORT, &request, sizeof(request), nr, ranges);
}

int exporter_export(const struct exporter *exp, uint32_t memattr, uint64_t offset, uint64_t length)
{
	struct exporter_range range = { offset, length };
	int fd = exporter_export_ranges(exp, memattr, O_RDWR | O_CLOEXEC, 1, &range);

	assert_return_code(fd, -fd);
	return fd;
}

int exporter_revoke(const struct exporter *exp, int dmabuf)
{
	struct vfiowc_feature_revoke revoke = { .dmabuf_fd = dmabuf };

	return exporter_feature(exp, VFIO_DEVICE_FEATURE_SET, VFIOWC_FEATURE_DMA_BUF_REVOKE, &revoke,
				sizeof(revoke));
}

int exporter_query(const struct exporter *exp, int dmabuf, struct vfiowc_feature_query *query)
{
	*query = (struct vfiowc_feature_query){ .dmabuf_fd = dmabuf };
	return exporter_feature(exp, VFIO_DEVICE_FEATURE_GET, VFIOWC_FEATURE_DMA_BUF_QUERY, query,
				sizeof(*query));
}

uint32_t exporter_state(const struct exporter *exp, int dmabuf)
{
	struct vfiowc_feature_query query;

	assert_int_equal(exporter_query(exp, dmabuf, &query), 0);
	return query.state;
}

int exporter_map_query(const struct exporter *exp, const void *address,
		       struct vfiowc_feature_map_query *query)
{
	*query = (struct vfiowc_feature_map_query){ .address = (uintptr_t)address };
	return exporter_feature(exp, VFIO_DEVICE_FEATURE_GET, VFIOWC_FEATURE_MAP_QUERY, query,
				sizeof(*query));
}

uint32_t exporter_pte_type(const struct exporter *exp, const volatile void *address)
{
	struct vfiowc_feature_map_query query;

	assert_int_equal(exporter_map_query(exp, (const void *)address, &query), 0);
	return query.pte_type;
}

int exporter_set_memattr(const struct exporter *exp, int dmabuf, uint32_t memattr)
{
	struct vfiowc_feature_memattr attr = { .dmabuf_fd = dmabuf, .memattr = memattr };

	return exporter_feature(exp, VFIO_DEVICE_FEATURE_SET, VFIOWC_FEATURE_DMA_BUF_MEMATTR, &attr,
				sizeof(attr));
}

void *exporter_mmap(int dmabuf, uint64_t length)
{
	void *map = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);

	if (map == MAP_FAILED)
		fail_msg("mmap of a dma-buf: %s", strerror(errno));
	return map;
}

bool exporter_no_dma_buf_left(void *unused)
{
	char text[4096] = "";

	(void)unused;
	return !guest_read_file("/sys/kernel/debug/vfiowc_pci/dma_bufs", text, sizeof(text)) && !text[0];
}

uint32_t exporter_config_read(const struct exporter *exp, unsigned int offset, unsigned int width)
{
	uint64_t config = region_info(exp, VFIO_PCI_CONFIG_REGION_INDEX).offset;
	uint32_t value = 0;

	assert_int_equal(pread(exp->vfio.device, &value, width, config + offset), width);
	return value;
}

void exporter_config_write(const struct exporter *exp, unsigned int offset, unsigned int width,
			   uint32_t value)
{
	uint64_t config = region_info(exp, VFIO_PCI_CONFIG_REGION_INDEX).offset;

	assert_int_equal(pwrite(exp->vfio.device, &value, width, config + offset), width);
}

unsigned int exporter_capability(const struct exporter *exp, uint8_t id)
{
	unsigned int pos = exporter_config_read(exp, PCI_CAPABILITY_LIST, 1);

	while (pos && exporter_config_read(exp, pos, 1) != id)
		pos = exporter_config_read(exp, pos + 1, 1);
	return pos;
}

void exporter_decode(const struct exporter *exp, bool on)
{
	uint32_t command = exporter_config_read(exp, PCI_COMMAND, 2);

	if (on)
		command |= PCI_COMMAND_MEMORY;
	else
		command &= ~PCI_COMMAND_MEMORY;
	exporter_config_write(exp, PCI_COMMAND, 2, command);
}

void exporter_param(const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/vfiowc_pci/parameters/%s", name);
	assert_int_equal(guest_write_file(path, value), 0);
}
