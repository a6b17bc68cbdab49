# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# shellcheck shell=bash
# Static checks of `lab test`. One result per tool and kind; what a tool said is shown when it fails.

static_suite() {
	suite_wanted static || return 0
	say "static: checks"
	static_check kernel_builds_without_warnings_or_sparse_complaints static_kernel
	static_check checkpatch_strict_is_silent static_checkpatch
	static_check shellcheck_is_silent static_shellcheck
	static_check python_compiles static_python
	static_check published_headers_stand_alone_in_c_and_cxx static_headers
	static_check every_source_names_its_licence static_licence
	static_check no_unfinished_mark_is_left static_marks
	static_check no_package_host_is_named static_hosts
	static_check every_mutant_is_described_and_applies mutants_check
	static_check every_rule_has_model_litmus_test_and_man_page static_citations rules
	static_check every_man_page_that_moves_data_names_its_rule static_citations pages
	static_tools_suite
}

# static_check NAME COMMAND...
static_check() {
	local start=$EPOCHREALTIME
	wanted "static/$1" || return 0
	try "static-$1" "${@:2}"
	if ((STATUS == 77)); then
		record skip "static/$1" "$(since "$start")" "$(tail -n 1 "$LAB_LOG")"
	elif ((STATUS)); then
		record fail "static/$1" "$(since "$start")" "its output is shown"
		show_tail "$LAB_LOG" 40
	else
		record pass "static/$1" "$(since "$start")" ""
	fi
}

# files REGEX: tracked files, or all when this is no git checkout, whose path matches.
static_files() {
	(
		cd "$LAB_TOP" || exit
		git -c safe.directory="$LAB_TOP" ls-files --cached --others --exclude-standard 2>/dev/null ||
			find . -type f -not -path './.git/*' -printf '%P\n'
	) | grep -E -- "$1" | while read -r file; do
		[[ ! -f $LAB_TOP/$file ]] || echo "$file"
	done
}

# W=1 and sparse in one build of its own, from nothing: a warning appears only when a file is compiled.
static_kernel() {
	rm -rf "$TREE_DIR/static"
	mkdir -p "$TREE_DIR/static"
	# KBUILD_CHECKSRC too: Debian's headers lack the script that C=2 asks whether sparse is good enough; what
	# trixie's lacks is __typeof_unqual__.
	build_modules /lab/src /lab/build/static W=1 C=2 KBUILD_CHECKSRC=2 CF=-D__typeof_unqual__=__typeof__
	# A build in which sparse did not run would be silent, too.
	grep -q '  CHECK  ' "$LAB_LOG"
	grep -E '/lab/src/.*(warning|error):' "$LAB_LOG" | grep -vE "$STATIC_SPARSE_NOISE" >"$LAB_RUN/complaints" || true
	cat "$LAB_RUN/complaints"
	[[ ! -s $LAB_RUN/complaints ]]
}

# What trixie's sparse, older than the kernel, says about macros of the kernel used in our files: MODULE_...()
# and EXPORT_...() are no constants to it, and without __typeof_unqual__ a const stays where the kernel drops
# it (the compiler checks constness itself). About the kernel's own headers it is not asked.
STATIC_SPARSE_NOISE='error: bad constant expression$|warning: incorrect type .*\(different modifiers\)$'

static_checkpatch() {
	local dir
	dir=$(checkpatch_dir) || { echo "checkpatch.pl is not to be had from the mirror"; return 77; }
	# A uapi header has neither BIT() nor static_assert(), and the macros of a trace header have a layout of
	# their own: checkpatch knows that by the kernel's paths, which these files do not have here.
	checkpatch "$dir" '^kernel-headers/.*\.h$' BIT_MACRO,CAMELCASE
	checkpatch "$dir" '^kernel/.*/trace\.h$' PARENTHESIS_ALIGNMENT,OPEN_ENDED_LINE
	checkpatch "$dir" '^(kernel|tests/guest/modules)/.*([^e]|[^c]e|[^a]ce|[^/]trace)\.[ch]$' NONE
}

# checkpatch DIR FILES-REGEX IGNORED-TYPES
checkpatch() {
	local files
	mapfile -t files < <(static_files "$2")
	# Not from the checkout, where checkpatch would leave a cache file; its stderr is about the missing
	# kernel tree only. The host has perl: mmdebstrap is written in it.
	cd "$LAB_RUN" || return
	perl "$1/checkpatch.pl" --no-tree --strict --terse --no-summary --show-types --ignore "$3" \
		-f "${files[@]/#/$LAB_TOP/}" 2>/dev/null
}

