#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# exports.sh LIBRARY MANDIR HEADER...: the library exports exactly what its headers declare, each
# under a version; each has a man page that the build makes; it prints nothing and has no state.
set -u
library=$1
mandir=$2
shift 2
failed=0

fail() {
	echo "FAILED: $*"
	failed=1
}

# Declarations begin in the first column, inline functions of the ordering header do not count.
declared=$(cat "$@" | sed -nE 's/^[a-z].*[ *](vfiowc_[a-z0-9_]+)\(.*/\1 &/p' | grep -v static |
	cut -d' ' -f1 | sort -u)
exported=$(nm -D --defined-only "$library" | sed -nE 's/.* T (vfiowc_[a-z0-9_]+)@@VFIOWC_1\.[0-9]+$/\1/p' |
	sort -u)
[ -n "$declared" ] || fail "no declaration found in $*"
[ "$declared" = "$exported" ] || fail "declared and exported differ:
declared: $declared
exported: $exported"

others=$(nm -D --defined-only "$library" | grep -v '@@VFIOWC_1\.[0-9]*$' | grep -v ' A VFIOWC_')
[ -z "$others" ] || fail "unversioned exports: $others"

inline=$(cat "$@" | sed -nE 's/^static inline .*(vfiowc_[a-z0-9_]+)\(.*/\1/p' |
	grep -vE '^vfiowc_(store|order_before)')
for name in $declared $inline; do
	[ -s "$mandir/$name.3" ] || fail "no man page for $name"
done
for page in vfiowc_order.7 libvfiowc.7; do
	[ -s "$mandir/$page" ] || fail "no man page $page"
done

stdio=$(nm -D --undefined-only "$library" |
	grep -E ' U (v?f?printf|puts|fputs|putchar|perror|fwrite|write|syslog|err|warn|stdout|stderr)@')
[ -z "$stdio" ] || fail "the library prints: $stdio"

[ $failed = 0 ] && echo "ok: $(echo "$exported" | wc -l) functions"
exit $failed
