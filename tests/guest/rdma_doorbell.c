// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * System calls of the data path, counted: one doorbell for a list of requests however long, none
 * for posting receives and none for polling. The C library's calls that reach a kernel driver are
 * replaced by counters in front of the real ones; the plug-in is bound to them like any shared
 * library.
 */
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <rdma/vfiowc-abi.h>

#include "rdma_fixture.h"

#define BUF_LEN 4096

static struct rdma_node node;
static struct ibv_qp *qp[2];
static struct rdma_buf buf;
static unsigned int calls;

ssize_t write(int fd, const void *data, size_t len)
{
	if (node.context && fd == node.context->cmd_fd)
		calls++;
	return syscall(SYS_write, fd, data, len);
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (request == VFIOWC_IOCTL_DOORBELL || (node.context && fd == node.context->cmd_fd))
		calls++;
	return syscall(SYS_ioctl, fd, request, arg);
}

static int setup(void **state)
{
	guest_setup(state);
	rdma_node_open(&node);
	rdma_qp_pair(&node, qp);
	buf = rdma_buf_alloc(node.pd, BUF_LEN, RDMA_REMOTE);
	return 0;
}

static int teardown(void **state)
{
	rdma_qp_unpair(qp);
	rdma_buf_free(&buf);
	rdma_node_close(&node);
	node.context = NULL;
	return guest_teardown(state);
}

/* @n writes in one list, all signalled; number of system calls that posting took. */
static unsigned int post_list(unsigned int n)
{
	struct ibv_sge sge = { (uintptr_t)buf.addr, 8, buf.mr->lkey };
	struct ibv_send_wr *bad, send[RDMA_DEPTH] = {};
	unsigned int before = calls;

	for (unsigned int i = 0; i < n; i++)
		send[i] = (struct ibv_send_wr){
			.next = i + 1 < n ? &send[i + 1] : NULL,
			.sg_list = &sge,
			.num_sge = 1,
			.opcode = IBV_WR_RDMA_WRITE,
			.send_flags = IBV_SEND_SIGNALED,
			.wr.rdma = { (uintptr_t)buf.addr + 64, buf.mr->rkey },
		};
	assert_int_equal(ibv_post_send(qp[0], send, &bad), 0);
	return calls - before;
}

static void calls_are_counted_at_all(void **state)
{
	unsigned int before = calls;

	(void)state;
	assert_int_equal(ibv_dealloc_pd(ibv_alloc_pd(node.context)), 0);
	assert_int_equal(calls - before, 2);
}

static void list_of_requests_rings_once(void **state)
{
	static const unsigned int lengths[] = { 1, 2, 16, RDMA_DEPTH };

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		assert_int_equal(post_list(lengths[i]), 1);
		for (unsigned int n = 0; n < lengths[i]; n++)
			assert_wc(rdma_wait(node.cq).status, IBV_WC_SUCCESS);
	}
}

static void polling_makes_no_system_call(void **state)
{
	unsigned int before;
	struct ibv_wc wc;

	(void)state;
	post_list(RDMA_DEPTH);
	before = calls;
	for (int i = 0; i < RDMA_DEPTH; i++)
		assert_wc(rdma_wait(node.cq).status, IBV_WC_SUCCESS);
	assert_int_equal(ibv_poll_cq(node.cq, 1, &wc), 0);
	assert_int_equal(calls, before);
}

static void posting_receives_makes_no_system_call(void **state)
{
	unsigned int before = calls;

	(void)state;
	for (int i = 0; i < RDMA_DEPTH; i++)
		assert_int_equal(rdma_post_recv(qp[1], i, &buf, 8), 0);
	assert_int_equal(calls, before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define rdma_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		rdma_test(calls_are_counted_at_all),
		rdma_test(list_of_requests_rings_once),
		rdma_test(polling_makes_no_system_call),
		rdma_test(posting_receives_makes_no_system_call),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
