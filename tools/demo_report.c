// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * `vfiowc demo`: the report. It has all its keys from the start; a step fills in what it observed,
 * so a report of a run that failed says how far it came.
 */
#include <stdio.h>

#include "demo.h"

json_object *report_new(void)
{
	static const char *const keys[] = { "kernel",	 "kernel_package", "modules",  "accel",
					    "seed",	 "exporter",	   "slices",   "mr",
					    "transfers", "trace",	   "doorbell", "reset",
					    "revoke",	 "witness",	   "ok" };
	static const char *const arrays[] = { "modules", "slices", "mr", "transfers", "trace" };
	json_object *report = json_object_new_object();

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		report_set(report, keys[i], NULL);
	for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++)
		report_set(report, arrays[i], json_object_new_array());
	return report;
}

/* Keys are string constants, and a key that is there already keeps its place. */
void report_set(json_object *object, const char *key, json_object *value)
{
	json_object_object_add_ex(object, key, value, JSON_C_OBJECT_ADD_CONSTANT_KEY);
}

json_object *report_tph(const struct vfiowc_tph *tph)
{
	json_object *report = json_object_new_object();

	report_set(report, "st", json_object_new_int(tph->st));
	report_set(report, "st_ext", json_object_new_int(tph->st_ext));
	report_set(report, "ph", json_object_new_int(tph->ph));
	return report;
}

/** report_op() - an opcode in the tracepoint's words */
const char *report_op(enum ibv_wr_opcode opcode)
{
	return opcode == IBV_WR_RDMA_READ ? "read" : "write";
}

/** report_transfers() - the work requests that succeeded; refused ones are in reset and revoke */
void report_transfers(struct demo *d)
{
	json_object *list = json_object_object_get(d->report, "transfers");

	for (unsigned int i = 0; i < d->num_works; i++) {
		const struct work *work = &d->works[i];
		json_object *report;

		if (work->status != IBV_WC_SUCCESS)
			continue;
		report = json_object_new_object();
		report_set(report, "op", json_object_new_string(report_op(work->opcode)));
		report_set(report, "slice", json_object_new_string(work->slice->name));
		report_set(report, "bytes", json_object_new_int64(work->bytes));
		report_set(report, "wr_id", json_object_new_uint64(work->wr_id));
		report_set(report, "verified", json_object_new_boolean(work->verified));
		json_object_array_add(list, report);
	}
}

/**
 * report_print() - the end: one JSON object, or one closing line
 *
 * Return: 0, or non-zero when it could not be written; then that has been said on stderr.
 */
int report_print(struct demo *d, bool ok)
{
	const char *text, *path = d->json_path ? d->json_path : "stdout";
	int bad = 0;

	report_set(d->report, "ok", json_object_new_boolean(ok));
	text = json_object_to_json_string_ext(d->report, JSON_C_TO_STRING_PRETTY |
								 JSON_C_TO_STRING_SPACED |
								 JSON_C_TO_STRING_NOSLASHESCAPE);
	if (d->json)
		printf("%s\n", text);
	else
		printf("\n%s\n", ok ? "ok: every step did what it says" : "FAILED");
	if (d->json_file) {
		fprintf(d->json_file, "%s\n", text);
		bad = ferror(d->json_file);
		bad |= fclose(d->json_file);
	}
	bad |= fflush(stdout);
	return bad ? demo_fail(d, path, "the report could not be written") : 0;
}
