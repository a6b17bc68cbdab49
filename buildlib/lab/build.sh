# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# shellcheck shell=bash
# Building the checkout in the chroot, incrementally, and staging what the guest gets on top of its root.

# tree_choose: TREE_DIR, the build directory of this checkout for this root.
tree_choose() {
	local key
	key=$(hash_text <<<"$LAB_TOP")
	TREE_DIR=$LAB_CACHE/trees/$key/${ROOT_DIR##*/}${LAB_DEBUG_KERNEL:+-$LAB_DEBUG_KERNEL}
	TREE_LOCK=$LAB_CACHE/locks/tree-$key
	mkdir -p "$TREE_DIR"
	if [[ ${KERNEL_DIR:-} && $(cat "$TREE_DIR/debug-kernel" 2>/dev/null) != "$KERNEL_DIR" ]]; then
		rm -rf "$TREE_DIR"/{kernel,test-modules,depmod}
		echo "$KERNEL_DIR" >"$TREE_DIR/debug-kernel"
	fi
	echo "$LAB_TOP" >"${TREE_DIR%/*}/checkout"
}

# build_all: modules and userspace, staged into $LAB_RUN/stage: a private copy, made while the lock of the
# checkout is held, so that another run's build does not change it under this run's guest.
build_all() {
	take_lock "$TREE_LOCK" exclusive "it builds this checkout"
	say "building the kernel modules for $KERNEL"
	step kernel-modules "the kernel modules do not build" build_modules /lab/src /lab/build
	say "building userspace"
	step userspace "userspace does not build" build_userspace /lab/src /lab/build/release release
	step stage "what was built could not be staged" build_stage
	drop_lock "$LAB_LOCK"
}

# build_modules SOURCE OUTPUT [MAKE-ARG...]: ours to OUTPUT/kernel, the tests' to OUTPUT/test-modules.
build_modules() {
	local source=$1 output=$2 make=(make -C "/lib/modules/$KERNEL/build" -j"$(nproc)" modules)
	shift 2
	in_view mkdir -p "$output/kernel" "$output/test-modules"
	in_view "${make[@]}" M="$source/kernel" MO="$output/kernel" "$@"
	in_view "${make[@]}" M="$source/tests/guest/modules" MO="$output/test-modules" \
		KBUILD_EXTRA_SYMBOLS="$output/kernel/Module.symvers" "$@"
}

# build_userspace SOURCE OUTPUT PRESET [CMAKE-ARG...]
build_userspace() {
	local source=$1 output=$2 preset=$3
	shift 3
	in_view bash -euc 'cd "$1"; output=$2 preset=$3; shift 3
		export RDMA_CORE_SOURCE=$(echo /usr/src/rdma-core-*)
		[ -e "$output/build.ninja" ] || cmake --preset "$preset" -B "$output" "$@"
		ninja -C "$output"' build "$source" "$output" "$preset" "$@"
}

build_stage() {
	local stage=$TREE_DIR/stage updates=usr/lib/modules/$KERNEL/updates/vfiowc
	rm -rf "$stage"
	mkdir -p "$stage/$updates"
	in_view env DESTDIR=/lab/build/stage cmake --install /lab/build/release >/dev/null
	# The root has the stock kernel's modules only.
	[[ ! ${KERNEL_DIR:-} ]] || cp -a "$KERNEL_DIR/modules/$KERNEL"/{kernel,modules.*} "$stage/usr/lib/modules/$KERNEL/"
	find "$TREE_DIR/kernel" "$TREE_DIR/test-modules" -name '*.ko' -exec cp -t "$stage/$updates" {} +
	build_depmod "$stage" "$updates"
	cp -a "$stage" "$LAB_RUN/stage"
}

# The index of all modules, ours among them. Takes a second and a half, so only when a module has changed.
build_depmod() {
	local stage=$1 updates=$2 sum
	sum=$(cd "$stage/$updates" && find . -name "*.ko" -exec sha256sum {} + | sort | hash_text)
	if [[ ! -e $TREE_DIR/depmod/$sum ]]; then
		rm -rf "$TREE_DIR/depmod"
		mkdir -p "$TREE_DIR/depmod"
		mount --bind "${stage}/${updates%/vfiowc}" "$VIEW/${updates%/vfiowc}"
		in_view depmod --outdir /lab/build/depmod "$KERNEL"
		umount "$VIEW/${updates%/vfiowc}"
		touch "$TREE_DIR/depmod/$sum"
	fi
	cp "$TREE_DIR/depmod/lib/modules/$KERNEL"/modules.* "$stage/usr/lib/modules/$KERNEL/"
}
