// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * What takes the memory away, beyond the one cause at a time of causes_idle: what does not take it away, who is
 * waited for, children, an export while it is away, the other kind of device, and the next session of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "exporter.h"
#include "importer.h"

/* One dma-buf in use: mapped by the CPU and by an importer. */
struct use {
	struct exporter *exp;
	int fd;
	int importer;
	volatile uint8_t *map;
};

static struct use begin_use(struct exporter *exp)
{
	struct use use = { .exp = exp };

	use.fd = exporter_export(exp, VFIOWC_MEMATTR_WC, MIB, MIB);
	use.map = exporter_mmap(use.fd, MIB);
	use.map[0] = 1;
	use.map[PAGE] = 2;
	use.importer = importer_open();
	assert_int_equal(importer_attach(use.importer, use.fd, NULL, IMPORTER_DYNAMIC), 0);
	assert_int_equal(importer_do(use.importer, IMPORTER_CPU_MAP), 0);
	return use;
}

static void end_use(struct use *use)
{
	importer_close(use->importer);
	munmap((void *)use->map, MIB);
	close(use->fd);
}

static void assert_cut_off(const struct use *use)
{
	assert_true(importer_info(use->importer).nr_invalidates);
	assert_false(importer_info(use->importer).mapped);
	assert_int_equal(importer_do(use->importer, IMPORTER_CPU_MAP), -ENODEV);
	assert_true(guest_sigbus_read8(use->map));
	assert_true(guest_sigbus_write8(use->map + PAGE, 1));
	assert_true(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, use->fd, 0) == MAP_FAILED);
	assert_int_equal(errno, ENODEV);
}

/* Nobody had to do anything for it, and the type is what it was. */
static void assert_healed(const struct use *use)
{
	assert_true(importer_info(use->importer).nr_invalidates);
	assert_false(importer_info(use->importer).mapped);
	assert_int_equal(exporter_state(use->exp, use->fd), VFIOWC_DMA_BUF_LIVE);
	assert_false(guest_sigbus_write8(use->map, 7));
	assert_int_equal(use->map[0], 7);
	assert_int_equal(exporter_pte_type(use->exp, use->map), VFIOWC_PTE_WC);
	assert_int_equal(importer_do(use->importer, IMPORTER_CPU_MAP), 0);
}

static void bus_master_toggle_revokes_nothing(void **state)
{
	struct use use = begin_use(*state);
	uint32_t command = exporter_config_read(use.exp, PCI_COMMAND, 2);

	exporter_config_write(use.exp, PCI_COMMAND, 2, command ^ PCI_COMMAND_MASTER);
	exporter_config_write(use.exp, PCI_COMMAND, 2, command);
	assert_int_equal(importer_info(use.importer).nr_invalidates, 0);
	assert_true(importer_info(use.importer).mapped);
	assert_int_equal(exporter_pte_type(use.exp, use.map), VFIOWC_PTE_WC);
	end_use(&use);
}

