// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* libvfiowc's dma-bufs and mappings over the real exporter. */
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib_fixture.h"

#define SLICE (64 * KIB)

static void requested_types_become_effective(void **state)
{
	const struct lib_device *lib = *state;
	struct vfiowc_buf *wc = lib_export(lib->dev, 0, SLICE, VFIOWC_MEM_WC);
	struct vfiowc_buf *nc = lib_export(lib->dev, SLICE, SLICE, VFIOWC_MEM_NC);
	struct vfiowc_mapping *wc_map = lib_map(wc, SLICE), *nc_map = lib_map(nc, SLICE);
	struct vfiowc_map_attr attr;

	assert_int_equal(vfiowc_query_map(wc_map, &attr, sizeof(attr)), ENODATA);
	assert_int_equal(lib_effective(wc_map), VFIOWC_EFFECTIVE_WC);
	assert_int_equal(lib_effective(nc_map), VFIOWC_EFFECTIVE_UC_MINUS);
	assert_int_equal(vfiowc_query_map(wc_map, &attr, sizeof(attr)), 0);
	assert_int_equal(attr.requested, VFIOWC_MEM_WC);
	assert_int_equal(attr.length, SLICE);
	assert_true(attr.page_bytes >= PAGE);
	vfiowc_unmap(wc_map);
	vfiowc_unmap(nc_map);
	assert_int_equal(vfiowc_destroy_buf(wc), 0);
	assert_int_equal(vfiowc_destroy_buf(nc), 0);
}

static void first_type_that_works_is_taken(void **state)
{
	static const enum vfiowc_mem_type types[] = { (enum vfiowc_mem_type)9, VFIOWC_MEM_WC,
						      VFIOWC_MEM_NC };
	struct vfiowc_export_attr attr = { .bar = LIB_BAR, .length = SLICE, .types = types,
					   .num_types = 3 };
	const struct lib_device *lib = *state;
	struct vfiowc_buf *buf = vfiowc_export(lib->dev, &attr, sizeof(attr));
	struct vfiowc_mapping *map;

	assert_non_null(buf);
	map = lib_map(buf, SLICE);
	assert_int_equal(lib_effective(map), VFIOWC_EFFECTIVE_WC);
	vfiowc_unmap(map);
	vfiowc_destroy_buf(buf);
	attr.num_types = 1;
	assert_fails(vfiowc_export(lib->dev, &attr, sizeof(attr)), EOPNOTSUPP);
}

static void type_of_later_mappings_can_be_changed(void **state)
{
	const struct lib_device *lib = *state;
	struct vfiowc_buf *buf = lib_export(lib->dev, 0, SLICE, VFIOWC_MEM_NC);
	struct vfiowc_mapping *old = lib_map(buf, SLICE), *mixed;
	enum vfiowc_mem_type type;

	assert_int_equal(vfiowc_set_memattr(buf, VFIOWC_MEM_WC), 0);
	assert_int_equal(vfiowc_get_memattr(buf, &type), 0);
	assert_int_equal(type, VFIOWC_MEM_WC);
	assert_fails(vfiowc_map(buf, 0, 8, 0), EBUSY); /* O11 */
	mixed = vfiowc_map(buf, 0, 8, VFIOWC_MAP_MIXED);
	assert_non_null(mixed);
	assert_int_equal(lib_effective(old), VFIOWC_EFFECTIVE_UC_MINUS);
	assert_int_equal(lib_effective(mixed), VFIOWC_EFFECTIVE_WC);
	vfiowc_unmap(mixed);
	vfiowc_unmap(old);
	assert_int_equal(vfiowc_set_memattr(buf, (enum vfiowc_mem_type)9), EOPNOTSUPP);
	vfiowc_destroy_buf(buf);
}

