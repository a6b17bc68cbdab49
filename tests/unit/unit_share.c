// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Slices over a socket pair: what arrives is what was sent, and what goes wrong leaves nothing behind. */
#include <sys/resource.h>
#include "share_fixture.h"

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#endif

static void request_arrives_as_it_was_sent(void **state)
{
	const struct vfiowc_slice_request sent = { .length = 0x123456789, .mem_type = VFIOWC_MEM_WC };
	struct {
		struct vfiowc_slice_request request;
		uint64_t newer;
	} got = { .newer = 1 };

	(void)state;
	assert_int_equal(vfiowc_send_request(client, &sent, sizeof(sent)), 0);
	assert_int_equal(vfiowc_receive_request(broker, &got.request, sizeof(got)), 0);
	assert_memory_equal(&got.request, &sent, sizeof(sent));
	assert_int_equal(got.newer, 0);
	assert_int_equal(vfiowc_receive_request(broker, &got.request, sizeof(got)), EAGAIN);
}

static void slice_arrives_with_size_type_and_tags(void **state)
{
	const struct vfiowc_tph tph = { .flags = VFIOWC_TAG_ST | VFIOWC_TAG_ST_EXT, .st_ext = 0x1234,
					.st = 0x56, .ph = 3 };
	struct vfiowc_slice_attr attr;
	struct vfiowc_buf_attr known;
	struct vfiowc_buf *slice;
	struct stat a, b;

	(void)state;
	assert_int_equal(vfiowc_set_tph(buf, &tph), 0);
	slice = hand_over(&attr);
	assert_int_equal(attr.comp_mask, 0);
	assert_int_equal(attr.size_bytes, 4 * FAKE_PAGE);
	assert_int_equal(attr.mem_type, VFIOWC_MEM_WC);
	assert_memory_equal(&attr.tph, &tph, sizeof(tph));
	assert_int_equal(fstat(vfiowc_buf_fd(buf), &a) || fstat(vfiowc_buf_fd(slice), &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	assert_true(fcntl(vfiowc_buf_fd(slice), F_GETFD) & FD_CLOEXEC);
	assert_int_equal(vfiowc_query_buf(slice, &known, sizeof(known)), 0);
	assert_int_equal(known.mem_type, VFIOWC_MEM_WC);
	assert_int_equal(known.imported, 1);
	assert_int_equal(vfiowc_destroy_buf(slice), 0);
}

static void tags_are_those_of_now_and_may_be_none(void **state)
{
	const struct vfiowc_tph tph = { .flags = VFIOWC_TAG_ST, .st = 0x56 };
	struct vfiowc_slice_attr attr;

	(void)state;
	assert_int_equal(vfiowc_set_tph(buf, &tph), 0);
	assert_int_equal(vfiowc_clear_tph(buf), 0);
	vfiowc_destroy_buf(hand_over(&attr));
	assert_int_equal(attr.tph.flags, 0);
	vfiowc_destroy_buf(buf);
	vfiowc_close_device(dev);
	fake.driver = FAKE_STOCK;
	dev = fake_open();
	buf = fake_export(dev, 0, 4 * FAKE_PAGE, VFIOWC_MEM_NC);
	vfiowc_destroy_buf(hand_over(&attr));
	assert_int_equal(attr.tph.flags, 0);
	assert_int_equal(attr.mem_type, VFIOWC_MEM_NC);
}

static void received_slice_obeys_no_command(void **state)
{
	const struct vfiowc_tph tph = { .flags = VFIOWC_TAG_ST };
	struct vfiowc_slice_attr attr;
	struct vfiowc_buf *slice = hand_over(&attr);
	enum vfiowc_mem_type type;
	struct vfiowc_tph read;

	(void)state;
	assert_int_equal(vfiowc_revoke(slice), EOPNOTSUPP);
	assert_int_equal(vfiowc_set_memattr(slice, VFIOWC_MEM_NC), EOPNOTSUPP);
	assert_int_equal(vfiowc_get_memattr(slice, &type), EOPNOTSUPP);
	assert_int_equal(vfiowc_set_tph(slice, &tph), EOPNOTSUPP);
	assert_int_equal(vfiowc_get_tph(slice, &read), EOPNOTSUPP);
	assert_int_equal(vfiowc_send_slice(client, slice), EOPNOTSUPP);
	assert_int_equal(vfiowc_destroy_buf(slice), 0);
}

static void refusal_is_the_errno_of_the_client(void **state)
{
	(void)state;
	assert_int_equal(vfiowc_refuse_request(broker, ENOSPC), 0);
	assert_null_errno(vfiowc_receive_slice(client, NULL, 0), ENOSPC);
	assert_int_equal(vfiowc_refuse_request(broker, 0), EINVAL);
	assert_int_equal(vfiowc_refuse_request(broker, -ENOSPC), EINVAL);
	assert_int_equal(vfiowc_refuse_request(broker, 4096), EINVAL);
	assert_null_errno(vfiowc_receive_slice(client, NULL, 0), EAGAIN);
}

static void revoked_slice_is_not_handed_over(void **state)
{
	(void)state;
	assert_int_equal(vfiowc_revoke(buf), 0);
	assert_int_equal(vfiowc_send_slice(broker, buf), EBADFD);
	assert_null_errno(vfiowc_receive_slice(client, NULL, 0), EAGAIN);
}

static void malformed_arguments_are_refused(void **state)
{
	struct {
		struct vfiowc_slice_request request;
		uint64_t newer;
	} in = { .request.length = 1 };
	struct vfiowc_slice_attr attr;

	(void)state;
	assert_int_equal(vfiowc_send_request(client, &in.request, sizeof(in)), 0);
	in.newer = 1;
	assert_int_equal(vfiowc_send_request(client, &in.request, sizeof(in)), EINVAL);
	assert_int_equal(vfiowc_send_request(client, &in.request, sizeof(in.request) - 1), EINVAL);
	in.newer = 0;
	in.request.mem_type = VFIOWC_MEM_UNKNOWN;
	assert_int_equal(vfiowc_send_request(client, &in.request, sizeof(in)), EINVAL);
	in.request.mem_type = 0;
	in.request.length = 0;
	assert_int_equal(vfiowc_send_request(client, &in.request, sizeof(in)), EINVAL);
	in.request.length = 1;
	in.request.reserved = 1;
	assert_int_equal(vfiowc_send_request(client, &in.request, sizeof(in)), EINVAL);
	assert_int_equal(vfiowc_receive_request(broker, &in.request, sizeof(in.request) - 1), EINVAL);
	assert_null_errno(vfiowc_receive_slice(client, &attr, sizeof(attr) - 1), EINVAL);
}

static void only_a_socket_that_keeps_messages_whole_is_taken(void **state)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM };
	struct vfiowc_slice_request request;
	int pair[2];
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		request = (struct vfiowc_slice_request){ .length = 1 };
		assert_int_equal(socketpair(AF_UNIX, types[i], 0, pair), 0);
		assert_int_equal(vfiowc_send_slice(pair[0], buf), EPROTOTYPE);
		assert_int_equal(vfiowc_send_request(pair[0], &request, sizeof(request)), EPROTOTYPE);
		assert_int_equal(vfiowc_receive_request(pair[0], &request, sizeof(request)), EPROTOTYPE);
		assert_null_errno(vfiowc_receive_slice(pair[1], NULL, 0), EPROTOTYPE);
		close(pair[0]);
		close(pair[1]);
	}
	assert_int_equal(vfiowc_refuse_request(vfiowc_buf_fd(buf), 1), ENOTSOCK);
	assert_int_equal(vfiowc_refuse_request(-1, 1), EBADF);
}

