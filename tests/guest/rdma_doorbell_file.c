// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Doorbell files, which the plug-in rings queue pairs with: who may ring what, and what becomes of one
 * when the queue pair, the device or the module goes away. The file is found as the plug-in opened it.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <rdma/vfiowc-abi.h>

#include "rdma_fixture.h"

#define BUF_LEN 4096
#define ROUNDS 100

static struct rdma_node node;
static struct ibv_qp *qp[2];
static struct rdma_buf src, dst;

/* The doorbell file that was opened last; -1: there is none. */
static int doorbell_file(void)
{
	static const char name[] = "anon_inode:[vfiowc_doorbell]";
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	int found = -1;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		char target[sizeof(name)] = "";

		if (readlinkat(dirfd(dir), entry->d_name, target, sizeof(name) - 1) > 0 &&
		    !strcmp(target, name) && atoi(entry->d_name) > found)
			found = atoi(entry->d_name);
	}
	closedir(dir);
	return found;
}

static int ring(int file, unsigned long qpn)
{
	return ioctl(file, VFIOWC_IOCTL_DOORBELL, qpn) ? errno : 0;
}

static int setup(void **state)
{
	guest_setup(state);
	rdma_node_open(&node);
	rdma_qp_pair(&node, qp);
	src = rdma_buf_alloc(node.pd, BUF_LEN, RDMA_REMOTE);
	dst = rdma_buf_alloc(node.pd, BUF_LEN, RDMA_REMOTE);
	return 0;
}

static int teardown(void **state)
{
	rdma_qp_unpair(qp);
	rdma_buf_free(&src);
	rdma_buf_free(&dst);
	rdma_node_close(&node);
	assert_int_equal(doorbell_file(), -1);
	return guest_teardown(state);
}

static void only_queue_pairs_of_the_context_are_rung(void **state)
{
	int file = doorbell_file(), others;
	struct rdma_node other;

	(void)state;
	assert_int_equal(ring(file, qp[0]->qp_num), 0);
	rdma_node_open(&other);
	others = doorbell_file();
	assert_int_not_equal(others, file);
	assert_int_equal(ring(others, qp[0]->qp_num), EINVAL);
	assert_int_equal(ring(file, qp[0]->qp_num), 0);
	rdma_node_close(&other);
}

static void senseless_calls_are_refused(void **state)
{
	struct ibv_qp *fresh = rdma_qp_create(&node);
	int file = doorbell_file();

	(void)state;
	assert_int_equal(ring(file, fresh->qp_num), EINVAL); /* in RESET */
	assert_int_equal(ibv_destroy_qp(fresh), 0);
	assert_int_equal(ring(file, 0), EINVAL);
	assert_int_equal(ring(file, 0xffffff), EINVAL);
	assert_int_equal(ring(file, (1UL << 32) | qp[0]->qp_num), EINVAL);
	assert_int_equal(ioctl(file, VFIOWC_IOCTL_DOORBELL + 1, (unsigned long)qp[0]->qp_num), -1);
	assert_int_equal(errno, ENOTTY);
	assert_int_equal(write(file, "", 1), -1);
}

struct ringer {
	int file;
	uint32_t qpn; /* changes */
	bool stop;
};

static void *ring_on(void *arg)
{
	struct ringer *ringer = arg;

	while (!__atomic_load_n(&ringer->stop, __ATOMIC_RELAXED)) {
		int err = ring(ringer->file, __atomic_load_n(&ringer->qpn, __ATOMIC_RELAXED));

		if (err && err != EINVAL)
			return (void *)(intptr_t)err;
	}
	return NULL;
}

/* Calls that find it or not, and requests under way in some of them. */
static void queue_pair_may_be_destroyed_while_it_is_rung(void **state)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &src, &dst, BUF_LEN);
	struct ringer ringer = { .file = doorbell_file() };
	struct ibv_qp *made[2];
	pthread_t thread;
	void *err;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, ring_on, &ringer), 0);
	for (int i = 0; i < ROUNDS; i++) {
		rdma_qp_pair(&node, made);
		__atomic_store_n(&ringer.qpn, made[0]->qp_num, __ATOMIC_RELAXED);
		assert_wc(rdma_do(made[0], &wr), IBV_WC_SUCCESS);
		rdma_qp_unpair(made);
	}
	__atomic_store_n(&ringer.stop, true, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(thread, &err), 0);
	assert_null(err);
}

/* The device goes away under an open context; the module stays until the context is closed. */
static void deleted_device_is_eio_and_the_module_stays(void **state)
{
	int file = doorbell_file();
	uint32_t qpn = qp[0]->qp_num;

	assert_int_equal(rdma_device_down(state), 0);
	assert_int_equal(ring(file, qpn), EIO);
	assert_int_not_equal(guest_run("rmmod vfiowc_rdma 2>/dev/null"), 0);
	rdma_qp_unpair(qp);
	rdma_buf_free(&src);
	rdma_buf_free(&dst);
	rdma_node_close(&node);
	assert_int_equal(guest_rmmod("vfiowc_rdma"), 0);
	assert_int_equal(rdma_device_up(state), 0);
	assert_int_equal(setup(state), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define rdma_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		rdma_test(only_queue_pairs_of_the_context_are_rung),
		rdma_test(senseless_calls_are_refused),
		rdma_test(queue_pair_may_be_destroyed_while_it_is_rung),
		rdma_test(deleted_device_is_eio_and_the_module_stays),
	};

	/* what went away with the device may be freed */
	setenv("RDMAV_ALLOW_DISASSOC_DESTROY", "1", 1);
	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
