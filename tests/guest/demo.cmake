# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# Tests of the vfiowc tool.
pkg_check_modules(JSON_C REQUIRED IMPORTED_TARGET json-c)
add_library(vfiowc_guest_demo STATIC demo_fixture.c)
target_link_libraries(vfiowc_guest_demo PUBLIC vfiowc_guest PkgConfig::JSON_C)

foreach(subject walk errors bind)
	vfiowc_guest_test(NAME demo_${subject} SOURCES demo_${subject}.c LIBS vfiowc_guest_demo vfiowc)
endforeach()
