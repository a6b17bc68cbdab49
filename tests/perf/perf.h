/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * Measuring by pairs: the parts of rdma-ratios. Whatever goes wrong ends the program with a message
 * that names the object.
 */
#ifndef VFIOWC_TESTS_PERF_H
#define VFIOWC_TESTS_PERF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <infiniband/vfiowc.h>

#define PAGE 4096u
#define MIB (1u << 20)
/* Where places are drawn from: what an emulator's TLB tells apart, some times over. */
#define PLACES_BYTES ((size_t)16 * MIB)
/* Between source and target that stay where they are. */
#define ODD_PAGES ((size_t)37 * PAGE)
#define ACCESS (IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE)
#define WINDOW 128 /* work requests in flight, at most */

static inline uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* check() - end the program unless @err is 0: "rdma-ratios: WHAT: text of the error". */
void check(const char *what, int err);
/* got() - @object; end the program with errno's text if it is NULL. */
void *got(const char *what, void *object);

/* ---- ends.c: an opened device with two connected queue pairs ------------------------------------ */

struct ends {
	struct ibv_context *context;
	struct ibv_pd *pd;
	struct ibv_cq *cq; /* of all sends */
	struct ibv_qp *qp[2];
};

/* Bytes to move and where to: [0] is the first queue pair's own memory, [1] the other's. */
struct memory {
	uint8_t *addr[2];
	struct ibv_mr *mr[2];
};

void ends_open(struct ends *ends, const char *device);
struct ibv_qp *ends_qp(struct ends *ends);
void ends_connect(struct ends *ends, struct ibv_qp *qp, const struct ibv_qp *peer);
/* host_memory() - both in host memory, an odd number of pages apart, touched. */
void host_memory(struct memory *memory, struct ibv_pd *pd, size_t bytes);

/* ---- place.c: memory that lies elsewhere each time ---------------------------------------------- */

struct slice;

struct place {
	struct memory memory;
	uint8_t *map[2]; /* what host memory was cut out of; NULL: a slice */
};

/* place_hosts() - both ends in host memory, at random pages. */
void place_hosts(struct place *place, struct ibv_pd *pd, size_t bytes);
/* place_slice() - [0] in host memory, [1] in @slice, mapped at @map, both at random pages. */
void place_slice(struct place *place, struct ibv_pd *pd, size_t bytes, const struct slice *slice,
		 uint8_t *map);
void place_end(struct place *place);

/* ---- load.c: WRITEs, nanoseconds of one --------------------------------------------------------- */

/*
 * What is written: @bytes each time, @list work requests in a call, every 16th completed, @count in
 * all, a multiple of both.
 */
struct load {
	uint32_t bytes;
	unsigned int list;
	unsigned int count;
};

double load_throughput(struct ends *ends, const struct memory *memory, const struct load *load);
/* load_latency() - to and fro, each side polling its memory: half of a turn. */
double load_latency(struct ends *ends, const struct memory *memory, unsigned int turns);
/* load_doorbell() - the doorbell call with nothing posted. */
double load_doorbell(struct ends *ends, unsigned int count);
/* load_post_send() - the same by the command of verbs. */
double load_post_send(struct ends *ends, unsigned int count);
/* post_write() - one WRITE of @bytes from the beginning of memory[@from] to that of the other. */
void post_write(struct ibv_qp *qp, const struct memory *memory, unsigned int from, uint32_t bytes,
		unsigned int flags);
/* drain() - poll until @count successful completions were seen. */
void drain(struct ibv_cq *cq, unsigned int count);

/* ---- copies.c: the bare copy, nanoseconds of one ------------------------------------------------ */

/* copy_by_cpu() - by this process, with unrolled 8-byte moves as the device does it; O2: flushed. */
double copy_by_cpu(void *to, const void *from, size_t bytes, unsigned int count);
/* copy_by_kernel() - by memcpy() in the kernel. */
double copy_by_kernel(void *to, const void *from, size_t bytes, unsigned int count);

/* ---- registration.c, tags.c, scale.c: one side of a pair each, nanoseconds of one ----------------------- */

struct slice {
	struct vfiowc_device *dev;
	struct vfiowc_buf *buf;
	size_t bytes;
};

void slice_open(struct slice *slice, const char *pci_address, unsigned int bar, size_t bytes);
double register_slice(struct ends *ends, const struct slice *slice, size_t bytes, unsigned int count);

/*
 * write_tagged() - WRITEs from memory[0] into @slice, which is registered for them: with a steering
 * tag published, or with none. Ends the program unless the region holds the tag it should, or none.
 */
double write_tagged(struct ends *ends, const struct memory *memory, const struct slice *slice,
		    const struct load *load, bool tagged);

struct crowd;
/* crowd_open() - @qps connected queue pairs and @mrs regions of one page each; prints the memory of each. */
struct crowd *crowd_open(struct ends *ends, unsigned int qps, unsigned int mrs);
/*
 * crowd_settle() - let an emulator's TLB grow to what the crowd needs: it does so when it is flushed
 * while it is full, and not in between. Until then each page that was not seen lately costs
 * a walk of page tables, which is the emulator's price for touching memory, by whatever means.
 */
void crowd_settle(struct crowd *crowd, unsigned int qps, unsigned int mrs, unsigned int count);
/* crowd_writes() - @count 8-byte WRITEs by @qps of the queue pairs in turn, to @mrs of the regions. */
double crowd_writes(struct crowd *crowd, unsigned int qps, unsigned int mrs, unsigned int count);

#endif
