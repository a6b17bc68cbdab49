// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Verdicts of vfiowc_check_p2p() about machines made of files: a sysfs in a directory of its own, with an
 * exporter and a NIC behind a switch or a host bridge, changed by one thing at a time.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <rdma/vfiowc-abi.h>
#include "reach.h"

#define EXPORTER "0000:03:00.0"
#define NIC "0000:04:00.0"
#define UPSTREAM "0000:01:00.0"
#define DOWN_A "0000:02:00.0"
#define DOWN_B "0000:02:01.0"
#define ACS_REDIRECT (1 << 2 | 1 << 3)

static char root[64];
static struct reach reach;
static struct vfiowc_p2p_attr attr;

/* ---- making the machine ---------------------------------------------------------------------- */

static void make_parents(const char *path)
{
	char copy[PATH_MAX];

	snprintf(copy, sizeof(copy), "%s", path);
	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(copy, 0755);
		*slash = '/';
	}
}

static void put_bytes(const char *name, const void *bytes, size_t len)
{
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "%s%s", root, name);
	make_parents(path);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void put(const char *name, const char *text)
{
	put_bytes(name, text, strlen(text));
}

static void put_link(const char *name, const char *target)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s%s", root, name);
	make_parents(path);
	unlink(path);
	assert_int_equal(symlink(target, path), 0);
}

static void drop(const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s%s", root, name);
	assert_int_equal(remove(path), 0);
}

#define DEVICE(bdf, attribute) "/sys/bus/pci/devices/" bdf "/" attribute

/* Below /sys/devices/@where, found under its address as in sysfs. */
static void put_function(const char *where, const char *bdf)
{
	char name[PATH_MAX], target[PATH_MAX];

	snprintf(name, sizeof(name), "/sys/devices/%s/%s/vendor", where, bdf);
	put(name, "0x1234\n");
	snprintf(name, sizeof(name), "/sys/bus/pci/devices/%s", bdf);
	snprintf(target, sizeof(target), "../../../devices/%s/%s", where, bdf);
	put_link(name, target);
}

/* An extended configuration space with one capability behind another one. */
static void put_config(const char *name, unsigned int id, unsigned int offset, unsigned int value)
{
	uint8_t config[4096] = { 0 };

	config[0x100] = 0x01;
	config[0x102] = 0x01;
	config[0x103] = 0x15; /* the next one is at 0x150 */
	config[0x150] = id;
	config[0x152] = 0x01;
	config[0x150 + offset] = value;
	config[0x150 + offset + 1] = value >> 8;
	put_bytes(name, config, sizeof(config));
}

static void put_switch(void)
{
	put_function("pci0000:00", "0000:00:01.0");
	put_function("pci0000:00/0000:00:01.0", UPSTREAM);
	put_function("pci0000:00/0000:00:01.0/" UPSTREAM, DOWN_A);
	put_function("pci0000:00/0000:00:01.0/" UPSTREAM, DOWN_B);
	put_function("pci0000:00/0000:00:01.0/" UPSTREAM "/" DOWN_A, EXPORTER);
	put_function("pci0000:00/0000:00:01.0/" UPSTREAM "/" DOWN_B, NIC);
	put_config(DEVICE(DOWN_A, "config"), 0x0d, 6, 0);
	put_config(DEVICE(DOWN_B, "config"), 0x0d, 6, 0);
	put_config(DEVICE("0000:00:01.0", "config"), 0x0d, 6, 0);
	put_config(DEVICE(UPSTREAM, "config"), 0x0d, 6, 0);
}

static void put_rdma(void)
{
	put_link("/sys/class/infiniband/mlx5_0/device", "../../../bus/pci/devices/" NIC);
	put_link(DEVICE(NIC, "driver"), "../../../../bus/pci/drivers/mlx5_core");
	put("/sys/class/infiniband/mlx5_0/node_desc", "some NIC\n");
	put("/sys/class/infiniband/mlx5_0/ports/1/state", "4: ACTIVE\n");
	put("/sys/class/infiniband/mlx5_0/ports/1/gid_attrs/ndevs/0", "eth0\n");
	put("/sys/class/infiniband_verbs/uverbs0/ibdev", "mlx5_0\n");
	put("/dev/infiniband/uverbs0", "");
}

