// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Every cause that takes memory away, while RDMA WRITEs and READs run on the slice and four threads export,
 * map, fork and revoke others. Wanted: each stream ends in an error completion, none hangs, nothing moves
 * while the memory is away, everything goes on after a temporary cause, and no splat.
 */
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "cause_look.h"
#include "exporter_load.h"

#define BLOCK 4096
/* Beside the pages that cause_look.c looks at. */
#define BLOCK_OFFSET (2 * PAGE)
#define PROGRESS_MS 30000
#define COMPLETION_MS 20000
/* A stream that was between completion and count has counted by then. */
#define SETTLE_US 50000
#define QUIET_US 100000

/* One direction, requests one after the other. A region that was cut off is registered again until it works. */
struct stream {
	struct cause_look *look;
	struct exporter_load *load;
	enum ibv_wr_opcode opcode;
	pthread_t thread;
	unsigned int done, errors, refused, wrong;
};

struct traffic {
	struct exporter_load load;
	struct exporter_touch touch;
	pthread_t threads[4];
	struct stream streams[2];
};

static enum ibv_wc_status one_request(struct ibv_qp *qp, const struct rdma_wr *wr)
{
	struct ibv_wc wc;

	if (rdma_post(qp, wr) || !rdma_poll(qp->send_cq, &wc, COMPLETION_MS))
		return IBV_WC_RESP_TIMEOUT_ERR;
	return wc.status;
}

/* Until the first error. */
static void stream_on(struct stream *stream, struct rdma_node *node, const struct rdma_wr *wr)
{
	enum ibv_wc_status status = IBV_WC_SUCCESS;
	struct ibv_qp *qp[2];

	rdma_qp_pair(node, qp);
	while (status == IBV_WC_SUCCESS && !exporter_load_over(stream->load)) {
		status = one_request(qp[0], wr);
		if (status == IBV_WC_SUCCESS)
			exporter_load_count(&stream->done);
	}
	if (status == IBV_WC_REM_ACCESS_ERR)
		exporter_load_count(&stream->errors);
	else if (status != IBV_WC_SUCCESS)
		exporter_load_count(&stream->wrong);
	rdma_qp_unpair(qp);
}

static void *stream_thread(void *arg)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	struct stream *stream = arg;
	struct rdma_buf host, slice = { .len = LOOK_BYTES };
	struct rdma_node node;
	struct rdma_wr wr;

	rdma_node_open(&node);
	host = rdma_buf_alloc(node.pd, BLOCK, RDMA_REMOTE);
	while (!exporter_load_over(stream->load)) {
		slice.mr = ibv_reg_dmabuf_mr(node.pd, 0, LOOK_BYTES, 0, stream->look->run.dmabuf, RDMA_REMOTE);
		if (!slice.mr) {
			exporter_load_count(&stream->refused);
			nanosleep(&ms, NULL);
			continue;
		}
		wr = rdma_wr(stream->opcode, &host, &slice, BLOCK);
		wr.remote += BLOCK_OFFSET;
		stream_on(stream, &node, &wr);
		ibv_dereg_mr(slice.mr);
	}
	rdma_buf_free(&host);
	rdma_node_close(&node);
	return NULL;
}

/* The counters at one moment. */
struct progress {
	const struct traffic *traffic;
	struct traffic then;
	bool streams; /* do they count? */
};

static struct progress progress_since(const struct traffic *traffic, bool streams)
{
	return (struct progress){ traffic, *traffic, streams };
}

static bool progressed(void *arg)
{
	const struct progress *p = arg;
	const struct exporter_load *now = &p->traffic->load, *then = &p->then.load;

	for (unsigned int i = 0; p->streams && i < 2; i++)
		if (__atomic_load_n(&p->traffic->streams[i].done, __ATOMIC_RELAXED) < p->then.streams[i].done + 3)
			return false;
	return __atomic_load_n(&now->exports, __ATOMIC_RELAXED) > then->exports + 2 &&
	       __atomic_load_n(&now->touches, __ATOMIC_RELAXED) > then->touches + 50 &&
	       __atomic_load_n(&now->forks, __ATOMIC_RELAXED) > then->forks &&
	       __atomic_load_n(&now->revokes, __ATOMIC_RELAXED) > then->revokes;
}

