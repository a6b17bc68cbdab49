// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Lives and deaths around a dma-buf: processes that are killed or share it, a module that is to be unloaded,
 * a thread that would like to have the inner dma-buf, an O_PATH fd that outlives the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exporter.h"
#include "exporter_thief.h"
#include "fds_message.h"
#include "importer.h"

/* long_exporter_inner has more. */
#define THEFTS 1000

static void killed_process_leaves_nothing_behind(void **state)
{
	struct exporter *exp = *state;
	int ready[2], status;
	pid_t child;
	char byte;

	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (!child) {
		for (unsigned int i = 0; i < 8; i++) {
			int fd = exporter_export(exp, i % 2, i * MIB, MIB);
			volatile uint8_t *map = exporter_mmap(fd, MIB);

			map[0] = 1;
		}
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_false(exporter_no_dma_buf_left(NULL));
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_true(guest_wait_for(exporter_no_dma_buf_left, NULL, 5000));
	close(ready[0]);
	close(ready[1]);
}

static void send_fd(int sock, int fd)
{
	struct fds_message message;

	assert_int_equal(sendmsg(sock, fds_message(&message, "f", 1, fd, 1), 0), 1);
}

static int receive_fd(int sock)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {};
	char byte;
	struct iovec io = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(sock, &msg, MSG_CMSG_CLOEXEC) != 1)
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

/* A client that has nothing but the dma-buf fd, made before there was one. */
static int client(int sock)
{
	int fd = receive_fd(sock);
	volatile uint8_t *map = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char byte;

	if (map == MAP_FAILED || map[0] != 5)
		return 1;
	map[1] = 6;
	if (write(sock, "m", 1) != 1 || read(sock, &byte, 1) != 1)
		return 2;
	return guest_sigbus_read8(map) ? 0 : 3;
}

static void another_process_uses_and_loses_a_slice(void **state)
{
	struct exporter *exp = *state;
	int sock[2], fd, status;
	volatile uint8_t *map;
	pid_t child;
	char byte;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sock), 0);
	child = fork();
	if (!child) {
		close(exp->vfio.device);
		close(sock[0]);
		_exit(client(sock[1]));
	}
	close(sock[1]);
	fd = exporter_export(exp, VFIOWC_MEMATTR_WC, 0, MIB);
	map = exporter_mmap(fd, MIB);
	map[0] = 5;
	send_fd(sock[0], fd);
	assert_int_equal(read(sock[0], &byte, 1), 1);
	assert_int_equal(map[1], 6);
	assert_int_equal(exporter_revoke(exp, fd), 0);
	assert_int_equal(write(sock[0], "r", 1), 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(sock[0]);
	munmap((void *)map, MIB);
	close(fd);
}

/* guest_rmmod() complains on stderr, which is what is wanted here. */
static void module_in_use_cannot_be_unloaded(void **state)
{
	struct exporter exp;
	int fd;

	(void)state;
	exporter_open(&exp, GUEST_IVSHMEM, EXPORTER_DRIVER);
	assert_int_not_equal(guest_rmmod("vfiowc_pci"), 0); /* device open */
	fd = exporter_export(&exp, VFIOWC_MEMATTR_WC, 0, MIB);
	exporter_close(&exp);
	assert_int_equal(guest_bind(exp.bdf, NULL), 0);
	assert_int_not_equal(guest_rmmod("vfiowc_pci"), 0); /* only a dma-buf open */
	assert_int_equal(access("/sys/module/vfiowc_pci", F_OK), 0);
	close(fd);
	assert_true(guest_wait_for(exporter_no_dma_buf_left, NULL, 5000));
}

static bool unloaded(void *arg)
{
	(void)arg;
	return !guest_rmmod("vfiowc_pci");
}

static void module_unloads_and_loads_again(void **state)
{
	struct exporter exp;
	volatile uint8_t *map;
	int fd;

	(void)state;
	if (guest_run("modinfo vfiowc_pci >/dev/null 2>&1"))
		guest_skip("vfiowc_pci is not installed, so it could not be loaded again");
	exporter_open(&exp, GUEST_IVSHMEM, EXPORTER_DRIVER);
	fd = exporter_export(&exp, VFIOWC_MEMATTR_WC, 0, MIB);
	map = exporter_mmap(fd, MIB);
	map[0] = 1;
	munmap((void *)map, MIB);
	close(fd);
	exporter_close(&exp);
	assert_int_equal(guest_bind(exp.bdf, NULL), 0);
	assert_true(guest_wait_for(unloaded, NULL, 5000));
	assert_int_not_equal(access("/sys/kernel/debug/vfiowc_pci", F_OK), 0);
	assert_int_equal(guest_modprobe("vfiowc_pci"), 0);
	exporter_open(&exp, GUEST_IVSHMEM, EXPORTER_DRIVER);
	close(exporter_export(&exp, VFIOWC_MEMATTR_WC, 0, MIB));
	exporter_close(&exp);
}

static void no_thread_captures_the_inner_dma_buf(void **state)
{
	assert_int_equal(exporter_thief_run(*state, false, THEFTS), 0);
}

/* On vfio-pci every dma-buf is core's own, and the same thief gets them: it knows what it is looking for. */
static void thief_captures_the_dma_bufs_of_stock_vfio(void **state)
{
	struct exporter exp;
	unsigned int inners;

	(void)state;
	exporter_open(&exp, GUEST_IVSHMEM, "vfio-pci");
	inners = exporter_thief_run(&exp, true, THEFTS);
	exporter_close(&exp);
	assert_int_equal(guest_bind(exp.bdf, NULL), 0);
	assert_int_equal(inners, THEFTS);
}

