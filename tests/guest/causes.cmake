# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# One test per cause that takes memory away, idle and under traffic; `./lab causes` makes a table of them.
add_library(vfiowc_guest_causes STATIC cause.c cause_look.c drain_trace.c exporter_load.c)
target_link_libraries(vfiowc_guest_causes PUBLIC vfiowc_guest_importer vfiowc_guest_rdma)

vfiowc_guest_test(NAME exporter_aer SOURCES exporter_aer.c LIBS vfiowc_guest_causes)
foreach(how idle traffic)
	vfiowc_guest_test(NAME causes_${how} SOURCES causes_${how}.c LIBS vfiowc_guest_causes)
endforeach()
