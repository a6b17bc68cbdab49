# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# shellcheck shell=bash
# The suite `tree` of `lab test`: the provider as a part of rdma-core. The source of sid's rdma-core gets
# providers/vfiowc and the ABI header as a maintainer would add them, and is built with its own macros and warnings
# by both compilers; the guest then runs that tree's libibverbs and programs on the device. Under --long, or when
# --filter begins with it.

# What this tree was tested with; sid's is taken, whatever it is.
TREE_TESTED=65.0
# Below the run's directory, which the guest sees under the same name: that tree's programs know where they were built.
TREE_IN_VIEW=/lab/run/rdma-core

tree_suite() {
	local compiler
	[[ $TEST_LONG || $TEST_FILTER == ^tree* ]] || return 0
	suite_wanted tree || return 0
	build_case tree source_of_rdma_core_is_fetched tree_fetch
	build_case tree provider_is_added_as_it_stands tree_add
	for compiler in gcc clang; do
		build_case tree "rdma_core_builds_by_$compiler" tree_build_stock "$compiler"
		build_case tree "provider_builds_by_${compiler}_without_warnings" tree_build_provider "$compiler"
	done
	build_case tree plug_in_has_the_trees_private_abi_and_only_its_own_symbols tree_symbols
	build_case tree programs_of_the_tree_run_the_device tree_boot
}

# tree_view COMMAND...: in the root with a layer on top that can make all of rdma-core's man pages.
tree_view() {
	in_layer "$LAB_RUN/tree" "$@"
}

# As for the private headers (recipe.sh) the upstream tarball, which apt has checked, is all that counts.
tree_fetch() {
	local apt=$LAB_RUN/apt-tree tarball mirror
	mirror=$(host_mirror)
	[[ $mirror ]] || die "the host's apt sources name no Debian mirror; give one with --mirror URL"
	mkdir -p "$LAB_RUN/rdma-core/src"
	LAB_SUITE=sid recipe_lists "$apt" "$mirror"
	cd "$apt" || return
	recipe_apt "$apt" apt-get source --download-only -t sid rdma-core ||
		echo "apt-get source failed; looking for the tarball all the same"
	tarball=$(echo rdma-core_*.orig.tar.*)
	echo "$tarball"
	[[ $tarball == "rdma-core_$TREE_TESTED.orig."* ]] ||
		say "sid has $tarball; this tree was tested with rdma-core $TREE_TESTED"
	tar -C "$LAB_RUN/rdma-core/src" --strip-components=1 -xf "$tarball"
	ls "$LAB_RUN/rdma-core/src/buildlib/rdma_functions.cmake"
}

# Nothing of ours is changed on the way; what a maintainer writes are the lines of the two lists of files and of
# the list of directories.
tree_add() {
	local src=$LAB_RUN/rdma-core/src
	cp -a "$LAB_TOP/providers/vfiowc" "$src/providers/"
	cp -a "$LAB_TOP/kernel-headers/rdma/vfiowc-abi.h" "$src/kernel-headers/rdma/"
	sed -i 's,^  rdma/siw-abi\.h$,&\n  rdma/vfiowc-abi.h,' "$src/kernel-headers/CMakeLists.txt"
	[[ $(grep -c rdma/vfiowc-abi.h "$src/kernel-headers/CMakeLists.txt") == 2 ]]
	sed -i 's,^add_subdirectory(providers/siw)$,&\nadd_subdirectory(providers/vfiowc)\nadd_subdirectory(providers/vfiowc/man),' \
		"$src/CMakeLists.txt"
	[[ $(grep -c providers/vfiowc "$src/CMakeLists.txt") == 2 ]]
}

# tree_build_stock COMPILER: what the provider and the test below need of the tree. Its own files may have warnings
# (65.0's do by clang 19), so that they are not made errors.
tree_build_stock() {
	if [[ ! -e $LAB_RUN/tree/root ]]; then
		layer_make python3-docutils
		layer_root "$LAB_RUN/tree"
		mkdir -p "$LAB_RUN/tree/root$TREE_IN_VIEW"
	fi
	# Each case is a process of its own in one mount namespace.
	mountpoint -q "$LAB_RUN/tree/root$TREE_IN_VIEW" ||
		mount --bind "$LAB_RUN/rdma-core" "$LAB_RUN/tree/root$TREE_IN_VIEW"
	tree_view cmake -GNinja -S "$TREE_IN_VIEW/src" -B "$TREE_IN_VIEW/$1" -DIN_PLACE=1 -DNO_PYVERBS=1 \
		-DCMAKE_C_COMPILER="$1"
	tree_view ninja -C "$TREE_IN_VIEW/$1" ibverbs ibv_devinfo ibv_rc_pingpong
}

