// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Targets and tags as users of `vfiowc run` write them: first line a target, second line tags. */
#include <unistd.h>

#include "fuzz.h"
#include "run.h"

/* Every PCI function exists, or nothing behind an address would be parsed. */
int __wrap_access(const char *path, int mode);
int __wrap_access(const char *path, int mode)
{
	(void)path, (void)mode;
	return 0;
}

static void parse_target(char *text)
{
	struct run_target target;
	const char *why = NULL;

	if (run_parse_target(text, &target, &why)) {
		must(why);
		return;
	}
	must(target.kind == RUN_VFIO || target.length);
	must(target.kind != RUN_VFIO || (target.bar < 6 && strlen(target.bdf) == PCI_BDF_LEN - 1));
	must(target.kind != RUN_DRM || target.path[0] == '/');
}

static void parse_tags(const char *text)
{
	const char *why = NULL;
	struct vfiowc_tph tph;

	if (run_parse_tph(text, &tph, &why)) {
		must(why);
		return;
	}
	must(tph.flags && !(tph.flags & ~(uint32_t)(VFIOWC_TAG_ST | VFIOWC_TAG_ST_EXT)));
	must(tph.ph <= 3);
	must(tph.st_ext == 0 || tph.flags & VFIOWC_TAG_ST_EXT);
	must(tph.st == 0 || tph.flags & VFIOWC_TAG_ST);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_string(data, size), *end = strchr(text, '\n');

	if (end)
		*end = '\0';
	parse_target(text);
	if (end)
		parse_tags(end + 1);
	free(text);
	return 0;
}
