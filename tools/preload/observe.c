// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * What is in effect, as opposed to what was requested: the memory type in the page table, and the
 * tags and the state of an MR. libvfiowc is loaded only once an MR of a target exists: a shell
 * between `vfiowc run` and the program need not carry it, and it brings libibverbs along.
 */
#include <dlfcn.h>
#include <linux/vfio.h>
#include <linux/vfio_dmabuf.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <infiniband/vfiowc.h>

#include "preload.h"

/* Indexed by the kernel's pte_type, which libvfiowc's enum repeats. */
static const char *const pte_names[] = {
	[VFIOWC_EFFECTIVE_OTHER] = "other",
	[VFIOWC_EFFECTIVE_UC_MINUS] = "uc-",
	[VFIOWC_EFFECTIVE_WC] = "wc",
	[VFIOWC_EFFECTIVE_UC] = "uc",
	[VFIOWC_EFFECTIVE_WB] = "wb",
};

const char *observe_type_name(uint32_t type)
{
	return type < sizeof(pte_names) / sizeof(pte_names[0]) ? pte_names[type] : "other";
}

const char *observe_pte(int device_fd, const volatile void *address)
{
	uint8_t arg[sizeof(struct vfio_device_feature) + sizeof(struct vfiowc_feature_map_query)]
		__attribute__((aligned(8)));
	struct vfio_device_feature *head = (struct vfio_device_feature *)arg;
	struct vfiowc_feature_map_query query = { .address = (uintptr_t)address };

	if (device_fd < 0)
		return "not-observed";
	/* The page table has an entry once the page was touched. */
	(void)*(const volatile uint8_t *)address;
	head->argsz = sizeof(arg);
	head->flags = VFIO_DEVICE_FEATURE_GET | VFIOWC_FEATURE_MAP_QUERY;
	memcpy(head->data, &query, sizeof(query));
	if (ioctl(device_fd, VFIO_DEVICE_FEATURE, head))
		return "not-observed";
	memcpy(&query, head->data, sizeof(query));
	return observe_type_name(query.pte_type);
}

static typeof(vfiowc_query_mr_tph) *find_query(void)
{
	void *library = dlopen("libvfiowc.so.1", RTLD_LAZY | RTLD_LOCAL);

	return library ? (typeof(vfiowc_query_mr_tph) *)dlsym(library, "vfiowc_query_mr_tph") : NULL;
}

void observe_mr(struct ibv_mr *mr, char *text, size_t len)
{
	static typeof(vfiowc_query_mr_tph) *query;
	static const char *const namespaces[] = { "none", "st", "st_ext" };
	struct vfiowc_mr_tph tph;

	if (!query)
		query = find_query();
	if (!query || query(mr, &tph, sizeof(tph)))
		snprintf(text, len, "tags=not-observed state=not-observed");
	else if (!tph.valid || tph.ns >= sizeof(namespaces) / sizeof(namespaces[0]))
		snprintf(text, len, "tags=none state=%s",
			 tph.state == VFIOWC_MR_STATE_LIVE ? "live" : "invalidated");
	else
		snprintf(text, len, "tags=%s:0x%x,ph:%u state=%s", namespaces[tph.ns], tph.st, tph.ph,
			 tph.state == VFIOWC_MR_STATE_LIVE ? "live" : "invalidated");
}
