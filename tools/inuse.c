// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Is a PCI function in use? The kernel unbinds a driver without asking its users, so this asks for
 * it: what sysfs hangs below the function (interfaces, device nodes), and the disks that NVMe multipath hangs
 * elsewhere, against mounts, swap and the files that processes have open. Those say who; what none of them shows
 * (btrfs and ZFS, which mountinfo gives numbers of their own, and what is mounted in another namespace) has its
 * block device exclusively, and the kernel refuses it to a second holder. A user who comes after the look is not
 * seen.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "inuse.h"
#include "pci.h"

#define NODES_ROOM 64 /* at first */

/* Block and character devices are numbered apart: the same number may be two devices. */
struct node {
	dev_t dev;
	bool block;
};

struct nodes {
	unsigned int count;
	unsigned int room;
	struct node *node;
	char *why;
	size_t why_len;
};

static bool has_node(const struct nodes *nodes, dev_t dev, bool block)
{
	for (unsigned int i = 0; i < nodes->count; i++) {
		if (nodes->node[i].dev == dev && nodes->node[i].block == block)
			return true;
	}
	return false;
}

/* A line of /proc/net/route: the interface, then destination and mask in hexadecimal, of IPv4. */
static bool has_default_route(const char *interface)
{
	FILE *file = fopen("/proc/net/route", "re");
	unsigned int destination, mask;
	char line[256], name[32];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = sscanf(line, "%31s %x %*s %*s %*s %*s %*s %x", name, &destination, &mask) == 3 &&
			!destination && !mask && !strcmp(name, interface);
	if (file)
		fclose(file);
	return found;
}

/* .../net/eth0/flags */
static int check_interface(struct nodes *nodes, const char *path, const char *name)
{
	char flags[32];

	if (sysfs_read(flags, sizeof(flags), "%s", path) || !(strtoul(flags, NULL, 16) & IFF_UP))
		return 0;
	snprintf(nodes->why, nodes->why_len, "network interface %s is up%s", name,
		 has_default_route(name) ? " and carries the default route" : "");
	return EBUSY;
}

/* As many as there are: a disk may have hundreds of partitions, and one that is left out would count as free. */
static int make_room(struct nodes *nodes)
{
	unsigned int room = nodes->room ? 2 * nodes->room : NODES_ROOM;
	struct node *node;

	if (nodes->count < nodes->room)
		return 0;
	node = reallocarray(nodes->node, room, sizeof(*node));
	if (!node)
		return ENOMEM;
	nodes->node = node;
	nodes->room = room;
	return 0;
}

/* .../nvme0n1/dev, beside which a link tells the class */
static int add_node(struct nodes *nodes, const FTSENT *entry)
{
	char text[32], subsystem[PCI_NAME_LEN];
	unsigned int major, minor;
	int err;

	if (sysfs_read(text, sizeof(text), "%s", entry->fts_path) ||
	    sscanf(text, "%u:%u", &major, &minor) != 2)
		return 0;
	err = make_room(nodes);
	if (err)
		return err;
	sysfs_link(subsystem, sizeof(subsystem), "%.*s/subsystem", (int)entry->fts_parent->fts_pathlen,
		   entry->fts_path);
	nodes->node[nodes->count++] = (struct node){
		.dev = makedev(major, minor),
		.block = !strcmp(subsystem, "block"),
	};
	return 0;
}

static int walk(struct nodes *nodes, const char *path);

/* A device that is not there (any more) has no users. */
static int walk_class(struct nodes *nodes, const char *class, const char *name)
{
	char path[PATH_MAX];
	int err;

	snprintf(path, sizeof(path), "/sys/class/%s/%s", class, name);
	err = walk(nodes, path);
	return err == ENOENT ? 0 : err;
}

/*
 * .../nvme0c1n2/hidden, 1 where native multipath uses this disk as a path to nvme0n2, its head: the head has the
 * nodes, partitions and holders, and its directory is not below the function. That other paths may lead to the
 * head does not matter: whether they would do is for the user to say.
 */
static int check_path(struct nodes *nodes, const char *path, const char *name)
{
	unsigned int subsystem, head;
	char text[32];
	int end = 0, err;

	if (sysfs_read(text, sizeof(text), "%s", path) || strcmp(text, "1") ||
	    sscanf(name, "nvme%uc%*un%u%n", &subsystem, &head, &end) != 2 || name[end])
		return 0;
	snprintf(text, sizeof(text), "nvme%un%u", subsystem, head);
	err = walk_class(nodes, "block", text);
	snprintf(text, sizeof(text), "ng%un%u", subsystem, head);
	return err ? err : walk_class(nodes, "nvme-generic", text);
}

/* A file below the function's directory: remember device nodes, look at interfaces and holders. */
static int visit(struct nodes *nodes, const FTSENT *entry)
{
	const FTSENT *parent = entry->fts_parent, *grand = parent->fts_parent;

	if (!strcmp(parent->fts_name, "holders")) {
		snprintf(nodes->why, nodes->why_len, "block device %s is held by %s",
			 grand->fts_name, entry->fts_name);
		return EBUSY;
	}
	if (!strcmp(entry->fts_name, "flags") && grand && !strcmp(grand->fts_name, "net"))
		return check_interface(nodes, entry->fts_path, parent->fts_name);
	if (!strcmp(entry->fts_name, "hidden"))
		return check_path(nodes, entry->fts_path, parent->fts_name);
	return strcmp(entry->fts_name, "dev") ? 0 : add_node(nodes, entry);
}

