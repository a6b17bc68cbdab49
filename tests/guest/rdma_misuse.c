// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * What a hostile or broken program can do to the kernel side: it maps the rings itself and writes
 * into them what it likes, maps what was never offered, dies, or has the device taken away. The
 * kernel answers with an error, and stays calm (each test ends with a look at its log).
 *
 * The rings are found as the plug-in mapped them, in /proc/self/maps: they are the new mappings
 * of the uverbs device after ibv_create_cq() and ibv_create_qp().
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <rdma/ib_user_verbs.h>
#include <rdma/vfiowc-abi.h>

#include "rdma_fixture.h"

#define BUF_LEN 4096
#define RINGS_MAX 16

struct mapping {
	struct vfiowc_ring_header *ring;
	size_t len;
	uint64_t offset;
};

static struct rdma_node node;
static struct ibv_qp *qp[2];
static struct rdma_buf src, dst;
static struct mapping sq, cq; /* of qp[0], of node.cq */

static size_t ring_mappings(struct mapping found[RINGS_MAX])
{
	FILE *maps = fopen("/proc/self/maps", "r");
	size_t n = 0;
	char line[512];

	while (n < RINGS_MAX && fgets(line, sizeof(line), maps)) {
		unsigned long start, end;
		uint64_t offset;

		if (!strstr(line, "/dev/infiniband/uverbs"))
			continue;
		sscanf(line, "%lx-%lx %*s %lx", &start, &end, &offset);
		found[n++] = (struct mapping){ (void *)start, end - start, offset };
	}
	fclose(maps);
	return n;
}

/* The one mapping that is there now and was not before: neighbours differ in their offsets. */
static struct mapping new_mapping(const struct mapping *before, size_t n)
{
	struct mapping now[RINGS_MAX], none = {};
	size_t m = ring_mappings(now);

	for (size_t i = 0; i < m; i++) {
		bool old = false;

		for (size_t j = 0; j < n; j++)
			old |= before[j].ring == now[i].ring;
		if (!old)
			return now[i];
	}
	return none;
}

/* A queue pair without receives has one ring, so the new mapping is the send queue. */
static struct ibv_qp *send_only_qp(void)
{
	struct ibv_qp_init_attr attr = {
		.send_cq = node.cq,
		.recv_cq = node.cq,
		.cap = { .max_send_wr = RDMA_DEPTH, .max_send_sge = RDMA_SGES },
		.qp_type = IBV_QPT_RC,
	};
	struct mapping before[RINGS_MAX];
	size_t n = ring_mappings(before);
	struct ibv_qp *made = ibv_create_qp(node.pd, &attr);

	assert_non_null(made);
	sq = new_mapping(before, n);
	assert_non_null(sq.ring);
	return made;
}

static void connect_pair(void)
{
	qp[0] = send_only_qp();
	qp[1] = rdma_qp_create(&node);
	rdma_qp_connect(qp[0], &node.gid, qp[1]->qp_num);
	rdma_qp_connect(qp[1], &node.gid, qp[0]->qp_num);
}

static int setup(void **state)
{
	struct mapping found[RINGS_MAX];

	guest_setup(state);
	rdma_node_open(&node);
	assert_int_equal(ring_mappings(found), 1);
	cq = found[0];
	connect_pair();
	src = rdma_buf_alloc(node.pd, BUF_LEN, RDMA_REMOTE);
	dst = rdma_buf_alloc(node.pd, BUF_LEN, RDMA_REMOTE);
	rdma_pattern(src.addr, BUF_LEN, 1);
	return 0;
}

static int teardown(void **state)
{
	rdma_qp_unpair(qp);
	rdma_buf_free(&src);
	rdma_buf_free(&dst);
	rdma_node_close(&node);
	return guest_teardown(state);
}

/* What the plug-in does to ring, without it. */
static int doorbell(void)
{
	struct ib_uverbs_post_send_resp resp;
	struct {
		struct ib_uverbs_cmd_hdr hdr;
		struct ib_uverbs_post_send body;
	} cmd = {
		.hdr = { IB_USER_VERBS_CMD_POST_SEND, sizeof(cmd) / 4, sizeof(resp) / 4 },
		.body = {
			.response = (uintptr_t)&resp,
			.qp_handle = qp[0]->handle,
			.wqe_size = sizeof(struct ib_uverbs_send_wr),
		},
	};

	return write(node.context->cmd_fd, &cmd, sizeof(cmd)) == sizeof(cmd) ? 0 : errno;
}

