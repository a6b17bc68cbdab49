/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/* What the tests of slices over a socket share: a broker's and a client's end of a pair, and peers that send anything. */
#ifndef VFIOWC_TESTS_SHARE_FIXTURE_H
#define VFIOWC_TESTS_SHARE_FIXTURE_H

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fake.h"
#include "fake_wrap.h"
#include "fds_message.h"
#include "share.h"

static struct vfiowc_device *dev;
static struct vfiowc_buf *buf;
static int broker, client; /* the two ends */

static inline int setup(void **state)
{
	int pair[2];

	fake_setup(state);
	dev = fake_open();
	buf = fake_export(dev, 0, 4 * FAKE_PAGE, VFIOWC_MEM_WC);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	broker = pair[0];
	client = pair[1];
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	close(broker);
	close(client);
	assert_int_equal(vfiowc_destroy_buf(buf), 0);
	return vfiowc_close_device(dev);
}

#define share_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static inline unsigned int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static inline struct share_message good_slice(void)
{
	return (struct share_message){ .magic = SHARE_MAGIC, .version = SHARE_VERSION,
				       .kind = SHARE_SLICE, .size = 4 * FAKE_PAGE,
				       .mem_type = VFIOWC_MEM_WC };
}

static inline struct share_message good_request(void)
{
	return (struct share_message){ .magic = SHARE_MAGIC, .version = SHARE_VERSION,
				       .kind = SHARE_REQUEST, .size = FAKE_PAGE };
}

static inline struct share_message good_refusal(void)
{
	return (struct share_message){ .magic = SHARE_MAGIC, .version = SHARE_VERSION,
				       .kind = SHARE_REFUSAL, .error = ENOSPC };
}

/* As a peer that need not speak the protocol: any bytes, any number of the same fd. */
static inline void send_raw(int socket_fd, const void *bytes, size_t len, int fd, unsigned int num_fds)
{
	struct fds_message message;

	assert_int_equal(__real_sendmsg(socket_fd, fds_message(&message, bytes, len, fd, num_fds), MSG_NOSIGNAL), len);
}

/* The client gives @err for what a broker sent so, and has not one fd more than before. */
static inline void slice_gives(const void *bytes, size_t len, int fd, unsigned int num_fds, int err)
{
	unsigned int before = open_fds();

	send_raw(broker, bytes, len, fd, num_fds);
	assert_null_errno(vfiowc_receive_slice(client, NULL, 0), err);
	assert_int_equal(open_fds(), before);
}

static inline void message_gives(struct share_message message, unsigned int num_fds, int err)
{
	slice_gives(&message, sizeof(message), vfiowc_buf_fd(buf), num_fds, err);
}

static inline void request_gives(const void *bytes, size_t len, unsigned int num_fds, int err)
{
	struct vfiowc_slice_request request;
	unsigned int before = open_fds();

	send_raw(client, bytes, len, vfiowc_buf_fd(buf), num_fds);
	assert_int_equal(vfiowc_receive_request(broker, &request, sizeof(request)), err);
	assert_int_equal(open_fds(), before);
}

static inline struct vfiowc_buf *hand_over(struct vfiowc_slice_attr *attr)
{
	struct vfiowc_buf *slice;

	assert_int_equal(vfiowc_send_slice(broker, buf), 0);
	slice = vfiowc_receive_slice(client, attr, sizeof(*attr));
	assert_non_null(slice);
	return slice;
}

#endif
