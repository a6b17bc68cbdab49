#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# copy_routines.sh OBJDUMP ROUTINES-OBJECT CALLS-OBJECT: the routines of copies and line doorbells, read from their
# disassembly: a line is exactly the instructions that its routine is named after, and no routine
# calls anything (memcpy above all) or repeats. Which accesses they make when, unit_copy_access.c
# counts. Prints TAP.
set -u
objdump=$1
object=$2
calls=$3
failed=0
count=0
case $("$objdump" -f "$object") in
*x86-64*) arch=x86-64 options="-M suffix" ;;
*aarch64*) arch=arm64 options= ;;
*)
	echo "$object is for neither x86-64 nor arm64"
	exit 1
	;;
esac
# shellcheck disable=SC2086
listing=$("$objdump" -d --no-show-raw-insn $options "$object" "$calls")

# The instructions of function $1, "mnemonic operands" each.
body() {
	echo "$listing" | awk -v name="<$1>:" '
		$2 == name { on = 1; next }
		on && NF == 0 { exit }
		on { sub(/^[^:]*:[ \t]*/, ""); sub(/[ \t]*(#|\/\/|<).*/, ""); gsub(/[ \t]+/, " "); print }'
}

result() {
	count=$((count + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $count - $1"
	else
		echo "not ok $count - $1"
		echo "# expected \"$2\", found \"$3\""
		failed=1
	fi
}

# line FUNCTION STORES: the stores of a line doorbell, in order.
line() {
	result "$1_is_its_instructions" "$2" "$(body "$1" | grep -E "$stores" | sed 's/ .*//' | xargs)"
}

# holds FUNCTION MNEMONIC NUMBER: so many of this instruction are in it.
holds() {
	result "$1_has_$3_$(echo "$2" | tr ' ' _)" "$3" "$(body "$1" | grep -c "^$2 *\( \|$\)")"
}

# words FUNCTION: one store of each width.
words() {
	result "$1_stores_words_of_every_width" "$2" \
		"$(body "$1" | grep -E "$stores" | sed 's/ \([wx]\)[0-9]*,.*/ \1/; s/ %.*//' | sort -u | xargs)"
}

nothing_else() {
	for f in $(echo "$listing" | sed -nE 's/.*<((copy|put_line)_[a-z0-9_]+)>:$/\1/p'); do
		body "$f" | grep -E '^(call|rep|bl |blr |movnt[iqp]|maskmov|vmaskmov)' && echo "in $f"
	done
}

case $arch in
x86-64)
	stores='^(v?mov[a-z0-9]* [^(]*,[^(]*\(|movdir64b)'
	line put_line_sse2 "movdqa movdqa movdqa movdqa"
	line put_line_avx2 "vmovdqa vmovdqa"
	line put_line_movdir64b "movdir64b"
	words copy_to_words "movb movl movq movw"
	holds copy_to_movdir64b movdir64b 1
	holds copy_to_movdir64b sfence 2
	holds copy_from_sse41 movntdqa 4
	holds copy_from_sse41 mfence 2
	holds copy_from_avx2 vmovntdqa 2
	holds copy_from_avx2 mfence 2
	holds copy_from_sse2 movdqa 4
	holds vfiowc_ring_line sfence 2
	;;
arm64)
	stores='^(st[a-z0-9]*) '
	line put_line_neon "stp stp"
	line put_line_st64b "st64b"
	words copy_to_words "str w str x strb w strh w"
	holds copy_to_st64b st64b 1
	holds copy_from_ld64b ld64b 1
	holds vfiowc_ring_line "dsb st" 2
	;;
esac
result no_routine_calls_or_repeats "" "$(nothing_else | xargs)"
echo "1..$count"
exit $failed
