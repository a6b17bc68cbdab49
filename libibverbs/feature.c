// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * The VFIO_DEVICE_FEATURE ioctl, and which features a device has.
 *
 * VFIOWC_FEATURE_ID is asked first: it proves that vfiowc_pci drives the device, only then are the
 * other private numbers used. With any other driver a feature is used only if the installed
 * <linux/vfio.h> has a name for it and the kernel answers a probe the way the proposals say. No
 * number is written down here and none is searched: several proposals claimed the same one, and a
 * TPH SET sent to a REVOKE would kill the buffer.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include "vfiowc_int.h"

#ifndef VFIO_DEVICE_FEATURE_DMA_BUF
#error "the kernel headers are older than 6.19: <linux/vfio.h> has no dma-buf export"
#endif
#ifdef VFIO_DEVICE_FEATURE_DMA_BUF_MEMATTR
#define UPSTREAM_MEMATTR VFIO_DEVICE_FEATURE_DMA_BUF_MEMATTR
_Static_assert(sizeof(struct vfio_device_feature_dma_buf_memattr) ==
	       sizeof(struct vfiowc_feature_memattr), "upstream's MEMATTR payload has changed");
#else
#define UPSTREAM_MEMATTR FEATURE_ABSENT
#endif
#ifdef VFIO_DEVICE_FEATURE_DMA_BUF_TPH
#define UPSTREAM_TPH VFIO_DEVICE_FEATURE_DMA_BUF_TPH
/* Proposals of one size had the tags in another order: compare offsets as well. */
_Static_assert(sizeof(struct vfio_device_feature_dma_buf_tph) ==
	       sizeof(struct vfiowc_feature_tph), "upstream's TPH payload has changed");
_Static_assert(offsetof(struct vfio_device_feature_dma_buf_tph, steering_tag_ext) ==
	       offsetof(struct vfiowc_feature_tph, steering_tag_ext) &&
	       offsetof(struct vfio_device_feature_dma_buf_tph, steering_tag) ==
	       offsetof(struct vfiowc_feature_tph, steering_tag),
	       "upstream's TPH payload has changed");
#else
#define UPSTREAM_TPH FEATURE_ABSENT
#endif
#ifdef VFIO_DEVICE_FEATURE_DMA_BUF_REVOKE
#define UPSTREAM_REVOKE VFIO_DEVICE_FEATURE_DMA_BUF_REVOKE
_Static_assert(sizeof(struct vfio_device_feature_dma_buf_revoke) ==
	       sizeof(struct vfiowc_feature_revoke), "upstream's REVOKE payload has changed");
#else
#define UPSTREAM_REVOKE FEATURE_ABSENT
#endif

/* Largest payload of fixed size. */
#define PAYLOAD_MAX sizeof(struct vfiowc_feature_query)

/* Performs a complete request. @result may be NULL; else it gets what the ioctl returned. */
int vfiowc_feature_ioctl(int fd, struct vfio_device_feature *request, int *result)
{
	int ret = ioctl(fd, VFIO_DEVICE_FEATURE, request);

	if (ret < 0)
		return errno;
	if (result)
		*result = ret;
	return 0;
}

/* @op: VFIO_DEVICE_FEATURE_GET, _SET, _PROBE. @payload is sent, and overwritten by a GET. */
int vfiowc_feature_call(int fd, uint32_t op, uint32_t number, void *payload, size_t len)
{
	union {
		struct vfio_device_feature header;
		uint64_t bytes[(sizeof(struct vfio_device_feature) + PAYLOAD_MAX) / 8];
	} request;
	int err;

	memset(&request, 0, sizeof(request));
	request.header.argsz = sizeof(request.header) + len;
	request.header.flags = op | number;
	if (len)
		memcpy(request.header.data, payload, len);
	err = vfiowc_feature_ioctl(fd, &request.header, NULL);
	if (!err && len && (op & VFIO_DEVICE_FEATURE_GET))
		memcpy(payload, request.header.data, len);
	return err;
}

