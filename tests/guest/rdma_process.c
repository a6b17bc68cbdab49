// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Queue pairs of two processes: each has opened the device itself, owns its buffers, and knows of
 * the other only what an out-of-band channel told it.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rdma_fixture.h"

#define BUF_LEN 20000

/* What one side tells the other. */
struct card {
	uint64_t addr;
	uint32_t rkey;
	uint32_t qpn;
	union ibv_gid gid;
};

/* One process's end of the connection. */
struct end {
	int channel;
	struct rdma_node node;
	struct ibv_qp *qp;
	struct rdma_buf buf;
	struct card peer;
};

static void say(struct end *end, const void *data, size_t len)
{
	assert_int_equal(write(end->channel, data, len), len);
}

static void hear(struct end *end, void *data, size_t len)
{
	assert_int_equal(read(end->channel, data, len), len);
}

static void sync_up(struct end *end)
{
	char byte = 's';

	say(end, &byte, 1);
	hear(end, &byte, 1);
}

static void connect_end(struct end *end, int channel)
{
	struct card mine;

	end->channel = channel;
	rdma_node_open(&end->node);
	end->qp = rdma_qp_create(&end->node);
	end->buf = rdma_buf_alloc(end->node.pd, BUF_LEN, RDMA_REMOTE);
	mine = (struct card){ (uintptr_t)end->buf.addr, end->buf.mr->rkey, end->qp->qp_num,
			      end->node.gid };
	say(end, &mine, sizeof(mine));
	hear(end, &end->peer, sizeof(end->peer));
	rdma_qp_connect(end->qp, &end->peer.gid, end->peer.qpn);
	sync_up(end);
}

static void disconnect_end(struct end *end)
{
	assert_int_equal(ibv_destroy_qp(end->qp), 0);
	rdma_buf_free(&end->buf);
	rdma_node_close(&end->node);
	close(end->channel);
}

static struct rdma_wr to_peer(const struct end *end, enum ibv_wr_opcode opcode, uint32_t len)
{
	struct rdma_wr wr = rdma_wr(opcode, &end->buf, NULL, len);

	wr.remote = end->peer.addr;
	wr.rkey = end->peer.rkey;
	return wr;
}

/* A child whose body has returned ends with 0, one whose assertion failed ends with 1. */
static pid_t start_child(void (*body)(struct end *end), int channel[2])
{
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, channel), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct end end;

		close(channel[0]);
		connect_end(&end, channel[1]);
		body(&end);
		disconnect_end(&end);
		_exit(0);
	}
	close(channel[1]);
	return pid;
}

static void assert_child_ended_well(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* The child looks at its memory, then writes into the parent's. */
static void written_and_writes_back(struct end *end)
{
	uint8_t expected[BUF_LEN];
	struct rdma_wr wr;

	sync_up(end);
	rdma_pattern(expected, BUF_LEN, 1);
	assert_memory_equal(end->buf.addr, expected, BUF_LEN);
	rdma_pattern(end->buf.addr, BUF_LEN, 2);
	wr = to_peer(end, IBV_WR_RDMA_WRITE, BUF_LEN);
	assert_wc(rdma_do(end->qp, &wr), IBV_WC_SUCCESS);
	sync_up(end);
}

static void processes_write_into_each_other(void **state)
{
	uint8_t expected[BUF_LEN];
	struct rdma_wr wr;
	struct end end;
	int channel[2];
	pid_t pid;

	(void)state;
	pid = start_child(written_and_writes_back, channel);
	connect_end(&end, channel[0]);
	rdma_pattern(end.buf.addr, BUF_LEN, 1);
	wr = to_peer(&end, IBV_WR_RDMA_WRITE, BUF_LEN);
	assert_wc(rdma_do(end.qp, &wr), IBV_WC_SUCCESS);
	sync_up(&end);
	sync_up(&end);
	rdma_pattern(expected, BUF_LEN, 2);
	assert_memory_equal(end.buf.addr, expected, BUF_LEN);
	disconnect_end(&end);
	assert_child_ended_well(pid);
}

#define MESSAGES 300

static void echoes_messages(struct end *end)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_SEND, &end->buf, NULL, 64);
	unsigned int echoed = 0;

	assert_int_equal(rdma_post_recv(end->qp, 1, &end->buf, BUF_LEN), 0);
	sync_up(end);
	while (echoed < MESSAGES) {
		struct ibv_wc wc = rdma_wait(end->node.cq);

		assert_wc(wc.status, IBV_WC_SUCCESS);
		if (wc.opcode != IBV_WC_RECV)
			continue;
		assert_int_equal(rdma_post(end->qp, &wr), 0);
		if (++echoed < MESSAGES)
			assert_int_equal(rdma_post_recv(end->qp, 1, &end->buf, BUF_LEN), 0);
	}
	sync_up(end);
}

