// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Messages of a hostile peer, over a real socket: the first byte says which side reads and how many fds come
 * along, the second what they are, the rest is the message. Whatever comes, no fd is left over.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "fds_message.h"
#include "fuzz.h"
#include "share.h"
#include "vfiowc_share.h"

#define BYTES 8192
#define MAX_FDS 4

int __real_fstatfs(int fd, struct statfs *fs);
int __wrap_fstatfs(int fd, struct statfs *fs);

/* A memfd is a dma-buf here, anything else is not. */
int __wrap_fstatfs(int fd, struct statfs *fs)
{
	struct stat st;
	int ret = __real_fstatfs(fd, fs);

	if (!ret && !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size == BYTES)
		fs->f_type = DMA_BUF_MAGIC;
	return ret;
}

static int ends[2], dma_buf;

static void set_up(void)
{
	if (dma_buf)
		return;
	dma_buf = memfd_create("dma-buf", MFD_CLOEXEC);
	must(dma_buf > 0 && !ftruncate(dma_buf, BYTES));
	must(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends));
}

static void send_input(const uint8_t *data, size_t size, unsigned int num_fds, int fd)
{
	struct fds_message message;

	must(sendmsg(ends[0], fds_message(&message, data, size, fd, num_fds), MSG_NOSIGNAL) == (ssize_t)size);
}

/* The lowest free fd: the same before and after when nothing is left over below it. */
static int lowest_fd(void)
{
	int fd = dup(dma_buf);

	must(fd >= 0 && !close(fd));
	return fd;
}

static void as_client(unsigned int num_fds, bool is_dma_buf)
{
	struct vfiowc_slice_attr attr;
	struct vfiowc_buf *slice = vfiowc_receive_slice(ends[1], &attr, sizeof(attr));

	must(slice || errno);
	if (!slice)
		return;
	must(num_fds == 1 && is_dma_buf && attr.size_bytes == BYTES);
	must(attr.mem_type <= VFIOWC_MEM_NATURAL);
	must(attr.tph.ph <= 3 && attr.tph.flags <= 3);
	must(!vfiowc_destroy_buf(slice));
}

static void as_broker(unsigned int num_fds)
{
	struct vfiowc_slice_request request;
	int err = vfiowc_receive_request(ends[1], &request, sizeof(request));

	must(err == 0 || err == EPROTO || err == EPROTONOSUPPORT || err == ECONNRESET);
	must(err || (!num_fds && request.length && request.mem_type <= VFIOWC_MEM_NATURAL));
	must(err == 0 || !request.length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int num_fds;
	int before;

	if (size < 2 || size > 4096)
		return 0;
	set_up();
	num_fds = data[0] % (MAX_FDS + 1);
	before = lowest_fd();
	send_input(data + 2, size - 2, num_fds, data[1] & 1 ? dma_buf : ends[0]);
	if (data[0] & 0x80)
		as_broker(num_fds);
	else
		as_client(num_fds, data[1] & 1);
	must(lowest_fd() == before);
	return 0;
}
