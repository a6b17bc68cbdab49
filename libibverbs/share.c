// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Handing slices over a Unix socket. No locks: a socket keeps messages whole. What a broker
 * sends never waits for the client, since a client may be hostile and not read.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "share.h"
#include "vfiowc_share.h"

/* One fd is wanted; the kernel's rounding makes room for a second, which is then closed. */
#define ROOM_FOR_FDS 2
#define TOO_MANY_FDS UINT_MAX

#ifndef SCM_PIDFD /* glibc before 2.39 */
#define SCM_PIDFD 0x04
#endif

/* A control buffer, aligned as its headers want it. */
union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(ROOM_FOR_FDS * sizeof(int))];
};

static int socket_option(int fd, int option, int *value)
{
	socklen_t len = sizeof(*value);

	return getsockopt(fd, SOL_SOCKET, option, value, &len) ? errno : 0;
}

static int check_socket(int fd)
{
	int domain, type, err;

	err = socket_option(fd, SO_DOMAIN, &domain);
	if (!err)
		err = socket_option(fd, SO_TYPE, &type);
	if (err)
		return err;
	return domain == AF_UNIX && type == SOCK_SEQPACKET ? 0 : EPROTOTYPE;
}

/* @passed: an fd to go along, or -1. */
static int send_message(int socket_fd, const struct share_message *message, int passed, int flags)
{
	struct iovec iov = { (void *)message, sizeof(*message) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control;
	struct cmsghdr *header;
	int err;

	err = check_socket(socket_fd);
	if (err)
		return err;
	if (passed >= 0) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(sizeof(passed));
		header = CMSG_FIRSTHDR(&msg);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(passed));
		memcpy(CMSG_DATA(header), &passed, sizeof(passed));
	}
	return sendmsg(socket_fd, &msg, flags | MSG_NOSIGNAL) < 0 ? errno : 0;
}

/* Of the peer, with every message to a socket with SO_PASSPIDFD: this process has it now, and nobody here wants it. */
static void close_pidfd(const struct cmsghdr *header)
{
	int fd;

	if (header->cmsg_len < CMSG_LEN(sizeof(fd)))
		return;
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	if (fd >= 0) /* else an error of the kernel's */
		close(fd);
}

/* Takes out of @msg the fds that were sent: their number, all of them in @fds. */
static unsigned int take_fds(struct msghdr *msg, int fds[static ROOM_FOR_FDS])
{
	struct cmsghdr *header;
	unsigned int count = 0;

	for (header = CMSG_FIRSTHDR(msg); header; header = CMSG_NXTHDR(msg, header)) {
		size_t bytes = header->cmsg_len - CMSG_LEN(0);

		if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_PIDFD)
			close_pidfd(header);
		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		if (bytes > (ROOM_FOR_FDS - count) * sizeof(int)) /* not from this kernel */
			bytes = (ROOM_FOR_FDS - count) * sizeof(int);
		memcpy(fds + count, CMSG_DATA(header), bytes);
		count += bytes / sizeof(int);
	}
	return count;
}

/*
 * Checks what came: @n bytes and @num_fds fds. Of an fd for which this process had no room, or which a security
 * module kept from it, the kernel tells no more than that something is missing: both are EMFILE. What is
 * malformed even with one fd stays so: a peer cannot pass it off as a shortage.
 */
static int check_received(const struct share_message *message, size_t n, unsigned int num_fds,
			  const struct msghdr *msg)
{
	int err;

	if (!(msg->msg_flags & MSG_CTRUNC))
		return vfiowc_check_message(message, n, num_fds);
	if (num_fds || !msg->msg_control || msg->msg_controllen)
		return vfiowc_check_message(message, n, TOO_MANY_FDS);
	err = vfiowc_check_message(message, n, 1);
	return err ? err : EMFILE;
}

/*
 * Receives and checks one message. @passed: receives the fd of a slice, else -1; NULL: no fd is wanted, and
 * without a place for them none enters this process.
 */
static int receive_message(int socket_fd, struct share_message *message, int *passed)
{
	struct iovec iov = { message, sizeof(*message) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	unsigned int num_fds = 0;
	int fds[ROOM_FOR_FDS], err;
	union control control;
	ssize_t n;

	err = check_socket(socket_fd);
	if (err)
		return err;
	memset(message, 0, sizeof(*message));
	if (passed) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		*passed = -1;
	}
	n = recvmsg(socket_fd, &msg, MSG_CMSG_CLOEXEC | MSG_TRUNC); /* the whole length, read or not */
	if (n < 0)
		return errno;
	if (passed)
		num_fds = take_fds(&msg, fds);
	if (!n && !num_fds)
		err = ECONNRESET;
	else
		err = check_received(message, n, num_fds, &msg);
	if (!err && num_fds) {
		*passed = fds[0];
		return 0;
	}
	while (num_fds)
		close(fds[--num_fds]);
	return err;
}

