// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Litmus tests of rules O2, O3, O4, O10 and O11 on checked maps, and the bugs others shipped: the right
 * sequence arrives and is not reported, the wrong one does not arrive and is. Runs on any machine.
 */
#include <semaphore.h>
#include "check_fixture.h"

static uint32_t nc_word;

/* Each test returns what was wrong, or NULL. */
#define expect(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			return #condition;                                                         \
	} while (0)

static const char *flushed_stores_arrive_O2(void)
{
	t.wc[5] = 1;
	t.wc[t.page_bytes + 70] = 2;
	expect(!arrived(5) && !arrived(t.page_bytes + 70));
	vfiowc_wc_flush();
	expect(arrived(5) == 1 && arrived(t.page_bytes + 70) == 2);
	t.wc[5] = 3; /* after a flush all begins anew */
	expect(arrived(5) == 1);
	vfiowc_wc_flush();
	expect(arrived(5) == 3);
	expect(!close_device());
	return NULL;
}

static const char *unflushed_stores_never_arrive_and_are_reported_O2(void)
{
	t.wc[t.page_bytes + 64] = 1;
	t.wc[t.page_bytes + 65] = 1;
	vfiowc_ring32(&nc_word, 1);
	expect(!arrived(t.page_bytes + 64));
	expect(close_device() == 1);
	expect(t.last.bar == 2 && t.last.offset == BAR_OFFSET + t.page_bytes + 64);
	expect(t.last.bytes == 2 && t.last.caller == origin && t.last.thread == gettid());
	expect(!strcmp(t.last.pci_address, "0000:02:00.0") && t.last.seed == 7);
	return NULL;
}

static const char *a_flush_in_front_of_the_stores_is_none_O2(void)
{
	vfiowc_wc_flush();
	t.wc[0] = 1;
	vfiowc_ring32(&nc_word, 1);
	expect(!arrived(0));
	expect(close_device() == 1);
	return NULL;
}

/* The device is rung twice; what the first ring was for is gone. */
static const char *a_buffer_reused_before_its_flush_loses_the_first_O2(void)
{
	t.wc[0] = 1;
	vfiowc_ring32(&nc_word, 1);
	expect(arrived(0) == 0);
	t.wc[0] = 2;
	vfiowc_wc_flush();
	vfiowc_ring32(&nc_word, 2);
	expect(arrived(0) == 2);
	expect(!close_device());
	return NULL;
}

/* A fence that a short copy's path leaves out shows for the lengths that take that path. */
static const char *copies_of_every_length_arrive_with_their_flush_O2(void)
{
	size_t length;

	for (length = 1; length < 200; length++) {
		for (size_t i = 0; i < length; i++)
			t.wc[i] = length;
		if (length < 8)
			expect(arrived(length - 1) != length);
		vfiowc_wc_flush();
		for (size_t i = 0; i < length; i++)
			expect(arrived(i) == length);
	}
	expect(!close_device());
	return NULL;
}

static const char *a_wc_bell_posts_itself_and_what_came_before_O3(void)
{
	uint32_t bell = 0;

	t.wc[100] = 1;
	vfiowc_ring32_wc((volatile void *)(t.wc + 2 * t.page_bytes), 0x01020304);
	expect(arrived(100) == 1);
	expect(pread(t.file, &bell, 4, 2 * t.page_bytes) == 4 && bell == 0x01020304);
	expect(!close_device());
	return NULL;
}

/* The NIC reads the device's memory by another path. */
static const char *delivered_stores_are_there_for_the_nic_O4(void)
{
	t.wc[9] = 1;
	expect(!arrived(9)); /* posted now, the NIC would send what was there before */
	vfiowc_deliver(&nc_word);
	expect(arrived(9) == 1);
	expect(!close_device());
	return NULL;
}

static struct {
	struct vfiowc_line_lock lock;
	bool flush;
	sem_t may_go;
} second;

static void *stores_under_the_lock(void *value)
{
	vfiowc_wc_lock(&second.lock);
	t.wc[8] = (uintptr_t)value;
	if (second.flush)
		vfiowc_wc_unlock(&second.lock);
	else
		__atomic_store_n(&second.lock.taken, 0, __ATOMIC_RELEASE); /* a lock as others are */
	sem_wait(&second.may_go);
	return NULL;
}

/* Another thread stores to a line under the lock, then this one does. */
static pid_t two_threads(bool flush, pthread_t *thread)
{
	second.flush = flush;
	second.lock = (struct vfiowc_line_lock){};
	sem_init(&second.may_go, 0, 0);
	pthread_create(thread, NULL, stores_under_the_lock, (void *)1);
	while (!t.map.check->pages[0].dirty && !arrived(8))
		usleep(1000);
	vfiowc_wc_lock(&second.lock);
	t.wc[0] = 2;
	vfiowc_wc_unlock(&second.lock);
	return gettid();
}

