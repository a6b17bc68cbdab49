// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * The machinery of checked maps: traps are there only as long as a map needs them, signals that are the
 * program's own reach it, a revoked slice still gives SIGBUS, and what is left at exit is told.
 */
#include <dlfcn.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "check_fixture.h"

static sigjmp_buf out;
static volatile sig_atomic_t got;

/* The header's own function, compiled here because its address is taken. */
static void (*volatile flush)(void) = vfiowc_wc_flush;

/* And one more place to trap. */
static void (*volatile take_lock)(struct vfiowc_line_lock *lock) __attribute__((used)) = vfiowc_wc_lock;

#define ALL -1
static int refused; /* the n-th change of code from now is refused, as under a security policy; or ALL; or 0 */

int mprotect(void *address, size_t length, int prot)
{
	bool counts = prot & PROT_EXEC;

	if (counts && (refused == ALL || (refused && !--refused))) {
		errno = EACCES;
		return -1;
	}
	return syscall(SYS_mprotect, address, length, prot);
}

static void jump(int signal)
{
	got = signal;
	siglongjmp(out, 1);
}

static bool code_is(const unsigned char *expected)
{
	return !memcmp((const void *)(uintptr_t)flush, expected, 16);
}

static void traps_are_there_only_while_needed(void)
{
	unsigned char before[16];
	bool during, after;

	memcpy(before, (const void *)(uintptr_t)flush, sizeof(before));
	open_device("7");
	during = !code_is(before);
	close_device();
	after = code_is(before);
	flush();
	tap_result(during && after, "traps_are_there_only_while_needed", "during %d, after %d", during, after);
}

static void code_that_must_not_change_makes_no_checked_map(void)
{
	unsigned char before[16];
	bool made, changed;
	int i, left;

	memcpy(before, (const void *)(uintptr_t)flush, sizeof(before));
	refused = ALL;
	for (i = 0, made = false; !made && i < 100; i++) {
		made = open_device("7");
		close_device();
	}
	refused = 0;
	tap_result(!made, "code_that_must_not_change_makes_no_checked_map", "try %d made one", i);
	for (i = 1;; i++) { /* until so many changes are not made */
		refused = i;
		made = open_device("7");
		changed = !code_is(before);
		left = refused;
		refused = 0;
		close_device();
		if (left || made || changed)
			break;
	}
	tap_result(left && made && changed && i > 4, "map_that_fails_half_way_leaves_no_trap",
		   "change %d: made %d, traps %d, %d left", i, made, changed, left);
}

#ifdef CHECK_MODULE
/* A page of zeros, where @function's code was; NULL: something else is there. */
static unsigned char *take_place(void (*function)(void))
{
	uintptr_t bytes = sysconf(_SC_PAGESIZE);
	void *place = (void *)((uintptr_t)function / bytes * bytes);

	return mmap(place, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == place ?
	       place : NULL;
}

static bool is_zero(const unsigned char *page)
{
	long i;

	for (i = 0; i < sysconf(_SC_PAGESIZE); i++)
		if (page[i])
			return false;
	return true;
}

static void object_may_be_unloaded_between_two_maps(void)
{
	void *module = dlopen(CHECK_MODULE, RTLD_NOW);
	void (*module_flush)(void) = NULL;
	unsigned char byte = 0, *place = NULL;
	bool made;

	if (module)
		*(void **)&module_flush = dlsym(module, "check_module_flush");
	open_device("7");
	if (module_flush) {
		t.wc[0] = 1;
		module_flush();
		byte = arrived(0);
	}
	close_device();
	if (module && !dlclose(module))
		place = take_place(module_flush);
	made = open_device("7");
	close_device();
	tap_result(byte == 1 && place && made && is_zero(place), "object_may_be_unloaded_between_two_maps",
		   "arrived %d, unloaded %d, second map %d", byte, !!place, made);
}
#endif

/* As cmocka does for each of its tests. */
static void signals_that_were_taken_since_are_taken_back(void)
{
	volatile unsigned char byte = 0; /* a jump must not lose it */

	signal(SIGSEGV, jump);
	signal(SIGTRAP, jump);
	got = 0;
	open_device("7");
	if (!sigsetjmp(out, 1)) {
		t.wc[0] = 1;
		flush();
		byte = arrived(0);
	}
	close_device();
	tap_result(!got && byte == 1, "signals_that_were_taken_since_are_taken_back", "signal %d", (int)got);
}

static void a_fault_elsewhere_reaches_the_program(void)
{
	static volatile char *page;

	page = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	got = 0;
	if (!sigsetjmp(out, 1))
		*page = 1;
	tap_result(got == SIGSEGV, "a_fault_elsewhere_reaches_the_program", "signal %d", (int)got);
	got = 0;
	if (!sigsetjmp(out, 1))
		raise(SIGTRAP);
	tap_result(got == SIGTRAP, "a_trap_elsewhere_reaches_the_program", "signal %d", (int)got);
}

/* A slice is revoked by taking the file's bytes away. */
static void a_store_to_a_revoked_slice_gives_sigbus(void)
{
	open_device("7");
	t.wc[0] = 1;
	if (ftruncate(t.file, 0))
		abort();
	signal(SIGBUS, jump);
	got = 0;
	if (!sigsetjmp(out, 1))
		t.wc[t.page_bytes] = 1;
	tap_result(got == SIGBUS, "a_store_to_a_revoked_slice_gives_sigbus", "signal %d", (int)got);
	got = 0;
	if (!sigsetjmp(out, 1)) {
		flush(); /* what was stored before is gone with the slice */
		(void)t.wc[0];
	}
	tap_result(got == SIGBUS, "a_flush_to_a_revoked_slice_gives_sigbus_at_the_next_load", "signal %d", (int)got);
	signal(SIGBUS, SIG_DFL);
	close_device();
}

static void what_is_left_at_exit_is_printed(void)
{
	char text[1024] = "";
	int pipe_fd[2], status = -1;
	pid_t child;
	ssize_t n;

	if (pipe(pipe_fd))
		abort();
	child = fork();
	if (!child) {
		dup2(pipe_fd[1], 2);
		open_device("7");
		vfiowc_set_check_report(NULL, NULL);
		t.wc[t.page_bytes + 3] = 1;
		exit(0);
	}
	close(pipe_fd[1]);
	for (size_t at = 0; (n = read(pipe_fd[0], text + at, sizeof(text) - 1 - at)) > 0;)
		at += n;
	waitpid(child, &status, 0);
	tap_result(!status && strstr(text, "0000:02:00.0 BAR 2 offset 0x101000: 1 bytes never arrived") &&
		   strstr(text, "; mapped at ") && strstr(text, "; seed 7\n"),
		   "what_is_left_at_exit_is_printed", "status 0x%x: %s", status, text);
}

int main(void)
{
	/* Before the first map: these the checker must pass on to. */
	signal(SIGSEGV, jump);
	signal(SIGTRAP, jump);
	traps_are_there_only_while_needed();
	code_that_must_not_change_makes_no_checked_map();
#ifdef CHECK_MODULE
	object_may_be_unloaded_between_two_maps();
#endif
	signals_that_were_taken_since_are_taken_back();
	a_fault_elsewhere_reaches_the_program();
	a_store_to_a_revoked_slice_gives_sigbus();
	if (sysconf(_SC_PAGESIZE) == 4096)
		what_is_left_at_exit_is_printed();
	else
		tap_skip("what_is_left_at_exit_is_printed", "the offset expected is that of 4096-byte pages");
	return tap_end();
}
