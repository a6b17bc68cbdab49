// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * A dma-buf that its exporter takes back while the RDMA device uses it, for a time (reset,
 * decoding off) or for good (REVOKE, close): requests end in error completions, none hangs,
 * nothing is delivered any more, and the region stays cut off until it is registered again (rule
 * O9).
 */
#include <errno.h>
#include <infiniband/vfiowcdv.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "rdma_slice.h"

#define MAP_LEN 0x40000
#define SLICE_OFFSET 0x10000
#define SLICE_LEN 0x10000
#define GUARD 0xa5

static struct rdma_node node;
static struct ibv_qp *qp[2];
static struct rdma_buf host;
static struct rdma_bar bar;
static struct rdma_buf slice;
static int dmabuf;

static void open_bar(void)
{
	rdma_bar_open(&bar, EXPORTER_DRIVER, GUEST_IVSHMEM, 2, MAP_LEN);
	memset(bar.map, GUARD, MAP_LEN);
	dmabuf = rdma_export(&bar, SLICE_OFFSET, SLICE_LEN);
	slice = rdma_reg_slice(node.pd, dmabuf, bar.map + SLICE_OFFSET, SLICE_LEN);
}

static int setup(void **state)
{
	guest_setup(state);
	rdma_node_open(&node);
	rdma_qp_pair(&node, qp);
	host = rdma_buf_alloc(node.pd, SLICE_LEN, RDMA_REMOTE);
	rdma_pattern(host.addr, SLICE_LEN, 1);
	open_bar();
	return 0;
}

static int teardown(void **state)
{
	rdma_dereg_slice(&slice);
	close(dmabuf);
	rdma_bar_close(&bar);
	rdma_buf_free(&host);
	rdma_qp_unpair(qp);
	rdma_node_close(&node);
	return guest_teardown(state);
}

static void renew_pair(void)
{
	rdma_qp_unpair(qp);
	rdma_qp_pair(&node, qp);
}

static enum ibv_wc_status try_write(void)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &host, &slice, 64);
	enum ibv_wc_status status = rdma_do(qp[0], &wr);

	if (status != IBV_WC_SUCCESS)
		renew_pair();
	return status;
}

static uint32_t mr_state(void)
{
	struct vfiowcdv_mr_attr attr;

	assert_int_equal(vfiowcdv_query_mr(slice.mr, &attr, sizeof(attr)), 0);
	return attr.state;
}

static void register_again(void)
{
	rdma_dereg_slice(&slice);
	slice = rdma_reg_slice(node.pd, dmabuf, bar.map + SLICE_OFFSET, SLICE_LEN);
}

static void assert_bar_untouched(void)
{
	for (size_t i = 0; i < MAP_LEN; i++)
		if (bar.map[i] != GUARD)
			fail_msg("byte %#zx of the BAR was written", i);
}

static void revoked_slice_ends_requests_with_errors(void **state)
{
	struct rdma_wr read = rdma_wr(IBV_WR_RDMA_READ, &host, &slice, 64);
	struct rdma_wr local = rdma_wr(IBV_WR_RDMA_WRITE, &slice, &host, 64);

	(void)state;
	assert_int_equal(mr_state(), VFIOWCDV_MR_LIVE);
	assert_int_equal(exporter_revoke(&bar.exp, dmabuf), 0);
	assert_int_equal(mr_state(), VFIOWCDV_MR_INVALIDATED);
	assert_wc(try_write(), IBV_WC_REM_ACCESS_ERR);
	assert_wc(rdma_do(qp[0], &read), IBV_WC_REM_ACCESS_ERR);
	renew_pair();
	assert_wc(rdma_do(qp[0], &local), IBV_WC_LOC_PROT_ERR);
	assert_bar_untouched();
}

static void revoked_slice_is_not_registered_again(void **state)
{
	(void)state;
	assert_int_equal(exporter_revoke(&bar.exp, dmabuf), 0);
	errno = 0;
	assert_null(ibv_reg_dmabuf_mr(node.pd, 0, SLICE_LEN, 0, dmabuf, RDMA_REMOTE));
	assert_int_equal(errno, ENODEV);
}

