// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Dma-bufs that the exporter maps for the RDMA device (dma_buf_vmap()): the device takes I/O memory only if each
 * access goes to it as it is made, and memory only when the exporter has moved it there. The exporter of I/O memory,
 * and the one that moves, are test modules.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "importer.h"
#include "modules/vfiowc_test_vmap.h"
#include "rdma_slice.h"

#define LEN 0x10000
#define WAIT_MS 20000

static struct rdma_node node;
static struct ibv_qp *qp[2];
static struct rdma_buf host;

static int setup(void **state)
{
	guest_setup(state);
	rdma_node_open(&node);
	rdma_qp_pair(&node, qp);
	host = rdma_buf_alloc(node.pd, LEN, RDMA_REMOTE);
	rdma_pattern(host.addr, LEN, 5);
	return 0;
}

static int teardown(void **state)
{
	rdma_buf_free(&host);
	rdma_qp_unpair(qp);
	rdma_node_close(&node);
	return guest_teardown(state);
}

/* The first bytes of the display's memory, by an exporter that maps them so or so. */
static int export_io_memory(bool wc)
{
	struct vmap_export request = { .bar = 0, .bytes = LEN, .wc = wc };
	unsigned int domain, bus, slot, function;
	char bdf[GUEST_BDF_LEN];
	int device, fd;

	assert_int_equal(guest_find_pci(GUEST_BOCHS, bdf), 0);
	assert_int_equal(guest_bind(bdf, NULL), 0);
	assert_int_equal(sscanf(bdf, "%x:%x:%x.%x", &domain, &bus, &slot, &function), 4);
	request.bdf = domain << 16 | bus << 8 | slot << 3 | function;
	assert_int_equal(guest_modprobe("vfiowc_test_vmap"), 0);
	device = open("/dev/vfiowc_test_vmap", O_RDWR | O_CLOEXEC);
	assert_return_code(device, errno);
	fd = ioctl(device, VMAP_EXPORT, &request);
	assert_return_code(fd, errno);
	close(device);
	return fd;
}

static void io_memory_that_is_mapped_uncached_is_written_and_read(void **state)
{
	int fd = export_io_memory(false);
	struct rdma_buf io = rdma_reg_slice(node.pd, fd, NULL, LEN);
	struct rdma_wr write = rdma_wr(IBV_WR_RDMA_WRITE, &host, &io, LEN / 2);
	struct rdma_wr read = rdma_wr(IBV_WR_RDMA_READ, &host, &io, LEN / 2);

	(void)state;
	read.local += LEN / 2;
	write.remote = read.remote = LEN / 4;
	assert_wc(rdma_do(qp[0], &write), IBV_WC_SUCCESS);
	assert_wc(rdma_do(qp[0], &read), IBV_WC_SUCCESS);
	assert_memory_equal(host.addr, host.addr + LEN / 2, LEN / 2);
	rdma_dereg_slice(&io);
	close(fd);
}

static void io_memory_that_is_mapped_write_combined_is_refused(void **state)
{
	int fd = export_io_memory(true);

	(void)state;
	errno = 0;
	assert_null(ibv_reg_dmabuf_mr(node.pd, 0, LEN, 0, fd, RDMA_REMOTE));
	assert_int_equal(errno, EBUSY);
	close(fd);
}

struct registration {
	int fd;
	uint8_t *map;
	pid_t tid;
	struct ibv_mr *mr;
	bool done;
};

static void *register_it(void *arg)
{
	struct registration *reg = arg;

	__atomic_store_n(&reg->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	reg->mr = ibv_reg_dmabuf_mr(node.pd, 0, LEN, (uintptr_t)reg->map, reg->fd, RDMA_REMOTE);
	__atomic_store_n(&reg->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static bool waits_for_a_fence(const struct registration *reg)
{
	char path[64], function[128];

	snprintf(path, sizeof(path), "/proc/self/task/%d/wchan", __atomic_load_n(&reg->tid, __ATOMIC_ACQUIRE));
	return !guest_read_file(path, function, sizeof(function)) && strstr(function, "dma_fence");
}

static bool waits_or_is_done(void *arg)
{
	struct registration *reg = arg;

	return __atomic_load_n(&reg->done, __ATOMIC_ACQUIRE) || waits_for_a_fence(reg);
}

/* The exporter says by a fence of the kernel's own that the bytes are not there yet. */
static void memory_that_is_being_moved_is_waited_for(void **state)
{
	int importer = importer_open();
	struct registration reg = {};
	pthread_t thread;
	bool early;

	(void)state;
	reg.fd = rdma_udmabuf(LEN, &reg.map);
	assert_int_equal(importer_attach(importer, reg.fd, NULL, IMPORTER_DYNAMIC), 0);
	assert_int_equal(importer_do(importer, IMPORTER_FENCE_KERNEL), 0);
	assert_int_equal(pthread_create(&thread, NULL, register_it, &reg), 0);
	assert_true(guest_wait_for(waits_or_is_done, &reg, WAIT_MS));
	early = __atomic_load_n(&reg.done, __ATOMIC_ACQUIRE);
	assert_int_equal(importer_do(importer, IMPORTER_FENCE_SIGNAL), 0);
	pthread_join(thread, NULL);
	assert_non_null(reg.mr);
	assert_false(early);
	assert_int_equal(ibv_dereg_mr(reg.mr), 0);
	importer_close(importer);
	munmap(reg.map, LEN);
	close(reg.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define vmap_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		vmap_test(io_memory_that_is_mapped_uncached_is_written_and_read),
		vmap_test(io_memory_that_is_mapped_write_combined_is_refused),
		vmap_test(memory_that_is_being_moved_is_waited_for),
	};

	return cmocka_run_group_tests_name("rdma_vmap", tests, rdma_device_up, rdma_device_down);
}
