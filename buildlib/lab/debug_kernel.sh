# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# shellcheck shell=bash
# The debug kernels of --debug-kernel: built from Debian's linux-source of the guest's version with a small
# configuration of our own (kernel/*.config). One directory of the cache per kernel, keyed by what decides
# it; a build that was interrupted goes on where it was, and one with a changed configuration begins from
# the objects of the last. Lock order: root, debug kernel, checkout.

DEBUG_KERNEL_KINDS=(kasan kcsan)
# What building a kernel needs beyond the root.
DEBUG_KERNEL_PACKAGES=(bison flex bc libelf-dev)
# Where the chroot sees the kernel's source, what is built of it, and its modules: one directory, laid over
# the modules of the stock kernel, so that /lib/modules/RELEASE/build is where everybody looks for it.
DEBUG_KERNEL_MODULES=/usr/lib/modules

# debug_kernel_ensure: with --debug-kernel, sets KERNEL_DIR (vmlinux, modules/), and KERNEL and KERNEL_PACKAGE
# anew; builds the kernel when it is missing. Its lock is held, shared, to the end of the run.
debug_kernel_ensure() {
	local key lock own
	[[ ${LAB_DEBUG_KERNEL:-} ]] || return 0
	# "linux-source-7.3 7.3.4-1": the source of the guest's stock kernel.
	DEBUG_KERNEL_PACKAGE="linux-source-$(grep -oE '^[0-9]+\.[0-9]+' <<<"$KERNEL") ${KERNEL_PACKAGE##* }"
	DEBUG_KERNEL_SOURCE=$LAB_CACHE/kernels/source-${DEBUG_KERNEL_PACKAGE#* }
	key=$LAB_DEBUG_KERNEL-$(debug_kernel_key)
	KERNEL_DIR=$LAB_CACHE/kernels/$key
	lock=$LAB_CACHE/locks/kernel-$key
	debug_kernel_source
	take_lock "$lock" shared "it builds the debug kernel"
	if [[ ! -e $KERNEL_DIR/stamp ]]; then
		drop_lock "$LAB_LOCK"
		take_lock "$lock" exclusive "it uses or builds the debug kernel"
		own=$LAB_LOCK
		[[ -e $KERNEL_DIR/stamp ]] || debug_kernel_build
		drop_lock "$own"
		take_lock "$lock" shared "it builds the debug kernel"
		[[ -e $KERNEL_DIR/stamp ]] || die "the debug kernel was removed by another lab just now; run again"
	fi
	# Shadow memory, bookkeeping of every object and lock, and checks of every access.
	BOOT_MEMORY=4G
	BOOT_SLOWNESS=5
	touch "$KERNEL_DIR" "$DEBUG_KERNEL_SOURCE"
	KERNEL=$(<"$KERNEL_DIR/stamp")
	KERNEL_PACKAGE="$DEBUG_KERNEL_PACKAGE"
	say "debug kernel: $KERNEL"
}

debug_kernel_config() {
	cat "$LAB_LIB/kernel/common.config" "$LAB_LIB/kernel/$LAB_DEBUG_KERNEL.config"
}

# What decides the kernel. Not the root as a whole: of that only the compiler comes in.
debug_kernel_key() {
	{
		echo "$DEBUG_KERNEL_PACKAGE"
		chroot "$ROOT" gcc --version
		declare -f debug_kernel_view debug_kernel_make debug_kernel_flags debug_kernel_configure debug_kernel_install
		debug_kernel_config
	} | hash_text
}

debug_kernel_build() {
	local new=$KERNEL_DIR.new start=$EPOCHSECONDS seed VIEW=$LAB_RUN/kernel-view LAYER_DIR
	layer_make "${DEBUG_KERNEL_PACKAGES[@]}"
	LAYER=$LAYER_DIR
	if [[ -e $new/modules/build ]]; then
		say "going on with the interrupted build of the debug kernel ($LAB_DEBUG_KERNEL)"
	else
		say "building the debug kernel ($LAB_DEBUG_KERNEL): about 20 minutes on two quiet cores, once"
		mkdir -p "$new/modules"
		seed=$(debug_kernel_seed)
		if [[ $seed ]]; then
			say "starting from the objects of an earlier one"
			cp -a "$seed/modules/build" "$new/modules/build.seed"
			mv "$new/modules/build.seed" "$new/modules/build"
		fi
	fi
	mkdir -p "$new/modules"/{source,build}
	debug_kernel_view "$new"
	debug_kernel_config >"$new/modules/build/wanted.config"
	step debug-kernel-config "the debug kernel's configuration does not come out as wanted" debug_kernel_configure
	step debug-kernel "the debug kernel does not build; run again to go on where it stopped" \
		debug_kernel_make vmlinux modules
	step debug-kernel-install "the debug kernel could not be put in its place" debug_kernel_install "$new"
	umount -R "$VIEW"
	in_kernel_release "$new" >"$new/stamp"
	rm -rf "$KERNEL_DIR"
	mv "$new" "$KERNEL_DIR"
	say "built the debug kernel in $((EPOCHSECONDS - start)) s"
	debug_kernel_remove_old
}

in_kernel_release() {
	cat "$1/modules/build/include/config/kernel.release"
}

# The newest finished kernel of the same kind: kbuild compiles again what another option or compiler changes.
debug_kernel_seed() {
	local stamp newest=
	for stamp in "$LAB_CACHE/kernels/$LAB_DEBUG_KERNEL"-*/stamp; do
		[[ -e $stamp ]] || continue
		[[ $newest && $newest -nt $stamp ]] || newest=$stamp
	done
	echo "${newest%/stamp}"
}

# The chroot for building: the root and the layer, nothing in them writable but what is built.
debug_kernel_view() {
	mkdir -p "$VIEW"
	mount -t overlay -o "userxattr,lowerdir=$LAYER/upper:$ROOT" kernel-view "$VIEW"
	mount --rbind /dev "$VIEW/dev"
	mount -t proc proc "$VIEW/proc"
	mount -t tmpfs -o mode=1777 tmp "$VIEW/tmp"
	debug_kernel_mount "$1"
	mount --bind "$LAB_RUN" "$VIEW/lab/run"
}

# debug_kernel_mount DIR: the kernel's directory into the chroot at $VIEW, with the source that it refers to.
debug_kernel_mount() {
	mount --bind "$1/modules" "$VIEW$DEBUG_KERNEL_MODULES"
	mount --bind "$DEBUG_KERNEL_SOURCE" "$VIEW$DEBUG_KERNEL_MODULES/source"
	read_only "$VIEW$DEBUG_KERNEL_MODULES/source"
}

# KASAN: the emulator enters the kernel (PVH) where memcmp() is called before there is a shadow to look at. KCSAN
# watches what was compiled for it: our modules, not the kernel. Reports are then about our accesses only, and the
# guest stays quick enough to race.
debug_kernel_flags() {
	case $LAB_DEBUG_KERNEL in
	kasan) echo KASAN_SANITIZE_string.o=n ;;
	kcsan) echo KCSAN_SANITIZE=n ;;
	esac
}

