// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * A broker and its clients, as processes: examples/broker.c owns the device, eight examples/client.c use their
 * slices by CPU and by the RDMA device. One loses its slice, one crashes, one is hostile: the others go on.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <infiniband/vfiowc_share.h>

#include "fds_message.h"
#include "importer.h"
#include "lib_fixture.h"
#include "rdma_fixture.h"
#include "share_program.h"

#define CLIENTS 8
#define SOCKET "/tmp/vfiowc-broker"
#define SLICE_BYTES "65536"

struct site {
	char bdf[GUEST_BDF_LEN];
	struct program broker;
	struct program client[CLIENTS];
	unsigned int slice[CLIENTS];
	char line[256];
};

static struct site *make_site(void **state, const char *driver)
{
	struct site *site = calloc(1, sizeof(*site));

	guest_setup(state);
	assert_non_null(site);
	*state = site;
	lib_bind(site->bdf, driver);
	unlink(SOCKET);
	return site;
}

static int setup(void **state)
{
	struct site *site = make_site(state, EXPORTER_DRIVER);
	char bar[] = "2", path[512];

	guest_example("broker", path, sizeof(path));
	program_start(&site->broker, (char *[]){ path, site->bdf, bar, (char[]){ SOCKET }, NULL }, -1);
	program_expect(&site->broker, "broker: 64 slices", site->line);
	return 0;
}

/* Without a broker. */
static int setup_stock(void **state)
{
	make_site(state, "vfio-pci");
	return 0;
}

static int teardown(void **state)
{
	struct site *site = *state;
	unsigned int i;

	for (i = 0; i < CLIENTS; i++)
		program_kill(&site->client[i]);
	program_kill(&site->broker);
	exporter_param("revoke_timeout_ms", "5000");
	guest_bind(site->bdf, NULL);
	unlink(SOCKET);
	free(site);
	*state = NULL;
	return guest_teardown(state);
}

#define broker_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* A client that has used its slice once; the even ones ask for WC. */
static void start_client(struct site *site, unsigned int i)
{
	char path[512], pid[32];

	guest_example("client", path, sizeof(path));
	program_start(&site->client[i],
		      (char *[]){ path, (char[]){ SOCKET }, (char[]){ SLICE_BYTES },
				  i % 2 ? (char[]){ "nc" } : (char[]){ "wc" },
				  (char[]){ RDMA_DEVICE }, NULL }, -1);
	snprintf(pid, sizeof(pid), "to process %d", site->client[i].pid);
	program_expect(&site->broker, pid, site->line);
	assert_int_equal(sscanf(site->line, "slice %u: " SLICE_BYTES " bytes", &site->slice[i]), 1);
	assert_non_null(strstr(site->line, i % 2 ? "of NC" : "of WC"));
	program_expect(&site->client[i], i % 2 ? "bytes of NC" : "bytes of WC", site->line);
	program_expect(&site->client[i], "used 0", site->line);
}

static void start_clients(struct site *site, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		start_client(site, i);
}

/* It goes on: its own bytes are still there for CPU and RDMA device. */
static void use_again(struct site *site, unsigned int i)
{
	program_tell(&site->client[i], "again");
	program_expect(&site->client[i], "used", site->line);
}

static void expect_free(struct site *site, unsigned int slice)
{
	char text[32];

	snprintf(text, sizeof(text), "slice %u: free", slice);
	program_expect(&site->broker, text, site->line);
}

static void end_client(struct site *site, unsigned int i)
{
	program_tell(&site->client[i], "the last time");
	assert_int_equal(program_end(&site->client[i]), 0);
	expect_free(site, site->slice[i]);
}

static void eight_clients_use_their_slices_and_give_them_back(void **state)
{
	struct site *site = *state;
	char text[4096], *line = text;
	unsigned int i, lines = 0;

	start_clients(site, CLIENTS);
	assert_int_equal(guest_read_file("/sys/kernel/debug/vfiowc_pci/dma_bufs", text, sizeof(text)), 0);
	while ((line = strstr(line, "state=live tph_flags=0 importers=1 mappings=1")))
		lines++, line++;
	assert_int_equal(lines, CLIENTS);
	for (i = 0; i < CLIENTS; i++)
		use_again(site, i);
	for (i = 0; i < CLIENTS; i++)
		end_client(site, i);
	assert_true(guest_wait_for(exporter_no_dma_buf_left, NULL, 5000));
}

