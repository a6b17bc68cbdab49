# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# `vfiowc check`: its verdict against its probe.
vfiowc_guest_test(NAME check_setups SOURCES check_setups.c LIBS vfiowc_guest_lib)
