// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* The kernel's side of fake.h: files, VFIO, dma-bufs. */
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/pci_regs.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "fake.h"
#include "fake_verbs.h"

struct fake fake;

/* Nothing that the library treats as an answer rather than as a failure. */
int fake_nth_errno(enum fake_call call)
{
	switch (call) {
	case FAKE_CALLOC:
	case FAKE_FEATURE:
	case FAKE_MMAP:
		return ENOMEM;
	case FAKE_FCNTL:
	case FAKE_OPEN_CONTAINER:
	case FAKE_OPEN_GROUP:
		return EMFILE;
	default:
		return EFAULT;
	}
}

bool fake_fails(enum fake_call call)
{
	if (fake.fail_nth && !--fake.fail_nth) {
		fake.failed = call;
		errno = fake_nth_errno(call);
		return true;
	}
	if (!fake.fail[call] || fake.fail_at[call]-- > 0)
		return false;
	errno = fake.fail[call];
	return true;
}

static void put32(unsigned int offset, uint32_t value)
{
	memcpy(fake.config + offset, &value, sizeof(value));
}

/* BAR 0: I/O; 2 and 3: 64-bit prefetchable memory; 4: memory, not mappable. PCIe at 0x60. */
static void set_config(void)
{
	put32(PCI_BASE_ADDRESS_0, 0xe001);
	put32(PCI_BASE_ADDRESS_2, 0xc);
	put32(PCI_BASE_ADDRESS_4, 0);
	fake.config[PCI_STATUS] = PCI_STATUS_CAP_LIST;
	fake.config[PCI_CAPABILITY_LIST] = 0x40;
	put32(0x40, PCI_CAP_ID_PM | 0x60 << 8);
	put32(0x60, PCI_CAP_ID_EXP | 2 << 16);
	put32(0x60 + PCI_EXP_DEVCAP2, 3 << 12);
	fake.bar_bytes[0] = 256;
	fake.bar_bytes[FAKE_MEM_BAR] = FAKE_BAR_BYTES;
	fake.bar_bytes[4] = FAKE_PAGE;
}

int fake_setup(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof(fake));
	fake.driver = FAKE_VFIOWC_PCI;
	fake.device_flags = VFIO_DEVICE_FLAGS_PCI;
	fake.id = (struct vfiowc_feature_id){
		.magic = VFIOWC_MAGIC,
		.major = VFIOWC_UAPI_MAJOR,
		.minor = 7,
		.features = 0xff,
		.tph_completer = VFIOWC_TPH_COMPLETER_EXT,
	};
	set_config();
	fake_verbs_setup();
	return 0;
}

/* ---- files ---------------------------------------------------------------------------------- */

void *__wrap_calloc(size_t n, size_t size)
{
	void *memory = fake_fails(FAKE_CALLOC) ? NULL : __real_calloc(n, size);

	fake.allocations += !!memory;
	return memory;
}

void __wrap_free(void *memory)
{
	fake.allocations -= !!memory;
	if (memory) /* who still reads it gets nonsense */
		memset(memory, 0xee, malloc_usable_size(memory));
	__real_free(memory);
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	void (*meanwhile)(void) = fake.meanwhile;
	int err = __real_pthread_mutex_unlock(mutex);

	if (meanwhile) {
		fake.meanwhile = NULL;
		meanwhile();
	}
	return err;
}

static int open_fd(enum fake_fd fd)
{
	fake.opened[fd - FAKE_CONTAINER]++;
	return fd;
}

static ssize_t give_link(char *target, size_t len, const char *text)
{
	size_t n = strlen(text);

	assert_true(n <= len);
	memcpy(target, text, n);
	return n;
}

ssize_t __wrap_readlink(const char *path, char *target, size_t len)
{
	if (fake_fails(FAKE_READLINK))
		return -1;
	if (!strcmp(path, "/sys/bus/pci/devices/" FAKE_BDF "/iommu_group"))
		return give_link(target, len, "../../../kernel/iommu_groups/17");
	if (!strcmp(path, "/sys/bus/pci/devices/" FAKE_BDF "/driver"))
		return give_link(target, len, "../../../bus/pci/drivers/vfiowc_pci");
	errno = ENOENT;
	return -1;
}

