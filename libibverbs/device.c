// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * struct vfiowc_device: a PCI function behind VFIO, opened by its address through container
 * (type1v2) and group, or from a device fd that stays the application's.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "vfiowc_int.h"

/* One side of the kernel's uapi and the other of ours must mean the same. */
_Static_assert((int)VFIOWC_COMPLETER_NONE == (int)VFIOWC_TPH_COMPLETER_NONE &&
	       (int)VFIOWC_COMPLETER_ST == (int)VFIOWC_TPH_COMPLETER_TPH &&
	       (int)VFIOWC_COMPLETER_ST_EXT == (int)VFIOWC_TPH_COMPLETER_EXT, "completer");

const char *vfiowc_version(void)
{
	return VFIOWC_VERSION;
}

/* Last component of where /sys/bus/pci/devices/ADDRESS/@link points. */
static int read_device_link(const char *address, const char *link, char *name, size_t len)
{
	char path[64], target[PATH_MAX];
	const char *last;
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", address, link);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return errno;
	target[n] = '\0';
	last = strrchr(target, '/');
	snprintf(name, len, "%.*s", (int)len - 1, last ? last + 1 : target);
	return 0;
}

static int open_group(struct vfiowc_device *dev)
{
	char name[24], path[40];
	int err;

	err = read_device_link(dev->pci_address, "iommu_group", name, sizeof(name));
	if (err)
		return err == ENOENT ? ENODEV : err;
	snprintf(path, sizeof(path), "/dev/vfio/%s", name);
	dev->group = open(path, O_RDWR | O_CLOEXEC);
	return dev->group < 0 ? errno : 0;
}

static int open_container(struct vfiowc_device *dev)
{
	dev->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (dev->container < 0)
		return errno;
	if (ioctl(dev->container, VFIO_GET_API_VERSION) != VFIO_API_VERSION ||
	    ioctl(dev->container, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) <= 0)
		return ENOTSUP;
	if (ioctl(dev->group, VFIO_GROUP_SET_CONTAINER, &dev->container) ||
	    ioctl(dev->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return errno;
	return 0;
}

/* The kernel gives the fd O_CLOEXEC. */
static int open_device_fd(struct vfiowc_device *dev)
{
	dev->fd = ioctl(dev->group, VFIO_GROUP_GET_DEVICE_FD, dev->pci_address);
	return dev->fd < 0 ? errno : 0;
}

static struct vfiowc_device *alloc_device(void)
{
	struct vfiowc_device *dev = calloc(1, sizeof(*dev));

	if (!dev)
		return NULL;
	dev->container = -1;
	dev->group = -1;
	dev->fd = -1;
	pthread_mutex_init(&dev->scope.lock, NULL);
	return dev;
}

static void free_device(struct vfiowc_device *dev)
{
	pthread_mutex_destroy(&dev->scope.lock);
	free(dev);
}

/* The device before its group, the group before its container. */
static void close_owned(struct vfiowc_device *dev)
{
	if (dev->fd >= 0)
		close(dev->fd);
	if (dev->group >= 0)
		close(dev->group);
	if (dev->container >= 0)
		close(dev->container);
}

/* The BARs of @bars are held write-combined in between (whole_bar.c). */
static int open_vfio(struct vfiowc_device *dev, uint32_t bars)
{
	void *held[VFIOWC_NUM_BARS];
	int err = vfiowc_hold_bars(dev->pci_address, bars, held);

	if (!err)
		err = open_device_fd(dev);
	vfiowc_release_bars(held);
	if (!err)
		err = vfiowc_find_features(dev);
	if (err || !bars)
		return err;
	/* Its own mappings do not follow the kernel's list, and need not. */
	if (dev->source == VFIOWC_SOURCE_VFIOWC_PCI)
		return EINVAL;
	dev->wc_bars = bars;
	return vfiowc_check_bars(dev);
}

static struct vfiowc_device *open_device(const char *pci_address, uint32_t bars)
{
	struct vfiowc_device *dev;
	int err;

	dev = alloc_device();
	if (!dev)
		return NULL;
	err = vfiowc_parse_address(pci_address, dev->pci_address);
	if (!err)
		err = open_group(dev);
	if (!err)
		err = open_container(dev);
	if (!err)
		err = open_vfio(dev, bars);
	if (err)
		goto err_close;
	return dev;

err_close:
	close_owned(dev);
	free_device(dev);
	errno = err;
	return NULL;
}

struct vfiowc_device *vfiowc_open_device(const char *pci_address)
{
	return open_device(pci_address, 0);
}

struct vfiowc_device *vfiowc_open_device_wc(const char *pci_address, uint32_t bars)
{
	if (!bars || bars >> VFIOWC_NUM_BARS) {
		errno = EINVAL;
		return NULL;
	}
	return open_device(pci_address, bars);
}

static int check_pci_device(int fd)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	if (ioctl(fd, VFIO_DEVICE_GET_INFO, &info))
		return errno;
	return info.flags & VFIO_DEVICE_FLAGS_PCI ? 0 : EINVAL;
}

struct vfiowc_device *vfiowc_open_device_fd(int vfio_device_fd, const char *pci_address)
{
	struct vfiowc_device *dev;
	int err;

	dev = alloc_device();
	if (!dev)
		return NULL;
	err = pci_address ? vfiowc_parse_address(pci_address, dev->pci_address) : 0;
	if (!err)
		err = check_pci_device(vfio_device_fd);
	if (err)
		goto err_free;
	dev->fd = vfio_device_fd;
	err = vfiowc_find_features(dev);
	if (err)
		goto err_free;
	return dev;

err_free:
	free_device(dev);
	errno = err;
	return NULL;
}

int vfiowc_close_device(struct vfiowc_device *dev)
{
	unsigned int num_bufs;

	pthread_mutex_lock(&dev->scope.lock);
	num_bufs = dev->num_bufs;
	pthread_mutex_unlock(&dev->scope.lock);
	if (num_bufs)
		return EBUSY;
	if (dev->group >= 0) /* else the fd is borrowed */
		close_owned(dev);
	free_device(dev);
	return 0;
}

int vfiowc_device_fd(const struct vfiowc_device *dev)
{
	return dev->fd;
}

/* Read again each time: the override is a module parameter that can change. */
static int query_completer(struct vfiowc_device *dev, struct vfiowc_device_attr *attr)
{
	struct vfiowc_feature_id id;
	int err;

	if (dev->source != VFIOWC_SOURCE_VFIOWC_PCI)
		return vfiowc_read_completer(dev->fd, &attr->tph_completer);
	err = vfiowc_read_id(dev->fd, &id);
	if (err)
		return err;
	attr->uapi_major = id.major;
	attr->uapi_minor = id.minor;
	attr->tph_completer = id.tph_completer;
	attr->tph_override = id.tph_override;
	return 0;
}

int vfiowc_query_device(struct vfiowc_device *dev, struct vfiowc_device_attr *attr, uint32_t inlen)
{
	int err;

	if (inlen < sizeof(*attr))
		return EINVAL;
	memset(attr, 0, inlen);
	err = vfiowc_read_bars(dev->fd, attr->bars);
	if (!err)
		err = query_completer(dev, attr);
	if (err)
		return err;
	strcpy(attr->pci_address, dev->pci_address);
	if (dev->pci_address[0])
		read_device_link(dev->pci_address, "driver", attr->driver, sizeof(attr->driver));
	else if (dev->source == VFIOWC_SOURCE_VFIOWC_PCI)
		strcpy(attr->driver, "vfiowc_pci");
	attr->caps = vfiowc_caps(dev);
	attr->source = dev->source;
	return 0;
}
