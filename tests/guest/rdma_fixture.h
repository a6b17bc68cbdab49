/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * What the tests of the RDMA device share: the device itself, connected RC queue pairs, registered
 * buffers, posting one work request and waiting for its completion. Everything on public verbs.
 *
 * Functions without a return value fail the running test when a step of theirs fails. Not
 * thread-safe.
 */
#ifndef VFIOWC_TESTS_RDMA_FIXTURE_H
#define VFIOWC_TESTS_RDMA_FIXTURE_H

#include <infiniband/verbs.h>

#include "guest.h"

#define RDMA_DEVICE "vfiowc0"
#define RDMA_DEPTH 64 /* work requests per queue */
#define RDMA_SGES 4 /* scatter/gather entries per work request */
#define RDMA_INLINE 64 /* bytes of inline data that every test may use */
#define RDMA_QKEY 0x22222222 /* of rdma_ud_create() */

#define RDMA_LOCAL IBV_ACCESS_LOCAL_WRITE
#define RDMA_REMOTE                                                                                \
	(IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ)

/* The device opened once, with a protection domain and a completion queue of 256 entries. */
struct rdma_node {
	struct ibv_context *context;
	struct ibv_pd *pd;
	struct ibv_cq *cq;
	union ibv_gid gid;
};

/* Host memory and its registration. */
struct rdma_buf {
	uint8_t *addr;
	size_t len;
	struct ibv_mr *mr;
};

/* A work request without its list pointers: one local piece, perhaps one remote address. */
struct rdma_wr {
	uint64_t wr_id;
	enum ibv_wr_opcode opcode;
	unsigned int flags; /* IBV_SEND_*; IBV_SEND_SIGNALED is always added */
	uint64_t local;
	uint32_t len;
	uint32_t lkey;
	uint64_t remote;
	uint32_t rkey;
	uint32_t imm; /* host order */
};

/**
 * rdma_device_up() - make sure that RDMA_DEVICE exists
 *
 * Loads vfiowc_rdma, brings up the netdev of the guest's e1000e and adds the RDMA link to it. Group
 * setup of every file.
 */
int rdma_device_up(void **state);

/** rdma_device_down() - remove RDMA_DEVICE again; group teardown. */
int rdma_device_down(void **state);

/** rdma_netdev_up() - bring up a netdev and wait for its link-local address; 0 or -1. */
int rdma_netdev_up(const char *netdev);

/** rdma_open_name() - open a device, NULL with errno set when there is none. */
struct ibv_context *rdma_open_name(const char *name);

/** rdma_open() - open RDMA_DEVICE, as rdma_open_name(). */
struct ibv_context *rdma_open(void);

/** rdma_node_on() - the node of an opened device; @context is closed with it. */
void rdma_node_on(struct rdma_node *node, struct ibv_context *context);

/** rdma_node_open() - open RDMA_DEVICE and make a node of it. */
void rdma_node_open(struct rdma_node *node);
void rdma_node_close(struct rdma_node *node);

/** rdma_qp_create() - RC queue pair of RDMA_DEPTH, both directions completing on the node's CQ. */
struct ibv_qp *rdma_qp_create(struct rdma_node *node);

/** rdma_ud_create() - a UD queue pair in RTS, with one slot and one piece either way. */
struct ibv_qp *rdma_ud_create(struct rdma_node *node);

/* One step of the state machine each, 0 or a positive errno as ibv_modify_qp(). */
int rdma_qp_init(struct ibv_qp *qp, int access);
int rdma_qp_rtr(struct ibv_qp *qp, const union ibv_gid *gid, uint32_t peer_qpn);
int rdma_qp_rts(struct ibv_qp *qp, uint8_t rnr_retry);

/** rdma_qp_connect() - all the way to RTS, every remote access allowed, RNR retried without end. */
void rdma_qp_connect(struct ibv_qp *qp, const union ibv_gid *gid, uint32_t peer_qpn);

/** rdma_uc_connect() - the same of an unreliable connection; remote writes are allowed. */
void rdma_uc_connect(struct ibv_qp *qp, const union ibv_gid *gid, uint32_t peer_qpn);

/** rdma_qp_pair() - two connected queue pairs of one node. */
void rdma_qp_pair(struct rdma_node *node, struct ibv_qp *qp[static 2]);
void rdma_qp_unpair(struct ibv_qp *qp[static 2]);

enum ibv_qp_state rdma_qp_state(struct ibv_qp *qp);

/**
 * rdma_buf_alloc() - page-aligned zeroed memory, registered
 * @access: IBV_ACCESS_*
 */
struct rdma_buf rdma_buf_alloc(struct ibv_pd *pd, size_t len, int access);
void rdma_buf_free(struct rdma_buf *buf);

/** rdma_pattern() - fill with bytes that depend on position and @seed. */
void rdma_pattern(void *addr, size_t len, uint32_t seed);

/** rdma_wr() - a request of @len bytes between the beginnings of two buffers. */
struct rdma_wr rdma_wr(enum ibv_wr_opcode opcode, const struct rdma_buf *local,
		       const struct rdma_buf *remote, uint32_t len);

/** rdma_post() - post one request; what ibv_post_send() returned. */
int rdma_post(struct ibv_qp *qp, const struct rdma_wr *wr);

/** rdma_post_recv() - post a receive of @len bytes at the beginning of @buf (NULL: no bytes). */
int rdma_post_recv(struct ibv_qp *qp, uint64_t wr_id, const struct rdma_buf *buf, uint32_t len);

/** rdma_poll() - next completion within @timeout_ms; false when none came. */
bool rdma_poll(struct ibv_cq *cq, struct ibv_wc *wc, unsigned int timeout_ms);

/** rdma_wait() - next completion; fails the test when none comes within ten seconds. */
struct ibv_wc rdma_wait(struct ibv_cq *cq);

/** rdma_do() - post, wait, and give the status of the one completion. */
enum ibv_wc_status rdma_do(struct ibv_qp *qp, const struct rdma_wr *wr);

/** assert_wc() - what a completion must say; prints both names when it does not. */
#define assert_wc(status, expected) _assert_wc(status, expected, __FILE__, __LINE__)
void _assert_wc(enum ibv_wc_status status, enum ibv_wc_status expected, const char *file, int line);

#endif
