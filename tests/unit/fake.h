/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * A kernel and an RDMA device for unit tests of libvfiowc: the linker (--wrap) sends the library's
 * system calls and verbs here. VFIO fds are numbers that do not exist, dma-bufs are memfds. Any call
 * can be told to fail, and what was asked is recorded.
 */
#ifndef VFIOWC_TESTS_FAKE_H
#define VFIOWC_TESTS_FAKE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <linux/vfio.h>
#include <linux/vfio_dmabuf.h>
#include <rdma/vfiowc-abi.h>
#include <infiniband/vfiowc.h>
#include <infiniband/vfiowc_order.h>
#include <infiniband/vfiowc_share.h>

#define FAKE_BDF "0000:02:00.0"
#define FAKE_PAGE 4096ULL
#define FAKE_BAR_BYTES (64ULL << 20)
/* BARs of the fake function: 2 is memory that can be exported, 0 I/O ports, 4 not mappable. */
#define FAKE_MEM_BAR 2
/* Where mmap() of the device fd finds the last part that was asked for by REGION_MMAP. */
#define FAKE_PART_OFFSET (1ULL << 60)

enum fake_fd {
	FAKE_CONTAINER = 1000,
	FAKE_GROUP,
	FAKE_DEVICE,
	FAKE_RDMA,
};

enum fake_driver {
	FAKE_NO_DMA_BUF, /* an older vfio-pci */
	FAKE_STOCK,
	FAKE_UPSTREAM, /* the names of <linux/vfio.h> that upstream_names.h makes up */
	FAKE_VFIOWC_PCI,
};

/* What can be told to fail. FAKE_FEATURE is any VFIO_DEVICE_FEATURE, probes too. */
enum fake_call {
	FAKE_CALLOC,
	FAKE_FEATURE,
	FAKE_READLINK,
	FAKE_OPEN_GROUP,
	FAKE_OPEN_CONTAINER,
	FAKE_GET_API_VERSION,
	FAKE_CHECK_EXTENSION,
	FAKE_SET_CONTAINER,
	FAKE_SET_IOMMU,
	FAKE_GET_DEVICE_FD,
	FAKE_GET_INFO,
	FAKE_GET_REGION_INFO,
	FAKE_PREAD,
	FAKE_OPEN_SYSFS, /* resource2_wc, resource, the kernel's list of memory types */
	FAKE_FSTATFS,
	FAKE_FCNTL,
	FAKE_LSEEK,
	FAKE_MMAP,
	FAKE_SENDMSG,
	FAKE_RECVMSG,
	FAKE_RDMA_IOCTL,
	FAKE_REG_DMABUF_MR,
	FAKE_QUERY_DEVICE,
	FAKE_QUERY_PORT,
	FAKE_QUERY_GID,
	FAKE_CREATE_CQ,
	FAKE_REG_MR,
	FAKE_CREATE_QP,
	FAKE_MODIFY_QP,
	FAKE_DESTROY_QP,
	FAKE_POST_SEND,
	FAKE_POLL_CQ,
	FAKE_CALLS,
};

struct fake_dma_buf {
	unsigned long inode;
	bool foreign; /* of another device */
	bool revoked;
	uint32_t bar;
	uint32_t nr_ranges;
	uint32_t memattr;
	struct vfiowc_feature_tph tph;
};

struct fake_mr_args {
	uint64_t offset;
	uint64_t length;
	uint64_t iova;
	int fd;
	int access;
};

struct fake {
	enum fake_driver driver;
	int fail[FAKE_CALLS]; /* errno of the call; 0 lets it work */
	int fail_at[FAKE_CALLS]; /* calls that still work before it fails */
	int fail_nth; /* the n-th call from now that can fail, whichever it is, fails; 0: none does */
	enum fake_call failed; /* the one that did */
	void (*meanwhile)(void); /* another thread that gets the next lock that is let go; once */
	uint32_t fail_feature; /* this feature number ... */
	int feature_errno; /* ... fails so; 0: none does */
	bool wc_unsupported; /* as a BAR that has no WC */
	bool readable; /* upstream's features answer PROBE|GET: others under the same numbers */
	uint32_t device_flags; /* VFIO_DEVICE_FLAGS_* */
	struct vfiowc_feature_id id;
	uint8_t config[256];
	const char *memtype_list; /* NULL: the kernel has none */
	uint64_t bar_bytes[VFIOWC_NUM_BARS];
	struct fake_dma_buf buf[16];
	unsigned int num_bufs;

	/* What the library did. */
	unsigned int feature_calls; /* without probes, and without those told to fail */
	unsigned int feature_failures; /* those */
	uint32_t last_number;
	uint32_t last_region;
	uint32_t last_flags;
	uint32_t last_open_flags;
	unsigned int opened[4]; /* opens of FAKE_CONTAINER, _GROUP, _DEVICE ... */
	unsigned int closed[4]; /* ... and their closes */
	int allocations; /* not freed yet */
	unsigned int dma_bufs_closed;
	int last_mmap_prot;
	uint64_t last_mmap_offset;
	uint64_t last_mmap_length;
	struct vfiowc_feature_region_mmap last_part;

	/* Verbs. */
	struct fake_mr_args mr_args;
	struct vfiowc_mr_query mr_answer;
	uint16_t rdma_driver;
	struct ibv_device_attr device_attr;
	struct ibv_port_attr port_attr;
	struct ibv_qp_attr qp_attr; /* of the last modify */
	int modify_calls;
	struct ibv_send_wr posted;
	struct ibv_sge posted_sge;
	unsigned int posts;
	struct ibv_wc wc; /* what the CQ gives */
	int wc_ready;
	bool wc_always; /* each poll finds it */
	bool any_pd; /* objects may be made in other PDs than fake_pd */
	int live_verbs; /* objects created and not destroyed */
};

extern struct fake fake;
extern struct ibv_device fake_ibv_device;
extern struct ibv_context fake_ctx;
extern struct ibv_pd fake_pd;
extern struct ibv_qp fake_qp;

/* cmocka setup: a working function driven by vfiowc_pci, with extended TPH. */
int fake_setup(void **state);

/* Should this call fail now? Sets errno and returns true. */
bool fake_fails(enum fake_call call);

/* What the call fails with when it is the n-th. */
int fake_nth_errno(enum fake_call call);

/* A dma-buf of @bytes that is not the library's; of the fake device, or @foreign to it. */
int fake_make_dma_buf(uint64_t bytes, bool foreign);
struct fake_dma_buf *fake_find_dma_buf(int fd);

/* Shorthands that fail the test on errors. */
struct vfiowc_device *fake_open(void);
struct vfiowc_buf *fake_export(struct vfiowc_device *dev, uint64_t offset, uint64_t length,
			       enum vfiowc_mem_type type);

/* The pointer function gave NULL and this errno. */
#define assert_null_errno(call, code)                                                              \
	do {                                                                                       \
		errno = 0;                                                                         \
		assert_null(call);                                                                 \
		assert_int_equal(errno, code);                                                     \
	} while (0)

#endif
