// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * The two signals of checked maps: SIGSEGV is a store to a page that is the device's, SIGTRAP a call
 * of the ordering header. Both are synchronous: the handler runs where a function call could
 * stand. Signals that are neither go to the handler that was there before.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include "check.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction old_segv, old_trap;

void vfiowc_check_lock(sigset_t *before)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, before);
	pthread_mutex_lock(&lock);
}

void vfiowc_check_unlock(const sigset_t *before)
{
	pthread_mutex_unlock(&lock);
	pthread_sigmask(SIG_SETMASK, before, NULL);
}

static void pass_on(const struct sigaction *old, int signal, siginfo_t *info, void *context)
{
	if (old->sa_flags & SA_SIGINFO) {
		old->sa_sigaction(signal, info, context);
	} else if (old->sa_handler != SIG_DFL && old->sa_handler != SIG_IGN) {
		old->sa_handler(signal);
	} else {
		struct sigaction standard = { .sa_handler = SIG_DFL };

		sigaction(signal, &standard, NULL);
		/* The fault comes again at its own place; whatever else it was does not. */
		if (signal != SIGSEGV || info->si_code <= 0)
			raise(signal);
	}
}

static void on_segv(int signal, siginfo_t *info, void *context)
{
	int err = errno;

	if (info->si_code != SEGV_ACCERR || !vfiowc_check_store(info->si_addr))
		pass_on(&old_segv, signal, info, context);
	errno = err;
}

#if defined(__x86_64__)
#define TRAP_BYTES 1 /* the program counter is behind the trap */
#define program_counter(context) ((context)->uc_mcontext.gregs[REG_RIP])
#else
#define TRAP_BYTES 0
#define program_counter(context) ((context)->uc_mcontext.pc)
#endif

static void on_trap(int signal, siginfo_t *info, void *ucontext)
{
	ucontext_t *context = ucontext;
	uintptr_t site = program_counter(context) - TRAP_BYTES;
	unsigned int length;
	enum check_call call;
	int err = errno;
	sigset_t before;

	vfiowc_check_lock(&before);
	length = vfiowc_check_find_site(site, &call);
	vfiowc_check_unlock(&before);
	if (length) {
		vfiowc_check_call(call);
		program_counter(context) = site + length;
	} else {
		pass_on(&old_trap, signal, info, context);
	}
	errno = err;
}

static int install(int signal, void (*handler)(int, siginfo_t *, void *), struct sigaction *old)
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART |
				    SA_NODEFER | SA_ONSTACK };
	struct sigaction now;

	if (sigaction(signal, &action, &now))
		return errno;
	if (now.sa_sigaction != handler)
		*old = now;
	return 0;
}

/* For each map anew: a test framework, say, takes the signals for each of its tests. */
int vfiowc_check_install_handlers(void)
{
	int err = install(SIGSEGV, on_segv, &old_segv);

	return err ? err : install(SIGTRAP, on_trap, &old_trap);
}
