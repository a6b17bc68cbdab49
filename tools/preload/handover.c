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

static int parse_one(const char *text, size_t len, struct handover *target)
{
	char copy[HANDOVER_LEN];
	int end = -1;

	if (len >= sizeof(copy))
		return EINVAL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (sscanf(copy, "fd=%d,device=%d,type=%" SCNu32 ",inode=%" SCNu64 ",bytes=%" SCNu64 "%n",
		   &target->dmabuf_fd, &target->device_fd, &target->type, &target->inode,
		   &target->bytes, &end) != 5 || end != (int)len)
		return EINVAL;
	return target->dmabuf_fd < 0 || target->type > HANDOVER_SYSTEM ? EINVAL : 0;
}

int handover_wc_format(const struct handover_wc *wc, char *text, size_t len)
{
	int n = snprintf(text, len, "device=%s,bar=%" PRIu32 ",offset=%" PRIu64 ",bytes=%" PRIu64
			 ",whole=%" PRIu32, wc->bdf, wc->bar, wc->offset, wc->bytes, wc->whole_bar);

	return n < 0 || (size_t)n >= len ? ENOSPC : 0;
}

static int parse_one_wc(const char *text, size_t len, struct handover_wc *wc)
{
	char copy[HANDOVER_LEN];
	int end = -1;

	if (len >= sizeof(copy))
		return EINVAL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (sscanf(copy, "device=%12[0-9a-f:.],bar=%" SCNu32 ",offset=%" SCNu64 ",bytes=%" SCNu64
		   ",whole=%" SCNu32 "%n", wc->bdf, &wc->bar, &wc->offset, &wc->bytes, &wc->whole_bar,
		   &end) != 5 || end != (int)len)
		return EINVAL;
	return wc->bar > 5 || !wc->bytes || wc->whole_bar > 1 ? EINVAL : 0;
}

/* Length of the description at @text; what is behind it begins at @next. */
static size_t split(const char *text, const char **next)
{
	size_t len = strcspn(text, ";");

	*next = text + len + (text[len] == ';');
	return len;
}

int handover_parse(const char *text, struct handover *targets, unsigned int *count)
{
	const char *next;
	size_t len;
	int err;

	for (*count = 0; *text; text = next) {
		if (*count == HANDOVER_MAX)
			return E2BIG;
		len = split(text, &next);
		err = parse_one(text, len, &targets[*count]);
		if (err)
			return err;
		(*count)++;
	}
	return 0;
}

int handover_wc_parse(const char *text, struct handover_wc *wcs, unsigned int *count)
{
	const char *next;
	size_t len;
	int err;

	for (*count = 0; *text; text = next) {
		if (*count == HANDOVER_MAX)
			return E2BIG;
		len = split(text, &next);
		err = parse_one_wc(text, len, &wcs[*count]);
		if (err)
			return err;
		(*count)++;
	}
	return 0;
}