static void peer_that_is_gone_is_seen(void **state)
{
	struct vfiowc_slice_request request = { .length = 1 };

	(void)state;
	shutdown(client, SHUT_RDWR);
	assert_int_equal(vfiowc_receive_request(broker, &request, sizeof(request)), ECONNRESET);
	assert_int_equal(vfiowc_send_slice(broker, buf), EPIPE);
	assert_null_errno(vfiowc_receive_slice(client, NULL, 0), ECONNRESET);
}

static void fd_0_is_a_valid_socket_and_a_valid_slice(void **state)
{
	struct vfiowc_slice_attr attr;
	struct vfiowc_buf *slice;
	int saved = dup(0);

	(void)state;
	close(0);
	assert_int_equal(vfiowc_send_slice(broker, buf), 0);
	assert_int_equal(fcntl(client, F_DUPFD, 0), 0); /* the socket becomes fd 0 */
	slice = vfiowc_receive_slice(0, &attr, sizeof(attr));
	assert_non_null(slice);
	assert_int_equal(vfiowc_destroy_buf(slice), 0);
	close(0);
	slice = hand_over(&attr); /* the fd that arrives becomes fd 0, its duplicate another */
	assert_int_equal(vfiowc_destroy_buf(slice), 0);
	assert_int_equal(fcntl(0, F_GETFD), -1);
	assert_int_equal(dup2(saved, 0), 0);
	close(saved);
}

/* The lowest number that an fd would get now is the limit of this process; receives what is there. */
static int received_without_room_for_an_fd(void)
{
	struct rlimit limit, none;
	int next = dup(client), err;

	assert_true(next >= 0);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){ .rlim_cur = next, .rlim_max = limit.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	errno = 0;
	err = vfiowc_receive_slice(client, NULL, 0) ? 0 : errno;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	return err;
}

