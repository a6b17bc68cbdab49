# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# Tests of libvfiowc over the real driver and the real RDMA device.
add_library(vfiowc_guest_lib STATIC lib_fixture.c)
target_link_libraries(vfiowc_guest_lib PUBLIC vfiowc_guest_rdma vfiowc)

foreach(subject device slice rdma check)
	vfiowc_guest_test(NAME lib_${subject} SOURCES lib_${subject}.c LIBS vfiowc_guest_lib)
endforeach()
foreach(subject region whole_bar)
	vfiowc_guest_test(NAME lib_${subject} SOURCES lib_${subject}.c LIBS vfiowc_guest_lib vfiowc_guest_importer)
endforeach()
vfiowc_guest_test(NAME exporter_figures SOURCES exporter_figures.c exporter_load.c
	LIBS vfiowc_guest_lib vfiowc_guest_importer)
vfiowc_guest_test(NAME exporter_wc_first SOURCES exporter_wc_first.c drain_trace.c
	LIBS vfiowc_guest_lib vfiowc_guest_importer)
vfiowc_guest_test(NAME lib_hello SOURCES lib_hello.c LIBS vfiowc_guest_lib)
target_compile_definitions(lib_hello PRIVATE
	HELLO_SOURCE="${CMAKE_INSTALL_FULL_DOCDIR}/examples/hello_p2p.c")
