// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Steering tags, from the exporter that publishes them to the transfers that carry them: read at
 * registration in the namespace that the device can emit (sysfs attribute "tph"), shown by the MR
 * query, and by the tracepoint vfiowc:dma in every transfer to the region. None of the guest's
 * devices is a TPH completer: the module parameter tph_override says that one is.
 */
#include <errno.h>
#include <fcntl.h>
#include <infiniband/vfiowcdv.h>
#include <rdma/ib_user_ioctl_cmds.h>
#include <rdma/rdma_user_ioctl_cmds.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "rdma_slice.h"

#define MAP_LEN 0x10000
#define SLICE_LEN 0x8000
#define ST 0x5a
#define ST_EXT 0xbeef
#define PH 2
#define OTHER_PH 1
#define EMIT "/sys/class/infiniband/" RDMA_DEVICE "/tph"
#define TRACING "/sys/kernel/tracing/"
#define ROWS_MAX 64

static struct rdma_node node;
static struct ibv_qp *qp[2];
static struct rdma_buf host;
static struct rdma_bar bar;
static int dmabuf;

static int setup(void **state)
{
	guest_setup(state);
	rdma_node_open(&node);
	rdma_qp_pair(&node, qp);
	host = rdma_buf_alloc(node.pd, SLICE_LEN, RDMA_REMOTE);
	rdma_pattern(host.addr, SLICE_LEN, 1);
	rdma_bar_open(&bar, EXPORTER_DRIVER, GUEST_IVSHMEM, 2, MAP_LEN);
	exporter_param("tph_override", "3");
	dmabuf = rdma_export(&bar, 0, SLICE_LEN);
	return 0;
}

static int teardown(void **state)
{
	close(dmabuf);
	exporter_param("tph_override", "0");
	guest_write_file(EMIT, "off");
	rdma_bar_close(&bar);
	rdma_buf_free(&host);
	rdma_qp_unpair(qp);
	rdma_node_close(&node);
	return guest_teardown(state);
}

static void emit(const char *what)
{
	char now[32];

	assert_int_equal(guest_write_file(EMIT, what), 0);
	assert_int_equal(guest_read_file(EMIT, now, sizeof(now)), 0);
	assert_string_equal(now, what);
}

static void publish(uint32_t flags)
{
	struct vfiowc_feature_tph tph = {
		.dmabuf_fd = dmabuf,
		.flags = flags,
		.steering_tag = flags & VFIOWC_TPH_ST ? ST : 0,
		.steering_tag_ext = flags & VFIOWC_TPH_ST_EXT ? ST_EXT : 0,
		.ph = flags ? PH : 0,
	};

	assert_int_equal(exporter_feature(&bar.exp, VFIO_DEVICE_FEATURE_SET,
					  VFIOWC_FEATURE_DMA_BUF_TPH, &tph, sizeof(tph)), 0);
}

static struct rdma_buf reg(void)
{
	return rdma_reg_slice(node.pd, dmabuf, bar.map, SLICE_LEN);
}

static void assert_tag(const struct rdma_buf *slice, uint32_t ns, uint32_t st)
{
	struct vfiowcdv_mr_attr attr;

	assert_int_equal(vfiowcdv_query_mr(slice->mr, &attr, sizeof(attr)), 0);
	assert_int_equal(attr.tph_ns, ns);
	assert_int_equal(attr.tph_valid, ns != VFIOWCDV_TPH_NONE);
	if (ns == VFIOWCDV_TPH_NONE)
		return;
	assert_int_equal(attr.steering_tag, st);
	assert_int_equal(attr.ph, PH);
}

/* What a region registered now carries. */
static void assert_fresh_tag(uint32_t ns, uint32_t st)
{
	struct rdma_buf slice = reg();

	assert_tag(&slice, ns, st);
	rdma_dereg_slice(&slice);
}

