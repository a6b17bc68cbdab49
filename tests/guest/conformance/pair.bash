# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# shellcheck shell=bash
# Programs that come in pairs, a server and its client on this host, and TAP for them.

count=0 failures=0 out=$(mktemp -u /tmp/pair.XXXXXX)

plan() {
	echo "1..$1"
}

passed() {
	echo "ok $((++count)) - $1"
}

# failed NAME FILE...: what both sides said becomes the reason.
failed() {
	failures=$((failures + 1))
	echo "not ok $((++count)) - $1"
	shift
	sed 's/^/# /' "$@"
}

finish() {
	rm -f "$out".*
	exit $((failures > 0))
}

# listens PORT
listens() {
	grep -qiE "^ *[0-9]+: [0-9A-F]+:$(printf %04X "$1") [0-9A-F:]+ 0A" /proc/net/tcp /proc/net/tcp6
}

# run_pair PORT COMMAND...: the server, and when it listens on PORT the client; sets status, 0 when both ended
# well. Their words are in $out.server and $out.client.
run_pair() {
	local port=$1 server i
	shift
	timeout $((60 * ${GUEST_SLOWNESS:-1})) "$@" >"$out.server" 2>&1 &
	server=$!
	echo "the server never listened" >"$out.client"
	status=1
	for ((i = 0; i < 300; i++)); do
		if listens "$port"; then
			timeout $((60 * ${GUEST_SLOWNESS:-1})) "$@" localhost >"$out.client" 2>&1
			status=$?
			break
		fi
		kill -0 "$server" 2>/dev/null || break
		sleep 0.1
	done
	((status == 0)) || kill "$server" 2>/dev/null
	wait "$server" || status=1
}
