# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# Tests of `vfiowc run` and `vfiowc trace`.
add_library(vfiowc_guest_perf STATIC perf_fixture.c)
target_link_libraries(vfiowc_guest_perf PUBLIC vfiowc_guest_demo vfiowc_guest_rdma vfiowc)

foreach(subject run proof bad trace preload)
	vfiowc_guest_test(NAME perf_${subject} SOURCES perf_${subject}.c LIBS vfiowc_guest_perf)
endforeach()
