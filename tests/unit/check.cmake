# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# Checked maps, without the rest of the library: on this architecture and, with what copy.cmake found, on
# arm64.
set(check_sources)
foreach(part map page report site trap)
	list(APPEND check_sources ${lib}/check_${part}.c)
endforeach()
foreach(test unit_check unit_check_trap)
	vfiowc_unit_test(NAME ${test} SOURCES ${test}.c ${check_sources} LIBS PkgConfig::IBVERBS)
	target_include_directories(${test} PRIVATE ${lib})
endforeach()

if(TARGET unit_arm64)
	set(outputs)
	list(APPEND headers ${lib}/check.h ${lib}/vfiowc_int.h check_fixture.h)
	arm64_command(check -static unit_check.c ${check_sources})
	arm64_command(check_trap -static unit_check_trap.c ${check_sources})
	add_custom_target(unit_arm64_check_programs ALL DEPENDS ${outputs})
	foreach(test check check_trap)
		add_test(NAME unit_arm64_${test} COMMAND ${QEMU_AARCH64} -cpu max ${arm64}/${test})
		set_tests_properties(unit_arm64_${test} PROPERTIES TIMEOUT 110)
	endforeach()
endif()
