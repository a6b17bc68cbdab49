# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# shellcheck shell=bash
# What the tests of ./lab share. A test is a function named after a behaviour; `check` records one
# expectation, and run_tests prints TAP. LAB is the script under test, VFIOWC_CACHE the cache in use.

set -u
HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
LAB=${LAB:-$HERE/../../lab}
LAB_LIB=$(cd -- "$HERE/../../buildlib/lab" && pwd)
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# check WHAT COMMAND...: the command must succeed.
check() {
	local what=$1
	shift
	if ! "$@"; then
		PROBLEMS+="# $what"$'\n'
	fi
}

equal() {
	[[ $1 == "$2" ]] || { PROBLEMS+="# got '$1', expected '$2'"$'\n'; return 1; }
}

contains() {
	[[ $1 == *"$2"* ]] || { PROBLEMS+="# '$2' is missing in: ${1:0:300}"$'\n'; return 1; }
}

# lab ARG...: sets OUT, ERR, CODE.
lab() {
	"$LAB" "$@" >"$WORK/out" 2>"$WORK/err" </dev/null
	CODE=$?
	OUT=$(<"$WORK/out")
	ERR=$(<"$WORK/err")
}

# one_object TEXT: is it exactly one JSON object, and does EXPRESSION (python, on `o`) hold for it?
one_object() {
	python3 -c 'import json, sys
o = json.loads(sys.argv[1])
sys.exit(not (isinstance(o, dict) and eval(sys.argv[2])))' "$1" "$2" 2>/dev/null
}

# run_tests FUNCTION...
run_tests() {
	local number=0 failed=0 name
	echo "1..$#"
	for name; do
		number=$((number + 1))
		PROBLEMS=
		"$name"
		if [[ $PROBLEMS ]]; then
			echo "not ok $number - $name"
			printf '%s' "$PROBLEMS"
			failed=1
		else
			echo "ok $number - $name"
		fi
	done
	exit $failed
}
