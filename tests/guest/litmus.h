/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * Litmus tests of the ordering contract (Documentation/ordering.md): one test a rule, on a real
 * mapping of the exporter's BAR and on the RDMA device. Each runs the sequence that the rule demands
 * many times, and somebody who did not run it looks at the result: a process with a mapping of its
 * own, a peer with an RDMA context of its own, a device with a DMA engine (edu), or the file on the
 * host behind the BAR.
 *
 * What this can show is that the sequences are right on this machine and that the device keeps the
 * rules. An emulated CPU has no combining buffers, so a call that is missing does not show: that is
 * the model's business (tests/ordering/), and that of checked maps.
 *
 * Functions without a return value fail the running test; threads and processes of a test may not
 * (cmocka leaves by longjmp), they report in struct litmus_report.
 */
#ifndef VFIOWC_TESTS_LITMUS_H
#define VFIOWC_TESTS_LITMUS_H

#include <pthread.h>
#include <sys/types.h>

#include "lib_fixture.h"
#include "rdma_fixture.h"

#define LITMUS_SLICE (64 * KIB)
#define LITMUS_IOVA 0x7000000ULL /* of the data slice in its MR */
#define LITMUS_WORDS 8 /* 8-byte words of a line */
#define LITMUS_LINE (LITMUS_WORDS * 8)
#define LITMUS_MS 300 /* how long observers look at least, */
#define LITMUS_LOOKS 20 /* and how often they see something new, if that takes longer */

/* One end of the connection: a context, a queue pair and host memory of its own. */
struct litmus_end {
	struct rdma_node node;
	struct ibv_qp *qp;
	struct rdma_buf host;
};

/*
 * A slice of data through WC and NC, a page of doorbells through NC, two connected ends. Of the
 * data slice's MR @mine is the target, @peer knows the rkey. @file is the host's file behind the
 * BAR, or -1 where there is none to be seen.
 */
struct litmus {
	struct vfiowc_device *dev;
	struct vfiowc_buf *data;
	struct vfiowc_buf *bells;
	struct vfiowc_mapping *map[3];
	volatile uint64_t *wc;
	volatile uint64_t *nc; /* the same bytes as @wc */
	volatile uint32_t *bell;
	struct litmus_end mine;
	struct litmus_end peer;
	struct ibv_mr *mr;
	int file;
	struct litmus_report *report;
	pthread_t thread;
	bool threaded;
	pid_t watcher;
};

/* What observers found, and what two threads tell each other; shared between processes. */
struct litmus_report {
	uint32_t stop;
	uint32_t looks; /* that saw something new */
	uint32_t file_looks;
	uint32_t wrong;
	uint64_t flag; /* the first wrong look: the flag, and what data it came with */
	uint64_t data;
	uint64_t turn; /* of whoever waits for the other: see litmus_await() */
	uint64_t error; /* a thread could not go on: 1000 * line + errno or status */
};

/** litmus_wrong() - keep the first wrong look, count all. */
void litmus_wrong(struct litmus *l, uint64_t flag, uint64_t data);

/**
 * litmus_look() - has the line the value that the flag promises, or a later one?
 * @line: LITMUS_WORDS words of it
 */
void litmus_look(struct litmus *l, uint64_t flag, const volatile uint64_t *line);

/** litmus_watch() - a process that calls @look until litmus_watched(). */
void litmus_watch(struct litmus *l, void (*look)(struct litmus *l));

/** litmus_watched() - end that process; it saw values change, and nothing was wrong. */
void litmus_watched(struct litmus *l);

/** litmus_peer() - a thread that runs the other side until litmus_joined(). */
void litmus_peer(struct litmus *l, void *(*run)(void *l));

/** litmus_joined() - end that thread; it met no error. */
void litmus_joined(struct litmus *l);

/** litmus_stopped() - shall watchers and threads end? */
bool litmus_stopped(struct litmus *l);

/** litmus_fail_thread() - from a thread: remember where it could not go on; a pointer to return. */
#define litmus_fail_thread(l, code) _litmus_fail_thread(l, __LINE__, code)
void *_litmus_fail_thread(struct litmus *l, int line, int code);

/**
 * litmus_give() - let the other thread have turn @turn
 * litmus_await() - wait for it; false when everybody shall end, or nothing came for ten seconds
 */
void litmus_give(struct litmus *l, uint64_t turn);
bool litmus_await(struct litmus *l, uint64_t turn);

/**
 * litmus_running() - have observers not looked for LITMUS_MS, or not seen enough yet?
 * @start: 0 in the first call
 *
 * Ends after ten seconds whatever they have seen.
 */
bool litmus_running(struct litmus *l, uint64_t *start);

