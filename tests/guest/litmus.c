// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Litmus tests of the ordering contract: what they share; see litmus.h. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "litmus.h"

/* The host's file behind the BAR, seen through the share of this run (buildlib/lab/devices.sh). */
#define BAR_FILE "/lab/run/bars/ivshmem"
#define WAIT_MS 10000

static struct litmus the;
static void *lib; /* state of lib_setup() */

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

bool litmus_running(struct litmus *l, uint64_t *start)
{
	bool enough = l->report->looks >= LITMUS_LOOKS &&
		      (l->watcher <= 0 || l->file < 0 || l->report->file_looks);

	if (!*start)
		*start = now_ms();
	return now_ms() - *start < (enough ? LITMUS_MS : guest_ms(WAIT_MS)) && !litmus_stopped(l);
}

/* ---- observers ------------------------------------------------------------------------------- */

bool litmus_stopped(struct litmus *l)
{
	return __atomic_load_n(&l->report->stop, __ATOMIC_ACQUIRE);
}

void litmus_wrong(struct litmus *l, uint64_t flag, uint64_t data)
{
	if (__atomic_fetch_add(&l->report->wrong, 1, __ATOMIC_RELAXED))
		return;
	l->report->flag = flag;
	l->report->data = data;
}

void litmus_look(struct litmus *l, uint64_t flag, const volatile uint64_t *line)
{
	for (int i = 0; i < LITMUS_WORDS; i++) {
		uint64_t word = line[i];

		if (word < flag)
			litmus_wrong(l, flag, word);
	}
}

void litmus_nothing_wrong(struct litmus *l)
{
	if (l->report->wrong)
		fail_msg("%u of %u looks saw the flag without its data, first: flag %llu, data %llu",
			 l->report->wrong, l->report->looks, (unsigned long long)l->report->flag,
			 (unsigned long long)l->report->data);
}

void litmus_watch(struct litmus *l, void (*look)(struct litmus *l))
{
	l->watcher = fork();
	assert_true(l->watcher >= 0);
	if (l->watcher)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (!litmus_stopped(l))
		look(l);
	_exit(0);
}

static int end_watcher(struct litmus *l)
{
	int status = 0;

	__atomic_store_n(&l->report->stop, 1, __ATOMIC_RELEASE);
	if (l->watcher > 0 && waitpid(l->watcher, &status, 0) != l->watcher)
		status = -1;
	l->watcher = 0;
	return status;
}

void litmus_watched(struct litmus *l)
{
	assert_int_equal(end_watcher(l), 0);
	print_message("%u looks saw something new, %u more at the host's file\n", l->report->looks,
		      l->report->file_looks);
	litmus_nothing_wrong(l);
	assert_true(l->report->looks >= LITMUS_LOOKS);
	assert_true(l->file < 0 || l->report->file_looks > 0);
}

/* ---- the other thread ------------------------------------------------------------------------ */

void litmus_peer(struct litmus *l, void *(*run)(void *l))
{
	assert_int_equal(pthread_create(&l->thread, NULL, run, l), 0);
	l->threaded = true;
}

static void end_thread(struct litmus *l)
{
	__atomic_store_n(&l->report->stop, 1, __ATOMIC_RELEASE);
	if (l->threaded)
		pthread_join(l->thread, NULL);
	l->threaded = false;
}

void litmus_joined(struct litmus *l)
{
	end_thread(l);
	if (l->report->error)
		fail_msg("the other thread ended in line %llu with %llu",
			 (unsigned long long)l->report->error / 1000,
			 (unsigned long long)l->report->error % 1000);
}

void *_litmus_fail_thread(struct litmus *l, int line, int code)
{
	l->report->error = 1000 * line + code;
	__atomic_store_n(&l->report->stop, 1, __ATOMIC_RELEASE);
	return NULL;
}

void litmus_give(struct litmus *l, uint64_t turn)
{
	__atomic_store_n(&l->report->turn, turn, __ATOMIC_RELEASE);
}

