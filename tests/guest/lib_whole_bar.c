// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Without our module: stock vfio-pci exports and registers, the CPU reaches the bytes through the device fd;
 * and a whole BAR is really write-combined when that is asked for, by the page table.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <infiniband/vfiowc_order.h>

#include "importer.h"
#include "lib_fixture.h"
#include "modules/vfiowc_test_edu.h"

/* Cache attributes of a 4 KiB page on x86. */
#define PTE_WC (1ULL << 3)
#define PTE_UC_MINUS (1ULL << 4)
#define PTE_CACHE_BITS (1ULL << 3 | 1ULL << 4 | 1ULL << 7)
#define BAR (1U << LIB_BAR)

static const enum vfiowc_mem_type wc[] = { VFIOWC_MEM_WC };
static char bdf[GUEST_BDF_LEN];

static int bind_stock(void **state)
{
	guest_setup(state);
	lib_bind(bdf, "vfio-pci");
	return 0;
}

static int unbind(void **state)
{
	guest_bind(bdf, NULL);
	return guest_teardown(state);
}

/* Not by the library's word: another module reads the page table. */
static uint64_t pte_bits(volatile uint8_t *address)
{
	struct importer_pte pte = { .address = (uintptr_t)address };
	int importer = importer_open();

	(void)*address;
	assert_return_code(ioctl(importer, IMPORTER_PTE, &pte), errno);
	importer_close(importer);
	return pte.bits & PTE_CACHE_BITS;
}

static struct vfiowc_mapping *map_region(struct vfiowc_device *dev, uint64_t offset, const enum vfiowc_mem_type *type)
{
	struct vfiowc_region_attr attr = { .bar = LIB_BAR, .offset = offset, .length = PAGE, .types = type,
					   .num_types = !!type };

	return vfiowc_map_region(dev, &attr, sizeof(attr), 0);
}

static void whole_bar_is_write_combined_when_asked_for(void **state)
{
	struct vfiowc_device *dev = vfiowc_open_device_wc(bdf, BAR);
	struct vfiowc_mapping *first, *last;
	struct vfiowc_map_attr attr;

	(void)state;
	if (!dev)
		fail_msg("vfiowc_open_device_wc: %s", strerror(errno));
	first = map_region(dev, 0, wc);
	last = map_region(dev, LIB_BAR_BYTES - PAGE, wc);
	assert_non_null(first);
	assert_non_null(last);
	assert_int_equal(pte_bits(vfiowc_map_addr(first)), PTE_WC);
	assert_int_equal(pte_bits(vfiowc_map_addr(last)), PTE_WC);
	assert_int_equal(vfiowc_query_map(last, &attr, sizeof(attr)), 0);
	assert_int_equal(attr.requested, VFIOWC_MEM_WC);
	assert_int_equal(attr.effective, VFIOWC_EFFECTIVE_WC);
	/* The price: nothing in this BAR can be NC. */
	assert_fails(map_region(dev, PAGE, NULL), EOPNOTSUPP);
	vfiowc_unmap(last);
	vfiowc_unmap(first);
	assert_int_equal(vfiowc_close_device(dev), 0);
}

/* Nothing is left behind: the next plain open is as ever. */
static void plain_open_is_uncached_before_and_after(void **state)
{
	struct vfiowc_device *dev;
	struct vfiowc_mapping *map;
	struct vfiowc_map_attr attr;

	(void)state;
	for (int i = 0; i < 2; i++) {
		dev = vfiowc_open_device(bdf);
		assert_non_null(dev);
		map = map_region(dev, 0, NULL);
		assert_non_null(map);
		assert_int_equal(pte_bits(vfiowc_map_addr(map)), PTE_UC_MINUS);
		assert_int_equal(vfiowc_query_map(map, &attr, sizeof(attr)), 0);
		assert_int_equal(attr.requested, VFIOWC_MEM_NC);
		assert_int_equal(attr.effective, VFIOWC_EFFECTIVE_UC_MINUS);
		assert_fails(map_region(dev, PAGE, wc), EOPNOTSUPP);
		vfiowc_unmap(map);
		vfiowc_close_device(dev);
		dev = vfiowc_open_device_wc(bdf, BAR);
		assert_non_null(dev);
		vfiowc_close_device(dev);
	}
}

