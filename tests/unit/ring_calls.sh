#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# ring_calls.sh OBJECT [OBJDUMP]: are the accesses to the plug-in's rings ordered as ring.h says, on the
# architecture of OBJECT? On x86-64 only the fence leaves a trace: each load acquires there, each store releases.
# Prints TAP.
set -u
object=$1
objdump=${2:-objdump}
failed=0
count=0

# expect FUNCTION REGEX: an instruction that FUNCTION must have.
expect() {
	count=$((count + 1))
	if "$objdump" -d --no-show-raw-insn "$object" | awk -v name="<$1>:" '
		$2 == name { on = 1; next }
		on && NF == 0 { exit }
		on' | grep -qE "$2"; then
		echo "ok $count - $1"
	else
		echo "not ok $count - $1"
		echo "# no instruction matches $2"
		failed=1
	fi
}

case $("$objdump" -f "$object") in
*x86-64*)
	expect call_wants_kick 'mfence|lock or|xchg'
	;;
*aarch64*)
	expect call_publish '\sstlr\s'
	expect call_empty '\sldap?r\s|\sldar\s'
	expect call_release '\sstlr\s'
	expect call_wants_kick '\sdmb\s+ish$'
	;;
*)
	echo "$object is for neither x86-64 nor arm64"
	exit 1
	;;
esac
echo "1..$count"
exit $failed