static void messages_go_back_and_forth(void **state)
{
	struct end end;
	struct rdma_wr wr;
	int channel[2];
	pid_t pid;

	(void)state;
	pid = start_child(echoes_messages, channel);
	connect_end(&end, channel[0]);
	wr = rdma_wr(IBV_WR_SEND, &end.buf, NULL, 64);
	sync_up(&end);
	for (uint32_t i = 0; i < MESSAGES; i++) {
		uint8_t expected[64];
		int completions;

		rdma_pattern(end.buf.addr, 64, i);
		memcpy(expected, end.buf.addr, 64);
		assert_int_equal(rdma_post_recv(end.qp, 2, &end.buf, BUF_LEN), 0);
		assert_int_equal(rdma_post(end.qp, &wr), 0);
		for (completions = 0; completions < 2; completions++)
			assert_wc(rdma_wait(end.node.cq).status, IBV_WC_SUCCESS);
		assert_memory_equal(end.buf.addr, expected, 64);
	}
	sync_up(&end);
	disconnect_end(&end);
	assert_child_ended_well(pid);
}

static void is_read(struct end *end)
{
	rdma_pattern(end->buf.addr, BUF_LEN, 3);
	sync_up(end);
	sync_up(end);
}

static void process_reads_from_another(void **state)
{
	uint8_t expected[BUF_LEN];
	struct rdma_wr wr;
	struct end end;
	int channel[2];
	pid_t pid;

	(void)state;
	pid = start_child(is_read, channel);
	connect_end(&end, channel[0]);
	sync_up(&end);
	wr = to_peer(&end, IBV_WR_RDMA_READ, BUF_LEN);
	assert_wc(rdma_do(end.qp, &wr), IBV_WC_SUCCESS);
	rdma_pattern(expected, BUF_LEN, 3);
	assert_memory_equal(end.buf.addr, expected, BUF_LEN);
	sync_up(&end);
	disconnect_end(&end);
	assert_child_ended_well(pid);
}

static void waits_to_be_killed(struct end *end)
{
	sync_up(end);
	pause();
}

/* kill -9 while its memory is being written: the writer is told, and is not held up for ever. */
static void killed_peer_ends_requests_with_an_error(void **state)
{
	enum ibv_wc_status last = IBV_WC_SUCCESS;
	struct rdma_wr wr;
	struct end end;
	int channel[2];
	pid_t pid;

	(void)state;
	pid = start_child(waits_to_be_killed, channel);
	connect_end(&end, channel[0]);
	sync_up(&end);
	wr = to_peer(&end, IBV_WR_RDMA_WRITE, BUF_LEN);
	for (int i = 0; i < 100; i++)
		assert_wc(rdma_do(end.qp, &wr), IBV_WC_SUCCESS);
	assert_int_equal(kill(pid, SIGKILL), 0);
	for (int i = 0; i < 1000000 && last == IBV_WC_SUCCESS; i++)
		last = rdma_do(end.qp, &wr);
	print_message("after kill -9 of the peer: %s\n", ibv_wc_status_str(last));
	assert_true(last == IBV_WC_RETRY_EXC_ERR || last == IBV_WC_REM_ACCESS_ERR);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	disconnect_end(&end);
}

static void writes_without_end(struct end *end)
{
	struct rdma_wr wr = to_peer(end, IBV_WR_RDMA_WRITE, BUF_LEN);

	sync_up(end);
	for (;;)
		assert_wc(rdma_do(end->qp, &wr), IBV_WC_SUCCESS);
}

/*
 * kill -9 of the one that writes: its target's queue pair and memory stay usable for their owner.
 */
static void killed_writer_leaves_its_target_in_order(void **state)
{
	struct end end;
	int channel[2];
	uint8_t first;
	pid_t pid;

	(void)state;
	pid = start_child(writes_without_end, channel);
	connect_end(&end, channel[0]);
	sync_up(&end);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	memset(end.buf.addr, 0x77, BUF_LEN);
	first = *(volatile uint8_t *)end.buf.addr;
	assert_int_equal(first, 0x77);
	disconnect_end(&end);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(processes_write_into_each_other),
		guest_test(messages_go_back_and_forth),
		guest_test(process_reads_from_another),
		guest_test(killed_peer_ends_requests_with_an_error),
		guest_test(killed_writer_leaves_its_target_in_order),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
