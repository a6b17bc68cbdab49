// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * The stock programs of ibverbs-utils and perftest, unmodified, on the software device: two
 * processes, host memory. What they print is read back: a run that moved nothing does not pass.
 */
#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rdma_fixture.h"

#define LISTEN_MS 30000
#define OUTPUT_MAX 16384
#define SERVER_OUTPUT "/tmp/rdma_tools.server"

struct server {
	pid_t pid;
	unsigned int port;
	bool ended;
	int status;
};

/* /proc/net/tcp: " sl local_address rem_address st ...", where 0A listens. */
static bool listens_in(const char *table, unsigned int port)
{
	char *text = malloc(65536), wanted[32], *line;
	bool found = false;

	snprintf(wanted, sizeof(wanted), ":%04X ", port);
	if (!guest_read_file(table, text, 65536))
		for (line = strtok(text, "\n"); line && !found; line = strtok(NULL, "\n"))
			found = strstr(line, wanted) && strstr(line, " 0A ");
	free(text);
	return found;
}

static bool listens_or_ended(void *arg)
{
	struct server *server = arg;

	server->ended = waitpid(server->pid, &server->status, WNOHANG) == server->pid;
	return server->ended || listens_in("/proc/net/tcp", server->port) ||
	       listens_in("/proc/net/tcp6", server->port);
}

static void start_server(struct server *server, const char *command)
{
	char exec[512];

	snprintf(exec, sizeof(exec), "exec %s", command);
	server->pid = fork();
	assert_true(server->pid >= 0);
	if (!server->pid) {
		int fd = open(SERVER_OUTPUT, O_WRONLY | O_CREAT | O_TRUNC, 0600);

		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		execl("/bin/sh", "sh", "-c", exec, NULL);
		_exit(127);
	}
}

/* Runs @command as a server and, once it listens, the same with "localhost" as its client. */
static void run_pair(const char *command, char client[OUTPUT_MAX], char output[OUTPUT_MAX])
{
	struct server server = { .port = 18515 };
	int client_status = -1;

	snprintf(client, OUTPUT_MAX, "never started");
	start_server(&server, command);
	if (guest_wait_for(listens_or_ended, &server, LISTEN_MS) && !server.ended)
		client_status =
			guest_capture(client, OUTPUT_MAX, GUEST_TIMEOUT(60) "%s localhost", command);
	if (client_status && !server.ended)
		kill(server.pid, SIGKILL); /* it would wait for ever */
	if (!server.ended)
		waitpid(server.pid, &server.status, 0);
	assert_int_equal(guest_read_file(SERVER_OUTPUT, output, OUTPUT_MAX), 0);
	if (client_status || server.status)
		print_error("%s\nclient (%d):\n%s\nserver (%d):\n%s\n", command, client_status,
			    client, server.status, output);
	assert_int_equal(client_status, 0);
	assert_int_equal(server.status, 0);
}

static void devinfo_describes_the_device(void **state)
{
	char out[OUTPUT_MAX];

	(void)state;
	assert_int_equal(guest_capture(out, sizeof(out), "ibv_devinfo -v -d " RDMA_DEVICE), 0);
	print_message("%s\n", out);
	assert_non_null(strstr(out, "hca_id:\t" RDMA_DEVICE));
	assert_non_null(strstr(out, "PORT_ACTIVE"));
	assert_non_null(strstr(out, "link_layer:\t\tEthernet"));
	assert_non_null(strstr(out, "fe80:"));
}

static void plug_in_is_found_without_a_warning(void **state)
{
	char out[OUTPUT_MAX];

	(void)state;
	assert_int_equal(guest_capture(out, sizeof(out), "IBV_SHOW_WARNINGS=1 ibv_devices"), 0);
	assert_non_null(strstr(out, RDMA_DEVICE));
	assert_null(strstr(out, "Warning"));
}

static void rc_pingpong_finds_its_data_intact(void **state)
{
	char client[OUTPUT_MAX], server[OUTPUT_MAX];

	(void)state;
	run_pair("ibv_rc_pingpong -c -d " RDMA_DEVICE " -g 0 -n 500 -s 4096", client, server);
	print_message("%s\n", client);
	assert_non_null(strstr(client, "500 iters in"));
	assert_non_null(strstr(server, "500 iters in"));
	assert_null(strstr(client, "invalid data"));
	assert_null(strstr(server, "invalid data"));
}

static void rc_pingpong_with_events_finds_its_data_intact(void **state)
{
	char client[OUTPUT_MAX], server[OUTPUT_MAX];

	(void)state;
	run_pair("ibv_rc_pingpong -c -e -d " RDMA_DEVICE " -g 0 -n 100", client, server);
	assert_non_null(strstr(client, "100 iters in"));
	assert_null(strstr(server, "invalid data"));
}

/*
 * The first two columns of perftest's table: bytes, iterations. The fourth is the average bandwidth or the longest
 * latency; the third is the peak, or the shortest. The peak, between two single time stamps, was 0.00 once on a debug
 * kernel, and is not asserted there.
 */
static void assert_row(const char *out, unsigned long bytes, unsigned long iterations)
{
	unsigned long got_bytes = 0, got_iterations = 0;
	double best = 0, figure = 0;

	for (const char *line = out; line; line = strchr(line, '\n')) {
		while (isspace(*line))
			line++;
		if (sscanf(line, "%lu %lu %lf %lf", &got_bytes, &got_iterations, &best, &figure) == 4)
			break;
	}
	assert_int_equal(got_bytes, bytes);
	assert_int_equal(got_iterations, iterations);
	assert_true(figure > 0);
	assert_true(best > 0 || guest_ms(1) > 1);
}

/* @iterations on each of @qps queue pairs. */
static void run_perftest(const char *program, unsigned long bytes, unsigned long iterations,
			 unsigned int qps, const char *more)
{
	char client[OUTPUT_MAX], server[OUTPUT_MAX], command[256];

	snprintf(command, sizeof(command), "%s -d " RDMA_DEVICE " -x 0 -F -s %lu -n %lu %s",
		 program, bytes, iterations, more);
	run_pair(command, client, server);
	print_message("%s\n", client);
	assert_row(client, bytes, qps * iterations);
}

static void write_bw_runs(void **state)
{
	(void)state;
	run_perftest("ib_write_bw", 65536, 1000, 1, "");
}

static void read_bw_runs(void **state)
{
	(void)state;
	run_perftest("ib_read_bw", 65536, 1000, 1, "");
}

static void send_bw_runs(void **state)
{
	(void)state;
	run_perftest("ib_send_bw", 65536, 1000, 1, "");
}

static void write_bw_runs_on_many_queue_pairs_with_lists(void **state)
{
	(void)state;
	run_perftest("ib_write_bw", 8, 4096, 4, "-q 4 -l 16");
}

/*
 * Both sides see their data arrive, by polling memory: this one cannot pass without real
 * transfers.
 */
static void write_lat_runs(void **state)
{
	(void)state;
	run_perftest("ib_write_lat", 8, 1000, 1, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(devinfo_describes_the_device),
		guest_test(plug_in_is_found_without_a_warning),
		guest_test(rc_pingpong_finds_its_data_intact),
		guest_test(rc_pingpong_with_events_finds_its_data_intact),
		guest_test(write_bw_runs),
		guest_test(read_bw_runs),
		guest_test(send_bw_runs),
		guest_test(write_bw_runs_on_many_queue_pairs_with_lists),
		guest_test(write_lat_runs),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
