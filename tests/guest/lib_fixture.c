// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* The exporter through libvfiowc. */
#include <stdlib.h>
#include <unistd.h>

#include "lib_fixture.h"

void lib_bind(char bdf[static GUEST_BDF_LEN], const char *driver)
{
	assert_int_equal(guest_find_pci(GUEST_IVSHMEM, bdf), 0);
	assert_int_equal(guest_modprobe("vfio-pci"), 0);
	assert_int_equal(guest_modprobe("vfiowc_pci"), 0);
	assert_int_equal(guest_bind(bdf, driver), 0);
}

static int setup(void **state, const char *driver)
{
	struct lib_device *lib = calloc(1, sizeof(*lib));

	guest_setup(state);
	assert_non_null(lib);
	*state = lib;
	lib_bind(lib->bdf, driver);
	exporter_param("tph_override", "3");
	lib->dev = vfiowc_open_device(lib->bdf);
	if (!lib->dev)
		print_error("vfiowc_open_device(%s): errno %d\n", lib->bdf, errno);
	return lib->dev ? 0 : -1;
}

int lib_setup(void **state)
{
	return setup(state, EXPORTER_DRIVER);
}

int lib_setup_stock(void **state)
{
	return setup(state, "vfio-pci");
}

int lib_teardown(void **state)
{
	struct lib_device *lib = *state;
	int err = lib->dev ? vfiowc_close_device(lib->dev) : 0;

	/* A test that failed half-way left objects behind: unbinding would wait for this fd. */
	if (err)
		close(vfiowc_device_fd(lib->dev));
	exporter_param("tph_override", "0");
	guest_bind(lib->bdf, NULL);
	free(lib);
	*state = NULL;
	return guest_teardown(state) || err ? -1 : 0;
}

struct vfiowc_buf *lib_export(struct vfiowc_device *dev, uint64_t offset, uint64_t length,
			      enum vfiowc_mem_type type)
{
	struct vfiowc_export_attr attr = { .bar = LIB_BAR, .offset = offset, .length = length,
					   .types = &type, .num_types = 1 };
	struct vfiowc_buf *buf = vfiowc_export(dev, &attr, sizeof(attr));

	if (!buf)
		print_error("vfiowc_export(%#llx, %#llx): errno %d\n", (unsigned long long)offset,
			    (unsigned long long)length, errno);
	assert_non_null(buf);
	return buf;
}

struct vfiowc_mapping *lib_map(struct vfiowc_buf *buf, uint64_t length)
{
	struct vfiowc_mapping *map = vfiowc_map(buf, 0, length, 0);

	if (!map)
		print_error("vfiowc_map: errno %d\n", errno);
	assert_non_null(map);
	return map;
}

enum vfiowc_effective_type lib_effective(struct vfiowc_mapping *map)
{
	struct vfiowc_map_attr attr;

	(void)*(volatile uint8_t *)vfiowc_map_addr(map);
	assert_int_equal(vfiowc_query_map(map, &attr, sizeof(attr)), 0);
	return attr.effective;
}

uint32_t lib_state(struct vfiowc_buf *buf)
{
	struct vfiowc_buf_attr attr;

	assert_int_equal(vfiowc_query_buf(buf, &attr, sizeof(attr)), 0);
	assert_int_equal(attr.comp_mask, VFIOWC_BUF_ATTR_KERNEL);
	return attr.state;
}
