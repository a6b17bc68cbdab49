// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * What a process can do that has a slice and nothing else: this program starts itself again as the client of a
 * socket, without the device and, in one role, as an ordinary user.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <infiniband/vfiowc_share.h>

#include "lib_fixture.h"
#include "rdma_fixture.h"
#include "share_program.h"

#define SLICE (64 * KIB)
#define NOBODY 65534

/* ---- the client ------------------------------------------------------------------------------ */

/* A step that went otherwise than it should ends the client, with its line. */
#define must(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			printf("client: line %d: %s (errno %d)\n", __LINE__, #condition, errno);   \
			fflush(stdout);                                                            \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

/* Says where it is, and waits until the test says go on. */
static void step(const char *where)
{
	char line[64];

	printf("client: at %s\n", where);
	fflush(stdout);
	must(fgets(line, sizeof(line), stdin));
}

static struct vfiowc_buf *receive(int socket_fd)
{
	struct vfiowc_slice_attr attr;
	struct vfiowc_buf *slice = vfiowc_receive_slice(socket_fd, &attr, sizeof(attr));

	must(slice);
	must(attr.size_bytes == SLICE && attr.mem_type == VFIOWC_MEM_WC);
	must(attr.tph.flags == VFIOWC_TAG_ST && attr.tph.st == 0x2a);
	return slice;
}

static unsigned int fds_of_vfio(void)
{
	char path[32], target[256];
	unsigned int found = 0;
	ssize_t n;

	for (int fd = 0; fd < 256; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, target, sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = '\0';
		found += !!strstr(target, "vfio");
	}
	return found;
}

/* Every call by which the owner commands, and the ioctl below them on the only fd there is. */
static void command_nothing(struct vfiowc_buf *slice)
{
	const struct vfiowc_tph tph = { .flags = VFIOWC_TAG_ST };
	union {
		struct vfio_device_feature header;
		uint8_t bytes[sizeof(struct vfio_device_feature) + sizeof(struct vfiowc_feature_revoke)];
	} raw = { .header = { .argsz = sizeof(raw), .flags = VFIO_DEVICE_FEATURE_SET |
							     VFIOWC_FEATURE_DMA_BUF_REVOKE } };
	int fd = vfiowc_buf_fd(slice);
	enum vfiowc_mem_type type;

	must(vfiowc_revoke(slice) == EOPNOTSUPP);
	must(vfiowc_set_memattr(slice, VFIOWC_MEM_NC) == EOPNOTSUPP);
	must(vfiowc_get_memattr(slice, &type) == EOPNOTSUPP);
	must(vfiowc_set_tph(slice, &tph) == EOPNOTSUPP);
	must(vfiowc_clear_tph(slice) == EOPNOTSUPP);
	memcpy(raw.header.data, &fd, sizeof(fd));
	must(ioctl(fd, VFIO_DEVICE_FEATURE, &raw) == -1 && errno == ENOTTY);
	must(write(fd, "x", 1) == -1);
	must(ftruncate(fd, 2 * SLICE) == -1);
	must(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, SLICE) == MAP_FAILED && errno == EINVAL);
	must(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED && errno == EINVAL);
}

static void use_by_nic(struct vfiowc_buf *slice)
{
	struct ibv_context *context = rdma_open();
	struct ibv_pd *pd;
	struct ibv_mr *mr;

	must(context);
	pd = ibv_alloc_pd(context);
	must(pd);
	mr = vfiowc_reg_mr(slice, pd, 0, SLICE, 0, IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ);
	must(mr);
	must(!vfiowc_local_delivery(mr, SLICE - 1, NULL));
	must(!vfiowc_end_local_delivery(pd));
	must(!ibv_dereg_mr(mr) && !ibv_dealloc_pd(pd) && !ibv_close_device(context));
}

/* An ordinary user: maps, registers, closes. */
static void role_rights(int socket_fd, const char *device)
{
	struct vfiowc_mapping *map;
	struct vfiowc_buf *slice;

	must(!fds_of_vfio());
	must(!setresgid(NOBODY, NOBODY, NOBODY) && !setresuid(NOBODY, NOBODY, NOBODY));
	slice = receive(socket_fd);
	map = vfiowc_map(slice, 0, SLICE, 0);
	must(map);
	memset(vfiowc_map_addr(map), 0x5a, SLICE);
	vfiowc_wc_flush();
	use_by_nic(slice);
	command_nothing(slice);
	must(!vfiowc_open_device(device) && errno == EACCES);
	must(!vfiowc_unmap(map) && !vfiowc_destroy_buf(slice));
	step("the end");
}