/* The dma-buf begins where its slice begins in the BAR, and so does each of its parts. */
static void mapped_bytes_are_the_bars(void **state)
{
	const struct lib_device *lib = *state;
	struct vfiowc_range ranges[2] = { { 3 * PAGE, PAGE }, { PAGE, PAGE } };
	struct vfiowc_export_attr attr = { .bar = LIB_BAR, .ranges = ranges, .num_ranges = 2 };
	struct vfiowc_buf *whole = lib_export(lib->dev, 0, 4 * PAGE, VFIOWC_MEM_NC);
	struct vfiowc_buf *parts = vfiowc_export(lib->dev, &attr, sizeof(attr));
	struct vfiowc_mapping *map = lib_map(whole, 4 * PAGE), *part;
	volatile uint32_t *word = vfiowc_map_addr(map);
	volatile uint32_t *seen;
	unsigned int i;

	assert_non_null(parts);
	for (i = 0; i < 4 * PAGE / 4; i++)
		word[i] = i;
	part = vfiowc_map(parts, PAGE - 4, 8, 0);
	assert_non_null(part);
	seen = vfiowc_map_addr(part);
	assert_int_equal(seen[0], 4 * PAGE / 4 - 1); /* the last word of BAR page 3 */
	assert_int_equal(seen[1], PAGE / 4); /* the first word of BAR page 1 */
	vfiowc_unmap(part);
	vfiowc_unmap(map);
	vfiowc_destroy_buf(parts);
	vfiowc_destroy_buf(whole);
}

static void wrong_slices_are_refused(void **state)
{
	const struct lib_device *lib = *state;
	struct vfiowc_export_attr attr = { .bar = LIB_BAR, .offset = LIB_BAR_BYTES, .length = PAGE };
	struct vfiowc_buf *buf;

	assert_fails(vfiowc_export(lib->dev, &attr, sizeof(attr)), EINVAL);
	attr.offset = 1;
	assert_fails(vfiowc_export(lib->dev, &attr, sizeof(attr)), EINVAL);
	attr.offset = 0;
	attr.bar = 4;
	assert_fails(vfiowc_export(lib->dev, &attr, sizeof(attr)), ENODEV);
	buf = lib_export(lib->dev, 0, PAGE, VFIOWC_MEM_NC);
	assert_fails(vfiowc_map(buf, PAGE, 1, 0), EINVAL);
	vfiowc_destroy_buf(buf);
}

static void import_is_the_same_object(void **state)
{
	const struct lib_device *lib = *state;
	struct vfiowc_buf *buf = lib_export(lib->dev, 0, SLICE, VFIOWC_MEM_WC);
	struct vfiowc_buf *owner = vfiowc_import(vfiowc_buf_fd(buf), lib->dev);
	struct vfiowc_buf *client = vfiowc_import(vfiowc_buf_fd(buf), NULL);
	struct vfiowc_mapping *map = lib_map(client, SLICE);
	struct vfiowc_buf_attr attr;

	assert_int_equal(vfiowc_query_buf(owner, &attr, sizeof(attr)), 0);
	assert_int_equal(attr.size_bytes, SLICE);
	assert_int_equal(attr.bar, LIB_BAR);
	assert_int_equal(attr.mem_type, VFIOWC_MEM_WC);
	assert_int_equal(attr.num_mappings, 1);
	assert_int_equal(vfiowc_query_buf(client, &attr, sizeof(attr)), 0);
	assert_int_equal(attr.size_bytes, SLICE);
	*(volatile uint32_t *)vfiowc_map_addr(map) = 0x600df00d;
	assert_int_equal(vfiowc_revoke(client), EOPNOTSUPP); /* the fd alone commands nothing */
	assert_int_equal(vfiowc_revoke(owner), 0);
	assert_true(guest_sigbus_read8(vfiowc_map_addr(map)));
	vfiowc_unmap(map);
	vfiowc_destroy_buf(client);
	vfiowc_destroy_buf(owner);
	vfiowc_destroy_buf(buf);
}