static void forked_child_heals_too(void **state)
{
	struct use use = begin_use(*state);
	int go[2], seen[2], status;
	pid_t child;
	char byte;

	assert_int_equal(pipe(go) | pipe(seen), 0);
	child = fork();
	if (!child) {
		if (read(go[0], &byte, 1) != 1 || !guest_sigbus_read8(use.map) ||
		    write(seen[1], "s", 1) != 1 || read(go[0], &byte, 1) != 1)
			_exit(1);
		_exit(guest_sigbus_write8(use.map, 5) ? 2 : 0);
	}
	close(seen[1]); /* so that a child that dies is an end of file */
	exporter_decode(use.exp, false);
	assert_int_equal(write(go[1], "0", 1), 1);
	assert_int_equal(read(seen[0], &byte, 1), 1);
	exporter_decode(use.exp, true);
	assert_int_equal(write(go[1], "1", 1), 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(use.map[0], 5);
	assert_healed(&use);
	close(go[0]);
	close(go[1]);
	close(seen[0]);
	end_use(&use);
}

static void vfio_device_reset(void **state)
{
	struct use use = begin_use(*state);

	assert_return_code(ioctl(use.exp->vfio.device, VFIO_DEVICE_RESET), errno);
	exporter_enable_memory(use.exp);
	assert_healed(&use);
	end_use(&use);
}

static void low_power(struct exporter *exp, uint32_t feature)
{
	assert_int_equal(exporter_feature(exp, VFIO_DEVICE_FEATURE_SET, feature, NULL, 0), 0);
}

/*
 * Each of these requests wakes the device while it lasts, with its memory decoding; when it is over, the device
 * sleeps on, and stock raises SIGBUS.
 */
static void nothing_is_granted_in_low_power(void **state)
{
	struct use use = begin_use(*state);
	struct vfiowc_feature_region_mmap part = {
		.region_index = use.exp->bar, .memattr = VFIOWC_MEMATTR_WC, .length = PAGE,
	};
	volatile uint8_t *map;
	int fd;

	low_power(use.exp, VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY);
	assert_cut_off(&use);

	fd = exporter_export(use.exp, VFIOWC_MEMATTR_WC, 0, MIB);
	assert_int_equal(exporter_state(use.exp, fd), VFIOWC_DMA_BUF_REVOKED_TEMP);
	assert_true(mmap(NULL, MIB, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED);
	assert_int_equal(errno, ENODEV);
	assert_int_equal(exporter_feature(use.exp, VFIO_DEVICE_FEATURE_GET, VFIOWC_FEATURE_REGION_MMAP, &part,
					  sizeof(part)), 0);
	assert_true(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, use.exp->vfio.device, (off_t)part.mmap_offset) ==
		    MAP_FAILED);
	assert_int_equal(errno, ENODEV);
	assert_cut_off(&use);

	exporter_decode(use.exp, true);
	assert_cut_off(&use);
	assert_return_code(ioctl(use.exp->vfio.device, VFIO_DEVICE_RESET), errno);
	assert_cut_off(&use);

	low_power(use.exp, VFIO_DEVICE_FEATURE_LOW_POWER_EXIT);
	exporter_enable_memory(use.exp);
	assert_healed(&use);
	map = exporter_mmap(fd, MIB);
	map[0] = 5;
	assert_int_equal(map[0], 5);
	munmap((void *)map, MIB);
	close(fd);
	end_use(&use);
}

static void reset_through_sysfs(const struct exporter *exp)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset", exp->bdf);
	assert_int_equal(guest_write_file(path, "1"), 0);
}

/* Core tells nobody about this one. */
static void sysfs_reset(void **state)
{
	struct use use = begin_use(*state);

	reset_through_sysfs(use.exp);
	exporter_enable_memory(use.exp);
	assert_int_equal(importer_info(use.importer).nr_invalidates, 1);
	assert_healed(&use);
	end_use(&use);
}

static void decode_off_waits_for_a_slow_importer(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_NC, 0, PAGE), importer = importer_open();

	assert_int_equal(importer_attach_policy(importer, fd, NULL, IMPORTER_UNMAP_LATER, 300), 0);
	assert_int_equal(importer_do(importer, IMPORTER_CPU_MAP), 0);
	exporter_decode(exp, false);
	assert_false(importer_info(importer).mapped);
	exporter_decode(exp, true);
	assert_int_equal(importer_do(importer, IMPORTER_CPU_MAP), 0);
	importer_close(importer);
	close(fd);
}

struct import {
	int fd;
	int importer;
};

/* @ms: for IMPORTER_UNMAP_LATER */
static struct import begin_import(const struct exporter *exp, enum importer_policy policy, unsigned int ms)
{
	struct import import = { exporter_export(exp, VFIOWC_MEMATTR_NC, 0, PAGE), importer_open() };

	assert_int_equal(importer_attach_policy(import.importer, import.fd, NULL, policy, ms), 0);
	assert_int_equal(importer_do(import.importer, IMPORTER_CPU_MAP), 0);
	return import;
}

static void end_import(struct import *import)
{
	importer_close(import->importer);
	close(import->fd);
}

/* Longer than the reset itself takes, or it would be over by then in any case. */
#define OUTLASTS_RESET_MS 4000

