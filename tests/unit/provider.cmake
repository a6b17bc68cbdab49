# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# Tests of the plug-in over a fake kernel: its sources, linked with stock libibverbs.
if(TARGET vfiowcdv)
	get_target_property(sources vfiowcdv SOURCES)
	list(TRANSFORM sources PREPEND ${CMAKE_SOURCE_DIR}/providers/vfiowc/)
	vfiowc_unit_test(NAME unit_provider SOURCES unit_provider.c fake_uverbs.c ${sources}
		LIBS RdmaCore::Private)
	target_include_directories(unit_provider PRIVATE ${CMAKE_SOURCE_DIR}/providers/vfiowc)
endif()
