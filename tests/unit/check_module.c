// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* A shared object with a call of the ordering header, loaded and unloaded by unit_check_trap. */
#include "vfiowc_order.h"

void check_module_flush(void);
void check_module_flush(void)
{
	vfiowc_wc_flush();
}