/* Files of the kernel; BAR 2 begins at 0x80000000. */
static int open_sysfs(const char *path)
{
	static const char resource[] = "0xe000 0xe0ff 0x101\n0 0 0\n0x80000000 0x83ffffff 0x14220c\n";
	bool list = !strcmp(path, "/sys/kernel/debug/x86/pat_memtype_list");
	const char *text = list ? fake.memtype_list : resource;
	int fd;

	if (fake_fails(FAKE_OPEN_SYSFS))
		return -1;
	if (!text || (!list && strcmp(path, "/sys/bus/pci/devices/" FAKE_BDF "/resource") &&
		      strcmp(path, "/sys/bus/pci/devices/" FAKE_BDF "/resource2_wc"))) {
		errno = ENOENT;
		return -1;
	}
	fd = memfd_create("sysfs", MFD_CLOEXEC);
	assert_true(fd >= 0 && !ftruncate(fd, 0));
	assert_int_equal(pwrite(fd, text, strlen(text), 0), strlen(text));
	return fd;
}

int __wrap_open(const char *path, int flags, ...)
{
	assert_true(flags & O_CLOEXEC);
	if (!strncmp(path, "/sys/", 5))
		return open_sysfs(path);
	if (!strcmp(path, "/dev/vfio/17"))
		return fake_fails(FAKE_OPEN_GROUP) ? -1 : open_fd(FAKE_GROUP);
	assert_string_equal(path, "/dev/vfio/vfio");
	return fake_fails(FAKE_OPEN_CONTAINER) ? -1 : open_fd(FAKE_CONTAINER);
}

int __wrap_close(int fd)
{
	if (fd >= FAKE_CONTAINER && fd <= FAKE_RDMA) {
		fake.closed[fd - FAKE_CONTAINER]++;
		return 0;
	}
	fake.dma_bufs_closed += !!fake_find_dma_buf(fd);
	return __real_close(fd);
}

ssize_t __wrap_pread(int fd, void *bytes, size_t n, off_t offset)
{
	uint64_t at = offset - ((uint64_t)VFIO_PCI_CONFIG_REGION_INDEX << 40);

	assert_int_equal(fd, FAKE_DEVICE);
	if (fake_fails(FAKE_PREAD)) {
		if (errno != ENODATA) /* stands for a short read */
			return -1;
		return n - 1;
	}
	assert_true(at + n <= sizeof(fake.config));
	memcpy(bytes, fake.config + at, n);
	return n;
}

int __wrap_fstatfs(int fd, struct statfs *fs)
{
	if (fake_fails(FAKE_FSTATFS) || __real_fstatfs(fd, fs))
		return -1;
	if (fake_find_dma_buf(fd))
		fs->f_type = DMA_BUF_MAGIC;
	return 0;
}

int __wrap_fcntl(int fd, int op, ...)
{
	/* A test asks F_GETFD, the library nothing but this: */
	return op == F_DUPFD_CLOEXEC && fake_fails(FAKE_FCNTL) ? -1 : __real_fcntl(fd, op, 0);
}

off_t __wrap_lseek(int fd, off_t offset, int whence)
{
	return fake_fails(FAKE_LSEEK) ? -1 : __real_lseek(fd, offset, whence);
}

/* Device memory behind the device fd: any pages do. */
void *__wrap_mmap(void *address, size_t length, int prot, int flags, int fd, off_t offset)
{
	if (fd != FAKE_DEVICE && !fake_find_dma_buf(fd))
		return __real_mmap(address, length, prot, flags, fd, offset);
	if (fake_fails(FAKE_MMAP))
		return MAP_FAILED;
	assert_int_equal(flags, MAP_SHARED);
	fake.last_mmap_prot = prot;
	fake.last_mmap_offset = offset;
	fake.last_mmap_length = length;
	if (fd == FAKE_DEVICE)
		return __real_mmap(address, length, prot, flags | MAP_ANONYMOUS, -1, 0);
	return __real_mmap(address, length, prot, flags, fd, offset);
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
	return fake_fails(FAKE_RECVMSG) ? -1 : __real_recvmsg(fd, msg, flags);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	assert_true(flags & MSG_NOSIGNAL);
	return fake_fails(FAKE_SENDMSG) ? -1 : __real_sendmsg(fd, msg, flags);
}

