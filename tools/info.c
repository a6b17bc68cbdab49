// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * `vfiowc info`: PCI functions with memory BARs, as sysfs shows them. It opens no VFIO device: a
 * group opens only once, and looking must not stand in the way of the device's user. The dma-bufs
 * come from the exporter's debugfs.
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "memtype.h"
#include "pci.h"
#include "vfiowc.h"

#define DMA_BUFS "/sys/kernel/debug/vfiowc_pci/dma_bufs"

static json_object *bar_info(const char *bdf, unsigned int index, const struct pci_bar *bar)
{
	json_object *info = json_object_new_object();
	bool any;

	json_object_object_add(info, "bar", json_object_new_int(index));
	json_object_object_add(info, "bytes", json_object_new_uint64(bar->bytes));
	json_object_object_add(info, "type", json_object_new_string(bar->memory ? "memory" : "io"));
	json_object_object_add(info, "prefetchable", json_object_new_boolean(bar->prefetchable));
	json_object_object_add(info, "write_combined",
			       vfiowc_bar_any_wc("", bdf, index, &any) ? NULL : json_object_new_boolean(any));
	return info;
}

static json_object *bars_info(const char *bdf)
{
	json_object *list = json_object_new_array();
	struct pci_bar bar;

	for (unsigned int i = 0; i < PCI_BARS; i++) {
		if (!pci_bar(bdf, i, &bar))
			json_object_array_add(list, bar_info(bdf, i, &bar));
	}
	return list;
}

/* "0000:01:00.0 bar=2 size=4096 memattr=WC ...": the words become keys, the numbers numbers. */
static json_object *dma_buf_info(char *fields)
{
	json_object *info = json_object_new_object();
	char *field, *value, *state;
	uint64_t number;

	for (field = strtok_r(fields, " \n", &state); field;
	     field = strtok_r(NULL, " \n", &state)) {
		value = strchr(field, '=');
		if (!value)
			continue;
		*value++ = '\0';
		json_object_object_add(info, field,
				       tool_parse_u64(value, UINT64_MAX, &number) ?
					       json_object_new_string(value) :
					       json_object_new_uint64(number));
	}
	return info;
}

/* NULL is "not known": not root, no debugfs, or vfiowc_pci is not loaded. */
static json_object *dma_bufs_info(const char *bdf)
{
	FILE *file = fopen(DMA_BUFS, "re");
	json_object *list;
	char line[512];

	if (!file)
		return NULL;
	list = json_object_new_array();
	while (fgets(line, sizeof(line), file)) {
		if (!strncmp(line, bdf, strlen(bdf)))
			json_object_array_add(list, dma_buf_info(line));
	}
	fclose(file);
	return list;
}

static json_object *function_info(const char *bdf)
{
	json_object *info = json_object_new_object();
	char name[PCI_NAME_LEN], id[16];
	unsigned int completer;

	json_object_object_add(info, "bdf", json_object_new_string(bdf));
	snprintf(id, sizeof(id), "%04x:%04x", pci_id(bdf, "vendor"), pci_id(bdf, "device"));
	json_object_object_add(info, "id", json_object_new_string(id));
	snprintf(id, sizeof(id), "%06x", pci_id(bdf, "class"));
	json_object_object_add(info, "class", json_object_new_string(id));
	pci_driver(bdf, name, sizeof(name));
	json_object_object_add(info, "driver", json_text_or_null(name));
	sysfs_link(name, sizeof(name), PCI_DEVICES "/%s/iommu_group", bdf);
	json_object_object_add(info, "iommu_group",
			       name[0] ? json_object_new_int(atoi(name)) : NULL);
	/* Only root reads that far into the configuration space: null is "not known". */
	json_object_object_add(info, "devcap2_tph",
			       pci_tph_completer(bdf, &completer) ? NULL :
								    json_object_new_int(completer));
	json_object_object_add(info, "bars", bars_info(bdf));
	json_object_object_add(info, "dma_bufs", dma_bufs_info(bdf));
	return info;
}

static const char *string_of(json_object *info, const char *key, const char *none)
{
	json_object *value = json_object_object_get(info, key);

	return value ? json_object_get_string(value) : none;
}

static bool is_true(json_object *info, const char *key)
{
	return json_object_get_boolean(json_object_object_get(info, key));
}

static const char *completer_name(json_object *value)
{
	if (!value)
		return "not known (root can read it)";
	switch (json_object_get_int(value)) {
	case 1:
		return "8-bit tags";
	case 3:
		return "8-bit and extended tags";
	default:
		return "none";
	}
}

