// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * The random driver's processes: start them without privileges, kill one now and then, watch that
 * they get on, and look at what is left when all have ended. See random.h.
 *
 * --seed, --ops and --processes replay a run; with one process nothing is killed and no thread
 * changes rings, so that it does the same again. Without them the seed is of the clock, and printed.
 * Installed a second time as long_random_ops, which does a million operations.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "random.h"
#include "rdma_slice.h"

#ifndef RANDOM_OPS
#define RANDOM_OPS 10000
#endif
#define MAX_PROCESSES 16
#define MAX_OPERATIONS 64
#define NOBODY 65534
/* No operation takes that long, unless it hangs; a busy host and a debug kernel are slow. */
#define STUCK_SECONDS 60
#define FORK_OPS 8
#define OPS_PER_FORK 200
#define OPS_PER_KILL 1000

static struct {
	uint64_t seed;
	uint64_t ops;
	unsigned int processes;
} options = { .ops = RANDOM_OPS, .processes = 4 };

static const struct operations *const all[] = { &random_exporter, &random_rdma, &random_objects, &random_rings };

/* Shared by all processes. */
static struct shared {
	struct {
		uint64_t done; /* operations; the next one has this number */
		const char *now;
		uint64_t digest; /* of the operations drawn */
	} process[MAX_PROCESSES];
	uint64_t runs[MAX_OPERATIONS];
	uint64_t successes[MAX_OPERATIONS];
	uint64_t forks;
	uint64_t kills;
} *shared;

/* The operation that @draw falls on by weight, and its place among all. */
static const struct operation *find_operation(uint64_t draw, size_t *index)
{
	*index = 0;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		for (size_t j = 0; j < all[i]->count; j++, (*index)++) {
			if (draw < all[i]->ops[j].weight)
				return &all[i]->ops[j];
			draw -= all[i]->ops[j].weight;
		}
	}
	return NULL;
}

static uint64_t total_weight(void)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (size_t j = 0; j < all[i]->count; j++)
			sum += all[i]->ops[j].weight;
	return sum;
}

/* Operation @number of @process: nothing else decides what it draws. */
static void run_one(struct world *w, unsigned int process, uint64_t number)
{
	const struct operation *op;
	size_t index;

	w->rng = options.seed + process * 0x100000001b3 + number * 0x9e3779b97f4a7c15;
	op = find_operation(random_below(w, total_weight()), &index);
	shared->process[process].now = op->name;
	__atomic_add_fetch(&shared->runs[index], 1, __ATOMIC_RELAXED);
	if (!op->run(w))
		__atomic_add_fetch(&shared->successes[index], 1, __ATOMIC_RELAXED);
	shared->process[process].digest = shared->process[process].digest * 0x100000001b3 + index;
}

/* A child that uses what it inherited, and ends in one of two ways. */
static void fork_one(struct world *w, unsigned int process, uint64_t number)
{
	pid_t pid;

	random_scribble_stop();
	shared->process[process].now = "fork";
	pid = fork();
	if (!pid) {
		for (int i = 0; i < FORK_OPS; i++)
			run_one(w, process, number + ((uint64_t)(i + 1) << 48));
		if (number % 2)
			raise(SIGKILL);
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
	__atomic_add_fetch(&shared->forks, 1, __ATOMIC_RELAXED);
}

static void open_world(struct world *w, const struct exporter *exp)
{
	*w = (struct world){ .exp = exp, .threads = options.processes > 1 };
	for (size_t i = 0; i < sizeof(w->dmabuf) / sizeof(w->dmabuf[0]); i++)
		w->dmabuf[i] = -1;
	w->arena = mmap(NULL, RANDOM_ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	w->context = rdma_open();
	if (w->arena == MAP_FAILED || !w->context || ibv_query_gid(w->context, 1, 0, &w->gid))
		_exit(2);
	random_verbs_start(w);
}

/* One process from its next operation to its last, as nobody. */
static void work(const struct exporter *exp, unsigned int process)
{
	uint64_t last = options.ops / options.processes;
	uint64_t *done = &shared->process[process].done;
	struct world w;

	/* cmocka's handlers would go on with the test in here */
	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
	if (setgid(NOBODY) || setuid(NOBODY))
		_exit(3);
	open_world(&w, exp);
	while (*done < last) {
		uint64_t number = __atomic_fetch_add(done, 1, __ATOMIC_RELAXED);

		run_one(&w, process, number);
		if (!((number * 0x9e3779b9 + options.seed) % OPS_PER_FORK))
			fork_one(&w, process, number);
	}
	random_close_all(&w);
	_exit(0);
}

static pid_t start(const struct exporter *exp, unsigned int process)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		work(exp, process);
	assert_true(pid > 0);
	return pid;
}

static uint64_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static uint64_t all_done(void)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < options.processes; i++)
		sum += __atomic_load_n(&shared->process[i].done, __ATOMIC_RELAXED);
	return sum;
}

