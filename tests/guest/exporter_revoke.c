// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* REVOKE: one dma-buf taken back for good, from CPUs and importers, while others go on (rule O9). */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "exporter.h"
#include "importer.h"

static unsigned int now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (unsigned int)(t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

static void revoked_mapping_raises_sigbus(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_WC, 0, 4 * MIB);
	volatile uint8_t *map = exporter_mmap(fd, 4 * MIB);

	map[0] = 1;
	assert_int_equal(exporter_revoke(exp, fd), 0);
	assert_true(guest_sigbus_write8(map, 1)); /* had a PTE */
	assert_true(guest_sigbus_read8(map));
	assert_true(guest_sigbus_write8(map + 3 * MIB, 1)); /* never had one */
	munmap((void *)map, 4 * MIB);
	close(fd);
}

static void every_mapping_in_every_process_is_gone(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_WC, 0, MIB), ready[2], go[2], status;
	volatile uint8_t *first = exporter_mmap(fd, MIB), *second = exporter_mmap(fd, MIB);
	pid_t child;
	char byte;

	first[0] = 1;
	second[0] = 2;
	assert_int_equal(pipe(ready) | pipe(go), 0);
	child = fork();
	if (!child) {
		first[PAGE] = 3;
		if (write(ready[1], "r", 1) != 1 || read(go[0], &byte, 1) != 1)
			_exit(2);
		_exit(guest_sigbus_read8(first) && guest_sigbus_read8(first + PAGE) &&
		      guest_sigbus_read8(second) ? 0 : 1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(exporter_revoke(exp, fd), 0);
	assert_int_equal(write(go[1], "g", 1), 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_true(guest_sigbus_read8(first));
	assert_true(guest_sigbus_read8(second));
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(go[i]);
	}
	munmap((void *)first, MIB);
	munmap((void *)second, MIB);
	close(fd);
}

static void stores_made_before_are_delivered(void **state)
{
	struct exporter *exp = *state;
	int whole = exporter_export(exp, VFIOWC_MEMATTR_NC, 0, exp->bar_bytes);
	int fd = exporter_export(exp, VFIOWC_MEMATTR_WC, 2 * MIB, MIB);
	volatile uint32_t *map = exporter_mmap(fd, MIB), *bar = exporter_mmap(whole, exp->bar_bytes);

	for (uint32_t i = 0; i < MIB / 4; i++)
		map[i] = i ^ 0x5ca1ab1e;
	assert_int_equal(exporter_revoke(exp, fd), 0);
	for (uint32_t i = 0; i < MIB / 4; i++)
		if (bar[2 * MIB / 4 + i] != (i ^ 0x5ca1ab1e))
			fail_msg("word %u was lost", i);
	munmap((void *)map, MIB);
	munmap((void *)bar, exp->bar_bytes);
	close(fd);
	close(whole);
}

static void other_slices_go_on(void **state)
{
	struct exporter *exp = *state;
	int a = exporter_export(exp, VFIOWC_MEMATTR_WC, 0, MIB);
	int b = exporter_export(exp, VFIOWC_MEMATTR_WC, 0, MIB);
	volatile uint8_t *map = exporter_mmap(b, MIB);
	int importer = importer_open();

	map[0] = 42;
	assert_int_equal(importer_attach(importer, b, NULL, IMPORTER_DYNAMIC), 0);
	assert_int_equal(importer_do(importer, IMPORTER_CPU_MAP), 0);
	assert_int_equal(exporter_revoke(exp, a), 0);
	assert_int_equal(exporter_state(exp, b), VFIOWC_DMA_BUF_LIVE);
	assert_int_equal(map[0], 42);
	assert_int_equal(importer_info(importer).nr_invalidates, 0);
	importer_close(importer);
	munmap((void *)map, MIB);
	close(a);
	close(b);
}

static void second_revoke_says_so(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_WC, 0, MIB);

	assert_int_equal(exporter_revoke(exp, fd), 0);
	assert_int_equal(exporter_revoke(exp, fd), -EBADFD);
	assert_int_equal(exporter_revoke(exp, fd), -EBADFD);
	close(fd);
}

