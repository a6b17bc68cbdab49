// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Litmus tests of what a CPU thread stores: O1, O2, O4, O10, O11. */
#include <sched.h>
#include <string.h>

#include "litmus.h"

#define ROUNDS 150
/* The host's file is looked at once in so many looks: such a look takes a millisecond. */
#define FILE_EVERY 64
#define BELL_OFFSET LITMUS_SLICE

/* The watcher's memory of what it has seen; each watcher is a process of its own. */
static uint64_t last;
static unsigned int looks;

/* Has the flag moved on since the last look? */
static bool moved(struct litmus *l, uint64_t flag)
{
	if (flag < last)
		litmus_wrong(l, last, flag); /* NC stores of one thread went backwards */
	if (flag == last)
		return false;
	last = flag;
	l->report->looks++;
	return true;
}

/* ---- O1 -------------------------------------------------------------------------------------- */

/* Word 1 is stored before word 0. */
static void look_at_two_bells(struct litmus *l)
{
	uint32_t file[2];

	if (++looks % FILE_EVERY == 0 && litmus_file_read(l, BELL_OFFSET, &file[0], 4) &&
	    litmus_file_read(l, BELL_OFFSET + 4, &file[1], 4)) {
		l->report->file_looks++;
		if (file[1] < file[0])
			litmus_wrong(l, file[0], file[1]);
	}
	if (moved(l, l->bell[0]) && l->bell[1] < last)
		litmus_wrong(l, last, l->bell[1]);
}

void o1_nc_stores_then_device(void **state)
{
	struct litmus *l = *state;
	uint64_t start = 0;

	litmus_watch(l, look_at_two_bells);
	for (uint32_t i = 1; litmus_running(l, &start); i++) {
		vfiowc_ring32(&l->bell[1], i);
		vfiowc_ring32(&l->bell[0], i);
	}
	litmus_watched(l);
}

/* ---- O2 -------------------------------------------------------------------------------------- */

static void look_at_line_after_bell(struct litmus *l)
{
	uint64_t line[LITMUS_WORDS];
	uint32_t bell;

	if (++looks % FILE_EVERY == 0 && litmus_file_read(l, BELL_OFFSET, &bell, 4) &&
	    litmus_file_read(l, 0, line, LITMUS_LINE)) {
		l->report->file_looks++;
		litmus_look(l, bell, line);
	}
	if (moved(l, l->bell[0]))
		litmus_look(l, last, l->nc);
}

void o2_wc_data_then_nc_bell(void **state)
{
	struct litmus *l = *state;
	uint64_t start = 0;

	litmus_watch(l, look_at_line_after_bell);
	for (uint32_t i = 1; litmus_running(l, &start); i++) {
		litmus_store_line(l->wc, i);
		vfiowc_wc_flush();
		vfiowc_ring32(l->bell, i);
	}
	litmus_watched(l);
}

/* ---- O4 -------------------------------------------------------------------------------------- */

/* The peer: at each turn it READs the slice and compares. */
static void *peer_reads(void *arg)
{
	struct litmus *l = arg;
	enum ibv_wc_status status;
	int err;

	for (uint64_t i = 1; litmus_await(l, 2 * i - 1); i++) {
		litmus_fill(&l->peer, LITMUS_LINE, 0);
		err = litmus_post(l, &l->peer, IBV_WR_RDMA_READ, IBV_SEND_SIGNALED, 0, 0, LITMUS_LINE);
		if (err)
			return litmus_fail_thread(l, err);
		status = litmus_cqe(&l->peer);
		if (status)
			return litmus_fail_thread(l, status);
		litmus_look(l, i, (uint64_t *)l->peer.host.addr);
		l->report->looks++;
		litmus_give(l, 2 * i);
	}
	return NULL;
}

