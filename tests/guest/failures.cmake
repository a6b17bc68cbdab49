# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# Every allocation and user copy of the modules fails once: needs a kernel with fault injection.
vfiowc_guest_test(NAME failures_exporter SOURCES failures.c failures_log.c failures_exporter.c LIBS vfiowc_guest_exporter)
if(TARGET vfiowcdv)
	vfiowc_guest_test(NAME failures_rdma SOURCES failures.c failures_log.c failures_rdma.c LIBS vfiowc_guest_rdma vfiowcdv)
	vfiowc_guest_test(NAME failures_verbs SOURCES failures.c failures_log.c failures_verbs.c LIBS vfiowc_guest_rdma)
endif()
