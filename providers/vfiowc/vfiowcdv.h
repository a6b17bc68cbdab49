/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * Direct verbs of the vfiowc software RDMA device: what the verbs API has no call for. Link with
 * -lvfiowcdv (pkg-config libvfiowcdv). Manual pages: vfiowcdv(7).
 */
#ifndef __VFIOWCDV_H__
#define __VFIOWCDV_H__

#include <stdbool.h>
#include <stdint.h>
#include <infiniband/verbs.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Namespaces of PCIe TPH steering tags. A tag is never converted from one to the other. */
enum vfiowcdv_tph_ns {
	VFIOWCDV_TPH_NONE = 0,
	VFIOWCDV_TPH_ST = 1, /* 8 bits */
	VFIOWCDV_TPH_ST_EXT = 2, /* 16 bits */
};

enum vfiowcdv_mr_state {
	VFIOWCDV_MR_LIVE = 0,
	VFIOWCDV_MR_INVALIDATED = 1, /* by its exporter: register it again */
};

/**
 * struct vfiowcdv_mr_attr - what the device knows about a memory region now
 * @comp_mask: 0; later members will be announced here
 * @tph_valid: 1 if transfers that target the region carry a steering tag, else 0
 * @tph_ns: enum vfiowcdv_tph_ns of @steering_tag
 * @steering_tag: as read from the exporter when the region was registered
 * @ph: processing hint, 0 to 3
 * @state: enum vfiowcdv_mr_state
 * @reserved: 0
 */
struct vfiowcdv_mr_attr {
	uint64_t comp_mask;
	uint32_t tph_valid;
	uint32_t tph_ns;
	uint32_t steering_tag;
	uint32_t ph;
	uint32_t state;
	uint8_t reserved[4];
};

/**
 * vfiowcdv_is_supported() - is this device driven by the vfiowc plug-in?
 * @device: from ibv_get_device_list()
 */
bool vfiowcdv_is_supported(struct ibv_device *device);

/**
 * vfiowcdv_query_mr() - steering tag and state of a memory region
 * @mr: a region of a vfiowc device
 * @attr: receives the answer
 * @inlen: sizeof(*attr) of the caller
 *
 * The answer is the kernel's at the time of the call: an exporter may invalidate the region right
 * after it. Thread-safe.
 *
 * Return: 0, EOPNOTSUPP when @mr belongs to another device or the kernel module does not know the
 * request, EINVAL when @inlen is smaller than this function's first version of the structure, or
 * what the kernel said.
 */
int vfiowcdv_query_mr(struct ibv_mr *mr, struct vfiowcdv_mr_attr *attr, uint32_t inlen);

#ifdef __cplusplus
}
#endif

#endif /* __VFIOWCDV_H__ */
