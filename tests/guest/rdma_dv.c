// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * The plug-in's own calls, and which devices it takes: ours under whatever name, and no other,
 * not even one that has borrowed our node description.
 */
#include <errno.h>
#include <infiniband/vfiowcdv.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rdma_fixture.h"

#define BUF_LEN 4096

/*
 * Runs @fn in a child; its result, or 128 + the signal that killed it: a plug-in that crashes
 * libibverbs leaves locks behind.
 */
static int in_child(int (*fn)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid) {
		signal(SIGSEGV, SIG_DFL);
		_exit(fn());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static struct ibv_device *find(struct ibv_device **list, const char *name)
{
	for (int i = 0; list && list[i]; i++)
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

/* 0 when both devices are there and only ours is taken for ours. */
static int look_at_devices(void)
{
	struct ibv_device **list = ibv_get_device_list(NULL);
	struct ibv_device *rxe = find(list, "rxe_dv"), *ours = find(list, RDMA_DEVICE);

	if (!rxe || !ours)
		return 1;
	return vfiowcdv_is_supported(rxe) || !vfiowcdv_is_supported(ours) ? 2 : 0;
}

static void rxe_is_left_to_its_own_provider(void **state)
{
	(void)state;
	assert_int_equal(in_child(look_at_devices), 0);
	assert_int_equal(guest_run("cat /sys/class/infiniband/" RDMA_DEVICE "/node_desc > "
				   "/sys/class/infiniband/rxe_dv/node_desc"), 0);
	assert_int_equal(in_child(look_at_devices), 0);
}

/* What vfiowcdv_query_mr() says of a region of rxe; 1 when there is none. */
static int query_rxe_region(void)
{
	struct ibv_device **list = ibv_get_device_list(NULL);
	struct ibv_device *rxe = find(list, "rxe_dv");
	struct ibv_context *context = rxe ? ibv_open_device(rxe) : NULL;
	struct ibv_pd *pd = context ? ibv_alloc_pd(context) : NULL;
	struct vfiowcdv_mr_attr attr;
	uint8_t memory[BUF_LEN];
	struct ibv_mr *mr;

	mr = pd ? ibv_reg_mr(pd, memory, sizeof(memory), RDMA_LOCAL) : NULL;
	return mr ? vfiowcdv_query_mr(mr, &attr, sizeof(attr)) : 1;
}

static void region_of_another_device_is_eopnotsupp(void **state)
{
	(void)state;
	assert_int_equal(in_child(query_rxe_region), EOPNOTSUPP);
}

/*
 * In a process of its own: libibverbs remembers the name under which a process first saw a
 * device.
 */
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
#define rxe_test(f) cmocka_unit_test_setup_teardown(f, add_rxe, remove_rxe)
		rxe_test(rxe_is_left_to_its_own_provider),
		rxe_test(region_of_another_device_is_eopnotsupp),
		guest_test(device_is_known_under_any_name),
		guest_test(host_memory_is_live_and_carries_no_tag),
		guest_test(structure_size_is_checked_and_the_rest_cleared),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