/* The slice under other numbers, in other processes; fd 0 among them. All end with the owner's revoke. */
static void role_copies(int socket_fd, const char *device)
{
	struct vfiowc_buf *slice = receive(socket_fd), *zero;
	volatile uint8_t *byte, *byte_of_zero;
	int fd = dup(vfiowc_buf_fd(slice)), in, status;
	struct vfiowc_mapping *map;
	pid_t child;

	(void)device;
	must(fd > 0);
	must(!vfiowc_destroy_buf(slice)); /* the duplicate is as good */
	slice = vfiowc_import(fd, NULL);
	must(slice);
	map = vfiowc_map(slice, 0, SLICE, 0);
	must(map);
	byte = vfiowc_map_addr(map);
	*byte = 1;

	in = fcntl(0, F_DUPFD_CLOEXEC, 10);
	must(in >= 10 && !close(0));
	zero = vfiowc_import(fd, NULL);
	must(zero && vfiowc_buf_fd(zero) == 0);
	use_by_nic(zero);
	map = vfiowc_map(zero, 0, PAGE, 0);
	must(map);
	byte_of_zero = vfiowc_map_addr(map);
	must(*byte_of_zero == 1);
	must(dup2(in, 0) == 0); /* closes the object's fd: its mapping stays */

	child = fork();
	must(child >= 0);
	if (!child) {
		must(*byte == 1);
		*byte = 2;
		vfiowc_wc_flush();
		step("fork"); /* the test revokes, then lets it go on */
		must(guest_sigbus_read8(byte) && guest_sigbus_write8(byte_of_zero, 3));
		_exit(0);
	}
	must(waitpid(child, &status, 0) == child && status == 0);
	must(guest_sigbus_read8(byte) && guest_sigbus_read8(byte_of_zero));
	slice = vfiowc_import(fd, NULL);
	must(slice);
	must(!vfiowc_map(slice, 0, PAGE, 0) && errno == ENODEV);
	step("the end");
}

/* What exec leaves: nothing, but what the program took the mark from. */
static void role_exec(int socket_fd, const char *device)
{
	struct vfiowc_buf *slice = receive(socket_fd);
	char number[16];

	must(fcntl(vfiowc_buf_fd(slice), F_GETFD) & FD_CLOEXEC);
	snprintf(number, sizeof(number), "%d", dup(vfiowc_buf_fd(slice)));
	execl("/proc/self/exe", "share_client", "--role", "after_exec", number, device, NULL);
	must(false);
}

static void role_after_exec(int fd, const char *device)
{
	struct vfiowc_buf *slice;
	unsigned int dma_bufs = 0;

	(void)device;
	for (int i = 0; i < 64; i++) {
		slice = vfiowc_import(i, NULL);
		dma_bufs += !!slice;
		if (slice)
			must(!vfiowc_destroy_buf(slice));
	}
	must(dma_bufs == 1); /* the duplicate alone */
	slice = vfiowc_import(fd, NULL);
	must(slice && vfiowc_map(slice, 0, SLICE, 0));
	step("the end");
}

/* The file cannot be had again through a path fd, nor does that keep the slice from its end. */
static void role_o_path(int socket_fd, const char *device)
{
	struct vfiowc_buf *slice = receive(socket_fd);
	char path[64];
	int path_fd;

	(void)device;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", vfiowc_buf_fd(slice));
	path_fd = open(path, O_PATH | O_CLOEXEC);
	must(path_fd >= 0);
	must(open(path, O_RDWR) == -1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", path_fd);
	must(open(path, O_RDWR) == -1 && open(path, O_RDONLY) == -1);
	must(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, path_fd, 0) == MAP_FAILED && errno == EBADF);
	must(!vfiowc_import(path_fd, NULL) || !vfiowc_map(vfiowc_import(path_fd, NULL), 0, PAGE, 0));
	must(!vfiowc_destroy_buf(slice));
	step("path");
	must(open(path, O_RDWR) == -1);
	step("the end");
}

static const struct {
	const char *name;
	void (*play)(int fd, const char *device);
} roles[] = {
	{ "after_exec", role_after_exec },
	{ "copies", role_copies },
	{ "exec", role_exec },
	{ "o_path", role_o_path },
	{ "rights", role_rights },
};

static int play(const char *name, int fd, const char *device)
{
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (!strcmp(name, roles[i].name))
			roles[i].play(fd, device);
	return 0;
}