/* Before the test fails: a process that lives on would hold the device. */
static void end_all(const pid_t pids[])
{
	for (unsigned int i = 0; i < options.processes; i++) {
		print_error("process %u: operation %" PRIu64 ", %s\n", i, shared->process[i].done,
			    shared->process[i].now);
		if (pids[i])
			kill(pids[i], SIGKILL);
	}
	while (wait(NULL) > 0)
		;
}

/* Collect one that has ended; killed ones go on in a new process, with nothing. */
static void collect(const struct exporter *exp, pid_t pids[], unsigned int *running)
{
	int status;
	pid_t pid = waitpid(-1, &status, WNOHANG);

	for (unsigned int i = 0; pid > 0 && i < options.processes; i++) {
		if (pids[i] != pid)
			continue;
		pids[i] = 0;
		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
			pids[i] = start(exp, i);
		} else if (WIFEXITED(status) && !WEXITSTATUS(status)) {
			(*running)--;
		} else {
			end_all(pids);
			fail_msg("process %u ended with status 0x%x", i, status);
		}
	}
}

/* The parent's part: kill, collect, watch. */
static void supervise(const struct exporter *exp)
{
	uint64_t moved = seconds(), before = 0, next_kill = OPS_PER_KILL;
	unsigned int running = options.processes;
	pid_t pids[MAX_PROCESSES] = {};

	for (unsigned int i = 0; i < options.processes; i++)
		pids[i] = start(exp, i);
	while (running) {
		uint64_t done = all_done();

		collect(exp, pids, &running);
		if (done != before)
			moved = seconds();
		before = done;
		if (seconds() - moved > STUCK_SECONDS) {
			end_all(pids);
			fail_msg("no operation has ended for %d seconds", STUCK_SECONDS);
		}
		if (options.processes > 1 && done >= next_kill) {
			pid_t victim = pids[next_kill / OPS_PER_KILL % options.processes];

			next_kill += OPS_PER_KILL;
			shared->kills += victim && !kill(victim, SIGKILL);
		}
		usleep(1000);
	}
}

static void print_counts(void)
{
	size_t index = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (size_t j = 0; j < all[i]->count; j++, index++)
			print_message("%-16s %8" PRIu64 " runs %8" PRIu64 " successes\n", all[i]->ops[j].name,
				      shared->runs[index], shared->successes[index]);
	print_message("%" PRIu64 " operations, %" PRIu64 " forks, %" PRIu64 " kills\n", all_done(),
		      shared->forks, shared->kills);
}

/* A driver all of whose calls are refused would test little. */
static void assert_all_succeed_sometimes(void)
{
	size_t index = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (size_t j = 0; j < all[i]->count; j++, index++)
			if (shared->runs[index] > 200 && !shared->successes[index])
				fail_msg("%s never succeeds", all[i]->ops[j].name);
}

static void run_all(const struct exporter *exp)
{
	memset(shared, 0, sizeof(*shared));
	print_message("--seed=%" PRIu64 " --ops=%" PRIu64 " --processes=%u\n", options.seed, options.ops,
		      options.processes);
	supervise(exp);
}

static bool no_dma_buf_left(void *arg)
{
	char text[4096] = "";

	(void)arg;
	return !guest_read_file("/sys/kernel/debug/vfiowc_pci/dma_bufs", text, sizeof(text)) && !text[0];
}

static char resources[1024];

static bool no_object_left(void *arg)
{
	static const char *const kinds[] = { " pd ", " cq ", " qp ", " mr ", " ctx ", " srq " };

	(void)arg;
	guest_capture(resources, sizeof(resources), "rdma resource show " RDMA_DEVICE);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const char *count = strstr(resources, kinds[i]);

		if (!count || strtoul(count + strlen(kinds[i]), NULL, 10))
			return false;
	}
	return true;
}

