// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Random numbers and what the operations share. See random.h. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "random.h"

/* splitmix64: any state is a good one, so a state may be made of seed and counters. */
static uint64_t next(struct world *w)
{
	uint64_t z = w->rng += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

uint64_t random_below(struct world *w, uint64_t n)
{
	return n ? next(w) % n : 0;
}

bool random_chance(struct world *w, unsigned int percent)
{
	return random_below(w, 100) < percent;
}

void random_bytes(struct world *w, void *to, size_t n)
{
	uint8_t *byte = to;

	while (n--)
		*byte++ = next(w);
}

uint64_t random_edge(struct world *w, uint64_t n)
{
	uint64_t delta = random_below(w, 17) - 8;

	switch (random_below(w, 5)) {
	case 0:
		return delta;
	case 1:
		return n + delta;
	case 2:
		return (1ULL << 32) + delta;
	case 3:
		return random_below(w, n);
	default:
		return next(w);
	}
}

static sigjmp_buf touch_return;

static void on_fault(int signo)
{
	(void)signo;
	siglongjmp(touch_return, 1);
}

int random_touch(volatile uint8_t *at, bool store)
{
	const struct sigaction jump = { .sa_handler = on_fault };
	struct sigaction bus, segv;
	int err = 0;

	sigaction(SIGBUS, &jump, &bus);
	sigaction(SIGSEGV, &jump, &segv);
	if (sigsetjmp(touch_return, 1))
		err = EFAULT;
	else if (store)
		*at = 0x5a;
	else
		(void)*at;
	sigaction(SIGBUS, &bus, NULL);
	sigaction(SIGSEGV, &segv, NULL);
	return err;
}

#define CLOSE_ALL(array, destroy)                                                                  \
	for (size_t i = 0; i < sizeof(array) / sizeof((array)[0]); i++)                            \
		if ((array)[i])                                                                    \
			destroy((array)[i])

/* Owners last. What cannot be destroyed any more goes with the context. */
void random_close_all(struct world *w)
{
	random_scribble_stop();
	CLOSE_ALL(w->qp, ibv_destroy_qp);
	CLOSE_ALL(w->ah, ibv_destroy_ah);
	CLOSE_ALL(w->srq, ibv_destroy_srq);
	CLOSE_ALL(w->mw, ibv_dealloc_mw);
	CLOSE_ALL(w->mr, ibv_dereg_mr);
	CLOSE_ALL(w->cq, ibv_destroy_cq);
	CLOSE_ALL(w->pd, ibv_dealloc_pd);
	ibv_close_device(w->context);
	for (size_t i = 0; i < sizeof(w->map) / sizeof(w->map[0]); i++)
		if (w->map[i].at)
			munmap(w->map[i].at, w->map[i].len);
	for (size_t i = 0; i < sizeof(w->dmabuf) / sizeof(w->dmabuf[0]); i++)
		close(w->dmabuf[i]);
	munmap(w->arena, RANDOM_ARENA);
}