/* FTS_PHYSICAL: the links that lead out of the directory that @path names are not followed. */
static int walk(struct nodes *nodes, const char *path)
{
	char real[PATH_MAX];
	char *const roots[] = { real, NULL };
	FTSENT *entry;
	int err = 0;
	FTS *fts;

	if (!realpath(path, real))
		return errno;
	fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	if (!fts)
		return errno;
	while (!err && (entry = fts_read(fts))) {
		if (entry->fts_level > 0 && (entry->fts_info == FTS_F || entry->fts_info == FTS_SL))
			err = visit(nodes, entry);
	}
	fts_close(fts);
	return err;
}

static int walk_function(struct nodes *nodes, const char *bdf)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s", bdf);
	return walk(nodes, path);
}

static int check_mounts(struct nodes *nodes)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	unsigned int major, minor;
	char line[PATH_MAX], where[256];
	int err = 0;

	if (!file)
		return errno;
	while (!err && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%*u %*u %u:%u %*s %255s", &major, &minor, where) != 3 ||
		    !has_node(nodes, makedev(major, minor), true))
			continue;
		snprintf(nodes->why, nodes->why_len, "a block device of it is mounted at %s",
			 where);
		err = EBUSY;
	}
	fclose(file);
	return err;
}

static int check_swaps(struct nodes *nodes)
{
	FILE *file = fopen("/proc/swaps", "re");
	char line[PATH_MAX], path[256];
	struct stat st;
	int err = 0;

	if (!file)
		return errno == ENOENT ? 0 : errno;
	while (!err && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%255s", path) != 1 || stat(path, &st) || !S_ISBLK(st.st_mode) ||
		    !has_node(nodes, st.st_rdev, true))
			continue;
		snprintf(nodes->why, nodes->why_len, "%s is swapped to", path);
		err = EBUSY;
	}
	fclose(file);
	return err;
}

static int check_process(struct nodes *nodes, const char *pid)
{
	char path[PATH_MAX], comm[64], target[128] = "";
	struct dirent *entry;
	struct stat st;
	int err = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	if (!dir)
		return 0; /* it has ended */
	while (!err && (entry = readdir(dir))) {
		if (fstatat(dirfd(dir), entry->d_name, &st, 0) ||
		    !(S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) ||
		    !has_node(nodes, st.st_rdev, S_ISBLK(st.st_mode)))
			continue;
		if (readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1) < 0)
			target[0] = '\0';
		sysfs_read(comm, sizeof(comm), "/proc/%s/comm", pid);
		snprintf(nodes->why, nodes->why_len, "process %s (%s) has %s open", pid, comm,
			 target);
		err = EBUSY;
	}
	closedir(dir);
	return err;
}

static int check_processes(struct nodes *nodes)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	int err = 0;

	if (!dir)
		return errno;
	while (!err && (entry = readdir(dir))) {
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			err = check_process(nodes, entry->d_name);
	}
	closedir(dir);
	return err;
}

/* Where devtmpfs has a block device, "" when nowhere: its uevent says "DEVNAME=nvme0n1". */
static void find_path(dev_t dev, char *path, size_t len)
{
	char uevent[64], line[256], name[200];
	FILE *file;

	path[0] = '\0';
	snprintf(uevent, sizeof(uevent), "/sys/dev/block/%u:%u/uevent", major(dev), minor(dev));
	file = fopen(uevent, "re");
	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "DEVNAME=%199s", name) == 1)
			snprintf(path, len, "/dev/%s", name);
	}
	fclose(file);
}

/* O_NONBLOCK: a drive without a medium does not look for one, and has nothing to hold. */
static int check_holder(struct nodes *nodes, dev_t dev)
{
	char path[256];
	struct stat st;
	int fd, err;

	find_path(dev, path, sizeof(path));
	fd = open(path, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);
	err = fd < 0 ? errno : 0;
	if (err == EBUSY)
		snprintf(nodes->why, nodes->why_len,
			 "%s is held exclusively: by a file system, perhaps one of another mount namespace, swap "
			 "or another block device", path);
	if (fd < 0)
		return err == ENOMEDIUM || err == ENXIO ? 0 : err;
	if (fstat(fd, &st))
		err = errno;
	else if (!S_ISBLK(st.st_mode) || st.st_rdev != dev)
		err = ENODEV; /* this /dev is not the kernel's */
	close(fd);
	return err;
}

static int check_holders(struct nodes *nodes)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < nodes->count; i++) {
		if (nodes->node[i].block)
			err = check_holder(nodes, nodes->node[i].dev);
	}
	return err;
}

/* A group opens only once, and stays open as long as a device fd of it: no node tells that. */
static int check_vfio_group(const char *bdf, struct nodes *nodes)
{
	char group[PCI_NAME_LEN], path[PATH_MAX];
	int fd, err = 0;

	sysfs_link(group, sizeof(group), PCI_DEVICES "/%s/iommu_group", bdf);
	if (!group[0])
		return 0;
	snprintf(path, sizeof(path), "/dev/vfio/%s", group);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0) {
		close(fd);
	} else if (errno == EBUSY) {
		snprintf(nodes->why, nodes->why_len, "its VFIO group %s is open", path);
		err = EBUSY;
	}
	return err;
}

int inuse_check(const char *bdf, char *why, size_t len)
{
	struct nodes nodes = { .why = why, .why_len = len };
	char driver[PCI_NAME_LEN];
	int err;

	snprintf(why, len, "%s", "unknown user");
	pci_driver(bdf, driver, sizeof(driver));
	if (!driver[0])
		return 0;
	err = check_vfio_group(bdf, &nodes);
	if (!err)
		err = walk_function(&nodes, bdf);
	if (!err)
		err = check_mounts(&nodes);
	if (!err)
		err = check_swaps(&nodes);
	if (!err)
		err = check_processes(&nodes);
	if (!err)
		err = check_holders(&nodes);
	free(nodes.node);
	return err;
}
