/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/* What the tests of `vfiowc run --wc` share: the device, PTEs of any process, and how a run that must fail ends. */
#ifndef VFIOWC_TESTS_RUN_FIXTURE_H
#define VFIOWC_TESTS_RUN_FIXTURE_H

#include "importer.h"

/* The RAM-backed BAR of GUEST_IVSHMEM, and the part of it that is to be write-combined. */
#define RUN_BAR 2
#define RUN_BAR_BYTES (64 * MIB)
#define RUN_PART MIB
#define RUN_PART_BYTES (2 * MIB)

/* Cache attributes of a 4 KiB page on x86: PWT, PCD, PAT as bits 0, 1, 2 of its type. */
#define RUN_PTE_WC (1ULL << 3)
#define RUN_PTE_UC_MINUS (1ULL << 4)

/** run_bdf() - the device's address */
const char *run_bdf(void);

/* Group setup: the device bound to vfiowc_pci, or to stock vfio-pci; teardown: unbound. */
int run_up(void **state);
int run_up_stock(void **state);
int run_down(void **state);

/** run_inside() - start this program again under `vfiowc run OPTIONS`, with the argument "inside"; its status */
int run_inside(const char *options);

/** run_pte() - cache attributes in the page table of a process (0: this one), by another module than the exporter */
uint64_t run_pte(uint32_t pid, uint64_t address);

/** run_fails() - `vfiowc run ARGUMENTS` ends with this status and says @text on stderr, and nothing on stdout */
void run_fails(int status, const char *text, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
