// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * `vfiowc demo`: the two slices of the BAR: exported, tagged, mapped, registered. What was asked
 * for and what was found are told apart: tags are read back from the exporter, the memory type
 * from the page table, the importer's tags from its MR.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <infiniband/vfiowc_order.h>

#include "demo.h"
#include "pattern.h"

static const char *memattr_name(uint32_t type)
{
	return type == VFIOWC_MEM_WC ? "WC" : "NC";
}

static const char *pte_name(uint32_t effective)
{
	switch (effective) {
	case VFIOWC_EFFECTIVE_UC_MINUS:
		return "UC-";
	case VFIOWC_EFFECTIVE_WC:
		return "WC";
	case VFIOWC_EFFECTIVE_UC:
		return "UC";
	case VFIOWC_EFFECTIVE_WB:
		return "WB";
	default:
		return "other";
	}
}

/* Tags are data, too: the seed decides them. The lowest bits keep those of the two slices apart. */
static void choose_tags(struct demo *d)
{
	struct pattern pattern = pattern_start(d->seed, PATTERN_TAGS);

	for (unsigned int i = 0; i < NUM_SLICES; i++) {
		uint64_t word = pattern_next(&pattern);

		d->slices[i].tph = (struct vfiowc_tph){
			.flags = VFIOWC_TAG_ST | VFIOWC_TAG_ST_EXT,
			.st = (word & 0xfe) | i,
			.st_ext = (word >> 8 & 0xfffe) | i,
			.ph = (word >> 24 & 2) | i,
		};
	}
}

static int export(struct demo *d, struct slice *slice)
{
	const struct vfiowc_export_attr attr = {
		.bar = d->bar,
		.offset = slice->bar_offset,
		.length = slice->bytes,
		.types = &slice->type,
		.num_types = 1,
	};

	slice->buf = vfiowc_export(d->dev, &attr, sizeof(attr));
	if (!slice->buf)
		return demo_fail(d, d->bdf,
				 "BAR %u, slice %s at 0x%" PRIx64 ", cannot be exported as %s: %s",
				 d->bar, slice->name, slice->bar_offset, memattr_name(slice->type),
				 strerror(errno));
	return 0;
}

static int publish_tags(struct demo *d, struct slice *slice, json_object *report)
{
	const struct vfiowc_tph *want = &slice->tph;
	struct vfiowc_tph tph;
	int err = vfiowc_set_tph(slice->buf, want);

	if (err)
		return demo_fail(d, d->bdf,
				 "slice %s cannot publish tags: %s; no TPH completer? For tests: "
				 "`modprobe vfiowc_pci tph_override=3`",
				 slice->name, strerror(err));
	err = vfiowc_get_tph(slice->buf, &tph);
	if (err)
		return demo_fail(d, d->bdf, "slice %s: vfiowc_get_tph: %s", slice->name,
				 strerror(err));
	report_set(report, "tph", report_tph(&tph));
	demo_say(d, "%-8s tags published: st 0x%02x, st_ext 0x%04x, ph %u", slice->name, tph.st,
		 tph.st_ext, tph.ph);
	if (tph.flags != want->flags || tph.st != want->st || tph.st_ext != want->st_ext ||
	    tph.ph != want->ph)
		return demo_fail(
			d, d->bdf,
			"slice %s has other tags than were set (st 0x%02x, st_ext 0x%04x, ph %u)",
			slice->name, want->st, want->st_ext, want->ph);
	return 0;
}

/* What an earlier run left must not be taken for this one's data. Also the first touch. */
static void clear(struct slice *slice)
{
	volatile uint64_t *word = (volatile uint64_t *)slice->cpu;

	for (uint64_t i = 0; i < slice->bytes / 8; i++)
		word[i] = 0;
	/* O2: posted before any later store of this thread, so before those of the next slice. */
	vfiowc_wc_flush();
}

static int map(struct demo *d, struct slice *slice, json_object *report)
{
	struct vfiowc_map_attr attr;
	const char *pte;
	int err;

	slice->map = vfiowc_map(slice->buf, 0, slice->bytes, 0);
	if (!slice->map)
		return demo_fail(d, d->bdf, "slice %s cannot be mapped: %s", slice->name,
				 strerror(errno));
	slice->cpu = vfiowc_map_addr(slice->map);
	clear(slice);
	err = vfiowc_query_map(slice->map, &attr, sizeof(attr));
	if (err)
		return demo_fail(d, d->bdf, "slice %s: vfiowc_query_map: %s", slice->name,
				 strerror(err));
	pte = pte_name(attr.effective);
	report_set(report, "memattr_requested",
		   json_object_new_string(memattr_name(attr.requested)));
	report_set(report, "pte_type", json_object_new_string(pte));
	demo_say(d, "%-8s %" PRIu64 " bytes at 0x%" PRIx64 ": requested %s, page table says %s",
		 slice->name, slice->bytes, slice->bar_offset, memattr_name(attr.requested), pte);
	if (strcmp(pte, slice->type == VFIOWC_MEM_WC ? "WC" : "UC-"))
		return demo_fail(d, d->bdf, "slice %s was requested %s, but is mapped %s",
				 slice->name, memattr_name(slice->type), pte);
	return 0;
}

