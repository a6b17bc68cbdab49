// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* vfiowc_check_p2p(): what the kernel was built with, and whether it loads modules that nobody signed. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "reach.h"

#define SECURE_BOOT "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

/* Is @wanted a line of the file, of any size? */
static bool find_line(const char *path, const char *wanted)
{
	char line[256];
	bool found = false;
	FILE *file = fopen(path, "re");

	while (file && !found && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		found = !strcmp(line, wanted);
	}
	if (file)
		fclose(file);
	return found;
}

int vfiowc_reach_config(const struct reach *reach, const char *option)
{
	static const char *const places[][2] = { { "/lib/modules/", "/config" },
						 { "/usr/lib/modules/", "/config" },
						 { "/boot/config-", "" } };
	char path[PATH_MAX], release[80], wanted[80];
	size_t i;

	if (vfiowc_reach_read(reach, release, sizeof(release), "/proc/sys/kernel/osrelease") <= 0)
		return -1;
	snprintf(wanted, sizeof(wanted), "CONFIG_%s=y", option);
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, sizeof(path), "%s%s%s%s", reach->root, places[i][0], release, places[i][1]);
		if (!access(path, R_OK))
			return find_line(path, wanted);
	}
	return -1;
}

static bool is_locked_down(const struct reach *reach)
{
	char text[80];

	return vfiowc_reach_read(reach, text, sizeof(text), "/sys/kernel/security/lockdown") > 0 &&
	       !strstr(text, "[none]");
}

/* Four bytes of attributes, then the value. */
static bool has_secure_boot(const struct reach *reach)
{
	char bytes[8];

	return vfiowc_reach_read(reach, bytes, sizeof(bytes), SECURE_BOOT) >= 5 && bytes[4] == 1;
}

static bool is_loaded(const struct reach *reach, const char *module)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/sys/module/%s", reach->root, module);
	return !access(path, F_OK);
}

void vfiowc_reach_system(struct reach *reach)
{
	int p2pdma = vfiowc_reach_config(reach, "PCI_P2PDMA");

	if (p2pdma == 0)
		vfiowc_reach_say(reach, VFIOWC_P2P_KERNEL, VFIOWC_P2P_NO, VFIOWC_P2P_NO,
				 "boot a kernel with it, such as Debian's",
				 "the kernel is built without CONFIG_PCI_P2PDMA");
	else if (p2pdma == 1)
		vfiowc_reach_say(reach, VFIOWC_P2P_KERNEL, VFIOWC_P2P_YES, VFIOWC_P2P_YES, "",
				 "the kernel has CONFIG_PCI_P2PDMA");
	if (is_loaded(reach, "vfiowc_pci"))
		return;
	if (is_locked_down(reach) || has_secure_boot(reach))
		vfiowc_reach_say(reach, VFIOWC_P2P_LOCKDOWN,
				 strcmp(reach->driver, "vfio-pci") ? VFIOWC_P2P_NO : VFIOWC_P2P_YES,
				 strcmp(reach->driver, "vfio-pci") ? VFIOWC_P2P_NO : VFIOWC_P2P_YES,
				 "sign them, or install them by DKMS and enrol its key: mokutil --import /var/lib/dkms/mok.pub",
				 "%s: modules that nobody signed, as ours, are not loaded",
				 is_locked_down(reach) ? "the kernel is locked down" : "Secure Boot is on");
}
