# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# Tests of `vfiowc run`, `vfiowc trace` and what they load into a program.
set(tools ${CMAKE_SOURCE_DIR}/tools)
vfiowc_unit_test(NAME tlp SOURCES tlp.c ${tools}/tlp.c)
target_include_directories(tlp PRIVATE ${tools})