int vfiowc_send_request(int socket_fd, const struct vfiowc_slice_request *request, uint32_t inlen)
{
	struct share_message message = { .magic = SHARE_MAGIC, .version = SHARE_VERSION,
					 .kind = SHARE_REQUEST };

	if (!vfiowc_input_known(request, sizeof(*request), inlen) || request->comp_mask ||
	    request->reserved)
		return EINVAL;
	message.size = request->length;
	message.mem_type = request->mem_type;
	if (vfiowc_check_message(&message, sizeof(message), 0))
		return EINVAL;
	return send_message(socket_fd, &message, -1, 0);
}

int vfiowc_receive_request(int socket_fd, struct vfiowc_slice_request *request, uint32_t inlen)
{
	struct share_message message;
	int err;

	if (inlen < sizeof(*request))
		return EINVAL;
	memset(request, 0, inlen);
	err = receive_message(socket_fd, &message, NULL);
	if (err)
		return err;
	if (message.kind != SHARE_REQUEST)
		return EPROTO;
	request->length = message.size;
	request->mem_type = message.mem_type;
	return 0;
}

/* What the owner knows of @buf now. */
static int describe(struct vfiowc_buf *buf, struct share_message *message)
{
	struct vfiowc_buf_attr attr;
	int err;

	err = vfiowc_query_buf(buf, &attr, sizeof(attr));
	if (err)
		return err;
	if (attr.state == VFIOWC_BUF_REVOKED)
		return EBADFD;
	message->size = attr.size_bytes;
	message->mem_type = attr.mem_type;
	err = vfiowc_get_tph(buf, &message->tph);
	if (err == EOPNOTSUPP)
		memset(&message->tph, 0, sizeof(message->tph));
	return err == EOPNOTSUPP ? 0 : err;
}

int vfiowc_send_slice(int socket_fd, struct vfiowc_buf *buf)
{
	struct share_message message = { .magic = SHARE_MAGIC, .version = SHARE_VERSION,
					 .kind = SHARE_SLICE };
	int err;

	if (!buf->dev)
		return EOPNOTSUPP;
	err = describe(buf, &message);
	if (err)
		return err;
	return send_message(socket_fd, &message, buf->fd, MSG_DONTWAIT);
}

int vfiowc_refuse_request(int socket_fd, int error)
{
	struct share_message message = { .magic = SHARE_MAGIC, .version = SHARE_VERSION,
					 .kind = SHARE_REFUSAL, .error = error };

	if (vfiowc_check_message(&message, sizeof(message), 0))
		return EINVAL;
	return send_message(socket_fd, &message, -1, MSG_DONTWAIT);
}

/* The object of a slice's @fd, which stays the caller's. */
static struct vfiowc_buf *make_slice(const struct share_message *message, int fd)
{
	struct vfiowc_buf *buf = vfiowc_import(fd, NULL);

	if (!buf) {
		if (errno == EINVAL) /* not a dma-buf */
			errno = EPROTO;
		return NULL;
	}
	if (buf->size != message->size) {
		vfiowc_free_buf(buf);
		errno = EPROTO;
		return NULL;
	}
	buf->type = message->mem_type;
	buf->tph = message->tph;
	return buf;
}

struct vfiowc_buf *vfiowc_receive_slice(int socket_fd, struct vfiowc_slice_attr *attr,
					uint32_t inlen)
{
	struct share_message message;
	struct vfiowc_buf *buf;
	int fd, err;

	err = attr && inlen < sizeof(*attr) ? EINVAL : 0;
	if (!err)
		err = receive_message(socket_fd, &message, &fd);
	if (!err && message.kind == SHARE_REFUSAL)
		err = message.error;
	if (!err && message.kind != SHARE_SLICE)
		err = EPROTO;
	if (err) {
		errno = err;
		return NULL;
	}
	buf = make_slice(&message, fd);
	err = errno;
	close(fd);
	errno = err;
	if (buf && attr) {
		memset(attr, 0, inlen);
		attr->size_bytes = message.size;
		attr->mem_type = message.mem_type;
		attr->tph = message.tph;
	}
	return buf;
}
