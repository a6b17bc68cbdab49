# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# shellcheck shell=bash
# The guest's hardware. Addresses are fixed, so that a test or a bug report can name a device:
#
#   0000:01:00.0  ivshmem       BAR 2 64 MiB RAM, prefetchable, backed by $LAB_RUN/bars/ivshmem
#   0000:02:00.0  NVMe          BAR 4 64 MiB RAM (its PMR), backed by $LAB_RUN/bars/nvme-pmr; Express, FLR;
#                               its disk of 32 MiB is $LAB_RUN/bars/disk
#   0000:03:00.0  bochs-display BAR 0 16 MiB RAM; Express, no reset of its own
#   0000:04:00.0  e1000e        the netdev of the RDMA device
#   0000:00:12.0  pci-testdev   BAR 0 counts accesses; BAR 2 16 MiB RAM
#   0000:00:13.0  edu           a DMA engine, of 64 address bits
#   0000:05:00.0  pci-testdev   BAR 2 4 MiB RAM, and
#   0000:05:00.1  pci-testdev   the same: two functions that can only be reset together
#   0000:06:00.0  NVMe          BAR 4 1 GiB RAM, backed by $LAB_RUN/bars/gigabyte, which is sparse; Intel's id, so
#                               that nobody takes it for the other; its disk of 16 MiB, $LAB_RUN/bars/shared, is one
#                               that more controllers could share: Linux reaches it by its multipath
#
# Each of those on a bus of its own sits behind a root port of its own: an IOMMU group of its own, and a
# secondary bus that can be reset. The two of 05:00 share all that. The backing files are the host's witness: what the
# guest's BAR held is read from them when the guest is gone.

DEVICES_EXPORTER=0000:01:00.0
DEVICES_EXPORTER_BAR=2
DEVICES_EXPORTER_FILE=ivshmem
DEVICES_NETDEV=0000:04:00.0
DEVICES_BIG=0000:06:00.0 # the gigabyte
DEVICES_BIG_BAR=4

# devices_qemu: sets DEVICES to QEMU's arguments. Paths are those of the chroot.
devices_qemu() {
	local bars=/lab/run/bars
	mkdir -p "$LAB_RUN/bars"
	rm -f "$LAB_RUN"/bars/*
	truncate -s 64M "$LAB_RUN/bars/ivshmem"
	truncate -s 64M "$LAB_RUN/bars/nvme-pmr"
	truncate -s 1G "$LAB_RUN/bars/gigabyte"
	truncate -s 32M "$LAB_RUN/bars/disk"
	truncate -s 16M "$LAB_RUN/bars/shared"
	DEVICES=(
		-device 'intel-iommu,intremap=on,caching-mode=on'
		-device 'pcie-root-port,id=rp1,slot=1,chassis=1,addr=6'
		-object "memory-backend-file,id=ivshmem,size=64M,share=on,mem-path=$bars/ivshmem"
		-device 'ivshmem-plain,memdev=ivshmem,bus=rp1'
		-device 'pcie-root-port,id=rp2,slot=2,chassis=2,addr=9'
		-object "memory-backend-file,id=pmr,size=64M,share=on,mem-path=$bars/nvme-pmr"
		-drive "if=none,id=disk,format=raw,file=$bars/disk"
		-device 'nvme,serial=vfiowc,pmrdev=pmr,drive=disk,bus=rp2'
		-device 'pcie-root-port,id=rp3,slot=3,chassis=3,addr=10'
		-device 'bochs-display,vgamem=16M,bus=rp3'
		-device 'pcie-root-port,id=rp4,slot=4,chassis=4,addr=11'
		-netdev 'user,id=net,restrict=on'
		-device 'e1000e,netdev=net,bus=rp4'
		-device 'pci-testdev,addr=12,membar=16M,membar-backed=on'
		-device 'edu,addr=13,dma_mask=0xffffffffffffffff'
		-device 'pcie-root-port,id=rp5,slot=5,chassis=5,addr=14'
		-device 'pci-testdev,bus=rp5,addr=0.0,multifunction=on,membar=4M,membar-backed=on'
		-device 'pci-testdev,bus=rp5,addr=0.1,multifunction=on,membar=4M,membar-backed=on'
		-device 'pcie-root-port,id=rp6,slot=6,chassis=6,addr=15'
		-object "memory-backend-file,id=gigabyte,size=1G,share=on,mem-path=$bars/gigabyte"
		-device 'nvme-subsys,id=subsystem'
		-device 'nvme,id=gib,subsys=subsystem,serial=gigabyte,pmrdev=gigabyte,use-intel-id=on,bus=rp6'
		-drive "if=none,id=shared,format=raw,file=$bars/shared"
		-device 'nvme-ns,drive=shared,bus=gib,nsid=1,shared=on'
	)
}