/* A machine where all is well: vfiowc_pci and a ConnectX with ODP behind one switch. */
static int setup(void **state)
{
	char group[128];

	(void)state;
	strcpy(root, "/tmp/vfiowc-reach.XXXXXX");
	assert_non_null(mkdtemp(root));
	put_switch();
	put_rdma();
	put_link(DEVICE(EXPORTER, "driver"), "../../../../bus/pci/drivers/vfiowc_pci");
	snprintf(group, sizeof(group), "%s/sys/kernel/iommu_groups/7", root);
	put_link(DEVICE(EXPORTER, "iommu_group"), group);
	put("/sys/kernel/iommu_groups/7/type", "DMA-FQ\n");
	put("/sys/kernel/iommu_groups/7/devices/" EXPORTER, "");
	put(DEVICE(EXPORTER, "resource"),
	    "0x00000000fe000000 0x00000000fe0000ff 0x0000000000040200\n"
	    "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
	    "0x0000004000000000 0x0000004003ffffff 0x000000000014220c\n");
	put("/dev/vfio/7", "");
	put("/dev/vfio/vfio", "");
	put("/proc/sys/kernel/osrelease", "7.3.4-test\n");
	put("/lib/modules/7.3.4-test/config", "# a comment\nCONFIG_PCI_P2PDMA=y\nCONFIG_VFIO_PCI_DMABUF=y\n");
	put("/proc/cpuinfo", "vendor_id\t: GenuineIntel\ncpu family\t: 6\n");
	put("/sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
	put("/sys/module/vfiowc_pci/refcnt", "0\n");
	memset(&reach, 0, sizeof(reach));
	reach.root = root;
	reach.caps = (struct reach_caps){ .memlock_bytes = UINT64_MAX, .odp = true, .max_reads = 16 };
	strcpy(reach.exporter, EXPORTER);
	strcpy(reach.rdma, "mlx5_0");
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

static int teardown(void **state)
{
	(void)state;
	return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

#define reach_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* ---- looking --------------------------------------------------------------------------------- */

static void print_findings(void)
{
	for (uint32_t i = 0; i < attr.num_findings; i++)
		print_message("%u: %u %u %s | %s\n", attr.findings[i].subject, attr.findings[i].write,
			      attr.findings[i].read, attr.findings[i].text, attr.findings[i].remedy);
}

static void judge(uint32_t write, uint32_t read)
{
	memset(&attr, 0, sizeof(attr));
	reach.attr = &attr;
	assert_int_equal(vfiowc_reach_judge(&reach), 0);
	if (attr.write != write || attr.read != read)
		print_findings();
	assert_int_equal(attr.write, write);
	assert_int_equal(attr.read, read);
}

/* The finding that made the verdict: its subject, a part of its text, and a part of its remedy. */
static void finding(uint32_t subject, const char *text, const char *remedy)
{
	for (uint32_t i = 0; i < attr.num_findings; i++)
		if (attr.findings[i].subject == subject && strstr(attr.findings[i].text, text) &&
		    strstr(attr.findings[i].remedy, remedy))
			return;
	print_findings();
	fail_msg("no finding about %u says '%s' with the remedy '%s'", subject, text, remedy);
}

static void one_switch_is_good(void **state)
{
	(void)state;
	judge(VFIOWC_P2P_YES, VFIOWC_P2P_YES);
	finding(VFIOWC_P2P_PATH, "meet below " UPSTREAM ", at a distance of 4", "");
	finding(VFIOWC_P2P_BAR, "BAR 2: 65536 KiB, 64-bit, prefetchable", "");
	finding(VFIOWC_P2P_GROUP, "domain type DMA-FQ", "");
	finding(VFIOWC_P2P_IMPORTER, "with ODP", "");
}

static void exporter_needs_a_vfio_driver(void **state)
{
	(void)state;
	drop(DEVICE(EXPORTER, "driver"));
	judge(VFIOWC_P2P_NO, VFIOWC_P2P_NO);
	finding(VFIOWC_P2P_DRIVER, "bound to no driver", "vfiowc bind " EXPORTER);
	put_link(DEVICE(EXPORTER, "driver"), "x/nvme");
	judge(VFIOWC_P2P_NO, VFIOWC_P2P_NO);
	finding(VFIOWC_P2P_DRIVER, "bound to nvme", "vfiowc bind");
	put_link(DEVICE(EXPORTER, "driver"), "x/nvgrace-gpu-vfio-pci");
	judge(VFIOWC_P2P_UNKNOWN, VFIOWC_P2P_UNKNOWN);
}

static void stock_vfio_pci_needs_a_kernel_that_exports(void **state)
{
	(void)state;
	put_link(DEVICE(EXPORTER, "driver"), "x/vfio-pci");
	judge(VFIOWC_P2P_YES, VFIOWC_P2P_YES);
	put("/lib/modules/7.3.4-test/config", "CONFIG_PCI_P2PDMA=y\n# CONFIG_VFIO_PCI_DMABUF is not set\n");
	judge(VFIOWC_P2P_NO, VFIOWC_P2P_NO);
	finding(VFIOWC_P2P_DRIVER, "exports no dma-bufs", "6.19");
	drop("/lib/modules/7.3.4-test/config");
	judge(VFIOWC_P2P_UNKNOWN, VFIOWC_P2P_UNKNOWN);
	put("/boot/config-7.3.4-test", "CONFIG_PCI_P2PDMA=y\nCONFIG_VFIO_PCI_DMABUF=y\n");
	judge(VFIOWC_P2P_YES, VFIOWC_P2P_YES);
}

static void group_must_be_there_and_vfios_alone(void **state)
{
	(void)state;
	put_function("pci0000:00/0000:00:01.0/" UPSTREAM "/" DOWN_A, "0000:03:00.1");
	put("/sys/kernel/iommu_groups/7/devices/0000:03:00.1", "");
	judge(VFIOWC_P2P_YES, VFIOWC_P2P_YES); /* bound to nothing */
	put_link(DEVICE("0000:03:00.1", "driver"), "x/pci-stub");
	judge(VFIOWC_P2P_YES, VFIOWC_P2P_YES);
	put_link(DEVICE("0000:03:00.1", "driver"), "x/snd_hda_intel");
	judge(VFIOWC_P2P_NO, VFIOWC_P2P_NO);
	finding(VFIOWC_P2P_GROUP, "snd_hda_intel", "unbind 0000:03:00.1");
	drop(DEVICE(EXPORTER, "iommu_group"));
	judge(VFIOWC_P2P_NO, VFIOWC_P2P_NO);
	finding(VFIOWC_P2P_GROUP, "no IOMMU group", "intel_iommu=on");
}

static void bar_must_be_memory_with_an_address(void **state)
{
	(void)state;
	put(DEVICE(EXPORTER, "resource"), "0x000000000000e000 0x000000000000e0ff 0x0000000000040101\n");
	judge(VFIOWC_P2P_NO, VFIOWC_P2P_NO);
	finding(VFIOWC_P2P_BAR, "no memory BAR", "");
	put(DEVICE(EXPORTER, "resource"), "0x0000000000000000 0x0000000003ffffff 0x000000000014220c\n");
	judge(VFIOWC_P2P_NO, VFIOWC_P2P_NO);
	finding(VFIOWC_P2P_BAR, "given an address", "pci=realloc");
	put(DEVICE(EXPORTER, "resource"), "0x00000000fe000000 0x00000000fe00ffff 0x0000000000040200\n");
	judge(VFIOWC_P2P_YES, VFIOWC_P2P_YES);
	finding(VFIOWC_P2P_BAR, "BAR 0: 64 KiB, 32-bit, not prefetchable", "");
}

static void only_importers_that_can_be_revoked_attach(void **state)
{
	static const struct {
		const char *driver;
		uint32_t verdict;
	} drivers[] = {
		{ "ice", VFIOWC_P2P_YES }, { "i40e", VFIOWC_P2P_YES }, { "idpf", VFIOWC_P2P_YES },
		{ "efa", VFIOWC_P2P_NO }, { "mana", VFIOWC_P2P_NO }, { "bnxt_en", VFIOWC_P2P_NO },
		{ "ionic", VFIOWC_P2P_NO }, { "mlx4_core", VFIOWC_P2P_NO },
	};
	char link[64];

	(void)state;
	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
		snprintf(link, sizeof(link), "x/%s", drivers[i].driver);
		put_link(DEVICE(NIC, "driver"), link);
		judge(drivers[i].verdict, drivers[i].verdict);
	}
	put_link(DEVICE(NIC, "driver"), "x/mlx5_core");
	reach.caps.odp = false;
	judge(VFIOWC_P2P_NO, VFIOWC_P2P_NO);
	finding(VFIOWC_P2P_IMPORTER, "without ODP", "switch ODP on");
	reach.caps.open_error = EACCES;
	judge(VFIOWC_P2P_UNKNOWN, VFIOWC_P2P_UNKNOWN);
	drop("/sys/class/infiniband/mlx5_0/device"); /* rxe, siw */
	judge(VFIOWC_P2P_NO, VFIOWC_P2P_NO);
	finding(VFIOWC_P2P_IMPORTER, "software device", "type vfiowc");
}

static void port_must_be_active(void **state)
{
	(void)state;
	put("/sys/class/infiniband/mlx5_0/ports/1/state", "1: DOWN\n");
	judge(VFIOWC_P2P_NO, VFIOWC_P2P_NO);
	finding(VFIOWC_P2P_PORT, "no port", "ip link set eth0 up");
	put("/sys/class/infiniband/mlx5_0/ports/2/state", "4: ACTIVE\n");
	judge(VFIOWC_P2P_YES, VFIOWC_P2P_YES);
}

static void device_that_cannot_read_still_writes(void **state)
{
	(void)state;
	reach.caps.max_reads = 0;
	judge(VFIOWC_P2P_YES, VFIOWC_P2P_NO);
	finding(VFIOWC_P2P_PORT, "cannot READ", "");
}

/* The NIC behind a root port of its own: they meet in the host bridge. */
static void put_apart(const char *host)
{
	char where[64];

	snprintf(where, sizeof(where), "%s/0000:00:02.0", host);
	put_function(where, NIC);
	put_link(DEVICE(NIC, "driver"), "x/mlx5_core");
}

static void host_bridge_must_be_known(void **state)
{
	(void)state;
	put_apart("pci0000:00");
	put_function("pci0000:00", "0000:00:00.0");
	put(DEVICE("0000:00:00.0", "vendor"), "0x8086\n");
	put(DEVICE("0000:00:00.0", "device"), "0x29c0\n");
	judge(VFIOWC_P2P_NO, VFIOWC_P2P_NO);
	finding(VFIOWC_P2P_PATH, "only in the host bridge", "one PCIe switch");
	put(DEVICE("0000:00:00.0", "device"), "0x2f00\n");
	judge(VFIOWC_P2P_YES, VFIOWC_P2P_YES);
	put(DEVICE("0000:00:00.0", "device"), "0x29c0\n");
	put("/proc/cpuinfo", "vendor_id\t: AuthenticAMD\ncpu family\t: 23\n");
	judge(VFIOWC_P2P_YES, VFIOWC_P2P_YES);
	put("/proc/cpuinfo", "vendor_id\t: AuthenticAMD\ncpu family\t: 21\n");
	judge(VFIOWC_P2P_NO, VFIOWC_P2P_NO);
}

static void two_host_bridges_are_trusted_with_writes_only(void **state)
{
	(void)state;
	put_apart("pci0000:80");
	put_function("pci0000:00", "0000:00:00.0");
	put_function("pci0000:80", "0000:80:00.0");
	put(DEVICE("0000:00:00.0", "vendor"), "0x8086\n");
	put(DEVICE("0000:80:00.0", "vendor"), "0x8086\n");
	put(DEVICE("0000:00:00.0", "device"), "0x09a2\n");
	put(DEVICE("0000:80:00.0", "device"), "0x09a2\n");
	judge(VFIOWC_P2P_YES, VFIOWC_P2P_UNKNOWN);
	finding(VFIOWC_P2P_PATH, "two host bridges", "");
	put(DEVICE("0000:80:00.0", "device"), "0x2f00\n"); /* listed for itself alone */
	judge(VFIOWC_P2P_NO, VFIOWC_P2P_NO);
}

static void acs_redirection_leads_through_the_host_bridge(void **state)
{
	(void)state;
	put_config(DEVICE(DOWN_B, "config"), 0x0d, 6, ACS_REDIRECT);
	put_config(DEVICE("0000:00:01.0", "config"), 0x0d, 6, ACS_REDIRECT); /* above: does not matter */
	judge(VFIOWC_P2P_NO, VFIOWC_P2P_NO);
	finding(VFIOWC_P2P_ACS, DOWN_B, "pci=disable_acs_redir=" DOWN_B);
	put("/proc/cpuinfo", "vendor_id\t: AuthenticAMD\ncpu family\t: 25\n");
	judge(VFIOWC_P2P_YES, VFIOWC_P2P_YES);
	put_config(DEVICE(DOWN_B, "config"), 0x0d, 6, 0);
	put("/proc/cpuinfo", "vendor_id\t: GenuineIntel\n");
	judge(VFIOWC_P2P_YES, VFIOWC_P2P_YES);
	put_bytes(DEVICE(DOWN_A, "config"), "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		  64); /* what an ordinary user gets */
	judge(VFIOWC_P2P_UNKNOWN, VFIOWC_P2P_UNKNOWN);
	finding(VFIOWC_P2P_ACS, "for root to read", "as root");
}

static void ats_is_told(void **state)
{
	(void)state;
	put_config(DEVICE(NIC, "config"), 0x0f, 6, 0x8000);
	judge(VFIOWC_P2P_YES, VFIOWC_P2P_YES);
	finding(VFIOWC_P2P_ATS, "uses ATS", "");
}

static void kernel_needs_p2pdma(void **state)
{
	(void)state;
	put("/lib/modules/7.3.4-test/config", "# CONFIG_PCI_P2PDMA is not set\n");
	judge(VFIOWC_P2P_NO, VFIOWC_P2P_NO);
	finding(VFIOWC_P2P_KERNEL, "without CONFIG_PCI_P2PDMA", "boot a kernel");
}

static void limits_and_rights_are_seen(void **state)
{
	(void)state;
	reach.caps.memlock_bytes = 4096;
	judge(VFIOWC_P2P_NO, VFIOWC_P2P_NO);
	finding(VFIOWC_P2P_MEMLOCK, "4096 bytes", "ulimit -l");
	reach.caps.memlock_bytes = 65536;
	judge(VFIOWC_P2P_YES, VFIOWC_P2P_YES);
	drop("/dev/infiniband/uverbs0");
	judge(VFIOWC_P2P_NO, VFIOWC_P2P_NO);
	finding(VFIOWC_P2P_PERMISSION, "uverbs0", "udev");
	put("/dev/infiniband/uverbs0", "");
	drop("/dev/vfio/vfio");
	judge(VFIOWC_P2P_NO, VFIOWC_P2P_NO);
	finding(VFIOWC_P2P_PERMISSION, "/dev/vfio/vfio", "modprobe vfio-pci");
}

static void unsigned_modules_are_refused_by_a_locked_kernel(void **state)
{
	static const char secure[] = { 6, 0, 0, 0, 1 };

	(void)state;
	put("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
	judge(VFIOWC_P2P_YES, VFIOWC_P2P_YES); /* ours is loaded already */
	drop("/sys/module/vfiowc_pci/refcnt");
	drop("/sys/module/vfiowc_pci");
	drop(DEVICE(EXPORTER, "driver"));
	judge(VFIOWC_P2P_NO, VFIOWC_P2P_NO);
	finding(VFIOWC_P2P_LOCKDOWN, "locked down", "mokutil");
	put("/sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
	put_bytes("/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", secure, 5);
	judge(VFIOWC_P2P_NO, VFIOWC_P2P_NO);
	finding(VFIOWC_P2P_LOCKDOWN, "Secure Boot is on", "mokutil");
}

static void software_device_needs_no_way_to_an_exporter_of_ours(void **state)
{
	(void)state;
	put("/sys/class/infiniband/mlx5_0/node_desc", VFIOWC_NODE_DESC "\n");
	put_apart("pci0000:80");
	judge(VFIOWC_P2P_YES, VFIOWC_P2P_YES);
	finding(VFIOWC_P2P_PATH, "the CPU moves the bytes", "");
}

/* The list holds parts of BARs, in any order; only a NIC's own accesses do not depend on it. */
static void software_device_cannot_have_a_bar_that_is_write_combined(void **state)
{
	static const char list[] = "/sys/kernel/debug/x86/pat_memtype_list";

	(void)state;
	put("/sys/class/infiniband/mlx5_0/node_desc", VFIOWC_NODE_DESC "\n");
	put(list, "PAT memtype list:\nPAT: [mem 0x0000004000000000-0x0000004004000000] uncached-minus\n"
		  "PAT: [mem 0x0000004004000000-0x0000004004001000] write-combining\n"
		  "PAT: [mem 0x0000003fffffe000-0x0000004000000000] write-combining\n");
	judge(VFIOWC_P2P_YES, VFIOWC_P2P_YES);
	put(list, "PAT memtype list:\nPAT: [mem 0x0000004003fff000-0x0000004004000000] write-combining\n");
	judge(VFIOWC_P2P_NO, VFIOWC_P2P_NO);
	finding(VFIOWC_P2P_IMPORTER, "mapped BAR 2 write-combined", "resource2_wc of " EXPORTER);
	put("/sys/class/infiniband/mlx5_0/node_desc", "some NIC\n");
	judge(VFIOWC_P2P_YES, VFIOWC_P2P_YES);
}

/* Then it uses the addresses of its interface's function: their translation and their way matter. */
static void software_device_with_stock_vfio_pci_needs_untranslated_addresses(void **state)
{
	char target[128];

	(void)state;
	put("/sys/class/infiniband/mlx5_0/node_desc", VFIOWC_NODE_DESC "\n");
	put_link(DEVICE(EXPORTER, "driver"), "x/vfio-pci");
	judge(VFIOWC_P2P_NO, VFIOWC_P2P_NO);
	finding(VFIOWC_P2P_IMPORTER, "eth0 has none", "vfiowc bind " EXPORTER);
	snprintf(target, sizeof(target), "%s/sys/bus/pci/devices/" NIC, root);
	put_link("/sys/class/net/eth0/device", target);
	judge(VFIOWC_P2P_YES, VFIOWC_P2P_YES); /* no IOMMU */
	finding(VFIOWC_P2P_PATH, "meet below", "");
	snprintf(target, sizeof(target), "%s/sys/kernel/iommu_groups/8", root);
	put("/sys/kernel/iommu_groups/8/type", "DMA\n");
	put_link(DEVICE(NIC, "iommu_group"), target);
	judge(VFIOWC_P2P_NO, VFIOWC_P2P_NO);
	finding(VFIOWC_P2P_IMPORTER, "that of eth0 is DMA", "vfiowc bind " EXPORTER);
	put("/sys/kernel/iommu_groups/8/type", "identity\n");
	judge(VFIOWC_P2P_YES, VFIOWC_P2P_YES);
	put_apart("pci0000:80");
	snprintf(target, sizeof(target), "%s/sys/kernel/iommu_groups/8", root);
	put_link(DEVICE(NIC, "iommu_group"), target);
	judge(VFIOWC_P2P_NO, VFIOWC_P2P_NO);
	finding(VFIOWC_P2P_PATH, "only in the host bridge", "");
}

static void what_is_not_there_is_an_error(void **state)
{
	(void)state;
	reach.attr = &attr;
	strcpy(reach.rdma, "mlx5_9");
	assert_int_equal(vfiowc_reach_judge(&reach), ENXIO);
	strcpy(reach.rdma, "../infiniband/mlx5_0");
	assert_int_equal(vfiowc_reach_judge(&reach), ENXIO);
	strcpy(reach.exporter, "0000:99:00.0");
	assert_int_equal(vfiowc_reach_judge(&reach), ENODEV);
	assert_int_equal(vfiowc_check_p2p("no address", "x", &attr, sizeof(attr)), EINVAL);
	assert_int_equal(vfiowc_check_p2p("0000:00:00.0", "x", &attr, sizeof(attr) - 1), EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		reach_test(one_switch_is_good),
		reach_test(exporter_needs_a_vfio_driver),
		reach_test(stock_vfio_pci_needs_a_kernel_that_exports),
		reach_test(group_must_be_there_and_vfios_alone),
		reach_test(bar_must_be_memory_with_an_address),
		reach_test(only_importers_that_can_be_revoked_attach),
		reach_test(port_must_be_active),
		reach_test(device_that_cannot_read_still_writes),
		reach_test(host_bridge_must_be_known),
		reach_test(two_host_bridges_are_trusted_with_writes_only),
		reach_test(acs_redirection_leads_through_the_host_bridge),
		reach_test(ats_is_told),
		reach_test(kernel_needs_p2pdma),
		reach_test(limits_and_rights_are_seen),
		reach_test(unsigned_modules_are_refused_by_a_locked_kernel),
		reach_test(software_device_needs_no_way_to_an_exporter_of_ours),
		reach_test(software_device_cannot_have_a_bar_that_is_write_combined),
		reach_test(software_device_with_stock_vfio_pci_needs_untranslated_addresses),
		reach_test(what_is_not_there_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
