/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * An RDMA device with a pair of connected RC QPs of this process: what the initiator posts goes out
 * and comes in again at the target. Public verbs only, so any device will do.
 */
#ifndef VFIOWC_TOOL_NIC_H
#define VFIOWC_TOOL_NIC_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <infiniband/verbs.h>

#define NIC_PORT 1

/* Registered host memory: what goes out, and what comes in. */
#define NIC_BUFFER_BYTES 0x40000u

struct nic {
	const volatile sig_atomic_t *stop; /* set by the caller; not 0: give up waiting, EINTR */
	struct ibv_context *context;
	struct ibv_pd *pd;
	struct ibv_cq *cq;
	struct ibv_qp *initiator;
	struct ibv_qp *target;
	struct ibv_mr *mr; /* of @out and @in together */
	uint8_t *out;
	uint8_t *in;
	struct ibv_port_attr port;
	union ibv_gid gid;
	int gid_index;
};

/**
 * nic_open() - open a device and connect its two QPs
 * @name: as `ibv_devices` shows it
 * @nic: zeroed but for stop; ended by nic_close() whatever this returns
 * @what: receives what failed, a static string
 *
 * Return: 0; ENODEV no such device; ETIMEDOUT its port does not become active; what the verbs say.
 */
int nic_open(const char *name, struct nic *nic, const char **what);
void nic_close(struct nic *nic);

/** nic_reconnect() - fresh QPs, after a failed work request has put them into the error state */
int nic_reconnect(struct nic *nic, const char **what);

/**
 * nic_transfer() - post one signalled READ or WRITE, and wait for its completion
 * @wr_id: of the work request
 * @opcode: IBV_WR_RDMA_WRITE or IBV_WR_RDMA_READ
 * @host: in @nic's out or in buffer
 * @bytes: length
 * @address, @rkey: of the slice
 * @status: receives the completion's status
 *
 * Return: 0 when there was a completion, of whatever status; ETIMEDOUT none came; EINTR a signal;
 * EPROTO a completion of another work request came; what ibv_post_send() says.
 */
int nic_transfer(struct nic *nic, uint64_t wr_id, enum ibv_wr_opcode opcode, void *host,
		 uint32_t bytes, uint64_t address, uint32_t rkey, enum ibv_wc_status *status);

#endif
