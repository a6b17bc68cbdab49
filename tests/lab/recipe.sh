#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# The choices ./lab makes before it builds a root: mirror, kernel; and how it notices a damaged cache.
# shellcheck source=tests/lab/lib.bash
. "$(dirname -- "$0")/lib.bash"
export LAB_RUN=$WORK/run
mkdir -p "$LAB_RUN"
for file in common host recipe root kernels; do
	# shellcheck source=/dev/null
	. "$LAB_LIB/$file.sh"
done

apt_sources() {
	export LAB_ETC_APT=$WORK/apt
	rm -rf "$LAB_ETC_APT"
	mkdir -p "$LAB_ETC_APT/sources.list.d"
}

mirror_is_read_from_a_one_line_source() {
	apt_sources
	cat >"$LAB_ETC_APT/sources.list" <<'END'
# deb http://old.example/debian bookworm main
deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian-security bookworm-security main
deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian/ bookworm main contrib
END
	check "mirror" equal "$(host_mirror)" http://mirror.example/debian
}

mirror_is_read_from_a_deb822_source() {
	apt_sources
	cat >"$LAB_ETC_APT/sources.list.d/a.sources" <<'END'
Types: deb
URIs: https://third.example/apt
Suites: stable
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: trixie

Types: deb
# a comment
URIs: http://mirror.example/debian
Suites: trixie trixie-updates
Components: main
END
	check "mirror" equal "$(host_mirror)" http://mirror.example/debian
}

mirror_list_of_a_cloud_image_is_followed() {
	apt_sources
	echo 'http://cloud.example/debian' >"$WORK/mirrors.list"
	echo "deb mirror+file:$WORK/mirrors.list bookworm main" >"$LAB_ETC_APT/sources.list"
	check "mirror" equal "$(host_mirror)" http://cloud.example/debian
}

mirror_option_wins() {
	apt_sources
	echo 'deb http://mirror.example/debian bookworm main' >"$LAB_ETC_APT/sources.list"
	check "mirror" equal "$(LAB_MIRROR=http://given.example/debian/ host_mirror)" http://given.example/debian
}

no_mirror_is_found_where_there_is_none() {
	apt_sources
	echo 'deb http://third.example/apt stable main' >"$LAB_ETC_APT/sources.list"
	check "mirror" equal "$(host_mirror)" ""
}

SUITES='linux-image-6.12.57+deb13-amd64
linux-headers-6.12.57+deb13-amd64
linux-image-7.2.12+deb13-amd64
linux-headers-7.2.12+deb13-amd64
linux-binary-unsigned-7.3.4+deb13-amd64
linux-headers-7.3.4+deb13-amd64
linux-image-7.3.9+deb13-cloud-amd64
linux-headers-7.3.9+deb13-cloud-amd64
linux-binary-unsigned-7.3.11+deb13-amd64
linux-image-7.3.11+deb13-amd64
linux-headers-7.3.11+deb13-amd64
linux-image-7.4.1+deb13-amd64'

choose() {
	recipe_kernels <<<"$SUITES" | recipe_choose "$1"
}

newest_kernel_with_headers_is_chosen_and_signed_preferred() {
	check "choice" equal "$(choose '')" "7.3.11+deb13-amd64 linux-image-7.3.11+deb13-amd64"
}

wanted_kernel_is_chosen() {
	check "choice" equal "$(choose 7.3.4+deb13-amd64)" "7.3.4+deb13-amd64 linux-binary-unsigned-7.3.4+deb13-amd64"
}

vanished_kernel_gives_the_next_newer_said_aloud() {
	check "choice" equal "$(choose 7.3.6+deb13-amd64)" "7.3.11+deb13-amd64 linux-image-7.3.11+deb13-amd64"
	check "words" contains "$(recipe_announce 7.3.6+deb13-amd64 7.3.11+deb13-amd64 p 2>&1)" \
		"kernel 7.3.6+deb13-amd64 is not in the suites"
}

too_old_a_kernel_is_never_chosen() {
	check "choice" equal "$(SUITES=$(head -n 4 <<<"$SUITES"); choose '')" ""
	check "nothing newer" equal "$(choose 7.5.0+deb13-amd64)" ""
}

