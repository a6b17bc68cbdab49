// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * A process that waits in the kernel for a transfer of its peer can be killed. The transfer is a long one: its bytes
 * come from registers of edu, each of them through the emulator. It ends with an error when the process that was
 * killed is gone; where the process outlives it, with success.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rdma_slice.h"

#define PIECE (1u << 20) /* all of edu's BAR */
#define PIECES 32
#define LEN (PIECES * PIECE)

/* What one side tells the other. */
struct card {
	uint64_t addr;
	uint32_t rkey;
	uint32_t qpn;
};

/* The one that is written to, and is killed. */
struct victim {
	struct rdma_node node;
	struct ibv_qp *qp;
	struct rdma_buf buf;
	struct ibv_mw *mw;
};

static void say(int channel, const void *data, size_t len)
{
	assert_int_equal(write(channel, data, len), len);
}

static void hear(int channel, void *data, size_t len)
{
	assert_int_equal(read(channel, data, len), len);
}

static int post(struct victim *victim, struct ibv_send_wr wr)
{
	struct ibv_send_wr *bad;

	wr.send_flags = IBV_SEND_SIGNALED;
	return ibv_post_send(victim->qp, &wr, &bad);
}

static void prepare_nothing(struct victim *victim)
{
	(void)victim;
}

/* Of no window; what is asked first is whether the queue pair is free. */
static void invalidate(struct victim *victim)
{
	post(victim, (struct ibv_send_wr){ .opcode = IBV_WR_LOCAL_INV, .invalidate_rkey = 1 });
}

static void bind_window(struct victim *victim)
{
	struct ibv_send_wr wr = { .opcode = IBV_WR_BIND_MW };

	victim->mw = ibv_alloc_mw(victim->node.pd, IBV_MW_TYPE_2);
	assert_non_null(victim->mw);
	wr.bind_mw.mw = victim->mw;
	wr.bind_mw.rkey = ibv_inc_rkey(victim->mw->rkey);
	wr.bind_mw.bind_info = (struct ibv_mw_bind_info){
		.mr = victim->buf.mr,
		.addr = (uintptr_t)victim->buf.addr,
		.length = 4096,
		.mw_access_flags = IBV_ACCESS_REMOTE_READ,
	};
	assert_int_equal(post(victim, wr), 0);
	assert_wc(rdma_wait(victim->node.cq).status, IBV_WC_SUCCESS);
}

static void free_window(struct victim *victim)
{
	ibv_dealloc_mw(victim->mw);
}

struct writer;

/* What it does once the first byte of its memory has been written, and what the writer does then. */
struct fate {
	void (*prepare)(struct victim *victim);
	void (*wait)(struct victim *victim);
	void (*meanwhile)(struct writer *writer);
};

static void victim_lives(int channel, const struct fate *fate)
{
	struct victim victim = {};
	struct card mine, peer;

	rdma_node_open(&victim.node);
	victim.qp = rdma_qp_create(&victim.node);
	victim.buf = rdma_buf_alloc(victim.node.pd, LEN, RDMA_REMOTE | IBV_ACCESS_MW_BIND);
	mine = (struct card){ (uintptr_t)victim.buf.addr, victim.buf.mr->rkey, victim.qp->qp_num };
	say(channel, &mine, sizeof(mine));
	hear(channel, &peer, sizeof(peer));
	rdma_qp_connect(victim.qp, &victim.node.gid, peer.qpn);
	fate->prepare(&victim);
	say(channel, "r", 1);
	while (!*(volatile uint8_t *)victim.buf.addr)
		;
	fate->wait(&victim);
	_exit(0);
}

/* Before anything else: verbs do not follow a fork. */
static pid_t start_victim(const struct fate *fate, int *channel)
{
	int ends[2];
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* it spins until it is written to */
		close(ends[0]);
		victim_lives(ends[1], fate);
	}
	close(ends[1]);
	*channel = ends[0];
	return pid;
}

struct writer {
	struct rdma_node node;
	struct ibv_qp *qp;
	struct rdma_bar bar;
	struct rdma_buf regs;
	struct card victim;
	int dmabuf;
};

static void open_writer(struct writer *writer)
{
	struct ibv_qp_init_attr init = {
		.cap = { 1, 1, PIECES, 1, 0 },
		.qp_type = IBV_QPT_RC,
	};

	rdma_node_open(&writer->node);
	init.send_cq = init.recv_cq = writer->node.cq;
	writer->qp = ibv_create_qp(writer->node.pd, &init);
	assert_non_null(writer->qp);
	rdma_bar_open(&writer->bar, EXPORTER_DRIVER, GUEST_EDU, 0, PIECE);
	writer->dmabuf = rdma_export(&writer->bar, 0, PIECE);
	writer->regs = rdma_reg_slice(writer->node.pd, writer->dmabuf, writer->bar.map, PIECE);
}

