# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# vfiowc_check_p2p() on sysfs trees that the test makes: machines that no emulator has.
set(reach_sources)
foreach(part "" _exporter _importer _path _system)
	list(APPEND reach_sources ${CMAKE_SOURCE_DIR}/libibverbs/reach${part}.c)
endforeach()
vfiowc_unit_test(NAME unit_reach SOURCES unit_reach.c ${reach_sources} ${CMAKE_SOURCE_DIR}/libibverbs/memtype.c
	${CMAKE_SOURCE_DIR}/libibverbs/pci.c
	LIBS PkgConfig::IBVERBS)
target_include_directories(unit_reach PRIVATE ${CMAKE_SOURCE_DIR}/libibverbs)