/* Every other time the CPU stores through NC: that path needs the read-back as well. */
void o4_cpu_wc_store_then_peer_read(void **state)
{
	struct litmus *l = *state;

	litmus_peer(l, peer_reads);
	for (uint64_t i = 1; i <= ROUNDS; i++) {
		litmus_store_line(i % 2 ? l->wc : l->nc, i);
		vfiowc_deliver(l->bell);
		if (i % FILE_EVERY == 0)
			litmus_check(l, LITMUS_LINE, i);
		litmus_give(l, 2 * i - 1);
		if (!litmus_await(l, 2 * i))
			break;
	}
	litmus_joined(l);
	litmus_nothing_wrong(l);
	assert_int_equal(l->report->looks, ROUNDS);
}

/* ---- O10 ------------------------------------------------------------------------------------- */

static struct vfiowc_line_lock line_lock;
static uint64_t commands; /* under line_lock */

/* One command: a line, then its number on the bell; the lock is held until D has taken it. */
static bool command(struct litmus *l)
{
	bool taken;

	vfiowc_wc_lock(&line_lock);
	commands++;
	litmus_store_line(l->wc, commands);
	vfiowc_wc_flush();
	vfiowc_ring32(l->bell, commands);
	taken = litmus_await(l, commands);
	vfiowc_wc_unlock(&line_lock);
	return taken;
}

static void *commander(void *l)
{
	while (command(l))
		;
	return NULL;
}

/* D: a command is there when its number is; all of it, and of no other. */
static void take_command(struct litmus *l)
{
	uint64_t number = l->bell[0];

	if (!moved(l, number))
		return;
	if (number != l->report->turn + 1)
		litmus_wrong(l, l->report->turn + 1, number);
	for (int i = 0; i < LITMUS_WORDS; i++)
		if (l->nc[i] != number)
			litmus_wrong(l, number, l->nc[i]);
	if (number % 16 == 0 && l->file >= 0) {
		uint64_t line[LITMUS_WORDS] = {};

		if (litmus_file_read(l, 0, line, LITMUS_LINE))
			l->report->file_looks++;
		litmus_look(l, number, line);
	}
	litmus_give(l, number);
}

void o10_two_threads_one_line(void **state)
{
	struct litmus *l = *state;
	uint64_t start = 0;

	commands = 0;
	line_lock = (struct vfiowc_line_lock){};
	litmus_watch(l, take_command);
	litmus_peer(l, commander);
	while (litmus_running(l, &start))
		assert_true(command(l));
	litmus_joined(l);
	litmus_watched(l);
}

/* ---- O11 ------------------------------------------------------------------------------------- */

/* The litmus fixture has mapped the slice as WC, has set NC, and has mapped it again. */
static void new_type_holds_for_later_mappings(struct litmus *l)
{
	assert_int_equal(lib_effective(l->map[0]), VFIOWC_EFFECTIVE_WC);
	assert_int_equal(lib_effective(l->map[1]), VFIOWC_EFFECTIVE_UC_MINUS);
	errno = 0;
	assert_null(vfiowc_map(l->data, 0, PAGE, 0));
	assert_int_equal(errno, EBUSY);
}

void o11_one_page_nc_and_wc(void **state)
{
	struct litmus *l = *state;

	new_type_holds_for_later_mappings(l);
	for (uint64_t i = 1; i <= ROUNDS; i++) {
		litmus_store_line(l->wc, 3 * i);
		vfiowc_wc_flush(); /* orders the NC stores behind the WC ones */
		litmus_store_line(l->nc, 3 * i + 1);
		vfiowc_deliver(l->bell);
		litmus_look(l, 3 * i + 1, l->wc); /* NC store, WC load */
		litmus_store_line(l->wc, 3 * i + 2);
		vfiowc_deliver(l->bell);
		litmus_look(l, 3 * i + 2, l->nc); /* WC store, NC load */
		if (i % FILE_EVERY == 0)
			litmus_check(l, LITMUS_LINE, 3 * i + 2);
	}
	litmus_nothing_wrong(l);
}
