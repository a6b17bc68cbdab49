# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# shellcheck shell=bash
# Static analysis of `lab test`: clang-tidy, cppcheck and gcc -fanalyzer on userspace, and with --long
# coccinelle's rules on the modules. The programs are no part of the guest: they come
# in a layer of packages of their own, over the root.

STATIC_PACKAGES=(clang-tidy cppcheck)
STATIC_PACKAGES_LONG=(coccinelle)
# What these read: what is installed, not the tests, whose assertions they do not understand.
STATIC_USERSPACE='^(libibverbs|providers|tools|examples)/.*\.c$'
# tools/perftest is compiled into perftest, with its headers; the others are for another machine, and for a
# libibverbs with DMA handles (--suite sid).
STATIC_ELSEWHERE='^tools/perftest/|_arm64\.c$|/dmah\.c$'

static_tools_suite() {
	local check any=""
	for check in clang_tidy_is_silent cppcheck_is_silent gcc_analyzer_is_silent coccinelle_is_silent; do
		! wanted "static/$check" || any=1
	done
	[[ $any ]] || return 0
	static_tools_view
	static_check clang_tidy_is_silent static_clang_tidy
	static_check cppcheck_is_silent static_cppcheck
	static_check gcc_analyzer_is_silent static_gcc_analyzer
	[[ $TEST_LONG ]] || return 0
	static_check coccinelle_is_silent static_coccinelle
}

# The root with the programs on top, at $LAB_RUN/tools.
static_tools_view() {
	local tools=$LAB_RUN/tools LAYER_DIR packages=("${STATIC_PACKAGES[@]}")
	[[ ! $TEST_LONG ]] || packages+=("${STATIC_PACKAGES_LONG[@]}")
	layer_make "${packages[@]}"
	mkdir -p "$tools"
	mount -t overlay -o "userxattr,lowerdir=$LAYER_DIR/upper:$ROOT" tools "$tools"
	mount --rbind /dev "$tools/dev"
	mount -t proc proc "$tools/proc"
	mount -t tmpfs -o mode=1777 tmp "$tools/tmp"
	mount --rbind "$VIEW/lab" "$tools/lab"
	in_view ninja -C /lab/build/release -t compdb | sed '/^ninja:/d' |
		in_view python3 /lab/src/buildlib/lab/compile_commands.py >"$LAB_RUN/compile_commands.json"
	mapfile -t STATIC_FILES < <(static_files "$STATIC_USERSPACE" | grep -vE "$STATIC_ELSEWHERE")
}

in_tools() {
	VIEW=$LAB_RUN/tools in_view "$@"
}

# in_parallel COMMAND...: for the files of userspace, a few at a time on each processor.
static_parallel() {
	printf '/lab/src/%s\n' "${STATIC_FILES[@]}" | in_tools xargs -P "$(nproc)" -n 4 "$@"
}

static_clang_tidy() {
	static_parallel clang-tidy -p /lab/run --quiet 2>&1 | sed -E '/ warnings? generated\.$|Processing file /d'
}

static_cppcheck() {
	in_tools bash -euc 'cd /lab/src; cppcheck --quiet --error-exitcode=1 --std=c11 --platform=unix64 --inline-suppr \
		--enable=warning,performance,portability --suppress=normalCheckLevelMaxBranches --template=gcc \
		-Ilibibverbs -Ikernel-headers -Iproviders/vfiowc -Itools "$@"' cppcheck "${STATIC_FILES[@]}"
}

static_gcc_analyzer() {
	in_tools python3 /lab/src/buildlib/lab/gcc_analyzer.py /lab/run/compile_commands.json "${STATIC_FILES[@]/#//lab/src/}"
}

# The kernel's own rules, from its source, on our modules; but for two that want an OCaml compiler.
static_coccinelle() {
	local dir
	dir=$(checkpatch_dir) || { echo "the kernel's rules are not to be had from the mirror"; return 77; }
	[[ -d $dir/coccinelle ]] || { echo "the kernel's source has no rules"; return 1; }
	cp -r "$dir/coccinelle" "$LAB_RUN/coccinelle"
	# A spatch that reports nothing at all would be silent, too: it must find what is planted.
	in_tools bash -uc 'cd /lab/src; bad=0
		report() {
			spatch --very-quiet --no-show-diff -D report --no-includes --include-headers --cocci-file "$@"
		}
		printf "void f(void *p)\n{\n\tif (p)\n\t\tkfree(p);\n}\n" >/tmp/planted.c
		report /lab/run/coccinelle/free/ifnullfree.cocci /tmp/planted.c | grep -q "^/tmp/planted.c:4:.*NULL check" ||
			{ echo "spatch does not report what is planted"; exit 1; }
		for rule in $(find /lab/run/coccinelle -name "*.cocci" | sort); do
			grep -q "^virtual report" "$rule" || continue
			! grep -q "script:ocaml" "$rule" || continue
			report "$rule" --dir kernel >/tmp/out 2>/tmp/err ||
				{ echo "${rule#/lab/run/} cannot be applied:"; tail -n 3 /tmp/err; bad=1; }
			if [ -s /tmp/out ]; then echo "${rule#/lab/run/}:"; cat /tmp/out; bad=1; fi
		done; exit $bad'
}
