# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# Tests of the vfiowc tool's parts, and of the witness.
set(tools ${CMAKE_SOURCE_DIR}/tools)
vfiowc_unit_test(NAME demo_trace SOURCES demo_trace.c ${tools}/trace.c ${tools}/pci.c)
vfiowc_unit_test(NAME demo_tool SOURCES demo_tool.c ${tools}/tool.c ${tools}/pattern.c ${tools}/pci.c)
target_include_directories(demo_trace PRIVATE ${tools})
target_include_directories(demo_tool PRIVATE ${tools})

find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME demo_witness COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/demo_witness.py)
