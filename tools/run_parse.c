// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* `vfiowc run`: targets and tags as users write them. See run.h. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"
#include "vfiowc.h"

/* Memory of a DRM device when its size is not given. */
#define DRM_BYTES (16u << 20)

/* A number, decimal or 0x..., with K, M or G for powers of 1024. */
static int parse_bytes(const char *text, size_t len, uint64_t *bytes)
{
	static const char units[] = "KMG";
	const char *unit = len ? strchr(units, text[len - 1]) : NULL;
	unsigned int shift = unit ? 10 * (unit - units + 1) : 0;
	char copy[24];

	if (unit)
		len--;
	if (!len || len >= sizeof(copy))
		return EINVAL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (tool_parse_u64(copy, UINT64_MAX >> shift, bytes))
		return EINVAL;
	*bytes <<= shift;
	return 0;
}

/* The colon behind "0000:01:00.0" or "01:00.0": the first one after the dot. */
static int parse_vfio(const char *text, struct run_target *target, const char **why)
{
	const char *dot = strchr(text, '.'), *colon = dot ? strchr(dot, ':') : NULL;
	const char *bar = colon ? colon + 1 : "", *at = bar + 1, *end;
	char address[PCI_BDF_LEN + 8];
	int err;

	*why = "it is none of BDF:BAR[+OFFSET][:LENGTH], udmabuf:BYTES and drm:PATH[:BYTES]";
	if (!colon || (size_t)(colon - text) >= sizeof(address))
		return EINVAL;
	snprintf(address, sizeof(address), "%.*s", (int)(colon - text), text);
	err = pci_parse(address, target->bdf);
	if (err == ENODEV)
		*why = "there is no such PCI function; `vfiowc info` lists them";
	if (err)
		return EINVAL;
	*why = "the BAR must be a digit from 0 to 5";
	if (*bar < '0' || *bar > '5')
		return EINVAL;
	target->bar = *bar - '0';
	if (*at == '+') {
		end = at + 1 + strcspn(at + 1, ":");
		*why = "OFFSET must be bytes, such as 0x10000, 65536 or 64K";
		if (parse_bytes(at + 1, end - at - 1, &target->offset))
			return EINVAL;
		at = end;
	}
	*why = "LENGTH must be bytes, such as 0x10000, 65536 or 64K, and not 0";
	if (*at == ':') {
		if (parse_bytes(at + 1, strlen(at + 1), &target->length) || !target->length)
			return EINVAL;
		at += strlen(at);
	}
	*why = "behind the BAR may stand +OFFSET and :LENGTH only";
	return *at ? EINVAL : 0;
}

static int parse_drm(char *path, struct run_target *target, const char **why)
{
	char *colon = strchr(path, ':');

	*why = "behind drm: must stand a path such as /dev/dri/card0, and perhaps :BYTES";
	if (path[0] != '/')
		return EINVAL;
	target->path = path;
	target->length = DRM_BYTES;
	if (colon && (parse_bytes(colon + 1, strlen(colon + 1), &target->length) || !target->length))
		return EINVAL;
	if (colon)
		*colon = '\0';
	return 0;
}

int run_parse_target(char *text, struct run_target *target, const char **why)
{
	static const char udmabuf[] = "udmabuf:", drm[] = "drm:";

	*target = (struct run_target) { .text = text };
	for (int i = 0; i < RUN_ENDS; i++)
		target->buffers[i].fd = -1;
	if (!strncmp(text, udmabuf, strlen(udmabuf))) {
		target->kind = RUN_UDMABUF;
		*why = "behind udmabuf: must stand bytes, such as 0x10000, 65536 or 64K, and not 0";
		text += strlen(udmabuf);
		return parse_bytes(text, strlen(text), &target->length) || !target->length ? EINVAL : 0;
	}
	if (!strncmp(text, drm, strlen(drm))) {
		target->kind = RUN_DRM;
		return parse_drm(text + strlen(drm), target, why);
	}
	target->kind = RUN_VFIO;
	return parse_vfio(text, target, why);
}

int run_parse_wc(const char *text, struct run_wc *wc, const char **why)
{
	struct run_target part = { .text = text };
	int err = parse_vfio(text, &part, why);

	if (err && part.bdf[0] == '\0' && strchr(*why, '['))
		*why = "it is not BDF:BAR[+OFFSET][:LENGTH]";
	*wc = (struct run_wc) { .text = text, .bar = part.bar, .offset = part.offset, .length = part.length };
	memcpy(wc->bdf, part.bdf, sizeof(wc->bdf));
	return err;
}

/* One "name=number"; @at moves behind it and its comma. */
static int parse_field(const char **at, char *name, size_t name_len, uint64_t *value)
{
	size_t len = strcspn(*at, ","), key = strcspn(*at, "=");
	char number[24];

	if (key >= len || key >= name_len || len - key - 1 >= sizeof(number))
		return EINVAL;
	snprintf(name, name_len, "%.*s", (int)key, *at);
	snprintf(number, sizeof(number), "%.*s", (int)(len - key - 1), *at + key + 1);
	if ((*at)[len] == ',' && !(*at)[len + 1])
		return EINVAL;
	*at += len + ((*at)[len] == ',');
	return tool_parse_u64(number, UINT64_MAX, value);
}

int run_parse_tph(const char *text, struct vfiowc_tph *tph, const char **why)
{
	bool has_ph = false;
	char name[8];
	uint64_t value;

	memset(tph, 0, sizeof(*tph));
	while (*text) {
		*why = "tags are written st=N,st_ext=N,ph=N";
		if (parse_field(&text, name, sizeof(name), &value))
			return EINVAL;
		if (!strcmp(name, "st") && !(tph->flags & VFIOWC_TAG_ST)) {
			*why = "st is a number up to 255; longer tags are st_ext";
			tph->flags |= VFIOWC_TAG_ST;
			tph->st = value;
			if (value > UINT8_MAX)
				return EINVAL;
		} else if (!strcmp(name, "st_ext") && !(tph->flags & VFIOWC_TAG_ST_EXT)) {
			*why = "st_ext is a number up to 65535";
			tph->flags |= VFIOWC_TAG_ST_EXT;
			tph->st_ext = value;
			if (value > UINT16_MAX)
				return EINVAL;
		} else if (!strcmp(name, "ph") && !has_ph) {
			*why = "ph is a number up to 3";
			has_ph = true;
			tph->ph = value;
			if (value > 3)
				return EINVAL;
		} else {
			return EINVAL;
		}
	}
	*why = "a hint needs a tag: st=N, st_ext=N or both";
	return tph->flags ? 0 : EINVAL;
}
