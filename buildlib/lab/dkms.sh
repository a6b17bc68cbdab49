# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# shellcheck shell=bash
# The suite `dkms` of `lab test`: the modules as a distribution ships them. DKMS, from a layer of its own, builds
# and installs what `cmake --install` has put into /usr/src, against the guest's headers; the guest then boots
# with these modules and no others of ours. Under --long, or when --filter begins with it.

dkms_suite() {
	[[ $TEST_LONG || $TEST_FILTER == ^dkms* ]] || return 0
	suite_wanted dkms || return 0
	DKMS_VERSION=$(cd "$LAB_RUN"/stage/usr/src && echo vfiowc-*)
	DKMS_VERSION=${DKMS_VERSION#vfiowc-}
	build_case dkms installs_both_modules_for_the_guests_kernel dkms_install
	build_case dkms modules_load_in_a_clean_guest dkms_boot
	build_case dkms remove_leaves_no_module dkms_remove
}

# dkms_view COMMAND...: in the root with the layer on top.
dkms_view() {
	in_layer "$LAB_RUN/dkms" "$@"
}

dkms_install() {
	local module
	layer_make dkms
	layer_root "$LAB_RUN/dkms"
	cp -a "$LAB_RUN"/stage/usr/src/vfiowc-* "$LAB_RUN/dkms/root/usr/src/"
	dkms_view dkms install "vfiowc/$DKMS_VERSION" -k "$KERNEL"
	dkms_view dkms status
	dkms_view dkms status | grep -q "^vfiowc/$DKMS_VERSION, $KERNEL, .*: installed"
	for module in vfiowc_pci vfiowc_rdma; do
		dkms_view modinfo -k "$KERNEL" -n "$module" | grep "/updates/dkms/$module.ko"
	done
}

# Ours built by the lab go out of the stage, those built by DKMS and their index come in.
dkms_boot() {
	local stage=$LAB_RUN/stage modules=usr/lib/modules/$KERNEL built=$LAB_RUN/dkms/root
	cp -a "$stage" "$LAB_RUN/stage.lab"
	rm -rf "${stage:?}/$modules"
	mkdir -p "$stage/$modules/updates"
	cp -a "$built/$modules/updates/dkms" "$stage/$modules/updates/"
	cp "$built/$modules"/modules.* "$stage/$modules/"
	cat >"$LAB_RUN/job" <<'END'
set -ex
for module in vfiowc_pci vfiowc_rdma; do
	modinfo -n $module | grep /updates/dkms/
	modprobe $module
	grep "^$module " /proc/modules
done
END
	boot_job $((300 * BOOT_SLOWNESS))
	rm -rf "$stage"
	mv "$LAB_RUN/stage.lab" "$stage"
	[[ $STATUS == 0 ]]
}

dkms_remove() {
	dkms_view dkms remove "vfiowc/$DKMS_VERSION" --all
	[[ ! $(dkms_view find /usr/lib/modules/ -name 'vfiowc_*') ]]
	[[ ! $(dkms_view dkms status) ]]
}
