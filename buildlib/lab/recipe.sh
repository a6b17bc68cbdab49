# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# shellcheck shell=bash
# How the guest root is made. Its cache is keyed by a hash of this file, of `packages` and of guest/init:
# any change here makes a new root. Runs inside the private namespaces.

# --suite: the suites a root is made of, its userspace's own first, and the one that wins where both have a
# package. sid has the newest libibverbs, whose private ABI is another; its kernel must be new enough, too.
declare -A RECIPE_SUITES=([trixie]="trixie trixie-backports" [sid]="sid trixie-backports")
declare -A RECIPE_PREFERRED=([trixie]=trixie-backports [sid]=sid)
RECIPE_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
# Kernels older than this lack what kernel/ builds on. The second is what this tree was tested with.
RECIPE_KERNEL_MIN=7.3
RECIPE_KERNEL_TESTED=7.3.4+deb13-amd64
# The initrd's modules: a 9p root under an overlay.
RECIPE_BOOT_MODULES=(9p 9pnet_virtio overlay)

# recipe_suite: trixie, or what --suite says.
recipe_suite() {
	echo "${LAB_SUITE:-trixie}"
}

# recipe_sources MIRROR: the lines of a sources.list.
recipe_sources() {
	local suite own
	own=$(recipe_suite)
	for suite in ${RECIPE_SUITES[$own]}; do
		echo "deb $(recipe_source_options "$suite") $1 $suite main"
	done
	echo "deb-src $(recipe_source_options "$own") $1 $own main"
}

# A mirror's copy of sid may be older than the week for which its signature says that it is current.
recipe_source_options() {
	local stale=
	[[ $1 != sid ]] || stale=" check-valid-until=no"
	echo "[signed-by=$RECIPE_KEYRING$stale]"
}

recipe_packages() {
	sed 's/#.*//' "$LAB_LIB/packages" | xargs -n 1
}

# recipe_apt DIR COMMAND...: apt-get or apt-cache with state and sources of its own below DIR.
recipe_apt() {
	local dir=$1 command=$2
	shift 2
	"$command" -o Dir::State="$dir/state" -o Dir::State::status="$dir/status" -o Dir::Cache="$dir/cache" \
		-o Dir::Etc::SourceList="$dir/sources.list" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
		-o APT::Architecture=amd64 -o APT::Architectures=amd64 -o APT::Sandbox::User=root \
		-o APT::Default-Release= -o Debug::NoLocking=1 "$@"
}

# recipe_lists DIR MIRROR: the package lists of the suites.
recipe_lists() {
	mkdir -p "$1"/state/lists/partial "$1"/cache/archives/partial
	: >"$1/status"
	recipe_sources "$2" >"$1/sources.list"
	recipe_apt "$1" apt-get update
}

