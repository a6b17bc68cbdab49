# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# Tests of `vfiowc run`, `vfiowc trace`, what they load into a program, and the probe of `vfiowc check`.
pkg_check_modules(JSON_C REQUIRED IMPORTED_TARGET json-c)
set(tools ${CMAKE_SOURCE_DIR}/tools)
vfiowc_unit_test(NAME tlp SOURCES tlp.c ${tools}/tlp.c)
vfiowc_unit_test(NAME preload_handover SOURCES preload_handover.c ${tools}/preload/handover.c
	${tools}/preload/report.c ${tools}/run_parse.c ${tools}/tool.c LIBS PkgConfig::IBVERBS)
vfiowc_unit_test(NAME run_judge SOURCES run_judge.c ${tools}/run_judge.c ${tools}/run_table.c
	LIBS PkgConfig::IBVERBS PkgConfig::JSON_C)
vfiowc_unit_test(NAME run_check SOURCES run_check.c ${tools}/run_check.c ${tools}/tool.c LIBS PkgConfig::IBVERBS)
# The replaced functions in a program of their own; _FORTIFY_SOURCE defines them.
vfiowc_unit_test(NAME preload_munmap SOURCES preload_munmap.c ${tools}/preload/files.c ${tools}/preload/handover.c
	${tools}/preload/report.c ${tools}/preload/table.c LIBS PkgConfig::IBVERBS ${CMAKE_DL_LIBS})
target_compile_options(preload_munmap PRIVATE -U_FORTIFY_SOURCE)
target_link_options(preload_munmap PRIVATE LINKER:--wrap=dlsym LINKER:--wrap=malloc LINKER:--wrap=free
	LINKER:--wrap=pthread_mutex_lock LINKER:--wrap=pthread_mutex_unlock)
# The device fd is a file, of which VFIO_DEVICE_GET_REGION_INFO is asked.
vfiowc_unit_test(NAME check_probe SOURCES check_probe.c ${tools}/check_probe.c ${tools}/pattern.c
	LIBS PkgConfig::IBVERBS)
target_link_options(check_probe PRIVATE LINKER:--wrap=ioctl)
foreach(test tlp preload_handover preload_munmap run_judge run_check check_probe)
	target_include_directories(${test} PRIVATE ${tools})
endforeach()
