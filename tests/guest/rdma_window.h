/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * What the tests of memory windows share: a region, a window that may be bound to a part of it, and two
 * queue pairs: qp[1] is the owner, which binds, qp[0] its peer, which uses the window.
 *
 * Functions without a return value fail the running test when a step of theirs fails. Not thread-safe.
 */
#ifndef VFIOWC_TESTS_RDMA_WINDOW_H
#define VFIOWC_TESTS_RDMA_WINDOW_H

#include "rdma_fixture.h"

#define WINDOW_BUF_LEN 0x40000
#define WINDOW_OFFSET 4096 /* where the window begins ... */
#define WINDOW_BYTES 1024 /* ... and how long it is, unless a test says otherwise */
#define WINDOW_GUARD 0xa5 /* fills dst */
#define WINDOW_BINDABLE (IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_MW_BIND)

struct window_fixture {
	struct rdma_node node, owner_node; /* one device, a completion queue for each side */
	struct ibv_qp *qp[2];
	struct rdma_buf src, dst;
	struct ibv_mw *mw; /* a test that deallocates it sets it to NULL */
	uint32_t key; /* of the window, once bound */
};

extern struct window_fixture win;

int window_setup(void **state);
int window_teardown(void **state);

/** window_pair() - two connected queue pairs, the owner's second */
void window_pair(struct ibv_qp *pair[static 2]);

/** window_renew_pair() - others after an error; the window of the old owner is free then */
void window_renew_pair(void);

/** window_untouched() - nobody has written to dst */
void window_untouched(void);

/** window_info() - the usual part of dst */
struct ibv_mw_bind_info window_info(unsigned int access);

/* One request each, and the status of its completion. */
enum ibv_wc_status window_bind(struct ibv_qp *on, uint32_t rkey, struct ibv_mw_bind_info to);
enum ibv_wc_status window_local_inv(struct ibv_qp *on, uint32_t rkey);
enum ibv_wc_status window_send_inv(struct ibv_qp *on, uint32_t rkey, uint32_t len);

/** window_open() - bind it to the owner, with another key than before */
void window_open(struct ibv_mw_bind_info to);

/** window_transfer() - @len bytes at @offset of dst, by the window's key */
enum ibv_wc_status window_transfer(struct ibv_qp *on, enum ibv_wr_opcode opcode, size_t offset, uint32_t len);

/** window_write() - the peer writes a few bytes inside */
enum ibv_wc_status window_write(void);

#endif