static struct vfiowc_send_wqe *first_slot(void)
{
	return (void *)((uint8_t *)sq.ring + VFIOWC_RING_HEADER_BYTES);
}

static void publish(uint32_t producer)
{
	__atomic_store_n(&sq.ring->producer, producer, __ATOMIC_RELEASE);
}

static bool saw_event(enum ibv_event_type wanted, int timeout_ms)
{
	struct pollfd pollfd = { .fd = node.context->async_fd, .events = POLLIN };
	struct ibv_async_event event;
	bool seen = false;

	while (!seen && poll(&pollfd, 1, timeout_ms) == 1) {
		if (ibv_get_async_event(node.context, &event))
			return false;
		seen = event.event_type == wanted;
		ibv_ack_async_event(&event);
	}
	return seen;
}

static void producer_too_far_ahead_is_einval_and_fatal(void **state)
{
	static const uint32_t producers[] = { 100000, 0x80000000, UINT32_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(producers) / sizeof(producers[0]); i++) {
		publish(producers[i]);
		assert_int_equal(doorbell(), EINVAL);
		assert_int_equal(rdma_qp_state(qp[0]), IBV_QPS_ERR);
		assert_true(saw_event(IBV_EVENT_QP_FATAL, 10000));
		rdma_qp_unpair(qp);
		connect_pair();
	}
}

/* One request written by hand; the completion's status. */
static enum ibv_wc_status raw_request(struct vfiowc_send_wqe wqe, struct vfiowc_sge sge)
{
	enum ibv_wc_status status;

	memcpy(first_slot(), &wqe, sizeof(wqe));
	memcpy(first_slot() + 1, &sge, sizeof(sge));
	publish(1);
	assert_int_equal(doorbell(), 0);
	status = rdma_wait(node.cq).status;
	rdma_qp_unpair(qp);
	connect_pair();
	return status;
}

static void malformed_requests_complete_in_error(void **state)
{
	struct vfiowc_sge sge = { (uintptr_t)src.addr, 8, src.mr->lkey };
	struct vfiowc_send_wqe good = {
		.opcode = IBV_WR_RDMA_WRITE,
		.flags = VFIOWC_SEND_SIGNALED,
		.num_sge = 1,
		.remote_addr = (uintptr_t)dst.addr,
		.rkey = dst.mr->rkey,
	}, bad;

	(void)state;
	assert_wc(raw_request(good, sge), IBV_WC_SUCCESS);
	assert_memory_equal(dst.addr, src.addr, 8);
	bad = good;
	bad.opcode = 200;
	assert_wc(raw_request(bad, sge), IBV_WC_LOC_QP_OP_ERR);
	bad = good;
	bad.flags |= 0x80;
	assert_wc(raw_request(bad, sge), IBV_WC_LOC_QP_OP_ERR);
	bad = good;
	bad.num_sge = UINT16_MAX;
	assert_wc(raw_request(bad, sge), IBV_WC_LOC_QP_OP_ERR);
	bad = good;
	bad.flags |= VFIOWC_SEND_INLINE;
	bad.num_sge = 0;
	bad.inline_length = UINT32_MAX;
	assert_wc(raw_request(bad, sge), IBV_WC_LOC_QP_OP_ERR);
	sge.length = UINT32_MAX;
	assert_wc(raw_request(good, sge), IBV_WC_LOC_PROT_ERR);
}

/* Rubbish in every slot, many times; what it says does not matter, that it ends does. */
static void random_rings_never_disturb_the_kernel(void **state)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &src, &dst, 8);
	uint32_t slots_len = sq.len - VFIOWC_RING_HEADER_BYTES;
	struct ibv_wc wc;

	(void)state;
	for (uint32_t seed = 0; seed < 200; seed++) {
		rdma_pattern(first_slot(), slots_len, seed);
		if (seed % 2) /* half of them get past the opcode of the first request */
			first_slot()->opcode = seed / 2 % 5;
		publish(seed % (RDMA_DEPTH + 2));
		doorbell();
		while (ibv_poll_cq(node.cq, 1, &wc) == 1)
			;
		rdma_qp_unpair(qp);
		connect_pair();
	}
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
}

static volatile bool scribbling;

