// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * `vfiowc run`: an unmodified program with its buffers in memory that is no ordinary host memory.
 * This process owns the device for as long as the program runs: a VFIO group opens only once, and
 * both ends of a benchmark want slices of it. See run.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "run_loop.h"
#include "vfiowc.h"

struct options {
	bool json;
	bool prove;
};

static void print_help(void)
{
	printf("Usage: vfiowc run --target TARGET [OPTION]... -- PROGRAM [ARG]...\n"
	       "       vfiowc run --wc BDF:BAR[+OFFSET][:LENGTH] [OPTION]... -- PROGRAM [ARG]...\n"
	       "Run an unmodified verbs program with its buffers in a slice of a BAR. In its arguments the path\n"
	       "vfiowc:0 stands for the first target, vfiowc:1 for the second: ib_write_bw --mmap=vfiowc:0 ...\n"
	       "Or run an unmodified VFIO program, which opens the device itself, and give it write-combined\n"
	       "what it maps of a part of a BAR.\n\n"
	       "  -t, --target TARGET   BDF:BAR[+OFFSET][:LENGTH]  a slice of a BAR (the rest of it)\n"
	       "                        udmabuf:BYTES              a dma-buf of ordinary pages\n"
	       "                        drm:PATH[:BYTES]           a dumb buffer of a DRM device (16M)\n"
	       "  -m, --memattr TYPE    nc or wc: type of the program's mappings (nc)\n"
	       "      --tph TAGS        st=N,st_ext=N,ph=N: steering tags and hint for the RDMA device\n"
	       "  -w, --wc PART         BDF:BAR[+OFFSET][:LENGTH]  what the program maps of it through its VFIO\n"
	       "                        device fd is write-combined, the rest stays as it is; needs vfiowc_pci\n"
	       "      --wc-bar BDF:BAR  the same with stock vfio-pci: the price is that all of the BAR becomes\n"
	       "                        write-combined, registers and doorbells too. x86, root; checked each time\n"
	       "  -2, --pair            run PROGRAM as a server, then again as its client with `localhost`\n"
	       "                        behind it; each has a slice of its own, the server's behind the client's\n"
	       "      --prove           compare what the device did with what perftest says, and with the tags\n"
	       "  -j, --json            stdout is one JSON object; the program's own goes to stderr\n"
	       "  -h, --help            show this help\n"
	       "  -V, --version         show the version\n\n"
	       "Sizes: 65536, 0x10000 or 64K. What was redirected is said on stderr, once for each thing.\n"
	       "Exit status: that of PROGRAM; 1 when it registered no memory of a target, a target was revoked\n"
	       "meanwhile, it mapped nothing of a --wc part, or --prove found no proof; 2 wrong usage.\n");
}

/* Did the program do with its targets what it was started for? */
static int check_report(const struct run *run, const struct run_report *report, int status)
{
	if (report->num_invalidated) {
		bool known = report->invalidated >= 0 && (unsigned int)report->invalidated < run->num_targets;

		tool_error(known ? run->targets[report->invalidated].text : NULL, "this target was revoked while %s "
			   "ran (the device was reset, powered down or lost memory decoding): what it printed is a "
			   "partial result; run it again", run->argv[0]);
		return EIO;
	}
	for (unsigned int i = 0; !status && i < run->num_wcs; i++) {
		if (report->wcs[i].num_maps)
			continue;
		tool_error(run->argv[0], "it mapped nothing of %s write-combined: it has not opened that device, "
			   "maps another part of it, is statically linked, or was started by a launcher that closes "
			   "inherited file descriptors", run->wcs[i].text);
		return EINVAL;
	}
	if (!status && run->num_targets && !report->num_redirected) {
		tool_error(run->argv[0], "it registered no memory of a target: whatever it measured was host "
			   "memory. Give it vfiowc:0 as the path of its buffer (--mmap=vfiowc:0)%s",
			   report->num_maps ? "; it did map it" : "");
		return EINVAL;
	}
	return 0;
}

static json_object *targets_json(const struct run *run)
{
	json_object *list = json_object_new_array();

	for (unsigned int i = 0; i < run->num_targets; i++) {
		const struct run_target *target = &run->targets[i];
		json_object *item = json_object_new_object();

		json_object_object_add(item, "target", json_object_new_string(target->text));
		json_object_object_add(item, "bytes", json_object_new_uint64(target->buffers[0].bytes));
		json_object_object_add(item, "type_requested", json_object_new_string(handover_type_name(
				       target->kind == RUN_VFIO ? run->type : HANDOVER_SYSTEM)));
		json_object_array_add(list, item);
	}
	return list;
}

