// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Parts of a BAR through the device fd, by libvfiowc: with vfiowc_pci, and with stock vfio-pci. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "importer.h"
#include "lib_fixture.h"

#define PART_OFFSET (4 * MIB)
#define PART_BYTES MIB
/* Cache attributes of a 4 KiB page on x86: PWT, PCD, PAT as bits 0, 1, 2 of its type. */
#define PTE_PWT (1ULL << 3)
#define PTE_PCD (1ULL << 4)
#define PTE_PAT (1ULL << 7)
#define PTE_WC PTE_PWT
#define PTE_UC_MINUS PTE_PCD

static const enum vfiowc_mem_type wc[] = { VFIOWC_MEM_WC };
static const enum vfiowc_mem_type natural[] = { VFIOWC_MEM_NATURAL };

static struct vfiowc_mapping *map_part(struct vfiowc_device *dev, uint64_t offset, uint64_t length,
				       const enum vfiowc_mem_type *type)
{
	struct vfiowc_region_attr attr = { .bar = LIB_BAR, .offset = offset, .length = length,
					   .types = type, .num_types = !!type };
	struct vfiowc_mapping *map = vfiowc_map_region(dev, &attr, sizeof(attr), 0);

	if (!map)
		fail_msg("vfiowc_map_region: %s", strerror(errno));
	return map;
}

/* Not by the word of the exporter or the library: another module reads the page table. */
static uint64_t pte_cache_bits(volatile uint8_t *address)
{
	struct importer_pte pte = { .address = (uintptr_t)address };
	int importer = importer_open();

	(void)*address;
	assert_return_code(ioctl(importer, IMPORTER_PTE, &pte), errno);
	importer_close(importer);
	return pte.bits & (PTE_PWT | PTE_PCD | PTE_PAT);
}

static void buffer_is_wc_beside_registers_that_are_nc(void **state)
{
	const struct lib_device *lib = *state;
	struct vfiowc_mapping *buffer = map_part(lib->dev, PART_OFFSET, PART_BYTES, wc);
	struct vfiowc_mapping *registers = map_part(lib->dev, 0, PAGE, NULL);
	struct vfiowc_mapping *usual = map_part(lib->dev, PAGE, PAGE, natural);
	struct vfiowc_map_attr attr;

	assert_int_equal(lib_effective(buffer), VFIOWC_EFFECTIVE_WC);
	assert_int_equal(lib_effective(registers), VFIOWC_EFFECTIVE_UC_MINUS);
	assert_int_equal(lib_effective(usual), VFIOWC_EFFECTIVE_UC_MINUS);
	assert_int_equal(vfiowc_query_map(usual, &attr, sizeof(attr)), 0);
	assert_int_equal(attr.requested, VFIOWC_MEM_NATURAL);
	assert_int_equal(pte_cache_bits(vfiowc_map_addr(buffer)), PTE_WC);
	assert_int_equal(pte_cache_bits(vfiowc_map_addr(registers)), PTE_UC_MINUS);
	assert_int_equal(pte_cache_bits(vfiowc_map_addr(usual)), PTE_UC_MINUS);
	vfiowc_unmap(usual);
	vfiowc_unmap(registers);
	vfiowc_unmap(buffer);
}

static void part_shows_the_bytes_of_the_slice(void **state)
{
	const struct lib_device *lib = *state;
	struct vfiowc_buf *slice = lib_export(lib->dev, PART_OFFSET, PART_BYTES, VFIOWC_MEM_WC);
	struct vfiowc_mapping *map = lib_map(slice, PART_BYTES);
	struct vfiowc_mapping *part = map_part(lib->dev, PART_OFFSET, PART_BYTES, wc);

	((volatile uint8_t *)vfiowc_map_addr(part))[PART_BYTES - 1] = 0x5a;
	assert_int_equal(((volatile uint8_t *)vfiowc_map_addr(map))[PART_BYTES - 1], 0x5a);
	vfiowc_unmap(part);
	vfiowc_unmap(map);
	assert_int_equal(vfiowc_destroy_buf(slice), 0);
}

