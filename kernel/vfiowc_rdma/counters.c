// SPDX-License-Identifier: GPL-2.0
/*
 * What `rdma statistic show link NAME/1` prints: counters of the whole device, kept
 * for each CPU and added up when somebody asks.
 */
#include "vfiowc_rdma.h"

static const struct rdma_stat_desc descs[] = {
	[VFIOWC_CNT_REQUESTS].name = "requests",
	[VFIOWC_CNT_BYTES].name = "bytes",
	[VFIOWC_CNT_RNR_WAITS].name = "rnr_waits",
	[VFIOWC_CNT_PEER_WAITS].name = "peer_waits",
	[VFIOWC_CNT_DROPPED].name = "dropped_messages",
	[VFIOWC_CNT_QP_ERRORS].name = "qp_errors",
	[VFIOWC_CNT_CQ_OVERFLOWS].name = "cq_overflows",
	[VFIOWC_CNT_INVALIDATIONS].name = "mr_invalidations",
};

static_assert(ARRAY_SIZE(descs) == VFIOWC_NR_COUNTERS);

/**
 * vfiowc_alloc_hw_port_stats - see ib_device_ops
 * @ibdev: the device
 * @port: 1
 *
 * Return: room for the counters, or NULL.
 */
struct rdma_hw_stats *vfiowc_alloc_hw_port_stats(struct ib_device *ibdev,
						 u32 port)
{
	return rdma_alloc_hw_stats_struct(descs, VFIOWC_NR_COUNTERS,
					  RDMA_HW_STATS_DEFAULT_LIFESPAN);
}

/**
 * vfiowc_get_hw_stats - see ib_device_ops
 * @ibdev: the device
 * @stats: out
 * @port: 1
 * @index: all are filled in
 *
 * Return: number of counters; -EINVAL there are none but the port's.
 */
int vfiowc_get_hw_stats(struct ib_device *ibdev, struct rdma_hw_stats *stats,
			u32 port, int index)
{
	const struct vfiowc_dev *dev = to_vdev(ibdev);
	int cpu, i;

	if (port != VFIOWC_PORT)
		return -EINVAL;
	for (i = 0; i < VFIOWC_NR_COUNTERS; i++)
		stats->value[i] = 0;
	for_each_possible_cpu(cpu)
		for (i = 0; i < VFIOWC_NR_COUNTERS; i++)
			stats->value[i] +=
				READ_ONCE(per_cpu_ptr(dev->counters, cpu)->value[i]);
	return VFIOWC_NR_COUNTERS;
}