bool litmus_await(struct litmus *l, uint64_t turn)
{
	uint64_t end = now_ms() + guest_ms(WAIT_MS);

	while (__atomic_load_n(&l->report->turn, __ATOMIC_ACQUIRE) != turn) {
		if (litmus_stopped(l) || now_ms() > end)
			return false;
		sched_yield();
	}
	return true;
}

/* ---- data ------------------------------------------------------------------------------------ */

void litmus_store_line(volatile uint64_t *line, uint64_t value)
{
	for (int i = 0; i < LITMUS_WORDS; i++)
		line[i] = value;
}

void litmus_fill(struct litmus_end *end, size_t bytes, uint64_t value)
{
	for (size_t i = 0; i < bytes / 8; i++)
		((uint64_t *)end->host.addr)[i] = value;
}

bool litmus_file_read(const struct litmus *l, uint64_t offset, void *to, size_t bytes)
{
	return l->file >= 0 && pread(l->file, to, bytes, offset) == (ssize_t)bytes;
}

void litmus_check(struct litmus *l, size_t bytes, uint64_t value)
{
	uint64_t seen[LITMUS_SLICE / 8];

	assert_true(l->file < 0 || litmus_file_read(l, 0, seen, bytes));
	for (size_t i = 0; i < bytes / 8; i++) {
		if (l->file >= 0)
			assert_int_equal(seen[i], value);
		assert_int_equal(l->nc[i], value);
	}
}

/* ---- verbs ----------------------------------------------------------------------------------- */

int litmus_post(struct litmus *l, struct litmus_end *end, enum ibv_wr_opcode opcode, int flags,
		size_t host_off, size_t offset, uint32_t bytes)
{
	struct ibv_sge sge = { (uintptr_t)end->host.addr + host_off, bytes, end->host.mr->lkey };
	struct ibv_send_wr *bad, wr = { .wr_id = opcode, .sg_list = &sge, .num_sge = bytes ? 1 : 0,
					.opcode = opcode, .send_flags = flags,
					.wr.rdma = { LITMUS_IOVA + offset, l->mr->rkey } };

	return ibv_post_send(end->qp, &wr, &bad);
}

enum ibv_wc_status litmus_cqe(struct litmus_end *end)
{
	uint64_t give_up = now_ms() + guest_ms(WAIT_MS);
	struct ibv_wc wc;
	int n;

	while (!(n = ibv_poll_cq(end->node.cq, 1, &wc)))
		if (now_ms() > give_up)
			return IBV_WC_GENERAL_ERR;
		else
			sched_yield();
	return n == 1 ? wc.status : IBV_WC_GENERAL_ERR;
}

/* ---- setup ----------------------------------------------------------------------------------- */

static void end_open(struct litmus_end *end)
{
	rdma_node_open(&end->node);
	end->qp = rdma_qp_create(&end->node);
	end->host = rdma_buf_alloc(end->node.pd, LITMUS_SLICE, RDMA_REMOTE);
}

static void end_close(struct litmus_end *end)
{
	ibv_destroy_qp(end->qp);
	rdma_buf_free(&end->host);
	rdma_node_close(&end->node);
}

static void map(struct litmus *l, int i, struct vfiowc_buf *buf, uint64_t length, uint32_t flags)
{
	l->map[i] = vfiowc_map(buf, 0, length, flags);
	if (!l->map[i])
		print_error("vfiowc_map: errno %d\n", errno);
	assert_non_null(l->map[i]);
}