# recipe_kernels < PACKAGE-NAMES: every "VERSION PACKAGE" that is a stock amd64 kernel new enough and has
# headers, oldest first; of two packages of one version the signed one comes last.
recipe_kernels() {
	local names package version
	names=$(cat)
	while read -r package; do
		version=${package#linux-image-}
		version=${version#linux-binary-unsigned-}
		dpkg --compare-versions "${version%%+*}" ge "$RECIPE_KERNEL_MIN" || continue
		grep -qx "linux-headers-$version" <<<"$names" || continue
		echo "$version $package"
	done < <(grep -E '^linux-(image|binary-unsigned)-[0-9.]+\+deb[0-9]+-amd64$' <<<"$names") |
		sort -k1,1V -k2,2
}

# recipe_choose WANTED < KERNELS: the newest one; with WANTED that version, or the next newer.
recipe_choose() {
	local wanted=$1 version package line=
	while read -r version package; do
		[[ $wanted ]] && dpkg --compare-versions "${version%-amd64}" lt "${wanted%-amd64}" && continue
		[[ $wanted && $line && $version != "${line% *}" ]] && break
		line="$version $package"
	done
	[[ $line ]] && echo "$line"
}

# recipe_announce WANTED VERSION PACKAGE: say aloud which kernel it is when that is not the expected one.
recipe_announce() {
	if [[ $1 && $1 != "$2" ]]; then
		say "kernel $1 is not in the suites (any more): taking the next newer one, $2"
	elif [[ ! $1 && $2 != "$RECIPE_KERNEL_TESTED" ]]; then
		say "the newest kernel in the suites is $2; this tree was tested with $RECIPE_KERNEL_TESTED"
	fi
	say "guest kernel: $2 (package $3)"
}

# recipe_build DIR MIRROR WANTED: fill DIR with root/, boot/{vmlinux,initrd} and the facts kernel, kernel_package.
recipe_build() {
	local dir=$1 mirror=$2 wanted=$3 apt=$LAB_RUN/apt kernel package names suites
	suites=${RECIPE_SUITES[$(recipe_suite)]}
	say "reading the package lists of $suites"
	step package-lists "the package lists could not be read from $mirror; check the network or use --mirror URL" \
		recipe_lists "$apt" "$mirror"
	names=$(recipe_apt "$apt" apt-cache pkgnames linux-)
	read -r kernel package < <(recipe_kernels <<<"$names" | recipe_choose "$wanted") ||
		die "no stock kernel >= ${wanted:-$RECIPE_KERNEL_MIN} with headers is in $suites of $mirror"
	recipe_announce "$wanted" "$kernel" "$package"

	say "building the guest root (about a minute, 1.9 GB)"
	step guest-root "mmdebstrap could not build the guest root (its output is above)" \
		recipe_debootstrap "$dir/root" "$mirror" "$kernel" "$package" "$names"
	say "fetching the sources of rdma-core (for its private headers) and perftest (for our back-end)"
	step rdma-core-source "the source of rdma-core could not be fetched from $mirror" \
		recipe_source "$apt" "$dir/root" rdma-core libibverbs-dev libibverbs/driver.h
	step perftest-source "the source of perftest could not be fetched from $mirror" \
		recipe_source "$apt" "$dir/root" perftest perftest configure
	say "extracting the kernel image, making the initrd"
	step boot-files "the kernel image could not be prepared" recipe_boot "$dir" "$kernel"
	echo "$kernel" >"$dir/kernel"
	chroot "$dir/root" dpkg-query -W -f '${Package} ${Version}\n' "$package" >"$dir/kernel_package"
}

recipe_debootstrap() {
	local root=$1 mirror=$2 kernel=$3 package=$4 names=$5 include proxy suite
	suite=$(recipe_suite)
	include=$( (recipe_packages; echo "$package"; echo "linux-headers-$kernel") | paste -sd,)
	grep -qx "linux-modules-$kernel" <<<"$names" && include+=,linux-modules-$kernel
	recipe_sources "$mirror" >"$LAB_RUN/sources.list"
	proxy=$(host_proxy)
	# Root mode also for an ordinary user: by now this process is root of its own user namespace.
	# TMPDIR: a host's /tmp may be small or not allow device nodes.
	TMPDIR=$LAB_RUN ${proxy:+env http_proxy="$proxy"} mmdebstrap --mode=root --variant=minbase --architectures=amd64 \
		--aptopt='APT::Install-Recommends "false"' \
		--aptopt="APT::Default-Release \"${RECIPE_PREFERRED[$suite]}\"" \
		--aptopt='APT::Sandbox::User "root"' \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt='path-exclude=/usr/bin/qemu-*' --dpkgopt='path-include=/usr/bin/qemu-system-*' \
		--dpkgopt='path-include=/usr/bin/qemu-aarch64' --dpkgopt='path-include=/usr/bin/qemu-x86_64' \
		--include="$include" "$suite" "$root" "$LAB_RUN/sources.list"
	# Mount points of view.sh, of guest/init, and of depmod's view of our modules.
	mkdir -p "$root"/lab/{src,build,run,root,layer} "$root/usr/lib/modules/$kernel/updates"
	echo vfiowc >"$root/etc/hostname"
	rm -f "$root/etc/resolv.conf"
	: >"$root/etc/resolv.conf"
}

# recipe_source APT ROOT SOURCE PACKAGE FILE: unpack the upstream source of the installed PACKAGE to ROOT's
# /usr/src/SOURCE-VERSION. `apt-get source` may fail on the .dsc of a suite although the checked upstream
# tarball has arrived, and the tarball is all that is needed. What counts is whether FILE is in it.
recipe_source() {
	local apt=$1 root=$2 source=$3 package=$4 file=$5 version dir=$LAB_RUN/source-$3
	mkdir -p "$dir"
	cd "$dir" || return
	recipe_apt "$apt" apt-get source --download-only -t "$(recipe_suite)" "$source" ||
		echo "apt-get source failed; looking for the tarball all the same"
	version=$(chroot "$root" dpkg-query -W -f '${source:Upstream-Version}' "$package")
	mkdir -p "$root/usr/src/$source-$version"
	cp "${source}_$version.orig.tar."* "$root/usr/src/"
	chroot "$root" sh -c "tar -C /usr/src/$source-$version --strip-components=1 -xf /usr/src/${source}_$version.orig.tar.* &&
		rm /usr/src/${source}_*"
	ls "$root/usr/src/$source-$version/$file"
	cd / && rm -rf "$dir"
}

recipe_boot() {
	local dir=$1 kernel=$2 image initrd=$1/root/lab/initrd
	mkdir -p "$dir/boot" "$initrd"/{bin,dev,proc,mnt,m}
	for image in "$dir/root/usr/lib/modules/$kernel"/vmlinuz{,.unsigned} "$dir/root/boot/vmlinuz-$kernel"; do
		[[ -e $image ]] && break
	done
	recipe_vmlinux "$dir/root" "$image" >"$dir/boot/vmlinux"
	cp "$LAB_LIB/guest/init" "$initrd/init"
	chmod 755 "$initrd/init"
	mount -t proc proc "$dir/root/proc"
	chroot "$dir/root" bash -euo pipefail -s "$kernel" "${RECIPE_BOOT_MODULES[@]}" <<'END'
kernel=$1; shift
cd /lab/initrd
cp /usr/bin/busybox bin/busybox
# In loading order; each once. Unpacked here: busybox's insmod reads plain modules only.
modprobe --set-version "$kernel" --all --show-depends "$@" | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >order
n=10
while read -r path; do
	name=$(basename "${path%.ko*}")
	case $path in
	*.xz) xz -dc "$path" ;;
	*.zst) zstd -qdc "$path" ;;
	*) cat "$path" ;;
	esac >"m/$n-$name.ko"
	n=$((n + 1))
