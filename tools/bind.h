/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * Handing PCI functions to vfiowc_pci and back. int functions return 0 or a positive errno and have
 * then said on stderr what happened.
 */
#ifndef VFIOWC_TOOL_BIND_H
#define VFIOWC_TOOL_BIND_H

#include <stdbool.h>

#include "pci.h"

#define VFIOWC_PCI_DRIVER "vfiowc_pci"

/* What a function was before bind_take(). */
struct binding {
	char bdf[PCI_BDF_LEN];
	bool taken; /* bind_give_back() has something to do */
	char driver[PCI_NAME_LEN]; /* "": none */
	char override[PCI_NAME_LEN]; /* "": none */
};

/**
 * bind_check_free() - is a function in use, as far as can be told? See inuse.h.
 * @otherwise: what to do about a user beside stopping it, for the message: "try ..."
 *
 * Return: 0; EBUSY in use; or why it cannot be told.
 */
int bind_check_free(const char *bdf, const char *otherwise);

/**
 * bind_take() - bind a function to a driver by driver_override
 * @bdf: the function
 * @driver: the driver, its module loaded
 * @force: take it although it is in use
 * @was: receives the former state, for bind_give_back(); nothing taken if @driver already had it
 *
 * A function whose new driver does not take it gets its former driver back before this returns.
 *
 * Return: 0; EBUSY in use; ENXIO @driver did not take it; or what sysfs said.
 */
int bind_take(const char *bdf, const char *driver, bool force, struct binding *was);

/** bind_give_back() - former driver and driver_override again; does nothing the second time. */
int bind_give_back(struct binding *was);

#endif
