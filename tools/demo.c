// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * `vfiowc demo`: the walk-through from the exporter's binding to its revocation. This file has the
 * options, the list of steps, and the undoing of what they set up, which is done in every case.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "demo.h"
#include "vfiowc.h"

static int check_start(struct demo *d)
{
	char bdf[PCI_BDF_LEN];

	if (pci_parse(d->bdf, bdf))
		return demo_fail(d, d->bdf, "no such PCI function; see `vfiowc info`");
	if (geteuid())
		return demo_fail(d, d->bdf, "needs root, to bind drivers and to trace; try sudo");
	/* Now, and not after everything was done. */
	if (d->json_path) {
		d->json_file = fopen(d->json_path, "we");
		if (!d->json_file)
			return demo_fail(d, d->json_path, "%s", strerror(errno));
	}
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct demo *d);
	const char *title;
} steps[] = {
	{ "start", check_start, "exporter and rights" },
	{ "kernel", demo_kernel, "the running kernel" },
	{ "modules", demo_modules, "our kernel modules" },
	{ "bind", demo_bind, "hand the exporter to vfiowc_pci and open it" },
	{ "rdma", demo_rdma, "the importing RDMA device" },
	{ "export", demo_export, "export two slices of the BAR, publish tags, map them" },
	{ "register", demo_register, "register both slices; the tags the importer read" },
	{ "trace-on", demo_trace_start, "record the tracepoint vfiowc:dma" },
	{ "write", demo_write, "host memory -> BAR -> host memory by RDMA" },
	{ "cpu", demo_cpu, "CPU -> BAR through write-combining, read by RDMA" },
	{ "doorbell", demo_doorbell, "ring the doorbell word from both sides" },
	{ "reset", demo_reset, "reset the exporter's function" },
	{ "revoke", demo_revoke, "revoke slice data" },
	{ "trace", demo_trace_check, "what the RDMA device put out, against what was posted" },
};

volatile sig_atomic_t demo_interrupted;

static void on_signal(int signo)
{
	demo_interrupted = signo;
}

int demo_fail(const struct demo *d, const char *object, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	tool_error(object, "step %s: %s", d->step, text);
	return -1;
}

void demo_say(const struct demo *d, const char *fmt, ...)
{
	va_list args;

	if (d->json)
		return;
	fputs("     ", stdout);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

static sigjmp_buf after_sigbus;

static void on_sigbus(int signo)
{
	(void)signo;
	siglongjmp(after_sigbus, 1);
}

static int run_steps(struct demo *d)
{
	/* Somebody else took the BAR away, and what was set up is undone all the same. */
	if (sigsetjmp(after_sigbus, 1))
		return demo_fail(d, d->bdf, "the mapping of its BAR is gone (SIGBUS); see dmesg");
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		d->step = steps[i].name;
		if (!d->json)
			printf("%2zu %s: %s\n", i + 1, steps[i].name, steps[i].title);
		if (steps[i].run(d)) {
			if (demo_interrupted)
				tool_error(d->bdf, "step %s: interrupted by signal %d", d->step,
					   (int)demo_interrupted);
			return -1;
		}
		if (demo_interrupted)
			return demo_fail(d, d->bdf, "interrupted by signal %d",
					 (int)demo_interrupted);
	}
	return 0;
}

static void release_slice(struct slice *slice)
{
	if (slice->mr)
		ibv_dereg_mr(slice->mr);
	if (slice->map)
		vfiowc_unmap(slice->map);
	if (slice->buf)
		vfiowc_destroy_buf(slice->buf);
}

/* In the opposite order of the steps. Only the modules and the BAR's bytes stay. */
static int teardown(struct demo *d)
{
	int err;

	d->step = "teardown";
	trace_stop(&d->trace);
	for (unsigned int i = 0; i < NUM_SLICES; i++)
		release_slice(&d->slices[i]);
	nic_close(&d->nic);
	err = link_restore(&d->link);
	if (d->dev && vfiowc_close_device(d->dev))
		tool_error(d->bdf, "step %s: still in use", d->step);
	demo_restore_override(d);
	return bind_give_back(&d->binding) || err;
}

