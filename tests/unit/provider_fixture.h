/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * What the plug-in's unit tests share: the plug-in opened over the fake kernel of fake_uverbs.h, with a
 * PD, a CQ and an RC queue pair in RTS. Not thread-safe.
 */
#ifndef VFIOWC_TESTS_PROVIDER_FIXTURE_H
#define VFIOWC_TESTS_PROVIDER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "fake_uverbs.h"
#include "vfiowc.h"

extern const struct verbs_device_ops *plugin;
extern struct ibv_context *context;
extern struct ibv_pd *pd;
extern struct ibv_cq *cq;
extern struct ibv_qp *qp; /* a test that destroys it sets it to NULL */

int provider_setup(void **state);
int provider_teardown(void **state);

/** provider_device() - a new device of the plug-in. */
struct verbs_device *provider_device(void);

/** provider_qp() - another queue pair, as the application creates it. */
struct ibv_qp *provider_qp(uint32_t max_recv_wr);

/** provider_fail_next() - the next @command (IB_USER_VERBS_CMD_*) fails with @err. */
void provider_fail_next(int command, int err);

#endif
