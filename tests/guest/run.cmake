# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# Tests of `vfiowc run --wc`: unmodified VFIO programs, which map the device fd.
add_library(vfiowc_guest_run STATIC run_fixture.c)
target_link_libraries(vfiowc_guest_run PUBLIC vfiowc_guest_importer)

foreach(subject wc wc_bar qemu)
	vfiowc_guest_test(NAME run_${subject} SOURCES run_${subject}.c LIBS vfiowc_guest_run)
endforeach()