static void one_slice_is_revoked_while_seven_clients_go_on(void **state)
{
	struct site *site = *state;
	char command[32];
	unsigned int i;

	start_clients(site, CLIENTS);
	snprintf(command, sizeof(command), "revoke %u", site->slice[3]);
	program_tell(&site->broker, command);
	program_expect(&site->broker, ": revoked", site->line);
	for (i = 0; i < CLIENTS; i++)
		if (i != 3)
			use_again(site, i);
	program_tell(&site->client[3], "again");
	program_expect(&site->client[3], "the slice was revoked", site->line);
	assert_int_equal(program_end(&site->client[3]), 3);
	expect_free(site, site->slice[3]);
	for (i = 0; i < CLIENTS; i++)
		if (i != 3)
			end_client(site, i);
}

static void crashed_client_is_cleaned_up_and_its_place_given_to_another(void **state)
{
	struct site *site = *state;
	unsigned int slice;

	start_clients(site, 3);
	slice = site->slice[1];
	program_kill(&site->client[1]);
	expect_free(site, slice);
	use_again(site, 0);
	use_again(site, 2);
	start_client(site, 1);
	assert_int_equal(site->slice[1], slice);
	for (unsigned int i = 0; i < 3; i++)
		end_client(site, i);
	assert_true(guest_wait_for(exporter_no_dma_buf_left, NULL, 5000));
}

static void broker_that_dies_takes_everything_with_it(void **state)
{
	struct site *site = *state;

	start_client(site, 0);
	program_kill(&site->broker);
	program_tell(&site->client[0], "again");
	program_expect(&site->client[0], "the slice was revoked", site->line);
	assert_int_equal(program_end(&site->client[0]), 3);
	assert_true(guest_wait_for(exporter_no_dma_buf_left, NULL, 5000));
}

/* ---- hostile ones ---------------------------------------------------------------------------- */

static int connect_to_broker(void)
{
	const struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = SOCKET };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	assert_return_code(connect(fd, (const struct sockaddr *)&at, sizeof(at)), errno);
	return fd;
}

