// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * vfiowc_check_p2p(): the way between the two PCI functions, by the rules of the kernel's
 * drivers/pci/p2pdma.c: below a common bridge without ACS redirection they meet there; otherwise they go through
 * the host bridge, which must be known to pass peer-to-peer traffic. The kernel decides both directions as
 * one; through two host bridges we take only writes for granted.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "reach.h"

#define MAX_DEPTH 16
#define CONFIG_BYTES 4096
#define MAX_EXT_CAPS 128

/* A function and the bridges above it, the function last, as sysfs nests them. */
struct path {
	char root[32]; /* "pci0000:00": the host bridge */
	char bdf[MAX_DEPTH][16];
	unsigned int depth;
};

/* Host bridges that pass peer-to-peer traffic, by the id of the first device of their root bus. */
static const struct {
	uint16_t vendor;
	uint16_t device; /* 0: all of the vendor */
	bool alone; /* only within one host bridge */
} host_bridges[] = {
	{ 0x8086, 0x3c00, true }, { 0x8086, 0x3c01, true }, { 0x8086, 0x2f00, true },
	{ 0x8086, 0x2f01, true }, { 0x8086, 0x2030, false }, { 0x8086, 0x2031, false },
	{ 0x8086, 0x2032, false }, { 0x8086, 0x2033, false }, { 0x8086, 0x2020, false },
	{ 0x8086, 0x09a2, false }, { 0x8086, 0x0b25, false }, { 0x8086, 0x0cfe, false },
	{ 0x8086, 0x11fb, false }, { 0x8086, 0x1212, false }, { 0x8086, 0x1216, false },
	{ 0x8086, 0x4940, false }, { 0x8086, 0x4942, false }, { 0x8086, 0x4944, false },
	{ 0x8086, 0x4946, false }, { 0x8086, 0x4948, false }, { 0x1ae0, 0, false },
	{ 0x10de, 0x2f95, false }, { 0x10de, 0x2f96, false }, { 0x10de, 0x2f97, false },
	{ 0x10de, 0x2f98, false },
};

static bool find_path(const struct reach *reach, const char *bdf, struct path *path)
{
	char link[PATH_MAX], real[PATH_MAX], *part, *rest;

	memset(path, 0, sizeof(*path));
	snprintf(link, sizeof(link), "%s/sys/bus/pci/devices/%s", reach->root, bdf);
	if (!realpath(link, real))
		return false;
	part = strstr(real, "/pci");
	for (part = part ? strtok_r(part, "/", &rest) : NULL; part; part = strtok_r(NULL, "/", &rest)) {
		if (!strncmp(part, "pci", 3) && !path->root[0])
			snprintf(path->root, sizeof(path->root), "%.31s", part);
		else if (path->depth < MAX_DEPTH && strlen(part) < sizeof(path->bdf[0]))
			strcpy(path->bdf[path->depth++], part);
	}
	return path->root[0] && path->depth;
}

/* A word of an extended capability: 0 when the function lacks it, -1 when that may not be read. */
static int read_ext_cap(const struct reach *reach, const char *bdf, unsigned int id,
			unsigned int offset)
{
	uint8_t config[CONFIG_BYTES];
	unsigned int pos = PCI_CFG_SPACE_SIZE, i;
	char path[PATH_MAX];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s/config", reach->root, bdf);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, config, sizeof(config));
	close(fd);
	if (n == PCI_CFG_SPACE_SIZE) /* conventional PCI */
		return 0;
	if (n != sizeof(config))
		return -1;
	for (i = 0; i < MAX_EXT_CAPS && pos >= PCI_CFG_SPACE_SIZE && pos + offset + 2 <= CONFIG_BYTES; i++) {
		if ((config[pos] | config[pos + 1] << 8) == (int)id)
			return config[pos + offset] | config[pos + offset + 1] << 8;
		pos = (config[pos + 2] >> 4 | config[pos + 3] << 4) & ~3U;
	}
	return 0;
}

/* Bridges of @path from @from on (not the function itself) that redirect; "?" when that cannot be read. */
static void find_redirects(const struct reach *reach, const struct path *path, unsigned int from,
			   char list[static 128], bool *unknown)
{
	size_t used = strlen(list);
	unsigned int i;
	int control;

	for (i = from; i + 1 < path->depth; i++) {
		control = read_ext_cap(reach, path->bdf[i], PCI_EXT_CAP_ID_ACS, PCI_ACS_CTRL);
		*unknown |= control < 0;
		if (control > 0 && (control & (PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_EC)) && used < 110)
			used += snprintf(list + used, 128 - used, "%s%s", used ? ";" : "", path->bdf[i]);
	}
}

static bool is_zen(const struct reach *reach)
{
	char text[2048];
	const char *family;

	if (vfiowc_reach_read(reach, text, sizeof(text), "/proc/cpuinfo") <= 0 ||
	    !strstr(text, "AuthenticAMD"))
		return false;
	family = strstr(text, "cpu family");
	family = family ? strchr(family, ':') : NULL;
	return family && atoi(family + 1) >= 0x17;
}