static void print_dma_bufs(json_object *list)
{
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		printf("  dma-buf:");
		/* cppcheck-suppress unknownMacro ; a loop of json-c, whose headers it is not shown */
		json_object_object_foreach(json_object_array_get_idx(list, i), key, value)
			printf(" %s=%s", key, json_object_get_string(value));
		putchar('\n');
	}
}

static void print_function(json_object *info)
{
	json_object *bars = json_object_object_get(info, "bars");

	printf("%s %s class %s\n", string_of(info, "bdf", ""), string_of(info, "id", ""),
	       string_of(info, "class", ""));
	printf("  driver: %s\n", string_of(info, "driver", "(none)"));
	printf("  IOMMU group: %s\n",
	       string_of(info, "iommu_group", "(none: VFIO cannot open it)"));
	printf("  TPH completer: %s\n",
	       completer_name(json_object_object_get(info, "devcap2_tph")));
	for (size_t i = 0; i < json_object_array_length(bars); i++) {
		json_object *bar = json_object_array_get_idx(bars, i);

		printf("  BAR %s: %s bytes of %s%s%s\n", string_of(bar, "bar", ""),
		       string_of(bar, "bytes", ""), string_of(bar, "type", ""),
		       is_true(bar, "prefetchable") ? ", prefetchable" : "",
		       is_true(bar, "write_combined") ? ", write-combined for the kernel" : "");
	}
	print_dma_bufs(json_object_object_get(info, "dma_bufs"));
}

/* Bridges own no memory worth exporting; of the others, those with a memory BAR. */
static bool is_interesting(const char *bdf)
{
	struct pci_bar bar;

	if (pci_id(bdf, "class") >> 16 == 0x06)
		return false;
	for (unsigned int i = 0; i < PCI_BARS; i++) {
		if (!pci_bar(bdf, i, &bar) && bar.memory)
			return true;
	}
	return false;
}

static int list_functions(json_object *list)
{
	struct dirent **names;
	int n = scandir(PCI_DEVICES, &names, NULL, alphasort);

	if (n < 0)
		return errno;
	for (int i = 0; i < n; i++) {
		if (names[i]->d_name[0] != '.' && is_interesting(names[i]->d_name))
			json_object_array_add(list, function_info(names[i]->d_name));
		free(names[i]);
	}
	free(names);
	return 0;
}

static int show(const char *bdf, bool json)
{
	json_object *root = json_object_new_object(), *list = json_object_new_array();
	int err = 0;

	json_object_object_add(root, "functions", list);
	if (bdf)
		json_object_array_add(list, function_info(bdf));
	else
		err = list_functions(list);
	if (err)
		tool_error(PCI_DEVICES, "%s; is /sys mounted?", strerror(err));
	else if (json)
		printf("%s\n", json_object_to_json_string_ext(
				       root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
						     JSON_C_TO_STRING_NOSLASHESCAPE));
	for (size_t i = 0; !json && i < json_object_array_length(list); i++)
		print_function(json_object_array_get_idx(list, i));
	json_object_put(root);
	return err ? TOOL_FAILED : TOOL_OK;
}

static void print_help(void)
{
	printf("Usage: vfiowc info [OPTION]... [BDF]\n"
	       "Show a PCI function, or all that have memory BARs: driver, IOMMU group, TPH completer, BARs,\n"
	       "and the dma-bufs exported from them.\n\n"
	       "  -j, --json     print one JSON object\n"
	       "  -h, --help     show this help\n"
	       "  -V, --version  show the version\n\n"
	       "Exit status: 0 success, 1 failure, 2 wrong usage.\n");
}

static const struct option options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "json", no_argument, NULL, 'j' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

int cmd_info(int argc, char **argv)
{
	char bdf[PCI_BDF_LEN];
	bool json = false;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "hjV", options, NULL)) != -1) {
		switch (c) {
		case 'h':
			print_help();
			return TOOL_OK;
		case 'j':
			json = true;
			break;
		case 'V':
			printf("vfiowc %s\n", VFIOWC_VERSION);
			return TOOL_OK;
		default:
			return tool_usage("info", "'%s' is no option", argv[optind - 1]);
		}
	}
	if (optind + 1 < argc)
		return tool_usage("info", "'%s' is one argument too many", argv[optind + 1]);
	if (optind == argc)
		return show(NULL, json);
	switch (pci_parse(argv[optind], bdf)) {
	case EINVAL:
		return tool_usage("info", "'%s' is not a PCI address such as 0000:01:00.0",
				  argv[optind]);
	case ENODEV:
		tool_error(bdf, "no such PCI function; `vfiowc info` lists them");
		return TOOL_FAILED;
	default: /* it is there */
		break;
	}
	return show(bdf, json);
}
