// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* vfiowc: finds the subcommand and runs it. Each subcommand parses its own options. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "vfiowc.h"

/* Sorted by name. */
static const struct {
	const char *name;
	const char *summary;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "bind", "hand a PCI function to vfiowc_pci", cmd_bind },
	{ "check", "say whether an RDMA device can reach a PCI function's memory here", cmd_check },
	{ "demo", "the walk-through: peer-to-peer RDMA into a BAR, every step observed", cmd_demo },
	{ "info", "show PCI functions, their BARs, drivers and exported dma-bufs", cmd_info },
	{ "run", "run an unmodified program with its buffers in a slice of a BAR", cmd_run },
	{ "trace", "show what the software RDMA device moves, transfer by transfer", cmd_trace },
	{ "unbind", "give a PCI function back to the driver it had before", cmd_unbind },
};

static void print_help(void)
{
	printf("Usage: vfiowc COMMAND [OPTION]...\n"
	       "Export slices of a PCI BAR to the CPU and to RDMA devices.\n\nCommands:\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %-8s %s\n", commands[i].name, commands[i].summary);
	printf("\n`vfiowc COMMAND --help` shows the options of a command.\n"
	       "Exit status: 0 success, 1 failure, 2 wrong usage.\n");
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	/* Ignored, it stays so across exec(), and the kernel keeps no status of our children: nothing to wait for. */
	signal(SIGCHLD, SIG_DFL);
	if (!strcmp(name, "--help") || !strcmp(name, "-h")) {
		print_help();
		return TOOL_OK;
	}
	if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
		printf("vfiowc %s\n", VFIOWC_VERSION);
		return TOOL_OK;
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(name, commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	}
	if (argc < 2)
		return tool_usage(NULL, "no command given");
	return tool_usage(NULL, "'%s' is not a command", name);
}