/* Bytes go to the BAR and back through a new slice. */
static void assert_device_works(const struct exporter *exp)
{
	struct exporter_range range = { 0, RANDOM_SLICE };
	struct rdma_node node;
	struct rdma_buf host, slice;
	struct ibv_qp *qp[2];
	struct rdma_wr wr;
	uint8_t *map;
	int fd;

	exporter_decode(exp, true);
	fd = exporter_stock(exp, exp->bar, O_RDWR | O_CLOEXEC, 0, 1, &range);
	assert_return_code(fd, -fd);
	map = exporter_mmap(fd, RANDOM_SLICE);
	rdma_node_open(&node);
	rdma_qp_pair(&node, qp);
	host = rdma_buf_alloc(node.pd, RANDOM_SLICE, RDMA_REMOTE);
	slice = rdma_reg_slice(node.pd, fd, map, RANDOM_SLICE);
	rdma_pattern(host.addr, RANDOM_SLICE, options.seed);
	wr = rdma_wr(IBV_WR_RDMA_WRITE, &host, &slice, RANDOM_SLICE);
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	assert_memory_equal(map, host.addr, RANDOM_SLICE);
	memset(map, 0x33, RANDOM_SLICE);
	wr = rdma_wr(IBV_WR_RDMA_READ, &host, &slice, RANDOM_SLICE);
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	assert_memory_equal(map, host.addr, RANDOM_SLICE);
	rdma_dereg_slice(&slice);
	rdma_buf_free(&host);
	rdma_qp_unpair(qp);
	rdma_node_close(&node);
	munmap(map, RANDOM_SLICE);
	close(fd);
}

static void random_processes_leave_a_working_device_and_nothing_else(void **state)
{
	run_all(*state);
	print_counts();
	assert_all_succeed_sometimes();
	assert_true(guest_wait_for(no_dma_buf_left, NULL, 10000));
	if (!guest_wait_for(no_object_left, NULL, 10000))
		fail_msg("left: %s", resources);
	assert_device_works(*state);
	assert_true(guest_wait_for(no_dma_buf_left, NULL, 10000));
}

static void one_process_does_the_same_again(void **state)
{
	const typeof(options) given = options;
	uint64_t digest;

	options.processes = 1;
	options.ops = 500;
	run_all(*state);
	digest = shared->process[0].digest;
	run_all(*state);
	assert_true(shared->process[0].digest == digest);
	options.seed++;
	run_all(*state);
	assert_true(shared->process[0].digest != digest);
	options = given;
}

static int setup(void **state)
{
	if (rdma_device_up(state) || exporter_setup_ivshmem(state))
		return -1;
	exporter_param("tph_override", "3"); /* or no tag would ever be set */
	return 0;
}

static int teardown(void **state)
{
	const struct exporter exp = *(struct exporter *)*state;
	int ret = rdma_device_down(state); /* first: the kernel warns of what it finds then */

	exporter_param("tph_override", "0");
	if (exporter_teardown(state) || guest_bind(exp.bdf, NULL))
		ret = -1;
	return ret;
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t value = strtoull(text, &end, 0);

	if (!*text || *end) {
		fprintf(stderr, "random_ops: '%s' is no number\n", text);
		exit(2);
	}
	return value;
}

static void parse(int argc, char **argv)
{
	static const struct option known[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "ops", required_argument, NULL, 'o' },
		{ "processes", required_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{},
	};
	int option;

	options.seed = time(NULL);
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (option) {
		case 's':
			options.seed = number(optarg);
			break;
		case 'o':
			options.ops = number(optarg);
			break;
		case 'p':
			options.processes = number(optarg);
			break;
		case 'h':
			printf("Usage: %s [--seed=N] [--ops=N] [--processes=N]\n", argv[0]);
			exit(0);
		default:
			exit(2);
		}
	}
	if (!options.processes || options.processes > MAX_PROCESSES) {
		fprintf(stderr, "random_ops: --processes must be 1 to %d\n", MAX_PROCESSES);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_process_does_the_same_again, setup, teardown),
		cmocka_unit_test_setup_teardown(random_processes_leave_a_working_device_and_nothing_else,
						setup, teardown),
	};

	parse(argc, argv);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 2;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
