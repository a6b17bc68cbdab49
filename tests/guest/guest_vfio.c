// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Opening a VFIO device by its group: the only way on a kernel without iommufd, as Debian's. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "guest.h"

static int open_group(const char *bdf, int *group)
{
	char link[PATH_MAX], path[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "/sys/bus/pci/devices/%s/iommu_group", bdf);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return ENODEV;
	path[n] = '\0';
	snprintf(link, sizeof(link), "/dev/vfio/%s", basename(path));
	*group = open(link, O_RDWR | O_CLOEXEC);
	return *group < 0 ? errno : 0;
}

int guest_vfio_open(const char *bdf, struct guest_vfio *vfio)
{
	int err;

	err = open_group(bdf, &vfio->group);
	if (err)
		return err;
	vfio->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (vfio->container < 0) {
		err = errno;
		goto err_group;
	}
	if (ioctl(vfio->group, VFIO_GROUP_SET_CONTAINER, &vfio->container) ||
	    ioctl(vfio->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU)) {
		err = errno;
		goto err_container;
	}
	vfio->device = ioctl(vfio->group, VFIO_GROUP_GET_DEVICE_FD, bdf);
	if (vfio->device < 0) {
		err = errno;
		goto err_container;
	}
	return 0;

err_container:
	close(vfio->container);
err_group:
	close(vfio->group);
	return err;
}

void guest_vfio_close(struct guest_vfio *vfio)
{
	close(vfio->device);
	close(vfio->group);
	close(vfio->container);
}
