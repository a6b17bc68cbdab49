// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * broker BDF BAR SOCKET: owns a device and hands slices of a BAR to whoever may connect to SOCKET. A slice is
 * taken back when its client hangs up or dies, or by the line "revoke N" on stdin; what happens is told on stdout.
 *
 * A thread for each client: one that makes its revoke wait (a fence that never signals) delays its own only.
 */
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <infiniband/vfiowc_share.h>

#define SLICE 65536 /* bytes; a slice is no longer, and begins at a multiple of it */
#define SLICES 64
#define PER_CLIENT 4
#define CLIENTS 32

static struct slice {
	pthread_mutex_t lock; /* held while it is taken back, which may wait */
	struct vfiowc_buf *buf; /* NULL: free */
} slices[SLICES];

static struct vfiowc_device *dev;
static unsigned int bar, num_slices;
static int num_clients; /* atomic */

static void *got(const char *what, void *object)
{
	if (!object)
		err(1, "%s", what);
	return object;
}

/* O9: with 0, nobody reaches the slice any more. Its place stays the client's. */
static int cut_off(struct slice *slice)
{
	int error = 0;

	pthread_mutex_lock(&slice->lock);
	while (slice->buf && ((error = vfiowc_revoke(slice->buf)) == ETIMEDOUT || error == EINTR))
		printf("slice %td: %s, trying again\n", slice - slices, strerror(error));
	if (slice->buf && !error)
		printf("slice %td: revoked\n", slice - slices);
	if (error == EBADFD) /* it was already */
		error = 0;
	if (error)
		printf("slice %td: not revoked: %s\n", slice - slices, strerror(error));
	pthread_mutex_unlock(&slice->lock);
	return error;
}

/* And now the place may be another's, but never one that a client may still reach. */
static void take_back(struct slice *slice)
{
	if (cut_off(slice))
		return;
	pthread_mutex_lock(&slice->lock);
	vfiowc_destroy_buf(slice->buf);
	slice->buf = NULL;
	pthread_mutex_unlock(&slice->lock);
	printf("slice %td: free\n", slice - slices);
}

static struct slice *take_free(const struct vfiowc_slice_request *request)
{
	const enum vfiowc_mem_type type = request->mem_type;
	struct vfiowc_export_attr attr = { .bar = bar, .length = (request->length + 4095) & ~4095ULL,
					   .types = &type, .num_types = 1 };
	unsigned int i;

	for (i = 0; i < num_slices; i++) {
		if (pthread_mutex_trylock(&slices[i].lock))
			continue;
		if (!slices[i].buf) {
			attr.offset = (uint64_t)i * SLICE;
			slices[i].buf = vfiowc_export(dev, &attr, sizeof(attr));
			pthread_mutex_unlock(&slices[i].lock);
			return slices[i].buf ? &slices[i] : NULL;
		}
		pthread_mutex_unlock(&slices[i].lock);
	}
	errno = ENOSPC;
	return NULL;
}

/* The slice that @request got, or NULL: refused. */
static struct slice *hand_out(int client, pid_t pid, const struct vfiowc_slice_request *request)
{
	struct slice *slice = NULL;
	int error = E2BIG;

	if (request->length <= SLICE) {
		slice = take_free(request);
		error = errno;
	}
	if (slice) {
		printf("slice %td: %llu bytes of %s to process %d\n", slice - slices,
		       (unsigned long long)request->length, request->mem_type ? "WC" : "NC", pid);
		error = vfiowc_send_slice(client, slice->buf);
		if (!error)
			return slice;
		take_back(slice);
	}
	printf("process %d: refused: %s\n", pid, strerror(error));
	if (vfiowc_refuse_request(client, error))
		shutdown(client, SHUT_RDWR); /* it does not read its answers */
	return NULL;
}

static void *serve(void *arg)
{
	int client = (intptr_t)arg, error;
	struct slice *mine[PER_CLIENT];
	struct vfiowc_slice_request request;
	struct ucred peer = {};
	socklen_t len = sizeof(peer);
	unsigned int num = 0;

	getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &len);
	while (!(error = vfiowc_receive_request(client, &request, sizeof(request)))) {
		if (num == PER_CLIENT) {
			error = EDQUOT;
			break;
		}
		mine[num] = hand_out(client, peer.pid, &request);
		num += !!mine[num];
	}
	printf("process %d: gone: %s\n", peer.pid, strerror(error));
	shutdown(client, SHUT_RDWR); /* before its slices are taken back, which may wait */
	while (num)
		take_back(mine[--num]);
	close(client);
	__atomic_sub_fetch(&num_clients, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void *accept_clients(void *arg)
{
	int client, listener = (intptr_t)arg;
	pthread_t thread;

	for (;;) {
		client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (client < 0)
			continue;
		if (__atomic_add_fetch(&num_clients, 1, __ATOMIC_RELAXED) <= CLIENTS &&
		    !pthread_create(&thread, NULL, serve, (void *)(intptr_t)client)) {
			pthread_detach(thread);
			continue;
		}
		__atomic_sub_fetch(&num_clients, 1, __ATOMIC_RELAXED);
		close(client);
	}
	return NULL;
}

static int listen_at(const char *path)
{
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(at.sun_path))
		errx(1, "%s: longer than a socket's name can be", path);
	strcpy(at.sun_path, path);
	if (listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 16))
		err(1, "%s", path);
	return listener;
}

int main(int argc, char **argv)
{
	struct vfiowc_device_attr attr;
	const char *missing;
	pthread_t thread;
	char line[64];
	unsigned int i;

	if (argc != 4)
		errx(1, "usage: broker BDF BAR SOCKET");
	setvbuf(stdout, NULL, _IOLBF, 0);
	dev = got(argv[1], vfiowc_open_device(argv[1]));
	missing = vfiowc_explain_cap(dev, VFIOWC_CAP_REVOKE);
	if (missing)
		errx(1, "%s: %s", argv[1], missing);
	bar = atoi(argv[2]);
	if (vfiowc_query_device(dev, &attr, sizeof(attr)) || bar >= VFIOWC_NUM_BARS)
		errx(1, "%s: cannot be queried, or has no BAR %u", argv[1], bar);
	num_slices = attr.bars[bar].size_bytes / SLICE;
	if (num_slices > SLICES)
		num_slices = SLICES;
	for (i = 0; i < num_slices; i++)
		pthread_mutex_init(&slices[i].lock, NULL);
	errno = pthread_create(&thread, NULL, accept_clients, (void *)(intptr_t)listen_at(argv[3]));
	if (errno)
		err(1, "thread");
	printf("broker: %u slices\n", num_slices);
	while (fgets(line, sizeof(line), stdin))
		if (sscanf(line, "revoke %u", &i) == 1 && i < num_slices)
			cut_off(&slices[i]);
	unlink(argv[3]);
	return 0; /* the device is closed: every slice is revoked for good */
}
