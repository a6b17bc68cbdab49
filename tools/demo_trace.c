// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * `vfiowc demo`: what the RDMA device put out, by its tracepoint, against what was posted: one row
 * for each work request that succeeded, none for a refused one, none that nobody posted.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "demo.h"

int demo_trace_start(struct demo *d)
{
	int err = trace_start(&d->trace);

	if (err)
		return demo_fail(d, "tracefs",
				 "event vfiowc:dma: %s; is vfiowc_rdma loaded, and tracefs mounted "
				 "(`mount -t tracefs tracefs /sys/kernel/tracing`)?",
				 strerror(err));
	return 0;
}

static bool matches(const struct demo *d, const struct trace_row *row, const struct work *work)
{
	const struct vfiowc_tph *tph = &work->slice->tph;
	unsigned int st = strcmp(row->ns, "st") ? tph->st_ext : tph->st;

	return !strcmp(row->dev, d->rdma) && row->wr_id == work->wr_id && row->qpn == work->qpn &&
	       !strcmp(row->op, report_op(work->opcode)) && row->remote == 1 && row->target == 1 &&
	       row->address == work->address && row->length == work->bytes &&
	       !strcmp(row->ns, d->tph_mode) && row->st == st && row->ph == tph->ph;
}

static void report_row(struct demo *d, const struct trace_row *row)
{
	json_object *report = json_object_new_object();

	report_set(report, "wr_id", json_object_new_uint64(row->wr_id));
	report_set(report, "op", json_object_new_string(row->op));
	report_set(report, "address", json_object_new_uint64(row->address));
	report_set(report, "bytes", json_object_new_uint64(row->length));
	report_set(report, "namespace", json_object_new_string(row->ns));
	report_set(report, "st", json_object_new_uint64(row->st));
	report_set(report, "ph", json_object_new_uint64(row->ph));
	json_object_array_add(json_object_object_get(d->report, "trace"), report);
	demo_say(d,
		 "wr_id %2" PRIu64 " %-5s address 0x%06" PRIx64 " %6" PRIu64
		 " bytes  %s 0x%04" PRIx64 " ph %" PRIu64,
		 row->wr_id, row->op, row->address, row->length, row->ns, row->st, row->ph);
}

/* Work requests were posted one after the other: rows come in the same order. */
static int match(struct demo *d, const struct trace_row *rows, size_t count)
{
	size_t row = 0;

	for (unsigned int i = 0; i < d->num_works; i++) {
		const struct work *work = &d->works[i];

		if (work->status != IBV_WC_SUCCESS)
			continue;
		if (row == count)
			return demo_fail(d, d->rdma, "no trace row for the %s with wr_id %" PRIu64,
					 report_op(work->opcode), work->wr_id);
		if (!matches(d, &rows[row], work))
			return demo_fail(
				d, d->rdma,
				"trace row %zu (wr_id %" PRIu64 ") is not the posted %s with "
				"wr_id %" PRIu64 ", address 0x%" PRIx64 ", %u bytes, slice %s",
				row, rows[row].wr_id, report_op(work->opcode), work->wr_id,
				work->address, work->bytes, work->slice->name);
		row++;
	}
	if (row != count)
		return demo_fail(d, d->rdma,
				 "trace row %zu (wr_id %" PRIu64
				 ") belongs to no work request that "
				 "succeeded",
				 row, rows[row].wr_id);
	demo_say(d, "%zu rows, one for each of the %zu work requests that succeeded", count, row);
	return 0;
}

int demo_trace_check(struct demo *d)
{
	struct trace_row rows[WORKS_MAX + 1];
	size_t count;
	int err = trace_read(&d->trace, rows, WORKS_MAX + 1, &count);

	if (err)
		return demo_fail(d, "tracefs", "event vfiowc:dma cannot be read: %s",
				 strerror(err));
	if (count > WORKS_MAX)
		count = WORKS_MAX + 1;
	for (size_t i = 0; i < count; i++)
		report_row(d, &rows[i]);
	return match(d, rows, count);
}