static void revoked_dma_buf_refuses_everything_but_query(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_WC, 0, MIB), importer = importer_open();
	struct vfiowc_feature_memattr attr = { .dmabuf_fd = fd };
	struct vfiowc_feature_tph tags = { .dmabuf_fd = fd };

	assert_int_equal(exporter_revoke(exp, fd), 0);
	assert_true(mmap(NULL, MIB, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED);
	assert_int_equal(errno, ENODEV);
	assert_int_equal(importer_attach(importer, fd, NULL, IMPORTER_DYNAMIC), -ENODEV);
	assert_int_equal(exporter_set_memattr(exp, fd, VFIOWC_MEMATTR_NC), -EBADFD);
	assert_int_equal(exporter_feature(exp, VFIO_DEVICE_FEATURE_GET, VFIOWC_FEATURE_DMA_BUF_MEMATTR,
					  &attr, sizeof(attr)), -EBADFD);
	exporter_param("tph_override", "3");
	assert_int_equal(exporter_feature(exp, VFIO_DEVICE_FEATURE_SET, VFIOWC_FEATURE_DMA_BUF_TPH,
					  &tags, sizeof(tags)), -EBADFD);
	exporter_param("tph_override", "0");
	assert_int_equal(exporter_state(exp, fd), VFIOWC_DMA_BUF_REVOKED);
	importer_close(importer);
	close(fd);
}

static void same_slice_can_be_exported_again(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_WC, 0, MIB), again;
	volatile uint8_t *map = exporter_mmap(fd, MIB), *fresh;

	map[9] = 99;
	assert_int_equal(exporter_revoke(exp, fd), 0);
	again = exporter_export(exp, VFIOWC_MEMATTR_NC, 0, MIB);
	fresh = exporter_mmap(again, MIB);
	assert_int_equal(fresh[9], 99);
	fresh[9] = 100;
	assert_true(guest_sigbus_read8(map));
	munmap((void *)map, MIB);
	munmap((void *)fresh, MIB);
	close(fd);
	close(again);
}

static void revoke_does_not_heal(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_WC, 0, MIB);
	volatile uint8_t *map = exporter_mmap(fd, MIB);

	map[0] = 1;
	assert_int_equal(exporter_revoke(exp, fd), 0);
	exporter_decode(exp, false);
	exporter_decode(exp, true);
	assert_true(guest_sigbus_read8(map));
	assert_int_equal(exporter_state(exp, fd), VFIOWC_DMA_BUF_REVOKED);
	munmap((void *)map, MIB);
	close(fd);
}

static void importer_is_told_and_unmapped(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_WC, 0, MIB);
	int importer = importer_open();

	assert_int_equal(importer_attach(importer, fd, NULL, IMPORTER_DYNAMIC), 0);
	assert_int_equal(importer_do(importer, IMPORTER_CPU_MAP), 0);
	assert_int_equal(exporter_revoke(exp, fd), 0);
	assert_int_equal(importer_info(importer).nr_invalidates, 1);
	assert_false(importer_info(importer).mapped);
	assert_int_equal(importer_do(importer, IMPORTER_CPU_MAP), -ENODEV);
	importer_close(importer);
	close(fd);
}

#define SLOW_MS 400

static void revoke_waits_for_a_slow_importer(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_WC, 0, MIB), importer = importer_open();
	unsigned int start;

	assert_int_equal(importer_attach_policy(importer, fd, NULL, IMPORTER_UNMAP_LATER, SLOW_MS), 0);
	assert_int_equal(importer_do(importer, IMPORTER_CPU_MAP), 0);
	start = now_ms();
	assert_int_equal(exporter_revoke(exp, fd), 0);
	assert_true(now_ms() - start >= SLOW_MS);
	assert_false(importer_info(importer).mapped);
	importer_close(importer);
	close(fd);
}

