#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# Builds perftest with the back-end for dma-bufs of a VFIO device.
#
# Usage: build.sh SOURCE OUTPUT    SOURCE: unpacked perftest 25.01, left as it is; OUTPUT: new directory,
#                                  which gets the programs
#
# Needs what perftest needs (Debian: libibverbs-dev librdmacm-dev libibumad-dev libpci-dev) and libvfiowc.
# Of perftest's files only the two that read the command line change; the back-end is linked in by a variable
# that every program's link line has (LIBMATH).
set -eu

here=$(dirname -- "$(readlink -f -- "$0")")
if [ $# -ne 2 ] || [ ! -x "$1/configure" ]; then
	echo "Usage: build.sh SOURCE OUTPUT; SOURCE is an unpacked perftest 25.01" >&2
	exit 2
fi
source=$1
mkdir "$2"
output=$(readlink -f -- "$2")

cp -R "$source/." "$output"
cd "$output"
patch -p1 -i "$here/perftest-25.01.patch"
cp "$here/vfio_dmabuf_memory.h" src/
./configure >configure.log
# CFLAGS are words.
# shellcheck disable=SC2086
cc -O2 -g -Wall -D_GNU_SOURCE -I. -Isrc ${CFLAGS:-} -c "$here/vfio_dmabuf_memory.c" -o vfio_dmabuf_memory.o
make LIBMATH="$output/vfio_dmabuf_memory.o ${LDFLAGS:-} -lvfiowc -lm" ib_write_bw ib_write_lat ib_read_bw \
	ib_read_lat ib_send_bw ib_send_lat >make.log 2>&1 || { tail -n 20 make.log >&2; exit 1; }