static void import_refuses_what_is_not_the_devices(void **state)
{
	const struct lib_device *lib = *state;
	int fd = memfd_create("no dma-buf", MFD_CLOEXEC);

	assert_fails(vfiowc_import(fd, NULL), EINVAL);
	assert_fails(vfiowc_import(fd, lib->dev), EINVAL);
	close(fd);
}

static void tags_are_set_read_and_cleared(void **state)
{
	const struct lib_device *lib = *state;
	struct vfiowc_buf *buf = lib_export(lib->dev, 0, PAGE, VFIOWC_MEM_NC);
	struct vfiowc_tph tph = { VFIOWC_TAG_ST | VFIOWC_TAG_ST_EXT, 0x1234, 0x56, 2 }, seen;

	assert_int_equal(vfiowc_get_tph(buf, &seen), 0);
	assert_int_equal(seen.flags, 0);
	assert_int_equal(vfiowc_set_tph(buf, &tph), 0);
	assert_int_equal(vfiowc_get_tph(buf, &seen), 0);
	assert_memory_equal(&seen, &tph, sizeof(tph));
	assert_int_equal(vfiowc_clear_tph(buf), 0);
	assert_int_equal(vfiowc_get_tph(buf, &seen), 0);
	assert_int_equal(seen.flags, 0);
	exporter_param("tph_override", "0");
	assert_int_equal(vfiowc_set_tph(buf, &tph), EOPNOTSUPP); /* the device is no completer */
	vfiowc_destroy_buf(buf);
}

static void revoke_ends_mappings_for_good(void **state)
{
	const struct lib_device *lib = *state;
	struct vfiowc_buf *buf = lib_export(lib->dev, 0, SLICE, VFIOWC_MEM_WC);
	struct vfiowc_mapping *map = lib_map(buf, SLICE);
	uint8_t *bytes = vfiowc_map_addr(map);
	struct vfiowc_tph tph = { .flags = VFIOWC_TAG_ST };

	assert_false(guest_sigbus_write8(bytes, 1));
	assert_int_equal(lib_state(buf), VFIOWC_BUF_LIVE);
	assert_int_equal(vfiowc_revoke(buf), 0);
	assert_true(guest_sigbus_read8(bytes));
	assert_true(guest_sigbus_write8(bytes + SLICE - 1, 1));
	assert_int_equal(lib_state(buf), VFIOWC_BUF_REVOKED);
	assert_int_equal(vfiowc_revoke(buf), EBADFD);
	assert_int_equal(vfiowc_set_memattr(buf, VFIOWC_MEM_NC), EBADFD);
	assert_int_equal(vfiowc_set_tph(buf, &tph), EBADFD);
	assert_fails(vfiowc_map(buf, 0, PAGE, 0), ENODEV);
	vfiowc_unmap(map);
	vfiowc_destroy_buf(buf);
}

static void destroyed_dma_buf_lives_on_in_a_duplicate(void **state)
{
	const struct lib_device *lib = *state;
	struct vfiowc_buf *buf = lib_export(lib->dev, 0, PAGE, VFIOWC_MEM_NC);
	int fd = dup(vfiowc_buf_fd(buf));
	struct vfiowc_mapping *map;

	assert_int_equal(vfiowc_destroy_buf(buf), 0);
	buf = vfiowc_import(fd, lib->dev);
	assert_non_null(buf);
	assert_int_equal(lib_state(buf), VFIOWC_BUF_LIVE);
	map = lib_map(buf, PAGE);
	assert_false(guest_sigbus_write8(vfiowc_map_addr(map), 1));
	vfiowc_unmap(map);
	vfiowc_destroy_buf(buf);
	close(fd);
}

