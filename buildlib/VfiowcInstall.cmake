# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# What is installed beside binaries: public headers, pkg-config files, man pages.

# vfiowc_publish_headers(SUBDIR HEADER...): installs the headers as <SUBDIR/HEADER> and makes the
# same names visible in the build tree, so that sources include what an application includes.
function(vfiowc_publish_headers SUBDIR)
	file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/include/${SUBDIR})
	foreach(header IN LISTS ARGN)
		get_filename_component(name ${header} NAME)
		file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR}/${header}
			${CMAKE_BINARY_DIR}/include/${SUBDIR}/${name} SYMBOLIC)
		install(FILES ${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/${SUBDIR})
	endforeach()
endfunction()

# vfiowc_pkg_config(NAME DESCRIPTION TEXT [REQUIRES PACKAGE...]): installs NAME.pc for the library
# NAME (lib included: vfiowc_pkg_config(libvfiowc ...) links with -lvfiowc).
function(vfiowc_pkg_config NAME)
	cmake_parse_arguments(PARSE_ARGV 1 PC "" "DESCRIPTION" "REQUIRES")
	string(REGEX REPLACE "^lib" "" PC_LIB ${NAME})
	list(JOIN PC_REQUIRES ", " PC_REQUIRES)
	set(PC_NAME ${NAME})
	configure_file(${CMAKE_SOURCE_DIR}/buildlib/template.pc.in ${CMAKE_CURRENT_BINARY_DIR}/${NAME}.pc @ONLY)
	install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${NAME}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()

# vfiowc_man_pages(NAME.SECTION.md...): builds each page with pandoc as part of `all` and installs it.
# A page that documents several functions is found under each name by .so files, one per
# `vfiowc_man_alias(PAGE ALIAS...)`.
function(vfiowc_man_pages)
	find_program(PANDOC pandoc REQUIRED)
	foreach(source IN LISTS ARGN)
		get_filename_component(page ${source} NAME_WLE)
		string(REGEX MATCH "[0-9]+$" section ${page})
		set(output ${CMAKE_CURRENT_BINARY_DIR}/man/${page})
		add_custom_command(OUTPUT ${output}
			COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_CURRENT_BINARY_DIR}/man
			COMMAND ${PANDOC} -s -f markdown -t man -V "footer=vfiowc ${PROJECT_VERSION}"
				${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${output}
			DEPENDS ${source}
			COMMENT "man page ${page}"
			VERBATIM)
		list(APPEND outputs ${output})
		install(FILES ${output} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
	endforeach()
	file(RELATIVE_PATH where ${CMAKE_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
	string(MAKE_C_IDENTIFIER "man_${where}_${ARGV0}" target)
	add_custom_target(${target} ALL DEPENDS ${outputs})
endfunction()

# vfiowc_man_alias(NAME.SECTION ALIAS...): `man ALIAS` shows the page NAME.
function(vfiowc_man_alias PAGE)
	string(REGEX MATCH "[0-9]+$" section ${PAGE})
	foreach(alias IN LISTS ARGN)
		set(file ${CMAKE_CURRENT_BINARY_DIR}/man/${alias}.${section})
		file(WRITE ${file} ".so man${section}/${PAGE}\n")
		install(FILES ${file} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
	endforeach()
endfunction()
