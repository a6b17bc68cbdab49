// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* `vfiowc run`: making the dma-bufs of slices. See run.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run.h"
#include "vfiowc.h"

static const char *open_reason(int err)
{
	switch (err) {
	case ENOENT:
		return "no VFIO driver has it; `vfiowc bind` hands it to vfiowc_pci";
	case EBUSY:
		return "another process has its VFIO group open, and only one can: start both ends under one "
		       "`vfiowc run`, with --pair or from a shell";
	case EACCES:
		return "no permission for its device node in /dev/vfio: run as its owner or as root";
	case EPERM:
		return "its IOMMU group has functions that no VFIO driver has, or the platform cannot remap "
		       "interrupts";
	case ENODEV:
		return "it has no IOMMU group, or no VFIO driver has it; `vfiowc info` shows both";
	default:
		return strerror(err);
	}
}

static int open_device(struct run *run, struct run_target *target)
{
	for (struct run_target *other = run->targets; other < target; other++) {
		if (other->kind == RUN_VFIO && !strcmp(other->bdf, target->bdf)) {
			target->dev = other->dev;
			return 0;
		}
	}
	target->dev = vfiowc_open_device(target->bdf);
	if (!target->dev) {
		int err = errno;

		tool_error(target->bdf, "%s", open_reason(err));
		return err;
	}
	target->owns_dev = true;
	return 0;
}

/* Where each end's slice lies: the server's behind the client's, of the same length. */
static int place(const struct run *run, struct run_target *target)
{
	uint64_t page = sysconf(_SC_PAGESIZE), room;
	struct vfiowc_device_attr attr;
	int err = vfiowc_query_device(target->dev, &attr, sizeof(attr));
	const struct vfiowc_bar *bar = &attr.bars[target->bar];

	if (err)
		tool_error(target->bdf, "its BARs cannot be read: %s", strerror(err));
	else if (!bar->size_bytes)
		tool_error(target->text, "there is no BAR %u; `vfiowc info %s` lists them", target->bar,
			   target->bdf);
	else if (!(bar->flags & VFIOWC_BAR_MAPPABLE) || bar->size_bytes < page)
		tool_error(target->text, "BAR %u cannot be exported: it is I/O ports, smaller than a page, or "
			   "holds the MSI-X table; `vfiowc info %s` lists the others", target->bar, target->bdf);
	else if (target->offset % page || target->length % page)
		tool_error(target->text, "OFFSET and LENGTH must be multiples of the page size, %" PRIu64,
			   page);
	else if (target->offset >= bar->size_bytes)
		tool_error(target->text, "OFFSET is past the end of BAR %u, which has 0x%" PRIx64 " bytes",
			   target->bar, bar->size_bytes);
	else
		goto fits;
	return err ? err : EINVAL;
fits:
	room = (bar->size_bytes - target->offset) / run->num_ends;
	if (!target->length)
		target->length = room - room % page;
	if (!target->length || target->length > room) {
		tool_error(target->text, "LENGTH%s is more than BAR %u has behind OFFSET: 0x%" PRIx64 " bytes",
			   run->num_ends > 1 ? " for each of two ends" : "", target->bar,
			   bar->size_bytes - target->offset);
		return EINVAL;
	}
	return 0;
}

static int export_slice(const struct run *run, struct run_target *target, struct run_buffer *buffer)
{
	struct vfiowc_export_attr attr = {
		.bar = target->bar,
		.offset = buffer->offset,
		.length = buffer->bytes,
		.types = &run->type,
		.num_types = 1,
	};
	int err;

	buffer->buf = vfiowc_export(target->dev, &attr, sizeof(attr));
	if (!buffer->buf) {
		const char *why = vfiowc_explain_cap(target->dev, run->type == VFIOWC_MEM_NC ?
						     VFIOWC_CAP_EXPORT : VFIOWC_CAP_MEM_TYPE);

		err = errno;
		tool_error(target->text, "it cannot be exported: %s%s%s", strerror(err), why ? ": " : "",
			   why ? why : "");
		return err;
	}
	buffer->fd = vfiowc_buf_fd(buffer->buf);
	err = run->tph.flags ? vfiowc_set_tph(buffer->buf, &run->tph) : 0;
	if (err)
		tool_error(target->text, "tags cannot be set: %s", err == EOPNOTSUPP ?
			   "the function is no TPH completer (st_ext needs an extended one), or its driver is "
			   "not vfiowc_pci; `vfiowc info` shows both" : strerror(err));
	return err;
}

