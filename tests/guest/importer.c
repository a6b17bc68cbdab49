// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* The test importer module from a test's side. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "importer.h"

/* Open importers, by file descriptor. */
static bool is_open[256];

int importer_open(void)
{
	int fd;

	if (access("/dev/vfiowc_test_importer", F_OK))
		assert_int_equal(guest_modprobe("vfiowc_test_importer"), 0);
	fd = open("/dev/vfiowc_test_importer", O_RDWR | O_CLOEXEC);
	assert_return_code(fd, errno);
	assert_true((size_t)fd < sizeof(is_open));
	is_open[fd] = true;
	return fd;
}

void importer_close(int fd)
{
	is_open[fd] = false;
	close(fd);
}

void importer_close_all(void)
{
	for (int fd = 0; (size_t)fd < sizeof(is_open); fd++)
		if (is_open[fd])
			importer_close(fd);
}

int importer_teardown(void **state)
{
	importer_close_all();
	return exporter_teardown(state);
}

static uint32_t bdf_number(const char *bdf)
{
	unsigned int domain, bus, slot, function;

	if (!bdf)
		return 0;
	assert_int_equal(sscanf(bdf, "%x:%x:%x.%x", &domain, &bus, &slot, &function), 4);
	return domain << 16 | bus << 8 | slot << 3 | function;
}

static int attach(int fd, struct importer_attach *request)
{
	return ioctl(fd, IMPORTER_ATTACH, request) ? -errno : 0;
}

int importer_attach(int fd, int dmabuf, const char *bdf, enum importer_kind kind)
{
	struct importer_attach request = {
		.dmabuf_fd = dmabuf,
		.kind = kind,
		.bdf = bdf_number(bdf),
	};

	return attach(fd, &request);
}

int importer_attach_policy(int fd, int dmabuf, const char *bdf, enum importer_policy policy,
			   unsigned int delay_ms)
{
	struct importer_attach request = {
		.dmabuf_fd = dmabuf,
		.kind = IMPORTER_DYNAMIC,
		.bdf = bdf_number(bdf),
		.policy = policy,
		.delay_ms = delay_ms,
	};

	return attach(fd, &request);
}

int importer_do(int fd, unsigned long request)
{
	return ioctl(fd, request) ? -errno : 0;
}

struct importer_info importer_info(int fd)
{
	struct importer_info info = {};

	assert_return_code(ioctl(fd, IMPORTER_INFO, &info), errno);
	return info;
}

struct importer_segment importer_segment(int fd, unsigned int index)
{
	struct importer_segment segment = { .index = index };

	assert_return_code(ioctl(fd, IMPORTER_SEGMENT, &segment), errno);
	return segment;
}

long importer_slab_kib(void)
{
	char text[8192];
	const char *line;

	assert_int_equal(guest_read_file("/proc/meminfo", text, sizeof(text)), 0);
	line = strstr(text, "SUnreclaim:");
	assert_non_null(line);
	return strtol(line + strlen("SUnreclaim:"), NULL, 10);
}
