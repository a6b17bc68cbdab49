# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# `vfiowc check`: its verdict against its probe.
foreach(program check_setups boot_no_iommu boot_lockdown)
	vfiowc_guest_test(NAME ${program} SOURCES ${program}.c check_agrees.c LIBS vfiowc_guest_lib)
endforeach()
