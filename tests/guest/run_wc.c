// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * `vfiowc run --wc` from the inside: this program starts itself under it and then is a VFIO program that knows
 * nothing of memory types: it opens the device by its group and maps the device fd at VFIO's offsets.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "run_fixture.h"

#define RW (PROT_READ | PROT_WRITE)

static struct exporter dev;
static uint64_t bar_offset;

static uint8_t *map_bar(void *hint, uint64_t from, uint64_t length, int prot, int flags)
{
	void *map = mmap(hint, length, prot, MAP_SHARED | flags, dev.vfio.device, (off_t)(bar_offset + from));

	if (map == MAP_FAILED)
		fail_msg("mmap of BAR offset %#llx: %s", (unsigned long long)from, strerror(errno));
	return map;
}

/* Touched, then looked at by another module than the exporter. */
static void assert_type(volatile uint8_t *address, uint64_t bits)
{
	(void)*address;
	assert_int_equal(run_pte(0, (uintptr_t)address), bits);
}

static void part_of_a_whole_mapping_is_write_combined(void **state)
{
	uint8_t *bar = map_bar(NULL, 0, RUN_BAR_BYTES, RW, 0);

	(void)state;
	assert_type(bar, RUN_PTE_UC_MINUS);
	assert_type(bar + RUN_PART - PAGE, RUN_PTE_UC_MINUS);
	assert_type(bar + RUN_PART, RUN_PTE_WC);
	assert_type(bar + RUN_PART + RUN_PART_BYTES - PAGE, RUN_PTE_WC);
	assert_type(bar + RUN_PART + RUN_PART_BYTES, RUN_PTE_UC_MINUS);
	assert_type(bar + RUN_BAR_BYTES - PAGE, RUN_PTE_UC_MINUS);
	assert_int_equal(munmap(bar, RUN_BAR_BYTES), 0);
}

/* The bytes behind each page are those that the device fd's own read and write see. */
static void bytes_are_the_devices(void **state)
{
	static const uint64_t places[] = { 0, RUN_PART - 1, RUN_PART, RUN_PART + 5 * PAGE + 3,
					   RUN_PART + RUN_PART_BYTES - 1, RUN_PART + RUN_PART_BYTES };
	volatile uint8_t *bar = map_bar(NULL, 0, RUN_BAR_BYTES, RW, 0);
	uint8_t byte;

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		bar[places[i]] = 0xa0 + i;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		assert_int_equal(pread(dev.vfio.device, &byte, 1, (off_t)(bar_offset + places[i])), 1);
		assert_int_equal(byte, 0xa0 + i);
	}
	munmap((void *)bar, RUN_BAR_BYTES);
}

static void mapping_that_begins_inside_the_part(void **state)
{
	uint8_t *bar = map_bar(NULL, RUN_PART + PAGE, RUN_PART_BYTES, RW, 0);
	uint8_t byte;

	(void)state;
	assert_type(bar, RUN_PTE_WC);
	assert_type(bar + RUN_PART_BYTES - 2 * PAGE, RUN_PTE_WC);
	assert_type(bar + RUN_PART_BYTES - PAGE, RUN_PTE_UC_MINUS);
	*(volatile uint8_t *)(bar + 1) = 0x17;
	assert_int_equal(pread(dev.vfio.device, &byte, 1, (off_t)(bar_offset + RUN_PART + PAGE + 1)), 1);
	assert_int_equal(byte, 0x17);
	munmap(bar, RUN_PART_BYTES);
}

static void mapping_beside_the_part_is_left_alone(void **state)
{
	uint8_t *before = map_bar(NULL, 0, RUN_PART, RW, 0);
	uint8_t *behind = map_bar(NULL, RUN_PART + RUN_PART_BYTES, PAGE, RW, 0);

	(void)state;
	assert_type(before + RUN_PART - PAGE, RUN_PTE_UC_MINUS);
	assert_type(behind, RUN_PTE_UC_MINUS);
	munmap(before, RUN_PART);
	munmap(behind, PAGE);
}

