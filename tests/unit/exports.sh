#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# exports.sh LIBRARY MANDIR OBJECTS HEADER...: the library exports exactly what its headers declare, each
# under a version; each function has a man page that the build makes; the library prints nothing and
# keeps no state, but for what it is documented to. OBJECTS: what it is linked of, separated by semicolons.
# Prints TAP.
set -u
library=$1
mandir=$2
objects=$(echo "$3" | tr ';' ' ')
shift 3
failed=0
count=0

# check NAME FAULT: the test passes when nothing is at fault.
check() {
	count=$((count + 1))
	if [ -z "$2" ]; then
		echo "ok $count - $1"
	else
		echo "not ok $count - $1"
		echo "$2" | sed 's/^/# /'
		failed=1
	fi
}

# Declarations begin in the first column; inline functions of the ordering header do not count.
declared=$(cat "$@" | sed -nE '/^static/d; s/^[a-z].*[ *](vfiowc_[a-z0-9_]+)\(.*/\1/p' | sort -u)
exported=$(nm -D --defined-only "$library" | sed -nE 's/.* T (vfiowc_[a-z0-9_]+)@@VFIOWC_1\.[0-9]+$/\1/p' | sort -u)
fault=
[ -n "$declared" ] || fault="no declaration found in $*"
[ "$declared" = "$exported" ] || fault="declared: $declared
exported: $exported"
check exports_are_what_the_headers_declare "$fault"

check every_export_has_a_version \
	"$(nm -D --defined-only "$library" | grep -v '@@VFIOWC_1\.[0-9]*$' | grep -v ' A VFIOWC_')"

# The calls of the ordering header, without what it calls internal.
inline=$(cat "$@" | sed -nE 's/^static inline .*[ *](vfiowc_[a-z0-9_]+)\(.*/\1/p' |
	grep -vE '^vfiowc_(store|order_before)')
fault=
# shellcheck disable=SC2086
for page in $(printf '%s.3 ' $declared $inline) libvfiowc.7 vfiowc_order.7; do
	[ -s "$mandir/$page" ] || fault="$fault no $page"
done
check every_function_has_a_man_page "$fault"

# Only the reports of checked maps are printed, when a program asked for such a map and does not take them.
fault=
for object in $objects; do
	case $object in
	*/check_report.c.o) continue ;;
	esac
	fault=$fault$(nm --undefined-only "$object" | sed "s,^,$object," |
		grep -E ' U (v?d?f?printf|puts|fputs|putchar|perror|fwrite|write|v?syslog|v?errx?|v?warnx?|stdout|stderr)(@|$)')
done
[ -n "$objects" ] || fault="no object was named"
check the_library_prints_nothing "$fault"

# Writable data, but for what the compiler's start files, its CPU detection and the linker add, and what
# the library is documented to keep (libvfiowc(7)): the routines chosen (routine.c), the loopbacks
# (delivery.c), checked maps (check_*.c). What relocation alone writes (.data.rel.ro) is not state.
# A compiler numbers what is static in a function, and the members when it takes a struct apart.
check the_library_has_no_state "$(objdump -t "$library" | sed 's/ \.hidden / /' |
	awk 'NF > 4 && $(NF - 2) ~ /^\.(t?data|t?bss)$/ { sub(/\.[0-9]+$/, "", $NF); print $NF }' |
	grep -vE '^(\.t?(data|bss)|completed|__dso_handle|__TMC_END__|_edata|_end|__bss_start|__cpu_(model|features2))$' |
	grep -vxE 'in_use|asked|kept|kept_lock|check|lock|old_segv|old_trap|sites|num_sites|room|patched|report_to')"
echo "1..$count"
exit $failed
