# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# How every C file of the tree is compiled: warnings, sanitizers, include paths, symbol versions.

add_compile_options(-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes)
if(VFIOWC_WERROR)
	add_compile_options(-Werror)
endif()
if(VFIOWC_SANITIZE)
	add_compile_options(-fsanitize=${VFIOWC_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
	add_link_options(-fsanitize=${VFIOWC_SANITIZE})
endif()
add_compile_definitions(_GNU_SOURCE)

# Published headers are found in the build tree under the names they have once installed.
include_directories(${CMAKE_BINARY_DIR}/include)
# <linux/vfio_dmabuf.h> and <rdma/vfiowc-abi.h>, shared with the kernel modules.
include_directories(${CMAKE_SOURCE_DIR}/kernel-headers)

# vfiowc_version_script(TARGET MAP): only the symbols named in MAP leave the shared library, and an
# undefined symbol is an error when it is linked rather than when it is loaded.
function(vfiowc_version_script TARGET MAP)
	set(map ${CMAKE_CURRENT_SOURCE_DIR}/${MAP})
	target_link_options(${TARGET} PRIVATE LINKER:--version-script=${map})
	if(NOT VFIOWC_SANITIZE)
		target_link_options(${TARGET} PRIVATE LINKER:--no-undefined)
	endif()
	set_property(TARGET ${TARGET} APPEND PROPERTY LINK_DEPENDS ${map})
endfunction()