static json_object *wcs_json(const struct run *run, const struct run_report *report)
{
	json_object *list = json_object_new_array();

	for (unsigned int i = 0; i < run->num_wcs; i++) {
		const struct run_wc *wc = &run->wcs[i];
		const char *effective = report->wcs[i].effective;
		json_object *item = json_object_new_object();

		json_object_object_add(item, "part", json_object_new_string(wc->text));
		json_object_object_add(item, "offset", json_object_new_uint64(wc->offset));
		json_object_object_add(item, "bytes", json_object_new_uint64(wc->length));
		json_object_object_add(item, "whole_bar", json_object_new_boolean(wc->whole_bar));
		json_object_object_add(item, "mappings", json_object_new_uint64(report->wcs[i].num_maps));
		json_object_object_add(item, "type_requested", json_object_new_string("wc"));
		json_object_object_add(item, "type_effective", effective[0] ?
				       json_object_new_string(effective) : NULL);
		json_object_array_add(list, item);
	}
	return list;
}

static json_object *mrs_json(const struct run_report *report)
{
	json_object *list = json_object_new_array();

	for (size_t i = 0; i < report->num_mrs; i++) {
		const struct run_mr *mr = &report->mrs[i];
		json_object *item = json_object_new_object();

		json_object_object_add(item, "rdma", json_object_new_string(mr->rdma));
		json_object_object_add(item, "target", mr->target < 0 ? NULL :
				       json_object_new_int(mr->target));
		json_object_object_add(item, "bytes", json_object_new_uint64(mr->bytes));
		json_object_object_add(item, "rkey", json_object_new_uint64(mr->rkey));
		json_object_object_add(item, "tags", mr->target < 0 ? NULL :
				       json_object_new_string(mr->tags));
		json_object_array_add(list, item);
	}
	return list;
}

static void print_json(const struct run *run, const struct run_report *report,
		       const struct run_proof *proof, int status, bool ok)
{
	json_object *root = json_object_new_object();

	json_object_object_add(root, "ok", json_object_new_boolean(ok));
	json_object_object_add(root, "status", json_object_new_int(status));
	json_object_object_add(root, "targets", targets_json(run));
	json_object_object_add(root, "wc", wcs_json(run, report));
	json_object_object_add(root, "registrations", mrs_json(report));
	json_object_object_add(root, "revoked", json_object_new_boolean(report->num_invalidated));
	json_object_object_add(root, "proof", proof ? run_proof_json(proof, report) : NULL);
	printf("%s\n", json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY |
			JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(root);
}

static int conclude(struct run *run, const struct options *options, struct run_proof *proof, int status)
{
	struct run_report report;
	char mode[16] = "";
	int err = run_report_read(run, &report);

	if (!err)
		err = check_report(run, &report, status);
	if (proof) {
		run_proof_device_tph(&report, mode, sizeof(mode));
		if (!err && run->tph.flags && mode[0])
			err = run_proof_control(proof, run, &report);
		run_proof_judge(proof, run, &report, mode);
		if (!options->json)
			run_proof_print(proof, &report);
	}
	if (options->json)
		print_json(run, &report, proof, status, !err && !status &&
			   (!proof || proof->verdict == RUN_PROVED));
	run_report_free(&report);
	if (err || (proof && proof->verdict != RUN_PROVED))
		return status ? status : TOOL_FAILED;
	return status;
}

/* Appended to by several processes, each line by one write(2). */
static int open_report(struct run *run)
{
	run->report_fd = memfd_create("vfiowc-report", MFD_CLOEXEC);
	if (run->report_fd >= 0 && !fcntl(run->report_fd, F_SETFL, O_APPEND))
		return 0;
	tool_error(NULL, "memfd: %s", strerror(errno));
	return errno;
}

static int run_all(struct run *run, const struct options *options)
{
	struct run_proof *proof = options->prove ? calloc(1, sizeof(*proof)) : NULL;
	int status = TOOL_FAILED, err;

	if (proof)
		proof->stream.fd = -1;
	err = options->prove && !proof ? ENOMEM : open_report(run);
	if (!err)
		err = run_open_targets(run);
	if (!err)
		err = run_prepare_wcs(run);
	if (!err && proof)
		err = run_proof_start(proof);
	if (!err)
		err = run_programs(run, proof, options->json, &status);
	if (!err)
		status = conclude(run, options, proof, status);
	else
		status = TOOL_FAILED;
	if (proof)
		run_proof_stop(proof);
	free(proof);
	run_release_wcs(run);
	run_close_targets(run);
	return status;
}

static int add_target(struct run *run, char *text)
{
	const char *why;

	if (run->num_targets == HANDOVER_MAX)
		return tool_usage("run", "more than %d targets", HANDOVER_MAX);
	if (run_parse_target(text, &run->targets[run->num_targets], &why))
		return tool_usage("run", "--target %s: %s", text, why);
	run->num_targets++;
	return TOOL_OK;
}

static int add_wc(struct run *run, const char *text, bool whole_bar)
{
	struct run_wc *wc = &run->wcs[run->num_wcs];
	const char *option = whole_bar ? "--wc-bar" : "--wc", *why;

	if (run->num_wcs == HANDOVER_MAX)
		return tool_usage("run", "more than %d parts", HANDOVER_MAX);
	if (run_parse_wc(text, wc, &why))
		return tool_usage("run", "%s %s: %s", option, text, why);
	if (whole_bar && (wc->offset || wc->length))
		return tool_usage("run", "--wc-bar %s: without vfiowc_pci there is only all of a BAR; write BDF:BAR",
				  text);
	wc->whole_bar = whole_bar;
	run->num_wcs++;
	return TOOL_OK;
}

/* What --target and --wc cannot be at once. */
static int check_parts(const struct run *run)
{
	for (unsigned int i = 0; i < run->num_wcs; i++) {
		for (unsigned int t = 0; t < run->num_targets; t++) {
			if (run->targets[t].kind == RUN_VFIO && !strcmp(run->targets[t].bdf, run->wcs[i].bdf))
				return tool_usage("run", "--wc %s: --target opens this device here, so the program "
						  "could not open it", run->wcs[i].text);
		}
	}
	if (!run->num_targets && (run->type_given || run->tph.flags))
		return tool_usage("run", "%s is for a --target: a --wc part is write-combined, and has no tags",
				  run->type_given ? "--memattr" : "--tph");
	if (!run->num_targets && run->num_ends > 1)
		return tool_usage("run", "--pair needs a --target: the two ends of a verbs program share it");
	return TOOL_OK;
}

static int set_type(struct run *run, const char *name)
{
	if (strcmp(name, "nc") && strcmp(name, "wc"))
		return tool_usage("run", "--memattr %s: it is nc or wc", name);
	run->type = strcmp(name, "wc") ? VFIOWC_MEM_NC : VFIOWC_MEM_WC;
	run->type_given = true;
	return TOOL_OK;
}

static int set_tph(struct run *run, const char *text)
{
	const char *why;

	return run_parse_tph(text, &run->tph, &why) ? tool_usage("run", "--tph %s: %s", text, why) : TOOL_OK;
}

enum { OPTION_PROVE = 256, OPTION_TPH, OPTION_WC_BAR };

static const struct option long_options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "json", no_argument, NULL, 'j' },
	{ "memattr", required_argument, NULL, 'm' },
	{ "pair", no_argument, NULL, '2' },
	{ "prove", no_argument, NULL, OPTION_PROVE },
	{ "target", required_argument, NULL, 't' },
	{ "tph", required_argument, NULL, OPTION_TPH },
	{ "version", no_argument, NULL, 'V' },
	{ "wc", required_argument, NULL, 'w' },
	{ "wc-bar", required_argument, NULL, OPTION_WC_BAR },
	{ 0 },
};

