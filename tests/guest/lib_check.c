// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Checked maps over a real WC mapping of the BAR (rules O2, O4, O10, O11). What has arrived is seen
 * through an NC mapping of the same bytes, and by the RDMA device's READ.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib_fixture.h"
#include "rdma_fixture.h"

#define SLICE (16 * KIB)

struct both {
	struct vfiowc_buf *wc_buf, *nc_buf;
	struct vfiowc_mapping *wc_map, *nc_map;
	volatile uint32_t *wc, *nc;
	struct vfiowc_unflushed last;
	unsigned int reports;
};

static void on_report(const struct vfiowc_unflushed *line, void *context)
{
	struct both *both = context;

	both->last = *line;
	both->reports++;
}

static void open_both(struct both *both, struct vfiowc_device *dev)
{
	unsigned int i;

	memset(both, 0, sizeof(*both));
	vfiowc_set_check_report(on_report, both);
	both->nc_buf = lib_export(dev, 0, SLICE, VFIOWC_MEM_NC);
	both->nc_map = lib_map(both->nc_buf, SLICE);
	both->wc_buf = lib_export(dev, 0, SLICE, VFIOWC_MEM_WC);
	both->wc_map = vfiowc_map(both->wc_buf, 0, SLICE, VFIOWC_MAP_CHECKED | VFIOWC_MAP_MIXED);
	assert_non_null(both->wc_map);
	both->nc = vfiowc_map_addr(both->nc_map);
	both->wc = vfiowc_map_addr(both->wc_map);
	for (i = 0; i < SLICE / 4; i++)
		both->nc[i] = 0;
}

static unsigned int close_both(struct both *both)
{
	vfiowc_unmap(both->wc_map);
	vfiowc_unmap(both->nc_map);
	assert_int_equal(vfiowc_destroy_buf(both->wc_buf), 0);
	assert_int_equal(vfiowc_destroy_buf(both->nc_buf), 0);
	vfiowc_set_check_report(NULL, NULL);
	return both->reports;
}

static void flushed_stores_reach_the_bar_others_do_not(void **state)
{
	const struct lib_device *lib = *state;
	struct vfiowc_map_attr attr;
	struct both both;

	open_both(&both, lib->dev);
	both.wc[3] = 0x11;
	assert_int_equal(vfiowc_query_map(both.wc_map, &attr, sizeof(attr)), 0);
	assert_int_equal(attr.effective, VFIOWC_EFFECTIVE_WC); /* the shadow is not what is told */
	both.wc[PAGE / 4 + 16] = 0x22;
	assert_int_equal(both.nc[3], 0);
	vfiowc_wc_flush();
	assert_int_equal(both.nc[3], 0x11);
	assert_int_equal(both.nc[PAGE / 4 + 16], 0x22);
	both.wc[PAGE / 4 + 17] = 0x33; /* never flushed (O2) */
	vfiowc_ring32(&both.nc[SLICE / 4 - 1], 1);
	assert_int_equal(both.nc[PAGE / 4 + 17], 0);
	assert_int_equal(close_both(&both), 1);
	assert_string_equal(both.last.pci_address, lib->bdf);
	assert_int_equal(both.last.bar, LIB_BAR);
	assert_int_equal(both.last.offset, PAGE + 64);
	assert_int_equal(both.last.bytes, 1); /* the other three were 0 before, too */
}

/* What the device fetches from the first word of the slice. */
static uint32_t nic_reads(struct rdma_node *node, struct ibv_mr *mr)
{
	struct rdma_buf host = rdma_buf_alloc(node->pd, PAGE, RDMA_LOCAL);
	struct ibv_qp *qp[2];
	struct rdma_wr wr;
	uint32_t value;

	rdma_qp_pair(node, qp);
	wr = (struct rdma_wr){ .opcode = IBV_WR_RDMA_READ, .local = (uintptr_t)host.addr,
			       .len = sizeof(value), .lkey = host.mr->lkey, .remote = 0,
			       .rkey = mr->rkey };
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	memcpy(&value, host.addr, sizeof(value));
	rdma_qp_unpair(qp);
	rdma_buf_free(&host);
	return value;
}

