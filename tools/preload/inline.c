// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Inline data. perftest asks for it (-I) only where it finds the device's part number in a list of its own;
 * for any other it switches the option off. Where the user has given the option, the software device
 * therefore shows a number of that list; that it does is said on stderr. Nothing else of perftest depends
 * on that number.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <rdma/vfiowc-abi.h>

#include "preload.h"

/* Alibaba's ERDMA, for which perftest has no peculiarities but an inline size that -I overrides. */
#define PART_WITH_INLINE 4223u

typedef int (*query_device_fn)(struct ibv_context *, struct ibv_device_attr *);

/* The description that also makes libibverbs' plug-in take the device for its own. */
static bool is_software_device(const struct ibv_context *context)
{
	char path[128], text[sizeof(VFIOWC_NODE_DESC)] = "";
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/sys/class/infiniband/%s/node_desc", context->device->name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	return n > 0 && !strcmp(text, VFIOWC_NODE_DESC);
}

PRELOAD_EXPORT int ibv_query_device(struct ibv_context *context, struct ibv_device_attr *attr)
{
	query_device_fn query = (query_device_fn)verbs_next("ibv_query_device", "IBVERBS_1.1");
	static bool told;
	int err = query ? query(context, attr) : ENOSYS;

	if (err || !getenv(HANDOVER_INLINE) || !is_software_device(context))
		return err;
	if (!told)
		report("inline", "rdma=%s part=%u shown=%u reason=\"perftest would switch -I off\"",
		       context->device->name, attr->vendor_part_id, PART_WITH_INLINE);
	told = true;
	attr->vendor_part_id = PART_WITH_INLINE;
	return 0;
}
