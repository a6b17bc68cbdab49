#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# Fences of the modules that no run can show to be there: what they prevent lasts for nanoseconds, and an emulator
# has no write-combining buffers. So the installed modules are read. Without a debug kernel's calls between two
# instructions, and without what touches no memory or the stack alone.
count=0
failures=0

# instructions MODULE FUNCTION: one a line, without address.
instructions() {
	objdump -d --no-show-raw-insn "$(modinfo --filename "$1")" | awk -v name="<$2>:" '
		$2 == name { on = 1; next }
		on && NF == 0 { exit }
		on' | sed -E 's/^[^\t]*\t//; s/\t/ /g; s/ +/ /g; s/ +(#.*)?$//'
}

# expect NAME MODULE FUNCTION AFTER FENCE: is the first access after AFTER ("": of all) one that matches FENCE?
expect() {
	local code found
	code=$(instructions "$2" "$3")
	found=$(awk -v after="$4" '
		BEGIN { on = after == "" }
		on && /^(lock|mfence|sfence|xchg)|\(%r/ && !/^(lea|nop|data16)|^mov.*\(%rsp\)/ { print; exit }
		after != "" && $0 ~ after { on = 1 }' <<<"$code")
	if [[ $found =~ ^($5) ]]; then
		echo "ok $((++count)) - $1"
	else
		echo "not ok $((++count)) - $1"
		echo "# $3 of $2: after '$4' comes '${found:-nothing}'"
		echo "# ${code//$'\n'/$'\n'# }"
		failures=1
	fi
}

echo "1..2"
# The flag (68 bytes into the header) is to be seen before the producer is read (vfiowc_ring_wants_kick()).
expect flag_of_a_flushed_queue_is_out_before_its_index_is_read vfiowc_rdma vfiowc_rq_flush \
	'^movl \$0x1,0x44\(%r' 'lock (add|or)l|mfence|xchg'
# O9: stores of a CPU have left it before a revocation is over.
expect revocation_empties_write_combining_buffers vfiowc_pci store_fence '' sfence
exit $failures
