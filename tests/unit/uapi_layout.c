// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Sizes and offsets of <linux/vfio_dmabuf.h> in userspace, on 64 and on 32 bits. Only compiled: the
 * kernel modules assert the same on their side.
 */
#include <stddef.h>
#include <linux/vfio_dmabuf.h>

#define size_is(type, bytes) _Static_assert(sizeof(struct type) == (bytes), #type)
#define at(type, member, bytes) \
	_Static_assert(offsetof(struct type, member) == (bytes), #type "." #member)

size_is(vfiowc_feature_id, 24);
at(vfiowc_feature_id, magic, 0);
at(vfiowc_feature_id, major, 4);
at(vfiowc_feature_id, minor, 6);
at(vfiowc_feature_id, features, 8);
at(vfiowc_feature_id, tph_completer, 16);
at(vfiowc_feature_id, tph_override, 20);
size_is(vfiowc_feature_export, 24);
at(vfiowc_feature_export, memattr, 0);
at(vfiowc_feature_export, flags, 4);
at(vfiowc_feature_export, dma_buf, 8);
at(vfiowc_feature_export, dma_buf.dma_ranges, 24);
size_is(vfiowc_feature_memattr, 8);
at(vfiowc_feature_memattr, memattr, 4);
size_is(vfiowc_feature_tph, 12);
at(vfiowc_feature_tph, flags, 4);
at(vfiowc_feature_tph, steering_tag_ext, 8);
at(vfiowc_feature_tph, steering_tag, 10);
at(vfiowc_feature_tph, ph, 11);
size_is(vfiowc_feature_revoke, 4);
size_is(vfiowc_feature_query, 40);
at(vfiowc_feature_query, size, 8);
at(vfiowc_feature_query, bar, 16);
at(vfiowc_feature_query, nr_ranges, 20);
at(vfiowc_feature_query, memattr, 24);
at(vfiowc_feature_query, state, 28);
at(vfiowc_feature_query, nr_importers, 32);
at(vfiowc_feature_query, nr_mappings, 36);
size_is(vfiowc_feature_map_query, 24);
at(vfiowc_feature_map_query, requested, 8);
at(vfiowc_feature_map_query, pte_type, 12);
at(vfiowc_feature_map_query, page_bytes, 16);
size_is(vfiowc_feature_region_mmap, 32);
at(vfiowc_feature_region_mmap, offset, 8);
at(vfiowc_feature_region_mmap, length, 16);
at(vfiowc_feature_region_mmap, mmap_offset, 24);
_Static_assert(VFIOWC_FEATURE_REGION_MMAP <= VFIO_DEVICE_FEATURE_MASK, "feature numbers fit");
