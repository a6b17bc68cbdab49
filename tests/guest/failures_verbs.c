// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Verbs beside those of reliable queue pairs, and the device's own making, failing once each: shared receive
 * queues, datagrams, address handles, memory windows, counters, link add. See failures.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/netlink.h>
#include <rdma/rdma_netlink.h>

#include "failures.h"
#include "rdma_fixture.h"

#define QKEY 0x1234
#define OTHER_NETDEV "failures0"
#define OTHER_DEVICE "vfiowcfail0"

static struct rdma_node node;
static struct rdma_buf buf;
static struct ibv_qp *receiver;

/* What a call under test has made, for its undo. */
static void *made;
static struct ibv_srq *srq;
static struct ibv_ah *ah;
static struct ibv_qp *pair[2];
static struct ibv_mr *bindable;

static int keep(void *object)
{
	made = object;
	return object ? 0 : errno;
}

static int create_srq(void)
{
	struct ibv_srq_init_attr attr = { .attr = { .max_wr = 16, .max_sge = 2 } };

	return keep(ibv_create_srq(node.pd, &attr));
}

static void destroy_srq(void)
{
	assert_int_equal(ibv_destroy_srq(made), 0);
}

static void make_srq(void)
{
	assert_int_equal(create_srq(), 0);
}

static int resize_srq(void)
{
	struct ibv_srq_attr attr = { .max_wr = 64 };

	return ibv_modify_srq(made, &attr, IBV_SRQ_MAX_WR);
}

static int limit_srq(void)
{
	struct ibv_srq_attr attr = { .srq_limit = 1 };

	return ibv_modify_srq(made, &attr, IBV_SRQ_LIMIT);
}

static int query_srq(void)
{
	struct ibv_srq_attr attr;

	return ibv_query_srq(made, &attr);
}

/* A queue with another ring takes receives; one whose ring could not be mapped says so, and has none. */
static void srq_takes_receives(int err)
{
	struct ibv_sge sge = { (uintptr_t)buf.addr, 64, buf.mr->lkey };
	struct ibv_recv_wr *bad, wr = { .sg_list = &sge, .num_sge = 1 };

	if (!err)
		assert_int_equal(ibv_post_srq_recv(made, &wr, &bad), 0);
}

static int create_qp(enum ibv_qp_type type, struct ibv_srq *with)
{
	struct ibv_qp_init_attr attr = {
		.send_cq = node.cq,
		.recv_cq = node.cq,
		.srq = with,
		.cap = { .max_send_wr = 16, .max_recv_wr = with ? 0 : 16, .max_send_sge = 2, .max_recv_sge = with ? 0 : 2 },
		.qp_type = type,
	};

	return keep(ibv_create_qp(node.pd, &attr));
}

static int create_uc_qp(void)
{
	return create_qp(IBV_QPT_UC, NULL);
}

static int create_ud_qp(void)
{
	return create_qp(IBV_QPT_UD, NULL);
}

static int create_srq_qp(void)
{
	return create_qp(IBV_QPT_RC, srq);
}

static void destroy_qp(void)
{
	assert_int_equal(ibv_destroy_qp(made), 0);
}

static void make_second_srq(void)
{
	make_srq();
	srq = made;
}

static void destroy_second_srq(void)
{
	assert_int_equal(ibv_destroy_srq(srq), 0);
}

static int ready(struct ibv_qp *qp)
{
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_INIT, .port_num = 1, .qkey = QKEY };
	int err = ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_QKEY);

	attr.qp_state = IBV_QPS_RTR;
	err = err ? err : ibv_modify_qp(qp, &attr, IBV_QP_STATE);
	attr.qp_state = IBV_QPS_RTS;
	return err ? err : ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_SQ_PSN);
}

static void make_ud_qp(void)
{
	assert_int_equal(create_ud_qp(), 0);
}

/* Some of it may have been done: from the beginning, then. */
static int to_ready(void)
{
	struct ibv_qp_attr reset = { .qp_state = IBV_QPS_RESET };
	int err = ibv_modify_qp(made, &reset, IBV_QP_STATE);

	return err ? err : ready(made);
}

