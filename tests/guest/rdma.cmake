# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# Tests of the software RDMA device through public verbs.
add_library(vfiowc_guest_rdma STATIC rdma_fixture.c rdma_slice.c rdma_window.c)
target_link_libraries(vfiowc_guest_rdma PUBLIC vfiowc_guest_exporter PkgConfig::IBVERBS)

foreach(subject verbs host errors events process doorbell doorbell_file misuse tools dmabuf single_access pieces restart
		atomic services scale identity sharing windows windows_close vlan kill)
	vfiowc_guest_test(NAME rdma_${subject} SOURCES rdma_${subject}.c LIBS vfiowc_guest_rdma)
endforeach()
pkg_check_modules(DRM REQUIRED IMPORTED_TARGET libdrm)
vfiowc_guest_test(NAME rdma_vmap SOURCES rdma_vmap.c LIBS vfiowc_guest_rdma vfiowc_guest_importer)
vfiowc_guest_test(NAME long_rdma_keys SOURCES long_rdma_keys.c LIBS vfiowc_guest_rdma)
vfiowc_guest_test(NAME rdma_importer SOURCES rdma_importer.c LIBS vfiowc_guest_rdma PkgConfig::DRM)
if(TARGET vfiowcdv)
	foreach(subject dv revoke tph)
		vfiowc_guest_test(NAME rdma_${subject} SOURCES rdma_${subject}.c LIBS vfiowc_guest_rdma vfiowcdv)
	endforeach()
endif()
# DMA handles: libibverbs 59 is IBVERBS_1.15 by its public symbols.
if(IBVERBS_VERSION VERSION_GREATER_EQUAL 1.15)
	vfiowc_guest_test(NAME rdma_dmah SOURCES rdma_dmah.c LIBS vfiowc_guest_rdma)
endif()

# What conformance/run_pyverbs.py --dmabuf preloads.
add_library(drm_on_udmabuf MODULE drm_on_udmabuf.c)
# _FORTIFY_SOURCE defines the functions that are replaced there.
target_compile_options(drm_on_udmabuf PRIVATE -U_FORTIFY_SOURCE)
target_link_libraries(drm_on_udmabuf PRIVATE PkgConfig::DRM ${CMAKE_DL_LIBS})
install(TARGETS drm_on_udmabuf DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/vfiowc/conformance)
