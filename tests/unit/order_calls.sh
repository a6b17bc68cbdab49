#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# order_calls.sh OBJECT [OBJDUMP]: do the ordering calls consist of the instructions their rules demand, on
# the architecture of OBJECT? Looks at fences and memory accesses only: how the compiler brings the operands
# there is its affair. Prints TAP.
set -u
object=$1
objdump=${2:-objdump}
failed=0
count=0

# Of function $1: fences, and accesses to memory other than the stack, in order.
sequence_x86() {
	"$objdump" -d --no-show-raw-insn "$object" | awk -v name="<$1>:" '
		$2 == name { on = 1; next }
		on && NF == 0 { exit }
		on && $2 ~ /fence$/ { printf "%s%s", sep, $2; sep = " " }
		on && $2 ~ /^xchg/ && $3 ~ /\(/ { printf "%sexchange", sep; sep = " " }
		on && $2 ~ /^mov/ && $3 ~ /\(%r[a-z0-9]+\)$/ && $3 !~ /rsp|rbp/ {
			printf "%s%s", sep, ($3 ~ /^[^(]*,/ ? "store" : "load"); sep = " "
			if ($3 ~ /^%r[^,]*,/) printf "64"; else if ($3 ~ /^(%e|\$)[^,]*,/) printf "32"
		}
		on && $2 ~ /^mov/ && $3 ~ /^\(%r[a-z0-9]+\),/ { printf "%sload", sep; sep = " " }'
}

sequence_arm64() {
	"$objdump" -d --no-show-raw-insn "$object" | awk -v name="<$1>:" '
		function width() { return $3 ~ /^x/ ? "64" : "32" }
		$2 == name { on = 1; next }
		on && NF == 0 { exit }
		on && /\[sp/ { next }
		on && $2 ~ /^d[ms]b$/ { printf "%s%s %s", sep, $2, $3; sep = " " }
		on && $2 ~ /^(ldaxr|swpa)$/ { printf "%sexchange", sep; sep = " " }
		on && $2 ~ /^(str|stlr)$/ { printf "%sstore%s", sep, width(); sep = " " }
		on && $2 == "ldr" { printf "%sload", sep; sep = " " }'
}

# expect FUNCTION X86 ARM64: "..." at the end stands for loads, as of a lock that waits.
expect() {
	case $arch in
	x86-64) wanted=$2 found=$(sequence_x86 "$1") ;;
	arm64) wanted=$3 found=$(sequence_arm64 "$1") ;;
	esac
	case $wanted in
	*...) found=$(echo "$found" | sed -E 's/( load)+$/ .../') ;;
	esac
	count=$((count + 1))
	if [ "$found" = "$wanted" ]; then
		echo "ok $count - $1"
	else
		echo "not ok $count - $1"
		echo "# expected \"$wanted\", found \"$found\""
		failed=1
	fi
}

case $("$objdump" -f "$object") in
*x86-64*) arch=x86-64 ;;
*aarch64*) arch=arm64 ;;
*)
	echo "$object is for neither x86-64 nor arm64"
	exit 1
	;;
esac

expect call_wc_flush "sfence" "dsb st"						# O2
expect call_ring32 "store32" "dmb oshst store32"				# O1, O3
expect call_ring64 "store64" "dmb oshst store64"
expect call_ring32_wc "sfence store32 sfence" "dmb oshst store32 dsb st"	# O3
expect call_ring64_wc "sfence store64 sfence" "dmb oshst store64 dsb st"
expect call_deliver "mfence load" "dsb st load dmb ld"				# O4
expect call_acquire "lfence" "dmb ld"						# O5t
expect call_done_reading "" "dmb ld"						# O17
expect call_wc_lock "exchange ..." "exchange ..."				# O10
expect call_wc_unlock "sfence store32" "dsb st store32"
echo "1..$count"
exit $failed
