/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/* The whole machine; -DARM64 chooses arm64, else it is x86-64. */
#include "places.pml"
#include "path.pml"
#include "speculation.pml"
#include "arrival.pml"
#include "cpu.pml"
#ifdef ARM64
#include "cpu_arm64.pml"
#include "calls_arm64.pml"
#else
#include "cpu_x86.pml"
#include "calls_x86.pml"
#endif
#include "nic.pml"
#include "calls.pml"

inline start_machine()
{
	run posted_path(C_TO_D);
	run posted_path(C_TO_N);
	run posted_path(N_TO_D);
	run posted_path(N_TO_H);
	run posted_path(N2_TO_D);
	run posted_path(I_TO_H);
	start_cpu(0);
#if THREADS > 1
	start_cpu(1)
#endif
}
