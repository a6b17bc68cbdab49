// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* `vfiowc run --prove`: recording, the control, the words. The comparison is in run_judge.c. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "nic.h"
#include "run_proof.h"
#include "vfiowc.h"

/* Per processor; an event takes about a hundred bytes. */
#define BUFFER_KB 16384u
/* Between two looks at the programs; a slow reader needs some 50 ms for them. */
#define EVENTS_AT_ONCE 2000u
#define CONTROL_BYTES 8u
#define CONTROL_WR_ID 1u

static const char *const verdicts[] = {
	[RUN_PROVED] = "proved",
	[RUN_REFUTED] = "refuted",
	[RUN_INCOMPLETE] = "incomplete",
	[RUN_NOT_OBSERVED] = "not observed",
};

int run_proof_start(struct run_proof *proof)
{
	int err = trace_stream_start(&proof->stream, BUFFER_KB);

	if (err)
		tool_error("tracefs", "event vfiowc:dma: %s; is vfiowc_rdma loaded, tracefs mounted "
			   "(`mount -t tracefs tracefs /sys/kernel/tracing`), and are you root?", strerror(err));
	return err;
}

/* Some events; EAGAIN: there are no more now. */
static int collect(struct run_proof *proof, struct trace_tally *tally)
{
	struct trace_row row;
	int err = 0;

	for (unsigned int i = 0; !err && i < EVENTS_AT_ONCE; i++) {
		err = trace_stream_next(&proof->stream, &row);
		if (!err)
			err = trace_tally_add(tally, &row);
	}
	return err;
}

/*
 * All that was recorded, and no more of what others do with the RDMA device. Where events were lost it is no proof
 * any more, and to read a full buffer to its end takes a while.
 */
static int collect_rest(struct run_proof *proof, struct trace_tally *tally)
{
	int err = trace_record(&proof->stream.trace, false);

	while (!err && !proof->stream.lost)
		err = collect(proof, tally);
	return err == EAGAIN ? 0 : err;
}

static int said(int err)
{
	if (err)
		tool_error("tracefs", "events of vfiowc:dma: %s", strerror(err));
	return err;
}

int run_proof_collect(struct run_proof *proof)
{
	int err = collect(proof, &proof->tally);

	return said(err == EAGAIN ? 0 : err);
}

int run_proof_end(struct run_proof *proof)
{
	return said(collect_rest(proof, &proof->tally));
}

void run_proof_stop(struct run_proof *proof)
{
	trace_stream_stop(&proof->stream);
	trace_tally_free(&proof->tally);
}

static const char *rdma_of(const struct run_report *report)
{
	for (size_t i = 0; i < report->num_mrs; i++) {
		if (report->mrs[i].target >= 0)
			return report->mrs[i].rdma;
	}
	return "";
}

void run_proof_device_tph(const struct run_report *report, char *mode, size_t len)
{
	if (sysfs_read(mode, len, "/sys/class/infiniband/%s/tph", rdma_of(report)))
		mode[0] = '\0';
}

/* One READ of the slice through an MR that was registered when the tags were gone. */
static int control_read(struct run_proof *proof, struct vfiowc_buf *buf, const char *rdma)
{
	struct trace_tally tally = { 0 };
	enum ibv_wc_status status;
	const char *what = "";
	struct nic nic = { 0 };
	struct ibv_mr *mr = NULL;
	int err = nic_open(rdma, &nic, &what);

	if (err)
		goto err_nic;
	what = "vfiowc_reg_mr";
	mr = vfiowc_reg_mr(buf, nic.pd, 0, sysconf(_SC_PAGESIZE), 0,
			   IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ);
	err = mr ? 0 : errno;
	if (err)
		goto err_nic;
	what = "vfiowc:dma";
	err = trace_record(&proof->stream.trace, true);
	if (err)
		goto err_nic;
	what = "RDMA READ";
	err = nic_transfer(&nic, CONTROL_WR_ID, IBV_WR_RDMA_READ, nic.in, CONTROL_BYTES, 0, mr->rkey, &status);
	if (!err && status != IBV_WC_SUCCESS)
		err = EIO;
	if (!err)
		err = collect_rest(proof, &tally);
	for (size_t i = 0; !err && i < tally.num; i++) {
		if (tally.sums[i].like.key != mr->rkey || !tally.sums[i].like.remote)
			continue;
		proof->control_transfers += tally.sums[i].count;
		if (strcmp(tally.sums[i].like.ns, "none"))
			proof->control_tagged += tally.sums[i].count;
	}
	proof->control_made = proof->control_transfers == 1;
	trace_tally_free(&tally);
err_nic:
	if (err)
		tool_error(rdma, "control: %s: %s", what, strerror(err));
	if (mr)
		ibv_dereg_mr(mr);
	nic_close(&nic);
	return err;
}

