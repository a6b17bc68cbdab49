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

int handover_parse(const char *text, struct handover *targets, unsigned int *count)
{
	int err;

	*count = 0;
	while (*text) {
		size_t len = strcspn(text, ";");

		if (*count == HANDOVER_MAX)
			return E2BIG;
		err = parse_one(text, len, &targets[*count]);
		if (err)
			return err;
		(*count)++;
		text += len;
		if (*text)
			text++;
	}
	return 0;
}