/* ---- dma-bufs ------------------------------------------------------------------------------- */

struct fake_dma_buf *fake_find_dma_buf(int fd)
{
	struct stat st;
	unsigned int i;

	if (fd >= FAKE_CONTAINER || fstat(fd, &st))
		return NULL;
	for (i = 0; i < fake.num_bufs; i++)
		if (fake.buf[i].inode == st.st_ino)
			return &fake.buf[i];
	return NULL;
}

static int make_dma_buf(uint64_t bytes, const struct fake_dma_buf *model)
{
	int fd = memfd_create("dma-buf", MFD_CLOEXEC);
	struct stat st;

	assert_true(fd >= 0 && !ftruncate(fd, bytes) && !fstat(fd, &st));
	assert_true(fake.num_bufs < 16);
	fake.buf[fake.num_bufs] = *model;
	fake.buf[fake.num_bufs++].inode = st.st_ino;
	return fd;
}

int fake_make_dma_buf(uint64_t bytes, bool foreign)
{
	const struct fake_dma_buf model = { .foreign = foreign, .bar = FAKE_MEM_BAR, .nr_ranges = 1 };

	return make_dma_buf(bytes, &model);
}

/* ---- VFIO ------------------------------------------------------------------------------------ */

static int fail_with(int err)
{
	errno = err;
	return -1;
}

static int export(struct vfio_device_feature_dma_buf *stock, uint32_t memattr)
{
	struct fake_dma_buf model = { .bar = stock->region_index, .nr_ranges = stock->nr_ranges,
				      .memattr = memattr };
	uint64_t bytes = 0;
	uint32_t i;

	if (memattr > VFIOWC_MEMATTR_NATURAL || (memattr == VFIOWC_MEMATTR_WC && fake.wc_unsupported))
		return fail_with(EOPNOTSUPP);
	if (stock->flags || !stock->nr_ranges)
		return fail_with(EINVAL);
	fake.last_region = stock->region_index;
	fake.last_open_flags = stock->open_flags;
	for (i = 0; i < stock->nr_ranges; i++)
		bytes += stock->dma_ranges[i].length;
	return make_dma_buf(bytes, &model);
}

static int export_typed(struct vfiowc_feature_export *request)
{
	fake.last_flags = request->flags;
	return export(&request->dma_buf, request->memattr);
}

static int memattr(struct fake_dma_buf *buf, struct vfiowc_feature_memattr *request, bool set)
{
	if (set && fake.wc_unsupported && request->memattr == VFIOWC_MEMATTR_WC)
		return fail_with(fake.driver == FAKE_UPSTREAM ? ENOENT : EOPNOTSUPP);
	/* Upstream has no natural type. */
	if (set && request->memattr > (fake.driver == FAKE_UPSTREAM ? VFIOWC_MEMATTR_WC :
								      VFIOWC_MEMATTR_NATURAL))
		return fail_with(fake.driver == FAKE_UPSTREAM ? ENOENT : EOPNOTSUPP);
	if (set)
		buf->memattr = request->memattr;
	else
		request->memattr = buf->memattr;
	return 0;
}

static int tph(struct fake_dma_buf *buf, struct vfiowc_feature_tph *request, bool set)
{
	if (set)
		buf->tph = *request;
	else
		*request = buf->tph;
	return 0;
}

static int query(int fd, struct fake_dma_buf *buf, struct vfiowc_feature_query *request)
{
	struct stat st;

	fstat(fd, &st);
	request->size = st.st_size;
	request->bar = buf->bar;
	request->nr_ranges = buf->nr_ranges;
	request->memattr = buf->memattr;
	request->state = buf->revoked ? VFIOWC_DMA_BUF_REVOKED : VFIOWC_DMA_BUF_LIVE;
	request->nr_importers = 3;
	request->nr_mappings = 5;
	return 0;
}

