# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# shellcheck shell=bash
# The private namespaces of a run, and the chroot in which everything is compiled and the emulator runs.
#
# The outer ./lab starts the inner one as process 1 of a PID namespace with its own mounts. Whatever ends
# the inner one, kill -9 included, ends every process below it and takes its mounts along: there is
# nothing to clean up by hand but one directory.

# enter_namespaces ARG...: run ./lab ARG... inside, give its status. Signals end all of it.
enter_namespaces() {
	local flags=(--mount --pid --fork --kill-child) status=0 watcher alive
	((EUID == 0)) || flags+=(--user --map-root-user --map-auto)
	mkfifo "$LAB_RUN/alive"
	LAB_INSIDE=1 unshare "${flags[@]}" -- "$LAB_TOP/lab" "$@" <&0 &
	LAB_CHILD=$!
	watch_over "$LAB_CHILD" &
	watcher=$!
	exec {alive}>"$LAB_RUN/alive"
	trap 'on_signal 2' INT
	trap 'on_signal 15' TERM
	trap 'on_signal 1' HUP
	wait "$LAB_CHILD" || status=$?
	trap - INT TERM HUP
	echo finished >&"$alive"
	wait "$watcher" || true
	return $status
}

# watch_over PID: when this ./lab is killed with no chance to say "finished", the end of the pipe says so.
watch_over() {
	local word=
	trap '' INT TERM HUP
	read -r word <"$LAB_RUN/alive" || true
	if [[ $word != finished ]]; then
		kill_inside "$1"
		remove_run
	fi
}

# kill_inside PID: `unshare` ignores SIGINT and SIGTERM itself. Its child is process 1 of the namespace: when
# that is gone the kernel has already killed and reaped all others.
kill_inside() {
	local children=
	read -r children <"/proc/$1/task/$1/children" || true
	# shellcheck disable=SC2086
	kill -KILL ${children:-$1} 2>/dev/null || true
	# Gone, or a zombie that this shell has not waited for.
	while [[ $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) == [^Z]* ]]; do
		read -rt 0.05 <> <(:) || true
	done
}

on_signal() {
	trap '' INT TERM HUP
	kill_inside "$LAB_CHILD"
	# `alive` is enter_namespaces', which was waiting when the signal came.
	# shellcheck disable=SC2154
	echo finished >&"$alive"
	say "interrupted; nothing is left running or mounted"
	json_error "interrupted by signal $1"
	remove_run
	trap - EXIT
	exit $((128 + $1))
}

# new_run: the private directory of this run. A lock tells a living run from the rest of a killed one.
new_run() {
	mkdir -p "$LAB_CACHE/runs" || die "the cache directory $LAB_CACHE cannot be written; use --cache DIR"
	remove_dead_runs
	LAB_RUN=$(mktemp -d "$LAB_CACHE/runs/run.XXXXXX")
	export LAB_RUN
	exec {LAB_RUN_LOCK}>"$LAB_RUN/lock"
	flock --nonblock "$LAB_RUN_LOCK"
}

remove_dead_runs() {
	local dir fd
	for dir in "$LAB_CACHE"/runs/run.*; do
		[[ -e $dir/lock ]] || continue
		exec {fd}<"$dir/lock"
		if flock --nonblock "$fd"; then
			remove_tree "$dir"
		fi
		exec {fd}<&-
	done
}

remove_run() {
	if [[ ${LAB_RUN:-} && ! ${LAB_KEEP:-} ]]; then
		remove_tree "$LAB_RUN"
	fi
}

# remove_tree DIR: also when files below belong to this user's subordinate ids.
remove_tree() {
	rm -rf -- "$1" 2>/dev/null && return
	if ((EUID != 0)); then
		unshare --user --map-root-user --map-auto rm -rf -- "$1"
	else
		rm -rf -- "$1"
	fi
}

# view_mount: the root, read-only, at $VIEW with /dev, /proc, a fresh /tmp, and below /lab: src (the
# checkout, read-only), build (this checkout's build directory), run (this run), root (the bare root for 9p).
view_mount() {
	VIEW=$LAB_RUN/view
	mkdir -p "$VIEW" "$TREE_DIR"
	mount --bind "$ROOT" "$VIEW"
	read_only "$VIEW"
	mount --rbind /dev "$VIEW/dev"
	mount -t proc proc "$VIEW/proc"
	mount -t tmpfs -o mode=1777 tmp "$VIEW/tmp"
	[[ ! ${KERNEL_DIR:-} ]] || debug_kernel_mount "$KERNEL_DIR"
	mount --bind "${LAB_SOURCE:-$LAB_TOP}" "$VIEW/lab/src"
	read_only "$VIEW/lab/src"
	mount --bind "$TREE_DIR" "$VIEW/lab/build"
	mount --bind "$LAB_RUN" "$VIEW/lab/run"
	mount --bind "$ROOT" "$VIEW/lab/root"
	read_only "$VIEW/lab/root"
}

# In a user namespace the flags of the mount below are locked and must be repeated.
read_only() {
	local locked
	locked=$(findmnt -no VFS-OPTIONS --target "$1" | tr ',' '\n' | grep -E '^(nosuid|nodev|noexec|noatime|relatime|nodiratime)$' | paste -sd,)
	mount -o "remount,bind,ro${locked:+,$locked}" "$1"
}

# in_view COMMAND...: run in the chroot with an environment that does not depend on the caller's.
in_view() {
	env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LANG=C.UTF-8 \
		TERM="${TERM:-dumb}" chroot "$VIEW" "$@"
}
