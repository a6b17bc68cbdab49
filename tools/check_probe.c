// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * A real transfer each way. The witness is not the RDMA device itself: what it wrote is read, and what it
 * reads was written, by the CPU through the VFIO device fd. See check.h.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <infiniband/vfiowc.h>

#include "check.h"
#include "nic.h"
#include "pattern.h"
#include "vfiowc.h"

#define PROBE_SEED 1

struct probe {
	struct vfiowc_device *dev;
	struct vfiowc_buf *slice;
	struct ibv_mr *mr;
	struct nic nic;
	off_t bar_at; /* of the BAR in the device fd */
	uint8_t before[CHECK_PROBE_BYTES];
	bool changed;
	bool disconnected; /* perhaps without QPs: no more transfers */
};

static const volatile sig_atomic_t never_stop;

__attribute__((format(printf, 2, 3)))
static void because(struct check_probe *probe, const char *fmt, ...)
{
	va_list ap;

	if (probe->why[0])
		return;
	va_start(ap, fmt);
	vsnprintf(probe->why, sizeof(probe->why), fmt, ap);
	va_end(ap);
}

/* Prefetchable memory may be read and written without side effects: the PCI rules say so. */
static int choose_bar(const struct vfiowc_device_attr *attr)
{
	int chosen = -1;

	for (int i = 0; i < VFIOWC_NUM_BARS; i++) {
		const struct vfiowc_bar *bar = &attr->bars[i];

		if ((bar->flags & VFIOWC_BAR_MAPPABLE) && (bar->flags & VFIOWC_BAR_PREFETCHABLE) &&
		    (chosen < 0 || bar->size_bytes > attr->bars[chosen].size_bytes))
			chosen = i;
	}
	return chosen;
}

static int open_exporter(struct probe *p, const char *bdf, struct check_probe *probe)
{
	struct vfio_region_info region = { .argsz = sizeof(region) };
	struct vfiowc_device_attr attr;
	int err;

	p->dev = vfiowc_open_device(bdf);
	if (!p->dev) {
		because(probe, "%s cannot be opened: %s", bdf, strerror(errno));
		return EIO;
	}
	err = vfiowc_query_device(p->dev, &attr, sizeof(attr));
	if (!err && probe->bar < 0)
		probe->bar = choose_bar(&attr);
	if (err) {
		because(probe, "%s cannot be queried: %s", bdf, strerror(err));
		return err;
	}
	if (probe->bar < 0) {
		because(probe, "%s has no prefetchable BAR; name one by --bar", bdf);
		return EIO;
	}
	region.index = probe->bar;
	if (ioctl(vfiowc_device_fd(p->dev), VFIO_DEVICE_GET_REGION_INFO, &region)) {
		because(probe, "BAR %d: %s", probe->bar, strerror(errno));
		return EIO;
	}
	p->bar_at = region.offset;
	return 0;
}

static int open_importer(struct probe *p, const char *rdma, struct check_probe *probe)
{
	const struct vfiowc_export_attr attr = { .bar = probe->bar, .length = sysconf(_SC_PAGESIZE) };
	int err, access = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ;
	const char *what = "";

	p->slice = vfiowc_export(p->dev, &attr, sizeof(attr));
	if (!p->slice) {
		because(probe, "export of BAR %d: %s", probe->bar, strerror(errno));
		return EIO;
	}
	p->nic.stop = &never_stop;
	err = nic_open(rdma, &p->nic, &what);
	if (err) {
		because(probe, "%s: %s: %s", rdma, what, strerror(err));
		return err;
	}
	p->mr = vfiowc_reg_mr(p->slice, p->nic.pd, 0, attr.length, 0, access);
	if (!p->mr) {
		because(probe, "registration with %s: %s", rdma, strerror(errno));
		return EIO;
	}
	return 0;
}

static bool cpu_reads(struct probe *p, void *bytes)
{
	return pread(vfiowc_device_fd(p->dev), bytes, CHECK_PROBE_BYTES, p->bar_at) == CHECK_PROBE_BYTES;
}