static void region_gets_the_tag_of_the_emitted_namespace(void **state)
{
	(void)state;
	publish(VFIOWC_TPH_ST | VFIOWC_TPH_ST_EXT);
	emit("st");
	assert_fresh_tag(VFIOWCDV_TPH_ST, ST);
	emit("st_ext");
	assert_fresh_tag(VFIOWCDV_TPH_ST_EXT, ST_EXT);
	emit("off");
	assert_fresh_tag(VFIOWCDV_TPH_NONE, 0);
}

static void tags_are_never_converted_between_namespaces(void **state)
{
	(void)state;
	publish(VFIOWC_TPH_ST_EXT);
	emit("st");
	assert_fresh_tag(VFIOWCDV_TPH_NONE, 0);
	publish(VFIOWC_TPH_ST);
	emit("st_ext");
	assert_fresh_tag(VFIOWCDV_TPH_NONE, 0);
}

static void live_region_keeps_the_tag_it_read(void **state)
{
	struct rdma_buf slice;

	(void)state;
	publish(VFIOWC_TPH_ST);
	emit("st");
	slice = reg();
	publish(0);
	emit("off");
	assert_tag(&slice, VFIOWCDV_TPH_ST, ST);
	rdma_dereg_slice(&slice);
	emit("st");
	assert_fresh_tag(VFIOWCDV_TPH_NONE, 0);
}

static void unknown_namespace_is_refused(void **state)
{
	(void)state;
	emit("st");
	assert_int_equal(guest_write_file(EMIT, "st_both"), EINVAL);
	emit("st");
}

/* One line of the tracepoint, without what the test does not look at. */
struct row {
	unsigned int qpn, remote, target, length, ro, st, ph;
	unsigned long long wr_id, key, address;
	char op[16], ns[16];
};

#define ROW_FORMAT                                                                                 \
	"dev=%*s qpn=%u wr_id=%llu op=%15s remote=%u target=%u key=0x%llx address=0x%llx "         \
	"length=%u ro=%u ns=%15s st=%u ph=%u"

static void trace_begin(void)
{
	int trace = open(TRACING "trace", O_WRONLY | O_TRUNC); /* which empties the buffer */

	assert_true(trace >= 0);
	close(trace);
	assert_int_equal(guest_write_file(TRACING "events/vfiowc/dma/enable", "1"), 0);
}

/* Rows of one queue pair since trace_begin(). */
static size_t trace_end(uint32_t qpn, struct row rows[ROWS_MAX])
{
	FILE *trace = fopen(TRACING "trace", "r");
	char line[1024];
	size_t n = 0;

	assert_non_null(trace);
	while (n < ROWS_MAX && fgets(line, sizeof(line), trace)) {
		const char *fields = strstr(line, "dev=" RDMA_DEVICE " ");
		struct row *row = &rows[n];

		if (!fields)
			continue;
		print_message("%s", fields);
		assert_int_equal(sscanf(fields, ROW_FORMAT,
					&row->qpn, &row->wr_id, row->op, &row->remote, &row->target,
					&row->key, &row->address, &row->length, &row->ro, row->ns,
					&row->st, &row->ph), 12);
		n += row->qpn == qpn;
	}
	fclose(trace);
	assert_int_equal(guest_write_file(TRACING "events/vfiowc/dma/enable", "0"), 0);
	return n;
}