/* The first device of the root bus, which is where the kernel looks: devfn 0, mostly. */
static bool is_listed(const struct reach *reach, const struct path *path, bool same)
{
	unsigned long vendor, device;
	char bdf[32], text[16];
	size_t i;

	snprintf(bdf, sizeof(bdf), "%.24s:00.0", path->root + 3);
	if (vfiowc_reach_read(reach, text, sizeof(text), "/sys/bus/pci/devices/%s/vendor", bdf) <= 0) {
		/* A root port may take its place. */
		snprintf(bdf, sizeof(bdf), "%s", path->bdf[0]);
		if (vfiowc_reach_read(reach, text, sizeof(text), "/sys/bus/pci/devices/%s/vendor", bdf) <= 0)
			return false;
	}
	vendor = strtoul(text, NULL, 16);
	vfiowc_reach_read(reach, text, sizeof(text), "/sys/bus/pci/devices/%s/device", bdf);
	device = strtoul(text, NULL, 16);
	for (i = 0; i < sizeof(host_bridges) / sizeof(host_bridges[0]); i++)
		if (vendor == host_bridges[i].vendor &&
		    (!host_bridges[i].device || device == host_bridges[i].device))
			return same || !host_bridges[i].alone;
	return false;
}

/* @redirected: they have a common bridge, but ACS sends their traffic further up. */
static void judge_host_bridge(struct reach *reach, const struct path *a, const struct path *b,
			      bool redirected)
{
	bool same = !strcmp(a->root, b->root);

	if (!is_zen(reach) && !(is_listed(reach, a, same) && is_listed(reach, b, same))) {
		vfiowc_reach_say(reach, VFIOWC_P2P_PATH, VFIOWC_P2P_NO, VFIOWC_P2P_NO,
				 redirected ? "take the redirection away (below), or put both behind one switch" :
					      "put both behind one PCIe switch",
				 "%s and %s meet only in the host bridge, which the kernel does not trust with peer-to-peer traffic",
				 reach->exporter, reach->nic);
		return;
	}
	vfiowc_reach_say(reach, VFIOWC_P2P_PATH, VFIOWC_P2P_YES,
			 same ? VFIOWC_P2P_YES : VFIOWC_P2P_UNKNOWN, "",
			 "%s and %s meet in %s that the kernel trusts with peer-to-peer traffic%s",
			 reach->exporter, reach->nic, same ? "a host bridge" : "two host bridges",
			 same ? "" : "; reads across are another matter than writes");
}

static void judge_paths(struct reach *reach, const struct path *a, const struct path *b)
{
	unsigned int common = 0;
	bool unknown = false;
	char list[128] = "", remedy[200];

	while (common < a->depth && common < b->depth && !strcmp(a->root, b->root) &&
	       !strcmp(a->bdf[common], b->bdf[common]))
		common++;
	/* The last common bridge itself does not redirect what goes down again: those below it do. */
	if (common) {
		find_redirects(reach, a, common, list, &unknown);
		find_redirects(reach, b, common, list, &unknown);
	}
	if (list[0]) {
		snprintf(remedy, sizeof(remedy), "boot with pci=disable_acs_redir=%s", list);
		vfiowc_reach_say(reach, VFIOWC_P2P_ACS, VFIOWC_P2P_YES, VFIOWC_P2P_YES, remedy,
				 "ACS redirects at %s: the traffic goes through the host bridge", list);
	}
	if (unknown)
		vfiowc_reach_say(reach, VFIOWC_P2P_ACS, VFIOWC_P2P_UNKNOWN, VFIOWC_P2P_UNKNOWN, "ask as root",
				 "whether ACS redirects on the way is for root to read");
	if (!common || list[0])
		judge_host_bridge(reach, a, b, list[0]);
	else
		vfiowc_reach_say(reach, VFIOWC_P2P_PATH, VFIOWC_P2P_YES, VFIOWC_P2P_YES, "",
				 "%s and %s meet below %s, at a distance of %u", reach->exporter,
				 reach->nic, a->bdf[common - 1],
				 a->depth + b->depth - 2 * common);
}

static void judge_ats(struct reach *reach)
{
	int control = read_ext_cap(reach, reach->nic, PCI_EXT_CAP_ID_ATS, PCI_ATS_CTRL);

	if (control > 0 && (control & PCI_ATS_CTRL_ENABLE))
		vfiowc_reach_say(reach, VFIOWC_P2P_ATS, VFIOWC_P2P_YES, VFIOWC_P2P_YES, "",
				 "%s uses ATS: what it has translated itself may take the short way in spite of ACS redirection",
				 reach->nic);
}

void vfiowc_reach_path(struct reach *reach)
{
	struct path exporter, nic;

	if (reach->soft && !reach->nic[0]) {
		vfiowc_reach_say(reach, VFIOWC_P2P_PATH, VFIOWC_P2P_YES, VFIOWC_P2P_YES, "",
				 "the CPU moves the bytes of %s: no way between PCI functions is needed",
				 reach->rdma);
		return;
	}
	if (!reach->nic[0] || !find_path(reach, reach->nic, &nic) ||
	    !find_path(reach, reach->exporter, &exporter))
		return; /* the importer's finding says what there is to say */
	judge_paths(reach, &exporter, &nic);
	judge_ats(reach);
}
