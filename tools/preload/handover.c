// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Descriptions of targets in the environment. See handover.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "handover.h"

static const char *const types[] = { "nc", "wc", "system" };

const char *handover_type_name(uint32_t type)
{
	return type < sizeof(types) / sizeof(types[0]) ? types[type] : "unknown";
}

int handover_format(const struct handover *target, char *text, size_t len)
{
	int n = snprintf(text, len, "fd=%d,device=%d,type=%" PRIu32 ",inode=%" PRIu64 ",bytes=%" PRIu64,
			 target->dmabuf_fd, target->device_fd, target->type, target->inode,
			 target->bytes);

	return n < 0 || (size_t)n >= len ? ENOSPC : 0;
}

/* Descriptions end at their last digit. */
static int parse_target(const char *text, void *targets, unsigned int index)
{
	struct handover *target = (struct handover *)targets + index;
	int end = 0;

	if (sscanf(text, "fd=%d,device=%d,type=%" SCNu32 ",inode=%" SCNu64 ",bytes=%" SCNu64 "%n",
		   &target->dmabuf_fd, &target->device_fd, &target->type, &target->inode,
		   &target->bytes, &end) != 5 || text[end])
		return EINVAL;
	return target->dmabuf_fd < 0 || target->type > HANDOVER_SYSTEM ? EINVAL : 0;
}

int handover_wc_format(const struct handover_wc *wc, char *text, size_t len)
{
	int n = snprintf(text, len, "device=%s,bar=%" PRIu32 ",offset=%" PRIu64 ",bytes=%" PRIu64
			 ",whole=%" PRIu32, wc->bdf, wc->bar, wc->offset, wc->bytes, wc->whole_bar);

	return n < 0 || (size_t)n >= len ? ENOSPC : 0;
}

static int parse_wc(const char *text, void *wcs, unsigned int index)
{
	struct handover_wc *wc = (struct handover_wc *)wcs + index;
	int end = 0;

	if (sscanf(text, "device=%12[0-9a-f:.],bar=%" SCNu32 ",offset=%" SCNu64 ",bytes=%" SCNu64
		   ",whole=%" SCNu32 "%n", wc->bdf, &wc->bar, &wc->offset, &wc->bytes, &wc->whole_bar,
		   &end) != 5 || text[end])
		return EINVAL;
	return wc->bar > 5 || !wc->bytes || wc->whole_bar > 1 ? EINVAL : 0;
}

/* Descriptions with a ';' between them, each by @parse into its place in @all. */
static int parse_all(const char *text, int (*parse)(const char *text, void *all, unsigned int index), void *all,
		     unsigned int *count)
{
	char copy[HANDOVER_LEN];
	size_t len;
	int err;

	for (*count = 0; *text; (*count)++) {
		if (*count == HANDOVER_MAX)
			return E2BIG;
		len = strcspn(text, ";");
		if (len >= sizeof(copy))
			return EINVAL;
		memcpy(copy, text, len);
		copy[len] = '\0';
		err = parse(copy, all, *count);
		if (err)
			return err;
		text += len + (text[len] == ';');
	}
	return 0;
}

int handover_parse(const char *text, struct handover *targets, unsigned int *count)
{
	return parse_all(text, parse_target, targets, count);
}

int handover_wc_parse(const char *text, struct handover_wc *wcs, unsigned int *count)
{
	return parse_all(text, parse_wc, wcs, count);
}

int handover_report_format(const struct handover_report *report, char *text, size_t len)
{
	int n = snprintf(text, len, "fd=%d,device=%" PRIu64 ",inode=%" PRIu64, report->fd, report->device,
			 report->inode);

	return n < 0 || (size_t)n >= len ? ENOSPC : 0;
}

int handover_report_parse(const char *text, struct handover_report *report)
{
	int end = 0;

	if (sscanf(text, "fd=%d,device=%" SCNu64 ",inode=%" SCNu64 "%n", &report->fd, &report->device,
		   &report->inode, &end) != 3 || text[end])
		return EINVAL;
	return report->fd < 0 ? EINVAL : 0;
}
