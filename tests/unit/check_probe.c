// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * `vfiowc check --probe` with an RDMA device that fails. Library and QPs are made up here, and the BAR is a file:
 * what was in it must be there again, whatever failed.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>
#include <infiniband/vfiowc.h>

#include "check.h"
#include "nic.h"
#include "vfiowc.h"

#define BAR 2
#define BAR_OFFSET 4096

int __wrap_ioctl(int fd, unsigned long request, ...);

static const char somebodys[CHECK_PROBE_BYTES] = "bytes that belong to somebody else";

static struct {
	int fd; /* of the device */
	int reconnect_errno;
	enum ibv_wc_status status[3]; /* of each transfer */
	unsigned int transfers;
	unsigned int errors; /* said by the tool */
} fake;

static struct ibv_qp qp;
static struct ibv_mr mr = { .rkey = 0x77 };
static uint8_t buffers[2][CHECK_PROBE_BYTES];

/* Handles that nobody looks into. */
static char device, slice;

struct vfiowc_device *vfiowc_open_device(const char *bdf)
{
	(void)bdf;
	return (struct vfiowc_device *)&device;
}

int vfiowc_close_device(struct vfiowc_device *dev)
{
	assert_ptr_equal(dev, &device);
	return 0;
}

int vfiowc_device_fd(const struct vfiowc_device *dev)
{
	assert_ptr_equal(dev, &device);
	return fake.fd;
}

int vfiowc_query_device(struct vfiowc_device *dev, struct vfiowc_device_attr *attr, uint32_t inlen)
{
	(void)dev;
	memset(attr, 0, inlen);
	attr->bars[BAR].flags = VFIOWC_BAR_MAPPABLE | VFIOWC_BAR_PREFETCHABLE;
	attr->bars[BAR].size_bytes = 65536;
	return 0;
}

struct vfiowc_buf *vfiowc_export(struct vfiowc_device *dev, const struct vfiowc_export_attr *attr, uint32_t inlen)
{
	(void)dev;
	(void)inlen;
	assert_int_equal(attr->bar, BAR);
	return (struct vfiowc_buf *)&slice;
}

int vfiowc_destroy_buf(struct vfiowc_buf *buf)
{
	assert_ptr_equal(buf, &slice);
	return 0;
}

struct ibv_mr *vfiowc_reg_mr(struct vfiowc_buf *buf, struct ibv_pd *pd, uint64_t offset, size_t length, uint64_t iova,
			     int access)
{
	(void)buf;
	(void)pd;
	(void)offset;
	(void)length;
	(void)iova;
	(void)access;
	return &mr;
}

int ibv_dereg_mr(struct ibv_mr *which)
{
	assert_ptr_equal(which, &mr);
	return 0;
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	struct vfio_region_info *region;
	va_list args;

	va_start(args, request);
	region = va_arg(args, struct vfio_region_info *);
	va_end(args);
	assert_int_equal(fd, fake.fd);
	assert_int_equal(request, VFIO_DEVICE_GET_REGION_INFO);
	assert_int_equal(region->index, BAR);
	region->offset = BAR_OFFSET;
	return 0;
}

int nic_open(const char *name, struct nic *nic, const char **what)
{
	(void)name;
	(void)what;
	nic->initiator = &qp;
	nic->out = buffers[0];
	nic->in = buffers[1];
	return 0;
}

void nic_close(struct nic *nic)
{
	nic->initiator = NULL;
}

/* As the real one, whose first ibv_create_qp() fails. */
int nic_reconnect(struct nic *nic, const char **what)
{
	*what = "ibv_create_qp";
	nic->initiator = fake.reconnect_errno ? NULL : &qp;
	return fake.reconnect_errno;
}

int nic_transfer(struct nic *nic, uint64_t wr_id, enum ibv_wr_opcode opcode, void *host, uint32_t bytes, uint64_t address,
		 uint32_t rkey, enum ibv_wc_status *status)
{
	(void)wr_id;
	(void)address;
	assert_non_null(nic->initiator);
	assert_int_equal(rkey, mr.rkey);
	assert_in_range(fake.transfers, 0, 2);
	*status = fake.status[fake.transfers++];
	if (*status)
		return 0;
	if (opcode == IBV_WR_RDMA_WRITE)
		assert_int_equal(pwrite(fake.fd, host, bytes, BAR_OFFSET), bytes);
	else
		assert_int_equal(pread(fake.fd, host, bytes, BAR_OFFSET), bytes);
	return 0;
}

void tool_error(const char *object, const char *fmt, ...)
{
	(void)object;
	(void)fmt;
	fake.errors++;
}

static int setup(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof(fake));
	fake.fd = memfd_create("bar", MFD_CLOEXEC);
	return pwrite(fake.fd, somebodys, sizeof(somebodys), BAR_OFFSET) == sizeof(somebodys) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return close(fake.fd);
}

static struct check_probe run_probe(void)
{
	struct check_probe probe = { .bar = -1 };
	char now[sizeof(somebodys)];

	check_probe("0000:01:00.0", "nic0", &probe);
	assert_int_equal(probe.bar, BAR);
	assert_int_equal(pread(fake.fd, now, sizeof(now), BAR_OFFSET), sizeof(now));
	assert_memory_equal(now, somebodys, sizeof(now));
	assert_int_equal(fake.errors, 0);
	return probe;
}

static void both_ways_work(void **state)
{
	struct check_probe probe = run_probe();

	(void)state;
	assert_true(probe.write && probe.read);
	assert_string_equal(probe.why, "");
	assert_int_equal(fake.transfers, 3);
}

static void read_is_tried_with_fresh_qps_after_a_failed_write(void **state)
{
	struct check_probe probe;

	(void)state;
	fake.status[0] = IBV_WC_REM_ACCESS_ERR;
	probe = run_probe();
	assert_false(probe.write);
	assert_true(probe.read);
	assert_int_equal(fake.transfers, 2);
}

static void without_fresh_qps_nothing_is_tried_and_the_bytes_are_put_back(void **state)
{
	struct check_probe probe;

	(void)state;
	fake.status[0] = IBV_WC_REM_ACCESS_ERR;
	fake.reconnect_errno = ENOMEM;
	probe = run_probe();
	assert_false(probe.write || probe.read);
	assert_int_equal(strncmp(probe.why, "WRITE: ", 7), 0);
	assert_int_equal(fake.transfers, 1);
}

/* The WRITE was over before. */
static void write_is_seen_where_the_read_behind_it_ends_the_connection(void **state)
{
	struct check_probe probe;

	(void)state;
	fake.status[1] = IBV_WC_REM_ACCESS_ERR;
	fake.reconnect_errno = ENOMEM;
	probe = run_probe();
	assert_true(probe.write);
	assert_false(probe.read);
	assert_int_equal(strncmp(probe.why, "READ: ", 6), 0);
	assert_int_equal(fake.transfers, 2);
}

#define probe_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		probe_test(both_ways_work),
		probe_test(read_is_tried_with_fresh_qps_after_a_failed_write),
		probe_test(without_fresh_qps_nothing_is_tried_and_the_bytes_are_put_back),
		probe_test(write_is_seen_where_the_read_behind_it_ends_the_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
