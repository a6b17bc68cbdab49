# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# Tests of the plug-in over a fake kernel: its sources, linked with stock libibverbs.
if(TARGET vfiowcdv)
	get_target_property(sources vfiowcdv SOURCES)
	list(TRANSFORM sources PREPEND ${CMAKE_SOURCE_DIR}/providers/vfiowc/)
	foreach(test unit_provider unit_provider_ex unit_provider_stores unit_provider_threads)
		vfiowc_unit_test(NAME ${test} SOURCES ${test}.c provider_fixture.c fake_uverbs.c ${sources}
			LIBS RdmaCore::Private)
	endforeach()
	vfiowc_unit_test(NAME unit_provider_failures SOURCES unit_provider_failures.c fake_uverbs.c
		${sources} LIBS RdmaCore::Private)
	# The plug-in's own allocations only, not those of libibverbs below it.
	target_link_options(unit_provider_failures PRIVATE LINKER:--wrap=calloc)
	set(tests unit_provider unit_provider_ex unit_provider_stores unit_provider_threads
		unit_provider_failures)

	# Once more under ThreadSanitizer, which goes with no other sanitizer; unit_provider_stores would trap
	# inside of it.
	if(CMAKE_BUILD_TYPE STREQUAL Debug AND CMAKE_C_COMPILER_ID STREQUAL GNU AND NOT VFIOWC_SANITIZE)
		add_library(provider_tsan STATIC provider_fixture.c fake_uverbs.c ${sources})
		# Its mmap() is called before the sanitizer is ready.
		set_source_files_properties(fake_uverbs.c PROPERTIES COMPILE_OPTIONS -fno-sanitize=thread)
		target_compile_options(provider_tsan PUBLIC -fsanitize=thread -Wno-tsan)
		target_link_options(provider_tsan INTERFACE -fsanitize=thread)
		target_link_libraries(provider_tsan PUBLIC RdmaCore::Private PkgConfig::CMOCKA)
		list(APPEND tests provider_tsan)
		foreach(test unit_provider unit_provider_ex unit_provider_threads)
			vfiowc_unit_test(NAME ${test}_tsan SOURCES ${test}.c
				LIBS "$<LINK_LIBRARY:WHOLE_ARCHIVE,provider_tsan>")
			list(APPEND tests ${test}_tsan)
		endforeach()
	endif()
	foreach(test IN LISTS tests)
		target_include_directories(${test} PRIVATE ${CMAKE_SOURCE_DIR}/providers/vfiowc)
	endforeach()

	# Optimised whatever the build type: what an application gets.
	add_library(unit_ring_calls OBJECT ring_calls.c)
	target_include_directories(unit_ring_calls PRIVATE ${CMAKE_SOURCE_DIR}/providers/vfiowc
		${CMAKE_SOURCE_DIR}/kernel-headers)
	target_compile_options(unit_ring_calls PRIVATE -O2 -fno-sanitize=all)
	add_test(NAME unit_ring_instructions
		COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/ring_calls.sh $<TARGET_OBJECTS:unit_ring_calls>)
endif()