static void process_without_room_for_the_fd_is_told_so(void **state)
{
	struct share_message bad = good_slice(), refusal = good_refusal();
	struct vfiowc_slice_attr attr;

	(void)state;
	assert_int_equal(vfiowc_send_slice(broker, buf), 0);
	assert_int_equal(received_without_room_for_an_fd(), EMFILE);
	/* not what the peer has done wrong */
	bad.mem_type = VFIOWC_MEM_UNKNOWN;
	send_raw(broker, &bad, sizeof(bad), vfiowc_buf_fd(buf), 1);
	assert_int_equal(received_without_room_for_an_fd(), EPROTO);
	send_raw(broker, &refusal, sizeof(refusal), vfiowc_buf_fd(buf), 1);
	assert_int_equal(received_without_room_for_an_fd(), EPROTO);
	/* nor what needs no room */
	send_raw(broker, &refusal, sizeof(refusal), -1, 0);
	assert_int_equal(received_without_room_for_an_fd(), ENOSPC);
	assert_int_equal(vfiowc_destroy_buf(hand_over(&attr)), 0);
}

/* The kernel adds it to each message: to a refusal, and to a slice, where there is no room for it. */
static void pidfd_of_the_broker_is_not_kept(void **state)
{
	struct vfiowc_slice_attr attr;
	unsigned int before;
	int value = 1;

	(void)state;
	if (setsockopt(client, SOL_SOCKET, SO_PASSPIDFD, &value, sizeof(value))) {
		print_message("skipped: this kernel does not know SO_PASSPIDFD\n");
		skip();
	}
	before = open_fds();
	assert_int_equal(vfiowc_refuse_request(broker, ENOSPC), 0);
	assert_null_errno(vfiowc_receive_slice(client, NULL, 0), ENOSPC);
	assert_int_equal(open_fds(), before);
	assert_int_equal(vfiowc_send_slice(broker, buf), 0);
	assert_null_errno(vfiowc_receive_slice(client, NULL, 0), EPROTO);
	assert_int_equal(open_fds(), before);
	value = 0;
	assert_int_equal(setsockopt(client, SOL_SOCKET, SO_PASSPIDFD, &value, sizeof(value)), 0);
	assert_int_equal(vfiowc_destroy_buf(hand_over(&attr)), 0);
}

static void slice_with_credentials_added_to_it_is_refused(void **state)
{
	struct vfiowc_slice_attr attr;
	unsigned int before = open_fds();
	int value = 1;

	(void)state;
	assert_int_equal(setsockopt(client, SOL_SOCKET, SO_PASSCRED, &value, sizeof(value)), 0);
	assert_int_equal(vfiowc_send_slice(broker, buf), 0);
	assert_null_errno(vfiowc_receive_slice(client, NULL, 0), EPROTO);
	assert_int_equal(open_fds(), before);
	value = 0;
	assert_int_equal(setsockopt(client, SOL_SOCKET, SO_PASSCRED, &value, sizeof(value)), 0);
	assert_int_equal(vfiowc_destroy_buf(hand_over(&attr)), 0);
}

/* Each system call and allocation below failing once: the fd that has come is not kept. */
static void failures_leave_nothing_behind(void **state)
{
	struct vfiowc_slice_attr attr;
	struct vfiowc_buf *slice;
	unsigned int before;
	int n;

	(void)state;
	for (n = 1;; n++) {
		assert_int_equal(vfiowc_send_slice(broker, buf), 0);
		before = open_fds();
		fake.fail_nth = n;
		slice = vfiowc_receive_slice(client, &attr, sizeof(attr));
		if (fake.fail_nth)
			break;
		assert_null(slice);
		assert_int_equal(errno, fake_nth_errno(fake.failed));
		assert_int_equal(open_fds(), before);
		if (fake.failed == FAKE_RECVMSG) /* it is still there */
			vfiowc_destroy_buf(vfiowc_receive_slice(client, NULL, 0));
	}
	fake.fail_nth = 0;
	assert_true(n > 4);
	assert_int_equal(vfiowc_destroy_buf(slice), 0);
	fake.fail[FAKE_SENDMSG] = ETOOMANYREFS;
	assert_int_equal(vfiowc_send_slice(broker, buf), ETOOMANYREFS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		share_test(request_arrives_as_it_was_sent),
		share_test(slice_arrives_with_size_type_and_tags),
		share_test(tags_are_those_of_now_and_may_be_none),
		share_test(received_slice_obeys_no_command),
		share_test(refusal_is_the_errno_of_the_client),
		share_test(revoked_slice_is_not_handed_over),
		share_test(malformed_arguments_are_refused),
		share_test(only_a_socket_that_keeps_messages_whole_is_taken),
		share_test(peer_that_is_gone_is_seen),
		share_test(fd_0_is_a_valid_socket_and_a_valid_slice),
		share_test(process_without_room_for_the_fd_is_told_so),
		share_test(pidfd_of_the_broker_is_not_kept),
		share_test(slice_with_credentials_added_to_it_is_refused),
		share_test(failures_leave_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