static const char *a_lock_that_flushes_hands_the_line_over_O10(void)
{
	pthread_t thread;

	two_threads(true, &thread);
	expect(arrived(8) == 1 && arrived(0) == 2);
	sem_post(&second.may_go);
	pthread_join(thread, NULL);
	expect(!close_device());
	return NULL;
}

static const char *a_lock_without_a_flush_leaves_the_line_behind_O10(void)
{
	pthread_t thread;
	pid_t self = two_threads(false, &thread);

	/* The second command is there without the first: an inversion. */
	expect(arrived(0) == 2 && arrived(8) == 0);
	sem_post(&second.may_go);
	pthread_join(thread, NULL);
	expect(close_device() == 1);
	expect(t.last.thread != self && t.last.offset == BAR_OFFSET && t.last.bytes == 1);
	return NULL;
}

static const char *the_views_agree_after_deliver_only_O11(void)
{
	t.wc[3] = 1;
	expect(t.wc[3] == 1 && !arrived(3)); /* its own stores a thread sees at once */
	vfiowc_deliver(&nc_word);
	expect(arrived(3) == 1);
	device_writes(3, 2); /* through NC, or by a NIC */
	expect(t.wc[3] == 2);
	expect(!close_device());
	return NULL;
}

static const char *bytes_beside_a_store_stay_the_devices(void)
{
	t.wc[10] = 1;
	device_writes(11, 9); /* a NIC writes into the same line meanwhile */
	vfiowc_wc_flush();
	expect(arrived(10) == 1 && arrived(11) == 9);
	expect(!close_device());
	return NULL;
}

#define LINES 32

static bool store_lines_and_flush(const char *seed, size_t *order)
{
	bool sorted = true;

	if (!open_device(seed))
		abort();
	for (int i = 0; i < LINES; i++)
		t.wc[i * VFIOWC_LINE_BYTES] = i + 1;
	vfiowc_wc_flush();
	memcpy(order, t.copied_at, LINES * sizeof(*order));
	for (int i = 1; i < LINES; i++)
		sorted &= order[i] > order[i - 1];
	if (t.copies != LINES)
		abort();
	close_device();
	return sorted;
}

static const char *lines_arrive_in_an_order_that_the_seed_decides(void)
{
	size_t a[LINES], again[LINES], b[LINES];

	close_device();
	expect(!store_lines_and_flush("1", a));
	expect(!store_lines_and_flush("1", again));
	expect(!store_lines_and_flush("2", b));
	expect(!memcmp(a, again, sizeof(a)));
	expect(memcmp(a, b, sizeof(a)));
	return NULL;
}

#define THREADS 4
#define ROUNDS 300

static void *owns_a_line(void *line)
{
	volatile unsigned char *mine = t.wc + (uintptr_t)line * VFIOWC_LINE_BYTES;
	uintptr_t wrong = 0;

	for (int i = 1; i <= ROUNDS; i++) {
		*mine = i;
		vfiowc_wc_flush();
		wrong += arrived((uintptr_t)line * VFIOWC_LINE_BYTES) != (unsigned char)i;
	}
	return (void *)wrong;
}

static const char *threads_with_lines_of_their_own_need_no_lock_O10(void)
{
	pthread_t thread[THREADS];
	uintptr_t wrong = 0;
	void *result;

	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, owns_a_line, (void *)i);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(thread[i], &result);
		wrong += (uintptr_t)result;
	}
	expect(!wrong);
	expect(!close_device());
	return NULL;
}

static const struct {
	const char *name;
	const char *(*run)(void);
} tests[] = {
#define test(f) { #f, f }
	test(flushed_stores_arrive_O2),
	test(unflushed_stores_never_arrive_and_are_reported_O2),
	test(a_flush_in_front_of_the_stores_is_none_O2),
	test(a_buffer_reused_before_its_flush_loses_the_first_O2),
	test(copies_of_every_length_arrive_with_their_flush_O2),
	test(a_wc_bell_posts_itself_and_what_came_before_O3),
	test(delivered_stores_are_there_for_the_nic_O4),
	test(a_lock_that_flushes_hands_the_line_over_O10),
	test(a_lock_without_a_flush_leaves_the_line_behind_O10),
	test(threads_with_lines_of_their_own_need_no_lock_O10),
	test(the_views_agree_after_deliver_only_O11),
	test(bytes_beside_a_store_stay_the_devices),
	test(lines_arrive_in_an_order_that_the_seed_decides),
};

int main(void)
{
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		const char *wrong = "the fixture could not be set up";

		if (open_device("7"))
			wrong = tests[i].run();
		tap_result(!wrong, tests[i].name, "not so: %s", wrong);
	}
	return tap_end();
}
