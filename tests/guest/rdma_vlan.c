// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Two devices with one GID: on a netdev, and on a VLAN of it, which has the same MAC address and so the same
 * link-local address. Who connects to that GID means the device it does so on.
 */
#include <string.h>

#include "rdma_fixture.h"

#define VLAN "vfiowc-vlan"
#define VLAN_DEVICE "vfiowc1"
#define GRH_BYTES 40

static struct rdma_node node;
static struct rdma_buf src, dst;

static int setup(void **state)
{
	char bdf[GUEST_BDF_LEN], netdev[32];
	struct rdma_node below;

	guest_setup(state);
	if (guest_find_pci(GUEST_E1000E, bdf) || guest_find_netdev(bdf, netdev, sizeof(netdev)))
		return -1;
	guest_run("ip link delete " VLAN " 2>/dev/null"); /* left by a test that failed */
	if (guest_run("ip link add link %s name " VLAN " type vlan id 10", netdev))
		return 0; /* this kernel has no VLANs: the tests skip */
	if (rdma_netdev_up(VLAN) || guest_run("rdma link add " VLAN_DEVICE " type vfiowc netdev " VLAN))
		return -1;
	rdma_node_open(&below);
	rdma_node_on(&node, rdma_open_name(VLAN_DEVICE));
	assert_memory_equal(&node.gid, &below.gid, sizeof(node.gid));
	rdma_node_close(&below);
	src = rdma_buf_alloc(node.pd, 4096, RDMA_LOCAL);
	dst = rdma_buf_alloc(node.pd, 4096, RDMA_REMOTE);
	rdma_pattern(src.addr, 4096, 3);
	*state = &node;
	return 0;
}

static int teardown(void **state)
{
	if (*state) {
		rdma_buf_free(&dst);
		rdma_buf_free(&src);
		rdma_node_close(&node);
		if (guest_run("rdma link delete " VLAN_DEVICE) || guest_run("ip link delete " VLAN))
			return -1;
	}
	return guest_teardown(state);
}

static void queue_pairs_of_a_vlan_connect_to_each_other(void **state)
{
	struct ibv_qp *qp[2];
	struct rdma_wr wr;

	if (!*state)
		guest_skip("no VLANs");
	rdma_qp_pair(&node, qp);
	wr = rdma_wr(IBV_WR_RDMA_WRITE, &src, &dst, 64);
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	assert_memory_equal(dst.addr, src.addr, 64);
	rdma_qp_unpair(qp);
}

/* The GID says nothing of which of the two; the number does. */
static void queue_pairs_of_both_devices_connect_to_each_other(void **state)
{
	struct rdma_node below;
	struct ibv_qp *qp[2];
	struct rdma_wr wr;

	if (!*state)
		guest_skip("no VLANs");
	rdma_node_open(&below);
	qp[0] = rdma_qp_create(&node);
	qp[1] = rdma_qp_create(&below);
	rdma_qp_connect(qp[0], &below.gid, qp[1]->qp_num);
	rdma_qp_connect(qp[1], &node.gid, qp[0]->qp_num);
	wr = rdma_wr(IBV_WR_SEND, &src, NULL, 0);
	assert_int_equal(rdma_post_recv(qp[1], 1, NULL, 0), 0);
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	assert_wc(rdma_wait(below.cq).status, IBV_WC_SUCCESS);
	rdma_qp_unpair(qp);
	rdma_node_close(&below);
}

/* It is dropped without a word where the address handle leads to the other device. */
static void datagram_on_a_vlan_arrives(void **state)
{
	struct ibv_sge sge = { (uintptr_t)src.addr, 64, 0 };
	struct ibv_ah_attr attr = { .grh.dgid = node.gid, .is_global = 1, .port_num = 1 };
	struct ibv_send_wr *bad, send = {
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = IBV_WR_SEND,
		.send_flags = IBV_SEND_SIGNALED,
	};
	struct ibv_qp *from, *to;

	if (!*state)
		guest_skip("no VLANs");
	from = rdma_ud_create(&node);
	to = rdma_ud_create(&node);
	sge.lkey = src.mr->lkey;
	send.wr.ud.ah = ibv_create_ah(node.pd, &attr);
	send.wr.ud.remote_qpn = to->qp_num;
	send.wr.ud.remote_qkey = RDMA_QKEY;
	assert_non_null(send.wr.ud.ah);
	assert_int_equal(rdma_post_recv(to, 2, &dst, GRH_BYTES + 64), 0);
	assert_int_equal(ibv_post_send(from, &send, &bad), 0);
	for (int i = 0; i < 2; i++)
		assert_wc(rdma_wait(node.cq).status, IBV_WC_SUCCESS);
	assert_memory_equal(dst.addr + GRH_BYTES, src.addr, 64);
	assert_int_equal(ibv_destroy_ah(send.wr.ud.ah), 0);
	assert_int_equal(ibv_destroy_qp(to), 0);
	assert_int_equal(ibv_destroy_qp(from), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define vlan_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		vlan_test(queue_pairs_of_a_vlan_connect_to_each_other),
		vlan_test(queue_pairs_of_both_devices_connect_to_each_other),
		vlan_test(datagram_on_a_vlan_arrives),
	};

	return cmocka_run_group_tests_name("rdma_vlan", tests, rdma_device_up, rdma_device_down);
}