/* An uncached mapping came first: the kernel gives that type, and the open says so. */
static void open_fails_when_the_kernel_does_not_give_it(void **state)
{
	char path[64];
	void *uncached;
	int file;

	(void)state;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource%d", bdf, LIB_BAR);
	file = open(path, O_RDWR | O_CLOEXEC);
	assert_return_code(file, errno);
	uncached = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, (off_t)(LIB_BAR_BYTES - PAGE));
	assert_true(uncached != MAP_FAILED);
	assert_fails(vfiowc_open_device_wc(bdf, BAR), EOPNOTSUPP);
	munmap(uncached, PAGE);
	close(file);
}

static void vfiowc_pci_has_better(void **state)
{
	(void)state;
	assert_int_equal(guest_bind(bdf, EXPORTER_DRIVER), 0);
	assert_fails(vfiowc_open_device_wc(bdf, BAR), EINVAL);
	assert_int_equal(guest_bind(bdf, "vfio-pci"), 0);
}

/*
 * Without a module of ours in the way: stock vfio-pci's dma-buf is imported as a NIC's driver does, a device's DMA
 * engine moves bytes through the list, and the CPU meets them in the mapping of the device fd.
 */
static void engine_and_cpu_meet_in_a_slice_of_stock_vfio(void **state)
{
	const struct vfiowc_export_attr slice = { .bar = LIB_BAR, .offset = MIB, .length = PAGE };
	struct vfiowc_device *dev = vfiowc_open_device(bdf);
	struct vfiowc_buf *buf = vfiowc_export(dev, &slice, sizeof(slice));
	struct vfiowc_mapping *map = map_region(dev, MIB, NULL);
	volatile uint8_t *bytes = map ? vfiowc_map_addr(map) : NULL;
	int importer = importer_open(), engine;
	char edu[GUEST_BDF_LEN];
	uint8_t data[PAGE];
	struct edu_dma request = { .data = (uintptr_t)data, .bytes = PAGE };

	(void)state;
	assert_non_null(buf);
	assert_non_null(bytes);
	assert_int_equal(guest_find_pci(GUEST_EDU, edu), 0);
	assert_int_equal(guest_modprobe("vfiowc_test_edu"), 0);
	assert_int_equal(guest_bind(edu, "vfiowc_test_edu"), 0);
	engine = open("/dev/vfiowc_test_edu", O_RDWR | O_CLOEXEC);
	assert_return_code(engine, errno);
	assert_int_equal(importer_attach(importer, vfiowc_buf_fd(buf), edu, IMPORTER_DYNAMIC), 0);
	assert_int_equal(importer_do(importer, IMPORTER_MAP), 0);
	assert_int_equal(importer_do(importer, IMPORTER_MEND_LIST), 0);
	request.dma = importer_segment(importer, 0).dma;
	memset(data, 0x6b, PAGE);
	assert_return_code(ioctl(engine, EDU_WRITE, &request), errno);
	assert_int_equal(bytes[0], 0x6b);
	assert_int_equal(bytes[PAGE - 1], 0x6b);
	bytes[7] = 0x11;
	vfiowc_deliver(bytes);
	assert_return_code(ioctl(engine, EDU_READ, &request), errno);
	assert_int_equal(data[7], 0x11);
	assert_int_equal(data[8], 0x6b);
	importer_close(importer);
	close(engine);
	assert_int_equal(guest_bind(edu, NULL), 0);
	vfiowc_unmap(map);
	vfiowc_destroy_buf(buf);
	assert_int_equal(vfiowc_close_device(dev), 0);
}

#define stock_test(f) cmocka_unit_test_setup_teardown(f, bind_stock, unbind)

int main(void)
{
	const struct CMUnitTest tests[] = {
		stock_test(whole_bar_is_write_combined_when_asked_for),
		stock_test(plain_open_is_uncached_before_and_after),
		stock_test(open_fails_when_the_kernel_does_not_give_it),
		stock_test(vfiowc_pci_has_better),
		stock_test(engine_and_cpu_meet_in_a_slice_of_stock_vfio),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
