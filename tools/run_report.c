// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* `vfiowc run`: what the preload library reported (preload/handover.h). See run.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"
#include "vfiowc.h"

/* The text behind " name=", or "" when there is none. */
static const char *field(const char *line, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = line; (at = strstr(at, name)); at++) {
		if (at > line && at[-1] == ' ' && at[len] == '=')
			return at + len + 1;
	}
	return "";
}

static void copy_word(const char *line, const char *name, char *word, size_t len)
{
	const char *value = field(line, name);

	snprintf(word, len, "%.*s", (int)strcspn(value, " \n"), value);
}

static int add_mr(const char *line, struct run_report *report)
{
	struct run_mr *mr = reallocarray(report->mrs, report->num_mrs + 1, sizeof(*mr));

	if (!mr)
		return ENOMEM;
	report->mrs = mr;
	mr += report->num_mrs++;
	copy_word(line, "rdma", mr->rdma, sizeof(mr->rdma));
	copy_word(line, "tags", mr->tags, sizeof(mr->tags));
	mr->target = strncmp(field(line, "target"), "host", 4) ? atoi(field(line, "target")) : -1;
	mr->lkey = strtoul(field(line, "lkey"), NULL, 0);
	mr->rkey = strtoul(field(line, "rkey"), NULL, 0);
	mr->bytes = strtoull(field(line, "length"), NULL, 0);
	report->num_redirected += mr->target >= 0;
	return 0;
}

static void add_wc(const char *line, const struct run *run, struct run_report *report)
{
	char bdf[PCI_BDF_LEN];

	copy_word(line, "device", bdf, sizeof(bdf));
	for (unsigned int i = 0; i < run->num_wcs; i++) {
		if (strcmp(bdf, run->wcs[i].bdf) || (unsigned int)atoi(field(line, "part")) != i)
			continue;
		report->wcs[i].num_maps++;
		copy_word(line, run->wcs[i].whole_bar ? "memtype" : "pte", report->wcs[i].effective,
			  sizeof(report->wcs[i].effective));
	}
}

/* An MR's end; one of a target that is not valid any more was revoked. */
static void add_end(const char *line, struct run_report *report)
{
	uint32_t lkey = strtoul(field(line, "lkey"), NULL, 0);

	if (strncmp(field(line, "state"), "invalidated", 11))
		return;
	report->num_invalidated++;
	/* Latest first: keys are used again. */
	for (size_t i = report->num_mrs; i-- > 0;) {
		if (report->mrs[i].target < 0 || report->mrs[i].lkey != lkey)
			continue;
		report->invalidated = report->mrs[i].target;
		return;
	}
}

static int add_line(const char *line, const struct run *run, struct run_report *report)
{
	if (!strncmp(line, "map ", 4))
		report->num_maps++;
	else if (!strncmp(line, "refused ", 8))
		report->num_refused++;
	else if (!strncmp(line, "end ", 4))
		add_end(line, report);
	else if (!strncmp(line, "wc ", 3))
		add_wc(line, run, report);
	else if (!strncmp(line, "mr ", 3))
		return add_mr(line, report);
	return 0;
}

int run_report_read(const struct run *run, struct run_report *report)
{
	char *line = NULL;
	size_t room = 0;
	int fd, err = 0;
	FILE *file;

	memset(report, 0, sizeof(*report));
	fd = dup(run->report_fd);
	file = fd < 0 ? NULL : fdopen(fd, "r");
	if (!file) {
		err = errno;
		tool_error(NULL, "the report of the preload library: %s", strerror(err));
		if (fd >= 0)
			close(fd);
		return err;
	}
	if (fseek(file, 0, SEEK_SET))
		err = errno;
	while (!err && getline(&line, &room, file) > 0)
		err = add_line(line, run, report);
	if (err)
		tool_error(NULL, "the report of the preload library: %s", strerror(err));
	free(line);
	fclose(file);
	return err;
}

void run_report_free(struct run_report *report)
{
	free(report->mrs);
	memset(report, 0, sizeof(*report));
}