/* CPU mappings are cut off in any case; the caller learns that the importer is not. */
static void importer_that_never_lets_go_ends_the_wait(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_WC, 0, MIB), importer = importer_open();
	volatile uint8_t *map = exporter_mmap(fd, MIB);

	map[0] = 1;
	exporter_param("revoke_timeout_ms", "300");
	assert_int_equal(importer_attach_policy(importer, fd, NULL, IMPORTER_UNMAP_NEVER, 0), 0);
	assert_int_equal(importer_do(importer, IMPORTER_CPU_MAP), 0);
	assert_int_equal(exporter_revoke(exp, fd), -ETIMEDOUT);
	assert_true(guest_sigbus_read8(map));
	assert_int_equal(exporter_state(exp, fd), VFIOWC_DMA_BUF_REVOKED);
	assert_int_equal(exporter_revoke(exp, fd), -ETIMEDOUT);
	assert_int_equal(importer_do(importer, IMPORTER_UNMAP), 0);
	assert_int_equal(exporter_revoke(exp, fd), -EBADFD);
	exporter_param("revoke_timeout_ms", "5000");
	munmap((void *)map, MIB);
	importer_close(importer);
	close(fd);
}

static void fence_that_never_signals_ends_the_wait(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_WC, 0, MIB), importer = importer_open();
	volatile uint8_t *map = exporter_mmap(fd, MIB);

	map[0] = 1;
	exporter_param("revoke_timeout_ms", "300");
	assert_int_equal(importer_attach(importer, fd, NULL, IMPORTER_DYNAMIC), 0);
	assert_int_equal(importer_do(importer, IMPORTER_FENCE), 0);
	assert_int_equal(exporter_revoke(exp, fd), -ETIMEDOUT);
	assert_true(guest_sigbus_read8(map));
	assert_int_equal(importer_do(importer, IMPORTER_FENCE_SIGNAL), 0);
	assert_int_equal(exporter_revoke(exp, fd), -EBADFD);
	exporter_param("revoke_timeout_ms", "5000");
	munmap((void *)map, MIB);
	importer_close(importer);
	close(fd);
}

static void revoke_of_a_waiting_process_can_be_killed(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_WC, 0, MIB), importer = importer_open(), status;
	unsigned int start;
	pid_t child;

	exporter_param("revoke_timeout_ms", "60000");
	assert_int_equal(importer_attach_policy(importer, fd, NULL, IMPORTER_UNMAP_NEVER, 0), 0);
	assert_int_equal(importer_do(importer, IMPORTER_CPU_MAP), 0);
	child = fork();
	if (!child)
		_exit(exporter_revoke(exp, fd) ? 1 : 0);
	while (exporter_state(exp, fd) != VFIOWC_DMA_BUF_REVOKED)
		sched_yield();
	start = now_ms();
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_true(now_ms() - start < 10000);
	exporter_param("revoke_timeout_ms", "5000");
	importer_close(importer);
	close(fd);
}

static pid_t decode_off_in_child(const struct exporter *exp)
{
	pid_t child = fork();

	if (child)
		return child;
	exporter_decode(exp, false);
	_exit(0);
}

static pid_t reset_in_child(const struct exporter *exp)
{
	pid_t child = fork();
	char path[128];

	if (child)
		return child;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset", exp->bdf);
	_exit(guest_write_file(path, "1"));
}

/* And has said that all was well. */
static bool child_has_ended(void *arg)
{
	int status;

	return waitpid(*(pid_t *)arg, &status, WNOHANG) == *(pid_t *)arg && !status;
}

/*
 * A client puts a fence on the dma-buf that never signals. Core waits for it when the owner switches decode
 * off; everything else has a bound or can be killed.
 */
