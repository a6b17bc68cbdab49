// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * The software RDMA device. It is added by iproute2's `rdma`, as a user would; the interface is set
 * up by ioctl. See link.h.
 */
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link.h"
#include "vfiowc.h"

#define LINK_PREFIX "vfiowc"

static bool is_there(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/class/infiniband/%s", name);
	return !access(path, F_OK);
}

static bool is_candidate(const char *netdev, const char *exporter)
{
	char subsystem[PCI_NAME_LEN], bdf[PCI_NAME_LEN];

	sysfs_link(subsystem, sizeof(subsystem), "/sys/class/net/%s/device/subsystem", netdev);
	sysfs_link(bdf, sizeof(bdf), "/sys/class/net/%s/device", netdev);
	return !strcmp(subsystem, "pci") && strcmp(bdf, exporter);
}

static int find_netdev(const char *exporter, char *netdev, size_t len)
{
	struct dirent **names;
	int n = scandir("/sys/class/net", &names, NULL, alphasort);
	int err = ENODEV;

	for (int i = 0; i < n; i++) {
		if (err && is_candidate(names[i]->d_name, exporter)) {
			snprintf(netdev, len, "%.15s", names[i]->d_name);
			err = 0;
		}
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	return err;
}

static int set_up(const char *netdev, bool up, bool *changed)
{
	struct ifreq request = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = 0;

	if (fd < 0)
		return errno;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", netdev);
	if (ioctl(fd, SIOCGIFFLAGS, &request)) {
		err = errno;
		goto out;
	}
	*changed = !!(request.ifr_flags & IFF_UP) != up;
	if (!*changed)
		goto out;
	request.ifr_flags ^= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &request))
		err = errno;
out:
	close(fd);
	return err;
}

static int add(struct rdma_link *link)
{
	char *const argv[] = { "rdma",	 "link",   "add",	 link->name, "type",
			       "vfiowc", "netdev", link->netdev, NULL };
	char output[512];

	if (tool_run(argv, output, sizeof(output))) {
		tool_error(
			link->name,
			"`rdma link add %s type vfiowc netdev %s` failed: %s; "
			"see dmesg, and whether iproute2 and the module vfiowc_rdma are installed",
			link->name, link->netdev, output);
		return EIO;
	}
	link->added = true;
	return 0;
}

int link_ensure(const char *name, const char *exporter, struct rdma_link *link)
{
	int err;

	*link = (struct rdma_link){ 0 };
	snprintf(link->name, sizeof(link->name), "%s", name);
	if (is_there(name))
		return 0;
	/* A mistyped mlx5_0 must not become a software device of that name. */
	if (strncmp(name, LINK_PREFIX, strlen(LINK_PREFIX))) {
		tool_error(name,
			   "no such RDMA device; see `rdma link`, or give a name that begins with "
			   "'" LINK_PREFIX "' to have a software device added");
		return ENODEV;
	}
	err = find_netdev(exporter, link->netdev, sizeof(link->netdev));
	if (err) {
		tool_error(name,
			   "no such RDMA device, and no PCI network interface to add it to; "
			   "try `rdma link add %s type vfiowc netdev IF`",
			   name);
		return err;
	}
	err = set_up(link->netdev, true, &link->raised);
	if (err) {
		tool_error(link->netdev, "cannot be set up: %s", strerror(err));
		return err;
	}
	err = add(link);
	if (err)
		link_restore(link);
	return err;
}

static int delete (const struct rdma_link *link)
{
	char *const argv[] = { "rdma", "link", "delete", (char *)link->name, NULL };
	char output[512];

	if (!tool_run(argv, output, sizeof(output)))
		return 0;
	tool_error(link->name, "could not be deleted again: %s", output);
	return EIO;
}

int link_restore(struct rdma_link *link)
{
	int err = link->added ? delete (link) : 0;
	bool changed;

	link->added = false;
	if (link->raised)
		set_up(link->netdev, false, &changed);
	link->raised = false;
	return err;
}
