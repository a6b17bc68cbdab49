// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* `vfiowc demo`: which kernel this is, what runs it, and our modules in it. */
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <errno.h>
#include <linux/vfio_dmabuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "demo.h"
#include "vfiowc.h"

#define OVERRIDE "/sys/module/vfiowc_pci/parameters/tph_override"

/* What emulates or virtualises the CPU, in the hypervisor's own words (CPUID 0x40000000). */
static const char *accelerator(void)
{
#if defined(__x86_64__)
	uint32_t eax, ebx, ecx, edx, name[4] = { 0 };

	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & 1u << 31))
		return "none";
	__cpuid(0x40000000, eax, name[0], name[1], name[2]);
	if (!memcmp(name, "TCGTCGTCGTCG", 12))
		return "tcg";
	return memcmp(name, "KVMKVMKVM\0\0\0", 12) ? "other" : "kvm";
#else
	return "unknown";
#endif
}

/* The package that owns the kernel's image, which is in /boot or, since 7.3, with the modules. */
static bool owner(const char *release, char *package, size_t len)
{
	char path[2][256], output[512];

	snprintf(path[0], sizeof(path[0]), "/usr/lib/modules/%s/vmlinuz*", release);
	snprintf(path[1], sizeof(path[1]), "/boot/vmlinuz-%s", release);
	for (int i = 0; i < 2; i++) {
		char *const argv[] = { "dpkg-query", "-S", path[i], NULL };

		/* "linux-image-7.3.4: /path" */
		if (tool_run(argv, output, sizeof(output)) == 0) {
			output[strcspn(output, ":,")] = '\0';
			snprintf(package, len, "%s", output);
			return true;
		}
	}
	return false;
}

/* "name version" of the running kernel's package, or NULL when it comes from none. */
static json_object *kernel_package(const struct utsname *uts)
{
	char package[512], version[128], both[700];
	char *const argv[] = { "dpkg-query", "-W", "-f", "${Version}", package, NULL };

	if (!owner(uts->release, package, sizeof(package)) ||
	    tool_run(argv, version, sizeof(version)))
		return NULL;
	/* What is on disk may be another build of this release: the kernel names its own. */
	if (!strstr(uts->version, version))
		return NULL;
	snprintf(both, sizeof(both), "%s %s", package, version);
	return json_object_new_string(both);
}

int demo_kernel(struct demo *d)
{
	json_object *package;
	struct utsname uts;

	if (uname(&uts))
		return demo_fail(d, "uname", "%s", strerror(errno));
	package = kernel_package(&uts);
	demo_say(d, "%s, %s", uts.release, uts.version);
	demo_say(d, "package %s; CPU: %s",
		 package ? json_object_get_string(package) : "unknown to dpkg", accelerator());
	report_set(d->report, "kernel", json_object_new_string(uts.release));
	report_set(d->report, "kernel_package", package);
	report_set(d->report, "accel", json_object_new_string(accelerator()));
	return 0;
}

static int list_modules(struct demo *d)
{
	json_object *modules = json_object_new_array();
	FILE *file = fopen("/proc/modules", "re");
	char line[1024];

	report_set(d->report, "modules", modules);
	if (!file)
		return demo_fail(d, "/proc/modules", "%s", strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, " ")] = '\0';
		if (!strncmp(line, "vfiowc", 6))
			json_object_array_add(modules, json_object_new_string(line));
	}
	fclose(file);
	demo_say(d, "loaded: %s", json_object_to_json_string_ext(modules, JSON_C_TO_STRING_PLAIN));
	return 0;
}

/*
 * No emulated device is a TPH completer. The module's parameter makes the exporter treat it as one,
 * so that tags can be shown; a real device that is none stays none.
 */
static int override_completer(struct demo *d)
{
	unsigned int completer;
	int err = pci_tph_completer(d->bdf, &completer);

	if (err)
		return demo_fail(d, d->bdf, "its configuration space cannot be read: %s",
				 strerror(err));
	if (completer == VFIOWC_TPH_COMPLETER_EXT || !pci_is_emulated(d->bdf))
		return 0;
	err = sysfs_read(d->old_override, sizeof(d->old_override), OVERRIDE);
	if (!err)
		err = sysfs_write("3", OVERRIDE);
	if (err)
		return demo_fail(d, OVERRIDE, "%s; try `modprobe vfiowc_pci tph_override=3`",
				 strerror(err));
	return 0;
}

void demo_restore_override(struct demo *d)
{
	if (d->old_override[0])
		sysfs_write(d->old_override, OVERRIDE);
	d->old_override[0] = '\0';
}

int demo_modules(struct demo *d)
{
	char *const argv[] = { "modprobe", "-a", "vfiowc_pci", "vfiowc_rdma", "ib_uverbs", NULL };
	char output[1024];

	if (tool_run(argv, output, sizeof(output))) {
		output[strcspn(output, "\n")] = '\0';
		return demo_fail(d, "modprobe",
				 "%s; are the modules built for this kernel and installed?",
				 output);
	}
	if (list_modules(d))
		return -1;
	return override_completer(d);
}