static void trace_rows_equal_the_posted_requests(void **state)
{
	static const struct {
		enum ibv_wr_opcode opcode;
		const char *op;
		uint32_t offset, len;
	} posts[] = {
		{ IBV_WR_RDMA_WRITE, "write", 0, 4 },
		{ IBV_WR_RDMA_READ, "read", 100, 4096 },
		{ IBV_WR_RDMA_WRITE_WITH_IMM, "write_imm", 8, 5 },
		{ IBV_WR_RDMA_WRITE, "write", 4000, SLICE_LEN - 4000 },
	};
	const size_t n = sizeof(posts) / sizeof(posts[0]);
	struct row rows[ROWS_MAX];
	struct rdma_buf slice;
	struct ibv_wc wc;

	(void)state;
	publish(VFIOWC_TPH_ST | VFIOWC_TPH_ST_EXT);
	emit("st_ext");
	slice = reg();
	assert_int_equal(rdma_post_recv(qp[1], 0, NULL, 0), 0);
	trace_begin();
	for (size_t i = 0; i < n; i++) {
		struct rdma_wr wr = rdma_wr(posts[i].opcode, &host, &slice, posts[i].len);

		wr.wr_id = 1000 + i;
		wr.remote += posts[i].offset;
		assert_int_equal(rdma_post(qp[0], &wr), 0);
		do {
			wc = rdma_wait(node.cq);
			assert_wc(wc.status, IBV_WC_SUCCESS);
		} while (wc.qp_num != qp[0]->qp_num);
	}
	assert_int_equal(trace_end(qp[0]->qp_num, rows), n);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(rows[i].wr_id, 1000 + i);
		assert_string_equal(rows[i].op, posts[i].op);
		assert_int_equal(rows[i].remote, 1);
		assert_int_equal(rows[i].target, 1); /* a dma-buf in I/O memory */
		assert_int_equal(rows[i].key, slice.mr->rkey);
		assert_int_equal(rows[i].address, (uintptr_t)slice.addr + posts[i].offset);
		assert_int_equal(rows[i].length, posts[i].len);
		assert_string_equal(rows[i].ns, "st_ext");
		assert_int_equal(rows[i].st, ST_EXT);
		assert_int_equal(rows[i].ph, PH);
	}
	rdma_dereg_slice(&slice);
}

/* A word, too, which from host memory is read before the peer is looked for. */
static void word_out_of_a_slice_has_a_row(void **state)
{
	struct row rows[ROWS_MAX];
	struct rdma_buf slice;
	struct rdma_wr wr;

	(void)state;
	publish(VFIOWC_TPH_ST);
	emit("st");
	slice = reg();
	wr = rdma_wr(IBV_WR_RDMA_WRITE, &slice, &host, 4);
	trace_begin();
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	assert_int_equal(trace_end(qp[0]->qp_num, rows), 2);
	assert_int_equal(rows[0].remote, 0);
	assert_int_equal(rows[0].target, 1);
	assert_int_equal(rows[0].key, slice.mr->lkey);
	assert_int_equal(rows[0].length, 4);
	assert_string_equal(rows[0].ns, "st");
	assert_int_equal(rows[1].remote, 1);
	assert_int_equal(rows[1].target, 0);
	rdma_dereg_slice(&slice);
}

/* A refused request put nothing on the wire. */
static void refused_request_leaves_no_row(void **state)
{
	struct rdma_buf slice = reg();
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &host, &slice, 8);
	struct row rows[ROWS_MAX];

	(void)state;
	wr.remote += SLICE_LEN;
	trace_begin();
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_REM_ACCESS_ERR);
	assert_int_equal(trace_end(qp[0]->qp_num, rows), 0);
	rdma_dereg_slice(&slice);
}

/* Relaxed ordering is the registration's to ask for, and nobody else's to add: O6 needs it off. */
static void relaxed_ordering_is_shown_where_asked_for(void **state)
{
	static const int access[] = { RDMA_REMOTE, RDMA_REMOTE | IBV_ACCESS_RELAXED_ORDERING };
	struct row rows[ROWS_MAX];

	(void)state;
	for (unsigned int ro = 0; ro < 2; ro++) {
		struct rdma_buf slice = { .addr = bar.map, .len = SLICE_LEN };
		struct rdma_wr wr;

		slice.mr = ibv_reg_dmabuf_mr(node.pd, 0, SLICE_LEN, (uintptr_t)slice.addr, dmabuf,
					     access[ro]);
		assert_non_null(slice.mr);
		wr = rdma_wr(IBV_WR_RDMA_WRITE, &host, &slice, 8);
		trace_begin();
		assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
		assert_int_equal(trace_end(qp[0]->qp_num, rows), 1);
		assert_int_equal(rows[0].ro, ro);
		rdma_dereg_slice(&slice);
	}
}

