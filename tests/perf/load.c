// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* WRITEs between two queue pairs of one process: see perf.h. */
#include <err.h>
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <rdma/ib_user_verbs.h>
#include <rdma/rdma_user_ioctl_cmds.h>
#include <rdma/vfiowc-abi.h>

#include "perf.h"

#define SIGNAL_EVERY 16
#define LATENCY_BYTES 8

void drain(struct ibv_cq *cq, unsigned int count)
{
	struct ibv_wc wc[16];

	while (count) {
		/* No more than asked for: those of later requests are for later calls. */
		int n = ibv_poll_cq(cq, count < 16 ? (int)count : 16, wc);

		if (n < 0)
			errx(1, "ibv_poll_cq failed");
		for (int i = 0; i < n; i++, count--)
			if (wc[i].status)
				errx(1, "a WRITE ended with '%s'", ibv_wc_status_str(wc[i].status));
	}
}

static void fill(struct ibv_send_wr *wr, struct ibv_sge *sge, const struct memory *memory,
		 unsigned int from, uint32_t bytes, unsigned int flags)
{
	*sge = (struct ibv_sge){ (uintptr_t)memory->addr[from], bytes, memory->mr[from]->lkey };
	*wr = (struct ibv_send_wr){
		.sg_list = sge,
		.num_sge = 1,
		.opcode = IBV_WR_RDMA_WRITE,
		.send_flags = flags,
		.wr.rdma = { (uintptr_t)memory->addr[!from], memory->mr[!from]->rkey },
	};
}

void post_write(struct ibv_qp *qp, const struct memory *memory, unsigned int from, uint32_t bytes,
		unsigned int flags)
{
	struct ibv_send_wr wr, *bad;
	struct ibv_sge sge;

	fill(&wr, &sge, memory, from, bytes, flags);
	check("ibv_post_send", ibv_post_send(qp, &wr, &bad));
}

double load_throughput(struct ends *ends, const struct memory *memory, const struct load *load)
{
	struct ibv_send_wr wrs[SIGNAL_EVERY], *bad;
	struct ibv_sge sge;
	unsigned int open = 0;
	uint64_t start;

	for (unsigned int i = 0; i < SIGNAL_EVERY; i++) {
		fill(&wrs[i], &sge, memory, 0, load->bytes,
		     i == SIGNAL_EVERY - 1 ? IBV_SEND_SIGNALED : 0);
		wrs[i].next = (i + 1) % load->list ? &wrs[i + 1] : NULL;
	}
	start = now_ns();
	for (unsigned int i = 0; i < load->count; i += load->list) {
		if (open + load->list > WINDOW) {
			drain(ends->cq, 1);
			open -= SIGNAL_EVERY;
		}
		check("ibv_post_send", ibv_post_send(ends->qp[0], &wrs[i % SIGNAL_EVERY], &bad));
		open += load->list;
	}
	drain(ends->cq, open / SIGNAL_EVERY);
	return (double)(now_ns() - start) / load->count;
}

static void wait_for_word(const uint8_t *addr, uint64_t word)
{
	while (__atomic_load_n((const uint64_t *)addr, __ATOMIC_ACQUIRE) != word)
		;
}

double load_latency(struct ends *ends, const struct memory *memory, unsigned int turns)
{
	uint64_t start = now_ns();

	for (uint64_t turn = 1; turn <= turns; turn++) {
		for (unsigned int side = 0; side < 2; side++) {
			uint64_t word = 2 * turn + side;

			memcpy(memory->addr[side], &word, sizeof(word));
			post_write(ends->qp[side], memory, side, LATENCY_BYTES,
				   IBV_SEND_SIGNALED);
			wait_for_word(memory->addr[!side], word);
			/* As perftest does; without, rxe of 7.3 stops sending now and then. */
			drain(ends->cq, 1);
		}
	}
	return (double)(now_ns() - start) / turns / 2;
}

/* One of our own: the plug-in does not tell of its. */
static int doorbell_file(struct ibv_context *context)
{
	union {
		struct ib_uverbs_ioctl_hdr hdr; /* ends in its attributes */
		uint8_t room[sizeof(struct ib_uverbs_ioctl_hdr) + sizeof(struct ib_uverbs_attr)];
	} cmd = { .room = {} };

	cmd.hdr.length = sizeof(cmd);
	cmd.hdr.object_id = VFIOWC_IB_OBJECT_DOORBELL;
	cmd.hdr.method_id = VFIOWC_IB_METHOD_DOORBELL_ALLOC;
	cmd.hdr.num_attrs = 1;
	cmd.hdr.attrs[0] = (struct ib_uverbs_attr){
		.attr_id = VFIOWC_IB_ATTR_DOORBELL_ALLOC_HANDLE,
		.flags = UVERBS_ATTR_F_MANDATORY,
	};
	check("doorbell file", ioctl(context->cmd_fd, RDMA_VERBS_IOCTL, &cmd) ? errno : 0);
	return (int)cmd.hdr.attrs[0].data_s64;
}

double load_doorbell(struct ends *ends, unsigned int count)
{
	int file = doorbell_file(ends->context);
	uint64_t start = now_ns();

	for (unsigned int i = 0; i < count; i++)
		if (ioctl(file, VFIOWC_IOCTL_DOORBELL, (unsigned long)ends->qp[0]->qp_num))
			check("doorbell", errno);
	close(file);
	return (double)(now_ns() - start) / count;
}

double load_post_send(struct ends *ends, unsigned int count)
{
	struct ib_uverbs_post_send_resp resp;
	struct {
		struct ib_uverbs_cmd_hdr hdr;
		struct ib_uverbs_post_send post;
	} cmd = {
		.hdr = {
			.command = IB_USER_VERBS_CMD_POST_SEND,
			.in_words = sizeof(cmd) / 4,
			.out_words = sizeof(resp) / 4,
		},
		.post = {
			.response = (uintptr_t)&resp,
			.qp_handle = ends->qp[0]->handle,
			.wqe_size = sizeof(struct ib_uverbs_send_wr),
		},
	};
	uint64_t start = now_ns();

	for (unsigned int i = 0; i < count; i++)
		if (write(ends->context->cmd_fd, &cmd, sizeof(cmd)) != sizeof(cmd))
			check("POST_SEND", errno);
	return (double)(now_ns() - start) / count;
}
