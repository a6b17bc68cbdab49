// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Tracing of the drain: see drain_trace.h. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drain_trace.h"
#include "guest.h"

#define TRACING "/sys/kernel/tracing/"
#define LINE_MAX_BYTES 512

/* The names are the kernel's and those of kernel/vfiowc_pci/revoke.c. */
static const char *const probes[] = {
	"p:vfiowc/zap unmap_mapping_range",
	"p:vfiowc/fence vfiowc_pci:store_fence",
	"p:vfiowc/unlock ww_mutex_unlock",
	"r:vfiowc/read vfiowc_pci:read_back value=$retval:x32",
};

/* How far the sequence has come. */
struct drain {
	unsigned long fenced; /* CPUs since the last zap */
	bool zapped;
	long zapper; /* the thread */
	struct drain_seen seen;
};

/* Not by stdio, which seeks in a file opened for appending; this one cannot. */
static int append(const char *line)
{
	int fd = open(TRACING "kprobe_events", O_WRONLY | O_APPEND | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = write(fd, line, strlen(line));
	close(fd);
	return n < 0 ? -1 : 0;
}

static void remove_probes(void)
{
	guest_write_file(TRACING "events/vfiowc/enable", "0");
	append("-:vfiowc/zap\n");
	append("-:vfiowc/fence\n");
	append("-:vfiowc/unlock\n");
	append("-:vfiowc/read\n");
}

bool drain_trace_start(void)
{
	char line[LINE_MAX_BYTES];

	/* One clock for all CPUs: the order of events is what this is about. */
	if (guest_write_file(TRACING "trace_clock", "mono"))
		return false;
	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
		snprintf(line, sizeof(line), "%s\n", probes[i]);
		if (append(line)) {
			remove_probes();
			return false;
		}
	}
	return !guest_write_file(TRACING "trace", "\n") &&
	       !guest_write_file(TRACING "events/vfiowc/enable", "1");
}

/* A line begins with NAME-THREAD [CPU]. */
static long thread_of(const char *line, const char *cpu)
{
	while (cpu > line && *cpu != '-')
		cpu--;
	return strtol(cpu + 1, NULL, 10);
}

static void advance(struct drain *drain, const char *line, uint32_t value)
{
	unsigned long all = (1UL << sysconf(_SC_NPROCESSORS_ONLN)) - 1;
	const char *cpu = strchr(line, '['), *read = strstr(line, "value=");

	if (!cpu || line[0] == '#')
		return;
	if (strstr(line, ": zap:")) {
		drain->zapped = true;
		drain->zapper = thread_of(line, cpu);
		drain->fenced = 0;
	} else if (strstr(line, ": unlock:") && thread_of(line, cpu) == drain->zapper) {
		drain->zapped = false;
	} else if (strstr(line, ": fence:")) {
		drain->fenced |= 1UL << strtoul(cpu + 1, NULL, 10);
		drain->seen.fenced |= drain->fenced == all;
	} else if (strstr(line, ": read:") && read) {
		drain->seen.reads++;
		drain->seen.drained |= drain->zapped && drain->fenced == all &&
				       strtoul(read + strlen("value="), NULL, 16) == value;
	}
}

struct drain_seen drain_trace_stop(uint32_t value)
{
	FILE *file = fopen(TRACING "trace", "r");
	struct drain drain = {};
	char line[LINE_MAX_BYTES];

	guest_write_file(TRACING "events/vfiowc/enable", "0");
	while (file && fgets(line, sizeof(line), file))
		advance(&drain, line, value);
	if (file)
		fclose(file);
	remove_probes();
	guest_write_file(TRACING "trace_clock", "local");
	return drain.seen;
}
