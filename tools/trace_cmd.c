// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * `vfiowc trace`: the transfers of the software RDMA device as they happen, one line each, or their
 * sums. With --tlp the PCIe requests that a device with a wire would form for them.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "trace_filter.h"
#include "vfiowc.h"

#define BUFFER_KB 8192u
#define LOOK_MS 100
/* Between two looks at the program and at Ctrl-C: the device may be faster than this reader. */
#define EVENTS_AT_ONCE 2000u
#define MIN_LIMIT 128u
#define MAX_LIMIT 4096u

extern char **environ;

struct options {
	struct trace_filter filter;
	struct tlp_limits limits;
	uint64_t count; /* 0: no limit */
	uint64_t seconds; /* 0: no limit */
	bool json, summary, tlp;
	bool limits_given;
	char **program; /* NULL: none */
};

struct session {
	const struct options *options;
	struct trace_stream stream;
	struct trace_tally tally;
	uint64_t seen;
	pid_t pid; /* of the program, 0: none */
	int status; /* its exit status */
};

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

static void print_json(json_object *object)
{
	printf("%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_SPACED |
						       JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}

static int show(struct session *session, const struct trace_row *row)
{
	const struct options *options = session->options;

	session->seen++;
	if (options->summary)
		return trace_tally_add(&session->tally, row);
	if (options->json) {
		print_json(trace_row_json(row, options->tlp ? &options->limits : NULL));
		return 0;
	}
	trace_print_row(row);
	if (options->tlp)
		trace_print_tlps(row, &options->limits);
	return 0;
}

static bool enough(const struct session *session)
{
	return session->options->count && session->seen >= session->options->count;
}

/* At most @max events. */
static int drain(struct session *session, size_t max)
{
	struct trace_row row;
	int err = 0;

	while (!err && max-- && !enough(session)) {
		err = trace_stream_next(&session->stream, &row);
		if (!err && trace_filter_wants(&session->options->filter, &row))
			err = show(session, &row);
	}
	fflush(stdout);
	return err == EAGAIN ? 0 : err;
}

/* All that happened before the end; a device that goes on has no last event. */
static int drain_rest(struct session *session)
{
	int err = trace_record(&session->stream.trace, false);

	return err ? err : drain(session, SIZE_MAX);
}

static int start_program(struct session *session)
{
	char **argv = session->options->program;
	int err = argv ? posix_spawnp(&session->pid, argv[0], NULL, NULL, argv, environ) : 0;

	if (err) {
		session->pid = 0;
		tool_error(argv[0], "cannot be started: %s", strerror(err));
	}
	return err;
}

static bool program_ended(struct session *session)
{
	int status;

	if (!session->pid || waitpid(session->pid, &status, WNOHANG) != session->pid)
		return false;
	session->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	session->pid = 0;
	return true;
}

static uint64_t now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static int follow(struct session *session)
{
	struct pollfd fd = { .fd = session->stream.fd, .events = POLLIN };
	uint64_t start = now_s(), limit = session->options->seconds;
	bool ended = false;
	int err = 0;

	while (!err && !stopped && !ended && !enough(session)) {
		ended = program_ended(session) || (limit && now_s() - start >= limit);
		if (!ended)
			poll(&fd, 1, LOOK_MS);
		err = drain(session, EVENTS_AT_ONCE);
	}
	if (!err)
		err = drain_rest(session);
	if (session->pid) {
		kill(session->pid, SIGTERM);
		waitpid(session->pid, NULL, 0);
		session->pid = 0;
	}
	return err;
}

static void conclude(const struct session *session)
{
	if (session->options->summary && session->options->json) {
		json_object *root = json_object_new_object();

		json_object_object_add(root, "sums", trace_summary_json(&session->tally));
		json_object_object_add(root, "lost_events", json_object_new_uint64(session->stream.lost));
		print_json(root);
	} else if (session->options->summary) {
		trace_print_summary(&session->tally);
	}
	if (session->stream.lost)
		tool_error("tracefs", "%" PRIu64 " events came faster than they were read and are missing; "
			   "--summary is faster", session->stream.lost);
}

static int run(const struct options *options)
{
	const struct sigaction action = { .sa_handler = on_signal };
	struct session session = { .options = options };
	int err = trace_stream_start(&session.stream, BUFFER_KB);

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (err) {
		tool_error("tracefs", "event vfiowc:dma: %s; is vfiowc_rdma loaded, tracefs mounted "
			   "(`mount -t tracefs tracefs /sys/kernel/tracing`), and are you root?", strerror(err));
	} else {
		if (!options->json && !options->summary)
			trace_print_head();
		err = start_program(&session);
		if (!err) {
			err = follow(&session);
			if (err)
				tool_error("tracefs", "event vfiowc:dma: %s", strerror(err));
		}
		conclude(&session);
	}
	err = err || session.stream.lost;
	trace_stream_stop(&session.stream);
	trace_tally_free(&session.tally);
	return session.status ? session.status : err ? TOOL_FAILED : TOOL_OK;
}

static void print_help(void)
{
	printf("Usage: vfiowc trace [OPTION]... [-- PROGRAM [ARG]...]\n"
	       "Show what the software RDMA device moves, transfer by transfer: until PROGRAM ends, or Ctrl-C.\n\n"
	       "  -d, --device NAME   only this RDMA device\n"
	       "  -q, --qp N          only this queue pair\n"
	       "  -k, --mr KEY        only the MR with this rkey or lkey\n"
	       "      --tag TAG       none, any, st, st:N, st_ext or st_ext:N\n"
	       "  -n, --count N       end after N transfers\n"
	       "      --duration S    end after S seconds\n"
	       "  -s, --summary       at the end, sums of transfers that are alike\n"
	       "      --tlp           also the first PCIe request header that a device with a wire would emit for\n"
	       "                      each, and how many; addresses are the MR's, requester ID and tag are 0\n"
	       "      --mps N         Max_Payload_Size for --tlp, 128 to 4096 (256)\n"
	       "      --mrrs N        Max_Read_Request_Size for --tlp, 128 to 4096 (512)\n"
	       "  -j, --json          one JSON object a line; with --summary one object\n"
	       "  -h, --help          show this help\n"
	       "  -V, --version       show the version\n\n"
	       "Exit status: PROGRAM's; 0 success, 1 failure or events were lost, 2 wrong usage.\n");
}

enum { OPTION_DURATION = 256, OPTION_MPS, OPTION_MRRS, OPTION_TAG, OPTION_TLP };

static const struct option long_options[] = {
	{ "count", required_argument, NULL, 'n' },
	{ "device", required_argument, NULL, 'd' },
	{ "duration", required_argument, NULL, OPTION_DURATION },
	{ "help", no_argument, NULL, 'h' },
	{ "json", no_argument, NULL, 'j' },
	{ "mps", required_argument, NULL, OPTION_MPS },
	{ "mr", required_argument, NULL, 'k' },
	{ "mrrs", required_argument, NULL, OPTION_MRRS },
	{ "qp", required_argument, NULL, 'q' },
	{ "summary", no_argument, NULL, 's' },
	{ "tag", required_argument, NULL, OPTION_TAG },
	{ "tlp", no_argument, NULL, OPTION_TLP },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

static int set_number(const char *name, uint64_t max, uint64_t *value)
{
	if (tool_parse_u64(optarg, max, value))
		return tool_usage("trace", "%s %s: it is a number up to %" PRIu64, name, optarg, max);
	return TOOL_OK;
}

static int set_limit(const char *name, struct options *options, uint32_t *limit)
{
	uint64_t value;

	if (tool_parse_u64(optarg, MAX_LIMIT, &value) || value < MIN_LIMIT || value & (value - 1))
		return tool_usage("trace", "%s %s: it is a power of two from %u to %u", name, optarg, MIN_LIMIT,
				  MAX_LIMIT);
	*limit = value;
	options->limits_given = true;
	return TOOL_OK;
}

static int set_option(struct options *options, int c, const char *word)
{
	switch (c) {
	case 'd':
		options->filter.dev = optarg;
		return TOOL_OK;
	case 'h':
		print_help();
		return -1;
	case 'j':
		options->json = true;
		return TOOL_OK;
	case 'k':
		options->filter.has_key = true;
		return set_number("--mr", UINT32_MAX, &options->filter.key);
	case 'n':
		return set_number("--count", UINT64_MAX, &options->count);
	case 'q':
		options->filter.has_qp = true;
		return set_number("--qp", UINT32_MAX, &options->filter.qp);
	case 's':
		options->summary = true;
		return TOOL_OK;
	case 'V':
		printf("vfiowc %s\n", VFIOWC_VERSION);
		return -1;
	case OPTION_DURATION:
		return set_number("--duration", UINT32_MAX, &options->seconds);
	case OPTION_MPS:
		return set_limit("--mps", options, &options->limits.payload_bytes);
	case OPTION_MRRS:
		return set_limit("--mrrs", options, &options->limits.read_bytes);
	case OPTION_TAG:
		if (trace_filter_tag(&options->filter, optarg))
			return tool_usage("trace", "--tag %s: it is none, any, st, st:N, st_ext or st_ext:N", optarg);
		return TOOL_OK;
	case OPTION_TLP:
		options->tlp = true;
		return TOOL_OK;
	case ':':
		return tool_usage("trace", "'%s' needs a value", word);
	default:
		return tool_usage("trace", "'%s' is no option", word);
	}
}

/* Options that would do nothing. */
static int check_options(const struct options *options)
{
	if (options->limits_given && !options->tlp)
		return tool_usage("trace", "--mps and --mrrs are for the requests that --tlp shows: add --tlp");
	if (options->tlp && options->summary)
		return tool_usage("trace", "--tlp is for single transfers, of which --summary shows none: leave one out");
	return TOOL_OK;
}

int cmd_trace(int argc, char **argv)
{
	struct options options = { .limits = { .payload_bytes = 256, .read_bytes = 512 } };
	int c, status;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "+:d:hjk:n:q:sV", long_options, NULL)) != -1) {
		status = set_option(&options, c, argv[optind - 1]);
		if (status)
			return status < 0 ? TOOL_OK : status;
	}
	status = check_options(&options);
	if (status)
		return status;
	if (optind < argc)
		options.program = argv + optind;
	return run(&options);
}