int run_proof_control(struct run_proof *proof, const struct run *run, const struct run_report *report)
{
	for (unsigned int i = 0; i < run->num_targets; i++) {
		struct vfiowc_buf *buf = run->targets[i].buffers[RUN_CLIENT].buf;
		int err;

		if (!buf)
			continue;
		err = vfiowc_clear_tph(buf);
		if (err) {
			tool_error(run->targets[i].text, "control: tags cannot be cleared: %s", strerror(err));
			return err;
		}
		return control_read(proof, buf, rdma_of(report));
	}
	return 0;
}

static const char *memory_of(const struct run_report *report, const struct trace_row *row)
{
	static char text[24];

	for (size_t i = report->num_mrs; i-- > 0;) {
		const struct run_mr *mr = &report->mrs[i];

		if ((mr->lkey != row->key && mr->rkey != row->key) || strcmp(mr->rdma, row->dev))
			continue;
		snprintf(text, sizeof(text), HANDOVER_PREFIX "%d", mr->target);
		return mr->target < 0 ? "host" : text;
	}
	return NULL;
}

void run_proof_print(const struct run_proof *proof, const struct run_report *report)
{
	printf("\n%-10s %-10s %-7s %-10s %-7s %-8s %-3s %10s %14s\n", "memory", "key", "side", "operation",
	       "tag", "ST", "PH", "transfers", "bytes");
	for (size_t i = 0; i < proof->tally.num; i++) {
		const struct trace_sum *sum = &proof->tally.sums[i];
		const char *memory = memory_of(report, &sum->like);

		if (memory)
			printf("%-10s 0x%-8" PRIx64 " %-7s %-10s %-7s 0x%-6" PRIx64 " %-3" PRIu64
			       " %10" PRIu64 " %14" PRIu64 "\n", memory, sum->like.key,
			       sum->like.remote ? "remote" : "local", sum->like.op, sum->like.ns, sum->like.st,
			       sum->like.ph, sum->count, sum->bytes);
	}
	printf("perftest says: %" PRIu64 " messages, %" PRIu64 " bytes%s%s\n", proof->table.messages,
	       proof->table.bytes, proof->counting.directions > 1 ? ", in each direction" : "",
	       proof->counting.at_least ? ", in the time it measured" : "");
	printf("device moved:  %" PRIu64 " messages, %" PRIu64 " bytes to or from targets\n", proof->messages,
	       proof->bytes);
	if (proof->control_made)
		printf("control: tags cleared, registered again: %" PRIu64 " of %" PRIu64
		       " transfers carries one\n", proof->control_tagged, proof->control_transfers);
	printf("verdict: %s%s%s\n", verdicts[proof->verdict], proof->why[0] ? ": " : "", proof->why);
}

static void set(json_object *object, const char *key, json_object *value)
{
	json_object_object_add(object, key, value);
}

static json_object *transfers_json(const struct run_proof *proof, const struct run_report *report)
{
	json_object *list = json_object_new_array();

	for (size_t i = 0; i < proof->tally.num; i++) {
		const struct trace_sum *sum = &proof->tally.sums[i];
		const char *memory = memory_of(report, &sum->like);
		json_object *item;

		if (!memory)
			continue;
		item = json_object_new_object();
		set(item, "memory", json_object_new_string(memory));
		set(item, "rdma", json_object_new_string(sum->like.dev));
		set(item, "key", json_object_new_uint64(sum->like.key));
		set(item, "side", json_object_new_string(sum->like.remote ? "remote" : "local"));
		set(item, "op", json_object_new_string(sum->like.op));
		set(item, "namespace", json_object_new_string(sum->like.ns));
		set(item, "st", json_object_new_uint64(sum->like.st));
		set(item, "ph", json_object_new_uint64(sum->like.ph));
		set(item, "transfers", json_object_new_uint64(sum->count));
		set(item, "bytes", json_object_new_uint64(sum->bytes));
		json_object_array_add(list, item);
	}
	return list;
}

json_object *run_proof_json(const struct run_proof *proof, const struct run_report *report)
{
	json_object *object = json_object_new_object();

	set(object, "verdict", json_object_new_string(verdicts[proof->verdict]));
	set(object, "why", json_object_new_string(proof->why));
	set(object, "rdma", json_object_new_string(proof->rdma));
	set(object, "transfers", transfers_json(proof, report));
	set(object, "perftest_messages", json_object_new_uint64(proof->table.messages));
	set(object, "perftest_bytes", json_object_new_uint64(proof->table.bytes));
	set(object, "directions", json_object_new_uint64(proof->counting.directions));
	set(object, "messages", json_object_new_uint64(proof->messages));
	set(object, "bytes", json_object_new_uint64(proof->bytes));
	set(object, "right_tag", json_object_new_uint64(proof->right));
	set(object, "wrong_tag", json_object_new_uint64(proof->wrong));
	set(object, "host_transfers", json_object_new_uint64(proof->host));
	set(object, "host_tagged", json_object_new_uint64(proof->host_tagged));
	set(object, "control_transfers", json_object_new_uint64(proof->control_transfers));
	set(object, "control_tagged", json_object_new_uint64(proof->control_tagged));
	set(object, "lost_events", json_object_new_uint64(proof->stream.lost));
	return object;
}
