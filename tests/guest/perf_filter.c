// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * `vfiowc trace` while it runs: rows come as transfers are made, have what was posted in them, and a filter
 * lets through what it names. The transfers are this program's own: it knows their queue pairs and keys.
 * All traces of a test run at once and see the same transfers.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "perf_fixture.h"
#include "rdma_slice.h"

#define MAP_LEN 0x10000
#define SLICE_LEN 0x4000
#define ST 0x5a
#define PH 2
#define DIR "/tmp/trace"
#define MAX_TRACES 24
#define TEXT_LEN 8192

static struct rdma_node node;
static struct ibv_qp *first[2], *second[2]; /* two connections */
static struct rdma_buf host;
static struct rdma_bar bar;
static int dmabufs[2];
static struct rdma_buf slices[2]; /* the first one has a tag */

static void publish(int dmabuf)
{
	struct vfiowc_feature_tph tph = { .dmabuf_fd = dmabuf, .flags = VFIOWC_TPH_ST, .steering_tag = ST, .ph = PH };

	assert_int_equal(exporter_feature(&bar.exp, VFIO_DEVICE_FEATURE_SET, VFIOWC_FEATURE_DMA_BUF_TPH, &tph,
					  sizeof(tph)), 0);
}

static int setup(void **state)
{
	guest_setup(state);
	rdma_node_open(&node);
	rdma_qp_pair(&node, first);
	rdma_qp_pair(&node, second);
	host = rdma_buf_alloc(node.pd, SLICE_LEN, RDMA_REMOTE);
	rdma_bar_open(&bar, EXPORTER_DRIVER, GUEST_IVSHMEM, PERF_BAR, MAP_LEN);
	perf_device_tph("st");
	for (unsigned int i = 0; i < 2; i++)
		dmabufs[i] = rdma_export(&bar, i * SLICE_LEN, SLICE_LEN);
	publish(dmabufs[0]);
	for (unsigned int i = 0; i < 2; i++)
		slices[i] = rdma_reg_slice(node.pd, dmabufs[i], bar.map + i * SLICE_LEN, SLICE_LEN);
	assert_int_equal(guest_run("rm -rf " DIR " && mkdir " DIR), 0);
	return 0;
}

static int teardown(void **state)
{
	for (unsigned int i = 0; i < 2; i++) {
		rdma_dereg_slice(&slices[i]);
		close(dmabufs[i]);
	}
	rdma_bar_close(&bar);
	rdma_buf_free(&host);
	rdma_qp_unpair(first);
	rdma_qp_unpair(second);
	rdma_node_close(&node);
	/* As the group has it. */
	assert_int_equal(guest_bind(perf_bdf(), EXPORTER_DRIVER), 0);
	return guest_teardown(state);
}

#define filter_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static void transfers(struct ibv_qp *qp, enum ibv_wr_opcode opcode, const struct rdma_buf *slice, int count)
{
	struct rdma_wr wr = rdma_wr(opcode, &host, slice, 16);

	for (int i = 0; i < count; i++)
		assert_wc(rdma_do(qp, &wr), IBV_WC_SUCCESS);
}

/* Start one more trace; its rows go to DIR/NUMBER. Returns when it sees events. */
static void start(unsigned int number, const char *options)
{
	/* An instance is one of a trace that has begun when its event is on. */
	assert_int_equal(guest_run("vfiowc trace %s >" DIR "/%u 2>" DIR "/%u.err & echo $! >" DIR "/%u.pid; n=0; "
				   "until [ $(cat /sys/kernel/tracing/instances/*/events/vfiowc/dma/enable "
				   "2>/dev/null | grep -c 1) -gt %u ] || [ $n -ge 300 ]; do sleep 0.1; n=$((n + 1)); "
				   "done; [ $n -lt 300 ]", options, number, number, number, number), 0);
}

/* A trace ends by itself (--count), or on Ctrl-C; then all its rows are there. */
static void end_trace(unsigned int number)
{
	assert_int_equal(guest_run("pid=$(cat " DIR "/%u.pid); kill -INT $pid 2>/dev/null; n=0; "
				   "while [ -e /proc/$pid ] && [ $n -lt 300 ]; do sleep 0.1; n=$((n + 1)); done; "
				   "[ $n -lt 300 ] && cat " DIR "/%u.err && [ ! -s " DIR "/%u.err ]", number, number,
				   number), 0);
}

static const char *rows(unsigned int number)
{
	static char text[TEXT_LEN];
	char path[64];

	snprintf(path, sizeof(path), DIR "/%u", number);
	assert_int_equal(guest_read_file(path, text, sizeof(text)), 0);
	return text;
}

static unsigned int count(const char *text, const char *with)
{
	unsigned int found = 0;

	for (; (text = strstr(text, with)); text++)
		found++;
	return found;
}

