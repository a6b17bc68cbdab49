// SPDX-License-Identifier: GPL-2.0
/* Part of no module: compiles where the kernel asks the area itself.  See ../Kbuild. */
#include <linux/mm.h>

static bool __maybe_unused has_call(const struct vm_area_struct *vma)
{
	return vma_is_cow_mapping(vma);
}