static void assert_progress(const struct traffic *traffic, bool streams)
{
	struct progress progress = progress_since(traffic, streams);

	assert_true(guest_wait_for(progressed, &progress, PROGRESS_MS));
}

static void traffic_start(struct traffic *traffic, struct cause_look *look)
{
	void *(*const workers[])(void *) = { exporter_load_export, exporter_load_fork, exporter_load_revoke };
	const enum ibv_wr_opcode opcodes[] = { IBV_WR_RDMA_WRITE, IBV_WR_RDMA_READ };

	*traffic = (struct traffic){
		.load = {
			.exp = &look->run.exp,
			.forgets = look->cause->device == CAUSE_NVME,
			.closes = look->cause->permanent,
		},
		.touch.load = &traffic->load,
	};
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&traffic->threads[i], NULL, workers[i], &traffic->load), 0);
	assert_int_equal(pthread_create(&traffic->threads[3], NULL, exporter_load_map, &traffic->touch), 0);
	for (unsigned int i = 0; i < 2; i++) {
		struct stream *stream = &traffic->streams[i];

		*stream = (struct stream){ .look = look, .load = &traffic->load, .opcode = opcodes[i] };
		assert_int_equal(pthread_create(&stream->thread, NULL, stream_thread, stream), 0);
	}
	assert_progress(traffic, true);
}

static void traffic_stop(struct traffic *traffic)
{
	__atomic_store_n(&traffic->load.stop, true, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < 4; i++)
		pthread_join(traffic->threads[i], NULL);
	for (unsigned int i = 0; i < 2; i++)
		pthread_join(traffic->streams[i].thread, NULL);
	print_message("%u exports, %u touches, %u SIGBUS, %u forks, %u revokes; %u WRITEs, %u READs, "
		      "%u and %u error completions\n", traffic->load.exports, traffic->load.touches,
		      traffic->load.sigbus, traffic->load.forks, traffic->load.revokes,
		      traffic->streams[0].done, traffic->streams[1].done, traffic->streams[0].errors,
		      traffic->streams[1].errors);
}

static bool raises_sigbus(void *map)
{
	return guest_sigbus_read8(map);
}

/* The last close may be that of a child of the load, a moment later than ours. */
static void assert_nothing_moves(struct traffic *traffic, struct cause_look *look)
{
	unsigned int done[2];

	assert_true(guest_wait_for(raises_sigbus, (void *)look->map, PROGRESS_MS));
	usleep(SETTLE_US);
	for (unsigned int i = 0; i < 2; i++)
		done[i] = __atomic_load_n(&traffic->streams[i].done, __ATOMIC_RELAXED);
	usleep(QUIET_US);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(__atomic_load_n(&traffic->streams[i].done, __ATOMIC_RELAXED), done[i]);
	look_assert_cut_off(look);
}

static void under_traffic(void **state)
{
	static struct traffic traffic;
	struct cause_look *look = look_of(state);
	const struct cause *cause = look->cause;

	look_begin(look, cause);
	traffic_start(&traffic, look);
	cause->begin(&look->run);
	if (cause->refused)
		look_assert_in_use(look);
	else if (cause->lasts || cause->permanent)
		assert_nothing_moves(&traffic, look);
	cause->end(&look->run);
	assert_progress(&traffic, !cause->permanent || cause->refused);
	traffic_stop(&traffic);
	assert_int_equal(traffic.load.wrong, 0);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(traffic.streams[i].wrong, 0);
		assert_int_equal(traffic.streams[i].errors == 0, cause->refused);
	}
	if (!cause->refused)
		look_assert_taken(look);
	if (!cause->refused && cause->permanent)
		look_assert_cut_off(look);
	else if (!cause->refused)
		look_assert_healed(look);
	look_end(look);
	assert_true(guest_wait_for(exporter_no_dma_buf_left, NULL, PROGRESS_MS));
}

int main(int argc, char **argv)
{
	return look_run(argc, argv, "causes_traffic", "traffic", under_traffic);
}