static_shellcheck() {
	local files
	mapfile -t files < <(static_files '^(lab|\.ci/run|buildlib/lab/guest/[a-z0-9]+|buildlib/lab/remake-modules|tests/guest/run-tests)$|\.sh$')
	in_view bash -euc 'cd /lab/src; shellcheck -x "$@"' shellcheck "${files[@]}"
}

static_python() {
	local files
	mapfile -t files < <(static_files '\.py$')
	in_view bash -euc 'cd /lab/src; for f; do python3 -c "compile(open(\"$f\").read(), \"$f\", \"exec\")"; done' python "${files[@]}"
}

# Against the installed tree, as an application sees it.
static_headers() {
	in_view bash -euc '
		inc=/lab/run/stage/usr/include
		for header in $(cd $inc && find infiniband -name "*.h"); do
			for how in "gcc -std=gnu11" "clang -std=gnu11" "g++ -x c++ -std=c++17"; do
				echo "$how $header"
				echo "#include <$header>" >/tmp/one.c
				$how -Wall -Wextra -Werror -I$inc -fsyntax-only /tmp/one.c
			done
		done'
}

# The ordering contract: who cites what.
static_citations() {
	in_view python3 /lab/src/tests/ordering/citations.py "$1"
}

static_licence() {
	local file bad=0
	for file in $(static_files '\.([chS]|sh|py|cmake|awk)$|(^|/)(Kbuild|Makefile|CMakeLists\.txt)$|^lab$|^\.ci/run$'); do
		if ! head -n 3 "$LAB_TOP/$file" | grep -qE 'SPDX-License-Identifier: (GPL-2\.0( OR Linux-OpenIB)?|\(GPL-2\.0 WITH Linux-syscall-note\) OR Linux-OpenIB)( \*/)?$'; then
			echo "$file: no SPDX-License-Identifier of this project in its first three lines"
			bad=1
		fi
	done
	return $bad
}

# The words are taken apart so that this file does not find itself.
static_marks() {
	local files
	mapfile -t files < <(static_files '\.([ch]|sh|py|cmake|awk|md)$|^lab$')
	cd "$LAB_TOP" || return
	! grep -nE '\b(TO''DO|FIX''ME|X''XX|HA''CK)\b' -- "${files[@]}"
}

static_hosts() {
	local files
	mapfile -t files < <(static_files '.')
	cd "$LAB_TOP" || return
	# Hosts below .example exist in tests only.
	! grep -nE '[a-z]+\.debian\.(org|net)/|://(deb|ftp|archive|mirror)[a-z0-9.-]*\.' -- "${files[@]}" |
		grep -vE '://[a-z]+\.example/'
}

# checkpatch_dir: prints where checkpatch.pl with its word lists and coccinelle's rules are. They come from the
# package of the kernel's source: 160 MB for a few files, so they are kept beside the root.
checkpatch_dir() {
	local dir=$LAB_CACHE/tools/${ROOT_DIR##*/}
	if [[ ! -e $dir/stamp || ! -d $dir/coccinelle ]]; then
		(checkpatch_fetch "$dir") >&2 || return 1
	fi
	echo "$dir"
}

checkpatch_fetch() {
	local dir=$1 apt=$LAB_RUN/apt version mirror
	mirror=$(host_mirror)
	version=$(grep -oE '^[0-9]+\.[0-9]+' <<<"$KERNEL")
	mkdir -p "$dir" "$LAB_RUN/checkpatch"
	[[ -e $apt/sources.list ]] || recipe_lists "$apt" "$mirror" || return 1
	cd "$LAB_RUN/checkpatch" || return 1
	recipe_apt "$apt" apt-get download "linux-source-$version" || return 1
	dpkg-deb --fsys-tarfile "linux-source-${version}"_*.deb |
		tar -xf - --strip-components=3 --wildcards './usr/src/linux-source-*.tar.xz' || return 1
	chroot "$ROOT" xz -dc <"linux-source-$version.tar.xz" 2>/dev/null |
		tar -xf - -C "$dir" --strip-components=2 --wildcards "linux-source-$version/scripts/coccinelle/*" \
			"linux-source-$version/scripts/"{checkpatch.pl,spelling.txt,const_structs.checkpatch} || true
	[[ -s $dir/checkpatch.pl && -s $dir/spelling.txt && -s $dir/const_structs.checkpatch && -d $dir/coccinelle ]] || return 1
	rm -rf "$LAB_RUN/checkpatch"
	touch "$dir/stamp"
}
