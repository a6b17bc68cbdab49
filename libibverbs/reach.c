// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* vfiowc_check_p2p(): the subjects in their order, the verdict of them all, and reading of sysfs. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "reach.h"

#define CAP_IPC_LOCK_BIT 14 /* <linux/capability.h> */

#define FORMAT_PATH(reach, path, fmt)                                                              \
	do {                                                                                       \
		va_list ap_;                                                                       \
		int n_ = snprintf(path, sizeof(path), "%s", (reach)->root);                        \
		va_start(ap_, fmt);                                                                \
		vsnprintf((path) + n_, sizeof(path) - n_, fmt, ap_);                               \
		va_end(ap_);                                                                       \
	} while (0)

ssize_t vfiowc_reach_read(const struct reach *reach, char *text, size_t len, const char *fmt, ...)
{
	char path[PATH_MAX];
	ssize_t n;
	int fd;

	FORMAT_PATH(reach, path, fmt);
	text[0] = '\0';
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, text, len - 1);
	close(fd);
	if (n < 0)
		return -1;
	if (n > 0 && text[n - 1] == '\n')
		n--;
	text[n] = '\0';
	return n;
}

bool vfiowc_reach_link(const struct reach *reach, char *name, size_t len, const char *fmt, ...)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *last;
	ssize_t n;

	FORMAT_PATH(reach, path, fmt);
	name[0] = '\0';
	n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0)
		return false;
	target[n] = '\0';
	last = strrchr(target, '/');
	snprintf(name, len, "%.*s", (int)len - 1, last ? last + 1 : target);
	return true;
}

void vfiowc_reach_say(struct reach *reach, enum vfiowc_p2p_subject subject,
		      enum vfiowc_p2p_verdict write, enum vfiowc_p2p_verdict read,
		      const char *remedy, const char *fmt, ...)
{
	struct vfiowc_p2p_finding *finding;
	va_list ap;

	if (reach->attr->num_findings == VFIOWC_P2P_FINDINGS)
		return;
	finding = &reach->attr->findings[reach->attr->num_findings++];
	finding->subject = subject;
	finding->write = write;
	finding->read = read;
	snprintf(finding->remedy, sizeof(finding->remedy), "%s", remedy);
	va_start(ap, fmt);
	vsnprintf(finding->text, sizeof(finding->text), fmt, ap);
	va_end(ap);
}

/* NO before UNKNOWN before YES. */
static uint32_t worse(uint32_t a, uint32_t b)
{
	if (a == VFIOWC_P2P_NO || b == VFIOWC_P2P_NO)
		return VFIOWC_P2P_NO;
	if (a == VFIOWC_P2P_UNKNOWN || b == VFIOWC_P2P_UNKNOWN)
		return VFIOWC_P2P_UNKNOWN;
	return VFIOWC_P2P_YES;
}

static bool exists(const struct reach *reach, const char *fmt, ...)
{
	char path[PATH_MAX];
	struct stat st;

	FORMAT_PATH(reach, path, fmt);
	return !stat(path, &st);
}

/* @reach: root, names, caps and a zeroed attr are filled in. */
int vfiowc_reach_judge(struct reach *reach)
{
	struct vfiowc_p2p_attr *attr = reach->attr;
	uint32_t i;

	if (!exists(reach, "/sys/bus/pci/devices/%s", reach->exporter))
		return ENODEV;
	/* A name becomes a part of a path. */
	if (!reach->rdma[0] || strchr(reach->rdma, '/') || reach->rdma[0] == '.' ||
	    !exists(reach, "/sys/class/infiniband/%s", reach->rdma))
		return ENXIO;
	vfiowc_reach_driver(reach);
	vfiowc_reach_group(reach);
	vfiowc_reach_bars(reach);
	vfiowc_reach_importer(reach);
	vfiowc_reach_port(reach);
	vfiowc_reach_path(reach);
	vfiowc_reach_system(reach);
	vfiowc_reach_nodes(reach);
	attr->write = VFIOWC_P2P_YES;
	attr->read = VFIOWC_P2P_YES;
	for (i = 0; i < attr->num_findings; i++) {
		attr->write = worse(attr->write, attr->findings[i].write);
		attr->read = worse(attr->read, attr->findings[i].read);
	}
	return 0;
}

/* Who may lock without limit has no limit. */
static uint64_t memlock_limit(const struct reach *reach)
{
	unsigned long long caps = 0;
	struct rlimit limit;
	char text[4096];
	const char *line;

	if (vfiowc_reach_read(reach, text, sizeof(text), "/proc/self/status") > 0) {
		line = strstr(text, "CapEff:");
		if (line)
			sscanf(line, "CapEff: %llx", &caps);
	}
	if ((caps >> CAP_IPC_LOCK_BIT & 1) || getrlimit(RLIMIT_MEMLOCK, &limit) ||
	    limit.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	return limit.rlim_cur;
}

static void ask_device(struct ibv_context *ctx, struct reach_caps *caps)
{
	struct ibv_device_attr_ex more = {};

	caps->open_error = ibv_query_device_ex(ctx, NULL, &more);
	if (caps->open_error)
		return;
	caps->odp = more.odp_caps.general_caps & IBV_ODP_SUPPORT;
	caps->max_reads = more.orig_attr.max_qp_rd_atom;
}

static void ask_rdma(const char *name, struct reach_caps *caps)
{
	struct ibv_device **list = ibv_get_device_list(NULL);
	struct ibv_context *ctx = NULL;
	int i;

	caps->open_error = ENODEV;
	for (i = 0; list && list[i]; i++) {
		if (strcmp(ibv_get_device_name(list[i]), name))
			continue;
		ctx = ibv_open_device(list[i]);
		caps->open_error = ctx ? 0 : errno ? errno : EIO;
		break;
	}
	if (list)
		ibv_free_device_list(list);
	if (!ctx)
		return;
	ask_device(ctx, caps);
	ibv_close_device(ctx);
}

int vfiowc_check_p2p(const char *pci_address, const char *rdma_device, struct vfiowc_p2p_attr *attr,
		     uint32_t inlen)
{
	struct reach reach = { .root = "", .attr = attr };
	int err;

	if (inlen < sizeof(*attr))
		return EINVAL;
	memset(attr, 0, inlen);
	err = vfiowc_parse_address(pci_address, reach.exporter);
	if (err)
		return err;
	if (!rdma_device || strlen(rdma_device) >= sizeof(reach.rdma))
		return ENXIO;
	strcpy(reach.rdma, rdma_device);
	reach.caps.memlock_bytes = memlock_limit(&reach);
	ask_rdma(rdma_device, &reach.caps);
	return vfiowc_reach_judge(&reach);
}