static bool cpu_writes(struct probe *p, const void *bytes)
{
	uint8_t back[CHECK_PROBE_BYTES];

	/* Read back, so that it has arrived when the RDMA device comes by its own way (O4). */
	return pwrite(vfiowc_device_fd(p->dev), bytes, CHECK_PROBE_BYTES, p->bar_at) == CHECK_PROBE_BYTES &&
	       cpu_reads(p, back) && !memcmp(back, bytes, sizeof(back));
}

static bool transfer(struct probe *p, enum ibv_wr_opcode opcode, void *host, uint32_t bytes,
		     struct check_probe *probe)
{
	enum ibv_wc_status status = IBV_WC_SUCCESS;
	const char *name = opcode == IBV_WR_RDMA_WRITE ? "WRITE" : "READ", *what;
	int err;

	if (p->disconnected)
		return false;
	err = nic_transfer(&p->nic, 1, opcode, host, bytes, 0, p->mr->rkey, &status);
	if (!err && !status)
		return true;
	because(probe, "%s: %s", name, err ? strerror(err) : ibv_wc_status_str(status));
	p->disconnected = nic_reconnect(&p->nic, &what) != 0;
	return false;
}

/* Delivered when the READ behind it on the same QP is over (O5i); where READs fail, when it is seen. */
static void try_write(struct probe *p, struct check_probe *probe)
{
	uint8_t there[CHECK_PROBE_BYTES];
	int tries = 100;

	pattern_fill(PROBE_SEED, PATTERN_WRITE, p->nic.out, CHECK_PROBE_BYTES);
	if (!memcmp(p->nic.out, p->before, CHECK_PROBE_BYTES))
		p->nic.out[0] ^= 0xff;
	p->changed = true;
	if (!transfer(p, IBV_WR_RDMA_WRITE, p->nic.out, CHECK_PROBE_BYTES, probe))
		return;
	transfer(p, IBV_WR_RDMA_READ, p->nic.in, 1, probe);
	while (tries--) {
		probe->write = cpu_reads(p, there) && !memcmp(there, p->nic.out, CHECK_PROBE_BYTES);
		if (probe->write)
			return;
		usleep(10000);
	}
	because(probe, "the WRITE succeeded, but its bytes are not in the BAR");
}

static void try_read(struct probe *p, struct check_probe *probe)
{
	uint8_t there[CHECK_PROBE_BYTES];

	pattern_fill(PROBE_SEED, PATTERN_CPU, there, CHECK_PROBE_BYTES);
	memset(p->nic.in, 0, CHECK_PROBE_BYTES);
	if (!cpu_writes(p, there)) {
		because(probe, "BAR %d does not keep what the CPU writes: it is no memory", probe->bar);
		return;
	}
	if (!transfer(p, IBV_WR_RDMA_READ, p->nic.in, CHECK_PROBE_BYTES, probe))
		return;
	probe->read = !memcmp(p->nic.in, there, CHECK_PROBE_BYTES);
	if (!probe->read)
		because(probe, "the READ succeeded, but its bytes are not those of the BAR");
}

void check_probe(const char *bdf, const char *rdma, struct check_probe *probe)
{
	struct probe p = { 0 };

	if (!open_exporter(&p, bdf, probe) && !open_importer(&p, rdma, probe)) {
		if (cpu_reads(&p, p.before)) {
			try_write(&p, probe);
			try_read(&p, probe);
		} else {
			because(probe, "BAR %d cannot be read by the CPU", probe->bar);
		}
	}
	if (p.changed && !cpu_writes(&p, p.before))
		tool_error(bdf, "BAR %d: what was in its first %d bytes could not be put back", probe->bar,
			   CHECK_PROBE_BYTES);
	if (p.mr)
		ibv_dereg_mr(p.mr);
	nic_close(&p.nic);
	if (p.slice)
		vfiowc_destroy_buf(p.slice);
	if (p.dev)
		vfiowc_close_device(p.dev);
}