static void filters_let_through_what_they_name(void **state)
{
	struct {
		char options[64];
		unsigned int expected;
		char has[32]; /* each row */
	} cases[MAX_TRACES];
	unsigned int used = 0;

#define CASE(rows, each, ...)                                                                     \
	do {                                                                                      \
		cases[used].expected = rows;                                                      \
		snprintf(cases[used].has, sizeof(cases[0].has), "%s", each);                      \
		snprintf(cases[used++].options, sizeof(cases[0].options), "--json " __VA_ARGS__); \
	} while (0)

	(void)state;
	CASE(10, "\"wr_id\"", " ");
	CASE(10, "\"vfiowc0\"", "--device vfiowc0");
	CASE(0, "", "--device vfiowc1");
	CASE(5, "\"wr_id\"", "--qp %u", first[0]->qp_num);
	CASE(5, "\"wr_id\"", "--qp 0x%x", second[0]->qp_num);
	CASE(0, "", "--qp 0xffffff");
	CASE(4, "\"namespace\": \"st\"", "--mr 0x%x", slices[0].mr->rkey);
	CASE(6, "\"namespace\": \"none\"", "--mr %u", slices[1].mr->rkey);
	CASE(0, "", "--mr 0xffffffff");
	CASE(3, "\"op\": \"write\"", "--qp %u --mr %u", first[0]->qp_num, slices[0].mr->rkey);
	CASE(2, "\"op\": \"read\"", "--qp %u --tag none", first[0]->qp_num);
	CASE(4, "\"st\": 90", "--tag any");
	CASE(6, "\"st\": 0", "--tag none");
	CASE(4, "\"st\": 90", "--tag st");
	CASE(4, "\"st\": 90", "--tag st:0x5a");
	CASE(0, "", "--tag st:0x5b");
	CASE(0, "", "--tag st_ext");
	CASE(7, "\"wr_id\"", "--count 7");
#undef CASE
	for (unsigned int i = 0; i < used; i++)
		start(i, cases[i].options);
	transfers(first[0], IBV_WR_RDMA_WRITE, &slices[0], 3);
	transfers(first[0], IBV_WR_RDMA_READ, &slices[1], 2);
	transfers(second[0], IBV_WR_RDMA_WRITE, &slices[1], 4);
	transfers(second[0], IBV_WR_RDMA_WRITE, &slices[0], 1);
	for (unsigned int i = 0; i < used; i++) {
		end_trace(i);
		if (count(rows(i), "\"wr_id\"") != cases[i].expected)
			print_error("%s: %s\n", cases[i].options, rows(i));
		assert_int_equal(count(rows(i), "\"wr_id\""), cases[i].expected);
		if (cases[i].expected)
			assert_int_equal(count(rows(i), cases[i].has), cases[i].expected);
	}
}

/* Two ends of one row: that of the work request, and what `trace` makes of it. */
static void row_has_what_was_posted(void **state)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &host, &slices[0], 24);
	json_object *row;

	(void)state;
	wr.wr_id = 4711;
	wr.remote += 8;
	start(0, "--json --tlp");
	assert_wc(rdma_do(first[0], &wr), IBV_WC_SUCCESS);
	end_trace(0);
	row = json_tokener_parse(rows(0));
	print_message("%s\n", rows(0));
	assert_non_null(row);
#define HAS(key, value) assert_int_equal(json_object_get_uint64(json_object_object_get(row, key)), value)
#define SAYS(key, value) assert_string_equal(json_object_get_string(json_object_object_get(row, key)), value)
	SAYS("dev", RDMA_DEVICE);
	SAYS("op", "write");
	SAYS("side", "remote");
	SAYS("memory", "bar");
	SAYS("namespace", "st");
	HAS("qpn", first[0]->qp_num);
	HAS("wr_id", 4711);
	HAS("key", slices[0].mr->rkey);
	HAS("address", (uintptr_t)slices[0].addr + 8);
	HAS("bytes", 24);
	HAS("ro", 0);
	HAS("st", ST);
	HAS("ph", PH);
	assert_non_null(json_object_object_get(row, "would_emit"));
#undef HAS
#undef SAYS
	json_object_put(row);
}

/* A row is there while the trace goes on, not only at its end. */
static void rows_come_as_transfers_are_made(void **state)
{
	(void)state;
	start(0, "");
	for (unsigned int made = 1; made <= 3; made++) {
		transfers(first[0], IBV_WR_RDMA_WRITE, &slices[0], 1);
		assert_int_equal(guest_run("n=0; until [ $(grep -c ' write  *remote bar ' " DIR "/0) = %u ] || "
					   "[ $n -ge 100 ]; do sleep 0.1; n=$((n + 1)); done; cat " DIR "/0; "
					   "[ $n -lt 100 ] && kill -0 $(cat " DIR "/0.pid)", made), 0);
	}
	end_trace(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		filter_test(filters_let_through_what_they_name),
		filter_test(row_has_what_was_posted),
		filter_test(rows_come_as_transfers_are_made),
	};

	return cmocka_run_group_tests(tests, perf_up, perf_down);
}
