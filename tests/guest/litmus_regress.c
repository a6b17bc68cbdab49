// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Bugs that others have shipped, where the emulated machine can show them. The rest of the list in
 * Documentation/ordering.md needs combining buffers: the model or a checked map shows those.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "litmus.h"

/* pci-testdev's header; writing a test's number to @test starts it with a count of 0. */
struct counter {
	uint8_t test;
	uint8_t width;
	uint8_t pad0[2];
	uint32_t offset;
	uint8_t data;
	uint8_t pad1[3];
	uint32_t count;
};

typedef void *(*copy_fn)(void *to, const void *from, size_t bytes);

static void *copy_once(void *to, const void *from, size_t bytes)
{
	vfiowc_copy_to(to, from, bytes);
	return to;
}

/* @bytes by @copy, from @before bytes before the byte whose stores the device counts. */
static uint32_t stores_seen_by_device(volatile struct counter *dev, copy_fn copy, size_t before,
				      size_t bytes)
{
	copy_fn volatile called = copy; /* else the compiler puts one store in place of memcpy() */
	uint8_t from[64];

	dev->test = 0;
	memset(from, dev->data, sizeof(from));
	called((uint8_t *)dev + dev->offset - before, from, bytes);
	return dev->count;
}

/*
 * Copies of 8 to 15 bytes are two overlapping stores of 8 in the C library's memcpy() for x86-64,
 * even one of 8 bytes: bytes arrive twice, which a FIFO or a doorbell takes for two. vfiowc_copy_to()
 * writes each byte once. O1.
 */
void regress_memcpy_writes_bytes_twice(void **state)
{
	struct exporter exp = {};
	volatile struct counter *dev;
	int dmabuf;

	(void)state;
	if (guest_find_pci(GUEST_TESTDEV, exp.bdf))
		guest_skip("no pci-testdev");
	assert_int_equal(guest_bind(exp.bdf, EXPORTER_DRIVER), 0);
	assert_int_equal(guest_vfio_open(exp.bdf, &exp.vfio), 0);
	dmabuf = exporter_export(&exp, VFIOWC_MEMATTR_NC, 0, PAGE);
	dev = exporter_mmap(dmabuf, PAGE);
	assert_int_equal(stores_seen_by_device(dev, memcpy, 4, 8), 2);
	assert_int_equal(stores_seen_by_device(dev, copy_once, 4, 8), 1);
	munmap((void *)dev, PAGE);
	close(dmabuf);
	exporter_close(&exp);
	assert_int_equal(guest_bind(exp.bdf, NULL), 0);
}

/*
 * A READ of no bytes succeeds although no memory is behind its key: it has touched no path, so it
 * proves nothing. The library does not post one. O5i.
 */
void regress_empty_read_is_no_flush(void **state)
{
	struct litmus *l = *state;
	struct ibv_sge nothing = { (uintptr_t)l->peer.host.addr, 0, l->peer.host.mr->lkey };
	struct ibv_send_wr *bad, wr = { .opcode = IBV_WR_RDMA_READ,
					.send_flags = IBV_SEND_SIGNALED,
					.wr.rdma = { LITMUS_IOVA, l->mr->rkey ^ 0xff } };

	assert_int_equal(ibv_post_send(l->peer.qp, &wr, &bad), 0);
	assert_wc(litmus_cqe(&l->peer), IBV_WC_SUCCESS);
	assert_int_equal(vfiowc_post_delivery_read(l->peer.qp, 1, &nothing, LITMUS_IOVA, l->mr->rkey),
			 EINVAL);
}