/* The header and our part of EXPORT are there, core's part is in a page that nobody will ever fill. */
static int export_from_missing_page(const struct exporter *exp)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register missing = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	char *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct vfio_device_feature *feature;
	int uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

	missing.range.start = (uintptr_t)pages + PAGE;
	missing.range.len = PAGE;
	if (pages == MAP_FAILED || uffd < 0 || ioctl(uffd, UFFDIO_API, &api) ||
	    ioctl(uffd, UFFDIO_REGISTER, &missing))
		return 77;
	feature = (void *)(pages + PAGE - sizeof(*feature) -
			   offsetof(struct vfiowc_feature_export, dma_buf));
	feature->argsz = sizeof(*feature) + sizeof(struct vfiowc_feature_export) +
			 sizeof(struct vfio_region_dma_range);
	feature->flags = VFIO_DEVICE_FEATURE_GET | VFIOWC_FEATURE_EXPORT;
	ioctl(exp->vfio.device, VFIO_DEVICE_FEATURE, feature);
	return 1;
}

static bool waits_or_has_ended(void *arg)
{
	char path[64], text[512], state = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", *(pid_t *)arg);
	if (!guest_read_file(path, text, sizeof(text)))
		sscanf(strrchr(text, ')'), ") %c", &state);
	return state == 'D' || state == 'Z';
}

static void export_that_waits_for_memory_can_be_killed(void **state)
{
	struct exporter *exp = *state;
	pid_t child = fork();
	int status;

	if (!child)
		_exit(export_from_missing_page(exp));
	assert_true(guest_wait_for(waits_or_has_ended, &child, 20000));
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		guest_skip("no userfaultfd");
	assert_true(WIFSIGNALED(status));
	close(exporter_export(exp, VFIOWC_MEMATTR_NC, 0, PAGE));
}

/* The O_PATH fd keeps the dma-buf alive, but not its file. */
static void o_path_fd_that_outlives_the_file_is_harmless(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_WC, 0, MIB), path_fd;
	char path[64], text[1024] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	path_fd = open(path, O_PATH | O_CLOEXEC);
	assert_return_code(path_fd, errno);
	close(fd);
	for (unsigned int i = 0; i < 50; i++) {
		/* Files of this size class come and go: a stale pointer would hit one of them. */
		close(exporter_export(exp, VFIOWC_MEMATTR_WC, MIB, MIB));
		exporter_decode(exp, false);
		exporter_decode(exp, true);
	}
	assert_int_equal(guest_read_file("/sys/kernel/debug/vfiowc_pci/dma_bufs", text, sizeof(text)), 0);
	assert_non_null(strstr(text, "mappings=0"));
	close(path_fd);
	assert_true(guest_wait_for(exporter_no_dma_buf_left, NULL, 5000));
}

static void *read_list(void *arg)
{
	volatile bool *stop = arg;
	char text[4096];

	while (!*stop)
		assert_int_equal(guest_read_file("/sys/kernel/debug/vfiowc_pci/dma_bufs", text,
						 sizeof(text)), 0);
	return NULL;
}

/* A reader found a dma-buf whose release had begun, and granted it again: close then waited for ever. */
static void list_is_read_while_dma_bufs_close(void **state)
{
	volatile bool stop = false;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, read_list, (void *)&stop), 0);
	for (unsigned int i = 0; i < 1000; i++)
		close(exporter_export(*state, VFIOWC_MEMATTR_NC, 0, PAGE));
	stop = true;
	pthread_join(thread, NULL);
	assert_true(guest_wait_for(exporter_no_dma_buf_left, NULL, 5000));
	exporter_decode(*state, false);
	exporter_decode(*state, true);
}

static void fd_closed_before_its_mapping_lives_on(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_WC, 0, MIB);
	volatile uint8_t *map = exporter_mmap(fd, MIB);

	close(fd);
	map[0] = 9;
	assert_int_equal(map[0], 9);
	exporter_decode(exp, false);
	assert_true(guest_sigbus_read8(map));
	exporter_decode(exp, true);
	assert_int_equal(map[0], 9);
	munmap((void *)map, MIB);
}

static void copy_between_slices_survives_a_revoke(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_WC, 0, MIB), out[2];
	volatile uint8_t *map = exporter_mmap(fd, MIB);
	char buffer[64];

	assert_int_equal(pipe(out), 0);
	map[0] = 'x'; /* the kernel reads from a mapping, faulted in and not */
	assert_int_equal(write(out[1], (void *)map, 1), 1);
	assert_int_equal(write(out[1], (void *)(map + MIB - 8), 8), 8);
	assert_int_equal(read(out[0], buffer, sizeof(buffer)), 9);
	assert_int_equal(buffer[0], 'x');
	assert_int_equal(exporter_revoke(exp, fd), 0);
	assert_int_equal(write(out[1], (void *)map, 1), -1);
	assert_int_equal(errno, EFAULT);
	close(out[0]);
	close(out[1]);
	munmap((void *)map, MIB);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		exporter_test(killed_process_leaves_nothing_behind),
		exporter_test(another_process_uses_and_loses_a_slice),
		guest_test(module_in_use_cannot_be_unloaded),
		guest_test(module_unloads_and_loads_again),
		exporter_test(no_thread_captures_the_inner_dma_buf),
		guest_test(thief_captures_the_dma_bufs_of_stock_vfio),
		exporter_test(export_that_waits_for_memory_can_be_killed),
		exporter_test(o_path_fd_that_outlives_the_file_is_harmless),
		exporter_test(list_is_read_while_dma_bufs_close),
		exporter_test(fd_closed_before_its_mapping_lives_on),
		exporter_test(copy_between_slices_survives_a_revoke),
	};

	return cmocka_run_group_tests_name("exporter_life", tests, NULL, NULL);
}
