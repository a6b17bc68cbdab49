# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# Tests of vfiowc_pci through raw VFIO ioctls.
add_library(vfiowc_guest_exporter STATIC exporter.c)
target_include_directories(vfiowc_guest_exporter PUBLIC ${PROJECT_SOURCE_DIR}/kernel-headers)
target_link_libraries(vfiowc_guest_exporter PUBLIC vfiowc_guest)

foreach(subject feature mmap tph)
	vfiowc_guest_test(NAME exporter_${subject} SOURCES exporter_${subject}.c LIBS vfiowc_guest_exporter)
endforeach()
