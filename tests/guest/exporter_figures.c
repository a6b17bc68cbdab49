// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Figures of the exporter: how many system calls the way to a registered slice takes, and how long a revoke
 * does, the device otherwise idle and beside four threads that export, map, fork and revoke. (Faults of a
 * 64 MiB mapping: exporter_mmap.)
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "exporter_load.h"
#include "importer.h"
#include "lib_fixture.h"
#include "rdma_fixture.h"

#define STRACE "/tmp/exporter_figures.strace"
/* A system call with an argument that nobody else uses, between the calls that are counted. */
#define MARK 0x5eed0000
#define REVOKES 200
#define SLICE MIB
/* Behind the slices of the load. */
#define SLICE_OFFSET (16 * MIB)

enum step { EXPORT_WITH_TYPE, SET_TPH, MAP, REGISTER, STEPS };
static const char *const step_names[STEPS] = { "export with its type", "set_tph", "map", "reg_mr" };

static void mark(unsigned int step)
{
	syscall(SYS_getpgid, MARK + step);
}

/* The program that is traced: twice, for what a first call asks once in a process. */
static int traced(void)
{
	static const enum vfiowc_mem_type types[] = { VFIOWC_MEM_WC };
	const struct vfiowc_export_attr attr = { .bar = LIB_BAR, .offset = 0, .length = SLICE, .types = types,
						 .num_types = 1 };
	const struct vfiowc_tph tph = { .flags = VFIOWC_TAG_ST, .st = 7 };
	char bdf[GUEST_BDF_LEN];
	struct vfiowc_device *dev;
	struct rdma_node node;

	if (guest_find_pci(GUEST_IVSHMEM, bdf))
		return 1;
	dev = vfiowc_open_device(bdf);
	rdma_node_open(&node);
	for (unsigned int round = 0; dev && round < 2; round++) {
		struct vfiowc_mapping *map;
		struct vfiowc_buf *buf;
		struct ibv_mr *mr;
		int err;

		mark(round * 16 + EXPORT_WITH_TYPE);
		buf = vfiowc_export(dev, &attr, sizeof(attr));
		mark(round * 16 + SET_TPH);
		err = vfiowc_set_tph(buf, &tph);
		mark(round * 16 + MAP);
		map = vfiowc_map(buf, 0, SLICE, 0);
		mark(round * 16 + REGISTER);
		mr = vfiowc_reg_mr(buf, node.pd, 0, SLICE, 0, RDMA_REMOTE);
		mark(round * 16 + STEPS);
		if (!buf || err || !map || !mr || ibv_dereg_mr(mr) || vfiowc_unmap(map) || vfiowc_destroy_buf(buf))
			return 2;
	}
	rdma_node_close(&node);
	return dev ? vfiowc_close_device(dev) : 3;
}

/* Of the second round. Each line is a system call; @names: what they are, for a message. */
static void count_calls(unsigned int counts[STEPS], char names[STEPS][512])
{
	FILE *trace = fopen(STRACE, "re");
	char line[1024], mark_text[32];
	int step = -1;

	assert_non_null(trace);
	memset(counts, 0, STEPS * sizeof(counts[0]));
	while (fgets(line, sizeof(line), trace)) {
		bool is_mark = false;

		for (int next = 0; next <= STEPS; next++) {
			snprintf(mark_text, sizeof(mark_text), "getpgid(%d)", MARK + 16 + next);
			if (strncmp(line, mark_text, strlen(mark_text)))
				continue;
			step = next;
			is_mark = true;
		}
		if (is_mark || step < 0 || step == STEPS)
			continue;
		counts[step]++;
		snprintf(names[step] + strlen(names[step]), 512 - strlen(names[step]), "%.60s\n", line);
	}
	fclose(trace);
	assert_int_equal(step, STEPS);
}

static void way_to_a_registered_slice_is_one_system_call_each(void **state)
{
	char program[256], names[STEPS][512] = { "" };
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
	unsigned int counts[STEPS];
	char bdf[GUEST_BDF_LEN];

	(void)state;
	program[n < 0 ? 0 : n] = '\0';
	lib_bind(bdf, EXPORTER_DRIVER);
	exporter_param("tph_override", "3");
	assert_int_equal(rdma_device_up(NULL), 0);
	assert_int_equal(guest_run("strace -o " STRACE " %s traced", program), 0);
	assert_int_equal(rdma_device_down(NULL), 0);
	exporter_param("tph_override", "0");
	guest_bind(bdf, NULL);
	count_calls(counts, names);
	for (unsigned int step = 0; step < STEPS; step++) {
		print_message("%s: %u system call(s)\n%s", step_names[step], counts[step], names[step]);
		assert_int_equal(counts[step], 1);
	}
}

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* A slice that the CPU has mapped and touched, and an importer holds. */
static double one_revoke(const struct exporter *exp)
{
	int fd = exporter_export(exp, VFIOWC_MEMATTR_WC, SLICE_OFFSET, SLICE), importer = importer_open();
	volatile uint8_t *map = exporter_mmap(fd, SLICE);
	double start;

	map[0] = map[SLICE - 1] = 1;
	assert_int_equal(importer_attach(importer, fd, NULL, IMPORTER_DYNAMIC), 0);
	assert_int_equal(importer_do(importer, IMPORTER_CPU_MAP), 0);
	start = now_ms();
	assert_int_equal(exporter_revoke(exp, fd), 0);
	start = now_ms() - start;
	assert_true(guest_sigbus_read8(map));
	munmap((void *)map, SLICE);
	importer_close(importer);
	close(fd);
	return start;
}

/* None comes near the bound: a revoke waits for those who hold the slice and for nothing else. */
static void revoke_many(const struct exporter *exp, const char *how)
{
	static double ms[REVOKES];

	for (unsigned int i = 0; i < REVOKES; i++)
		ms[i] = one_revoke(exp);
	qsort(ms, REVOKES, sizeof(ms[0]), by_value);
	print_message("revoke of 1 MiB, mapped and imported, %s: p50 %.2f ms, p99 %.2f ms, max %.2f ms of %d\n", how,
		      ms[REVOKES / 2], ms[REVOKES * 99 / 100], ms[REVOKES - 1], REVOKES);
	assert_true(ms[REVOKES - 1] < 5000);
}

static void revoke_takes_no_longer_than_its_holders(void **state)
{
	revoke_many(*state, "idle");
}

static void revoke_under_load_takes_no_longer_than_its_holders(void **state)
{
	void *(*const workers[])(void *) = { exporter_load_export, exporter_load_fork, exporter_load_revoke };
	struct exporter_load load = { .exp = *state };
	struct exporter_touch touch = { .load = &load };
	pthread_t threads[4];

	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, workers[i], &load), 0);
	assert_int_equal(pthread_create(&threads[3], NULL, exporter_load_map, &touch), 0);
	revoke_many(*state, "under load");
	__atomic_store_n(&load.stop, true, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	print_message("meanwhile %u exports, %u touches, %u forks, %u revokes\n", load.exports, load.touches,
		      load.forks, load.revokes);
	assert_int_equal(load.wrong, 0);
	assert_true(load.exports && load.touches && load.forks && load.revokes);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		guest_test(way_to_a_registered_slice_is_one_system_call_each),
		importer_test(revoke_takes_no_longer_than_its_holders),
		importer_test(revoke_under_load_takes_no_longer_than_its_holders),
	};

	if (argc > 1 && !strcmp(argv[1], "traced"))
		return traced();
	return cmocka_run_group_tests_name("exporter_figures", tests, NULL, NULL);
}
