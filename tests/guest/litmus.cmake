# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# Litmus tests of the ordering contract: one program, one test a rule.
vfiowc_guest_test(NAME litmus
	SOURCES litmus.c litmus_store.c litmus_nic.c litmus_reuse.c litmus_device.c litmus_regress.c
	LIBS vfiowc_guest_lib)
