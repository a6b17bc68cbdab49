// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* See exporter_thief.h. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "exporter_thief.h"

/* Clear of the descriptors that exports get. */
#define LOOT_FD 500
#define NOTHING_CAUGHT_MS 20000
#define NEWS_SECONDS 30

struct thief {
	int slot;
	unsigned int wanted; /* tries begun */
	unsigned int caught; /* dma-bufs caught, one a try */
	unsigned int inners;
	bool stop;
};

static bool is_inner(int fd)
{
	char path[64], text[1024];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	return !guest_read_file(path, text, sizeof(text)) && strstr(text, "exp_name:\tvfio_pci_core");
}

static void *steal(void *arg)
{
	struct thief *thief = arg;

	while (!__atomic_load_n(&thief->stop, __ATOMIC_RELAXED)) {
		int fd;

		if (thief->caught == __atomic_load_n(&thief->wanted, __ATOMIC_ACQUIRE))
			continue;
		fd = fcntl(thief->slot, F_DUPFD_CLOEXEC, LOOT_FD);
		if (fd < 0)
			continue;
		thief->inners += is_inner(fd);
		close(fd);
		__atomic_store_n(&thief->caught, thief->caught + 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static bool has_caught(void *arg)
{
	struct thief *thief = arg;

	return __atomic_load_n(&thief->caught, __ATOMIC_ACQUIRE) == thief->wanted;
}

/* False: the thief did not do its work. */
static bool one_try(const struct exporter *exp, bool stock, struct thief *thief)
{
	struct exporter_range range = { 0, PAGE };
	bool caught;
	int fd;

	__atomic_store_n(&thief->wanted, thief->wanted + 1, __ATOMIC_RELEASE);
	if (stock)
		fd = exporter_stock(exp, exp->bar, O_RDWR | O_CLOEXEC, 0, 1, &range);
	else
		fd = exporter_export(exp, VFIOWC_MEMATTR_NC, 0, PAGE);
	assert_return_code(fd, -fd);
	/* Mostly it has by now, or is about to. */
	for (unsigned int i = 0; i < 1000 && !has_caught(thief); i++)
		sched_yield();
	caught = guest_wait_for(has_caught, thief, NOTHING_CAUGHT_MS);
	if (!caught)
		print_error("the dma-buf is descriptor %d, the thief looks at %d\n", fd, thief->slot);
	close(fd);
	return caught;
}

unsigned int exporter_thief_run(const struct exporter *exp, bool stock, unsigned int tries)
{
	time_t start = time(NULL), told = start;
	/* Not on the stack: a failed assertion leaves the thread behind. */
	static struct thief thief;
	pthread_t thread;

	thief = (struct thief){ .slot = dup(0) };
	close(thief.slot);
	assert_int_equal(pthread_create(&thread, NULL, steal, &thief), 0);
	while (thief.wanted < tries && one_try(exp, stock || thief.wanted % 2, &thief)) {
		if (time(NULL) - told < NEWS_SECONDS)
			continue;
		told = time(NULL);
		print_message("%lld s: %u tries of %u\n", (long long)(told - start), thief.wanted, tries);
		fflush(stdout);
	}
	__atomic_store_n(&thief.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	print_message("%lld s: %u dma-bufs caught in %u tries, %u of them core's\n", (long long)(time(NULL) - start),
		      thief.caught, thief.wanted, thief.inners);
	assert_int_equal(thief.caught, tries);
	return thief.inners;
}
