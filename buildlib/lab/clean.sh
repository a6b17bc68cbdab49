# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# shellcheck shell=bash
# `lab clean`: removes what ./lab has put on this host, except what another lab is using this moment.
# Host packages stay.

parse_clean() {
	CLEAN_KEEP_ROOT=
	while (($#)); do
		case $1 in
		--keep-root) CLEAN_KEEP_ROOT=1 ;;
		*) usage_error "clean does not know '$1'" ;;
		esac
		shift
	done
}

cmd_clean() {
	local removed=() kept=() dir key
	for dir in "$LAB_CACHE"/trees/*; do
		[[ -d $dir ]] && clean_one "$dir" "tree-${dir##*/}"
	done
	rm -rf "$LAB_CACHE/mutants"
	if [[ ! $CLEAN_KEEP_ROOT ]]; then
		for dir in "$LAB_CACHE"/layers/*; do
			[[ -d $dir ]] && clean_one "$dir" "layer-${dir##*/}"
		done
		for dir in "$LAB_CACHE"/kernels/*; do
			[[ -d $dir ]] || continue
			key=${dir##*/}
			clean_one "$dir" "kernel-${key%.new}"
		done
		for dir in "$LAB_CACHE"/roots/* "$LAB_CACHE"/tools/*; do
			[[ -d $dir ]] || continue
			key=${dir##*/}
			clean_one "$dir" "root-${key%.new}"
		done
		rm -f "$LAB_CACHE"/accel-*
	fi
	((${#kept[@]} == 0)) || say "left alone, another lab is using it: ${kept[*]}"
	say "removed ${#removed[@]} directories below $LAB_CACHE"
	json_result "$(json_object ok true removed "$(json_array "${removed[@]}")" kept "$(json_array "${kept[@]}")")"
}

# clean_one DIR LOCK: appends to cmd_clean's lists.
clean_one() {
	local fd
	mkdir -p "$LAB_CACHE/locks"
	exec {fd}>>"$LAB_CACHE/locks/$2"
	if flock --nonblock --exclusive "$fd"; then
		remove_tree "$1"
		removed+=("$1")
	else
		kept+=("$1")
	fi
	exec {fd}>&-
}
