# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# Tests of the vfiowc tool's parts, and of the witness.
set(tools ${CMAKE_SOURCE_DIR}/tools)
vfiowc_unit_test(NAME demo_trace SOURCES demo_trace.c ${tools}/trace.c ${tools}/pci.c)
vfiowc_unit_test(NAME demo_tool SOURCES demo_tool.c ${tools}/tool.c ${tools}/pattern.c ${tools}/pci.c)
# A function of sysfs made of files of its own; _FORTIFY_SOURCE would rename realpath().
vfiowc_unit_test(NAME demo_inuse SOURCES demo_inuse.c ${tools}/inuse.c ${tools}/pci.c)
target_compile_options(demo_inuse PRIVATE -U_FORTIFY_SOURCE)
target_link_options(demo_inuse PRIVATE LINKER:--wrap=pci_driver LINKER:--wrap=realpath)
foreach(test demo_trace demo_tool demo_inuse)
	target_include_directories(${test} PRIVATE ${tools})
endforeach()

find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME demo_witness COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/demo_witness.py)