static int create_ah(void)
{
	struct ibv_ah_attr attr = {
		.port_num = 1, .is_global = 1, .grh = { .dgid = node.gid, .hop_limit = 1 },
	};

	ah = ibv_create_ah(node.pd, &attr);
	return ah ? 0 : errno;
}

static void destroy_ah(void)
{
	assert_int_equal(ibv_destroy_ah(ah), 0);
}

static void make_sender(void)
{
	make_ud_qp();
	assert_int_equal(ready(made), 0);
	assert_int_equal(create_ah(), 0);
	assert_int_equal(rdma_post_recv(receiver, 2, &buf, 4096), 0);
}

static void destroy_sender(void)
{
	destroy_ah();
	destroy_qp();
}

static int send_datagram(void)
{
	struct ibv_sge sge = { (uintptr_t)buf.addr + 4096, 64, buf.mr->lkey };
	struct ibv_send_wr *bad, wr = {
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = IBV_WR_SEND,
		.send_flags = IBV_SEND_SIGNALED,
		.wr.ud = { ah, receiver->qp_num, QKEY },
	};

	return ibv_post_send(made, &wr, &bad);
}

static void poll_two(void)
{
	for (int i = 0; i < 2; i++)
		assert_wc(rdma_wait(node.cq).status, IBV_WC_SUCCESS);
}

static int alloc_mw(void)
{
	return keep(ibv_alloc_mw(node.pd, IBV_MW_TYPE_2));
}

static void dealloc_mw(void)
{
	assert_int_equal(ibv_dealloc_mw(made), 0);
}

static void make_window(void)
{
	rdma_qp_pair(&node, pair);
	bindable = ibv_reg_mr(node.pd, buf.addr, 4096, IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_MW_BIND);
	assert_non_null(bindable);
	assert_int_equal(alloc_mw(), 0);
}

/* Nothing is bound to the region when the binding has failed. */
static void destroy_window(void)
{
	dealloc_mw();
	assert_int_equal(ibv_dereg_mr(bindable), 0);
	rdma_qp_unpair(pair);
}

static void region_is_free_unless_bound(int err)
{
	if (!err)
		return;
	assert_int_equal(ibv_dereg_mr(bindable), 0);
	bindable = ibv_reg_mr(node.pd, buf.addr, 4096, IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_MW_BIND);
	assert_non_null(bindable);
	rdma_qp_unpair(pair);
	rdma_qp_pair(&node, pair);
}

/* A failed binding is told by its completion. */
static int bind_mw(void)
{
	struct ibv_send_wr *bad, wr = { .opcode = IBV_WR_BIND_MW, .send_flags = IBV_SEND_SIGNALED };
	const struct ibv_mw *mw = made;
	int err;

	wr.bind_mw.mw = made;
	wr.bind_mw.rkey = mw->rkey;
	wr.bind_mw.bind_info = (struct ibv_mw_bind_info){
		.mr = bindable, .addr = (uintptr_t)buf.addr, .length = 64, .mw_access_flags = IBV_ACCESS_REMOTE_WRITE,
	};
	err = ibv_post_send(pair[0], &wr, &bad);
	if (err)
		return err;
	return rdma_wait(node.cq).status == IBV_WC_MW_BIND_ERR ? ENOMEM : 0;
}

static int read_counters(void)
{
	char text[64];

	return guest_read_file("/sys/class/infiniband/" RDMA_DEVICE "/ports/1/hw_counters/lifespan", text,
			       sizeof(text));
}

struct message {
	struct nlmsghdr header;
	uint8_t attrs[256];
};

static struct message message(uint16_t command)
{
	struct message m = {
		.header = {
			.nlmsg_len = NLMSG_HDRLEN,
			.nlmsg_type = RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, command),
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
		},
	};

	return m;
}

static void add_attr(struct message *m, uint16_t type, const void *value, size_t len)
{
	struct nlattr *attr = (void *)((uint8_t *)m + NLMSG_ALIGN(m->header.nlmsg_len));

	attr->nla_type = type;
	attr->nla_len = NLA_HDRLEN + len;
	memcpy((char *)attr + NLA_HDRLEN, value, len);
	m->header.nlmsg_len = NLMSG_ALIGN(m->header.nlmsg_len) + attr->nla_len;
}

