/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/* A message for sendmsg(2) of any bytes, with the same fd any number of times: what tests of sockets send. */
#ifndef VFIOWC_TESTS_FDS_MESSAGE_H
#define VFIOWC_TESTS_FDS_MESSAGE_H

#include <string.h>
#include <sys/socket.h>

/* The kernel passes no more in one message. */
#define FDS_MESSAGE_MAX 253

struct fds_message {
	struct iovec iov;
	struct msghdr msg;
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(FDS_MESSAGE_MAX * sizeof(int))];
	} control; /* last: the header ends in an array of no length */
};

/** fds_message() - fill in @message, which must live as long as what is returned: the argument of sendmsg(2). */
static inline const struct msghdr *fds_message(struct fds_message *message, const void *bytes, size_t len, int fd,
					       unsigned int num_fds)
{
	struct cmsghdr *header = &message->control.header;

	memset(message, 0, sizeof(*message));
	message->iov = (struct iovec){ (void *)bytes, len };
	message->msg.msg_iov = &message->iov;
	message->msg.msg_iovlen = 1;
	if (!num_fds)
		return &message->msg;
	message->msg.msg_control = &message->control;
	message->msg.msg_controllen = CMSG_SPACE(num_fds * sizeof(int));
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(num_fds * sizeof(int));
	for (unsigned int i = 0; i < num_fds; i++)
		memcpy(CMSG_DATA(header) + i * sizeof(int), &fd, sizeof(fd));
	return &message->msg;
}

#endif
