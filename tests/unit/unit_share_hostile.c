// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * A peer that sends anything but what it should gets an error, leaves no fd behind, and does not disturb
 * what comes next.
 */
#include "share_fixture.h"

static void malformed_slice_is_refused(void **state)
{
	struct share_message message = good_slice();
	char long_one[64] = {};

	(void)state;
	message_gives(message, 0, EPROTO);
	message_gives(message, 2, EPROTO);
	message_gives(message, 3, EPROTO);
	message_gives(message, 253, EPROTO);
	slice_gives(&message, sizeof(message) - 1, vfiowc_buf_fd(buf), 1, EPROTO);
	slice_gives(&message, 6, vfiowc_buf_fd(buf), 1, EPROTO);
	slice_gives(&message, 1, vfiowc_buf_fd(buf), 1, EPROTO);
	memcpy(long_one, &message, sizeof(message));
	slice_gives(long_one, sizeof(long_one), vfiowc_buf_fd(buf), 1, EPROTO);
	message.magic ^= 1;
	message_gives(message, 1, EPROTO);
	message = good_slice();
	message.kind = 4;
	message_gives(message, 1, EPROTO);
	message = good_slice();
	message.error = 1;
	message_gives(message, 1, EPROTO);
	message = good_slice();
	message.mem_type = VFIOWC_MEM_UNKNOWN;
	message_gives(message, 1, EPROTO);
	message = good_slice();
	message.size = 0;
	message_gives(message, 1, EPROTO);
	message_gives(good_request(), 0, EPROTO);
	message_gives(good_refusal(), 1, EPROTO);
}

static void other_version_is_told_apart_whatever_follows(void **state)
{
	struct share_message message = good_slice();
	char long_one[64] = {};

	(void)state;
	message.version++;
	message.kind = 77;
	message_gives(message, 1, EPROTONOSUPPORT);
	message_gives(message, 0, EPROTONOSUPPORT);
	slice_gives(&message, 6, -1, 0, EPROTONOSUPPORT);
	request_gives(&message, sizeof(message), 0, EPROTONOSUPPORT);
	memcpy(long_one, &message, sizeof(message));
	slice_gives(long_one, sizeof(long_one), -1, 0, EPROTONOSUPPORT);
}

static void tags_are_checked(void **state)
{
	const struct vfiowc_tph bad[] = {
		{ .flags = 4, },
		{ .flags = VFIOWC_TAG_ST, .ph = 4 },
		{ .flags = VFIOWC_TAG_ST, .st_ext = 1 },
		{ .flags = VFIOWC_TAG_ST_EXT, .st = 1 },
		{ .st = 1 },
		{ .st_ext = 1 },
		{ .ph = 1 },
	};
	struct share_message message;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		message = good_slice();
		message.tph = bad[i];
		message_gives(message, 1, EPROTO);
		message = good_refusal();
		message.tph = bad[i];
		message_gives(message, 0, EPROTO);
		message = good_request();
		message.tph = bad[i];
		request_gives(&message, sizeof(message), 0, EPROTO);
	}
}

static void size_that_is_not_the_dma_bufs_is_refused(void **state)
{
	struct share_message message = good_slice();

	(void)state;
	message.size = 5 * FAKE_PAGE;
	message_gives(message, 1, EPROTO);
	message.size = 3 * FAKE_PAGE;
	message_gives(message, 1, EPROTO);
}

static void fd_that_is_no_dma_buf_is_refused(void **state)
{
	struct share_message message = good_slice();

	(void)state;
	slice_gives(&message, sizeof(message), broker, 1, EPROTO);
}

static void malformed_request_is_refused(void **state)
{
	struct share_message message = good_request();
	char long_one[64] = {};

	(void)state;
	request_gives(&message, sizeof(message), 1, EPROTO);
	request_gives(&message, sizeof(message), 253, EPROTO);
	request_gives(&message, sizeof(message) - 1, 0, EPROTO);
	request_gives(long_one, sizeof(long_one), 0, EPROTO);
	message.mem_type = 3;
	request_gives(&message, sizeof(message), 0, EPROTO);
	message = good_request();
	message.size = 0;
	request_gives(&message, sizeof(message), 0, EPROTO);
	message = good_request();
	message.error = 1;
	request_gives(&message, sizeof(message), 0, EPROTO);
	message = good_refusal();
	request_gives(&message, sizeof(message), 0, EPROTO);
	message = good_refusal();
	message.error = SHARE_MAX_ERRNO + 1;
	message_gives(message, 0, EPROTO);
	message = good_refusal();
	message.error = 0;
	message_gives(message, 0, EPROTO);
	message = good_request(); /* and after all that */
	request_gives(&message, sizeof(message), 0, 0);
}

static void flood_of_fds_enters_nobody(void **state)
{
	struct share_message request = good_request(), slice = good_slice();
	int i;

	(void)state;
	for (i = 0; i < 64; i++) {
		request_gives(&request, sizeof(request), 253, EPROTO);
		message_gives(slice, 253, EPROTO);
	}
}

/* The sockets of this test do not wait; a broker's may, and sending must not wait all the same. */
static void client_that_does_not_read_makes_nobody_wait(void **state)
{
	unsigned int i;
	int err = 0;

	(void)state;
	assert_int_equal(fcntl(broker, F_SETFL, 0), 0);
	alarm(30);
	for (i = 0; i < 100000 && !err; i++)
		err = vfiowc_refuse_request(broker, ENOSPC);
	assert_int_equal(err, EAGAIN);
	assert_int_equal(vfiowc_send_slice(broker, buf), EAGAIN);
	alarm(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		share_test(malformed_slice_is_refused),
		share_test(other_version_is_told_apart_whatever_follows),
		share_test(tags_are_checked),
		share_test(size_that_is_not_the_dma_bufs_is_refused),
		share_test(fd_that_is_no_dma_buf_is_refused),
		share_test(malformed_request_is_refused),
		share_test(flood_of_fds_enters_nobody),
		share_test(client_that_does_not_read_makes_nobody_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