/* uverbs commands as the kernel takes them: libibverbs before 59 has no calls for handles. */
union command {
	struct ib_uverbs_ioctl_hdr hdr; /* ends in its attributes */
	uint8_t room[sizeof(struct ib_uverbs_ioctl_hdr) + 12 * sizeof(struct ib_uverbs_attr)];
};

static union command command(unsigned int object, unsigned int method)
{
	union command cmd = { .room = {} };

	cmd.hdr.object_id = (uint16_t)object;
	cmd.hdr.method_id = (uint16_t)method;
	return cmd;
}

/* An attribute that the kernel must know; a handle, an fd and what has no more than 8 bytes are their own data. */
static void add(union command *cmd, unsigned int id, size_t len, uint64_t data)
{
	cmd->hdr.attrs[cmd->hdr.num_attrs++] = (struct ib_uverbs_attr){
		.attr_id = id, .len = len, .flags = UVERBS_ATTR_F_MANDATORY, .data = data,
	};
}

static int issue(union command *cmd)
{
	cmd->hdr.length = sizeof(cmd->hdr) + cmd->hdr.num_attrs * sizeof(cmd->hdr.attrs[0]);
	return ioctl(node.context->cmd_fd, RDMA_VERBS_IOCTL, cmd) ? errno : 0;
}

/* A handle to tags of the client's own, of a processor or a hint alone. */
static int alloc_dmah(bool processor, uint32_t *handle)
{
	union command cmd = command(UVERBS_OBJECT_DMAH, UVERBS_METHOD_DMAH_ALLOC);
	int err;

	add(&cmd, UVERBS_ATTR_ALLOC_DMAH_HANDLE, 0, 0);
	add(&cmd, UVERBS_ATTR_ALLOC_DMAH_PH, 1, OTHER_PH);
	if (processor) {
		add(&cmd, UVERBS_ATTR_ALLOC_DMAH_CPU_ID, 4, 0);
		add(&cmd, UVERBS_ATTR_ALLOC_DMAH_TPH_MEM_TYPE, 0, 0);
	}
	err = issue(&cmd);
	*handle = cmd.hdr.attrs[0].data;
	return err;
}

/* Register the slice with a handle of the client's, or without. */
static int reg_mr(const uint32_t *dmah, struct ibv_mr *mr)
{
	union command cmd = command(UVERBS_OBJECT_MR, UVERBS_METHOD_REG_MR);
	int err;

	*mr = (struct ibv_mr){ .context = node.context, .pd = node.pd };
	add(&cmd, UVERBS_ATTR_REG_MR_HANDLE, 0, 0);
	add(&cmd, UVERBS_ATTR_REG_MR_PD_HANDLE, 0, node.pd->handle);
	add(&cmd, UVERBS_ATTR_REG_MR_IOVA, 8, (uintptr_t)bar.map);
	add(&cmd, UVERBS_ATTR_REG_MR_LENGTH, 8, SLICE_LEN);
	add(&cmd, UVERBS_ATTR_REG_MR_FD, 0, dmabuf);
	add(&cmd, UVERBS_ATTR_REG_MR_FD_OFFSET, 8, 0);
	add(&cmd, UVERBS_ATTR_REG_MR_ACCESS_FLAGS, 4, RDMA_REMOTE);
	add(&cmd, UVERBS_ATTR_REG_MR_RESP_LKEY, 4, (uintptr_t)&mr->lkey);
	add(&cmd, UVERBS_ATTR_REG_MR_RESP_RKEY, 4, (uintptr_t)&mr->rkey);
	if (dmah)
		add(&cmd, UVERBS_ATTR_REG_MR_DMA_HANDLE, 0, *dmah);
	err = issue(&cmd);
	mr->handle = cmd.hdr.attrs[0].data;
	return err;
}