static int map_query(struct vfiowc_feature_map_query *request)
{
	request->requested = VFIOWC_MEMATTR_WC;
	request->pte_type = VFIOWC_PTE_UC_MINUS;
	request->page_bytes = FAKE_PAGE;
	return 0;
}

static int region_mmap(struct vfiowc_feature_region_mmap *request)
{
	if (request->memattr > VFIOWC_MEMATTR_NATURAL ||
	    (request->memattr == VFIOWC_MEMATTR_WC && fake.wc_unsupported))
		return fail_with(EOPNOTSUPP);
	fake.last_part = *request;
	request->mmap_offset = FAKE_PART_OFFSET;
	return 0;
}

/* Features that take a dma-buf fd first. */
static int buf_feature(uint32_t kind, void *payload, bool set)
{
	int32_t fd;
	struct fake_dma_buf *buf;

	memcpy(&fd, payload, sizeof(fd));
	buf = fake_find_dma_buf(fd);
	if (!buf)
		return fail_with(EBADF);
	if (buf->foreign)
		return fail_with(ENODEV);
	if (kind == VFIOWC_FEATURE_DMA_BUF_QUERY)
		return query(fd, buf, payload);
	if (buf->revoked)
		return fail_with(EBADFD);
	if (kind == VFIOWC_FEATURE_DMA_BUF_MEMATTR)
		return memattr(buf, payload, set);
	if (kind == VFIOWC_FEATURE_DMA_BUF_TPH)
		return tph(buf, payload, set);
	buf->revoked = true;
	return 0;
}

/* The feature that a number means with the present driver; 0: no such feature. */
static uint32_t kind_of(uint32_t number)
{
	if (number == VFIO_DEVICE_FEATURE_DMA_BUF)
		return fake.driver == FAKE_NO_DMA_BUF ? 0 : number;
	if (fake.driver == FAKE_VFIOWC_PCI && number >= VFIOWC_FEATURE_ID)
		return number;
	if (fake.driver != FAKE_UPSTREAM)
		return 0;
	switch (number) {
	case FAKE_UPSTREAM_MEMATTR:
		return VFIOWC_FEATURE_DMA_BUF_MEMATTR;
	case FAKE_UPSTREAM_TPH:
		return VFIOWC_FEATURE_DMA_BUF_TPH;
	case FAKE_UPSTREAM_REVOKE:
		return VFIOWC_FEATURE_DMA_BUF_REVOKE;
	}
	return 0;
}

static int perform(uint32_t kind, struct vfio_device_feature *request)
{
	bool set = request->flags & VFIO_DEVICE_FEATURE_SET;

	switch (kind) {
	case VFIO_DEVICE_FEATURE_DMA_BUF:
		return export((void *)request->data, VFIOWC_MEMATTR_NC);
	case VFIOWC_FEATURE_ID:
		memcpy(request->data, &fake.id, sizeof(fake.id));
		return 0;
	case VFIOWC_FEATURE_EXPORT:
		return export_typed((void *)request->data);
	case VFIOWC_FEATURE_MAP_QUERY:
		return map_query((void *)request->data);
	case VFIOWC_FEATURE_REGION_MMAP:
		return region_mmap((void *)request->data);
	default:
		return buf_feature(kind, request->data, set);
	}
}

static int feature(struct vfio_device_feature *request)
{
	uint32_t number = request->flags & VFIO_DEVICE_FEATURE_MASK;
	uint32_t kind = kind_of(number);

	if (fake_fails(FAKE_FEATURE))
		return -1;
	if (!kind)
		return fail_with(ENOTTY);
	if (request->flags & VFIO_DEVICE_FEATURE_PROBE) {
		/* Upstream's cannot be read. */
		if (fake.driver == FAKE_UPSTREAM && kind != VFIO_DEVICE_FEATURE_DMA_BUF &&
		    (request->flags & VFIO_DEVICE_FEATURE_GET) && !fake.readable)
			return fail_with(EINVAL);
		return 0;
	}
	if (fake.feature_errno && fake.fail_feature == number) {
		fake.feature_failures++;
		return fail_with(fake.feature_errno);
	}
	fake.feature_calls++;
	fake.last_number = number;
	return perform(kind, request);
}

