// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* `vfiowc check`: can this RDMA device reach that PCI function's memory? vfiowc_check_p2p() for people and scripts. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <infiniband/vfiowc_p2p.h>

#include "check.h"
#include "json.h"
#include "pci.h"
#include "vfiowc.h"

static const char *const verdicts[] = {
	[VFIOWC_P2P_UNKNOWN]	= "unknown",
	[VFIOWC_P2P_YES]	= "yes",
	[VFIOWC_P2P_NO]		= "no",
};

static const char *const subjects[] = {
	[VFIOWC_P2P_DRIVER]	= "driver",
	[VFIOWC_P2P_GROUP]	= "group",
	[VFIOWC_P2P_BAR]	= "bar",
	[VFIOWC_P2P_IMPORTER]	= "importer",
	[VFIOWC_P2P_PORT]	= "port",
	[VFIOWC_P2P_PATH]	= "path",
	[VFIOWC_P2P_ACS]	= "acs",
	[VFIOWC_P2P_ATS]	= "ats",
	[VFIOWC_P2P_KERNEL]	= "kernel",
	[VFIOWC_P2P_MEMLOCK]	= "memlock",
	[VFIOWC_P2P_PERMISSION]	= "permission",
	[VFIOWC_P2P_LOCKDOWN]	= "lockdown",
};

struct check {
	char bdf[PCI_BDF_LEN];
	const char *rdma;
	bool json;
	bool probing;
	struct check_probe probe;
	struct vfiowc_p2p_attr attr;
};

static json_object *finding_json(const struct vfiowc_p2p_finding *finding)
{
	json_object *object = json_object_new_object();

	json_object_object_add(object, "subject", json_object_new_string(subjects[finding->subject]));
	json_object_object_add(object, "write", json_object_new_string(verdicts[finding->write]));
	json_object_object_add(object, "read", json_object_new_string(verdicts[finding->read]));
	json_object_object_add(object, "text", json_object_new_string(finding->text));
	json_object_object_add(object, "remedy", json_text_or_null(finding->remedy));
	return object;
}

static json_object *probe_json(const struct check_probe *probe)
{
	json_object *object = json_object_new_object();

	json_object_object_add(object, "bar", probe->bar < 0 ? NULL : json_object_new_int(probe->bar));
	json_object_object_add(object, "write", json_object_new_boolean(probe->write));
	json_object_object_add(object, "read", json_object_new_boolean(probe->read));
	json_object_object_add(object, "error", json_text_or_null(probe->why));
	return object;
}

