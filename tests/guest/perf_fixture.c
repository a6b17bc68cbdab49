// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* What the tests of `vfiowc run` and `vfiowc trace` share. See perf_fixture.h. */
#include <string.h>
#include <unistd.h>

#include "exporter.h"
#include "perf_backend.h"

static char bdf[GUEST_BDF_LEN];

int perf_up(void **state)
{
	if (rdma_device_up(state) || guest_find_pci(GUEST_IVSHMEM, bdf) || guest_modprobe("vfiowc_pci") ||
	    guest_bind(bdf, EXPORTER_DRIVER))
		return -1;
	exporter_param("tph_override", "3");
	return 0;
}

int perf_down(void **state)
{
	exporter_param("tph_override", "0");
	return guest_bind(bdf, NULL) || rdma_device_down(state) ? -1 : 0;
}

const char *perf_bdf(void)
{
	return bdf;
}

void perf_device_tph(const char *mode)
{
	assert_int_equal(guest_write_file("/sys/class/infiniband/" RDMA_DEVICE "/tph", mode), 0);
}

static void show_stderr(void)
{
	char error[8192];

	if (!guest_read_file(DEMO_STDERR, error, sizeof(error)))
		print_message("%s\n", error);
}

json_object *perf_run(int *status, const char *fmt, ...)
{
	char command[1024];
	json_object *root;
	va_list args;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	root = demo_run_json(status, GUEST_TIMEOUT(100) "vfiowc run --json --prove %s", command);
	print_message("status %d: %s\n", *status, json_object_to_json_string(root));
	if (*status)
		show_stderr();
	return root;
}

static json_object *proof_field(json_object *root, const char *key)
{
	json_object *value = json_object_object_get(json_object_object_get(root, "proof"), key);

	if (!value)
		print_error("the proof has no '%s'\n", key);
	assert_non_null(value);
	return value;
}

uint64_t perf_number(json_object *root, const char *key)
{
	return json_object_get_uint64(proof_field(root, key));
}

const char *perf_text(json_object *root, const char *key)
{
	return json_object_get_string(proof_field(root, key));
}

void perf_fails(int status, const char *text, const char *fmt, ...)
{
	char command[1024], out[8192];
	va_list args;
	int got;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	got = guest_capture(out, sizeof(out), GUEST_TIMEOUT(60) "%s 2>" DEMO_STDERR, command);
	if (got != status)
		show_stderr();
	assert_int_equal(got, status);
	assert_true(demo_stderr_has(text));
}

void perf_backend_needed(void)
{
	if (access(PERF_BACKEND "ib_write_bw", X_OK))
		guest_skip("perftest with the back-end is not there; ./lab test builds it for this test");
}

int perf_backend_pair(char *out, size_t len, const char *wrapper, const char *server, const char *client)
{
	return guest_capture(out, len, "%s sh -c '%s >/tmp/server 2>&1 & pid=$!; "
			     "until grep -q \":4853 .* 0A \" /proc/net/tcp /proc/net/tcp6; do kill -0 $pid || "
			     "{ cat /tmp/server; exit 9; }; sleep 0.05; done; "
			     GUEST_TIMEOUT(60) "%s localhost 2>&1; status=$?; "
			     "wait $pid || { cat /tmp/server; exit 8; }; exit $status' 2>" DEMO_STDERR, wrapper, server,
			     client);
}