/* ---- the owner ------------------------------------------------------------------------------- */

struct owner {
	struct lib_device *lib;
	struct vfiowc_buf *slice;
	int socket_fd;
	struct program client;
	char line[256];
};

/* Starts the client; its slice is on its way. */
static void owner_start(struct owner *owner, struct lib_device *lib, const char *role)
{
	const struct vfiowc_tph tph = { .flags = VFIOWC_TAG_ST, .st = 0x2a };
	char number[16], self[] = "/proc/self/exe", option[] = "--role";
	int pair[2];

	memset(owner, 0, sizeof(*owner));
	owner->lib = lib;
	owner->slice = lib_export(lib->dev, 0, SLICE, VFIOWC_MEM_WC);
	assert_int_equal(vfiowc_set_tph(owner->slice, &tph), 0);
	assert_return_code(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), errno);
	owner->socket_fd = pair[0];
	snprintf(number, sizeof(number), "%d", pair[1]);
	program_start(&owner->client,
		      (char *[]){ self, option, (char *)role, number, lib->bdf, NULL }, pair[1]);
	close(pair[1]);
	assert_int_equal(vfiowc_send_slice(owner->socket_fd, owner->slice), 0);
}

static void owner_end(struct owner *owner)
{
	program_expect(&owner->client, "at the end", owner->line);
	program_tell(&owner->client, "go on");
	assert_int_equal(program_end(&owner->client), 0);
	close(owner->socket_fd);
	if (owner->slice)
		assert_int_equal(vfiowc_destroy_buf(owner->slice), 0);
}

static void client_can_map_register_close_and_nothing_else(void **state)
{
	struct vfiowc_mapping *map;
	struct owner owner;

	owner_start(&owner, *state, "rights");
	program_expect(&owner.client, "at the end", owner.line);
	map = lib_map(owner.slice, SLICE);
	assert_int_equal(*(volatile uint8_t *)vfiowc_map_addr(map), 0x5a);
	vfiowc_unmap(map);
	assert_int_equal(lib_state(owner.slice), VFIOWC_BUF_LIVE);
	program_tell(&owner.client, "go on");
	assert_int_equal(program_end(&owner.client), 0);
	close(owner.socket_fd);
	assert_int_equal(vfiowc_destroy_buf(owner.slice), 0);
}

static void forks_duplicates_and_fd_0_end_with_the_revoke(void **state)
{
	struct owner owner;

	owner_start(&owner, *state, "copies");
	program_expect(&owner.client, "at fork", owner.line);
	assert_int_equal(vfiowc_revoke(owner.slice), 0);
	program_tell(&owner.client, "go on");
	owner_end(&owner);
}

static void exec_keeps_what_was_meant_to_be_kept(void **state)
{
	struct owner owner;

	owner_start(&owner, *state, "exec");
	owner_end(&owner);
}

static void path_fd_opens_nothing_and_keeps_nothing(void **state)
{
	struct vfiowc_mapping *map;
	struct owner owner;

	owner_start(&owner, *state, "o_path");
	program_expect(&owner.client, "at path", owner.line);
	assert_int_equal(vfiowc_revoke(owner.slice), 0);
	assert_int_equal(vfiowc_destroy_buf(owner.slice), 0);
	owner.slice = lib_export(owner.lib->dev, 0, SLICE, VFIOWC_MEM_WC); /* another's, now */
	map = lib_map(owner.slice, SLICE);
	*(volatile uint8_t *)vfiowc_map_addr(map) = 7;
	program_tell(&owner.client, "go on");
	program_expect(&owner.client, "at the end", owner.line);
	assert_int_equal(*(volatile uint8_t *)vfiowc_map_addr(map), 7);
	vfiowc_unmap(map);
	program_tell(&owner.client, "go on");
	assert_int_equal(program_end(&owner.client), 0);
	close(owner.socket_fd);
	assert_int_equal(vfiowc_destroy_buf(owner.slice), 0);
	assert_true(guest_wait_for(exporter_no_dma_buf_left, NULL, 5000));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		lib_test(client_can_map_register_close_and_nothing_else),
		lib_test(forks_duplicates_and_fd_0_end_with_the_revoke),
		lib_test(exec_keeps_what_was_meant_to_be_kept),
		lib_test(path_fd_opens_nothing_and_keeps_nothing),
	};

	if (argc == 5 && !strcmp(argv[1], "--role"))
		return play(argv[2], atoi(argv[3]), argv[4]);
	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
