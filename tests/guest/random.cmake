# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# The random driver, for CI and for a long run. It writes into the plug-in's rings, so it knows them.
if(TARGET vfiowcdv)
	foreach(name random_ops long_random_ops)
		vfiowc_guest_test(NAME ${name}
			SOURCES random.c random_ops.c random_exporter.c random_rdma.c random_objects.c random_rings.c
			LIBS vfiowc_guest_rdma RdmaCore::Private)
		target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/providers/vfiowc)
	endforeach()
	target_compile_definitions(long_random_ops PRIVATE RANDOM_OPS=1000000)
endif()
