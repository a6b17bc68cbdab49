// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * client SOCKET BYTES nc|wc [RDMADEV]: gets a slice from a broker, maps it, registers it with RDMADEV, and uses it
 * at once and again for each line on stdin. Exit status 3: the broker took the slice back.
 */
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <infiniband/vfiowc_order.h>
#include <infiniband/vfiowc_share.h>

#define REVOKED 3

static void *got(const char *what, void *object)
{
	if (!object)
		err(1, "%s", what);
	return object;
}

/* A load or store to a slice that is revoked; a real program would go on without it. */
static void on_sigbus(int signal)
{
	static const char text[] = "client: the slice was revoked\n";

	(void)signal;
	_exit(write(STDOUT_FILENO, text, sizeof(text) - 1) > 0 ? REVOKED : 1);
}

static struct vfiowc_buf *ask(const char *path, struct vfiowc_slice_request *request,
			      struct vfiowc_slice_attr *attr)
{
	int broker = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int error;

	if (strlen(path) >= sizeof(at.sun_path))
		errx(1, "%s: longer than a socket's name can be", path);
	strcpy(at.sun_path, path);
	if (broker < 0 || connect(broker, (struct sockaddr *)&at, sizeof(at)))
		err(1, "%s", path);
	error = vfiowc_send_request(broker, request, sizeof(*request));
	if (error)
		errx(1, "request: %s", strerror(error));
	/* The socket stays open: the broker takes the slice back when it closes. */
	return got("slice", vfiowc_receive_slice(broker, attr, sizeof(*attr)));
}

static struct ibv_context *open_rdma(const char *name)
{
	struct ibv_device **list = got("ibv_get_device_list", ibv_get_device_list(NULL));

	while (*list && strcmp(ibv_get_device_name(*list), name))
		list++;
	if (!*list)
		errx(1, "%s: no such RDMA device", name);
	return got(name, ibv_open_device(*list));
}

/* Stores to the slice, flushed (O2), and loads back what this process alone may store there. */
static void use_by_cpu(volatile uint64_t *words, uint64_t count, uint64_t value)
{
	uint64_t i;

	for (i = 0; i < count; i++)
		words[i] = value + i;
	vfiowc_wc_flush();
	for (i = 0; i < count; i++)
		if (words[i] != value + i)
			errx(1, "word %llu holds another's value", (unsigned long long)i);
}

/* The NIC reads a byte of the slice (what waits for that is meant for O5t). */
static void use_by_nic(struct ibv_mr *mr)
{
	int error = vfiowc_local_delivery(mr, 0, NULL);

	if (error == ENODEV) {
		puts("client: the slice was revoked");
		exit(REVOKED);
	}
	if (error)
		errx(1, "read by the RDMA device: %s", strerror(error));
}

int main(int argc, char **argv)
{
	struct vfiowc_slice_request request = { 0 };
	struct vfiowc_slice_attr attr;
	struct ibv_mr *mr = NULL;
	struct vfiowc_buf *slice;
	uint64_t round = 0;
	char line[64];

	if (argc < 4 || argc > 5 || (strcmp(argv[3], "nc") && strcmp(argv[3], "wc")))
		errx(1, "usage: client SOCKET BYTES nc|wc [RDMADEV]");
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGBUS, on_sigbus);
	request.length = strtoull(argv[2], NULL, 0);
	request.mem_type = strcmp(argv[3], "wc") ? VFIOWC_MEM_NC : VFIOWC_MEM_WC;
	slice = ask(argv[1], &request, &attr);
	uint64_t *words = vfiowc_map_addr(got("map", vfiowc_map(slice, 0, attr.size_bytes, 0)));
	if (argc == 5) {
		struct ibv_pd *pd = got("PD", ibv_alloc_pd(open_rdma(argv[4])));

		mr = got("MR", vfiowc_reg_mr(slice, pd, 0, attr.size_bytes, 0,
					     IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ));
	}
	printf("client: %llu bytes of %s\n", (unsigned long long)attr.size_bytes,
	       attr.mem_type == VFIOWC_MEM_WC ? "WC" : "NC");
	do {
		use_by_cpu(words, attr.size_bytes / sizeof(*words), (uint64_t)getpid() << 32 | round << 16);
		if (mr)
			use_by_nic(mr);
		printf("client: used %llu\n", (unsigned long long)round++);
	} while (fgets(line, sizeof(line), stdin));
	puts("client: ok");
	return 0; /* the kernel closes it all, and the broker takes the slice back */
}