/* TOOL_OK, the exit status, or -1: --help or --version, and that was all. */
static int set_option(struct run *run, struct options *options, int c, const char *word)
{
	switch (c) {
	case '2':
		run->num_ends = RUN_ENDS;
		return TOOL_OK;
	case 'h':
		print_help();
		return -1;
	case 'j':
		options->json = true;
		return TOOL_OK;
	case 'm':
		return set_type(run, optarg);
	case 't':
		return add_target(run, optarg);
	case 'V':
		printf("vfiowc %s\n", VFIOWC_VERSION);
		return -1;
	case 'w':
	case OPTION_WC_BAR:
		return add_wc(run, optarg, c == OPTION_WC_BAR);
	case OPTION_PROVE:
		options->prove = true;
		return TOOL_OK;
	case OPTION_TPH:
		return set_tph(run, optarg);
	case ':':
		return tool_usage("run", "'%s' needs a value", word);
	default:
		return tool_usage("run", "'%s' is no option", word);
	}
}

int cmd_run(int argc, char **argv)
{
	struct run run = { .num_ends = 1, .report_fd = -1 };
	struct options options = { 0 };
	int c, status;

	opterr = 0;
	/* '+': what follows the program's name is the program's. */
	while ((c = getopt_long(argc, argv, "+:2hjm:t:Vw:", long_options, NULL)) != -1) {
		status = set_option(&run, &options, c, argv[optind - 1]);
		if (status)
			return status < 0 ? TOOL_OK : status;
	}
	if (optind == argc)
		return tool_usage("run", "no program given");
	if (!run.num_targets && !run.num_wcs)
		return tool_usage("run", "neither --target nor --wc given");
	if (!run.num_targets && options.prove)
		return tool_usage("run", "--prove is for a --target: a --wc part is not seen by an RDMA device");
	status = check_parts(&run);
	if (status)
		return status;
	run.argv = argv + optind;
	if (run_check_command(&run))
		return TOOL_USAGE;
	return run_all(&run, &options);
}
