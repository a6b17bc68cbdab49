// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* The header compiles alone, in C and in C++ (headers.cpp). */
#include <infiniband/vfiowc_p2p.h>
