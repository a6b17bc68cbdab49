# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# shellcheck shell=bash
# The cache of guest roots: one directory per recipe, built under another name and renamed when complete,
# checked against its own inventory before use. Lock order: root lock, then a checkout's build lock.

# root_key: what decides the content of a root. The mirror does not: every mirror has the same archive.
root_key() {
	{ cat "$LAB_LIB/recipe.sh" "$LAB_LIB/packages" "$LAB_LIB/guest/init"; echo "suite=$(recipe_suite) kernel=${LAB_KERNEL:-}"; } | hash_text
}

# root_inventory DIR: one hash over every name, size and link of the root. Finds what a crash, a full disk
# or a curious user did to it, in half a second; contents are not read.
root_inventory() {
	(cd "$1" && find root boot -printf '%y %s %p %l\n' | sed -E 's/^d [0-9]+/d/' | LC_ALL=C sort | hash_text)
}

root_is_sound() {
	[[ -s $1/stamp && $(<"$1/stamp") == "$(root_inventory "$1")" ]]
}

# root_ensure: sets ROOT_DIR (root/, boot/), KERNEL, KERNEL_PACKAGE; builds the root when there is no sound
# one. Holds the root's lock, shared, to the end of the run: `lab clean` waits for it.
root_ensure() {
	local key lock
	key=$(root_key)
	ROOT_DIR=$LAB_CACHE/roots/$key
	lock=$LAB_CACHE/locks/root-$key
	take_lock "$lock" shared "it builds the guest root"
	if ! root_is_sound "$ROOT_DIR"; then
		drop_lock "$LAB_LOCK"
		take_lock "$lock" exclusive "it uses or builds the guest root"
		# Another run may have built it meanwhile.
		root_is_sound "$ROOT_DIR" || root_build_missing
		drop_lock "$LAB_LOCK"
		take_lock "$lock" shared "it builds the guest root"
		[[ -e $ROOT_DIR/stamp ]] || die "the guest root was removed by another lab just now; run again"
	fi
	touch "$ROOT_DIR/used"
	KERNEL=$(<"$ROOT_DIR/kernel")
	KERNEL_PACKAGE=$(<"$ROOT_DIR/kernel_package")
	ROOT=$ROOT_DIR/root
	debug_kernel_ensure
}

root_build_missing() {
	local mirror new=$ROOT_DIR.new
	if [[ -e $ROOT_DIR ]]; then
		say "the cached guest root is damaged (it differs from its inventory): building it anew"
	elif compgen -G "$LAB_CACHE/roots/*/stamp" >/dev/null; then
		say "the cached guest root belongs to another recipe: building one for this tree"
	fi
	if [[ -e $new ]]; then
		say "removing a half-built guest root"
	fi
	rm -rf "$new" "$ROOT_DIR"
	mirror=$(host_mirror)
	[[ $mirror ]] || die "the host's apt sources name no Debian mirror; give one with --mirror URL"
	mkdir -p "$new"
	root_minimum
	recipe_build "$new" "$mirror" "$(root_wanted_kernel)"
	root_inventory "$new" >"$new/stamp"
	mv "$new" "$ROOT_DIR"
	root_remove_old
}

# Roots of other recipes (1.9 GB each) that no run has used for two weeks, and what was built with them.
root_remove_old() {
	local dir
	for dir in "$LAB_CACHE"/roots/*; do
		[[ -e $dir/used && $(find "$dir/used" -mtime +14) ]] || continue
		say "removing a guest root that was not used for two weeks"
		rm -rf "$dir" "$LAB_CACHE/tools/${dir##*/}" "$LAB_CACHE"/trees/*/"${dir##*/}"*
	done
}

# Without --kernel it is a kernel that has everything; by name also the older ones that kernel/ is compiled for.
root_minimum() {
	[[ ! ${LAB_KERNEL:-} ]] || RECIPE_KERNEL_MIN=$KERNELS_OLDER
}

root_wanted_kernel() {
	local wanted=${LAB_KERNEL:-}
	[[ $wanted ]] && echo "${wanted%-amd64}-amd64"
	return 0
}