/* One view of the data is WC, the other NC, both as the page table has it. */
static void map_all(struct litmus *l)
{
	map(l, 0, l->data, LITMUS_SLICE, 0);
	assert_int_equal(vfiowc_set_memattr(l->data, VFIOWC_MEM_NC), 0);
	map(l, 1, l->data, LITMUS_SLICE, VFIOWC_MAP_MIXED);
	map(l, 2, l->bells, PAGE, 0);
	assert_int_equal(lib_effective(l->map[0]), VFIOWC_EFFECTIVE_WC);
	assert_int_equal(lib_effective(l->map[1]), VFIOWC_EFFECTIVE_UC_MINUS);
	assert_int_equal(lib_effective(l->map[2]), VFIOWC_EFFECTIVE_UC_MINUS);
	l->wc = vfiowc_map_addr(l->map[0]);
	l->nc = vfiowc_map_addr(l->map[1]);
	l->bell = vfiowc_map_addr(l->map[2]);
}

int litmus_setup(void **state)
{
	struct litmus *l = &the;

	if (lib_setup(&lib))
		return -1;
	*l = (struct litmus){ .dev = ((struct lib_device *)lib)->dev };
	*state = l;
	l->report = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(l->report, MAP_FAILED);
	l->file = open(BAR_FILE, O_RDONLY | O_CLOEXEC);
	l->data = lib_export(l->dev, 0, LITMUS_SLICE, VFIOWC_MEM_WC);
	l->bells = lib_export(l->dev, LITMUS_SLICE, PAGE, VFIOWC_MEM_NC);
	map_all(l);
	memset((void *)l->nc, 0, LITMUS_SLICE);
	memset((void *)l->bell, 0, PAGE);
	vfiowc_deliver(l->bell);
	end_open(&l->mine);
	end_open(&l->peer);
	rdma_qp_connect(l->mine.qp, &l->peer.node.gid, l->peer.qp->qp_num);
	rdma_qp_connect(l->peer.qp, &l->mine.node.gid, l->mine.qp->qp_num);
	l->mr = vfiowc_reg_mr(l->data, l->mine.node.pd, 0, LITMUS_SLICE, LITMUS_IOVA, RDMA_REMOTE);
	assert_non_null(l->mr);
	return 0;
}

int litmus_teardown(void **state)
{
	struct litmus *l = *state;

	end_thread(l);
	end_watcher(l);
	if (l->mr)
		ibv_dereg_mr(l->mr);
	vfiowc_end_local_delivery(l->mine.node.pd);
	end_close(&l->mine);
	end_close(&l->peer);
	for (int i = 0; i < 3; i++)
		vfiowc_unmap(l->map[i]);
	vfiowc_destroy_buf(l->data);
	vfiowc_destroy_buf(l->bells);
	if (l->file >= 0)
		close(l->file);
	munmap(l->report, PAGE);
	return lib_teardown(&lib);
}

int main(void)
{
#define litmus_test(f) cmocka_unit_test_setup_teardown(f, litmus_setup, litmus_teardown)
	const struct CMUnitTest tests[] = {
		litmus_test(o1_nc_stores_then_device),
		litmus_test(o2_wc_data_then_nc_bell),
		litmus_test(o3_host_stores_then_doorbell),
		litmus_test(o4_cpu_wc_store_then_peer_read),
		litmus_test(o5i_write_then_delivery_read),
		litmus_test(o5i_no_slice_is_registered_for_flush),
		litmus_test(o5t_receive_cqe_then_local_delivery_read),
		litmus_test(o6_data_then_flag_by_nic),
		litmus_test(o7_nic_write_then_cpu_bell),
		litmus_test(o8_data_then_flag_with_steering_tags),
		litmus_test(o9_revoke_under_stores_and_writes),
		litmus_test(o10_two_threads_one_line),
		litmus_test(o11_one_page_nc_and_wc),
		litmus_test(o12_atomics_of_two_queue_pairs),
		litmus_test(o13_flag_of_its_own_not_the_last_byte),
		litmus_test(o14_nic_host_write_then_nic_bell),
		litmus_test(o15_source_reused_after_cqe),
		litmus_test(o16_nic_flag_polled_by_cpu),
		litmus_test(o17_credit_after_loads),
		litmus_test(regress_memcpy_writes_bytes_twice),
		litmus_test(regress_empty_read_is_no_flush),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