static int run(struct demo *d)
{
	/* No SA_RESTART: a wait in the kernel ends, too. */
	const struct sigaction action = { .sa_handler = on_signal };
	const struct sigaction bus = { .sa_handler = on_sigbus };
	int err, undone;

	/* A step is announced before it runs, on a pipe as well. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGBUS, &bus, NULL);
	d->slices[SLICE_DATA] = (struct slice){
		.name = "data",
		.bar_offset = DATA_BAR_OFFSET,
		.bytes = DATA_BYTES,
		.type = VFIOWC_MEM_WC,
	};
	d->slices[SLICE_DOORBELL] = (struct slice){
		.name = "doorbell",
		.bar_offset = DOORBELL_BAR_OFFSET,
		.bytes = DOORBELL_BYTES,
		.type = VFIOWC_MEM_NC,
	};
	d->nic.stop = &demo_interrupted;
	d->report = report_new();
	report_set(d->report, "seed", json_object_new_uint64(d->seed));
	err = run_steps(d);
	signal(SIGBUS, SIG_DFL);
	undone = teardown(d);
	err = err || undone;
	report_transfers(d);
	if (report_print(d, !err))
		err = -1;
	json_object_put(d->report);
	return err ? TOOL_FAILED : TOOL_OK;
}

static void print_help(void)
{
	printf("Usage: vfiowc demo --exporter BDF --bar N --rdma DEV [OPTION]...\n"
	       "Walk through peer-to-peer RDMA into a BAR: bind, export, register, move data, ring, trace,\n"
	       "reset, revoke. Each step prints what it observed. The former driver is restored at the end;\n"
	       "the BAR's contents are overwritten.\n\n"
	       "  -e, --exporter BDF  PCI function that exports, such as 0000:01:00.0\n"
	       "  -b, --bar N         its BAR, 0 to 5, of at least 5 MiB of memory\n"
	       "  -r, --rdma DEV      RDMA device that imports; 'vfiowc...' is added if it is not there\n"
	       "  -s, --seed N        decides all data and tags (default 1)\n"
	       "  -j, --json          print one JSON object instead\n"
	       "  -J, --json-file F   write it to F as well as printing the report for people\n"
	       "  -h, --help          show this help\n"
	       "  -V, --version       show the version\n\n"
	       "Exit status: 0 every step succeeded, 1 a step failed, 2 wrong usage.\n");
}

static const struct option options[] = {
	{ "bar", required_argument, NULL, 'b' },
	{ "exporter", required_argument, NULL, 'e' },
	{ "help", no_argument, NULL, 'h' },
	{ "json", no_argument, NULL, 'j' },
	{ "json-file", required_argument, NULL, 'J' },
	{ "rdma", required_argument, NULL, 'r' },
	{ "seed", required_argument, NULL, 's' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

struct arguments {
	const char *exporter;
	const char *bar;
	const char *seed;
};

/* Return: -1 to go on, else the exit status. */
static int parse_options(struct demo *d, struct arguments *args, int argc, char **argv)
{
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "b:e:hjJ:r:s:V", options, NULL)) != -1) {
		switch (c) {
		case 'b':
			args->bar = optarg;
			break;
		case 'e':
			args->exporter = optarg;
			break;
		case 'h':
			print_help();
			return TOOL_OK;
		case 'j':
			d->json = true;
			break;
		case 'J':
			d->json_path = optarg;
			break;
		case 'r':
			d->rdma = optarg;
			break;
		case 's':
			args->seed = optarg;
			break;
		case 'V':
			printf("vfiowc %s\n", VFIOWC_VERSION);
			return TOOL_OK;
		default:
			return tool_usage("demo", "'%s' is no option, or lacks its argument",
					  argv[optind - 1]);
		}
	}
	return -1;
}

/* Return: -1 to go on, else the exit status. */
static int check_arguments(struct demo *d, const struct arguments *args)
{
	uint64_t bar;

	if (!args->exporter || !args->bar || !d->rdma)
		return tool_usage("demo", "--exporter, --bar and --rdma are needed");
	if (tool_parse_u64(args->bar, PCI_BARS - 1, &bar))
		return tool_usage("demo", "--bar '%s' is not a number from 0 to 5", args->bar);
	d->bar = bar;
	if (tool_parse_u64(args->seed, UINT64_MAX, &d->seed))
		return tool_usage("demo", "--seed '%s' is not a number from 0 to 2^64 - 1",
				  args->seed);
	if (pci_parse(args->exporter, d->bdf) == EINVAL)
		return tool_usage("demo",
				  "--exporter '%s' is not a PCI address such as 0000:01:00.0",
				  args->exporter);
	return -1;
}

int cmd_demo(int argc, char **argv)
{
	struct arguments args = { .seed = "1" };
	struct demo d = { 0 };
	int status;

	status = parse_options(&d, &args, argc, argv);
	if (status >= 0)
		return status;
	if (optind < argc)
		return tool_usage("demo", "'%s' is one argument too many", argv[optind]);
	status = check_arguments(&d, &args);
	return status >= 0 ? status : run(&d);
}