/* From this very thread: a failure is the request's own. */
static int request(const struct message *m)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		uint8_t rest[512];
	} answer = {};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_RDMA), err = 0;

	if (fd < 0 || send(fd, m, m->header.nlmsg_len, 0) < 0 || recv(fd, &answer, sizeof(answer), 0) < 0)
		err = errno;
	close(fd);
	return err ? err : -answer.error.error;
}

/* `rdma link add` */
static int link_add(void)
{
	struct message m = message(RDMA_NLDEV_CMD_NEWLINK);

	add_attr(&m, RDMA_NLDEV_ATTR_DEV_NAME, OTHER_DEVICE, sizeof(OTHER_DEVICE));
	add_attr(&m, RDMA_NLDEV_ATTR_LINK_TYPE, "vfiowc", sizeof("vfiowc"));
	add_attr(&m, RDMA_NLDEV_ATTR_NDEV_NAME, OTHER_NETDEV, sizeof(OTHER_NETDEV));
	return request(&m);
}

/* `rdma link delete`, without a process for each of hundreds */
static void link_delete(void)
{
	struct message m = message(RDMA_NLDEV_CMD_DELLINK);
	struct ibv_device **list = ibv_get_device_list(NULL);
	int index = -1;

	assert_non_null(list);
	for (size_t i = 0; list[i]; i++)
		if (!strcmp(ibv_get_device_name(list[i]), OTHER_DEVICE))
			index = ibv_get_device_index(list[i]);
	ibv_free_device_list(list);
	if (index < 0) {
		/* Not a device for verbs, because a failure was that client's: the list has none such. */
		assert_int_equal(guest_run("rdma link delete " OTHER_DEVICE), 0);
		return;
	}
	add_attr(&m, RDMA_NLDEV_ATTR_DEV_INDEX, &index, sizeof(index));
	assert_int_equal(request(&m), 0);
}

static const struct failing_call calls[] = {
	FAILING(create_srq, .undo = destroy_srq, .errnos = { EAGAIN }),
	FAILING(resize_srq, .before = make_srq, .after = destroy_srq, .check = srq_takes_receives,
		.errnos = { EAGAIN }),
	FAILING(limit_srq, .before = make_srq, .after = destroy_srq),
	FAILING(query_srq, .before = make_srq, .after = destroy_srq),
	FAILING(create_uc_qp, .undo = destroy_qp, .errnos = { EAGAIN }),
	FAILING(create_ud_qp, .undo = destroy_qp, .errnos = { EAGAIN }),
	FAILING(create_srq_qp, .before = make_second_srq, .undo = destroy_qp, .after = destroy_second_srq,
		.errnos = { EAGAIN }),
	FAILING(to_ready, .before = make_ud_qp, .after = destroy_qp),
	FAILING(create_ah, .undo = destroy_ah),
	FAILING(send_datagram, .before = make_sender, .undo = poll_two, .after = destroy_sender),
	FAILING(alloc_mw, .undo = dealloc_mw),
	FAILING(bind_mw, .before = make_window, .after = destroy_window, .check = region_is_free_unless_bound),
	FAILING(read_counters),
	/* the core registers the device, with hundreds of allocations of its own */
	FAILING(link_add, .undo = link_delete, .depth = 10),
};

static int setup(void **state)
{
	guest_setup(state);
	rdma_node_open(&node);
	buf = rdma_buf_alloc(node.pd, 8192, RDMA_REMOTE);
	assert_int_equal(create_ud_qp(), 0);
	receiver = made;
	assert_int_equal(ready(receiver), 0);
	return guest_run("ip link add " OTHER_NETDEV " type dummy && ip link set " OTHER_NETDEV " up") ? -1 : 0;
}

static int teardown(void **state)
{
	int err = guest_run("ip link delete " OTHER_NETDEV);

	assert_int_equal(ibv_destroy_qp(receiver), 0);
	rdma_buf_free(&buf);
	rdma_node_close(&node);
	return guest_teardown(state) || err ? -1 : 0;
}

static void each_failure_of_the_other_verbs_is_reported_and_undone(void **state)
{
	(void)state;
	failures_setup("vfiowc_rdma");
	failures_run(calls, sizeof(calls) / sizeof(calls[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_failure_of_the_other_verbs_is_reported_and_undone, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
