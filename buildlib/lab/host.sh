# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# shellcheck shell=bash
# What ./lab needs of the host, and the host's own package mirror.

# host_missing: prints the Debian packages that are not there yet, one per line.
host_missing() {
	local pair
	for pair in mmdebstrap:mmdebstrap unshare:util-linux flock:util-linux mount:mount \
		apt-get:apt iconv:libc-bin; do
		command -v "${pair%:*}" >/dev/null || echo "${pair#*:}"
	done
	[[ -e /usr/share/keyrings/debian-archive-keyring.gpg ]] || echo debian-archive-keyring
	[[ $(host_mirror) != https:* || -e /etc/ssl/certs/ca-certificates.crt ]] || echo ca-certificates
	((EUID == 0)) || command -v newuidmap >/dev/null || echo uidmap
}

# host_prepare: installs what is missing when it may, else says exactly what to install.
host_prepare() {
	local missing
	[[ $(uname -m) == x86_64 ]] || die "this host is $(uname -m); the guest is built and emulated for x86-64 only"
	missing=$(host_missing | sort -u | tr '\n' ' ')
	missing=${missing% }
	if [[ $missing ]] && ((EUID == 0)); then
		say "installing on this host: $missing"
		step host-packages "apt-get could not install '$missing' (its output is above); install them and run again" \
			host_install "$missing"
	elif [[ $missing ]]; then
		die "this host lacks packages; as root run: apt-get install --no-install-recommends $missing"
	fi
	((EUID == 0)) || host_check_user
}

host_install() {
	local packages
	read -ra packages <<<"$1"
	export DEBIAN_FRONTEND=noninteractive
	apt-get update
	apt-get install -y --no-install-recommends "${packages[@]}"
}

# host_check_user: can this ordinary user have a user namespace with a range of ids?
host_check_user() {
	local user
	user=$(id -un)
	if ! grep -qE "^($user|$EUID):" /etc/subuid || ! grep -qE "^($user|$EUID):" /etc/subgid; then
		die "user $user has no subordinate ids; as root run: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $user"
	fi
	unshare --user --map-root-user --map-auto --mount --pid --fork true 2>/dev/null ||
		die "this user may not create user namespaces; as root run: sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000"
}

# host_sources: every "URI SUITE" pair of the host's apt configuration.
host_sources() {
	local etc=${LAB_ETC_APT:-/etc/apt} file
	for file in "$etc"/sources.list "$etc"/sources.list.d/*.list; do
		[[ -r $file ]] || continue
		sed -nE 's/^[[:space:]]*deb[[:space:]]+(\[[^]]*\][[:space:]]+)?([^[:space:]]+)[[:space:]]+([^[:space:]]+).*/\2 \3/p' "$file"
	done
	for file in "$etc"/sources.list.d/*.sources; do
		[[ -r $file ]] || continue
		awk '
			function flush(   u, s, i, j) {
				for (i = 1; i <= split(uris, u, " "); i++)
					for (j = 1; j <= split(suites, s, " "); j++)
						if (enabled) print u[i], s[j]
				uris = suites = ""; enabled = 1
			}
			BEGIN { enabled = 1 }
			/^[ \t]*$/ { flush() }
			/^#/ { next }
			tolower($1) == "uris:" { $1 = ""; uris = $0 }
			tolower($1) == "suites:" { $1 = ""; suites = $0 }
			tolower($1) == "enabled:" && tolower($2) ~ /^(no|false)$/ { enabled = 0 }
			END { flush() }' "$file"
	done
}

# host_mirror: the host's mirror of Debian's main archive, which carries every suite. Prints nothing
# when there is none. Security archives and third parties are told apart by suite and path.
host_mirror() {
	local uri suite
	if [[ ${LAB_MIRROR:-} ]]; then
		echo "${LAB_MIRROR%/}"
		return
	fi
	while read -r uri suite; do
		[[ $suite =~ ^(bookworm|trixie|forky|sid|stable|testing|unstable|oldstable)(-updates|-backports)?$ ]] || continue
		if [[ $uri == mirror+file:* ]]; then
			uri=$(awk 'NF && !/^#/ { print $1; exit }' "${uri#mirror+file:}" 2>/dev/null)
		fi
		[[ ${uri%/} == */debian ]] || continue
		echo "${uri%/}"
		return
	done < <(host_sources)
}

# host_proxy: apt's http proxy, for the tools that do not read the host's apt configuration.
host_proxy() {
	local proxy=
	eval "$(apt-config shell proxy Acquire::http::Proxy 2>/dev/null)"
	echo "$proxy"
}