/* The program maps its buffers: registering alone is not enough. */
static int check_mappable(struct run_target *target)
{
	const char *why = vfiowc_explain_cap(target->dev, VFIOWC_CAP_MAP);

	if (!why)
		return 0;
	tool_error(target->text, "the program could not map it: %s", why);
	return EOPNOTSUPP;
}

static int open_vfio(struct run *run, struct run_target *target)
{
	int err = open_device(run, target);

	if (!err)
		err = check_mappable(target);
	if (!err)
		err = place(run, target);
	for (unsigned int end = 0; !err && end < run->num_ends; end++) {
		target->buffers[end].offset = target->offset + end * target->length;
		target->buffers[end].bytes = target->length;
		err = export_slice(run, target, &target->buffers[end]);
	}
	return err;
}

static int open_system(struct run *run, struct run_target *target)
{
	int err = 0;

	if (run->tph.flags || run->type_given) {
		tool_error(target->text, "%s is for slices of a BAR: nobody could obey it here",
			   run->tph.flags ? "--tph" : "--memattr");
		return EINVAL;
	}
	for (unsigned int end = 0; !err && end < run->num_ends; end++)
		err = run_system_buffer(target, &target->buffers[end]);
	return err;
}

/* What is asked for; the preload library says what is in effect, at each mapping and registration. */
static void announce(const struct run *run, const struct run_target *target, unsigned int number)
{
	char tags[64] = "none", *at = tags;

	if (run->tph.flags & VFIOWC_TAG_ST)
		at += sprintf(at, "st:0x%02x,", run->tph.st);
	if (run->tph.flags & VFIOWC_TAG_ST_EXT)
		at += sprintf(at, "st_ext:0x%04x,", run->tph.st_ext);
	if (run->tph.flags)
		sprintf(at, "ph:%u", run->tph.ph);
	for (unsigned int end = 0; end < run->num_ends; end++) {
		const struct run_buffer *buffer = &target->buffers[end];

		fprintf(stderr, "vfiowc: " HANDOVER_PREFIX "%u%s: %s", number, run->num_ends == 1 ? "" :
			end == RUN_CLIENT ? " of the client" : " of the server", target->text);
		if (target->kind == RUN_VFIO)
			fprintf(stderr, ", BAR %u from 0x%" PRIx64, target->bar, buffer->offset);
		fprintf(stderr, ", 0x%" PRIx64 " bytes, type requested: %s, tags requested: %s\n",
			buffer->bytes, handover_type_name(target->kind == RUN_VFIO ? run->type :
			HANDOVER_SYSTEM), tags);
	}
}

static int read_inodes(struct run *run, struct run_target *target)
{
	struct stat st;

	for (unsigned int end = 0; end < run->num_ends; end++) {
		if (fstat(target->buffers[end].fd, &st)) {
			int err = errno;

			tool_error(target->text, "fstat: %s", strerror(err));
			return err;
		}
		target->buffers[end].inode = st.st_ino;
	}
	return 0;
}

int run_open_targets(struct run *run)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < run->num_targets; i++) {
		struct run_target *target = &run->targets[i];

		err = target->kind == RUN_VFIO ? open_vfio(run, target) : open_system(run, target);
		if (!err)
			err = read_inodes(run, target);
		if (!err)
			announce(run, target, i);
	}
	return err;
}

static void close_buffer(struct run_buffer *buffer)
{
	if (buffer->buf)
		vfiowc_destroy_buf(buffer->buf);
	else if (buffer->fd >= 0)
		close(buffer->fd);
	buffer->buf = NULL;
	buffer->fd = -1;
}

void run_close_targets(struct run *run)
{
	for (unsigned int i = 0; i < run->num_targets; i++) {
		for (int end = 0; end < RUN_ENDS; end++)
			close_buffer(&run->targets[i].buffers[end]);
	}
	for (unsigned int i = 0; i < run->num_targets; i++) {
		if (run->targets[i].owns_dev)
			vfiowc_close_device(run->targets[i].dev);
		run->targets[i].owns_dev = false;
	}
}