static void sysfs_reset_waits_for_a_slow_importer(void **state)
{
	struct exporter *exp = *state;
	struct import slow = begin_import(exp, IMPORTER_UNMAP_LATER, OUTLASTS_RESET_MS);

	exporter_param("revoke_timeout_ms", "60000");
	reset_through_sysfs(exp);
	exporter_param("revoke_timeout_ms", "5000");
	assert_false(importer_info(slow.importer).mapped);
	assert_int_equal(guest_log_count("still uses"), 0);
	end_import(&slow);
}

/* REVOKE has cut it off and given up waiting, but its mapping is as good as ever. */
static void sysfs_reset_waits_for_an_importer_of_a_revoked_slice(void **state)
{
	struct exporter *exp = *state;
	struct import slow = begin_import(exp, IMPORTER_UNMAP_LATER, OUTLASTS_RESET_MS);

	exporter_param("revoke_timeout_ms", "100");
	assert_int_equal(exporter_revoke(exp, slow.fd), -ETIMEDOUT);
	exporter_param("revoke_timeout_ms", "60000");
	reset_through_sysfs(exp);
	exporter_param("revoke_timeout_ms", "5000");
	assert_false(importer_info(slow.importer).mapped);
	assert_int_equal(guest_log_count("still uses"), 0);
	end_import(&slow);
}

static void sysfs_reset_under_an_importer_that_never_lets_go_is_logged(void **state)
{
	struct exporter *exp = *state;
	struct import holds_on = begin_import(exp, IMPORTER_UNMAP_NEVER, 0);

	exporter_param("revoke_timeout_ms", "100");
	reset_through_sysfs(exp);
	assert_int_equal(guest_log_count("still uses"), 1);
	assert_int_equal(exporter_revoke(exp, holds_on.fd), -ETIMEDOUT);
	reset_through_sysfs(exp);
	assert_int_equal(guest_log_count("still uses"), 2);
	exporter_param("revoke_timeout_ms", "5000");
	assert_int_equal(importer_do(holds_on.importer, IMPORTER_UNMAP), 0);
	end_import(&holds_on);
}

static bool is_told(void *arg)
{
	return importer_info(*(int *)arg).nr_invalidates;
}

