#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# What decides a debug kernel, and that a configuration which did not come out as wanted is refused. No kernel is built.
# shellcheck source=tests/lab/lib.bash
. "$(dirname -- "$0")/lib.bash"
export LAB_RUN=$WORK/run
mkdir -p "$LAB_RUN"
for file in common debug_kernel; do
	# shellcheck source=/dev/null
	. "$LAB_LIB/$file.sh"
done
LAB_DEBUG_KERNEL=kasan
DEBUG_KERNEL_PACKAGE="linux-source-7.3 7.3.4-1"
ROOT=$WORK/root
KERNEL_DIR=$WORK/kernel

# The compiler of the root, and kbuild, which writes what Kconfig made of the wishes.
chroot() {
	echo "gcc of $1"
}
debug_kernel_make() {
	cp "$WORK/config" "$KERNEL_DIR.new/modules/build/.config"
}

# configure WANTED CONFIG: sets OUT and CODE.
configure() {
	mkdir -p "$KERNEL_DIR.new/modules/build"
	printf '%s\n' "$1" >"$KERNEL_DIR.new/modules/build/wanted.config"
	printf '%s\n' "$2" >"$WORK/config"
	OUT=$(debug_kernel_configure)
	CODE=$?
}

configuration_as_wanted_is_accepted() {
	configure $'# a comment\n\nCONFIG_KASAN=y\nCONFIG_BITS=18\n# CONFIG_SCAN is not set' \
		$'CONFIG_KASAN=y\nCONFIG_MORE=y\nCONFIG_BITS=18'
	check "status" equal "$CODE" 0
	check "silent" equal "$OUT" ""
}

line_that_did_not_come_true_is_named() {
	configure $'CONFIG_KASAN=y\nCONFIG_VANISHED=y\nCONFIG_MODULE=m\n# CONFIG_SCAN is not set' \
		$'CONFIG_KASAN=y\nCONFIG_MODULE=y\nCONFIG_SCAN=y'
	check "status" equal "$CODE" 1
	check "missing" contains "$OUT" "CONFIG_VANISHED=y"
	check "another value" contains "$OUT" "CONFIG_MODULE=m"
	check "selected against our will" contains "$OUT" "CONFIG_SCAN is not set"
	check "only these" equal "$(wc -l <<<"$OUT")" 3
}

version_compiler_and_configuration_decide_the_key() {
	local key
	key=$(debug_kernel_key)
	check "kind" eval '[[ $(LAB_DEBUG_KERNEL=kcsan debug_kernel_key) != "$key" ]]'
	check "version" eval '[[ $(DEBUG_KERNEL_PACKAGE="linux-source-7.3 7.3.5-1" debug_kernel_key) != "$key" ]]'
	check "compiler" eval '[[ $(ROOT=$WORK/other debug_kernel_key) != "$key" ]]'
	cp -r "$LAB_LIB" "$WORK/lib"
	check "same files" equal "$(LAB_LIB=$WORK/lib debug_kernel_key)" "$key"
	echo CONFIG_MORE=y >>"$WORK/lib/kernel/common.config"
	check "configuration" eval '[[ $(LAB_LIB=$WORK/lib debug_kernel_key) != "$key" ]]'
}

newest_kernel_of_the_kind_is_built_upon() {
	local LAB_CACHE=$WORK/cache
	mkdir -p "$LAB_CACHE"/kernels/{kasan-a,kasan-b,kcsan-c,kasan-d.new}
	check "none is finished" equal "$(debug_kernel_seed)" ""
	touch -d @1 "$LAB_CACHE/kernels/kasan-a/stamp"
	touch -d @2 "$LAB_CACHE/kernels/kasan-b/stamp"
	touch -d @3 "$LAB_CACHE/kernels/kcsan-c/stamp"
	check "newest" equal "$(debug_kernel_seed)" "$LAB_CACHE/kernels/kasan-b"
}

run_tests configuration_as_wanted_is_accepted line_that_did_not_come_true_is_named \
	version_compiler_and_configuration_decide_the_key newest_kernel_of_the_kind_is_built_upon