static void read_only_and_fixed_mappings_keep_what_they_ask_for(void **state)
{
	uint8_t *room = mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *map;
	int zero = open("/dev/zero", O_RDONLY);

	(void)state;
	assert_true(room != MAP_FAILED);
	map = map_bar(room + PAGE, RUN_PART, PAGE, PROT_READ, MAP_FIXED);
	assert_ptr_equal(map, room + PAGE);
	assert_type(map, RUN_PTE_WC);
	/* The kernel may store there as little as the program may. */
	errno = 0;
	assert_int_equal(read(zero, map, 1), -1);
	assert_int_equal(errno, EFAULT);
	close(zero);
	munmap(room, 3 * PAGE);
}

/* The device fd is known by what it is, not by its number. */
static void duplicate_of_the_device_fd_is_known(void **state)
{
	int copy = dup(dev.vfio.device);
	uint8_t *map = mmap(NULL, PAGE, RW, MAP_SHARED, copy, (off_t)(bar_offset + RUN_PART));

	(void)state;
	assert_true(map != MAP_FAILED);
	assert_type(map, RUN_PTE_WC);
	munmap(map, PAGE);
	close(copy);
}

static void other_files_are_left_alone(void **state)
{
	int file = memfd_create("other", MFD_CLOEXEC);
	uint8_t *map;

	(void)state;
	assert_int_equal(ftruncate(file, 4 * MIB), 0);
	map = mmap(NULL, 4 * MIB, RW, MAP_SHARED, file, 0);
	assert_true(map != MAP_FAILED);
	map[RUN_PART] = 7;
	assert_int_equal(pread(file, map, 1, RUN_PART), 1);
	assert_int_equal(map[0], 7);
	munmap(map, 4 * MIB);
	close(file);
}

/* What is said about a mapping that cannot be write-combined now is more than the kernel's errno. */
static void part_that_cannot_be_had_is_no_mapping(void **state)
{
	void *map;

	(void)state;
	exporter_decode(&dev, false);
	errno = 0;
	map = mmap(NULL, RUN_BAR_BYTES, RW, MAP_SHARED, dev.vfio.device, (off_t)bar_offset);
	assert_true(map == MAP_FAILED);
	assert_int_equal(errno, ENODEV);
	exporter_decode(&dev, true);
	map = map_bar(NULL, 0, RUN_BAR_BYTES, RW, 0);
	assert_type((uint8_t *)map + RUN_PART, RUN_PTE_WC);
	munmap(map, RUN_BAR_BYTES);
}

static int open_device(void **state)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = RUN_BAR };

	(void)state;
	if (guest_vfio_open(run_bdf(), &dev.vfio) || ioctl(dev.vfio.device, VFIO_DEVICE_GET_REGION_INFO, &info))
		return -1;
	bar_offset = info.offset;
	return 0;
}

static int close_device(void **state)
{
	(void)state;
	guest_vfio_close(&dev.vfio);
	return 0;
}

static int run_myself(void)
{
	char options[128];
	int status = -1;

	snprintf(options, sizeof(options), "--wc %s:%d+%d:%d", run_bdf(), RUN_BAR, (int)RUN_PART,
		 (int)RUN_PART_BYTES);
	if (!run_up(NULL))
		status = run_inside(options);
	return run_down(NULL) || status;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		guest_test(part_of_a_whole_mapping_is_write_combined),
		guest_test(bytes_are_the_devices),
		guest_test(mapping_that_begins_inside_the_part),
		guest_test(mapping_beside_the_part_is_left_alone),
		guest_test(read_only_and_fixed_mappings_keep_what_they_ask_for),
		guest_test(duplicate_of_the_device_fd_is_known),
		guest_test(other_files_are_left_alone),
		guest_test(part_that_cannot_be_had_is_no_mapping),
	};

	if (argc < 2 || strcmp(argv[1], "inside"))
		return run_myself();
	return cmocka_run_group_tests(tests, open_device, close_device);
}
