// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * What the kernel says of a failure that it injects: its stack. It tells which place of our modules has
 * failed, and whether the failure was one that the allocator itself gets over. See failures.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "failures.h"

#define MAX_SITES 256
#define SITE_LEN 128
#define STACK_LEN 8192

/*
 * Allocations that the kernel makes beside the one it was asked for, and does without: the slab allocator's
 * stocks, the page that a slab would be made of (another order is tried), notes of who allocated what, the
 * node that vmalloc has ready for the case that an area must be split; the file in /dev and the event of a new
 * device, which are udev's to miss; ACPI's way of a legacy interrupt; a client of a new RDMA device (verbs of
 * user space, MADs), which the core then registers without it.
 */
static const char *const spare[] = {
	"__alloc_empty_sheaf", "allocate_slab", "stack_depot_save", "kmemleak_alloc", "__link_object",
	"kmemleak_scan_area", "fill_pool", "alloc_vmap_area", "devtmpfs_create_node", "kobject_uevent_env",
	"acpi_pci_irq_lookup", "add_client_context",
};

static int log_fd = -1;
static char stack[STACK_LEN]; /* of the failures since failures_log_begin() */

static struct site {
	char name[SITE_LEN];
	unsigned int failures;
	unsigned int survived;
} sites[MAX_SITES];
static size_t nr_sites;

void failures_log_begin(void)
{
	if (log_fd < 0)
		log_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(log_fd >= 0);
	lseek(log_fd, 0, SEEK_END);
	stack[0] = '\0';
}

/* Text of the next record; false at the end. */
static bool next_line(char *line, size_t size)
{
	char raw[8192];
	const char *text;
	ssize_t n;

	do {
		n = read(log_fd, raw, sizeof(raw) - 1);
	} while (n < 0 && (errno == EPIPE || errno == EINTR));
	if (n <= 0)
		return false;
	raw[n] = '\0';
	text = strchr(raw, ';');
	text = text ? text + 1 : raw;
	n = strcspn(text, "\n");
	if ((size_t)n >= size)
		n = size - 1;
	memcpy(line, text, n);
	line[n] = '\0';
	return true;
}

static void note_site(const char *frame, bool survived)
{
	const char *name = frame + strspn(frame, " ");
	size_t i;

	for (i = 0; i < nr_sites && strcmp(sites[i].name, name); i++)
		;
	if (i == nr_sites && nr_sites < MAX_SITES)
		strcpy(sites[nr_sites++].name, name);
	if (i < nr_sites) {
		sites[i].failures++;
		sites[i].survived += survived;
	}
}

bool failures_log_end(bool survived)
{
	bool in_stack = false, seen = false, is_spare = false;
	char line[SITE_LEN], site[SITE_LEN] = "";
	size_t used = 0;

	while (next_line(line, sizeof(line))) {
		if (strstr(line, "FAULT_INJECTION: forcing a failure"))
			in_stack = seen = true;
		if (!in_stack)
			continue;
		used += snprintf(stack + used, sizeof(stack) - used, "%s\n", line);
		if (used >= sizeof(stack))
			used = sizeof(stack) - 1;
		if (strstr(line, "</TASK>"))
			in_stack = false;
		/* "? function": what lay on the stack by chance */
		if (line[strspn(line, " ")] == '?')
			continue;
		for (size_t i = 0; i < sizeof(spare) / sizeof(spare[0]); i++)
			if (strstr(line, spare[i]))
				is_spare = true;
		if (!site[0] && strstr(line, "[vfiowc_"))
			strcpy(site, line);
	}
	if (seen && !is_spare)
		note_site(site[0] ? site : "(no frame of ours)", survived);
	/* Who allocates with __GFP_NOWARN has another way, and no stack is told of it. */
	return is_spare || !seen;
}

const char *failures_log_stack(void)
{
	return stack;
}

void failures_log_sites(void)
{
	for (size_t i = 0; i < nr_sites; i++)
		print_message("%4u failures, %u survived: %s\n", sites[i].failures, sites[i].survived,
			      sites[i].name);
	print_message("%zu places\n", nr_sites);
}
