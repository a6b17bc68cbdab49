# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# shellcheck shell=bash
# Booting the guest and running one job in it.

BOOT_MEMORY=2G
BOOT_CPUS=2
# How much longer than the stock kernel the guest's kernel may take for anything.
BOOT_SLOWNESS=1
# A guest with a working KVM is up in two seconds; one that needs longer than this is better emulated.
BOOT_PROBE_SECONDS=15

# boot_accel: sets ACCEL to kvm or tcg. /dev/kvm may exist and yet be unable to boot a kernel (nested or
# emulated virtualisation), so it is used only after a guest has come up with it, and the verdict holds
# until the host boots again or the root changes.
boot_accel() {
	local verdict may=no
	[[ ! -w /dev/kvm ]] || may=yes
	verdict=$LAB_CACHE/accel-$may-$(cat "$ROOT_DIR/stamp" /proc/sys/kernel/random/boot_id | hash_text)
	if [[ ${LAB_ACCEL:-} ]]; then
		ACCEL=$LAB_ACCEL
	elif [[ -s $verdict ]]; then
		ACCEL=$(<"$verdict")
	else
		boot_probe
		find "$LAB_CACHE" -maxdepth 1 -name 'accel-*' -mtime +14 -delete
		echo "$ACCEL" >"$verdict"
	fi
	if [[ $ACCEL == kvm ]]; then
		say "acceleration: KVM"
	else
		say "acceleration: none, emulating (TCG)${BOOT_WHY:+: $BOOT_WHY}"
	fi
}

boot_probe() {
	ACCEL=tcg
	if [[ ! -e /dev/kvm ]]; then
		BOOT_WHY="this host has no /dev/kvm"
	elif [[ ! -w /dev/kvm ]]; then
		BOOT_WHY="this user may not open /dev/kvm"
	else
		say "trying whether KVM boots the guest (at most $BOOT_PROBE_SECONDS s)"
		ACCEL=kvm
		mkdir -p "$LAB_RUN/stage"
		echo true >"$LAB_RUN/job"
		boot_qemu "$BOOT_PROBE_SECONDS" >/dev/null 2>&1 || true
		[[ -e $LAB_RUN/status ]] && return
		ACCEL=tcg
		BOOT_WHY="KVM is there but did not boot the guest within $BOOT_PROBE_SECONDS s"
	fi
}

# boot_qemu SECONDS [QEMU-ARG...]: one life of the guest; its console goes to $LAB_RUN/console.
boot_qemu() {
	local seconds=$1 machine=q35 layer=()
	shift
	# With KVM the interrupt remapping of the emulated IOMMU needs the irqchip in QEMU.
	[[ $ACCEL == kvm ]] && machine+=,kernel-irqchip=split
	[[ ${LAYER_DIR:-} ]] && layer=(-virtfs "local,path=/lab/layer,mount_tag=layer,security_model=none,readonly=on,multidevs=remap")
	rm -f "$LAB_RUN"/{status,started,console,dmesg}
	cp "$LAB_LIB/guest/pid1" "$LAB_RUN/pid1"
	devices_qemu
	# EPYC also with KVM: the kernel allows peer-to-peer DMA between root ports by the processor's family.
	in_view timeout --foreground --kill-after=5 "$seconds" qemu-system-x86_64 \
		-machine "$machine" -accel "$(boot_accel_option)" -cpu EPYC,vendor=AuthenticAMD -smp "$BOOT_CPUS" -m "$BOOT_MEMORY" \
		-nodefaults -no-user-config -display none -no-reboot \
		-kernel /lab/run/boot/vmlinux -initrd /lab/run/boot/initrd -append "$(boot_cmdline)" \
		-virtfs local,path=/lab/root,mount_tag=root,security_model=none,readonly=on,multidevs=remap \
		-virtfs local,path=/lab/run/stage,mount_tag=stage,security_model=none,readonly=on,multidevs=remap \
		"${layer[@]}" \
		-virtfs local,path=/lab/run,mount_tag=run,security_model=none,multidevs=remap \
		"${DEVICES[@]}" "$@"
}

boot_accel_option() {
	[[ $ACCEL == kvm ]] && echo kvm || echo tcg,thread=multi
}

# tsc=reliable: an emulated TSC looks unstable after a minute, and the fallback clock is slow.
# no_timer_check: on a busy host the boot-time test of the timer interrupt misses its ticks and panics.
# pci=no_e820: firmware puts BARs where QEMU reserves the HyperTransport range of an AMD processor; a device that was
# removed must find room there again.
boot_cmdline() {
	echo "console=ttyS0 tsc=reliable no_timer_check intel_iommu=on pci=no_e820 mitigations=off panic=-1 rdinit=/init" \
		"lab.root lab.stage ${LAYER_DIR:+lab.layer} ${BOOT_CMDLINE:-}"
}

boot_files() {
	mkdir -p "$LAB_RUN/boot"
	if [[ ${KERNEL_DIR:-} ]]; then
		debug_kernel_boot
	else
		ln -f "$ROOT_DIR"/boot/* "$LAB_RUN/boot/" 2>/dev/null || cp "$ROOT_DIR"/boot/* "$LAB_RUN/boot/"
	fi
}

# boot_job SECONDS: boot, run $LAB_RUN/job (a bash script), pass its output on; STATUS is the job's, or
# empty when the guest died (panic, or SECONDS were over) before the job ended.
boot_job() {
	local seconds=$1 out err
	rm -f "$LAB_RUN"/{stdout,stderr}
	mkfifo "$LAB_RUN/stdout" "$LAB_RUN/stderr"
	cat "$LAB_RUN/stdout" & out=$!
	cat "$LAB_RUN/stderr" >&2 & err=$!
	boot_qemu "$seconds" \
		-chardev file,id=console,path=/lab/run/console -serial chardev:console \
		-chardev file,id=out,path=/lab/run/stdout -chardev file,id=err,path=/lab/run/stderr \
		-device virtio-serial-pci \
		-device virtserialport,chardev=out,name=stdout -device virtserialport,chardev=err,name=stderr \
		</dev/null >"$LAB_RUN/log/qemu" 2>&1 || true
	# A QEMU that did not even start leaves the readers waiting for a writer: be one, for a moment.
	: <>"$LAB_RUN/stdout" <>"$LAB_RUN/stderr"
	wait "$out" "$err" || true
	STATUS=
	[[ -e $LAB_RUN/status ]] && STATUS=$(<"$LAB_RUN/status")
	return 0
}

# boot_failed MESSAGE [STATUS]: the guest died; show what it said last.
boot_failed() {
	grep -v "TCG doesn't support requested feature" "$LAB_RUN/log/qemu" >&2 || true
	[[ ! -s $LAB_RUN/console ]] || show_tail "$LAB_RUN/console" 40
	[[ -e $LAB_RUN/started ]] || die "the guest did not come up (its console is above)" "${2:-1}"
	die "$1 (the guest's console is above)" "${2:-1}"
}
