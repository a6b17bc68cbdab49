// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Handing PCI functions to vfiowc_pci and back, by driver_override: no ids are added to a driver,
 * so no other function is drawn along. See bind.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bind.h"
#include "inuse.h"
#include "vfiowc.h"

/* driver_override reads "(null)" when there is none, and is cleared by an empty line. */
static int set_override(const char *bdf, const char *driver)
{
	return sysfs_write(driver[0] ? driver : "\n", PCI_DEVICES "/%s/driver_override", bdf);
}

static void get_override(const char *bdf, char *driver, size_t len)
{
	if (sysfs_read(driver, len, PCI_DEVICES "/%s/driver_override", bdf) ||
	    !strcmp(driver, "(null)"))
		driver[0] = '\0';
}

static int unbind(const char *bdf)
{
	char driver[PCI_NAME_LEN];

	pci_driver(bdf, driver, sizeof(driver));
	return driver[0] ? sysfs_write(bdf, PCI_DEVICES "/%s/driver/unbind", bdf) : 0;
}

/* Writing to drivers_probe succeeds also when no driver took the function: look who has it. */
static int probe(const char *bdf, const char *driver)
{
	char now[PCI_NAME_LEN];
	int err = sysfs_write(bdf, "/sys/bus/pci/drivers_probe");

	if (err)
		return err;
	pci_driver(bdf, now, sizeof(now));
	return strcmp(now, driver) ? ENXIO : 0;
}

int bind_check_free(const char *bdf, const char *otherwise)
{
	char why[512];
	int err = inuse_check(bdf, why, sizeof(why));

	if (err == EBUSY)
		tool_error(bdf, "in use: %s; stop its user, or %s", why, otherwise);
	else if (err)
		tool_error(bdf, "cannot tell whether it is in use: %s; try as root", strerror(err));
	return err;
}

static int check_takable(const char *bdf)
{
	char otherwise[64];

	snprintf(otherwise, sizeof(otherwise), "try `vfiowc bind --force %s`", bdf);
	return bind_check_free(bdf, otherwise);
}

int bind_take(const char *bdf, const char *driver, bool force, struct binding *was)
{
	int err;

	*was = (struct binding){ 0 };
	snprintf(was->bdf, sizeof(was->bdf), "%s", bdf);
	pci_driver(bdf, was->driver, sizeof(was->driver));
	if (!strcmp(was->driver, driver))
		return 0;
	get_override(bdf, was->override, sizeof(was->override));
	err = force ? 0 : check_takable(bdf);
	if (err)
		return err;
	err = unbind(bdf);
	if (err) {
		tool_error(bdf, "cannot be unbound from %s: %s; try as root", was->driver,
			   strerror(err));
		return err;
	}
	was->taken = true;
	err = set_override(bdf, driver);
	if (!err)
		err = probe(bdf, driver);
	if (err) {
		tool_error(bdf, "driver %s did not take it: %s; see dmesg, try `modprobe %s`",
			   driver, strerror(err), driver);
		bind_give_back(was);
	}
	return err;
}

int bind_give_back(struct binding *was)
{
	char now[PCI_NAME_LEN];
	int err;

	if (!was->taken)
		return 0;
	was->taken = false;
	err = unbind(was->bdf);
	if (!err)
		err = set_override(was->bdf, was->override);
	if (!err && was->driver[0]) {
		sysfs_write(was->bdf, "/sys/bus/pci/drivers_probe");
		/* With two drivers for one id the bus may have chosen the other one. */
		pci_driver(was->bdf, now, sizeof(now));
		if (!now[0])
			err = sysfs_write(was->bdf, "/sys/bus/pci/drivers/%s/bind", was->driver);
		else if (strcmp(now, was->driver))
			err = ENXIO;
	}
	if (err)
		tool_error(
			was->bdf,
			"did not go back to driver %s: %s; try `echo %s > /sys/bus/pci/drivers_probe`",
			was->driver[0] ? was->driver : "(none)", strerror(err), was->bdf);
	return err;
}
