# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# The macros that a provider's CMakeLists.txt calls, by the names and with the arguments they have in rdma-core
# (buildlib/rdma_functions.cmake and its neighbours there), built on this tree's own: one providers/vfiowc serves
# both trees.

set(PACKAGE_VERSION ${PROJECT_VERSION})

# rdma_shared_provider(NAME MAP SOVERSION VERSION SOURCE...): an ordinary versioned library libNAME, so that
# applications may link the direct verbs in it; libibverbs finds the same file as a plug-in through a symbolic link.
function(rdma_shared_provider NAME MAP SOVERSION VERSION)
	set(library lib${NAME}.so.${VERSION})
	set(plugin lib${NAME}-rdmav${IBVERBS_PABI_VERSION}.so)
	set(installed ${CMAKE_CURRENT_BINARY_DIR}/installed)

	add_library(${NAME} SHARED ${ARGN})
	target_link_libraries(${NAME} PRIVATE RdmaCore::Private Threads::Threads)
	vfiowc_version_script(${NAME} ${MAP})
	set_target_properties(${NAME} PROPERTIES SOVERSION ${SOVERSION} VERSION ${VERSION})
	install(TARGETS ${NAME} DESTINATION ${CMAKE_INSTALL_LIBDIR})

	# In the build tree: IBV_DRIVERS=<this directory>/libNAME makes libibverbs load it from here.
	file(CREATE_LINK ${library} ${CMAKE_CURRENT_BINARY_DIR}/${plugin} SYMBOLIC)
	file(MAKE_DIRECTORY ${installed})
	file(RELATIVE_PATH target ${VERBS_PROVIDER_DIR} ${CMAKE_INSTALL_FULL_LIBDIR}/${library})
	file(CREATE_LINK ${target} ${installed}/${plugin} SYMBOLIC)
	install(FILES ${installed}/${plugin} DESTINATION ${VERBS_PROVIDER_DIR})
	file(WRITE ${installed}/${NAME}.driver "driver ${NAME}\n")
	install(FILES ${installed}/${NAME}.driver DESTINATION ${CMAKE_INSTALL_FULL_SYSCONFDIR}/libibverbs.d)
endfunction()

# publish_headers(SUBDIR HEADER...)
function(publish_headers)
	vfiowc_publish_headers(${ARGN})
endfunction()

# rdma_pkg_config(NAME REQUIRES LIBS): the threads are libc's, so LIBS is empty here.
function(rdma_pkg_config NAME REQUIRES)
	vfiowc_pkg_config(lib${NAME} DESCRIPTION "Direct verbs of the provider ${NAME}" REQUIRES ${REQUIRES})
endfunction()

# rdma_man_pages(NAME.SECTION.md...)
function(rdma_man_pages)
	vfiowc_man_pages(${ARGN})
endfunction()

# rdma_alias_man_pages(NAME.SECTION ALIAS.SECTION...): pairs.
function(rdma_alias_man_pages)
	while(ARGN)
		list(POP_FRONT ARGN page alias)
		get_filename_component(alias ${alias} NAME_WLE)
		vfiowc_man_alias(${page} ${alias})
	endwhile()
endfunction()
