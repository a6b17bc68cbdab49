// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* What a perftest program says it moved. See run_table.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "run_table.h"

/* " 65536      1000             3445.61            3444.36 ..." */
static void add_line(struct run_table *table, const char *line)
{
	uint64_t bytes, messages;
	double first, second;

	if (line[0] != ' ' ||
	    sscanf(line, "%" SCNu64 " %" SCNu64 " %lf %lf", &bytes, &messages, &first, &second) != 4)
		return;
	table->rows++;
	table->messages += messages;
	table->bytes += bytes * messages;
}

void run_table_feed(struct run_table *table, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n') {
			table->line[table->used] = '\0';
			add_line(table, table->line);
			table->used = 0;
		} else if (table->used < sizeof(table->line) - 1) {
			table->line[table->used++] = text[i];
		}
	}
}

struct run_counting run_counting(char *const argv[])
{
	const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
	struct run_counting counting = { .directions = 1 };
	bool bidirectional = false;

	/* A ping and a pong are one iteration; a read comes back by itself. */
	if (!strcmp(name, "ib_write_lat") || !strcmp(name, "ib_send_lat"))
		counting.directions = 2;
	for (char *const *argument = argv + 1; *argument; argument++) {
		if (!strcmp(*argument, "-b") || !strcmp(*argument, "--bidirectional"))
			bidirectional = true;
		if (!strncmp(*argument, "-D", 2) || !strncmp(*argument, "--duration", 10) ||
		    !strcmp(*argument, "--run_infinitely"))
			counting.at_least = true;
	}
	/* In a given time the two directions get differently far. */
	if (bidirectional && !counting.at_least)
		counting.directions = 2;
	return counting;
}
