# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# One line a patch: name|component|kind|program and test|why. The component is that of the first file.

function flush()
{
	if (name != "")
		print name "|" component "|" kind "|" test "|" why
	name = component = kind = test = why = ""
}

function component_of(path)
{
	if (path ~ /^kernel\/vfiowc_rdma\//)
		return "rdma"
	if (path ~ /^(kernel|kernel-headers)\//)
		return "pci"
	if (path ~ /^(libibverbs|examples)\//)
		return "library"
	if (path ~ /^providers\//)
		return "plugin"
	if (path ~ /^tools\//)
		return "tools"
	return "unknown"
}

FNR == 1 {
	flush()
	name = FILENAME
	sub(/.*\//, "", name)
	sub(/\.patch$/, "", name)
	header = 1
}
/^(---|diff) / { header = 0 }
header && /^Kind: / { kind = substr($0, 7) }
header && /^Test: / { test = substr($0, 7) }
header && /^Why: / { why = substr($0, 6) }
/^\+\+\+ b\// && component == "" { component = component_of(substr($2, 3)) }
END { flush() }
