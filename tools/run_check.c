// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * `vfiowc run`: perftest's options that cannot work with a target, before anything is started. Other
 * programs are not looked at; what they cannot have, the preload library refuses.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"
#include "vfiowc.h"

struct refusal {
	const char *name;
	const char *reason;
};

/* Both sorted by name. */
static const struct refusal always[] = {
	{ "--mr_per_qp", "perftest loses the addresses of mapped buffers, all but the last one's" },
	{ "--odp", "on-demand paging is for pages of the process, a dma-buf has none" },
	{ "--use-null-mr", "a null MR has no memory, neither the target's nor another" },
	{ "--use_cuda", "the buffer is either in a GPU or in the target" },
	{ "--use_cuda_bus_id", "the buffer is either in a GPU or in the target" },
	{ "--use_cuda_dmabuf", "the buffer is either in a GPU or in the target" },
	{ "--use_hl", "the buffer is either in an accelerator or in the target" },
	{ "--use_hugepages", "huge pages are host memory; perftest drops the option silently" },
	{ "--use_mlu", "the buffer is either in an MLU or in the target" },
	{ "--use_neuron", "the buffer is either in an accelerator or in the target" },
	{ "--use_neuron_dmabuf", "the buffer is either in an accelerator or in the target" },
	{ "--use_rocm", "the buffer is either in a GPU or in the target" },
};

#define NO_RDMA_CM "rdma_cm finds no RDMA device at localhost, where --pair has the server"

static const struct refusal of_pairs[] = {
	{ "--comm_rdma_cm", NO_RDMA_CM },
	{ "--rdma_cm", NO_RDMA_CM },
	{ "-R", NO_RDMA_CM },
	{ "-z", NO_RDMA_CM },
};

static bool is_perftest(const char *program)
{
	const char *slash = strrchr(program, '/');
	const char *name = slash ? slash + 1 : program;
	size_t len = strlen(name);

	return !strncmp(name, "ib_", 3) && len > 3 &&
	       (!strcmp(name + len - 3, "_bw") || !strcmp(name + len - 4, "_lat"));
}

static const char *find_reason(const struct refusal *refusals, size_t count, const char *argument)
{
	size_t len = strcspn(argument, "=");

	for (size_t i = 0; i < count; i++) {
		if (strlen(refusals[i].name) == len && !strncmp(refusals[i].name, argument, len))
			return refusals[i].reason;
	}
	return NULL;
}

static const char *reason_against(const struct run *run, const char *argument)
{
	const char *reason = find_reason(always, ARRAY_SIZE(always), argument);

	if (!reason && run->num_ends > 1)
		reason = find_reason(of_pairs, ARRAY_SIZE(of_pairs), argument);
	return reason;
}

/* "vfiowc:N" of --mmap=vfiowc:N or --mmap vfiowc:N; NULL when the argument is not that option. */
static const char *mmap_path(char *const *argument)
{
	if (!strncmp(*argument, "--mmap=", 7))
		return *argument + 7;
	return !strcmp(*argument, "--mmap") ? argument[1] ? argument[1] : "" : NULL;
}

/* -I N, -IN, --inline_size N, --inline_size=N; 0 is as good as none */
static bool wants_inline(char *const *argument)
{
	static const char name[] = "--inline_size";
	const char *value = NULL;

	if (!strcmp(*argument, "-I") || !strcmp(*argument, name))
		value = argument[1];
	else if (!strncmp(*argument, "-I", 2))
		value = *argument + 2;
	else if (!strncmp(*argument, name, strlen(name)) && (*argument)[strlen(name)] == '=')
		value = *argument + strlen(name) + 1;
	return value && strtoul(value, NULL, 10);
}

static int check_path(const struct run *run, const char *program, const char *path)
{
	unsigned long n = run->num_targets;

	if (!strncmp(path, HANDOVER_PREFIX, strlen(HANDOVER_PREFIX)))
		n = strtoul(path + strlen(HANDOVER_PREFIX), NULL, 10);
	if (n < run->num_targets)
		return 0;
	tool_error(program, "--mmap=%s is not a target; the targets are vfiowc:0 to vfiowc:%u", path,
		   run->num_targets - 1);
	return EINVAL;
}

int run_check_command(struct run *run)
{
	const char *program = run->argv[0];
	bool mapped = false;
	int err = 0;

	if (!is_perftest(program) || !run->num_targets)
		return 0;
	for (char **argument = run->argv + 1; !err && *argument; argument++) {
		const char *reason = reason_against(run, *argument), *path = mmap_path(argument);

		run->inline_data |= wants_inline(argument);
		if (reason) {
			tool_error(program, "%s cannot work with a target: %s", *argument, reason);
			err = EINVAL;
		} else if (path) {
			mapped = true;
			err = check_path(run, program, path);
		}
	}
	if (!err && !mapped) {
		tool_error(program, "without --mmap=vfiowc:0 its buffer would be host memory");
		err = EINVAL;
	}
	return err;
}
