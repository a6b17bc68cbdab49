# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# The private headers of libibverbs, which no package carries: taken by symbolic link from an unpacked
# rdma-core source tree, RDMA_CORE_SOURCE. They describe a private ABI that changes with any release,
# so the tree must be of the installed library's private version: a plug-in built for another one
# would never load. Nothing of rdma-core is copied or built.
#
# Defines the function rdma_core_kernel_abi(), the target RdmaCore::Private (include path, libibverbs), RdmaCorePrivate_VERSION,
# what a provider's CMakeLists.txt calls (RdmaCoreProvider.cmake) and, named as there, IBVERBS_PABI_VERSION (34 in
# 34.0 ... 56.x) and VERBS_PROVIDER_DIR (where libibverbs looks for plug-ins).

find_package(Python3 REQUIRED COMPONENTS Interpreter)
if(NOT EXISTS ${RDMA_CORE_SOURCE}/libibverbs/driver.h)
	message(FATAL_ERROR "RDMA_CORE_SOURCE=${RDMA_CORE_SOURCE} is no unpacked rdma-core source tree "
		"(libibverbs/driver.h is not in it); `apt-get source rdma-core` or a release tarball gives one")
endif()
get_filename_component(rdma_core ${RDMA_CORE_SOURCE} REALPATH)

# rdma_core_setting(NAME OUT): the value of `set(NAME "value")` in the tree's CMakeLists.txt.
function(rdma_core_setting NAME OUT)
	file(STRINGS ${rdma_core}/CMakeLists.txt line REGEX "^set\\(${NAME} " LIMIT_COUNT 1)
	if(NOT line MATCHES "\"([^\"]+)\"")
		message(FATAL_ERROR "${rdma_core}/CMakeLists.txt does not set ${NAME}")
	endif()
	set(${OUT} ${CMAKE_MATCH_1} PARENT_SCOPE)
endfunction()
rdma_core_setting(PACKAGE_VERSION RdmaCorePrivate_VERSION)
rdma_core_setting(IBVERBS_PABI_VERSION IBVERBS_PABI_VERSION)

# The installed library names its private version in the version of its private symbols.
list(GET IBVERBS_LINK_LIBRARIES 0 rdma_core_library)
file(STRINGS ${rdma_core_library} rdma_core_installed REGEX "^IBVERBS_PRIVATE_[0-9]+$")
if(NOT rdma_core_installed STREQUAL "IBVERBS_PRIVATE_${IBVERBS_PABI_VERSION}")
	message(FATAL_ERROR "RDMA_CORE_SOURCE=${RDMA_CORE_SOURCE} is rdma-core ${RdmaCorePrivate_VERSION}, "
		"private ABI ${IBVERBS_PABI_VERSION}, but ${rdma_core_library} (version ${IBVERBS_VERSION}) has "
		"${rdma_core_installed}; unpack the source of the installed rdma-core")
endif()

set(VERBS_PROVIDER_DIR ${CMAKE_INSTALL_FULL_LIBDIR}/libibverbs)
set(rdma_core_include ${CMAKE_BINARY_DIR}/rdma-core/include)

# rdma_core_headers(DIR GLOB...): links the tree's headers as <DIR/NAME>.
function(rdma_core_headers DIR)
	file(MAKE_DIRECTORY ${rdma_core_include}/${DIR})
	list(TRANSFORM ARGN PREPEND ${rdma_core}/)
	file(GLOB headers ${ARGN})
	foreach(header IN LISTS headers)
		get_filename_component(name ${header} NAME)
		file(CREATE_LINK ${header} ${rdma_core_include}/${DIR}/${name} SYMBOLIC)
	endforeach()
endfunction()
rdma_core_headers(infiniband libibverbs/*.h kernel-headers/rdma/ib_user_ioctl_verbs.h)
rdma_core_headers(ccan ccan/*.h)
rdma_core_headers(util util/*.h)
rdma_core_headers(rdma kernel-headers/rdma/ib_user_*.h kernel-headers/rdma/rdma_*.h)

# rdma_core_kernel_abi(HEADER...): makes <kernel-abi/NAME> of a kernel header, whose structures libibverbs
# appends to its own (DECLARE_DRV_CMD).
function(rdma_core_kernel_abi)
	file(MAKE_DIRECTORY ${rdma_core_include}/kernel-abi)
	foreach(header IN LISTS ARGN)
		get_filename_component(name ${header} NAME)
		execute_process(
			COMMAND ${Python3_EXECUTABLE} ${rdma_core}/buildlib/make_abi_structs.py
				${header} ${rdma_core_include}/kernel-abi/${name}
			COMMAND_ERROR_IS_FATAL ANY)
		set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${header})
	endforeach()
endfunction()
rdma_core_kernel_abi(${rdma_core}/kernel-headers/rdma/ib_user_verbs.h)
configure_file(${CMAKE_CURRENT_LIST_DIR}/rdma-core-config.h.in ${rdma_core_include}/config.h @ONLY)

if(NOT TARGET RdmaCore::Private)
	add_library(RdmaCore::Private INTERFACE IMPORTED GLOBAL)
	target_include_directories(RdmaCore::Private SYSTEM INTERFACE ${rdma_core_include})
	target_link_libraries(RdmaCore::Private INTERFACE PkgConfig::IBVERBS)
	# DECLARE_DRV_CMD() puts structures that end in an array of length 0 in front of others.
	target_compile_options(RdmaCore::Private INTERFACE
		$<$<C_COMPILER_ID:Clang>:-Wno-gnu-variable-sized-type-not-at-end>)
endif()
include(RdmaCoreProvider)
set(RdmaCorePrivate_FOUND TRUE)
message(STATUS "rdma-core ${RdmaCorePrivate_VERSION}, private ABI ${IBVERBS_PABI_VERSION}: ${rdma_core}")