static void close_writer(struct writer *writer)
{
	rdma_dereg_slice(&writer->regs);
	close(writer->dmabuf);
	rdma_bar_close(&writer->bar);
	assert_int_equal(ibv_destroy_qp(writer->qp), 0);
	rdma_node_close(&writer->node);
}

static void connect_writer(struct writer *writer, int channel)
{
	struct card mine = { .qpn = writer->qp->qp_num };
	char ready;

	hear(channel, &writer->victim, sizeof(writer->victim));
	say(channel, &mine, sizeof(mine));
	rdma_qp_connect(writer->qp, &writer->node.gid, writer->victim.qpn);
	hear(channel, &ready, 1);
}

/* The post executes the WRITE. */
static void *write_for_long(void *arg)
{
	struct writer *writer = arg;
	struct ibv_sge sge[PIECES];
	struct ibv_send_wr *bad, wr = {
		.sg_list = sge,
		.num_sge = PIECES,
		.opcode = IBV_WR_RDMA_WRITE,
		.send_flags = IBV_SEND_SIGNALED,
		.wr.rdma = { writer->victim.addr, writer->victim.rkey },
	};

	for (int i = 0; i < PIECES; i++)
		sge[i] = (struct ibv_sge){ (uintptr_t)writer->regs.addr, PIECE, writer->regs.mr->lkey };
	return (void *)(intptr_t)ibv_post_send(writer->qp, &wr, &bad);
}

static void assert_waiter_can_be_killed(const struct fate *fate)
{
	struct writer writer = {};
	enum ibv_wc_status ended;
	int channel, status;
	pthread_t thread;
	void *result;
	pid_t pid;

	pid = start_victim(fate, &channel);
	open_writer(&writer);
	connect_writer(&writer, channel);
	assert_int_equal(pthread_create(&thread, NULL, write_for_long, &writer), 0);
	assert_true(guest_wait_for(guest_in_kernel, &pid, 20000));
	if (fate->meanwhile)
		fate->meanwhile(&writer);
	assert_int_equal(pthread_tryjoin_np(thread, &result), EBUSY);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_ptr_equal(result, NULL);
	ended = rdma_wait(writer.node.cq).status;
	print_message("the transfer: %s\n", ibv_wc_status_str(ended));
	assert_true(ended == IBV_WC_RETRY_EXC_ERR || ended == IBV_WC_REM_ACCESS_ERR);
	close_writer(&writer);
	close(channel);
}

static void invalidation_that_waits_for_the_peer_can_be_killed(void **state)
{
	(void)state;
	assert_waiter_can_be_killed(&(struct fate){ .prepare = prepare_nothing, .wait = invalidate });
}

static void end_of_a_window_that_waits_for_the_peer_can_be_killed(void **state)
{
	(void)state;
	assert_waiter_can_be_killed(&(struct fate){ .prepare = bind_window, .wait = free_window });
}

/* Whose receive queue is locked. It ends as every datagram for nobody does. */
static void send_datagram(struct writer *writer)
{
	struct ibv_ah_attr attr = { .grh.dgid = writer->node.gid, .is_global = 1, .port_num = 1 };
	struct ibv_qp *from = rdma_ud_create(&writer->node);
	struct ibv_send_wr *bad, send = {
		.opcode = IBV_WR_SEND,
		.send_flags = IBV_SEND_SIGNALED,
	};
	struct ibv_wc wc;

	send.wr.ud.ah = ibv_create_ah(writer->node.pd, &attr);
	send.wr.ud.remote_qpn = writer->victim.qpn;
	send.wr.ud.remote_qkey = RDMA_QKEY;
	assert_non_null(send.wr.ud.ah);
	assert_int_equal(ibv_post_send(from, &send, &bad), 0);
	wc = rdma_wait(writer->node.cq);
	assert_int_equal(wc.qp_num, from->qp_num);
	assert_wc(wc.status, IBV_WC_SUCCESS);
	assert_int_equal(ibv_destroy_ah(send.wr.ud.ah), 0);
	assert_int_equal(ibv_destroy_qp(from), 0);
}

static void datagram_does_not_wait_for_a_connected_queue_pair(void **state)
{
	(void)state;
	assert_waiter_can_be_killed(&(struct fate){ prepare_nothing, invalidate, send_datagram });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(invalidation_that_waits_for_the_peer_can_be_killed),
		guest_test(end_of_a_window_that_waits_for_the_peer_can_be_killed),
		guest_test(datagram_does_not_wait_for_a_connected_queue_pair),
	};

	return cmocka_run_group_tests_name("rdma_kill", tests, rdma_device_up, rdma_device_down);
}
