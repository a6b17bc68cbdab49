// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Everything at once: threads export, map, touch, fork, revoke and import while others toggle decode and reset
 * the device. Wanted: no splat, no hang, no wrong byte, nothing left over.
 *
 * EXPORTER_STRESS_SECONDS in the environment says how long (default 6).
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "exporter.h"
#include "importer.h"

#define SLICE (256 * KIB)

struct load {
	struct exporter *exp;
	time_t end;
	unsigned int toggles, resets, touches, sigbus, forks, revokes, exports, imports, wrong;
};

static bool over(const struct load *load)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec >= load->end;
}

static void count(unsigned int *counter)
{
	__atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

/* Export and mmap fail while decode is off; that is no failure here. */
static int try_export(struct load *load, uint32_t memattr, uint64_t offset, volatile uint32_t **map)
{
	struct exporter_range range = { offset, SLICE };
	int fd = exporter_export_ranges(load->exp, memattr, O_RDWR | O_CLOEXEC, 1, &range);

	if (fd < 0)
		return -1;
	count(&load->exports);
	*map = mmap(NULL, SLICE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*map != MAP_FAILED)
		return fd;
	close(fd);
	return -1;
}

static void *decode_toggler(void *arg)
{
	struct load *load = arg;

	while (!over(load)) {
		exporter_decode(load->exp, false);
		exporter_decode(load->exp, true);
		count(&load->toggles);
	}
	return NULL;
}

static void *resetter(void *arg)
{
	struct load *load = arg;
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset", load->exp->bdf);
	while (!over(load)) {
		ioctl(load->exp->vfio.device, VFIO_DEVICE_RESET);
		guest_write_file(path, "1");
		count(&load->resets);
	}
	return NULL;
}

struct touch {
	struct load *load;
	volatile uint32_t *word;
	uint32_t value;
};

static void write_and_check(void *arg)
{
	struct touch *touch = arg;

	*touch->word = touch->value;
	if (*touch->word != touch->value)
		count(&touch->load->wrong);
}

/* One word of its own, so that only a stray write could change it. A reset does not clear this memory. */
static void *toucher(void *arg)
{
	struct touch *touch = arg;
	struct load *load = touch->load;
	volatile uint32_t *map;
	int fd;

	while (!over(load)) {
		fd = try_export(load, VFIOWC_MEMATTR_WC, 0, &map);
		if (fd < 0)
			continue;
		for (unsigned int i = 0; i < 2000 && !over(load); i++) {
			struct touch one = { load, map + touch->value + (i % 16) * 1024, i };

			count(guest_sigbus(write_and_check, &one) ? &load->sigbus : &load->touches);
		}
		munmap((void *)map, SLICE);
		close(fd);
	}
	return NULL;
}

static void *revoker(void *arg)
{
	struct load *load = arg;
	volatile uint32_t *map;
	int fd;

	while (!over(load)) {
		fd = try_export(load, VFIOWC_MEMATTR_NC, SLICE, &map);
		if (fd < 0)
			continue;
		guest_sigbus_read8(map);
		if (exporter_revoke(load->exp, fd) || !guest_sigbus_read8(map))
			count(&load->wrong);
		count(&load->revokes);
		munmap((void *)map, SLICE);
		close(fd);
	}
	return NULL;
}

static void *forker(void *arg)
{
	struct load *load = arg;
	volatile uint32_t *map;
	int fd;

	while (!over(load)) {
		pid_t child;

		fd = try_export(load, VFIOWC_MEMATTR_WC, 2 * SLICE, &map);
		if (fd < 0)
			continue;
		guest_sigbus_read8(map);
		child = fork();
		if (!child) {
			guest_sigbus_write8((volatile uint8_t *)map + PAGE, 1);
			munmap((void *)map, SLICE / 2);
			_exit(0);
		}
		munmap((void *)map, SLICE);
		close(fd);
		waitpid(child, NULL, 0);
		count(&load->forks);
	}
	return NULL;
}

static void *importers(void *arg)
{
	struct load *load = arg;
	char peer[GUEST_BDF_LEN];
	volatile uint32_t *map;
	int fd;

	if (guest_find_pci(GUEST_E1000E, peer))
		return NULL;
	while (!over(load)) {
		int importer = importer_open();

		fd = try_export(load, VFIOWC_MEMATTR_NC, 3 * SLICE, &map);
		if (fd >= 0) {
			if (!importer_attach_policy(importer, fd, peer, load->imports % 2 ?
						    IMPORTER_UNMAP_LATER : IMPORTER_UNMAP_AT_ONCE, 2)) {
				importer_do(importer, IMPORTER_MAP);
				importer_do(importer, IMPORTER_UNMAP);
				importer_do(importer, IMPORTER_CPU_MAP);
			}
			count(&load->imports);
			munmap((void *)map, SLICE);
			close(fd);
		}
		importer_close(importer);
	}
	return NULL;
}

/* A walker of the kernel's list, while its members come and go. */
static void *reader(void *arg)
{
	struct load *load = arg;
	char text[4096];

	while (!over(load))
		if (guest_read_file("/sys/kernel/debug/vfiowc_pci/dma_bufs", text, sizeof(text)))
			count(&load->wrong);
	return NULL;
}

static bool no_dma_buf_left(void *arg)
{
	char text[4096] = "";

	(void)arg;
	return !guest_read_file("/sys/kernel/debug/vfiowc_pci/dma_bufs", text, sizeof(text)) &&
	       !text[0];
}

static void device_survives_everything_at_once(void **state)
{
	const char *seconds = getenv("EXPORTER_STRESS_SECONDS");
	struct load load = { .exp = *state };
	struct touch touch[2] = { { .load = &load, .value = 0 }, { .load = &load, .value = 512 } };
	void *(*const workers[])(void *) = { decode_toggler, resetter, revoker, forker, importers, reader };
	pthread_t threads[8];
	struct timespec now;
	volatile uint32_t *map;
	int fd;

	clock_gettime(CLOCK_MONOTONIC, &now);
	load.end = now.tv_sec + (seconds ? atoi(seconds) : 6);
	for (unsigned int i = 0; i < 6; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, workers[i], &load), 0);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[6 + i], NULL, toucher, &touch[i]), 0);
	for (unsigned int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	print_message("%u decode toggles, %u resets, %u exports, %u touches, %u SIGBUS, %u forks, %u revokes, "
		      "%u imports\n", load.toggles, load.resets, load.exports, load.touches, load.sigbus,
		      load.forks, load.revokes, load.imports);
	assert_int_equal(load.wrong, 0);
	assert_true(load.toggles && load.resets && load.touches && load.forks && load.revokes && load.imports);
	exporter_decode(load.exp, true);
	fd = exporter_export(load.exp, VFIOWC_MEMATTR_WC, 0, SLICE);
	map = exporter_mmap(fd, SLICE);
	assert_false(guest_sigbus_write8(map, 1));
	munmap((void *)map, SLICE);
	close(fd);
	assert_true(guest_wait_for(no_dma_buf_left, NULL, 10000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		importer_test(device_survives_everything_at_once),
	};

	return cmocka_run_group_tests_name("exporter_stress", tests, NULL, NULL);
}
