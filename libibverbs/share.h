/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * The messages between broker and client, of one size for all kinds, in the byte order of the one machine
 * that both are on. An fd comes beside a slice and beside nothing else.
 */
#ifndef VFIOWC_SHARE_INT_H
#define VFIOWC_SHARE_INT_H

#include "vfiowc_int.h"

#define SHARE_MAGIC 0x53574656 /* "VFWS" */
#define SHARE_VERSION 1
#define SHARE_MAX_ERRNO 4095

enum share_kind {
	SHARE_REQUEST = 1, /* size, mem_type */
	SHARE_SLICE = 2, /* size, mem_type, tph; and one fd */
	SHARE_REFUSAL = 3, /* error */
};

struct share_message {
	uint32_t magic;
	uint16_t version;
	uint16_t kind; /* enum share_kind */
	uint64_t size;
	uint32_t mem_type;
	uint32_t error;
	struct vfiowc_tph tph;
};

_Static_assert(sizeof(struct share_message) == 32, "what another build of the library sends");

/* share_message.c */
int vfiowc_check_message(const struct share_message *message, size_t len, unsigned int num_fds);

#endif