/* The other slices of the BAR live on. */
static void revoke_spares_the_neighbour(void **state)
{
	int other = rdma_export(&bar, 0x30000, 0x1000);
	struct rdma_buf neighbour = rdma_reg_slice(node.pd, other, bar.map + 0x30000, 0x1000);
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &host, &neighbour, 0x1000);

	(void)state;
	assert_int_equal(exporter_revoke(&bar.exp, dmabuf), 0);
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	assert_memory_equal(bar.map + 0x30000, host.addr, 0x1000);
	rdma_dereg_slice(&neighbour);
	close(other);
}

struct writer {
	pthread_t thread;
	enum ibv_wc_status last;
	unsigned long written;
	bool stop;
};

static void *write_until_error(void *arg)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &host, &slice, SLICE_LEN);
	struct writer *writer = arg;

	while (!writer->last && !__atomic_load_n(&writer->stop, __ATOMIC_RELAXED)) {
		writer->last = rdma_do(qp[0], &wr);
		__atomic_fetch_add(&writer->written, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static bool is_busy(void *arg)
{
	struct writer *writer = arg;

	return __atomic_load_n(&writer->written, __ATOMIC_RELAXED) > 20;
}

/* The moment REVOKE returns, no store of the stream still arrives. */
static void revoke_under_a_stream_of_writes_ends_it(void **state)
{
	struct writer writer = {};

	(void)state;
	assert_int_equal(pthread_create(&writer.thread, NULL, write_until_error, &writer), 0);
	assert_true(guest_wait_for(is_busy, &writer, 10000));
	assert_int_equal(exporter_revoke(&bar.exp, dmabuf), 0);
	memset(bar.map, GUARD, MAP_LEN);
	assert_int_equal(pthread_join(writer.thread, NULL), 0);
	print_message("%lu writes, then: %s\n", writer.written, ibv_wc_status_str(writer.last));
	assert_wc(writer.last, IBV_WC_REM_ACCESS_ERR);
	assert_bar_untouched();
}

static void reset_cuts_the_region_off_until_registered_again(void **state)
{
	(void)state;
	assert_wc(try_write(), IBV_WC_SUCCESS);
	rdma_bar_reset(&bar);
	assert_int_equal(mr_state(), VFIOWCDV_MR_INVALIDATED);
	memset(bar.map, GUARD, MAP_LEN);
	assert_wc(try_write(), IBV_WC_REM_ACCESS_ERR);
	assert_bar_untouched();
	register_again();
	assert_int_equal(mr_state(), VFIOWCDV_MR_LIVE);
	assert_wc(try_write(), IBV_WC_SUCCESS);
	assert_memory_equal(bar.map + SLICE_OFFSET, host.addr, 64);
}

static void decoding_off_cuts_the_region_off_until_registered_again(void **state)
{
	(void)state;
	exporter_decode(&bar.exp, false);
	assert_wc(try_write(), IBV_WC_REM_ACCESS_ERR);
	errno = 0;
	assert_null(ibv_reg_dmabuf_mr(node.pd, 0, SLICE_LEN, 0, dmabuf, RDMA_REMOTE));
	assert_int_equal(errno, ENODEV);
	exporter_decode(&bar.exp, true);
	assert_wc(try_write(), IBV_WC_REM_ACCESS_ERR); /* healed, but this region is not */
	assert_bar_untouched();
	register_again();
	assert_wc(try_write(), IBV_WC_SUCCESS);
}

static void closed_device_ends_requests_with_errors(void **state)
{
	(void)state;
	rdma_bar_close(&bar);
	assert_int_equal(mr_state(), VFIOWCDV_MR_INVALIDATED);
	assert_wc(try_write(), IBV_WC_REM_ACCESS_ERR);
	assert_null(ibv_reg_dmabuf_mr(node.pd, 0, SLICE_LEN, 0, dmabuf, RDMA_REMOTE));
	assert_int_equal(errno, ENODEV);
	rdma_dereg_slice(&slice);
	close(dmabuf);
	open_bar();
	assert_bar_untouched();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define slice_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		slice_test(revoked_slice_ends_requests_with_errors),
		slice_test(revoked_slice_is_not_registered_again),
		slice_test(revoke_spares_the_neighbour),
		slice_test(revoke_under_a_stream_of_writes_ends_it),
		slice_test(reset_cuts_the_region_off_until_registered_again),
		slice_test(decoding_off_cuts_the_region_off_until_registered_again),
		slice_test(closed_device_ends_requests_with_errors),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