int vfiowc_read_id(int fd, struct vfiowc_feature_id *id)
{
	int err;

	memset(id, 0, sizeof(*id));
	err = vfiowc_feature_call(fd, VFIO_DEVICE_FEATURE_GET, VFIOWC_FEATURE_ID, id, sizeof(*id));
	if (err)
		return err;
	if (id->magic != VFIOWC_MAGIC || id->major != VFIOWC_UAPI_MAJOR)
		return ENOTTY;
	return 0;
}

/*
 * How drivers say that they lack a feature, or that it cannot be read or set. Anything else (ENOMEM,
 * ENODEV, ...) is no answer: whoever took it for one would open a device of fewer abilities than it has.
 */
static bool says_no(int err)
{
	return err == ENOTTY || err == EINVAL || err == EOPNOTSUPP;
}

/* Return: 0 with @has filled, or why that cannot be told. */
static int probe(int fd, uint32_t op, uint32_t number, bool *has)
{
	int err = vfiowc_feature_call(fd, VFIO_DEVICE_FEATURE_PROBE | op, number, NULL, 0);

	*has = !err;
	return says_no(err) ? 0 : err;
}

/*
 * None of upstream's three can be read, in the newest proposals. Something that can be is another
 * feature, or an older proposal of another layout.
 */
static int probe_set_only(int fd, uint32_t number, bool *has)
{
	bool readable;
	int err;

	*has = false;
	if (number == FEATURE_ABSENT)
		return 0;
	err = probe(fd, VFIO_DEVICE_FEATURE_SET, number, has);
	if (err || !*has)
		return err;
	err = probe(fd, VFIO_DEVICE_FEATURE_GET, number, &readable);
	*has = !readable;
	return err;
}

static void find_private(struct vfiowc_device *dev, uint64_t features)
{
	static const uint32_t number[FEATURE_COUNT] = {
		[FEATURE_EXPORT]	= VFIOWC_FEATURE_EXPORT,
		[FEATURE_MEMATTR]	= VFIOWC_FEATURE_DMA_BUF_MEMATTR,
		[FEATURE_TPH]		= VFIOWC_FEATURE_DMA_BUF_TPH,
		[FEATURE_REVOKE]	= VFIOWC_FEATURE_DMA_BUF_REVOKE,
		[FEATURE_QUERY]		= VFIOWC_FEATURE_DMA_BUF_QUERY,
		[FEATURE_MAP_QUERY]	= VFIOWC_FEATURE_MAP_QUERY,
		[FEATURE_REGION_MMAP]	= VFIOWC_FEATURE_REGION_MMAP,
	};
	unsigned int i;

	dev->source = VFIOWC_SOURCE_VFIOWC_PCI;
	for (i = 0; i < FEATURE_COUNT; i++)
		if (number[i] && (features & VFIOWC_FEATURE_BIT(number[i])))
			dev->feature[i] = number[i];
}

static int find_upstream(struct vfiowc_device *dev)
{
	static const uint32_t number[FEATURE_COUNT] = {
		[FEATURE_DMA_BUF]	= FEATURE_ABSENT,
		[FEATURE_EXPORT]	= FEATURE_ABSENT,
		[FEATURE_MEMATTR]	= UPSTREAM_MEMATTR,
		[FEATURE_TPH]		= UPSTREAM_TPH,
		[FEATURE_REVOKE]	= UPSTREAM_REVOKE,
		[FEATURE_QUERY]		= FEATURE_ABSENT,
		[FEATURE_MAP_QUERY]	= FEATURE_ABSENT,
		[FEATURE_REGION_MMAP]	= FEATURE_ABSENT,
	};
	unsigned int i;
	bool has;

	dev->source = VFIOWC_SOURCE_STOCK;
	for (i = 0; i < FEATURE_COUNT; i++) {
		int err = probe_set_only(dev->fd, number[i], &has);

		if (err)
			return err;
		if (!has)
			continue;
		dev->feature[i] = number[i];
		dev->source = VFIOWC_SOURCE_UPSTREAM;
	}
	return 0;
}

