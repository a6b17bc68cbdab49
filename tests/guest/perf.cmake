# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# Tests of `vfiowc run` and `vfiowc trace`.
add_library(vfiowc_guest_perf STATIC perf_fixture.c perf_modes.c)
target_link_libraries(vfiowc_guest_perf PUBLIC vfiowc_guest_demo vfiowc_guest_rdma vfiowc)

set(subjects perf_bw perf_lat perf_ways perf_proof perf_outrun perf_bad perf_trace perf_filter perf_backend perf_figures
	perf_preload)
foreach(subject ${subjects} long_perf_slices long_perf_udmabuf long_perf_drm long_perf_outrun)
	vfiowc_guest_test(NAME ${subject} SOURCES ${subject}.c LIBS vfiowc_guest_perf)
endforeach()