static void sysfs_reset_cuts_off_all_before_it_waits(void **state)
{
	struct exporter *exp = *state;
	struct import holds_on = begin_import(exp, IMPORTER_UNMAP_NEVER, 0);
	struct import lets_go = begin_import(exp, IMPORTER_UNMAP_AT_ONCE, 0);
	pid_t child;
	int status;

	exporter_param("revoke_timeout_ms", "60000");
	child = fork();
	if (!child) {
		reset_through_sysfs(exp);
		_exit(0);
	}
	assert_true(guest_wait_for(is_told, &lets_go.importer, 20000));
	assert_int_equal(waitpid(child, &status, WNOHANG), 0);
	assert_int_equal(importer_do(holds_on.importer, IMPORTER_UNMAP), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	exporter_param("revoke_timeout_ms", "5000");
	end_import(&lets_go);
	end_import(&holds_on);
}

static unsigned int reset_ms(const struct exporter *exp)
{
	struct timespec begin, end;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	reset_through_sysfs(exp);
	clock_gettime(CLOCK_MONOTONIC, &end);
	return (unsigned int)((end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000);
}

#define BOUND_MS 1000
#define NR_IMPORTS 16

/* However many there are that do not let go. */
static void sysfs_reset_has_one_bound(void **state)
{
	struct import imports[NR_IMPORTS];
	struct exporter *exp = *state;
	unsigned int bare, with;

	bare = reset_ms(exp);
	for (unsigned int i = 0; i < NR_IMPORTS; i++)
		imports[i] = begin_import(exp, IMPORTER_UNMAP_NEVER, 0);
	exporter_param("revoke_timeout_ms", "1000");
	with = reset_ms(exp);
	exporter_param("revoke_timeout_ms", "5000");
	print_message("%u ms, with %u importers that hold on %u ms\n", bare, NR_IMPORTS, with);
	assert_int_equal(guest_log_count("still uses"), NR_IMPORTS);
	assert_true(with >= BOUND_MS);
	assert_true(with < bare + BOUND_MS * NR_IMPORTS / 2);
	for (unsigned int i = 0; i < NR_IMPORTS; i++) {
		assert_int_equal(importer_do(imports[i].importer, IMPORTER_UNMAP), 0);
		end_import(&imports[i]);
	}
}

/* As stock: an fd, which becomes usable with the memory. */
static void export_with_decode_off_works_once_it_is_on(void **state)
{
	struct exporter *exp = *state;
	volatile uint8_t *map;
	int fd, importer = importer_open();

	exporter_decode(exp, false);
	fd = exporter_export(exp, VFIOWC_MEMATTR_WC, 0, MIB);
	assert_int_equal(exporter_state(exp, fd), VFIOWC_DMA_BUF_REVOKED_TEMP);
	assert_true(mmap(NULL, MIB, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED);
	assert_int_equal(errno, ENODEV);
	assert_int_equal(importer_attach(importer, fd, NULL, IMPORTER_DYNAMIC), -ENODEV);
	exporter_decode(exp, true);
	assert_int_equal(exporter_state(exp, fd), VFIOWC_DMA_BUF_LIVE);
	map = exporter_mmap(fd, MIB);
	map[0] = 3;
	assert_int_equal(exporter_pte_type(exp, map), VFIOWC_PTE_WC);
	exporter_decode(exp, false); /* and it is revoked as any other */
	assert_true(guest_sigbus_read8(map));
	exporter_decode(exp, true);
	assert_int_equal(map[0], 3);
	munmap((void *)map, MIB);
	importer_close(importer);
	close(fd);
}

static void close_is_for_good(void **state)
{
	struct exporter *exp = *state;
	struct use use = begin_use(exp);
	struct vfiowc_feature_query query;

	exporter_close(exp);
	assert_cut_off(&use);
	exporter_open(exp, exp->bar == 2 ? 0x1af4 : 0x1b36, exp->bar == 2 ? 0x1110 : 0x0010,
		      EXPORTER_DRIVER);
	assert_cut_off(&use);
	/* The new session does not own what the old one exported. */
	assert_int_equal(exporter_set_memattr(exp, use.fd, VFIOWC_MEMATTR_NC), -ENODEV);
	assert_int_equal(exporter_revoke(exp, use.fd), -ENODEV);
	assert_int_equal(exporter_query(exp, use.fd, &query), 0);
	assert_int_equal(query.state, VFIOWC_DMA_BUF_REVOKED);
	end_use(&use);
}

static void close_waits_for_a_slow_importer(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_NC, 0, PAGE), importer = importer_open();

	assert_int_equal(importer_attach_policy(importer, fd, NULL, IMPORTER_UNMAP_LATER, 300), 0);
	assert_int_equal(importer_do(importer, IMPORTER_CPU_MAP), 0);
	exporter_close(exp);
	assert_false(importer_info(importer).mapped);
	exporter_open(exp, GUEST_IVSHMEM, EXPORTER_DRIVER);
	importer_close(importer);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		importer_test(bus_master_toggle_revokes_nothing),
		importer_test(forked_child_heals_too),
		importer_test_nvme(vfio_device_reset),
		importer_test_nvme(nothing_is_granted_in_low_power),
		importer_test_nvme(sysfs_reset),
		importer_test(decode_off_waits_for_a_slow_importer),
		importer_test(sysfs_reset_waits_for_a_slow_importer),
		importer_test(sysfs_reset_waits_for_an_importer_of_a_revoked_slice),
		importer_test(sysfs_reset_under_an_importer_that_never_lets_go_is_logged),
		importer_test(sysfs_reset_cuts_off_all_before_it_waits),
		importer_test(sysfs_reset_has_one_bound),
		importer_test(export_with_decode_off_works_once_it_is_on),
		importer_test(close_is_for_good),
		importer_test_nvme(close_is_for_good),
		importer_test(close_waits_for_a_slow_importer),
	};

	return cmocka_run_group_tests_name("exporter_causes", tests, NULL, NULL);
}