done <order
rm order
find . | cpio --quiet -o -H newc | gzip -1 >/lab/initrd.gz
END
	umount "$dir/root/proc"
	mv "$dir/root/lab/initrd.gz" "$dir/boot/initrd"
	rm -rf "$initrd"
}

# recipe_vmlinux ROOT IMAGE: the ELF kernel inside a bzImage, on stdout. Entered directly (PVH) it saves the
# emulated guest about two seconds of unpacking. The payload is found by zstd's magic number; as that may
# also occur by chance, only what unpacks to an ELF file counts.
recipe_vmlinux() {
	local root=$1 image=$2 offset
	# shellcheck disable=SC2013
	for offset in $(LC_ALL=C grep -aobP '\x28\xb5\x2f\xfd' "$image" | cut -d: -f1); do
		if [[ $(recipe_unzstd "$root" "$image" "$offset" | head -c 4 | tail -c 3) == ELF ]]; then
			recipe_unzstd "$root" "$image" "$offset"
			return
		fi
	done
	echo "no zstd-compressed kernel found in $image" >&2
	return 1
}

# Bytes follow the payload: zstd complains about them once it is done, so its status says nothing.
recipe_unzstd() {
	tail -c +$(($3 + 1)) "$2" | chroot "$1" zstd -qdc 2>/dev/null || true
}
