// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Many queue pairs and memory regions of one process: see perf.h. */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "perf.h"

#define BYTES 8
#define LIST 16
#define SETTLE_ROUNDS 10

struct crowd {
	struct ends *ends;
	struct ibv_qp **qps; /* pairs: (0, 1), (2, 3), ... */
	struct ibv_mr **mrs;
	uint8_t *pages;
};

/* What is left of the machine's memory. */
static long available_kib(void)
{
	FILE *file = got("/proc/meminfo", fopen("/proc/meminfo", "re"));
	char line[128];
	long kib = 0;

	while (!kib && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemAvailable: %ld kB", &kib) != 1)
			kib = 0;
	fclose(file);
	return kib;
}

/* What each of @count objects took, of all that the process and the kernel keep for them. */
static void say_size(const char *key, long before_kib, unsigned int count)
{
	printf("%s %.0f\n", key, (double)(before_kib - available_kib()) * 1024 / count);
}

struct crowd *crowd_open(struct ends *ends, unsigned int qps, unsigned int mrs)
{
	struct crowd *crowd = got("memory", calloc(1, sizeof(*crowd)));
	long before;

	crowd->ends = ends;
	crowd->qps = got("memory", calloc(qps, sizeof(struct ibv_qp *)));
	crowd->mrs = got("memory", calloc(mrs, sizeof(struct ibv_mr *)));
	crowd->pages = got("memory", aligned_alloc(PAGE, (size_t)mrs * PAGE));
	memset(crowd->pages, 0, (size_t)mrs * PAGE);
	before = available_kib();
	for (unsigned int i = 0; i < qps; i++)
		crowd->qps[i] = ends_qp(ends);
	for (unsigned int i = 0; i < qps; i++)
		ends_connect(ends, crowd->qps[i], crowd->qps[i ^ 1]);
	say_size("idle_qp_bytes", before, qps);
	before = available_kib();
	for (unsigned int i = 0; i < mrs; i++)
		crowd->mrs[i] = got("memory region", ibv_reg_mr(ends->pd, crowd->pages + (size_t)i * PAGE,
								PAGE, ACCESS));
	say_size("idle_mr_bytes", before, mrs);
	return crowd;
}

/* A list of WRITEs, each from one region to the next. */
static void post_list(struct crowd *crowd, struct ibv_qp *qp, unsigned int first, unsigned int mrs)
{
	struct ibv_send_wr wrs[LIST], *bad;
	struct ibv_sge sges[LIST];

	for (unsigned int i = 0; i < LIST; i++) {
		unsigned int from = (first + i) % mrs, to = (first + i + 1) % mrs;

		sges[i] = (struct ibv_sge){ (uintptr_t)crowd->mrs[from]->addr, BYTES,
					    crowd->mrs[from]->lkey };
		wrs[i] = (struct ibv_send_wr){
			.next = i < LIST - 1 ? &wrs[i + 1] : NULL,
			.sg_list = &sges[i],
			.num_sge = 1,
			.opcode = IBV_WR_RDMA_WRITE,
			.send_flags = i < LIST - 1 ? 0 : IBV_SEND_SIGNALED,
			.wr.rdma = { (uintptr_t)crowd->mrs[to]->addr + BYTES, crowd->mrs[to]->rkey },
		};
	}
	check("ibv_post_send", ibv_post_send(qp, wrs, &bad));
}

double crowd_writes(struct crowd *crowd, unsigned int qps, unsigned int mrs, unsigned int count)
{
	unsigned int qp = 0, mr = 0;
	uint64_t start = now_ns();

	for (unsigned int i = 0; i < count; i += LIST) {
		post_list(crowd, crowd->qps[qp], mr, mrs);
		drain(crowd->ends->cq, 1);
		qp = (qp + 1) % qps;
		mr = (mr + LIST) % mrs;
	}
	return (double)(now_ns() - start) / count;
}

/* Another address space, and back: the TLB is flushed. */
static void flush_tlb(void)
{
	char path[] = "/bin/true", *argv[] = { path, NULL }, *envp[] = { NULL };
	pid_t pid;
	int err = posix_spawn(&pid, path, NULL, NULL, argv, envp);

	check(path, err);
	check("waiting for a child", waitpid(pid, NULL, 0) == pid ? 0 : errno);
}

void crowd_settle(struct crowd *crowd, unsigned int qps, unsigned int mrs, unsigned int count)
{
	for (unsigned int i = 0; i < SETTLE_ROUNDS; i++) {
		crowd_writes(crowd, qps, mrs, count);
		flush_tlb();
	}
}
