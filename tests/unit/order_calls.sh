#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# order_calls.sh OBJECT: do the ordering calls consist of the instructions their rules demand? Looks
# at fences and memory accesses only: how the compiler brings the operands there is its affair.
# Prints TAP; exit status 77 (skipped) on an architecture whose sequences are not listed.
set -u
object=$1
failed=0
count=0

case $(objdump -f "$object") in
*x86-64*) ;;
*)
	echo "skipped: sequences are listed for x86-64 only"
	exit 77
	;;
esac

# Mnemonics of function $1: fences, and moves from or to memory, in order.
sequence() {
	objdump -d --no-show-raw-insn "$object" | awk -v name="<$1>:" '
		$2 == name { on = 1; next }
		on && NF == 0 { exit }
		on && $2 ~ /fence$/ { printf "%s%s", sep, $2; sep = " " }
		on && $2 ~ /^mov/ && $3 ~ /\(%r[a-z0-9]+\)$/ && $3 !~ /rsp|rbp/ {
			printf "%s%s", sep, ($3 ~ /^[^(]*,/ ? "store" : "load"); sep = " "
			if ($3 ~ /^%r[^,]*,/) printf "64"; else if ($3 ~ /^%e[^,]*,/) printf "32"
		}
		on && $2 ~ /^mov/ && $3 ~ /^\(%r[a-z0-9]+\),/ { printf "%sload", sep; sep = " " }'
}

expect() {
	found=$(sequence "$1")
	count=$((count + 1))
	if [ "$found" = "$2" ]; then
		echo "ok $count - $1"
	else
		echo "not ok $count - $1"
		echo "# expected \"$2\", found \"$found\""
		failed=1
	fi
}

expect call_wc_flush "sfence"			# O2
expect call_ring32 "store32"			# O1, O3
expect call_ring64 "store64"
expect call_ring32_wc "sfence store32 sfence"	# O3
expect call_ring64_wc "sfence store64 sfence"
expect call_deliver "mfence load"		# O4
expect call_acquire "lfence"			# O5t
expect call_done_reading ""			# O17: a compiler barrier
echo "1..$count"
exit $failed