# The default is new enough for everything; by name one also gets what kernel/ is compiled for.
older_kernel_is_chosen_by_name_only() {
	choose_named() {
		LAB_KERNEL=$1
		root_minimum
		choose "$(root_wanted_kernel)"
	}
	check "by name" equal "$(choose_named 7.2.12+deb13)" "7.2.12+deb13-amd64 linux-image-7.2.12+deb13-amd64"
	check "by series" equal "$(choose_named 7.2)" "7.2.12+deb13-amd64 linux-image-7.2.12+deb13-amd64"
	check "too old is the next newer" equal "$(choose_named 6.12.57+deb13)" "7.2.12+deb13-amd64 linux-image-7.2.12+deb13-amd64"
	check "default" equal "$(choose_named '')" "7.3.11+deb13-amd64 linux-image-7.3.11+deb13-amd64"
}

a_root() {
	rm -rf "$WORK/root"
	mkdir -p "$WORK/root/root/usr/bin" "$WORK/root/boot"
	echo program >"$WORK/root/root/usr/bin/program"
	echo kernel >"$WORK/root/boot/vmlinux"
	ln -s program "$WORK/root/root/usr/bin/link"
	root_inventory "$WORK/root" >"$WORK/root/stamp"
}

sound_root_is_accepted() {
	a_root
	check "sound" root_is_sound "$WORK/root"
}

damaged_root_is_noticed() {
	local damage
	for damage in 'rm root/usr/bin/program' 'truncate -s 0 boot/vmlinux' 'rm stamp' 'echo x >root/usr/new' \
		'ln -sf other root/usr/bin/link' ': >stamp'; do
		a_root
		(cd "$WORK/root" && eval "$damage")
		check "noticed: $damage" eval '! root_is_sound "$WORK/root"'
	done
}

recipe_and_kernel_decide_the_key_mirror_does_not() {
	local key
	key=$(root_key)
	check "kernel" eval '[[ $(LAB_KERNEL=7.3.4 root_key) != "$key" ]]'
	check "mirror" equal "$(LAB_MIRROR=http://other.example/debian root_key)" "$key"
	cp -r "$LAB_LIB" "$WORK/lib"
	echo more >>"$WORK/lib/packages"
	check "packages" eval '[[ $(LAB_LIB=$WORK/lib root_key) != "$key" ]]'
}

suite_decides_the_key_and_where_packages_come_from() {
	local key
	key=$(root_key)
	check "key" eval '[[ $(LAB_SUITE=sid root_key) != "$key" ]]'
	check "trixie is what is meant otherwise" equal "$(LAB_SUITE=trixie root_key)" "$key"
	check "userspace of sid" contains "$(LAB_SUITE=sid recipe_sources http://m.example/debian)" "/debian sid main"
	check "kernel" contains "$(LAB_SUITE=sid recipe_sources http://m.example/debian)" "/debian trixie-backports main"
	check "trixie does without sid" eval '[[ $(recipe_sources http://m.example/debian) != *sid* ]]'
}

json_strings_survive_every_byte() {
	local text=$'a"b\\c\n\t\r\x01\x1f\x7f\u00e9'
	check "round trip" equal "$(python3 -c 'import json,sys; sys.stdout.write(json.loads(sys.argv[1]))' "$(json_string "$text")")" "$text"
	printf 'bad \xff\xfe utf-8\n\n' >"$WORK/bytes"
	check "no utf-8" python3 -c 'import json,sys; json.loads(sys.argv[1])' "$(json_file "$WORK/bytes")"
}

run_tests mirror_is_read_from_a_one_line_source mirror_is_read_from_a_deb822_source \
	mirror_list_of_a_cloud_image_is_followed mirror_option_wins no_mirror_is_found_where_there_is_none \
	newest_kernel_with_headers_is_chosen_and_signed_preferred wanted_kernel_is_chosen \
	vanished_kernel_gives_the_next_newer_said_aloud too_old_a_kernel_is_never_chosen \
	older_kernel_is_chosen_by_name_only \
	sound_root_is_accepted damaged_root_is_noticed recipe_and_kernel_decide_the_key_mirror_does_not \
	suite_decides_the_key_and_where_packages_come_from json_strings_survive_every_byte
