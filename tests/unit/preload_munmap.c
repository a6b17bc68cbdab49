// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * libvfiowc-preload's munmap() around one of the kernel that does what this test wants: the moment between the
 * end of a mapping and the return to the library is another thread's.
 */
#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include "preload/preload.h"

#define PAGE 4096u
#define NEW_OFFSET (100 * PAGE)

void *__real_dlsym(void *handle, const char *name);
void *__wrap_dlsym(void *handle, const char *name);

/* Addresses only: nothing is mapped. */
static uint8_t room[4 * PAGE];
static bool taken_at_once;
static int munmap_errno;

/* No BAR is to be write-combined, and no page table is looked at. */
bool region_combine(void *address, size_t length, int prot, int flags, int fd, off_t offset)
{
	(void)address;
	(void)length;
	(void)prot;
	(void)flags;
	(void)fd;
	(void)offset;
	return true;
}

const char *observe_pte(int device_fd, const volatile void *address)
{
	(void)device_fd;
	(void)address;
	return "not-observed";
}

static int next_munmap(void *address, size_t length)
{
	/* Somebody else's, such as a sanitizer's. */
	if ((uint8_t *)address < room || (uint8_t *)address >= room + sizeof(room))
		return syscall(SYS_munmap, address, length);
	if (munmap_errno) {
		errno = munmap_errno;
		return -1;
	}
	/* What another thread's mmap() of a target notes. */
	if (taken_at_once)
		maps_add(address, length, 1, NEW_OFFSET);
	return 0;
}

void *__wrap_dlsym(void *handle, const char *name)
{
	return strcmp(name, "munmap") ? __real_dlsym(handle, name) : (void *)next_munmap;
}

static void assert_piece(size_t from, size_t length, int target, uint64_t offset)
{
	struct piece piece;

	assert_int_equal(maps_find(room + from, length, &piece), 0);
	assert_int_equal(piece.target, target);
	assert_true(piece.offset == offset);
}

static int setup(void **state)
{
	(void)state;
	taken_at_once = false;
	munmap_errno = 0;
	maps_remove(room, sizeof(room));
	maps_add(room, sizeof(room), 0, PAGE);
	return 0;
}

static void what_lies_around_unmapped_pages_stays(void **state)
{
	(void)state;
	assert_int_equal(munmap(room + PAGE, PAGE), 0);
	assert_piece(0, PAGE, 0, PAGE);
	assert_piece(PAGE, PAGE, -1, 0);
	assert_piece(2 * PAGE, 2 * PAGE, 0, 3 * PAGE);
}

/* Host memory it would be, and registered as such. */
static void mapping_of_a_thread_that_gets_the_addresses_at_once_is_known(void **state)
{
	(void)state;
	taken_at_once = true;
	assert_int_equal(munmap(room + PAGE, 2 * PAGE), 0);
	assert_piece(0, PAGE, 0, PAGE);
	assert_piece(PAGE, 2 * PAGE, 1, NEW_OFFSET);
	assert_piece(3 * PAGE, PAGE, 0, 4 * PAGE);
}

/* Whole: a registration may be of all of it. */
static void mapping_that_is_not_unmapped_stays_known(void **state)
{
	(void)state;
	munmap_errno = ENOMEM;
	errno = 0;
	assert_int_equal(munmap(room + PAGE, PAGE), -1);
	assert_int_equal(errno, ENOMEM);
	assert_piece(0, sizeof(room), 0, PAGE);
	munmap_errno = EINVAL;
	assert_int_equal(munmap(room + PAGE, 0), -1);
	assert_int_equal(munmap(room, PAGE), -1);
	assert_int_equal(munmap(room + 3 * PAGE, PAGE), -1);
	assert_int_equal(munmap(room, sizeof(room)), -1);
	assert_piece(0, sizeof(room), 0, PAGE);
}

/* Two targets side by side are not one, nor are parts of one target that lie elsewhere in it. */
static void mappings_that_do_not_continue_one_another_are_put_back_apart(void **state)
{
	struct piece piece;

	(void)state;
	maps_remove(room + 2 * PAGE, 2 * PAGE);
	maps_add(room + 2 * PAGE, PAGE, 1, 3 * PAGE);
	maps_add(room + 3 * PAGE, PAGE, 1, 0);
	munmap_errno = EINVAL;
	assert_int_equal(munmap(room, sizeof(room)), -1);
	assert_piece(0, 2 * PAGE, 0, PAGE);
	assert_piece(2 * PAGE, PAGE, 1, 3 * PAGE);
	assert_piece(3 * PAGE, PAGE, 1, 0);
	assert_int_equal(maps_find(room + PAGE, 2 * PAGE, &piece), EINVAL);
	assert_int_equal(maps_find(room + 2 * PAGE, 2 * PAGE, &piece), EINVAL);
}

#define map_test(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		map_test(what_lies_around_unmapped_pages_stays),
		map_test(mapping_of_a_thread_that_gets_the_addresses_at_once_is_known),
		map_test(mapping_that_is_not_unmapped_stays_known),
		map_test(mappings_that_do_not_continue_one_another_are_put_back_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
