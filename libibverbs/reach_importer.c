// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * vfiowc_check_p2p(): the RDMA device. Whether its driver may attach to a dma-buf that can be revoked, its port,
 * its device node, and how much memory this process may lock.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <rdma/vfiowc-abi.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "memtype.h"
#include "reach.h"

#define RDMA "/sys/class/infiniband"
#define MEMLOCK_NEEDED 65536 /* rings and a host buffer of the smallest useful program */

#define say(reach, subject, verdict, remedy, ...)                                                  \
	vfiowc_reach_say(reach, subject, verdict, verdict, remedy, __VA_ARGS__)

/* How the drivers of Linux 7.3 import dma-bufs. A driver that is not listed cannot. Sorted. */
static const struct {
	const char *driver; /* of the PCI function */
	enum { PINS, FOLLOWS, FOLLOWS_WITH_ODP } how;
} importers[] = {
	{ "bnxt_en", PINS },
	{ "efa", PINS },
	{ "i40e", FOLLOWS }, /* irdma */
	{ "ice", FOLLOWS }, /* irdma */
	{ "idpf", FOLLOWS }, /* irdma */
	{ "ionic", PINS },
	{ "mana", PINS },
	{ "mlx5_core", FOLLOWS_WITH_ODP },
};

/* The netdev of the first GID that has one. */
static bool find_netdev(const struct reach *reach, char *name, size_t len)
{
	unsigned int i;

	for (i = 0; i < 16; i++)
		if (vfiowc_reach_read(reach, name, len, RDMA "/%s/ports/1/gid_attrs/ndevs/%u",
				      reach->rdma, i) > 0)
			return true;
	return false;
}

/*
 * From stock vfio-pci the software device gets DMA addresses, as the PCI function behind its interface: they mean
 * something to a CPU where that function has no IOMMU or an identity domain, and the way between the functions counts.
 */
static void judge_soft_with_stock(struct reach *reach)
{
	char netdev[32] = "", type[32] = "identity", remedy[64];

	snprintf(remedy, sizeof(remedy), "vfiowc bind %s", reach->exporter);
	if (!find_netdev(reach, netdev, sizeof(netdev)) ||
	    !vfiowc_reach_link(reach, reach->nic, sizeof(reach->nic), "/sys/class/net/%s/device", netdev)) {
		say(reach, VFIOWC_P2P_IMPORTER, VFIOWC_P2P_NO, remedy,
		    "%s is vfiowc_rdma's; from vfio-pci it takes addresses only by a PCI function of its interface, and %s has none",
		    reach->rdma, netdev);
		return;
	}
	if (vfiowc_reach_read(reach, type, sizeof(type), "/sys/class/net/%s/device/iommu_group/type",
			      netdev) < 0)
		strcpy(type, "identity");
	if (!strcmp(type, "identity"))
		say(reach, VFIOWC_P2P_IMPORTER, VFIOWC_P2P_YES, "",
		    "%s is vfiowc_rdma's; it sees the addresses that vfio-pci gives untranslated",
		    reach->rdma);
	else
		say(reach, VFIOWC_P2P_IMPORTER, VFIOWC_P2P_NO, remedy,
		    "%s is vfiowc_rdma's; from vfio-pci it takes addresses only where its interface's IOMMU domain is identity, and that of %s is %s",
		    reach->rdma, netdev, type);
}

/* Its own mapping would be of that type, too, and it does without. Who may not read the list is not told. */
static void judge_soft_with_wc(struct reach *reach)
{
	char remedy[200];
	uint32_t bar;
	bool any;

	for (bar = 0; bar < VFIOWC_NUM_BARS; bar++) {
		if (vfiowc_bar_any_wc(reach->root, reach->exporter, bar, &any) || !any)
			continue;
		snprintf(remedy, sizeof(remedy), "end what has mapped resource%u_wc of %s in sysfs, then open the VFIO device anew",
			 bar, reach->exporter);
		say(reach, VFIOWC_P2P_IMPORTER, VFIOWC_P2P_NO, remedy,
		    "the kernel has mapped BAR %u write-combined, wholly or in part: %s would have to, too, and refuses to register slices of it",
		    bar, reach->rdma);
	}
}

static void judge_soft(struct reach *reach)
{
	judge_soft_with_wc(reach);
	if (!strcmp(reach->driver, "vfio-pci"))
		judge_soft_with_stock(reach);
	else
		say(reach, VFIOWC_P2P_IMPORTER, VFIOWC_P2P_YES, "",
		    "%s is vfiowc_rdma's, which can be revoked", reach->rdma);
}

static void judge_odp(struct reach *reach, const char *driver)
{
	if (reach->caps.open_error)
		say(reach, VFIOWC_P2P_IMPORTER, VFIOWC_P2P_UNKNOWN, "",
		    "%s is %s's, which can be revoked where the device has ODP; it cannot be opened to ask: %s",
		    reach->rdma, driver, strerrordesc_np(reach->caps.open_error));
	else if (reach->caps.odp)
		say(reach, VFIOWC_P2P_IMPORTER, VFIOWC_P2P_YES, "",
		    "%s is %s's with ODP, which can be revoked", reach->rdma, driver);
	else
		say(reach, VFIOWC_P2P_IMPORTER, VFIOWC_P2P_NO,
		    "switch ODP on in the firmware's configuration, or use another NIC",
		    "%s is %s's without ODP, which cannot be revoked", reach->rdma, driver);
}

