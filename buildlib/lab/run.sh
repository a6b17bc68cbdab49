# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# shellcheck shell=bash
# `lab build`, `lab run` and `lab shell`.

# prepare: root, build and stage: what every command needs before a guest boots.
prepare() {
	root_ensure
	tree_choose
	view_mount
	build_all
	boot_files
	boot_accel
}

parse_build() {
	(($# == 0)) || usage_error "build takes no argument '$1'"
}

cmd_build() {
	root_ensure
	tree_choose
	view_mount
	build_all
	say "built"
	json_result "$(json_object ok true kernel "$(json_string "$KERNEL")" \
		kernel_package "$(json_string "$KERNEL_PACKAGE")" build "$(json_string "$TREE_DIR")")"
}

parse_run() {
	RUN_PACKAGES=() RUN_TIMEOUT=0
	while (($#)); do
		case $1 in
		--package | --timeout)
			take_value "$@"
			parse_run_value "$1" "$2"
			shift
			;;
		--package=* | --timeout=*) parse_run_value "${1%%=*}" "${1#*=}" ;;
		--)
			shift
			break
			;;
		-*) usage_error "run does not know '$1'" ;;
		*) usage_error "the command stands after '--': ./lab run -- $*" ;;
		esac
		shift
	done
	(($#)) || usage_error "no command given after '--'"
	RUN_COMMAND=("$@")
}

parse_run_value() {
	case $1 in
	--package)
		[[ $2 =~ ^[a-z0-9][a-z0-9.+-]+$ ]] || usage_error "'$2' is no Debian package name"
		RUN_PACKAGES+=("$2")
		;;
	--timeout)
		[[ $2 =~ ^[0-9]{1,6}$ ]] || usage_error "--timeout wants seconds, not '$2'"
		RUN_TIMEOUT=$2
		;;
	esac
}

cmd_run() {
	local status
	prepare
	layer_ensure "${RUN_PACKAGES[@]}"
	printf 'exec' >"$LAB_RUN/job"
	printf ' %q' "${RUN_COMMAND[@]}" >>"$LAB_RUN/job"
	say "booting the guest"
	if [[ ${LAB_JSON:-} ]]; then
		boot_job "$RUN_TIMEOUT" >"$LAB_RUN/command.out" 2>"$LAB_RUN/command.err"
	else
		boot_job "$RUN_TIMEOUT"
	fi
	status=$STATUS
	[[ $status ]] || boot_failed "the guest died before the command ended" 125
	say "the command ended with status $status"
	[[ ! ${LAB_JSON:-} ]] || json_result "$(json_object ok "$( ((status == 0)) && echo true || echo false)" \
		status "$status" stdout "$(json_file "$LAB_RUN/command.out")" \
		stderr "$(json_file "$LAB_RUN/command.err")" kernel "$(json_string "$KERNEL")" \
		kernel_package "$(json_string "$KERNEL_PACKAGE")" accel "$(json_string "$ACCEL")")"
	return "$status"
}

parse_shell() {
	(($# == 0)) || usage_error "shell takes no argument '$1'"
}

cmd_shell() {
	local status size saved
	[[ -t 0 ]] || die "shell needs a terminal on stdin; use './lab run -- COMMAND' in scripts"
	prepare
	size=$(stty size)
	echo "$size" >"$LAB_RUN/interactive"
	echo "${TERM:-vt100}" >"$LAB_RUN/term"
	say "booting the guest; 'exit' or Ctrl-D ends it, Ctrl-A x kills it"
	saved=$(stty -g)
	BOOT_CMDLINE=quiet boot_qemu 0 \
		-chardev stdio,id=console,mux=on,signal=off,logfile=/lab/run/console -serial chardev:console || true
	stty "$saved"
	printf '\n' >&2
	[[ -e $LAB_RUN/status ]] || boot_failed "the guest died before the shell ended"
	status=$(<"$LAB_RUN/status")
	json_result "$(json_object ok true status "$status")"
	return "$status"
}
