/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * A load on the exporter: threads that export, map, fork and revoke slices as fast as they can, each with a
 * part of the BAR of its own, while a test does something to the device.
 *
 * The workers are thread functions whose argument is the struct exporter_load, exporter_load_map()'s a struct
 * exporter_touch. They end when @stop is set. Whatever fails because the device is just not usable is no
 * error; what is counts as @wrong.
 */
#ifndef VFIOWC_TESTS_EXPORTER_LOAD_H
#define VFIOWC_TESTS_EXPORTER_LOAD_H

#include "exporter.h"

/* Bytes of each slice; the workers use the first four of these of the BAR. */
#define EXPORTER_LOAD_SLICE (256 * KIB)

struct exporter_load {
	struct exporter *exp;
	bool stop;
	/* The memory itself goes away and comes back (a PMR, in a reset): what was stored may not be there. */
	bool forgets;
	/* The device is closed meanwhile: a REVOKE may find nobody to ask. */
	bool closes;
	unsigned int exports, touches, sigbus, forks, revokes, wrong;
};

/* One word in each of 16 pages, so that only a stray write could change it. */
struct exporter_touch {
	struct exporter_load *load;
	volatile uint32_t *word;
	uint32_t first_word;
	uint32_t value;
};

/** exporter_load_count() - add one, from any thread. */
void exporter_load_count(unsigned int *counter);
bool exporter_load_over(const struct exporter_load *load);

/**
 * exporter_load_slice() - export and map one slice
 * @nr: which
 * @map: receives the mapping
 *
 * Return: the dma-buf, or -1 when the device is not usable now.
 */
int exporter_load_slice(struct exporter_load *load, uint32_t memattr, unsigned int nr,
			volatile uint32_t **map);

void *exporter_load_export(void *load);
void *exporter_load_map(void *touch);
void *exporter_load_fork(void *load);
void *exporter_load_revoke(void *load);

#endif
