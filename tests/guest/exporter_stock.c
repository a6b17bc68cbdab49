// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Everything stock vfio-pci does works through vfiowc_pci: each test asks the same of both drivers, on the
 * same device, and wants the same answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "exporter.h"

#define STOCK "vfio-pci"
#define ANSWER_MAX 16384

/* Writes what a driver answered as text, so that a difference can be shown. */
struct answer {
	char text[ANSWER_MAX];
	size_t len;
};

static void __attribute__((format(printf, 2, 3))) add(struct answer *answer, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	answer->len += (size_t)vsnprintf(answer->text + answer->len, ANSWER_MAX - answer->len, fmt, args);
	va_end(args);
	assert_true(answer->len < ANSWER_MAX);
}

typedef void question(const struct exporter *exp, struct answer *answer);

static void ask(question *ask_it, uint16_t vendor, uint16_t device, const char *driver,
		struct answer *answer)
{
	struct exporter exp;

	answer->len = 0;
	exporter_open(&exp, vendor, device, driver);
	ask_it(&exp, answer);
	exporter_close(&exp);
}

static void assert_as_stock(question *ask_it, uint16_t vendor, uint16_t device)
{
	struct answer *stock = calloc(2, sizeof(*stock)), *ours = stock + 1;

	assert_non_null(stock);
	ask(ask_it, vendor, device, STOCK, stock);
	ask(ask_it, vendor, device, EXPORTER_DRIVER, ours);
	assert_true(stock->len);
	assert_string_equal(ours->text, stock->text);
	free(stock);
}

static void device_and_regions(const struct exporter *exp, struct answer *answer)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	assert_return_code(ioctl(exp->vfio.device, VFIO_DEVICE_GET_INFO, &info), errno);
	add(answer, "flags 0x%x regions %u irqs %u\n", info.flags, info.num_regions, info.num_irqs);
	for (uint32_t i = 0; i < info.num_regions + 1; i++) {
		struct vfio_region_info region = { .argsz = sizeof(region), .index = i };
		int ret = ioctl(exp->vfio.device, VFIO_DEVICE_GET_REGION_INFO, &region);

		add(answer, "region %u: %d flags 0x%x size 0x%llx offset 0x%llx caps 0x%x\n", i,
		    ret ? errno : 0, region.flags, region.size, region.offset, region.cap_offset);
	}
	for (uint32_t i = 0; i < info.num_irqs + 1; i++) {
		struct vfio_irq_info irq = { .argsz = sizeof(irq), .index = i };
		int ret = ioctl(exp->vfio.device, VFIO_DEVICE_GET_IRQ_INFO, &irq);

		add(answer, "irq %u: %d flags 0x%x count %u\n", i, ret ? errno : 0, irq.flags, irq.count);
	}
}

static void regions_and_irqs_are_as_stock(void **state)
{
	(void)state;
	assert_as_stock(device_and_regions, GUEST_IVSHMEM);
	assert_as_stock(device_and_regions, GUEST_NVME_PMR);
}

static void config_space(const struct exporter *exp, struct answer *answer)
{
	uint32_t line;

	for (unsigned int offset = 0; offset < 256; offset += 4)
		add(answer, "%02x: %08x\n", offset, exporter_config_read(exp, offset, 4));
	line = exporter_config_read(exp, PCI_INTERRUPT_LINE, 1);
	exporter_config_write(exp, PCI_INTERRUPT_LINE, 1, line ^ 0xff);
	add(answer, "written: %02x\n", exporter_config_read(exp, PCI_INTERRUPT_LINE, 1));
	exporter_config_write(exp, PCI_BASE_ADDRESS_0, 4, 0xffffffff);
	add(answer, "BAR 0 sized: %08x\n", exporter_config_read(exp, PCI_BASE_ADDRESS_0, 4));
}

static void config_space_is_as_stock(void **state)
{
	(void)state;
	assert_as_stock(config_space, GUEST_IVSHMEM);
	assert_as_stock(config_space, GUEST_NVME_PMR);
}

static void region_access(const struct exporter *exp, struct answer *answer)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = exp->bar };
	volatile uint32_t *map;
	uint32_t value = 0xfeedc0de;

	assert_return_code(ioctl(exp->vfio.device, VFIO_DEVICE_GET_REGION_INFO, &info), errno);
	map = mmap(NULL, info.size, PROT_READ | PROT_WRITE, MAP_SHARED, exp->vfio.device,
		   (off_t)info.offset);
	assert_true(map != MAP_FAILED);
	add(answer, "write %zd\n", pwrite(exp->vfio.device, &value, 4, (off_t)info.offset + 64));
	add(answer, "mapped %08x\n", map[16]);
	map[17] = 0x12345678;
	add(answer, "read %zd", pread(exp->vfio.device, &value, 4, (off_t)info.offset + 68));
	add(answer, " %08x\n", value);
	add(answer, "past the end %zd\n", pread(exp->vfio.device, &value, 4,
						(off_t)(info.offset + info.size)));
	munmap((void *)map, info.size);
	map = mmap(NULL, info.size + PAGE, PROT_READ, MAP_SHARED, exp->vfio.device, (off_t)info.offset);
	add(answer, "too long: %d\n", map == MAP_FAILED ? errno : 0);
}