static json_object *new_slice_report(const struct slice *slice)
{
	json_object *report = json_object_new_object();

	report_set(report, "name", json_object_new_string(slice->name));
	report_set(report, "bytes", json_object_new_uint64(slice->bytes));
	report_set(report, "memattr_requested", NULL);
	report_set(report, "pte_type", NULL);
	report_set(report, "tph", NULL);
	return report;
}

int demo_export(struct demo *d)
{
	json_object *list = json_object_object_get(d->report, "slices");

	choose_tags(d);
	for (unsigned int i = 0; i < NUM_SLICES; i++) {
		struct slice *slice = &d->slices[i];
		json_object *report = new_slice_report(slice);

		json_object_array_add(list, report);
		if (export(d, slice) || map(d, slice, report) || publish_tags(d, slice, report))
			return -1;
	}
	return 0;
}

/**
 * demo_register_slice() - an MR of the whole slice; its iova is the slice's offset in the BAR
 */
int demo_register_slice(struct demo *d, struct slice *slice)
{
	const int access =
		IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ;

	slice->mr =
		vfiowc_reg_mr(slice->buf, d->nic.pd, 0, slice->bytes, slice->bar_offset, access);
	if (!slice->mr)
		return demo_fail(d, d->rdma, "slice %s cannot be registered: %s", slice->name,
				 strerror(errno));
	return 0;
}

static const char *ns_name(uint32_t ns)
{
	return ns == VFIOWC_NS_ST ? "st" : ns == VFIOWC_NS_ST_EXT ? "st_ext" : "none";
}

static void report_mr(struct demo *d, const struct slice *slice, const struct vfiowc_mr_tph *tph)
{
	json_object *mr = json_object_new_object();
	json_object *tags = json_object_new_object();

	report_set(tags, "valid", json_object_new_boolean(tph->valid));
	report_set(tags, "namespace", json_object_new_string(ns_name(tph->ns)));
	report_set(tags, "st", json_object_new_uint64(tph->st));
	report_set(tags, "ph", json_object_new_uint64(tph->ph));
	report_set(mr, "slice", json_object_new_string(slice->name));
	report_set(mr, "tph", tags);
	json_object_array_add(json_object_object_get(d->report, "mr"), mr);
	demo_say(d, "%-8s rkey 0x%x, iova 0x%" PRIx64 "; importer read: %s 0x%x, ph %u",
		 slice->name, slice->mr->rkey, slice->bar_offset, ns_name(tph->ns), tph->st,
		 tph->ph);
}

/* The importer must hold exactly what was published in the namespace that it emits. */
static int check_mr(struct demo *d, const struct slice *slice, const struct vfiowc_mr_tph *tph)
{
	uint32_t want = tph->ns == VFIOWC_NS_ST_EXT ? slice->tph.st_ext : slice->tph.st;

	if (!tph->valid)
		return demo_fail(
			d, d->rdma,
			"the MR of slice %s has no tags, although they were published; "
			"the device emits: %s; try `echo st > /sys/class/infiniband/%s/tph`",
			slice->name, d->tph_mode, d->rdma);
	if (tph->st != want || tph->ph != slice->tph.ph || strcmp(ns_name(tph->ns), d->tph_mode))
		return demo_fail(
			d, d->rdma,
			"the MR of slice %s has tag %s 0x%x, ph %u; published: 0x%x, ph %u; "
			"the device emits: %s",
			slice->name, ns_name(tph->ns), tph->st, tph->ph, want, slice->tph.ph,
			d->tph_mode);
	return 0;
}

int demo_register(struct demo *d)
{
	struct vfiowc_mr_tph tph;
	int err;

	for (unsigned int i = 0; i < NUM_SLICES; i++) {
		struct slice *slice = &d->slices[i];

		if (demo_register_slice(d, slice))
			return -1;
		err = vfiowc_query_mr_tph(slice->mr, &tph, sizeof(tph));
		if (err)
			return demo_fail(d, d->rdma, "slice %s: vfiowc_query_mr_tph: %s",
					 slice->name, strerror(err));
		report_mr(d, slice, &tph);
		if (check_mr(d, slice, &tph))
			return -1;
	}
	return 0;
}
