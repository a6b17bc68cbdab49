/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/* What the tests of `vfiowc check` share. */
#ifndef VFIOWC_TESTS_CHECK_AGREES_H
#define VFIOWC_TESTS_CHECK_AGREES_H

#include <stdbool.h>

/* What `vfiowc check --json` prints, at most. */
#define CHECK_OUT_BYTES 16384

/**
 * check_agrees() - what `vfiowc check` says of a set-up, against the probe, which really moves bytes
 * @prefix: before the command: "" or a change of user
 * @bdf, @rdma: the exporter and the RDMA device
 * @works: what must be said, and done
 * @subject: of the finding that must say no; NULL when it works
 *
 * Fails the test when the verdict or the probe is another.
 */
void check_agrees(const char *prefix, const char *bdf, const char *rdma, bool works, const char *subject);

/* An RDMA device of the stock kernel's, which imports no dma-buf. */
#define CHECK_RXE "rxe0"
void check_rxe_up(void);
void check_rxe_down(void);

#endif