static void device_fd_access_is_as_stock(void **state)
{
	(void)state;
	assert_as_stock(region_access, GUEST_IVSHMEM);
	assert_as_stock(region_access, GUEST_NVME_PMR);
}

static void resets(const struct exporter *exp, struct answer *answer)
{
	struct vfio_pci_hot_reset_info *info = calloc(1, 4096);
	struct vfio_pci_hot_reset *reset = calloc(1, 64);
	int ret;

	assert_non_null(info);
	assert_non_null(reset);
	ret = ioctl(exp->vfio.device, VFIO_DEVICE_RESET);
	add(answer, "reset %d\n", ret ? errno : 0);
	info->argsz = 4096;
	ret = ioctl(exp->vfio.device, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, info);
	add(answer, "hot reset info %d, %u devices\n", ret ? errno : 0, info->count);
	reset->argsz = sizeof(*reset) + 4;
	reset->count = 1;
	reset->group_fds[0] = exp->vfio.group;
	ret = ioctl(exp->vfio.device, VFIO_DEVICE_PCI_HOT_RESET, reset);
	add(answer, "hot reset %d\n", ret ? errno : 0);
	free(info);
	free(reset);
}

static void resets_are_as_stock(void **state)
{
	(void)state;
	assert_as_stock(resets, GUEST_IVSHMEM);
	assert_as_stock(resets, GUEST_NVME_PMR);
}

static int set_irqs(const struct exporter *exp, uint32_t data_flag, int event)
{
	union {
		struct vfio_irq_set set;
		char bytes[sizeof(struct vfio_irq_set) + sizeof(int32_t)];
	} irq = { .set = { .argsz = sizeof(irq), .index = VFIO_PCI_MSIX_IRQ_INDEX, .count = 1 } };
	int32_t fd = event;

	irq.set.flags = data_flag | VFIO_IRQ_SET_ACTION_TRIGGER;
	memcpy(irq.bytes + sizeof(irq.set), &fd, sizeof(fd));
	return ioctl(exp->vfio.device, VFIO_DEVICE_SET_IRQS, &irq) ? errno : 0;
}

/* Trigger the first vector from software and see its eventfd count. */
static void interrupts(const struct exporter *exp, struct answer *answer)
{
	int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	eventfd_t count = 0;

	add(answer, "set %d\n", set_irqs(exp, VFIO_IRQ_SET_DATA_EVENTFD, event));
	add(answer, "trigger %d\n", set_irqs(exp, VFIO_IRQ_SET_DATA_NONE, event));
	eventfd_read(event, &count);
	add(answer, "events %llu\n", (unsigned long long)count);
	close(event);
}

static void interrupts_are_as_stock(void **state)
{
	(void)state;
	assert_as_stock(interrupts, GUEST_IVSHMEM);
	assert_as_stock(interrupts, GUEST_NVME_PMR);
}

/* Stock features: who exists and what it says to PROBE. */
static void feature_probes(const struct exporter *exp, struct answer *answer)
{
	for (uint32_t nr = 0; nr < 64; nr++)
		for (uint32_t op = 0; op <= 3; op++)
			add(answer, "%u/%u: %d\n", nr, op,
			    exporter_feature(exp, VFIO_DEVICE_FEATURE_PROBE |
					     op * VFIO_DEVICE_FEATURE_GET, nr, NULL, 0));
}

static void stock_features_answer_probe_as_stock(void **state)
{
	(void)state;
	assert_as_stock(feature_probes, GUEST_IVSHMEM);
}

static void add_export(const struct exporter *exp, struct answer *answer, const char *what,
		       uint32_t bar, uint32_t flags, uint32_t nr, uint64_t offset, uint64_t length)
{
	struct exporter_range ranges[2] = { { offset, length }, { offset, length } };
	int fd = exporter_stock(exp, bar, O_RDWR | O_CLOEXEC, flags, nr, ranges);

	add(answer, "%s: %d\n", what, fd < 0 ? fd : 0);
	if (fd < 0)
		return;
	add(answer, "  size %lld access %d cloexec %d\n", (long long)lseek(fd, 0, SEEK_END),
	    fcntl(fd, F_GETFL) & O_ACCMODE, fcntl(fd, F_GETFD));
	close(fd);
}

