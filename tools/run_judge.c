// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * `vfiowc run --prove`: the comparison. Only transfers of MRs that the preload library reported
 * count: others may use the RDMA device at the same time. See run_proof.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "run_proof.h"

/* The MR that a transfer used; NULL: somebody else's. */
static const struct run_mr *find_mr(const struct run_report *report, const struct trace_row *row)
{
	/* Latest first: keys are used again. */
	for (size_t i = report->num_mrs; i-- > 0;) {
		const struct run_mr *mr = &report->mrs[i];

		if ((mr->lkey == row->key || mr->rkey == row->key) && !strcmp(mr->rdma, row->dev))
			return mr;
	}
	return NULL;
}

/* What an importer that emits one namespace does with the tags that were published. */
static struct run_tag expected_tag(const struct vfiowc_tph *tph, const char *device_tph)
{
	struct run_tag tag = { .ns = "none" };

	if (!strcmp(device_tph, "st") && tph->flags & VFIOWC_TAG_ST)
		tag = (struct run_tag){ .ns = "st", .st = tph->st, .ph = tph->ph };
	if (!strcmp(device_tph, "st_ext") && tph->flags & VFIOWC_TAG_ST_EXT)
		tag = (struct run_tag){ .ns = "st_ext", .st = tph->st_ext, .ph = tph->ph };
	return tag;
}

static bool has_tag(const struct trace_row *row, const struct run_tag *tag)
{
	if (strcmp(row->ns, tag->ns))
		return false;
	return !strcmp(tag->ns, "none") || (row->st == tag->st && row->ph == tag->ph);
}

struct side {
	uint64_t count;
	uint64_t bytes;
};

/* The remote side, where it is ours; a client whose peer is elsewhere only has the local one. */
static void count_messages(struct run_proof *proof, const struct side *remote, const struct side *local)
{
	const struct side *side = remote->count ? remote : local;

	proof->messages = side->count;
	proof->bytes = side->bytes;
}

static void count(struct run_proof *proof, const struct run_report *report)
{
	struct side sides[2] = { 0 };

	for (size_t i = 0; i < proof->tally.num; i++) {
		const struct trace_sum *sum = &proof->tally.sums[i];
		const struct run_mr *mr = find_mr(report, &sum->like);

		if (!mr)
			continue;
		if (mr->target < 0) {
			proof->host += sum->count;
			if (strcmp(sum->like.ns, "none"))
				proof->host_tagged += sum->count;
			continue;
		}
		sides[sum->like.remote].count += sum->count;
		sides[sum->like.remote].bytes += sum->bytes;
		if (has_tag(&sum->like, &proof->expected))
			proof->right += sum->count;
		else
			proof->wrong += sum->count;
	}
	count_messages(proof, &sides[1], &sides[0]);
}

static bool messages_agree(const struct run_proof *proof)
{
	uint64_t messages = proof->table.messages * proof->counting.directions;
	uint64_t bytes = proof->table.bytes * proof->counting.directions;

	if (proof->counting.at_least)
		return proof->messages >= messages && proof->bytes >= bytes;
	return proof->messages == messages && proof->bytes == bytes;
}

static enum run_verdict verdict(struct run_proof *proof, const struct run *run,
				const struct run_report *report, const char *device_tph)
{
	char *why = proof->why;
	size_t len = sizeof(proof->why);

	if (!report->num_redirected)
		snprintf(why, len, "the program registered no memory of a target");
	else if (!device_tph[0])
		snprintf(why, len, "%s is not a software device: kernel accepted, wire not observed",
			 proof->rdma);
	else if (run->tph.flags && !strcmp(proof->expected.ns, "none"))
		snprintf(why, len, "%s emits '%s' and no such tag was asked for; see its sysfs attribute tph",
			 proof->rdma, device_tph);
	else if (proof->wrong)
		snprintf(why, len, "%" PRIu64 " transfers of targets do not carry the tag asked for",
			 proof->wrong);
	else if (proof->host_tagged)
		snprintf(why, len, "%" PRIu64 " transfers of host memory carry a tag", proof->host_tagged);
	else if (proof->control_tagged)
		snprintf(why, len, "after clearing the tags and registering again transfers carry one");
	else if (proof->stream.lost)
		snprintf(why, len, "%" PRIu64 " events were lost: fewer messages (-n) help",
			 proof->stream.lost);
	else if (!proof->table.rows)
		snprintf(why, len, "no table of perftest on the program's stdout to compare with");
	else if (!messages_agree(proof))
		snprintf(why, len, "the program says %" PRIu64 " messages of %" PRIu64 " bytes, the device moved "
			 "%" PRIu64 " of %" PRIu64, proof->table.messages * proof->counting.directions,
			 proof->table.bytes * proof->counting.directions, proof->messages, proof->bytes);
	else if (run->tph.flags && !proof->control_made)
		snprintf(why, len, "the control, a registration without tags, was not made");
	else
		return RUN_PROVED;
	if (report->num_redirected && !device_tph[0])
		return RUN_NOT_OBSERVED;
	/* What was seen was right, but it was not all. */
	if (proof->stream.lost || !proof->table.rows || (run->tph.flags && !proof->control_made))
		return proof->wrong || proof->host_tagged || proof->control_tagged ? RUN_REFUTED :
		       RUN_INCOMPLETE;
	return RUN_REFUTED;
}

void run_proof_judge(struct run_proof *proof, const struct run *run, const struct run_report *report,
		     const char *device_tph)
{
	proof->counting = run_counting(run->argv);
	if (run->num_ends == 1)
		proof->counting.directions = 1;
	for (size_t i = 0; i < report->num_mrs; i++) {
		if (report->mrs[i].target >= 0)
			snprintf(proof->rdma, sizeof(proof->rdma), "%s", report->mrs[i].rdma);
	}
	proof->expected = expected_tag(&run->tph, device_tph);
	count(proof, report);
	proof->verdict = verdict(proof, run, report, device_tph);
	if (proof->verdict == RUN_PROVED)
		snprintf(proof->why, sizeof(proof->why), "%s", "");
}