# tree_build_provider COMPILER: all that is left to compile for it are its own files.
tree_build_provider() {
	local flag status=0 built=$LAB_RUN/rdma-core/built
	tree_view ninja -C "$TREE_IN_VIEW/$1" vfiowcdv man-vfiowcdv.7 man-vfiowcdv_query_mr.3 >"$built" || status=$?
	cat "$built"
	((status == 0))
	grep -q providers/vfiowc/CMakeFiles/vfiowcdv.dir/qp.c.o "$built"
	if grep -q warning: "$built"; then
		echo "there are warnings"
		return 1
	fi
	tree_view ninja -C "$TREE_IN_VIEW/$1" -t commands vfiowcdv | grep -F providers/vfiowc/qp.c >"$LAB_RUN/rdma-core/command"
	for flag in -Wall -Wextra -Wshadow -Wcast-function-type -Wredundant-decls; do
		grep -qw -e "$flag" "$LAB_RUN/rdma-core/command"
	done
}

# The plug-in that gcc built.
tree_symbols() {
	local src=$LAB_RUN/rdma-core/src lib=$LAB_RUN/rdma-core/gcc/lib abi map=$LAB_TOP/providers/vfiowc/libvfiowcdv.map
	abi=$(sed -nE 's/^set\(IBVERBS_PABI_VERSION "([0-9]+)"\)$/\1/p' "$src/CMakeLists.txt")
	echo "private ABI $abi"
	[[ $(readlink "$lib/libvfiowcdv-rdmav$abi.so") == libvfiowcdv.so.1.* ]]
	grep -x "driver $TREE_IN_VIEW/gcc/lib/libvfiowcdv" "$LAB_RUN/rdma-core/gcc/etc/libibverbs.d/vfiowcdv.driver"
	tree_view nm -D --with-symbol-versions "$TREE_IN_VIEW/gcc/lib/libvfiowcdv-rdmav$abi.so" >"$LAB_RUN/rdma-core/symbols"
	cat "$LAB_RUN/rdma-core/symbols"
	grep -E " U verbs_register_driver_$abi@IBVERBS_PRIVATE_$abi\$" "$LAB_RUN/rdma-core/symbols"
	# Defined are the functions of the map, with its version, and the version.
	sed -nE 's/.* T (.*)@@VFIOWCDV_1\.0$/\1/p' "$LAB_RUN/rdma-core/symbols" | sort |
		diff - <(sed -nE 's/^\t\t([a-z_0-9]+);$/\1/p' "$map" | sort)
	[[ $(grep -cE ' [A-TV-Z] ' "$LAB_RUN/rdma-core/symbols") == $(($(grep -cE '^		[a-z_0-9]+;$' "$map") + 1)) ]]
}

tree_boot() {
	cat >"$LAB_RUN/job" <<'END'
set -ex
. /usr/libexec/vfiowc/conformance/device.bash
. /usr/libexec/vfiowc/conformance/pair.bash
bin=/lab/run/rdma-core/gcc/bin
device_up
LD_DEBUG=files $bin/ibv_devinfo -d "$DEVICE" >/tmp/info 2>/tmp/files
grep "hca_id:.*$DEVICE" /tmp/info
grep "calling init: /lab/run/rdma-core/gcc/lib/libvfiowcdv" /tmp/files
run_pair 18515 $bin/ibv_rc_pingpong -c -d "$DEVICE" -g 0 -n 100
cat "$out.server" "$out.client"
device_down
((status == 0))
if grep "invalid data" "$out".*; then
	exit 1
fi
END
	boot_job $((300 * BOOT_SLOWNESS))
	[[ $STATUS == 0 ]]
}
