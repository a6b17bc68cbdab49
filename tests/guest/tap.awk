# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# Turns what one test program printed into result lines "status<TAB>PROGRAM.TEST<TAB>reason", status being
# pass, fail or skip. cmocka's TAP is understood, and so is a program that prints none: its exit status
# counts (77: skipped, its last line is the reason). A program that planned more tests than it finished has
# died: that is a failure of its own.
# Variables: program, status (exit status; 124 and 137 mean that its time was up).

function result(kind, name, reason)
{
	gsub(/[\t\r]/, " ", reason)
	printf "%s\t%s\t%s\n", kind, name == "" ? program : program "." name, reason
	if (kind == "fail")
		failures++
}

# A failed test's reason stands in the comment lines after its own.
function flush()
{
	if (failed != "")
		result("fail", failed, why)
	failed = why = ""
}

/^1\.\.[0-9]+/ { planned += substr($1, 4); next }
/^(not )?ok [0-9]+ # SKIP / {
	flush()
	result("skip", $NF, reason == "" ? "no reason given" : reason)
	seen++
	reason = ""
	next
}
/^ok [0-9]+ - / {
	flush()
	name = $0
	sub(/^ok [0-9]+ - /, "", name)
	result("pass", name, "")
	seen++
	reason = ""
	next
}
/^not ok [0-9]+ - / {
	flush()
	failed = $5
	why = $0
	sub(/^not ok [0-9]+ - [^ ]+ */, "", why)
	seen++
	reason = ""
	next
}
/^# / && failed != "" { why = why (why == "" ? "" : "; ") substr($0, 3); next }
/^skipped: / { reason = substr($0, 10) }
{ last = $0 }

END {
	flush()
	if (status == 124 || status == 137)
		result("fail", "", "time was up after " seen + 0 " of " planned + 0 " tests")
	else if (!planned && status == 77)
		result("skip", "", last)
	else if (!planned && status == 0)
		result("pass", "", "")
	else if (!planned)
		result("fail", "", "exit status " status ": " last)
	else if (seen < planned)
		result("fail", "", "died after " seen + 0 " of " planned " tests, exit status " status)
	else if (status != 0 && !failures)
		result("fail", "", "exit status " status " although no test failed")
}
