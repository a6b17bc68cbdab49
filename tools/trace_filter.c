// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* `vfiowc trace`: which transfers are wanted, and how one is shown. See trace_filter.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "trace_filter.h"
#include "vfiowc.h"

static const char *const memories[] = { "host", "bar", "system" };

static const char *memory_of(const struct trace_row *row)
{
	return row->target < ARRAY_SIZE(memories) ? memories[row->target] : "unknown";
}

int trace_filter_tag(struct trace_filter *filter, const char *text)
{
	static const char *const names[] = { "none", "any", "st", "st_ext" };
	size_t len = strcspn(text, ":");

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strlen(names[i]) != len || strncmp(names[i], text, len))
			continue;
		filter->ns = names[i];
		if (!text[len])
			return 0;
		filter->has_st = true;
		return i < 2 ? EINVAL : tool_parse_u64(text + len + 1, i == 2 ? UINT8_MAX : UINT16_MAX,
						       &filter->st) ? EINVAL : 0;
	}
	return EINVAL;
}

static bool wants_tag(const struct trace_filter *filter, const struct trace_row *row)
{
	if (!filter->ns)
		return true;
	if (!strcmp(filter->ns, "any"))
		return strcmp(row->ns, "none");
	return !strcmp(filter->ns, row->ns) && (!filter->has_st || filter->st == row->st);
}

bool trace_filter_wants(const struct trace_filter *filter, const struct trace_row *row)
{
	return (!filter->dev || !strcmp(filter->dev, row->dev)) &&
	       (!filter->has_qp || filter->qp == row->qpn) &&
	       (!filter->has_key || filter->key == row->key) && wants_tag(filter, row);
}

void trace_print_head(void)
{
	printf("%-10s %6s %8s %-9s %-6s %-6s %-10s %-18s %10s %-2s %-6s %-6s %-2s\n", "DEVICE", "QP", "WR_ID",
	       "OP", "SIDE", "MEMORY", "KEY", "ADDRESS", "BYTES", "RO", "TAG", "ST", "PH");
}

void trace_print_row(const struct trace_row *row)
{
	printf("%-10s %6" PRIu64 " %8" PRIu64 " %-9s %-6s %-6s 0x%-8" PRIx64 " 0x%016" PRIx64 " %10" PRIu64
	       " %-2" PRIu64 " %-6s 0x%-4" PRIx64 " %-2" PRIu64 "\n", row->dev, row->qpn, row->wr_id, row->op,
	       row->remote ? "remote" : "local", memory_of(row), row->key, row->address, row->length, row->ro,
	       row->ns, row->st, row->ph);
}

/* A READ takes from the remote side and brings to the local one; all else goes the other way. */
static struct tlp_transfer transfer_of(const struct trace_row *row)
{
	bool read = !strcmp(row->op, "read");

	return (struct tlp_transfer) {
		.write = row->remote ? !read : read,
		.relaxed = row->ro,
		.ns = !strcmp(row->ns, "st") ? TLP_ST : !strcmp(row->ns, "st_ext") ? TLP_ST_EXT : TLP_NO_TAG,
		.st = row->st,
		.ph = row->ph,
		.address = row->address,
		.bytes = row->length,
	};
}

void trace_print_tlps(const struct trace_row *row, const struct tlp_limits *limits)
{
	struct tlp_transfer rest = transfer_of(row);
	uint64_t count = tlp_count(&rest, limits);
	char text[TLP_TEXT_LEN];
	struct tlp tlp;

	if (!tlp_first(&rest, limits, &tlp))
		return;
	tlp_format(&tlp, text);
	printf("  would emit: %s  (%u bytes; request 1 of %" PRIu64 ")\n", text, tlp.bytes, count);
}

static json_object *tlps_json(const struct trace_row *row, const struct tlp_limits *limits)
{
	struct tlp_transfer rest = transfer_of(row);
	json_object *object = json_object_new_object();
	uint64_t count = tlp_count(&rest, limits);
	char text[TLP_TEXT_LEN] = "";
	struct tlp tlp;

	if (tlp_first(&rest, limits, &tlp))
		tlp_format(&tlp, text);
	json_object_object_add(object, "first", json_object_new_string(text));
	json_object_object_add(object, "requests", json_object_new_uint64(count));
	return object;
}

static void add_common(json_object *object, const struct trace_row *row)
{
	json_object_object_add(object, "dev", json_object_new_string(row->dev));
	json_object_object_add(object, "op", json_object_new_string(row->op));
	json_object_object_add(object, "side", json_object_new_string(row->remote ? "remote" : "local"));
	json_object_object_add(object, "memory", json_object_new_string(memory_of(row)));
	json_object_object_add(object, "key", json_object_new_uint64(row->key));
	json_object_object_add(object, "ro", json_object_new_uint64(row->ro));
	json_object_object_add(object, "namespace", json_object_new_string(row->ns));
	json_object_object_add(object, "st", json_object_new_uint64(row->st));
	json_object_object_add(object, "ph", json_object_new_uint64(row->ph));
}

json_object *trace_row_json(const struct trace_row *row, const struct tlp_limits *limits)
{
	json_object *object = json_object_new_object();

	add_common(object, row);
	json_object_object_add(object, "qpn", json_object_new_uint64(row->qpn));
	json_object_object_add(object, "wr_id", json_object_new_uint64(row->wr_id));
	json_object_object_add(object, "address", json_object_new_uint64(row->address));
	json_object_object_add(object, "bytes", json_object_new_uint64(row->length));
	if (limits)
		json_object_object_add(object, "would_emit", tlps_json(row, limits));
	return object;
}

void trace_print_summary(const struct trace_tally *tally)
{
	printf("%-10s %-13s %-9s %-6s %-6s %-10s %-2s %-6s %-6s %-2s %10s %14s\n", "DEVICE", "QPS", "OP",
	       "SIDE", "MEMORY", "KEY", "RO", "TAG", "ST", "PH", "TRANSFERS", "BYTES");
	for (size_t i = 0; i < tally->num; i++) {
		const struct trace_sum *sum = &tally->sums[i];
		char qps[44];

		snprintf(qps, sizeof(qps), sum->qpn_first == sum->qpn_last ? "%" PRIu64 :
			 "%" PRIu64 "-%" PRIu64, sum->qpn_first, sum->qpn_last);
		printf("%-10s %-13s %-9s %-6s %-6s 0x%-8" PRIx64 " %-2" PRIu64 " %-6s 0x%-4" PRIx64 " %-2" PRIu64
		       " %10" PRIu64 " %14" PRIu64 "\n", sum->like.dev, qps, sum->like.op,
		       sum->like.remote ? "remote" : "local", memory_of(&sum->like), sum->like.key,
		       sum->like.ro, sum->like.ns, sum->like.st, sum->like.ph, sum->count, sum->bytes);
	}
}

json_object *trace_summary_json(const struct trace_tally *tally)
{
	json_object *list = json_object_new_array();

	for (size_t i = 0; i < tally->num; i++) {
		const struct trace_sum *sum = &tally->sums[i];
		json_object *item = json_object_new_object();

		add_common(item, &sum->like);
		json_object_object_add(item, "qpn_first", json_object_new_uint64(sum->qpn_first));
		json_object_object_add(item, "qpn_last", json_object_new_uint64(sum->qpn_last));
		json_object_object_add(item, "transfers", json_object_new_uint64(sum->count));
		json_object_object_add(item, "bytes", json_object_new_uint64(sum->bytes));
		json_object_array_add(list, item);
	}
	return list;
}