/* Fills dev->source and dev->feature from what dev->fd answers, or says why it does not answer. */
int vfiowc_find_features(struct vfiowc_device *dev)
{
	struct vfiowc_feature_id id;
	unsigned int i;
	bool has;
	int err;

	dev->source = VFIOWC_SOURCE_NONE;
	for (i = 0; i < FEATURE_COUNT; i++)
		dev->feature[i] = FEATURE_ABSENT;
	err = probe(dev->fd, VFIO_DEVICE_FEATURE_GET, VFIO_DEVICE_FEATURE_DMA_BUF, &has);
	if (err || !has)
		return err;
	dev->feature[FEATURE_DMA_BUF] = VFIO_DEVICE_FEATURE_DMA_BUF;
	err = vfiowc_read_id(dev->fd, &id);
	if (says_no(err))
		return find_upstream(dev);
	if (!err)
		find_private(dev, id.features);
	return err;
}

uint64_t vfiowc_caps(const struct vfiowc_device *dev)
{
	static const uint64_t cap[FEATURE_COUNT] = {
		[FEATURE_DMA_BUF]	= VFIOWC_CAP_EXPORT,
		[FEATURE_MEMATTR]	= VFIOWC_CAP_MEM_TYPE,
		[FEATURE_TPH]		= VFIOWC_CAP_TPH,
		/* Upstream's mmap has no number of its own; REVOKE comes in the same series. */
		[FEATURE_REVOKE]	= VFIOWC_CAP_REVOKE | VFIOWC_CAP_MAP,
		[FEATURE_QUERY]		= VFIOWC_CAP_QUERY,
		[FEATURE_MAP_QUERY]	= VFIOWC_CAP_MAP_QUERY,
		[FEATURE_REGION_MMAP]	= VFIOWC_CAP_REGION_TYPE,
	};
	uint64_t caps = dev->source == VFIOWC_SOURCE_VFIOWC_PCI ? VFIOWC_CAP_MAP : 0;
	unsigned int i;

	for (i = 0; i < FEATURE_COUNT; i++)
		if (vfiowc_has(dev, i))
			caps |= cap[i];
	return caps;
}

static const char *missing_feature(enum vfiowc_cap cap)
{
	switch (cap) {
	case VFIOWC_CAP_EXPORT:
		return "this driver exports no dma-bufs; vfio-pci does since Linux 6.19 "
		       "(CONFIG_VFIO_PCI_DMABUF), and vfiowc_pci";
	case VFIOWC_CAP_MAP:
		return "this driver's dma-bufs cannot be mapped by the CPU, no released kernel's can; "
		       "bind the device to vfiowc_pci";
	case VFIOWC_CAP_MEM_TYPE:
		return "this driver knows no memory type but NC, as every released kernel; "
		       "bind the device to vfiowc_pci for WC";
	case VFIOWC_CAP_TPH:
		return "this driver publishes no steering tags, as every released kernel; "
		       "bind the device to vfiowc_pci";
	case VFIOWC_CAP_REVOKE:
		return "this driver cannot revoke one dma-buf, as every released kernel; "
		       "bind the device to vfiowc_pci, or close the device to revoke all";
	case VFIOWC_CAP_QUERY:
		return "only vfiowc_pci tells the state of a dma-buf; bind the device to it";
	case VFIOWC_CAP_MAP_QUERY:
		return "only vfiowc_pci tells the effective type of a mapping; bind the device to it";
	case VFIOWC_CAP_REGION_TYPE:
		return "only vfiowc_pci gives parts of a BAR a type of their own through the device fd; "
		       "bind the device to it";
	}
	return NULL;
}

const char *vfiowc_explain_cap(const struct vfiowc_device *dev, enum vfiowc_cap cap)
{
	return vfiowc_caps(dev) & cap ? NULL : missing_feature(cap);
}
