// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * libvfiowc-preload's munmap() around one of the kernel that does what this test wants: the moment between the
 * end of a mapping and the return to the library is another thread's. And its tables with an allocator that maps
 * and unmaps.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
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
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void __real_free(void *memory);
void __wrap_free(void *memory);
int __real_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
int __real_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex);

/* Addresses only: nothing is mapped. */
static uint8_t room[4 * PAGE];
static bool taken_at_once;
static int munmap_errno;
static unsigned int locks_held;
/* The allocator maps and unmaps memory of its own at each call. */
static bool allocator_maps;
static unsigned int allocator_mapped;

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

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
	int err = __real_pthread_mutex_lock(mutex);

	locks_held++;
	return err;
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	locks_held--;
	return __real_pthread_mutex_unlock(mutex);
}

/* Under the lock the library's mmap() and munmap() would wait for it for ever. */
static void map_and_unmap(void)
{
	void *memory;

	assert_int_equal(locks_held, 0);
	if (!allocator_maps)
		return;
	allocator_mapped++;
	memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	assert_int_equal(munmap(memory, PAGE), 0);
}

void *__wrap_malloc(size_t size)
{
	map_and_unmap();
	return __real_malloc(size);
}

void __wrap_free(void *memory)
{
	map_and_unmap();
	__real_free(memory);
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
	allocator_maps = false;
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

/* Some do, with a lock of their own held: under the tables' lock it would wait for that one, or for this one. */
static void allocator_that_maps_and_unmaps_is_not_called_under_the_lock(void **state)
{
	struct ibv_mr mr = { 0 };

	(void)state;
	allocator_maps = true;
	allocator_mapped = 0;
	maps_remove(room + PAGE, PAGE); /* two remain */
	assert_piece(0, PAGE, 0, PAGE);
	assert_piece(PAGE, PAGE, -1, 0);
	assert_piece(2 * PAGE, 2 * PAGE, 0, 3 * PAGE);
	maps_remove(room, sizeof(room));
	assert_piece(0, sizeof(room), -1, 0);
	maps_add(room, sizeof(room), 0, PAGE);
	munmap_errno = ENOMEM;
	assert_int_equal(munmap(room + PAGE, PAGE), -1); /* put back */
	assert_piece(0, sizeof(room), 0, PAGE);
	mrs_add(&mr);
	assert_true(mrs_take(&mr));
	assert_false(mrs_take(&mr));
	assert_true(allocator_mapped >= 10);
}

/* Whoever unmaps from inside of his allocator, holding its lock, must not come back to it. */
static void unmapping_host_memory_asks_the_allocator_for_nothing(void **state)
{
	void *memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(memory, MAP_FAILED);
	allocator_maps = true;
	allocator_mapped = 0;
	assert_int_equal(munmap(memory, PAGE), 0);
	assert_int_equal(munmap((uint8_t *)memory + PAGE, PAGE), 0);
	assert_int_equal(allocator_mapped, 0);
}

#define map_test(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		map_test(what_lies_around_unmapped_pages_stays),
		map_test(mapping_of_a_thread_that_gets_the_addresses_at_once_is_known),
		map_test(mapping_that_is_not_unmapped_stays_known),
		map_test(mappings_that_do_not_continue_one_another_are_put_back_apart),
		map_test(allocator_that_maps_and_unmaps_is_not_called_under_the_lock),
		map_test(unmapping_host_memory_asks_the_allocator_for_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
