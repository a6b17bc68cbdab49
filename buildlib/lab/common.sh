# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# shellcheck shell=bash
# Messages, JSON and errors of ./lab. Progress goes to stderr always, so that stdout carries results
# only: the guest command's output, the test lines, or, with --json, one object written to fd 3.

# Seconds since the outermost ./lab began; EPOCHSECONDS so that the inner process agrees.
export LAB_START=${LAB_START:-$EPOCHSECONDS}

say() {
	printf '[%4ds] %s\n' $((EPOCHSECONDS - LAB_START)) "$*" >&2
}

# die MESSAGE [STATUS]: one sentence on what happened and what to do; 1 for failures, 2 for wrong usage.
die() {
	printf 'lab: %s\n' "$1" >&2
	json_error "$1"
	exit "${2:-1}"
}

usage_error() {
	local command=

	declare -F "help_${LAB_COMMAND:-}" >/dev/null && command="$LAB_COMMAND "
	die "$1; try './lab $command--help'" 2
}

# json_string TEXT: TEXT as a JSON string. Bytes that are no UTF-8 become U+FFFD, as in browsers.
json_string() {
	local text=$1 c i code out=
	text=${text//\\/\\\\}
	text=${text//\"/\\\"}
	text=${text//$'\n'/\\n}
	text=${text//$'\t'/\\t}
	text=${text//$'\r'/\\r}
	if [[ $text == *[$'\x01'-$'\x1f']* ]]; then
		for ((i = 0; i < ${#text}; i++)); do
			c=${text:i:1}
			if [[ $c == [$'\x01'-$'\x1f'] ]]; then
				printf -v code '%d' "'$c"
				printf -v c '\\u%04x' "$code"
			fi
			out+=$c
		done
		text=$out
	fi
	printf '"%s"' "$text"
}

# json_object KEY VALUE...: VALUE is JSON already.
json_object() {
	local sep=
	printf '{'
	while (($#)); do
		printf '%s"%s": %s' "$sep" "$1" "$2"
		sep=', '
		shift 2
	done
	printf '}'
}

# json_file FILE: contents as a JSON string; trailing newlines stay.
json_file() {
	local text
	text=$(tr -d '\000' <"$1" | iconv -f utf-8 -t utf-8 -c 2>/dev/null; printf x)
	json_string "${text%x}"
}

# json_result OBJECT: the one object of this run. A second one would break the promise, so the first
# leaves a mark that both processes (outer and inner) can see.
json_result() {
	[[ ${LAB_JSON:-} ]] || return 0
	[[ ${LAB_RUN:-} && -e $LAB_RUN/json-done ]] && return 0
	[[ ${LAB_JSON_DONE:-} ]] && return 0
	[[ ${LAB_RUN:-} && -d $LAB_RUN ]] && : >"$LAB_RUN/json-done"
	LAB_JSON_DONE=1
	printf '%s\n' "$1" >&3
}

json_error() {
	json_result "$(json_object ok false error "$(json_string "$1")")"
}

# try NAME COMMAND...: run quietly in a subshell that ends at the first error; STATUS tells how. The output
# goes to log/NAME of this run and is shown live with --verbose. Never call it, nor anything that calls it,
# in a condition (if, &&, ||): bash would silently ignore `set -e` all the way down.
try() {
	local name=$1
	LAB_LOG=$LAB_RUN/log/$name
	shift
	mkdir -p "$LAB_RUN/log"
	set +e
	(set -e; false; true)
	# shellcheck disable=SC2181
	(($?)) || die "internal error: 'try $name' was called in a condition"
	if [[ ${LAB_VERBOSE:-} ]]; then
		# The pipe's status is the command's: tee does not fail.
		set +o pipefail
		(set -e; "$@") 2>&1 | tee "$LAB_LOG" >&2
		STATUS=${PIPESTATUS[0]}
		set -o pipefail
	else
		(set -e; "$@") >"$LAB_LOG" 2>&1
		STATUS=$?
	fi
	set -e
}

# step NAME MESSAGE COMMAND...: like try, but a failure shows the end of the output and dies with MESSAGE.
step() {
	local name=$1 message=$2
	shift 2
	try "$name" "$@"
	((STATUS == 0)) && return
	[[ ${LAB_VERBOSE:-} ]] || show_tail "$LAB_LOG" 40
	die "$message"
}

# show_tail FILE LINES: the end of a log, marked as such.
show_tail() {
	printf -- '--- end of %s\n' "${1##*/}" >&2
	tail -n "$2" "$1" >&2
	printf -- '---\n' >&2
}

# json_array TEXT...: an array of strings.
json_array() {
	local text sep=
	printf '['
	for text; do
		printf '%s' "$sep"
		json_string "$text"
		sep=', '
	done
	printf ']'
}

hash_text() {
	sha256sum | cut -c1-16
}

# take_lock FILE shared|exclusive WHAT: held until drop_lock "$LAB_LOCK" or the end of this process.
take_lock() {
	local file=$1 mode=$2 what=$3 fd
	mkdir -p "${file%/*}"
	exec {fd}>>"$file"
	if ! flock --nonblock "--$mode" "$fd"; then
		say "waiting for another lab: $what"
		flock "--$mode" "$fd"
	fi
	LAB_LOCK=$fd
}

drop_lock() {
	local fd=$1
	exec {fd}>&-
}
