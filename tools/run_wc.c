// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * `vfiowc run --wc`: parts of BARs that the program maps itself. The device is the program's to open, so
 * what can be known of it before stands in sysfs. See run.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "run.h"
#include "vfiowc.h"

#define VFIOWC_DRIVER "vfiowc_pci"
#define STOCK_DRIVER "vfio-pci"

static int check_driver(const struct run_wc *wc)
{
	char driver[PCI_NAME_LEN];

	pci_driver(wc->bdf, driver, sizeof(driver));
	if (wc->whole_bar) {
		if (!strcmp(driver, STOCK_DRIVER))
			return 0;
		tool_error(wc->text, "%s%s has it, and --wc-bar is for " STOCK_DRIVER "; with " VFIOWC_DRIVER
			   " use --wc, which gives each part a type of its own", driver[0] ? "driver " : "no driver",
			   driver);
		return EOPNOTSUPP;
	}
	if (!strcmp(driver, VFIOWC_DRIVER))
		return 0;
	tool_error(wc->text, "%s%s has it, and only " VFIOWC_DRIVER " gives a part of a BAR a type of its own; "
		   "`vfiowc bind %s` hands it over", driver[0] ? "driver " : "no driver", driver, wc->bdf);
	return EOPNOTSUPP;
}

/* What is left of the BAR when no length was given. */
static int place(struct run_wc *wc)
{
	uint64_t page = sysconf(_SC_PAGESIZE);
	struct pci_bar bar;
	int err = pci_bar(wc->bdf, wc->bar, &bar);

	if (err == ENOENT || (!err && !bar.bytes))
		tool_error(wc->text, "there is no BAR %u; `vfiowc info %s` lists them", wc->bar, wc->bdf);
	else if (err)
		tool_error(wc->text, "its BARs cannot be read: %s", strerror(err));
	else if (!bar.memory || bar.bytes < page)
		tool_error(wc->text, "BAR %u is I/O ports, or smaller than a page: it cannot be mapped", wc->bar);
	else if (wc->offset % page || wc->length % page)
		tool_error(wc->text, "OFFSET and LENGTH must be multiples of the page size, %" PRIu64, page);
	else if (wc->offset >= bar.bytes || wc->length > bar.bytes - wc->offset)
		tool_error(wc->text, "it goes past the end of BAR %u, which has 0x%" PRIx64 " bytes", wc->bar,
			   bar.bytes);
	else
		goto fits;
	return err ? err : EINVAL;
fits:
	if (!wc->length)
		wc->length = bar.bytes - wc->offset;
	if (!bar.prefetchable)
		fprintf(stderr, "vfiowc: %s: BAR %u is not prefetchable: what it does on a read that is made ahead, "
			"or on stores that were merged, is the device's affair\n", wc->text, wc->bar);
	return 0;
}

/*
 * What the first mapping of a BAR asks for is the type that vfio-pci's become (libibverbs/whole_bar.c). The
 * program opens the device, so the page is kept for as long as it runs.
 */
static int keep_whole_bar(struct run_wc *wc)
{
	char path[128];
	int fd, err = 0;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/resource%u_wc", wc->bdf, wc->bar);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		wc->kept = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd < 0 || wc->kept == MAP_FAILED) {
		err = errno;
		wc->kept = NULL;
		tool_error(wc->text, "%s: %s", path, err == ENOENT ?
			   "there is none: the BAR is not prefetchable, or this is no x86" : err == EINVAL ?
			   "the device is open already, in another process" : strerror(err));
	}
	if (fd >= 0)
		close(fd);
	if (!err)
		fprintf(stderr, "vfiowc: %s: all of BAR %u becomes write-combined, registers and doorbells in it too, "
			"in every process, until the device is closed\n", wc->bdf, wc->bar);
	return err;
}

int run_prepare_wcs(struct run *run)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < run->num_wcs; i++) {
		struct run_wc *wc = &run->wcs[i];

		err = check_driver(wc);
		if (!err)
			err = place(wc);
		if (!err)
			fprintf(stderr, "vfiowc: %s: BAR %u from 0x%" PRIx64 ", 0x%" PRIx64 " bytes, type requested: "
				"wc\n", wc->bdf, wc->bar, wc->offset, wc->length);
		if (!err && wc->whole_bar)
			err = keep_whole_bar(wc);
	}
	return err;
}

void run_release_wcs(struct run *run)
{
	for (unsigned int i = 0; i < run->num_wcs; i++)
		if (run->wcs[i].kept)
			munmap(run->wcs[i].kept, sysconf(_SC_PAGESIZE));
	run->num_wcs = 0;
}

int run_set_wcs(const struct run *run)
{
	char all[HANDOVER_MAX * (HANDOVER_LEN + 1)] = "";
	size_t used = 0;
	int err = 0;

	if (!run->num_wcs)
		return unsetenv(HANDOVER_PARTS) ? errno : 0;
	for (unsigned int i = 0; !err && i < run->num_wcs; i++) {
		const struct run_wc *wc = &run->wcs[i];
		struct handover_wc handover = { .bar = wc->bar, .offset = wc->offset, .bytes = wc->length,
						.whole_bar = wc->whole_bar };

		memcpy(handover.bdf, wc->bdf, sizeof(handover.bdf));
		if (i)
			all[used++] = ';';
		err = handover_wc_format(&handover, all + used, HANDOVER_LEN);
		used += strlen(all + used);
	}
	return err ? err : setenv(HANDOVER_PARTS, all, 1) ? errno : 0;
}