static void *scribble(void *arg)
{
	uint32_t value = 1;

	(void)arg;
	while (scribbling) {
		value = value * 1664525 + 1013904223;
		publish(value % (2 * RDMA_DEPTH));
		rdma_pattern(first_slot(), 256, value);
		cq.ring->consumer = value;
	}
	return NULL;
}

static void revive(void)
{
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_RESET };

	assert_int_equal(ibv_modify_qp(qp[0], &attr, IBV_QP_STATE), 0);
	rdma_qp_connect(qp[0], &node.gid, qp[1]->qp_num);
}

/* Slots and indices change while the kernel reads them: it must have copied before it checked. */
static void rings_may_change_under_the_kernels_eyes(void **state)
{
	pthread_t thread;

	(void)state;
	scribbling = true;
	assert_int_equal(pthread_create(&thread, NULL, scribble, NULL), 0);
	for (int i = 0; i < 2000; i++) {
		doorbell();
		if (i % 50 == 0)
			revive();
	}
	scribbling = false;
	pthread_join(thread, NULL);
}

static void only_offered_rings_can_be_mapped(void **state)
{
	int fd = node.context->cmd_fd;
	size_t page = sysconf(_SC_PAGESIZE);

	(void)state;
	for (uint64_t offset = 1ULL << 30; offset < 1ULL << 40; offset <<= 1)
		assert_ptr_equal(mmap(NULL, page, PROT_READ, MAP_SHARED, fd, offset), MAP_FAILED);
	assert_ptr_equal(mmap(NULL, sq.len + page, PROT_READ, MAP_SHARED, fd, sq.offset),
			 MAP_FAILED);
	assert_ptr_equal(mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0xfffffffffffff000ULL),
			 MAP_FAILED);
}

static void rings_outlive_their_queue_pair(void **state)
{
	struct vfiowc_ring_header *again = mmap(NULL, sq.len, PROT_READ | PROT_WRITE, MAP_SHARED,
						node.context->cmd_fd, sq.offset);
	size_t len = sq.len;

	(void)state;
	if (again == MAP_FAILED)
		guest_skip("a ring is mapped once only: errno %d", errno);
	rdma_qp_unpair(qp);
	memset(again, 0xff, len);
	munmap(again, len);
	connect_pair();
}

static void module_in_use_is_not_unloaded(void **state)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &src, &dst, 8);

	(void)state;
	assert_int_not_equal(guest_run("rmmod vfiowc_rdma 2>/dev/null"), 0);
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
}

/* The device goes away under an open context: an event, errors, and everything can be closed. */
static void deleted_device_ends_in_an_event_and_errors(void **state)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &src, &dst, 8);
	struct ibv_wc wc;

	assert_int_equal(rdma_device_down(state), 0);
	assert_true(saw_event(IBV_EVENT_DEVICE_FATAL, 10000));
	assert_int_not_equal(rdma_post(qp[0], &wr), 0);
	assert_int_equal(ibv_poll_cq(node.cq, 1, &wc), 0);
	assert_null(ibv_alloc_pd(node.context));
	assert_int_equal(rdma_device_up(state), 0);
}

static void vanished_netdev_takes_the_device_along(void **state)
{
	char bdf[GUEST_BDF_LEN];

	assert_int_equal(guest_find_pci(GUEST_E1000E, bdf), 0);
	assert_int_equal(guest_bind(bdf, NULL), 0);
	assert_true(saw_event(IBV_EVENT_DEVICE_FATAL, 10000));
	errno = 0;
	assert_null(rdma_open());
	assert_int_equal(guest_bind(bdf, "e1000e"), 0);
	assert_int_equal(rdma_device_up(state), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define rdma_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		rdma_test(producer_too_far_ahead_is_einval_and_fatal),
		rdma_test(malformed_requests_complete_in_error),
		rdma_test(random_rings_never_disturb_the_kernel),
		rdma_test(rings_may_change_under_the_kernels_eyes),
		rdma_test(only_offered_rings_can_be_mapped),
		rdma_test(rings_outlive_their_queue_pair),
		rdma_test(module_in_use_is_not_unloaded),
		rdma_test(deleted_device_ends_in_an_event_and_errors),
		rdma_test(vanished_netdev_takes_the_device_along),
	};

	/*
	 * As servers do that outlive their devices: what the kernel has already destroyed may be
	 * freed.
	 */
	setenv("RDMAV_ALLOW_DISASSOC_DESTROY", "1", 1);
	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