static void the_nic_reads_what_was_delivered(void **state)
{
	const struct lib_device *lib = *state;
	struct rdma_node node;
	struct both both;
	struct ibv_mr *mr;

	open_both(&both, lib->dev);
	rdma_node_open(&node);
	mr = vfiowc_reg_mr(both.wc_buf, node.pd, 0, SLICE, 0, RDMA_REMOTE);
	assert_non_null(mr);
	both.wc[0] = 0x44;
	assert_int_equal(nic_reads(&node, mr), 0); /* O4: nothing was delivered */
	vfiowc_deliver(&both.nc[64]);
	assert_int_equal(nic_reads(&node, mr), 0x44);
	both.nc[0] = 0x55; /* O11: by the other view; no store of this one is pending */
	assert_int_equal(both.wc[0], 0x55);
	assert_int_equal(ibv_dereg_mr(mr), 0);
	rdma_node_close(&node);
	assert_int_equal(close_both(&both), 0);
}

struct other {
	struct both *both;
	struct vfiowc_line_lock lock;
	bool flush;
};

static void *stores_under_the_lock(void *argument)
{
	struct other *other = argument;

	vfiowc_wc_lock(&other->lock);
	other->both->wc[1] = 0x66;
	if (other->flush)
		vfiowc_wc_unlock(&other->lock);
	else
		__atomic_store_n(&other->lock.taken, 0, __ATOMIC_RELEASE);
	return NULL;
}

static void a_lock_without_flush_loses_the_first_holders_line(void **state)
{
	const struct lib_device *lib = *state;
	unsigned int flush;

	for (flush = 0; flush < 2; flush++) {
		struct other other = { .flush = flush };
		struct both both;
		pthread_t thread;

		open_both(&both, lib->dev);
		other.both = &both;
		assert_int_equal(pthread_create(&thread, NULL, stores_under_the_lock, &other), 0);
		pthread_join(thread, NULL);
		vfiowc_wc_lock(&other.lock);
		both.wc[2] = 0x77;
		vfiowc_wc_unlock(&other.lock);
		assert_int_equal(both.nc[2], 0x77);
		assert_int_equal(both.nc[1], flush ? 0x66 : 0); /* O10 */
		assert_int_equal(close_both(&both), flush ? 0 : 1);
	}
}

static void the_environment_checks_an_unmodified_program(void **state)
{
	const struct lib_device *lib = *state;
	struct vfiowc_buf *buf = lib_export(lib->dev, 0, SLICE, VFIOWC_MEM_WC);
	struct vfiowc_mapping *map;
	struct both both = {};

	vfiowc_set_check_report(on_report, &both);
	setenv("VFIOWC_MAP_CHECKED", "1", 1);
	map = vfiowc_map(buf, 8, 64, 0);
	unsetenv("VFIOWC_MAP_CHECKED");
	assert_non_null(map);
	*(volatile uint64_t *)vfiowc_map_addr(map) ^= 1;
	vfiowc_unmap(map);
	assert_int_equal(both.reports, 1);
	vfiowc_set_check_report(NULL, NULL);
	vfiowc_destroy_buf(buf);
}

static void stores_after_a_revoke_give_sigbus(void **state)
{
	const struct lib_device *lib = *state;
	struct both both;

	open_both(&both, lib->dev);
	both.wc[0] = 1;
	assert_int_equal(vfiowc_revoke(both.wc_buf), 0);
	assert_true(guest_sigbus_write8(&both.wc[PAGE / 4], 1));
	close_both(&both);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lib_test(flushed_stores_reach_the_bar_others_do_not),
		lib_test(the_nic_reads_what_was_delivered),
		lib_test(a_lock_without_flush_loses_the_first_holders_line),
		lib_test(the_environment_checks_an_unmodified_program),
		lib_test(stores_after_a_revoke_give_sigbus),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