static void exports(const struct exporter *exp, struct answer *answer)
{
	uint64_t size = exp->bar_bytes;
	unsigned int bar = exp->bar;

	add_export(exp, answer, "whole BAR", bar, 0, 1, 0, size);
	add_export(exp, answer, "one page", bar, 0, 1, PAGE, PAGE);
	add_export(exp, answer, "twice the same", bar, 0, 2, PAGE, PAGE);
	add_export(exp, answer, "flags", bar, 1, 1, 0, PAGE);
	add_export(exp, answer, "no ranges", bar, 0, 0, 0, 0);
	add_export(exp, answer, "no length", bar, 0, 1, 0, 0);
	add_export(exp, answer, "length not aligned", bar, 0, 1, 0, 100);
	add_export(exp, answer, "offset not aligned", bar, 0, 1, 100, PAGE);
	add_export(exp, answer, "past the end", bar, 0, 1, 0, size + PAGE);
	add_export(exp, answer, "behind the end", bar, 0, 1, size, PAGE);
	add_export(exp, answer, "offset overflows", bar, 0, 1, -PAGE, PAGE);
	add_export(exp, answer, "lengths overflow", bar, 0, 2, 0, 1ULL << 63);
	add_export(exp, answer, "huge length", bar, 0, 1, 0, 1ULL << 63);
	for (uint32_t i = 0; i < 12; i++)
		if (i != bar)
			add_export(exp, answer, "another region", i, 0, 1, 0, PAGE);
	add_export(exp, answer, "no such region", UINT32_MAX, 0, 1, 0, PAGE);
	exporter_decode(exp, false);
	add_export(exp, answer, "decode off", bar, 0, 1, 0, PAGE);
	exporter_decode(exp, true);
}

static void stock_dma_buf_gives_the_errno_of_stock(void **state)
{
	(void)state;
	assert_as_stock(exports, GUEST_IVSHMEM);
	assert_as_stock(exports, GUEST_NVME_PMR);
}

static void stock_export_can_be_mapped_uncached(void **state)
{
	struct exporter_range range = { MIB, PAGE };
	struct exporter exp;
	volatile uint8_t *map;
	int fd;

	(void)state;
	exporter_open(&exp, GUEST_IVSHMEM, EXPORTER_DRIVER);
	fd = exporter_stock(&exp, exp.bar, O_RDWR, 0, 1, &range);
	assert_return_code(fd, -fd);
	map = exporter_mmap(fd, PAGE);
	map[0] = 1;
	assert_int_equal(exporter_pte_type(&exp, map), VFIOWC_PTE_UC_MINUS);
	munmap((void *)map, PAGE);
	close(fd);
	exporter_close(&exp);
}

/* MAP_DMA of ordinary memory, the bread and butter of VFIO. */
static void dma_mappings(const struct exporter *exp, struct answer *answer)
{
	void *buffer = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)buffer,
		.iova = 1 << 20,
		.size = MIB,
	};
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = 1 << 20, .size = MIB,
	};
	int ret = ioctl(exp->vfio.container, VFIO_IOMMU_MAP_DMA, &map);

	add(answer, "map %d\n", ret ? errno : 0);
	ret = ioctl(exp->vfio.container, VFIO_IOMMU_UNMAP_DMA, &unmap);
	add(answer, "unmap %d, %llu\n", ret ? errno : 0, unmap.size);
	munmap(buffer, MIB);
}

static void dma_mappings_are_as_stock(void **state)
{
	(void)state;
	assert_as_stock(dma_mappings, GUEST_IVSHMEM);
}

static void stock_driver_is_recognised_by_enotty(void **state)
{
	struct vfiowc_feature_id id;
	struct exporter exp;

	(void)state;
	exporter_open(&exp, GUEST_IVSHMEM, STOCK);
	assert_int_equal(exporter_feature(&exp, VFIO_DEVICE_FEATURE_GET, VFIOWC_FEATURE_ID, &id,
					  sizeof(id)), -ENOTTY);
	exporter_close(&exp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(regions_and_irqs_are_as_stock),
		guest_test(config_space_is_as_stock),
		guest_test(device_fd_access_is_as_stock),
		guest_test(resets_are_as_stock),
		guest_test(interrupts_are_as_stock),
		guest_test(stock_features_answer_probe_as_stock),
		guest_test(stock_dma_buf_gives_the_errno_of_stock),
		guest_test(stock_export_can_be_mapped_uncached),
		guest_test(dma_mappings_are_as_stock),
		guest_test(stock_driver_is_recognised_by_enotty),
	};

	return cmocka_run_group_tests_name("exporter_stock", tests, NULL, NULL);
}
