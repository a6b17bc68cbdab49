# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# Tests of vfiowc_pci through raw VFIO ioctls.
add_library(vfiowc_guest_exporter STATIC exporter.c exporter_thief.c)
target_include_directories(vfiowc_guest_exporter PUBLIC ${PROJECT_SOURCE_DIR}/kernel-headers)
target_link_libraries(vfiowc_guest_exporter PUBLIC vfiowc_guest)

# Its kernel module is built by `./lab` and installed beside the exporter.
add_library(vfiowc_guest_importer STATIC importer.c)
target_link_libraries(vfiowc_guest_importer PUBLIC vfiowc_guest_exporter)

foreach(subject causes dma feature importer life mmap region revoke stock tph)
	vfiowc_guest_test(NAME exporter_${subject} SOURCES exporter_${subject}.c
		LIBS vfiowc_guest_importer)
endforeach()
vfiowc_guest_test(NAME exporter_stress SOURCES exporter_stress.c exporter_load.c LIBS vfiowc_guest_importer)
vfiowc_guest_test(NAME long_exporter_inner SOURCES long_exporter_inner.c LIBS vfiowc_guest_exporter)
vfiowc_guest_test(NAME upstream_faults SOURCES upstream_faults.c LIBS vfiowc_guest_importer)
