# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# The two kinds of test program: those that run anywhere, and those that need the guest.

# vfiowc_unit_test(NAME name SOURCES file... [LIBS target...]): a cmocka program run by ctest.
function(vfiowc_unit_test)
	cmake_parse_arguments(PARSE_ARGV 0 T "" "NAME" "SOURCES;LIBS")
	pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
	add_executable(${T_NAME} ${T_SOURCES})
	target_link_libraries(${T_NAME} PRIVATE ${T_LIBS} PkgConfig::CMOCKA Threads::Threads)
	add_test(NAME ${T_NAME} COMMAND ${T_NAME})
	set_tests_properties(${T_NAME} PROPERTIES TIMEOUT 60)
endfunction()

# vfiowc_guest_test(NAME name SOURCES file... [LIBS target...]): a cmocka program that is installed
# beside the others in the guest, where tests/guest/run finds and runs it. It links guest.c.
function(vfiowc_guest_test)
	cmake_parse_arguments(PARSE_ARGV 0 T "" "NAME" "SOURCES;LIBS")
	pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
	add_executable(${T_NAME} ${T_SOURCES})
	target_link_libraries(${T_NAME} PRIVATE vfiowc_guest ${T_LIBS} PkgConfig::CMOCKA Threads::Threads)
	install(TARGETS ${T_NAME} DESTINATION ${VFIOWC_GUEST_TEST_DIR})
endfunction()
set(VFIOWC_GUEST_TEST_DIR ${CMAKE_INSTALL_LIBEXECDIR}/vfiowc/tests)
