# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# shellcheck shell=bash
# Extra Debian packages of `lab run --package`: a layer between the root and what was built, cached by the
# set of packages. The root itself never changes.

# layer_ensure PACKAGE...: sets LAYER_DIR, mounted into the view for the emulator.
layer_ensure() {
	(($#)) || return 0
	layer_make "$@"
	mount --bind "$LAYER_DIR/upper" "$VIEW/lab/layer"
}

# layer_make PACKAGE...: sets LAYER_DIR; builds it when missing.
layer_make() {
	local key
	key=$({ echo "${ROOT_DIR##*/}"; printf '%s\n' "$@" | sort -u; } | hash_text)
	LAYER_DIR=$LAB_CACHE/layers/$key
	take_lock "$LAB_CACHE/locks/layer-$key" exclusive "it installs the same packages"
	if [[ ! -e $LAYER_DIR/stamp ]]; then
		say "installing into a layer of its own: $*"
		rm -rf "$LAYER_DIR"
		mkdir -p "$LAYER_DIR"/{upper,work,merged}
		printf '%s\n' "$@" >"$LAYER_DIR/packages"
		step packages "the packages could not be installed: $*" layer_install "$@"
		touch "$LAYER_DIR/stamp"
	fi
	drop_lock "$LAB_LOCK"
}

layer_install() {
	local merged=$LAYER_DIR/merged mirror
	mirror=$(host_mirror)
	[[ $mirror ]] || die "the host's apt sources name no Debian mirror; give one with --mirror URL"
	# userxattr: the only kind that a user namespace may use, and that crosses the 9p share.
	mount -t overlay -o "userxattr,lowerdir=$ROOT,upperdir=$LAYER_DIR/upper,workdir=$LAYER_DIR/work" layer "$merged"
	mount --rbind /dev "$merged/dev"
	mount -t proc proc "$merged/proc"
	mount -t tmpfs -o mode=1777 tmp "$merged/tmp"
	recipe_sources "$mirror" >"$merged/tmp/sources.list"
	cat /etc/resolv.conf >"$merged/tmp/resolv.conf"
	mount --bind "$merged/tmp/resolv.conf" "$merged/etc/resolv.conf"
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
		http_proxy="$(host_proxy)" chroot "$merged" sh -euc '
		apt-get -o Dir::Etc::SourceList=/tmp/sources.list -o Dir::Etc::SourceParts=/dev/null update
		apt-get -o Dir::Etc::SourceList=/tmp/sources.list -o Dir::Etc::SourceParts=/dev/null install -y --no-install-recommends -- "$@"
		apt-get clean' install "$@"
	rm -rf "$merged"/var/lib/apt/lists/*
	umount -R "$merged"
}

# layer_root DIR: mounts, at DIR/root, the root with the layer on top: to this run's chroot, who may write to it.
# /lab/src is the checkout.
layer_root() {
	mkdir -p "$1"/{upper,work,root}
	mount -t overlay -o "userxattr,lowerdir=$LAYER_DIR/upper:$ROOT,upperdir=$1/upper,workdir=$1/work" layer "$1/root"
	mount --rbind /dev "$1/root/dev"
	mount -t proc proc "$1/root/proc"
	mount -t tmpfs -o mode=1777 tmp "$1/root/tmp"
	mount --bind "$LAB_TOP" "$1/root/lab/src"
	read_only "$1/root/lab/src"
}

# in_layer DIR COMMAND...: run there.
in_layer() {
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LANG=C.UTF-8 chroot "$1/root" "${@:2}"
}