static void cpu_stores_flushed_and_delivered_are_read_back(void **state)
{
	const struct lib_device *lib = *state;
	struct vfiowc_buf *wc = lib_export(lib->dev, 0, SLICE, VFIOWC_MEM_WC);
	struct vfiowc_buf *nc = lib_export(lib->dev, SLICE, PAGE, VFIOWC_MEM_NC);
	struct vfiowc_buf *same = lib_export(lib->dev, 0, SLICE, VFIOWC_MEM_NC);
	struct vfiowc_mapping *data = lib_map(wc, SLICE), *word = lib_map(nc, PAGE);
	struct vfiowc_mapping *view = vfiowc_map(same, 0, SLICE,
						 VFIOWC_MAP_MIXED | VFIOWC_MAP_READ_ONLY);
	char *bytes = vfiowc_map_addr(data);

	assert_non_null(view);
	memset(bytes, 0x5a, SLICE);
	vfiowc_wc_flush();
	vfiowc_ring32(vfiowc_map_addr(word), 0xdeadbeef);
	assert_int_equal(vfiowc_deliver(vfiowc_map_addr(word)), 0xdeadbeef);
	assert_memory_equal(vfiowc_map_addr(view), bytes, SLICE);
	vfiowc_ring64(vfiowc_map_addr(word), 0x1122334455667788);
	assert_int_equal(*(volatile uint64_t *)vfiowc_map_addr(word), 0x1122334455667788);
	vfiowc_ring64_wc(bytes, 42);
	vfiowc_ring32_wc(bytes + 8, 43);
	vfiowc_acquire();
	assert_int_equal(*(volatile uint64_t *)vfiowc_map_addr(view), 42);
	vfiowc_unmap(view);
	vfiowc_unmap(word);
	vfiowc_unmap(data);
	vfiowc_destroy_buf(same);
	vfiowc_destroy_buf(nc);
	vfiowc_destroy_buf(wc);
}

/* Two threads on one object: mappings, tags and queries of the same dma-buf. */
static void *use_buf(void *arg)
{
	struct vfiowc_tph tph = { .flags = VFIOWC_TAG_ST, .st = 7 }, seen;
	struct vfiowc_buf *buf = arg;
	struct vfiowc_buf_attr attr;
	unsigned int i;

	for (i = 0; i < 200; i++) {
		struct vfiowc_mapping *map = vfiowc_map(buf, 0, PAGE, 0);

		if (!map)
			return buf;
		*(volatile uint32_t *)vfiowc_map_addr(map) = i;
		if (vfiowc_set_tph(buf, &tph) || vfiowc_get_tph(buf, &seen) || seen.st != 7 ||
		    vfiowc_query_buf(buf, &attr, sizeof(attr)) || !attr.num_mappings ||
		    vfiowc_set_memattr(buf, VFIOWC_MEM_WC) || vfiowc_unmap(map))
			return buf;
	}
	return NULL;
}

static void two_threads_use_one_dma_buf(void **state)
{
	const struct lib_device *lib = *state;
	struct vfiowc_buf *buf = lib_export(lib->dev, 0, SLICE, VFIOWC_MEM_WC);
	struct vfiowc_buf_attr attr;
	pthread_t thread;
	void *failed;

	assert_int_equal(pthread_create(&thread, NULL, use_buf, buf), 0);
	assert_null(use_buf(buf));
	assert_int_equal(pthread_join(thread, &failed), 0);
	assert_null(failed);
	assert_int_equal(vfiowc_query_buf(buf, &attr, sizeof(attr)), 0);
	assert_int_equal(attr.num_mappings, 0);
	assert_int_equal(vfiowc_destroy_buf(buf), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lib_test(requested_types_become_effective),
		lib_test(first_type_that_works_is_taken),
		lib_test(type_of_later_mappings_can_be_changed),
		lib_test(mapped_bytes_are_the_bars),
		lib_test(wrong_slices_are_refused),
		lib_test(import_is_the_same_object),
		lib_test(import_refuses_what_is_not_the_devices),
		lib_test(tags_are_set_read_and_cleared),
		lib_test(revoke_ends_mappings_for_good),
		lib_test(destroyed_dma_buf_lives_on_in_a_duplicate),
		lib_test(cpu_stores_flushed_and_delivered_are_read_back),
		lib_test(two_threads_use_one_dma_buf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