static int region_info(struct vfio_region_info *info)
{
	if (fake_fails(FAKE_GET_REGION_INFO))
		return -1;
	assert_int_equal(info->argsz, sizeof(*info));
	info->offset = (uint64_t)info->index << 40;
	info->size = info->index < VFIOWC_NUM_BARS ? fake.bar_bytes[info->index] : 256;
	info->flags = VFIO_REGION_INFO_FLAG_READ;
	if (info->index == FAKE_MEM_BAR)
		info->flags |= VFIO_REGION_INFO_FLAG_MMAP;
	return 0;
}

static int device_ioctl(unsigned long request, void *arg)
{
	switch (request) {
	case VFIO_DEVICE_GET_INFO:
		if (fake_fails(FAKE_GET_INFO))
			return -1;
		((struct vfio_device_info *)arg)->flags = fake.device_flags;
		return 0;
	case VFIO_DEVICE_GET_REGION_INFO:
		return region_info(arg);
	case VFIO_DEVICE_FEATURE:
		return feature(arg);
	}
	return fail_with(ENOTTY);
}

static int container_ioctl(unsigned long request, unsigned long arg)
{
	switch (request) {
	case VFIO_GET_API_VERSION:
		return fake_fails(FAKE_GET_API_VERSION) ? VFIO_API_VERSION + 1 : VFIO_API_VERSION;
	case VFIO_CHECK_EXTENSION:
		assert_int_equal(arg, VFIO_TYPE1v2_IOMMU);
		return fake_fails(FAKE_CHECK_EXTENSION) ? 0 : 1;
	case VFIO_SET_IOMMU:
		assert_int_equal(arg, VFIO_TYPE1v2_IOMMU);
		return fake_fails(FAKE_SET_IOMMU) ? -1 : 0;
	}
	return fail_with(ENOTTY);
}

static int group_ioctl(unsigned long request, void *arg)
{
	switch (request) {
	case VFIO_GROUP_SET_CONTAINER:
		assert_int_equal(*(int *)arg, FAKE_CONTAINER);
		return fake_fails(FAKE_SET_CONTAINER) ? -1 : 0;
	case VFIO_GROUP_GET_DEVICE_FD:
		assert_string_equal(arg, FAKE_BDF);
		return fake_fails(FAKE_GET_DEVICE_FD) ? -1 : open_fd(FAKE_DEVICE);
	}
	return fail_with(ENOTTY);
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	unsigned long arg;

	va_start(ap, request);
	arg = va_arg(ap, unsigned long);
	va_end(ap);
	switch (fd) {
	case FAKE_CONTAINER:
		return container_ioctl(request, arg);
	case FAKE_GROUP:
		return group_ioctl(request, (void *)arg);
	case FAKE_DEVICE:
		return device_ioctl(request, (void *)arg);
	case FAKE_RDMA:
		return fake_rdma_ioctl(request, (void *)arg);
	}
	return __real_ioctl(fd, request, arg);
}

/* ---- shorthands ------------------------------------------------------------------------------ */

struct vfiowc_device *fake_open(void)
{
	struct vfiowc_device *dev = vfiowc_open_device(FAKE_BDF);

	assert_non_null(dev);
	fake.feature_calls = 0;
	return dev;
}

struct vfiowc_buf *fake_export(struct vfiowc_device *dev, uint64_t offset, uint64_t length,
			       enum vfiowc_mem_type type)
{
	struct vfiowc_export_attr attr = { .bar = FAKE_MEM_BAR, .offset = offset, .length = length,
					   .types = &type, .num_types = 1 };
	struct vfiowc_buf *buf = vfiowc_export(dev, &attr, sizeof(attr));

	assert_non_null(buf);
	return buf;
}
