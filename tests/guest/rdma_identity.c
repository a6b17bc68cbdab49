// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Slices that stock vfio-pci exports, which has nothing but a scatter list of DMA addresses to offer. The RDMA
 * device can use them where the PCI function behind its netdev sees physical addresses: the same function here
 * in the IOMMU domain it comes with, and in an identity domain.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rdma_slice.h"

#define LEN 0x10000
#define OFFSET 0x20000
#define MAP_LEN 0x100000

static struct rdma_bar bar;
static struct rdma_node node;
static struct ibv_qp *qp[2];
static struct rdma_buf host;
static int dmabuf;

static int setup(void **state)
{
	guest_setup(state);
	rdma_node_open(&node);
	rdma_qp_pair(&node, qp);
	host = rdma_buf_alloc(node.pd, LEN, RDMA_REMOTE);
	rdma_pattern(host.addr, LEN, 11);
	rdma_bar_open(&bar, "vfio-pci", GUEST_BOCHS, 0, MAP_LEN);
	memset(bar.map, 0, MAP_LEN);
	dmabuf = rdma_export(&bar, OFFSET, LEN);
	return 0;
}

static int teardown(void **state)
{
	close(dmabuf);
	rdma_bar_close(&bar);
	rdma_buf_free(&host);
	rdma_qp_unpair(qp);
	rdma_node_close(&node);
	return guest_teardown(state);
}

static char first_type[32];

/* The type of a group's domain changes while its functions have no driver. */
static int set_type(const char *type)
{
	char bdf[GUEST_BDF_LEN], path[128];
	int failed;

	assert_int_equal(guest_find_pci(GUEST_E1000E, bdf), 0);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group/type", bdf);
	if (!first_type[0] && guest_read_file(path, first_type, sizeof(first_type)))
		return -1;
	failed = guest_bind(bdf, NULL) || guest_write_file(path, type) || guest_bind(bdf, "e1000e");
	return failed ? -1 : 0;
}

static int identity_up(void **state)
{
	return rdma_device_down(state) || set_type("identity") || rdma_device_up(state) ? -1 : 0;
}

static int setup_identity(void **state)
{
	return identity_up(state) || setup(state) ? -1 : 0;
}

static int teardown_identity(void **state)
{
	int failed = teardown(state);

	return rdma_device_down(state) || set_type(first_type) || rdma_device_up(state) || failed ? -1 : 0;
}

static void stock_slice_is_refused_where_its_addresses_mean_nothing(void **state)
{
	(void)state;
	errno = 0;
	assert_null(ibv_reg_dmabuf_mr(node.pd, 0, LEN, 0, dmabuf, RDMA_REMOTE));
	assert_int_equal(errno, EOPNOTSUPP);
}

static void stock_slice_is_reached_through_an_identity_domain(void **state)
{
	struct rdma_buf slice = rdma_reg_slice(node.pd, dmabuf, bar.map + OFFSET, LEN);
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &host, &slice, LEN);

	(void)state;
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	assert_memory_equal(bar.map + OFFSET, host.addr, LEN);
	assert_int_equal(bar.map[OFFSET - 1] | bar.map[OFFSET + LEN], 0);
	rdma_pattern(bar.map + OFFSET, LEN, 12);
	wr = rdma_wr(IBV_WR_RDMA_READ, &host, &slice, LEN);
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	assert_memory_equal(bar.map + OFFSET, host.addr, LEN);
	rdma_dereg_slice(&slice);
}

/* What the stock kernel takes away is gone: memory decode is switched off. */
static void stock_slice_without_decode_ends_with_an_error(void **state)
{
	struct rdma_buf slice = rdma_reg_slice(node.pd, dmabuf, bar.map + OFFSET, LEN);
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &host, &slice, 8);

	(void)state;
	exporter_decode(&bar.exp, false);
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_REM_ACCESS_ERR);
	exporter_decode(&bar.exp, true);
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_WR_FLUSH_ERR);
	rdma_dereg_slice(&slice);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define identity_test(f) cmocka_unit_test_setup_teardown(f, setup_identity, teardown_identity)
		cmocka_unit_test_setup_teardown(stock_slice_is_refused_where_its_addresses_mean_nothing, setup,
						teardown),
		identity_test(stock_slice_is_reached_through_an_identity_domain),
		identity_test(stock_slice_without_decode_ends_with_an_error),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
