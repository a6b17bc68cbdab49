// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Rows of a table as they are made. libc collects what goes into a pipe until there are some kilobytes of it: a
 * program that runs until it is told to stop (--run_infinitely) would show its first row after a minute, and
 * one that dies of Ctrl-C none at all; `vfiowc run` could neither pass them on nor compare them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "handover.h"

static __attribute__((constructor)) void write_by_lines(void)
{
	if (getenv(HANDOVER_REPORT))
		setvbuf(stdout, NULL, _IOLBF, 0);
}
