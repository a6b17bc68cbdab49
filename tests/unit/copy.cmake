# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# Copies, line doorbells and the instructions of the ordering calls: on this architecture, and on arm64 by
# a cross compiler and the user emulation, whose -cpu max has more than most machines.
set(lib ${CMAKE_SOURCE_DIR}/libibverbs)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
	set(native arm64)
else()
	set(native x86)
endif()

vfiowc_unit_test(NAME unit_copy SOURCES unit_copy.c ${lib}/routine.c ${lib}/routines_${native}.c
	LIBS PkgConfig::IBVERBS)
vfiowc_unit_test(NAME unit_copy_access SOURCES unit_copy_access.c ${lib}/routines_${native}.c
	LIBS PkgConfig::IBVERBS)
set_source_files_properties(${lib}/routines_${native}.c TARGET_DIRECTORY unit_copy_access
	PROPERTIES OBJECT_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/counting_access.h)
target_compile_options(unit_copy_access PRIVATE -include ${CMAKE_CURRENT_SOURCE_DIR}/counting_access.h)
target_link_options(unit_copy PRIVATE LINKER:--wrap=getenv)
foreach(test unit_copy unit_copy_access)
	target_include_directories(${test} PRIVATE ${lib})
endforeach()
# The sanitizers' own instructions would be stepped through, too.
if(native STREQUAL "x86" AND NOT VFIOWC_SANITIZE)
	vfiowc_unit_test(NAME unit_copy_trace SOURCES unit_copy_trace.c ${lib}/routine.c
		${lib}/routines_x86.c LIBS PkgConfig::IBVERBS)
	target_include_directories(unit_copy_trace PRIVATE ${lib})
	set_tests_properties(unit_copy_trace PROPERTIES SKIP_RETURN_CODE 77)
endif()

add_library(unit_copy_routines OBJECT ${lib}/routines_${native}.c ${lib}/routine.c)
target_compile_options(unit_copy_routines PRIVATE -O2 -fno-sanitize=all)
target_link_libraries(unit_copy_routines PRIVATE PkgConfig::IBVERBS)
add_test(NAME unit_copy_instructions COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/copy_routines.sh
	objdump $<TARGET_OBJECTS:unit_copy_routines> COMMAND_EXPAND_LISTS)

# Once is enough for what has its own compiler.
if(VFIOWC_SANITIZE OR NOT CMAKE_C_COMPILER_ID STREQUAL "GNU" OR native STREQUAL "arm64")
	return()
endif()

find_program(ARM64_CC aarch64-linux-gnu-gcc)
find_program(ARM64_OBJDUMP aarch64-linux-gnu-objdump)
find_program(QEMU_AARCH64 NAMES qemu-aarch64 qemu-aarch64-static)
if(NOT ARM64_CC OR NOT ARM64_OBJDUMP OR NOT QEMU_AARCH64)
	add_test(NAME unit_arm64 COMMAND sh -c "echo 'skipped: needs aarch64-linux-gnu-gcc, its objdump and \
qemu-aarch64 (gcc-aarch64-linux-gnu, libc6-dev-arm64-cross, qemu-user)'; exit 77")
	set_tests_properties(unit_arm64 PROPERTIES SKIP_RETURN_CODE 77)
	return()
endif()

# Headers that are the same everywhere, without the host's others beside them.
set(arm64 ${CMAKE_CURRENT_BINARY_DIR}/arm64)
file(MAKE_DIRECTORY ${arm64}/include)
pkg_get_variable(IBVERBS_INCLUDEDIR libibverbs includedir)
foreach(dir infiniband rdma)
	file(CREATE_LINK ${IBVERBS_INCLUDEDIR}/${dir} ${arm64}/include/${dir} SYMBOLIC)
endforeach()
set(arm64_cc ${ARM64_CC} -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wstrict-prototypes
	-Wmissing-prototypes -Werror -O2 -mno-outline-atomics -I${lib} -I${CMAKE_BINARY_DIR}/include
	-I${CMAKE_SOURCE_DIR}/kernel-headers -I${arm64}/include)
set(headers ${lib}/access.h ${lib}/copy_body.h ${lib}/routine.h ${lib}/vfiowc_copy.h
	${lib}/vfiowc_order.h ${CMAKE_SOURCE_DIR}/providers/vfiowc/ring.h copy_check.h counting_access.h tap.h)
set(outputs)

# arm64_object(NAME SOURCE): NAME.o; arm64_program(NAME SOURCE...): a static program.
function(arm64_command NAME)
	list(TRANSFORM ARGN PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/ REGEX "^[^/-].*[.]c$")
	set(sources ${ARGN})
	list(FILTER sources INCLUDE REGEX "[.]c$")
	add_custom_command(OUTPUT ${arm64}/${NAME} COMMAND ${arm64_cc} ${ARGN} -o ${arm64}/${NAME}
		DEPENDS ${sources} ${headers} COMMENT "arm64: ${NAME}" VERBATIM)
	set(outputs ${outputs} ${arm64}/${NAME} PARENT_SCOPE)
endfunction()

arm64_command(order_calls.o -c order_calls.c)
arm64_command(ring_calls.o -c ring_calls.c -I${CMAKE_SOURCE_DIR}/providers/vfiowc
	-I${CMAKE_SOURCE_DIR}/kernel-headers)
arm64_command(routines.o -c ${lib}/routines_arm64.c)
arm64_command(routine.o -c ${lib}/routine.c)
arm64_command(copy -static -Wl,--wrap=getenv unit_copy.c ${lib}/routine.c ${lib}/routines_arm64.c)
arm64_command(copy_access -static -include ${CMAKE_CURRENT_SOURCE_DIR}/counting_access.h
	unit_copy_access.c ${lib}/routines_arm64.c)
add_custom_target(unit_arm64 ALL DEPENDS ${outputs})
add_test(NAME unit_arm64_order_instructions COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/order_calls.sh
	${arm64}/order_calls.o ${ARM64_OBJDUMP})
add_test(NAME unit_arm64_ring_instructions COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/ring_calls.sh
	${arm64}/ring_calls.o ${ARM64_OBJDUMP})
add_test(NAME unit_arm64_copy_instructions COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/copy_routines.sh
	${ARM64_OBJDUMP} ${arm64}/routines.o ${arm64}/routine.o)
foreach(test copy copy_access)
	add_test(NAME unit_arm64_${test} COMMAND ${QEMU_AARCH64} -cpu max ${arm64}/${test})
	set_tests_properties(unit_arm64_${test} PROPERTIES TIMEOUT 110)
endforeach()
