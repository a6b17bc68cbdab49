# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# shellcheck shell=bash
# The suite `kernels` of `lab test`: the modules against other kernels than the guest's. What a kernel offers is
# found by compiling (kernel/try), so it is compiling that is tested. Under --long, or when --filter begins with it.

# The older series that the modules are still compiled for.
KERNELS_OLDER=7.2

kernels_suite() {
	[[ $TEST_LONG || $TEST_FILTER == ^kernels* ]] || return 0
	suite_wanted kernels || return 0
	build_case kernels a_kernel_that_hands_tags_on_is_recognised kernels_stub
	build_case kernels tags_arrive_through_that_kernels_call kernels_stub_boot
	build_case kernels "modules_compile_for_linux_$KERNELS_OLDER" kernels_older
}

# The guest's kernel with another <linux/dma-buf.h>.
kernels_stub() {
	local include=$TREE_DIR/stub/include/linux
	mkdir -p "$include"
	# Found by the kernel's own Makefile: Debian's headers are two trees.
	in_view sed -f /lab/src/tests/kernel/dma_buf_get_pci_tph.sed \
		"/usr/src/linux-headers-${KERNEL%-amd64}-common/include/linux/dma-buf.h" >"$LAB_RUN/dma-buf.h"
	# The same file keeps its age: nothing is compiled again for it.
	cmp -s "$LAB_RUN/dma-buf.h" "$include/dma-buf.h" || cp "$LAB_RUN/dma-buf.h" "$include/dma-buf.h"
	build_modules /lab/src /lab/build/stub "NOSTDINC_FLAGS=-nostdinc -I/lab/build/stub/include"
	# Without it the importer looks for our exporter's function by name; with it, it must not.
	grep -q vfiowc_dma_buf_get_tph "$TREE_DIR/kernel/vfiowc_rdma/vfiowc_rdma.ko"
	! grep -q vfiowc_dma_buf_get_tph "$TREE_DIR/stub/kernel/vfiowc_rdma/vfiowc_rdma.ko"
}

kernels_stub_boot() {
	local modules=$LAB_RUN/stage/usr/lib/modules/$KERNEL/updates/vfiowc
	cp -a "$modules" "$LAB_RUN/modules.lab"
	find "$TREE_DIR/stub/kernel" "$TREE_DIR/stub/test-modules" -name '*.ko' -exec cp -t "$modules" {} +
	echo 'exec /usr/libexec/vfiowc/tests/rdma_tph' >"$LAB_RUN/job"
	boot_job $((300 * BOOT_SLOWNESS))
	rm -rf "$modules"
	mv "$LAB_RUN/modules.lab" "$modules"
	[[ $STATUS == 0 ]]
}

# kernels_newest SERIES: the newest headers of that series in the suites; nothing when there are none.
kernels_newest() {
	local apt=$LAB_RUN/apt
	[[ -e $apt/sources.list ]] || recipe_lists "$apt" "$(host_mirror)" >/dev/null
	recipe_apt "$apt" apt-cache pkgnames "linux-headers-$1" |
		grep -E "^linux-headers-${1//./\\.}\.[0-9]+\+deb[0-9]+-amd64\$" | sort -V | tail -n 1
}

kernels_older() {
	local headers dir=$LAB_RUN/older
	headers=$(kernels_newest "$KERNELS_OLDER")
	if [[ ! $headers ]]; then
		echo "no kernel $KERNELS_OLDER with headers is in the suites (any more)"
		return 77
	fi
	layer_make "$headers"
	layer_root "$dir"
	in_layer "$dir" mkdir -p /tmp/build
	in_layer "$dir" make -C "/lib/modules/${headers#linux-headers-}/build" -j"$(nproc)" modules M=/lab/src/kernel MO=/tmp/build
	in_layer "$dir" ls /tmp/build/vfiowc_pci/vfiowc_pci.ko /tmp/build/vfiowc_rdma/vfiowc_rdma.ko
}