static unsigned int fds_of(pid_t pid)
{
	unsigned int n = 0;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* True when it went out; the broker may have hung up. */
static bool send_with_fds(int fd, const void *bytes, size_t len, unsigned int num_fds)
{
	struct fds_message message;

	return sendmsg(fd, fds_message(&message, bytes, len, fd, num_fds), MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len;
}

static void wrong_messages_and_floods_disturb_nobody(void **state)
{
	const struct vfiowc_slice_request request = { .length = PAGE };
	static const char garbage[4096] = "GET / HTTP/1.1\r\n";
	struct site *site = *state;
	unsigned int before, i, sent = 0;
	int fd;

	start_clients(site, 1);
	before = fds_of(site->broker.pid);
	for (i = 0; i < 20; i++) {
		fd = connect_to_broker();
		send_with_fds(fd, garbage, 1 + i * 200, i % 2 ? FDS_MESSAGE_MAX : 0);
		program_expect(&site->broker, "gone: Protocol error", site->line);
		close(fd);
	}
	/* Requests without end, whose answers are not read. */
	fd = connect_to_broker();
	while (sent < 100000 && !vfiowc_send_request(fd, &request, sizeof(request)))
		sent++;
	print_message("%u requests went out\n", sent);
	assert_true(sent < 1000);
	program_expect(&site->broker, "gone: Disk quota exceeded", site->line);
	close(fd);
	for (i = 0; i < 4; i++)
		program_expect(&site->broker, ": free", site->line);
	use_again(site, 0);
	start_client(site, 1);
	end_client(site, 1);
	end_client(site, 0);
	for (i = 0; i < 50 && fds_of(site->broker.pid) >= before; i++)
		usleep(100000);
	assert_true(fds_of(site->broker.pid) < before); /* the first client's are gone, too */
}

/* More connections than it takes: those that are too many are hung up on, and later ones served. */
static void flood_of_connections_passes(void **state)
{
	struct site *site = *state;
	int fds[40];
	size_t i;

	start_clients(site, 1);
	for (i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		fds[i] = connect_to_broker();
	use_again(site, 0);
	for (i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		close(fds[i]);
	for (i = 0; i < 31; i++)
		program_expect(&site->broker, "gone: Connection reset by peer", site->line);
	start_client(site, 1);
	end_client(site, 1);
	end_client(site, 0);
}

/*
 * Its own slice stays its own until the fence signals, and nobody else waits: neither those who have a slice
 * nor those who come.
 */
static void fence_that_never_signals_delays_the_hostile_clients_slice_only(void **state)
{
	const struct vfiowc_slice_request request = { .length = PAGE, .mem_type = VFIOWC_MEM_WC };
	int fd = connect_to_broker(), importer = importer_open();
	struct vfiowc_mapping *map;
	struct site *site = *state;
	struct vfiowc_buf *slice;
	unsigned int number;

	exporter_param("revoke_timeout_ms", "300");
	assert_int_equal(vfiowc_send_request(fd, &request, sizeof(request)), 0);
	slice = vfiowc_receive_slice(fd, NULL, 0);
	assert_non_null(slice);
	program_expect(&site->broker, "of WC to process", site->line);
	assert_int_equal(sscanf(site->line, "slice %u", &number), 1);
	map = lib_map(slice, PAGE);
	*(volatile int *)vfiowc_map_addr(map) = 1;
	start_clients(site, 1);
	assert_int_equal(importer_attach(importer, vfiowc_buf_fd(slice), NULL, IMPORTER_DYNAMIC), 0);
	assert_int_equal(importer_do(importer, IMPORTER_FENCE), 0);
	close(fd);
	program_expect(&site->broker, "Connection timed out, trying again", site->line);
	assert_true(guest_sigbus_read8(vfiowc_map_addr(map))); /* cut off all the same */
	use_again(site, 0);
	start_client(site, 1);
	assert_int_not_equal(site->slice[1], number);
	end_client(site, 1);
	program_expect(&site->broker, "Connection timed out, trying again", site->line);
	assert_int_equal(importer_do(importer, IMPORTER_FENCE_SIGNAL), 0);
	expect_free(site, number);
	end_client(site, 0);
	importer_close(importer);
	vfiowc_unmap(map);
	assert_int_equal(vfiowc_destroy_buf(slice), 0);
	assert_true(guest_wait_for(exporter_no_dma_buf_left, NULL, 5000));
}

static void client_that_wants_too_much_is_told_why(void **state)
{
	struct site *site = *state;
	char output[512], path[512];

	guest_example("client", path, sizeof(path));
	assert_int_equal(guest_capture(output, sizeof(output), "%s " SOCKET " 65537 wc", path), 1);
	assert_non_null(strstr(output, "slice: Argument list too long"));
	program_expect(&site->broker, "refused: Argument list too long", site->line);
	assert_int_equal(guest_capture(output, sizeof(output), "%s", path), 1);
	assert_non_null(strstr(output, "usage: client SOCKET BYTES nc|wc [RDMADEV]"));
	assert_int_equal(guest_capture(output, sizeof(output), "%s /tmp/no-broker 1 wc", path), 1);
	assert_non_null(strstr(output, "/tmp/no-broker: No such file or directory"));
}

/* It could never give a client's place to another. */
static void broker_does_not_begin_where_it_cannot_revoke(void **state)
{
	struct site *site = *state;
	char output[512], path[512];

	guest_example("broker", path, sizeof(path));
	assert_int_equal(guest_capture(output, sizeof(output), "%s %s 2 " SOCKET " </dev/null", path, site->bdf), 1);
	print_message("%s", output);
	assert_non_null(strstr(output, "this driver cannot revoke one dma-buf"));
	assert_int_equal(access(SOCKET, F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		broker_test(eight_clients_use_their_slices_and_give_them_back),
		broker_test(one_slice_is_revoked_while_seven_clients_go_on),
		broker_test(crashed_client_is_cleaned_up_and_its_place_given_to_another),
		broker_test(broker_that_dies_takes_everything_with_it),
		broker_test(wrong_messages_and_floods_disturb_nobody),
		broker_test(flood_of_connections_passes),
		broker_test(fence_that_never_signals_delays_the_hostile_clients_slice_only),
		broker_test(client_that_wants_too_much_is_told_why),
		cmocka_unit_test_setup_teardown(broker_does_not_begin_where_it_cannot_revoke, setup_stock, teardown),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