static void a_slice_of_its_natural_type_is_uncached(void **state)
{
	const struct lib_device *lib = *state;
	struct vfiowc_buf *slice = lib_export(lib->dev, 0, PAGE, VFIOWC_MEM_NATURAL);
	struct vfiowc_mapping *map = lib_map(slice, PAGE);
	enum vfiowc_mem_type type;

	assert_int_equal(lib_effective(map), VFIOWC_EFFECTIVE_UC_MINUS);
	assert_int_equal(vfiowc_set_memattr(slice, VFIOWC_MEM_WC), 0);
	assert_int_equal(vfiowc_set_memattr(slice, VFIOWC_MEM_NATURAL), 0);
	assert_int_equal(vfiowc_get_memattr(slice, &type), 0);
	assert_int_equal(type, VFIOWC_MEM_NATURAL);
	vfiowc_unmap(map);
	vfiowc_destroy_buf(slice);
}

/* What a program that maps the device fd by itself does with the offset. */
static void offset_is_for_mmap_of_the_device_fd(void **state)
{
	const struct lib_device *lib = *state;
	const struct vfiowc_region_attr attr = { .bar = LIB_BAR, .offset = PART_OFFSET, .length = PART_BYTES,
						 .types = wc, .num_types = 1 };
	enum vfiowc_mem_type type;
	uint64_t offset;
	uint8_t *map;

	assert_int_equal(vfiowc_region_offset(lib->dev, &attr, sizeof(attr), &offset, &type), 0);
	assert_int_equal(type, VFIOWC_MEM_WC);
	map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, vfiowc_device_fd(lib->dev),
		   (off_t)(offset + PAGE));
	assert_true(map != MAP_FAILED);
	map[0] = 1;
	assert_int_equal(pte_cache_bits(map), PTE_WC);
	munmap(map, PAGE);
}

static void mapping_without_decode_raises_sigbus_and_heals(void **state)
{
	const struct lib_device *lib = *state;
	struct exporter exp = { .vfio.device = vfiowc_device_fd(lib->dev) };
	struct vfiowc_mapping *part = map_part(lib->dev, PART_OFFSET, PART_BYTES, wc);

	assert_false(guest_sigbus_write8(vfiowc_map_addr(part), 9));
	exporter_decode(&exp, false);
	assert_true(guest_sigbus_read8(vfiowc_map_addr(part)));
	exporter_decode(&exp, true);
	assert_int_equal(*(volatile uint8_t *)vfiowc_map_addr(part), 9);
	vfiowc_unmap(part);
}

/* Export and register go by the dma-buf; the CPU reaches the same bytes through the device fd, NC. */
static void stock_maps_through_the_device_fd_nc_only(void **state)
{
	static const enum vfiowc_mem_type list[] = { VFIOWC_MEM_WC, VFIOWC_MEM_NC };
	const struct lib_device *lib = *state;
	struct vfiowc_region_attr attr = { .bar = LIB_BAR, .offset = PART_OFFSET, .length = PART_BYTES,
					   .types = list, .num_types = 1 };
	struct vfiowc_mapping *part, *other;
	volatile uint8_t *bytes;

	assert_fails(vfiowc_map_region(lib->dev, &attr, sizeof(attr), 0), EOPNOTSUPP);
	assert_non_null(strstr(vfiowc_explain_cap(lib->dev, VFIOWC_CAP_REGION_TYPE), "vfiowc_pci"));
	attr.num_types = 2;
	part = vfiowc_map_region(lib->dev, &attr, sizeof(attr), 0);
	assert_non_null(part);
	bytes = vfiowc_map_addr(part);
	bytes[PAGE] = 0x77;
	assert_int_equal(pte_cache_bits(bytes), PTE_UC_MINUS);
	other = map_part(lib->dev, PART_OFFSET + PAGE, PAGE, NULL);
	assert_int_equal(*(volatile uint8_t *)vfiowc_map_addr(other), 0x77);
	vfiowc_unmap(other);
	vfiowc_unmap(part);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lib_test(buffer_is_wc_beside_registers_that_are_nc),
		lib_test(part_shows_the_bytes_of_the_slice),
		lib_test(a_slice_of_its_natural_type_is_uncached),
		lib_test(offset_is_for_mmap_of_the_device_fd),
		lib_test(mapping_without_decode_raises_sigbus_and_heals),
		cmocka_unit_test_setup_teardown(stock_maps_through_the_device_fd_nc_only, lib_setup_stock,
						lib_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