/** litmus_store_line() - all words of a line get one value, through any mapping. */
void litmus_store_line(volatile uint64_t *line, uint64_t value);

/** litmus_fill() - host memory of @bytes, all 8-byte words with one value. */
void litmus_fill(struct litmus_end *end, size_t bytes, uint64_t value);

/** litmus_file_read() - bytes of the BAR as the host's file has them; false when there is no file. */
bool litmus_file_read(const struct litmus *l, uint64_t offset, void *to, size_t bytes);

/** litmus_check() - the first @bytes of the data slice hold @value everywhere: NC mapping and file. */
void litmus_check(struct litmus *l, size_t bytes, uint64_t value);

/** litmus_nothing_wrong() - no observer saw the flag without its data. */
void litmus_nothing_wrong(struct litmus *l);

/**
 * litmus_post() - one request of @end: between its host memory and the data slice
 * @flags: IBV_SEND_*; nothing is added
 * @host_off, @offset: bytes into the host memory and the slice
 *
 * Return: what ibv_post_send() said.
 */
int litmus_post(struct litmus *l, struct litmus_end *end, enum ibv_wr_opcode opcode, int flags,
		size_t host_off, size_t offset, uint32_t bytes);

/** litmus_cqe() - spin for the next completion of @end; IBV_WC_GENERAL_ERR when none comes. */
enum ibv_wc_status litmus_cqe(struct litmus_end *end);

int litmus_setup(void **state);
int litmus_teardown(void **state);

/* The emulated device with a DMA engine; its registers are memory that the CPU and N write. */
#define EDU_DMA_SRC 0x80
#define EDU_DMA_DST 0x88
#define EDU_DMA_COUNT 0x90
#define EDU_DMA_COMMAND 0x98
#define EDU_RUN 1ULL /* host memory to the device */
#define EDU_RUN_BACK 3ULL /* and back */
#define EDU_BUFFER 0x40000ULL /* the device's own memory, 4 KiB */

/**
 * struct litmus_edu - edu, its registers through NC and WC, and host memory that it can read
 * @regs: of its BAR
 * @mr: the registers, registered with the end @mine of a struct litmus; iova 0
 * @host: what edu reads, and 4 KiB later where it writes back; registered by @mine as well
 */
struct litmus_edu {
	struct exporter exp;
	int dmabuf[2];
	volatile uint8_t *nc;
	volatile uint8_t *wc;
	struct ibv_mr *mr;
	struct rdma_buf host;
};

#define EDU_IOVA 0x100000ULL /* of @host in edu's eyes: it has 28 address bits */

void litmus_edu_open(struct litmus_edu *edu, struct litmus *l);
void litmus_edu_close(struct litmus_edu *edu);
/** litmus_edu_program() - source, destination and length, by the CPU. */
void litmus_edu_program(struct litmus_edu *edu, uint64_t src, uint64_t dst, uint64_t bytes);
/** litmus_edu_wait() - until the transfer is over. */
void litmus_edu_wait(struct litmus_edu *edu);
/** litmus_edu_check() - let edu write @bytes of what it has back, and compare with @value. */
void litmus_edu_check(struct litmus_edu *edu, size_t bytes, uint64_t value);

/* litmus_store.c: what a CPU thread stores */
void o1_nc_stores_then_device(void **state);
void o2_wc_data_then_nc_bell(void **state);
void o4_cpu_wc_store_then_peer_read(void **state);
void o10_two_threads_one_line(void **state);
void o11_one_page_nc_and_wc(void **state);

/* litmus_nic.c: what the RDMA device writes and reads */
void o5i_write_then_delivery_read(void **state);
void o5i_no_slice_is_registered_for_flush(void **state);
void o5t_receive_cqe_then_local_delivery_read(void **state);
void o6_data_then_flag_by_nic(void **state);
void o8_data_then_flag_with_steering_tags(void **state);
void o12_atomics_of_two_queue_pairs(void **state);
void o13_flag_of_its_own_not_the_last_byte(void **state);
void o16_nic_flag_polled_by_cpu(void **state);

/* litmus_reuse.c: memory that is used again */
void o9_revoke_under_stores_and_writes(void **state);
void o15_source_reused_after_cqe(void **state);
void o17_credit_after_loads(void **state);

/* litmus_device.c: a device that acts on its doorbell */
void o3_host_stores_then_doorbell(void **state);
void o7_nic_write_then_cpu_bell(void **state);
void o14_nic_host_write_then_nic_bell(void **state);

/* litmus_regress.c: bugs that others shipped, where this machine can show them */
void regress_memcpy_writes_bytes_twice(void **state);
void regress_empty_read_is_no_flush(void **state);

#endif
