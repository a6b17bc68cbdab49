// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Everything at once: threads export, map, touch, fork, revoke and import while others toggle decode and reset
 * the device. Wanted: no splat, no hang, no wrong byte, nothing left over.
 *
 * EXPORTER_STRESS_SECONDS in the environment says how long (default 6).
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "exporter_load.h"
#include "importer.h"

struct stress {
	struct exporter_load load;
	unsigned int toggles, resets, imports;
};

static void *decode_toggler(void *arg)
{
	struct stress *stress = arg;
	const struct exporter_load *load = &stress->load;

	while (!exporter_load_over(load)) {
		exporter_decode(load->exp, false);
		exporter_decode(load->exp, true);
		exporter_load_count(&stress->toggles);
	}
	return NULL;
}

static void *resetter(void *arg)
{
	struct stress *stress = arg;
	const struct exporter_load *load = &stress->load;
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset", load->exp->bdf);
	while (!exporter_load_over(load)) {
		ioctl(load->exp->vfio.device, VFIO_DEVICE_RESET);
		guest_write_file(path, "1");
		exporter_load_count(&stress->resets);
	}
	return NULL;
}

static void *importers(void *arg)
{
	struct stress *stress = arg;
	struct exporter_load *load = &stress->load;
	char peer[GUEST_BDF_LEN];
	volatile uint32_t *map;
	int fd;

	if (guest_find_pci(GUEST_E1000E, peer))
		return NULL;
	while (!exporter_load_over(load)) {
		int importer = importer_open();

		fd = exporter_load_slice(load, VFIOWC_MEMATTR_NC, 3, &map);
		if (fd >= 0) {
			if (!importer_attach_policy(importer, fd, peer, stress->imports % 2 ?
						    IMPORTER_UNMAP_LATER : IMPORTER_UNMAP_AT_ONCE, 2)) {
				importer_do(importer, IMPORTER_MAP);
				importer_do(importer, IMPORTER_UNMAP);
				importer_do(importer, IMPORTER_CPU_MAP);
			}
			exporter_load_count(&stress->imports);
			munmap((void *)map, EXPORTER_LOAD_SLICE);
			close(fd);
		}
		importer_close(importer);
	}
	return NULL;
}

/* A walker of the kernel's list, while its members come and go. */
static void *reader(void *arg)
{
	struct exporter_load *load = arg;
	char text[4096];

	while (!exporter_load_over(load))
		if (guest_read_file("/sys/kernel/debug/vfiowc_pci/dma_bufs", text, sizeof(text)))
			exporter_load_count(&load->wrong);
	return NULL;
}

static bool everything_was_done(void *arg)
{
	const struct stress *stress = arg;
	const struct exporter_load *load = &stress->load;
	const unsigned int *counters[] = {
		&stress->toggles, &stress->resets, &load->touches, &load->forks, &load->revokes, &stress->imports,
	};

	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		if (!__atomic_load_n(counters[i], __ATOMIC_RELAXED))
			return false;
	return true;
}

static void device_survives_everything_at_once(void **state)
{
	const char *seconds = getenv("EXPORTER_STRESS_SECONDS");
	struct stress stress = { .load.exp = *state };
	struct exporter_load *load = &stress.load;
	struct exporter_touch touch[2] = { { .load = load }, { .load = load, .first_word = 512 } };
	const struct {
		void *(*run)(void *);
		void *arg;
	} workers[] = {
		{ decode_toggler, &stress }, { resetter, &stress }, { importers, &stress }, { reader, load },
		{ exporter_load_revoke, load }, { exporter_load_fork, load },
		{ exporter_load_map, &touch[0] }, { exporter_load_map, &touch[1] },
	};
	pthread_t threads[sizeof(workers) / sizeof(workers[0])];
	volatile uint32_t *map;
	int fd;

	for (unsigned int i = 0; i < sizeof(workers) / sizeof(workers[0]); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, workers[i].run, workers[i].arg), 0);
	sleep(seconds ? atoi(seconds) : 6);
	/* a slow machine gets the time for each of it to happen once */
	guest_wait_for(everything_was_done, &stress, 20000);
	__atomic_store_n(&load->stop, true, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < sizeof(workers) / sizeof(workers[0]); i++)
		pthread_join(threads[i], NULL);
	print_message("%u decode toggles, %u resets, %u exports, %u touches, %u SIGBUS, %u forks, %u revokes, "
		      "%u imports\n", stress.toggles, stress.resets, load->exports, load->touches, load->sigbus,
		      load->forks, load->revokes, stress.imports);
	assert_int_equal(load->wrong, 0);
	assert_true(everything_was_done(&stress));
	exporter_decode(load->exp, true);
	fd = exporter_export(load->exp, VFIOWC_MEMATTR_WC, 0, EXPORTER_LOAD_SLICE);
	map = exporter_mmap(fd, EXPORTER_LOAD_SLICE);
	assert_false(guest_sigbus_write8(map, 1));
	munmap((void *)map, EXPORTER_LOAD_SLICE);
	close(fd);
	assert_true(guest_wait_for(exporter_no_dma_buf_left, NULL, 10000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		importer_test(device_survives_everything_at_once),
	};

	return cmocka_run_group_tests_name("exporter_stress", tests, NULL, NULL);
}
