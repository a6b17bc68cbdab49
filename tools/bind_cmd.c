// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * `vfiowc bind` and `vfiowc unbind`. What a function was before is remembered in a file under /run,
 * which lives as long as the binding does: until the next boot.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bind.h"
#include "json.h"
#include "vfiowc.h"

#define RECORDS "/run/vfiowc"

static int save_record(const struct binding *was)
{
	char path[128];
	FILE *file;
	int err;

	if (mkdir(RECORDS, 0755) && errno != EEXIST)
		return errno;
	snprintf(path, sizeof(path), RECORDS "/%s", was->bdf);
	file = fopen(path, "we");
	if (!file)
		return errno;
	fprintf(file, "%s\n%s\n", was->driver, was->override);
	err = ferror(file) ? EIO : 0;
	return fclose(file) ? errno : err;
}

static void chomp(char *line)
{
	line[strcspn(line, "\n")] = '\0';
}

static int load_record(const char *bdf, struct binding *was)
{
	char path[128];
	FILE *file;
	int err = 0;

	snprintf(path, sizeof(path), RECORDS "/%s", bdf);
	file = fopen(path, "re");
	if (!file)
		return errno;
	if (!fgets(was->driver, sizeof(was->driver), file) ||
	    !fgets(was->override, sizeof(was->override), file))
		err = EPROTO;
	fclose(file);
	chomp(was->driver);
	chomp(was->override);
	return err;
}

static int load_driver(void)
{
	char *const argv[] = { "modprobe", VFIOWC_PCI_DRIVER, NULL };
	char output[512];

	if (!tool_run(argv, output, sizeof(output)))
		return 0;
	tool_error(VFIOWC_PCI_DRIVER,
		   "cannot be loaded: %s; is it built for this kernel and installed?", output);
	return EIO;
}

/* What was done, or that nothing was: @from and @to are the same. */
static void report(const char *bdf, const char *from, const char *to, bool json)
{
	json_object *root;

	if (!json) {
		if (strcmp(from, to))
			printf("%s: %s -> %s\n", bdf, from[0] ? from : "(none)", to[0] ? to : "(none)");
		else
			printf("%s: bound to %s already\n", bdf, to);
		return;
	}
	root = json_object_new_object();
	json_object_object_add(root, "bdf", json_object_new_string(bdf));
	json_object_object_add(root, "was", json_text_or_null(from));
	json_object_object_add(root, "driver", json_text_or_null(to));
	printf("%s\n", json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY |
							     JSON_C_TO_STRING_SPACED));
	json_object_put(root);
}

static int do_bind(const char *bdf, bool force, bool json)
{
	struct binding was;
	int err;

	if (load_driver() || bind_take(bdf, VFIOWC_PCI_DRIVER, force, &was))
		return TOOL_FAILED;
	report(bdf, was.driver, VFIOWC_PCI_DRIVER, json);
	if (!was.taken)
		return TOOL_OK;
	err = save_record(&was);
	if (err)
		tool_error(RECORDS, "%s; `vfiowc unbind %s` will choose the driver by the PCI ids",
			   strerror(err), bdf);
	return TOOL_OK;
}

/* Without a record (bound by other means) the bus chooses a driver by the PCI ids. */
static int do_unbind(const char *bdf, bool force, bool json)
{
	struct binding was = { .taken = true };
	char path[128], driver[PCI_NAME_LEN];
	bool recorded;

	pci_driver(bdf, driver, sizeof(driver));
	if (strcmp(driver, VFIOWC_PCI_DRIVER)) {
		tool_error(bdf, "is bound to %s, not to %s; nothing to do",
			   driver[0] ? driver : "no driver", VFIOWC_PCI_DRIVER);
		return TOOL_FAILED;
	}
	if (!force && bind_check_free(bdf, "add --force to wait for it"))
		return TOOL_FAILED;
	snprintf(was.bdf, sizeof(was.bdf), "%s", bdf);
	recorded = !load_record(bdf, &was);
	if (bind_give_back(&was))
		return TOOL_FAILED;
	if (!recorded)
		sysfs_write(bdf, "/sys/bus/pci/drivers_probe");
	snprintf(path, sizeof(path), RECORDS "/%s", bdf);
	unlink(path);
	pci_driver(bdf, driver, sizeof(driver));
	report(bdf, VFIOWC_PCI_DRIVER, driver, json);
	return TOOL_OK;
}

static void print_help(const char *command)
{
	if (!strcmp(command, "bind"))
		printf("Usage: vfiowc bind [OPTION]... BDF\n"
		       "Hand a PCI function to %s, so that its BARs can be exported.\n\n",
		       VFIOWC_PCI_DRIVER);
	else
		printf("Usage: vfiowc unbind [OPTION]... BDF\n"
		       "Give a PCI function back to the driver it had before `vfiowc bind`.\n\n");
	printf("  -f, --force    although it is in use\n"
	       "  -j, --json     print one JSON object\n"
	       "  -h, --help     show this help\n"
	       "  -V, --version  show the version\n\n"
	       "Exit status: 0 success, 1 failure, 2 wrong usage.\n");
}

static const struct option options[] = {
	{ "force", no_argument, NULL, 'f' },
	{ "help", no_argument, NULL, 'h' },
	{ "json", no_argument, NULL, 'j' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

static int run(int argc, char **argv, int (*action)(const char *bdf, bool force, bool json))
{
	char bdf[PCI_BDF_LEN];
	bool force = false, json = false;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "fhjV", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			force = true;
			break;
		case 'h':
			print_help(argv[0]);
			return TOOL_OK;
		case 'j':
			json = true;
			break;
		case 'V':
			printf("vfiowc %s\n", VFIOWC_VERSION);
			return TOOL_OK;
		default:
			return tool_usage(argv[0], "'%s' is no option", argv[optind - 1]);
		}
	}
	if (optind + 1 != argc)
		return tool_usage(argv[0], "exactly one PCI address is needed");
	switch (pci_parse(argv[optind], bdf)) {
	case EINVAL:
		return tool_usage(argv[0], "'%s' is not a PCI address such as 0000:01:00.0",
				  argv[optind]);
	case ENODEV:
		tool_error(bdf, "no such PCI function; see `vfiowc info`");
		return TOOL_FAILED;
	default: /* it is there */
		break;
	}
	return action(bdf, force, json);
}

int cmd_bind(int argc, char **argv)
{
	return run(argc, argv, do_bind);
}

int cmd_unbind(int argc, char **argv)
{
	return run(argc, argv, do_unbind);
}