static void hostile_fence_delays_only_core(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_WC, 0, MIB), importer = importer_open(), status;
	volatile uint8_t *map = exporter_mmap(fd, MIB);
	pid_t owner, toucher, resetter;

	map[0] = 1;
	assert_int_equal(importer_attach(importer, fd, NULL, IMPORTER_DYNAMIC), 0);
	assert_int_equal(importer_do(importer, IMPORTER_FENCE), 0);
	owner = decode_off_in_child(exp);
	assert_true(guest_wait_for(guest_in_kernel, &owner, 20000));

	toucher = fork();
	if (!toucher) {
		map[0] = 2;
		_exit(0);
	}
	exporter_param("revoke_timeout_ms", "300");
	assert_int_equal(exporter_revoke(exp, fd), -ETIMEDOUT);
	resetter = reset_in_child(exp);
	assert_true(guest_wait_for(child_has_ended, &resetter, 20000));
	exporter_param("revoke_timeout_ms", "5000");
	kill(toucher, SIGKILL);
	assert_int_equal(waitpid(toucher, &status, 0), toucher);
	assert_true(WIFSIGNALED(status)); /* it never got through */

	assert_int_equal(importer_do(importer, IMPORTER_FENCE_SIGNAL), 0);
	assert_int_equal(waitpid(owner, &status, 0), owner);
	assert_int_equal(status, 0);
	assert_int_equal(exporter_revoke(exp, fd), -EBADFD);
	assert_true(guest_sigbus_read8(map));
	exporter_decode(exp, true);
	munmap((void *)map, MIB);
	importer_close(importer);
	close(fd);
}

struct toucher {
	volatile uint32_t *map;
	uint32_t written;
};

static void write_on(void *arg)
{
	struct toucher *t = arg;

	for (;;) {
		*t->map = t->written + 1;
		t->written++;
	}
}

static void *toucher_thread(void *arg)
{
	return guest_sigbus(write_on, arg) ? arg : NULL;
}

static void revoke_under_stores_ends_them_with_sigbus(void **state)
{
	struct exporter *exp = *state;
	int whole = exporter_export(exp, VFIOWC_MEMATTR_NC, 0, exp->bar_bytes);
	volatile uint32_t *bar = exporter_mmap(whole, exp->bar_bytes);

	for (unsigned int round = 0; round < 20; round++) {
		int fd = exporter_export(exp, VFIOWC_MEMATTR_WC, MIB, PAGE);
		struct toucher t = { exporter_mmap(fd, PAGE), 0 };
		pthread_t thread;
		uint32_t after;
		void *died;

		assert_int_equal(pthread_create(&thread, NULL, toucher_thread, &t), 0);
		while (*(volatile uint32_t *)&t.written < 1000)
			sched_yield();
		assert_int_equal(exporter_revoke(exp, fd), 0);
		after = bar[MIB / 4];
		assert_int_equal(pthread_join(thread, &died), 0);
		assert_ptr_equal(died, &t);
		/* Nothing came after the revoke, and the last store that was made is there. */
		assert_int_equal(bar[MIB / 4], after);
		assert_int_equal(after, t.written);
		munmap((void *)t.map, PAGE);
		close(fd);
	}
	munmap((void *)bar, exp->bar_bytes);
	close(whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		importer_test(revoked_mapping_raises_sigbus),
		importer_test(every_mapping_in_every_process_is_gone),
		importer_test(stores_made_before_are_delivered),
		importer_test_nvme(stores_made_before_are_delivered),
		importer_test(other_slices_go_on),
		importer_test(second_revoke_says_so),
		importer_test(revoked_dma_buf_refuses_everything_but_query),
		importer_test(same_slice_can_be_exported_again),
		importer_test(revoke_does_not_heal),
		importer_test(importer_is_told_and_unmapped),
		importer_test(revoke_waits_for_a_slow_importer),
		importer_test(importer_that_never_lets_go_ends_the_wait),
		importer_test(fence_that_never_signals_ends_the_wait),
		importer_test(revoke_of_a_waiting_process_can_be_killed),
		importer_test(hostile_fence_delays_only_core),
		importer_test(revoke_under_stores_ends_them_with_sigbus),
	};

	return cmocka_run_group_tests_name("exporter_revoke", tests, NULL, NULL);
}