static void judge_driver(struct reach *reach, const char *driver)
{
	static const char other[] = "use mlx5 with ODP, irdma, or the software device: rdma link add NAME type vfiowc netdev IF";
	size_t i;

	for (i = 0; i < sizeof(importers) / sizeof(importers[0]); i++)
		if (!strcmp(driver, importers[i].driver))
			break;
	if (i == sizeof(importers) / sizeof(importers[0]))
		say(reach, VFIOWC_P2P_IMPORTER, VFIOWC_P2P_NO, other,
		    "%s%s%s%s: no importer of dma-bufs in Linux 7.3", reach->rdma,
		    driver[0] ? " is " : " is a software device", driver, driver[0] ? "'s" : "");
	else if (importers[i].how == PINS)
		say(reach, VFIOWC_P2P_IMPORTER, VFIOWC_P2P_NO, other,
		    "%s is %s's, which pins dma-bufs for good: no VFIO exporter lets it attach",
		    reach->rdma, driver);
	else if (importers[i].how == FOLLOWS)
		say(reach, VFIOWC_P2P_IMPORTER, VFIOWC_P2P_YES, "",
		    "%s is %s's (irdma), which can be revoked", reach->rdma, driver);
	else
		judge_odp(reach, driver);
}

void vfiowc_reach_importer(struct reach *reach)
{
	char text[80], driver[32];

	vfiowc_reach_read(reach, text, sizeof(text), RDMA "/%s/node_desc", reach->rdma);
	vfiowc_reach_link(reach, reach->nic, sizeof(reach->nic), RDMA "/%s/device", reach->rdma);
	reach->soft = !strcmp(text, VFIOWC_NODE_DESC);
	if (reach->soft) {
		reach->nic[0] = '\0';
		judge_soft(reach);
		return;
	}
	vfiowc_reach_link(reach, driver, sizeof(driver), RDMA "/%s/device/driver", reach->rdma);
	judge_driver(reach, driver);
}

static bool any_port_active(const struct reach *reach)
{
	char path[PATH_MAX], state[32];
	struct dirent *entry;
	bool active = false;
	DIR *dir;

	snprintf(path, sizeof(path), "%s" RDMA "/%s/ports", reach->root, reach->rdma);
	dir = opendir(path);
	while (dir && !active && (entry = readdir(dir)))
		active = vfiowc_reach_read(reach, state, sizeof(state), RDMA "/%s/ports/%.16s/state",
					   reach->rdma, entry->d_name) > 0 &&
			 strstr(state, "ACTIVE");
	if (dir)
		closedir(dir);
	return active;
}

static void judge_uverbs(struct reach *reach)
{
	char path[PATH_MAX], name[64];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/sys/class/infiniband_verbs", reach->root);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (vfiowc_reach_read(reach, name, sizeof(name), "/sys/class/infiniband_verbs/%.32s/ibdev",
				      entry->d_name) <= 0 || strcmp(name, reach->rdma))
			continue;
		snprintf(path, sizeof(path), "%s/dev/infiniband/%s", reach->root, entry->d_name);
		if (access(path, R_OK | W_OK))
			say(reach, VFIOWC_P2P_PERMISSION, VFIOWC_P2P_NO,
			    "give this user the node (rdma-core's udev rules do), or run as root",
			    "%s: %s", path, strerrordesc_np(errno));
		break;
	}
	if (dir)
		closedir(dir);
}

void vfiowc_reach_port(struct reach *reach)
{
	char netdev[32], remedy[64] = "connect it, or bring it up";

	if (any_port_active(reach)) {
		say(reach, VFIOWC_P2P_PORT, VFIOWC_P2P_YES, "", "%s has an active port", reach->rdma);
	} else {
		if (find_netdev(reach, netdev, sizeof(netdev)))
			snprintf(remedy, sizeof(remedy), "ip link set %s up", netdev);
		say(reach, VFIOWC_P2P_PORT, VFIOWC_P2P_NO, remedy, "no port of %s is active", reach->rdma);
	}
	if (!reach->caps.open_error && !reach->caps.max_reads)
		vfiowc_reach_say(reach, VFIOWC_P2P_PORT, VFIOWC_P2P_YES, VFIOWC_P2P_NO, "",
				 "%s cannot READ (max_qp_rd_atom is 0)", reach->rdma);
	if (reach->caps.memlock_bytes < MEMLOCK_NEEDED)
		say(reach, VFIOWC_P2P_MEMLOCK, VFIOWC_P2P_NO, "ulimit -l unlimited, or /etc/security/limits.d",
		    "this process may lock %" PRIu64 " bytes of memory: host buffers cannot be registered",
		    reach->caps.memlock_bytes);
	judge_uverbs(reach);
}
