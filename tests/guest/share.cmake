# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# Slices for other processes: brokers, clients, and hostile ones.
foreach(subject broker client)
	vfiowc_guest_test(NAME share_${subject} SOURCES share_${subject}.c share_program.c
		LIBS vfiowc_guest_lib vfiowc_guest_importer)
endforeach()
