// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* A load on the exporter: see exporter_load.h. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exporter_load.h"

/* Stores and loads between two exports of a mapping. */
#define TOUCHES 2000

void exporter_load_count(unsigned int *counter)
{
	__atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

bool exporter_load_over(const struct exporter_load *load)
{
	return __atomic_load_n(&load->stop, __ATOMIC_RELAXED);
}

static int export_slice(struct exporter_load *load, uint32_t memattr, unsigned int nr)
{
	struct exporter_range range = { nr * EXPORTER_LOAD_SLICE, EXPORTER_LOAD_SLICE };
	int fd = exporter_export_ranges(load->exp, memattr, O_RDWR | O_CLOEXEC, 1, &range);

	if (fd >= 0)
		exporter_load_count(&load->exports);
	return fd;
}

int exporter_load_slice(struct exporter_load *load, uint32_t memattr, unsigned int nr,
			volatile uint32_t **map)
{
	int fd = export_slice(load, memattr, nr);

	if (fd < 0)
		return -1;
	*map = mmap(NULL, EXPORTER_LOAD_SLICE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*map != MAP_FAILED)
		return fd;
	close(fd);
	return -1;
}

void *exporter_load_export(void *arg)
{
	struct exporter_load *load = arg;

	while (!exporter_load_over(load)) {
		int fd = export_slice(load, VFIOWC_MEMATTR_NC, 3);

		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

static void write_and_check(void *arg)
{
	struct exporter_touch *touch = arg;

	*touch->word = touch->value;
	if (*touch->word != touch->value && !touch->load->forgets)
		exporter_load_count(&touch->load->wrong);
}

void *exporter_load_map(void *arg)
{
	struct exporter_touch *touch = arg;
	struct exporter_load *load = touch->load;
	volatile uint32_t *map;
	int fd;

	while (!exporter_load_over(load)) {
		fd = exporter_load_slice(load, VFIOWC_MEMATTR_WC, 0, &map);
		if (fd < 0)
			continue;
		for (unsigned int i = 0; i < TOUCHES && !exporter_load_over(load); i++) {
			touch->word = map + touch->first_word + (i % 16) * 1024;
			touch->value = i;
			exporter_load_count(guest_sigbus(write_and_check, touch) ? &load->sigbus :
										  &load->touches);
		}
		munmap((void *)map, EXPORTER_LOAD_SLICE);
		close(fd);
	}
	return NULL;
}

void *exporter_load_revoke(void *arg)
{
	struct exporter_load *load = arg;
	volatile uint32_t *map;
	int fd, err;

	while (!exporter_load_over(load)) {
		fd = exporter_load_slice(load, VFIOWC_MEMATTR_NC, 1, &map);
		if (fd < 0)
			continue;
		guest_sigbus_read8(map);
		err = exporter_revoke(load->exp, fd);
		if (err ? !load->closes : !guest_sigbus_read8(map))
			exporter_load_count(&load->wrong);
		exporter_load_count(&load->revokes);
		munmap((void *)map, EXPORTER_LOAD_SLICE);
		close(fd);
	}
	return NULL;
}

void *exporter_load_fork(void *arg)
{
	struct exporter_load *load = arg;
	volatile uint32_t *map;
	int fd;

	while (!exporter_load_over(load)) {
		pid_t child;

		fd = exporter_load_slice(load, VFIOWC_MEMATTR_WC, 2, &map);
		if (fd < 0)
			continue;
		guest_sigbus_read8(map);
		child = fork();
		if (!child) {
			guest_sigbus_write8((volatile uint8_t *)map + PAGE, 1);
			munmap((void *)map, EXPORTER_LOAD_SLICE / 2);
			_exit(0);
		}
		munmap((void *)map, EXPORTER_LOAD_SLICE);
		close(fd);
		waitpid(child, NULL, 0);
		exporter_load_count(&load->forks);
	}
	return NULL;
}
