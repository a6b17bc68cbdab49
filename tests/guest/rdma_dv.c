// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * The plug-in's own calls, and which devices it takes: ours under whatever name, and no other, not even
 * one that has borrowed our node description.
 */
#include <errno.h>
#include <infiniband/vfiowcdv.h>
#include <string.h>

#include "rdma_fixture.h"

#define BUF_LEN 4096

static struct ibv_device *find(struct ibv_device **list, const char *name)
{
	for (int i = 0; list[i]; i++)
		if (!strcmp(ibv_get_device_name(list[i]), name))
			return list[i];
	return NULL;
}

static int add_rxe(void **state)
{
	guest_setup(state);
	if (guest_modprobe("rdma_rxe") || guest_modprobe("dummy"))
		return -1;
	return guest_run("ip link add rdmadv0 type dummy && ip link set rdmadv0 up && "
			 "rdma link add rxe_dv type rxe netdev rdmadv0") ? -1 : 0;
}

static int remove_rxe(void **state)
{
	if (guest_run("rdma link delete rxe_dv; ip link delete rdmadv0") || guest_rmmod("rdma_rxe"))
		return -1;
	return guest_teardown(state);
}

static void rxe_is_left_to_its_own_provider(void **state)
{
	struct ibv_device **list;

	(void)state;
	for (int borrowed = 0; borrowed < 2; borrowed++) {
		list = ibv_get_device_list(NULL);
		assert_non_null(find(list, "rxe_dv"));
		assert_false(vfiowcdv_is_supported(find(list, "rxe_dv")));
		assert_true(vfiowcdv_is_supported(find(list, RDMA_DEVICE)));
		ibv_free_device_list(list);
		assert_int_equal(guest_run("cat /sys/class/infiniband/" RDMA_DEVICE "/node_desc > "
					   "/sys/class/infiniband/rxe_dv/node_desc"), 0);
	}
}

static void region_of_another_device_is_eopnotsupp(void **state)
{
	struct ibv_device **list = ibv_get_device_list(NULL);
	struct vfiowcdv_mr_attr attr;
	struct ibv_context *context;
	uint8_t memory[BUF_LEN];
	struct ibv_pd *pd;
	struct ibv_mr *mr;

	(void)state;
	context = ibv_open_device(find(list, "rxe_dv"));
	assert_non_null(context);
	ibv_free_device_list(list);
	pd = ibv_alloc_pd(context);
	mr = ibv_reg_mr(pd, memory, sizeof(memory), RDMA_LOCAL);
	assert_non_null(mr);
	assert_int_equal(vfiowcdv_query_mr(mr, &attr, sizeof(attr)), EOPNOTSUPP);
	assert_int_equal(ibv_dereg_mr(mr), 0);
	assert_int_equal(ibv_dealloc_pd(pd), 0);
	assert_int_equal(ibv_close_device(context), 0);
}

/* In a process of its own: libibverbs remembers the name under which a process first saw a device. */
static void device_is_known_under_any_name(void **state)
{
	char out[4096];
	int status;

	(void)state;
	assert_int_equal(guest_run("rdma dev set " RDMA_DEVICE " name Rose"), 0);
	status = guest_capture(out, sizeof(out), "ibv_devinfo -d Rose");
	assert_int_equal(guest_run("rdma dev set Rose name " RDMA_DEVICE), 0);
	assert_int_equal(status, 0);
	assert_non_null(strstr(out, "Rose"));
}

static void host_memory_is_live_and_carries_no_tag(void **state)
{
	struct vfiowcdv_mr_attr attr;
	struct rdma_node node;
	struct rdma_buf buf;

	(void)state;
	rdma_node_open(&node);
	buf = rdma_buf_alloc(node.pd, BUF_LEN, RDMA_REMOTE);
	memset(&attr, 0xff, sizeof(attr));
	assert_int_equal(vfiowcdv_query_mr(buf.mr, &attr, sizeof(attr)), 0);
	assert_int_equal(attr.comp_mask, 0);
	assert_int_equal(attr.tph_valid, 0);
	assert_int_equal(attr.tph_ns, VFIOWCDV_TPH_NONE);
	assert_int_equal(attr.state, VFIOWCDV_MR_LIVE);
	rdma_buf_free(&buf);
	rdma_node_close(&node);
}

/* A structure of an older or a newer program than the library. */
static void structure_size_is_checked_and_the_rest_cleared(void **state)
{
	struct { struct vfiowcdv_mr_attr attr; uint64_t later; } bigger = { .later = ~0ULL };
	struct rdma_node node;
	struct rdma_buf buf;

	(void)state;
	rdma_node_open(&node);
	buf = rdma_buf_alloc(node.pd, BUF_LEN, RDMA_REMOTE);
	assert_int_equal(vfiowcdv_query_mr(buf.mr, &bigger.attr, 8), EINVAL);
	assert_int_equal(vfiowcdv_query_mr(buf.mr, &bigger.attr, sizeof(bigger)), 0);
	assert_int_equal(bigger.later, 0);
	rdma_buf_free(&buf);
	rdma_node_close(&node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rxe_is_left_to_its_own_provider, add_rxe, remove_rxe),
		cmocka_unit_test_setup_teardown(region_of_another_device_is_eopnotsupp, add_rxe, remove_rxe),
		guest_test(device_is_known_under_any_name),
		guest_test(host_memory_is_live_and_carries_no_tag),
		guest_test(structure_size_is_checked_and_the_rest_cleared),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
