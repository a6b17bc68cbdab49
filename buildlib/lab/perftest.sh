# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# shellcheck shell=bash
# Debian's perftest with our back-end for it (tools/perftest), for the guest's test of that: built only when
# that test is wanted (a minute), and once for each state of the back-end.

# perftest_stage: build it if needed, and put the programs into this run's stage. One that does not build is a
# failed test.
perftest_stage() {
	local dir key lock start=$EPOCHREALTIME
	key=$(cat "$LAB_TOP"/tools/perftest/{build.sh,vfio_dmabuf_memory.[ch],*.patch} | hash_text)
	dir=$TREE_DIR/perftest-$key
	take_lock "$TREE_LOCK" exclusive "it builds this checkout"
	lock=$LAB_LOCK
	if [[ ! -e $dir/stamp ]]; then
		rm -rf "$TREE_DIR"/perftest-*
		say "building perftest with the back-end for dma-bufs"
		try perftest perftest_build "/lab/build/perftest-$key"
		if ((STATUS)); then
			record fail guest/perf_backend.build "$(since "$start")" "perftest does not build with the back-end"
			show_tail "$LAB_LOG" 30
			drop_lock "$lock"
			return
		fi
		touch "$dir/stamp"
	fi
	mkdir -p "$LAB_RUN/stage/usr/libexec/vfiowc/perftest"
	find "$dir" -maxdepth 1 -name 'ib_*' -exec cp -t "$LAB_RUN/stage/usr/libexec/vfiowc/perftest" {} +
	drop_lock "$lock"
}

# perftest_build OUTPUT: against libvfiowc as it is staged, by tools/perftest/build.sh as anybody else would.
perftest_build() {
	in_view bash -euc 'stage=/lab/run/stage/usr
		export CFLAGS=-I$stage/include LDFLAGS=-L$(dirname "$(echo $stage/lib/*/libvfiowc.so)") MAKEFLAGS=-j$(nproc)
		exec sh /lab/src/tools/perftest/build.sh /usr/src/perftest-* "$1"' build "$1"
}