static void destroy_mr(const struct ibv_mr *mr)
{
	union command cmd = command(UVERBS_OBJECT_MR, UVERBS_METHOD_MR_DESTROY);

	add(&cmd, UVERBS_ATTR_DESTROY_MR_HANDLE, 0, mr->handle);
	assert_int_equal(issue(&cmd), 0);
}

/* In place of the dma-buf of setup(). */
static void export_with_flags(uint32_t flags)
{
	struct vfio_region_dma_range range = { 0, SLICE_LEN };
	struct vfiowc_feature_export head = {
		.flags = flags,
		.dma_buf = { .region_index = bar.exp.bar, .open_flags = O_RDWR | O_CLOEXEC, .nr_ranges = 1 },
	};
	char request[sizeof(head) + sizeof(range)];

	memcpy(request, &head, sizeof(head));
	memcpy(request + sizeof(head), &range, sizeof(range));
	close(dmabuf);
	dmabuf = exporter_feature(&bar.exp, VFIO_DEVICE_FEATURE_GET, VFIOWC_FEATURE_EXPORT, request,
				  sizeof(request));
	assert_return_code(dmabuf, -dmabuf);
}

/* What root sees of the lock: one of the dma-bufs has it, or none. */
static bool is_locked(void)
{
	char text[4096];

	assert_int_equal(guest_read_file("/sys/kernel/debug/vfiowc_pci/dma_bufs", text, sizeof(text)), 0);
	assert_non_null(strstr(text, " tph_locked="));
	return strstr(text, " tph_locked=1");
}

/* The region's tag is the exporter's, asked for and on the wire. */
static void assert_tag_of_the_exporter(struct ibv_mr *mr)
{
	struct rdma_buf slice = { .addr = bar.map, .len = SLICE_LEN, .mr = mr };
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &host, &slice, 8);
	struct row rows[ROWS_MAX];

	assert_tag(&slice, VFIOWCDV_TPH_ST, ST);
	trace_begin();
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	assert_int_equal(trace_end(qp[0]->qp_num, rows), 1);
	assert_string_equal(rows[0].ns, "st");
	assert_int_equal(rows[0].st, ST);
	assert_int_equal(rows[0].ph, PH);
}

static void client_cannot_override_the_tag(uint32_t flags)
{
	uint32_t dmah, any;
	struct ibv_mr mr;

	export_with_flags(flags);
	assert_int_equal(is_locked(), flags == VFIOWC_EXPORT_TPH_LOCKED);
	publish(VFIOWC_TPH_ST);
	emit("st");
	/* Nobody is given a handle, so none can be named, whatever its number. */
	assert_int_equal(alloc_dmah(false, &dmah), EPROTONOSUPPORT);
	assert_int_equal(alloc_dmah(true, &dmah), EPROTONOSUPPORT);
	for (any = 0; any <= node.pd->handle + 1; any++)
		assert_int_equal(reg_mr(&any, &mr), EINVAL);
	/* The same command without a handle. */
	assert_int_equal(reg_mr(NULL, &mr), 0);
	assert_tag_of_the_exporter(&mr);
	destroy_mr(&mr);
}

static void client_cannot_override_a_locked_tag(void **state)
{
	(void)state;
	client_cannot_override_the_tag(VFIOWC_EXPORT_TPH_LOCKED);
}

static void client_cannot_override_a_tag_that_is_not_locked(void **state)
{
	(void)state;
	client_cannot_override_the_tag(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define tph_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		tph_test(region_gets_the_tag_of_the_emitted_namespace),
		tph_test(tags_are_never_converted_between_namespaces),
		tph_test(live_region_keeps_the_tag_it_read),
		tph_test(unknown_namespace_is_refused),
		tph_test(trace_rows_equal_the_posted_requests),
		tph_test(word_out_of_a_slice_has_a_row),
		tph_test(refused_request_leaves_no_row),
		tph_test(relaxed_ordering_is_shown_where_asked_for),
		tph_test(client_cannot_override_a_locked_tag),
		tph_test(client_cannot_override_a_tag_that_is_not_locked),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
