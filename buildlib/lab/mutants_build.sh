# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# shellcheck shell=bash
# Building a mutant. Its build is an overlay over the checkout and its build directory, at the same paths: only
# what the patch touches is compiled again, and nothing of the real ones changes.

# The overlays: writes go to src/ and out/ of the mutant's directory, which then hold what has changed.
mutant_mount() {
	local dir=$LAB_RUN/mutants/$1
	mkdir -p "$dir"/{files,src,srcwork,out,outwork}
	take_lock "$TREE_LOCK" exclusive "it builds this checkout"
	mount -t overlay -o "userxattr,lowerdir=$LAB_TOP,upperdir=$dir/src,workdir=$dir/srcwork" src "$VIEW/lab/src"
	mount -t overlay -o "userxattr,lowerdir=$TREE_DIR,upperdir=$dir/out,workdir=$dir/outwork" out "$VIEW/lab/build"
}

mutant_unmount() {
	umount "$VIEW/lab/src" "$VIEW/lab/build"
	drop_lock "$LAB_LOCK"
	rm -rf "$LAB_RUN/mutants/$1"/{src,srcwork,out,outwork}
}

# mutant_build NAME PROGRAM...: leaves in the mutant's directory the results of the programs that are unit tests,
# up to the first that fails, and, when some are the guest's, files/, laid over the guest's.
mutant_build() {
	local name=$1 dir=$LAB_RUN/mutants/$1 program unit=() guest=""
	shift
	for program; do
		if mutant_is_unit "$program"; then
			unit+=("$program")
		else
			guest=1
		fi
	done
	in_view patch --directory=/lab/src --strip=1 --fuzz=0 --no-backup-if-mismatch <"$LAB_TOP/tests/mutants/$name.patch"
	case ${M_COMPONENT[$name]} in
	pci | rdma) mutant_build_modules "$dir" ;;
	*) mutant_build_userspace "$dir" "$guest" "${unit[@]}" ;;
	esac
}

# For what lies in modules: what kbuild had run for the .c files is run again, without debug information, which
# nobody reads and which is most of the work; `make` would think for longer than this takes.
mutant_build_modules() {
	local dir=$1 updates=$1/files/usr/lib/modules/$KERNEL/updates/vfiowc
	if (cd "$dir/src" && find . -type f | grep -vE '^\./kernel/[a-z_]+/[a-z_]+\.[ch]$'); then
		build_modules /lab/src /lab/build
	else
		mutant_changed_objects "$dir/src" |
			in_view bash -eu /lab/src/buildlib/lab/remake-modules /lab/build/kernel
	fi
	[[ $(find "$dir/out" -name "*.ko" -print -quit) ]] || { echo "the patch changes no module"; return 1; }
	mkdir -p "$updates"
	find "$dir/out" -name '*.ko' -exec cp -t "$updates" {} +
	find "$updates" -name '*.ko' -printf "/lab/run/${updates#"$LAB_RUN"/}/%P\0" | in_view xargs -0 strip --strip-debug
}

# The .c files that are to be compiled: of a module with a changed header, all.
mutant_changed_objects() {
	local file
	(cd "$1" && find . -type f -printf '%P\n') | while read -r file; do
		if [[ $file == *.h ]]; then
			(cd "$LAB_TOP" && printf '%s\n' "${file%/*}"/*.c)
		else
			echo "$file"
		fi
	done | sort -u
}

mutant_build_userspace() {
	local dir=$1 guest=$2 program targets
	shift 2
	targets=$(in_view ninja -C /lab/build/release -t targets all)
	# A unit test that is built from the sources needs nothing else.
	if [[ $guest || $# != 1 ]] || ! grep -q "^$1: phony" <<<"$targets"; then
		build_userspace /lab/src /lab/build/release release
	else
		in_view ninja -C /lab/build/release "$1"
	fi
	for program; do
		mutant_unit "$dir" "$program"
		[[ ! $(mutant_killer "$dir" "") ]] || return 0
	done
	[[ ! $guest ]] || mutant_take_files "$dir"
}

# What an installation of the mutant has that differs from the real one.
mutant_take_files() {
	local file stage=/lab/run/${1#"$LAB_RUN"/}/stage
	in_view env DESTDIR="$stage" cmake --install /lab/build/release >/dev/null
	cd "$1/stage" || return
	find . -type f | while read -r file; do
		if ! cmp -s "$file" "$LAB_RUN/stage/$file"; then
			echo "$file"
		fi
	done | tar -cf - --files-from=- | tar -xf - -C "$1/files"
	rm -rf "$1/stage"
	find "$1/files" -type f | grep . || { echo "the patch changes no installed file"; return 1; }
}

mutants_units() {
	in_view ctest --test-dir /lab/build/release -N | sed -nE 's/^ *Test +#[0-9]+: //p'
}

mutant_is_unit() {
	[[ " $MUTANTS_UNITS " == *" $1 "* ]]
}

# mutant_unit DIR PROGRAM: appends the program's results to those of DIR.
mutant_unit() {
	local status=0
	mkdir -p "$1/logs"
	unit_run /lab/build/release "$2" >"$1/logs/$2.log" 2>&1 || status=$?
	awk -v program="$2" -v status="$status" -f "$LAB_TOP/tests/guest/tap.awk" "$1/logs/$2.log" >>"$1/results"
}