static void print_json(const struct check *check)
{
	json_object *root = json_object_new_object(), *list = json_object_new_array();

	json_object_object_add(root, "bdf", json_object_new_string(check->bdf));
	json_object_object_add(root, "rdma_device", json_object_new_string(check->rdma));
	json_object_object_add(root, "write", json_object_new_string(verdicts[check->attr.write]));
	json_object_object_add(root, "read", json_object_new_string(verdicts[check->attr.read]));
	for (uint32_t i = 0; i < check->attr.num_findings; i++)
		json_object_array_add(list, finding_json(&check->attr.findings[i]));
	json_object_object_add(root, "findings", list);
	json_object_object_add(root, "probe", check->probing ? probe_json(&check->probe) : NULL);
	printf("%s\n", json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY |
							     JSON_C_TO_STRING_SPACED |
							     JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(root);
}

static void print_finding(const struct vfiowc_p2p_finding *finding)
{
	printf("  %-10s ", subjects[finding->subject]);
	if (finding->write == finding->read)
		printf("%-8s", verdicts[finding->write]);
	else
		printf("write %s, read %s ", verdicts[finding->write], verdicts[finding->read]);
	printf("%s\n", finding->text);
	if (finding->remedy[0])
		printf("  %-10s %-8stry: %s\n", "", "", finding->remedy);
}

static void print_text(const struct check *check)
{
	for (uint32_t i = 0; i < check->attr.num_findings; i++)
		print_finding(&check->attr.findings[i]);
	printf("%s writes %s: %s; reads it: %s\n", check->rdma, check->bdf,
	       verdicts[check->attr.write], verdicts[check->attr.read]);
	if (!check->probing)
		return;
	printf("probe: write %s, read %s%s%s\n", check->probe.write ? "works" : "does not work",
	       check->probe.read ? "works" : "does not work", check->probe.why[0] ? ": " : "",
	       check->probe.why);
}

static bool contradicts(uint32_t verdict, bool works)
{
	return works ? verdict == VFIOWC_P2P_NO : verdict == VFIOWC_P2P_YES;
}

static int run(struct check *check)
{
	int err = vfiowc_check_p2p(check->bdf, check->rdma, &check->attr, sizeof(check->attr));

	if (err == ENXIO)
		tool_error(check->rdma, "no such RDMA device; `rdma link` lists them");
	else if (err)
		tool_error(check->bdf, "%s", strerror(err));
	if (err)
		return TOOL_FAILED;
	if (check->probing)
		check_probe(check->bdf, check->rdma, &check->probe);
	if (check->json)
		print_json(check);
	else
		print_text(check);
	if (!check->probing)
		return check->attr.write == VFIOWC_P2P_NO || check->attr.read == VFIOWC_P2P_NO ?
			       TOOL_FAILED : TOOL_OK;
	if (contradicts(check->attr.write, check->probe.write) ||
	    contradicts(check->attr.read, check->probe.read))
		tool_error(check->bdf, "the probe contradicts the verdict: the probe is right; please report it");
	return check->probe.write && check->probe.read ? TOOL_OK : TOOL_FAILED;
}

static void print_help(void)
{
	printf("Usage: vfiowc check [OPTION]... BDF RDMADEV\n"
	       "Say whether the RDMA device can write and read the memory of the PCI function, and why not.\n\n"
	       "  -p, --probe    then really write and read %d bytes, and put back what was there\n"
	       "  -b, --bar=N    with --probe: this BAR (default: the largest that is prefetchable)\n"
	       "  -j, --json     print one JSON object\n"
	       "  -h, --help     show this help\n"
	       "  -V, --version  show the version\n\n"
	       "Exit status: 0 both work (without --probe: nothing speaks against it), 1 not, 2 wrong usage.\n",
	       CHECK_PROBE_BYTES);
}

static const struct option options[] = {
	{ "bar", required_argument, NULL, 'b' },
	{ "help", no_argument, NULL, 'h' },
	{ "json", no_argument, NULL, 'j' },
	{ "probe", no_argument, NULL, 'p' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

static int parse_addresses(struct check *check, int argc, char **argv)
{
	if (argc != 2)
		return tool_usage("check", "a PCI address and an RDMA device are needed");
	check->rdma = argv[1];
	switch (pci_parse(argv[0], check->bdf)) {
	case EINVAL:
		return tool_usage("check", "'%s' is not a PCI address such as 0000:01:00.0", argv[0]);
	case ENODEV:
		tool_error(check->bdf, "no such PCI function; `vfiowc info` lists them");
		return TOOL_FAILED;
	default: /* it is there */
		return TOOL_OK;
	}
}

int cmd_check(int argc, char **argv)
{
	struct check check = { .probe.bar = -1 };
	uint64_t bar;
	int c, ret;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "b:hjpV", options, NULL)) != -1) {
		switch (c) {
		case 'b':
			if (tool_parse_u64(optarg, PCI_BARS - 1, &bar))
				return tool_usage("check", "'%s' is not a BAR, 0 to 5", optarg);
			check.probe.bar = bar;
			break;
		case 'h':
			print_help();
			return TOOL_OK;
		case 'j':
			check.json = true;
			break;
		case 'p':
			check.probing = true;
			break;
		case 'V':
			printf("vfiowc %s\n", VFIOWC_VERSION);
			return TOOL_OK;
		default:
			return tool_usage("check", "'%s' is no option, or lacks its value", argv[optind - 1]);
		}
	}
	if (check.probe.bar >= 0 && !check.probing)
		return tool_usage("check", "--bar is the BAR that is probed: add --probe");
	ret = parse_addresses(&check, argc - optind, argv + optind);
	return ret ? ret : run(&check);
}