# debug_kernel_make TARGET...: no time stamps, so that what did not change is not linked again.
debug_kernel_make() {
	# shellcheck disable=SC2046
	in_view make -C "$DEBUG_KERNEL_MODULES/source" O="$DEBUG_KERNEL_MODULES/build" -j"$(nproc)" \
		KBUILD_BUILD_TIMESTAMP=@0 KBUILD_BUILD_USER=vfiowc KBUILD_BUILD_HOST=vfiowc KBUILD_BUILD_VERSION=1 \
		$(debug_kernel_flags) "$@"
}

# A line of ours that Kconfig dropped (renamed, or a dependency is missing) would leave a kernel that checks less than
# it says.
debug_kernel_configure() {
	local config=$KERNEL_DIR.new/modules/build line bad=0
	debug_kernel_make KCONFIG_ALLCONFIG="$DEBUG_KERNEL_MODULES/build/wanted.config" allnoconfig
	while read -r line; do
		if [[ $line == CONFIG_* ]]; then
			grep -qxF -- "$line" "$config/.config" && continue
		elif [[ $line =~ ^#\ (CONFIG_[A-Z0-9_]+)\ is\ not\ set$ ]]; then
			grep -qE "^${BASH_REMATCH[1]}=" "$config/.config" || continue
		else
			continue
		fi
		echo "not in the configuration: $line"
		bad=1
	done <"$config/wanted.config"
	return $bad
}

# debug_kernel_boot: what is booted. The initrd has no modules: what the guest's root needs is built in.
debug_kernel_boot() {
	local initrd=$LAB_RUN/boot/initrd.d
	cp "$KERNEL_DIR/vmlinux" "$LAB_RUN/boot/vmlinux"
	mkdir -p "$initrd"/{bin,dev,proc,mnt,m}
	cp "$ROOT/usr/bin/busybox" "$initrd/bin/busybox"
	cp "$LAB_LIB/guest/init" "$initrd/init"
	chmod 755 "$initrd/init"
	in_view sh -euc 'cd /lab/run/boot/initrd.d; find . | cpio --quiet -o -H newc | gzip -1 >../initrd'
	rm -rf "$initrd"
}

# debug_kernel_install DIR: the kernel, and its modules.
debug_kernel_install() {
	local release dir=$1/modules
	release=$(in_kernel_release "$1")
	in_view strip -s -o /lab/run/vmlinux "$DEBUG_KERNEL_MODULES/build/vmlinux"
	mv "$LAB_RUN/vmlinux" "$1/vmlinux"
	debug_kernel_make INSTALL_MOD_PATH=/lab/run/kernel-install DEPMOD=true modules_install
	rm -rf "${dir:?}/$release"
	# updates: build_depmod's mount point.
	mkdir -p "$dir/$release/updates"
	cp -a "$LAB_RUN/kernel-install/lib/modules/$release"/{kernel,modules.*} "$dir/$release/"
	ln -s ../build "$dir/$release/build"
	rm -rf "$LAB_RUN/kernel-install"
}

# The source, unpacked (1.7 GB), shared by the kernels of one version; modules are built against it, too. Its lock is
# held, shared, to the end of the run.
debug_kernel_source() {
	local lock=$LAB_CACHE/locks/kernel-${DEBUG_KERNEL_SOURCE##*/}
	take_lock "$lock" shared "it unpacks the kernel's source"
	[[ ! -e $DEBUG_KERNEL_SOURCE ]] || return 0
	drop_lock "$LAB_LOCK"
	take_lock "$lock" exclusive "it unpacks the kernel's source"
	if [[ ! -e $DEBUG_KERNEL_SOURCE ]]; then
		say "fetching the kernel's source ($DEBUG_KERNEL_PACKAGE, 170 MB)"
		step kernel-source "the kernel's source could not be fetched; check the network or use --mirror URL" \
			debug_kernel_unpack "$DEBUG_KERNEL_SOURCE.new"
		mv "$DEBUG_KERNEL_SOURCE.new" "$DEBUG_KERNEL_SOURCE"
	fi
	drop_lock "$LAB_LOCK"
	take_lock "$lock" shared "it unpacks the kernel's source"
	[[ -e $DEBUG_KERNEL_SOURCE ]] || die "the kernel's source was removed by another lab just now; run again"
}

debug_kernel_unpack() {
	local package=${DEBUG_KERNEL_PACKAGE% *}
	rm -rf "$1"
	mkdir -p "$1"
	kernel_source_fetch "$package" "${DEBUG_KERNEL_PACKAGE#* }"
	chroot "$ROOT" xz -dc <"$LAB_RUN/kernel-source/$package.tar.xz" | tar -xf - -C "$1" --strip-components=1
	rm -rf "$LAB_RUN/kernel-source"
}

# kernel_source_fetch PACKAGE VERSION: leaves PACKAGE.tar.xz in $LAB_RUN/kernel-source.
kernel_source_fetch() {
	local apt=$LAB_RUN/apt mirror dir=$LAB_RUN/kernel-source
	mirror=$(host_mirror)
	mkdir -p "$dir"
	[[ -e $apt/sources.list ]] || recipe_lists "$apt" "$mirror" || return 1
	(cd "$dir" && recipe_apt "$apt" apt-get download "$1${2:+=$2}") || return 1
	dpkg-deb --fsys-tarfile "$dir/$1"_*.deb |
		tar -xf - -C "$dir" --strip-components=3 --wildcards './usr/src/linux-source-*.tar.xz' || return 1
	rm "$dir/$1"_*.deb
}

# Kernels and sources that no run has used for two weeks.
debug_kernel_remove_old() {
	local dir
	for dir in "$LAB_CACHE"/kernels/*; do
		[[ $(find "$dir" -maxdepth 0 -mtime +14) ]] || continue
		say "removing a debug kernel or its source that was not used for two weeks"
		rm -rf "$dir"
	done
}
