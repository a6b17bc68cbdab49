#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# ./lab with a guest: output and status, two at once, a guest that dies, and what is left after a signal.
# shellcheck source=tests/lab/lib.bash
. "$(dirname -- "$0")/lib.bash"
MIRROR=(${LAB_TEST_MIRROR:+--mirror "$LAB_TEST_MIRROR"})

output_and_status_of_the_command_arrive() {
	lab run -- bash -c 'echo to stdout; echo to stderr >&2; exit 42'
	check "status" equal "$CODE" 42
	check "stdout holds nothing else" equal "$OUT" "to stdout"
	check "stderr" contains "$ERR" "to stderr"
}

run_with_json_is_one_object() {
	lab run --json -- sh -c 'printf "a\"b\n"; echo problem >&2; exit 3'
	check "status" equal "$CODE" 3
	check "object" one_object "$OUT" "o['status'] == 3 and o['stdout'] == 'a\"b\n' and o['stderr'] == 'problem\n' and o['ok'] is False"
}

our_files_are_installed_in_the_guest() {
	lab run -- bash -c 'vfiowc --version && modinfo -n vfiowc_pci vfiowc_rdma && man -w vfiowc 2>/dev/null; ls /usr/share/man/man1/vfiowc.1'
	check "status" equal "$CODE" 0
	check "modules" contains "$OUT" "/updates/vfiowc/vfiowc_rdma.ko"
}

package_is_there_for_that_run_only() {
	lab "${MIRROR[@]}" run --package hello -- hello --greeting=there
	check "status" equal "$CODE" 0
	check "output" equal "$OUT" there
	lab run -- hello
	check "without" equal "$CODE" 127
}

unknown_package_is_named() {
	lab "${MIRROR[@]}" run --package no-such-package-anywhere -- true
	check "status" equal "$CODE" 1
	check "message" contains "$ERR" "could not be installed: no-such-package-anywhere"
}

two_runs_at_once_do_not_disturb_each_other() {
	local first second
	"$LAB" run -- sh -c 'echo first >/root/file; sleep 3; cat /root/file' >"$WORK/1" 2>"$WORK/1.err" </dev/null &
	first=$!
	"$LAB" run -- sh -c 'echo second >/root/file; sleep 3; cat /root/file' >"$WORK/2" 2>"$WORK/2.err" </dev/null &
	second=$!
	check "status of the first" wait "$first"
	check "status of the second" wait "$second"
	check "first" equal "$(<"$WORK/1")" first
	check "second" equal "$(<"$WORK/2")" second
}

dying_guest_is_reported_with_its_console() {
	lab run -- sh -c 'echo c >/proc/sysrq-trigger'
	check "status" equal "$CODE" 125
	check "console" contains "$ERR" "Kernel panic - not syncing: sysrq triggered crash"
}

command_that_takes_too_long_is_ended() {
	lab run --timeout 30 -- sleep 1000
	check "status" equal "$CODE" 125
}

# Interrupted SIGNAL TEXT ARG...: send SIGNAL once ./lab ARG... has said TEXT, then look for what is left.
interrupted() {
	local signal=$1 text=$2 sid left
	shift 2
	run_directories >"$WORK/before"
	# A session of its own names every process; signals must not be ignored, as in a background job.
	env --default-signal setsid "$LAB" "$@" >"$WORK/out" 2>"$WORK/err" </dev/null &
	sid=$!
	check "'$text' was said" wait_until 600 grep -q "$text" "$WORK/err"
	kill "-$signal" "$sid"
	wait "$sid" 2>/dev/null
	CODE=$?
	check "no process is left: $(session "$sid")" wait_until 50 eval '[[ ! $(session '"$sid"') ]]'
	left=$(grep -c "$CACHE/runs" /proc/self/mounts)
	check "no mount is left" equal "$left" "$MOUNTS"
}

run_directories() {
	find "$CACHE/runs" -mindepth 1 -maxdepth 1 2>/dev/null
}

session() {
	cat /proc/[0-9]*/stat 2>/dev/null | sed -E 's/^([0-9]+) \((.*)\) (.) [0-9-]+ [0-9-]+ ([0-9-]+) .*/\4 \1 \2 \3/' |
		awk -v sid="$1" '$1 == sid && $NF != "Z"'
}

# wait_until TENTHS COMMAND...
wait_until() {
	local tenths=$1
	shift
	until "$@"; do
		((tenths-- > 0)) || return 1
		read -rt 0.1 <>"$WORK/never" || true
	done
}
mkfifo "$WORK/never"
CACHE=$VFIOWC_CACHE
MOUNTS=$(grep -c "$CACHE/runs" /proc/self/mounts)

no_run_directory_is_left() {
	check "run directories" equal "$(run_directories | grep -vxFf "$WORK/before")" ""
}

interrupt_while_the_guest_runs_leaves_nothing() {
	interrupted INT "booting the guest" run -- sleep 1000
	check "status" equal "$CODE" 130
	no_run_directory_is_left
}

termination_while_building_leaves_nothing() {
	interrupted TERM "building userspace" run -- true
	check "status" equal "$CODE" 143
	no_run_directory_is_left
}

kill_9_while_the_guest_runs_leaves_nothing() {
	interrupted KILL "booting the guest" run -- sleep 1000
	check "status" equal "$CODE" 137
	no_run_directory_is_left
}

interrupt_while_the_root_is_built_leaves_nothing_and_is_noticed() {
	CACHE=$WORK/cache
	MOUNTS=$(grep -c "$CACHE/runs" /proc/self/mounts)
	interrupted INT "building the guest root" --cache "$CACHE" "${MIRROR[@]}" build
	check "status" equal "$CODE" 130
	no_run_directory_is_left
	interrupted TERM "removing a half-built guest root" --cache "$CACHE" "${MIRROR[@]}" build
	no_run_directory_is_left
	lab clean --cache "$CACHE"
	check "cleaned" equal "$(ls -A "$CACHE/roots" 2>/dev/null)" ""
}

run_tests output_and_status_of_the_command_arrive run_with_json_is_one_object \
	our_files_are_installed_in_the_guest package_is_there_for_that_run_only unknown_package_is_named \
	two_runs_at_once_do_not_disturb_each_other \
	dying_guest_is_reported_with_its_console command_that_takes_too_long_is_ended \
	interrupt_while_the_guest_runs_leaves_nothing termination_while_building_leaves_nothing \
	kill_9_while_the_guest_runs_leaves_nothing \
	interrupt_while_the_root_is_built_leaves_nothing_and_is_noticed
