// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* `vfiowc run`: starting a program with the preload library and the targets. See run.h. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.h"
#include "vfiowc.h"

extern char **environ;

/* State of a listening socket in /proc/net/tcp. */
#define TCP_LISTEN 0x0a

static int set_targets(const struct run *run, enum run_end end)
{
	char all[HANDOVER_MAX * (HANDOVER_LEN + 1)] = "";
	size_t used = 0;
	int err = 0;

	for (unsigned int i = 0; !err && i < run->num_targets; i++) {
		const struct run_target *target = &run->targets[i];
		struct handover handover = {
			.dmabuf_fd = target->buffers[end].fd,
			.device_fd = target->dev ? vfiowc_device_fd(target->dev) : -1,
			.type = target->kind == RUN_VFIO ? run->type : HANDOVER_SYSTEM,
			.inode = target->buffers[end].inode,
			.bytes = target->buffers[end].bytes,
		};

		if (i)
			all[used++] = ';';
		err = handover_format(&handover, all + used, HANDOVER_LEN);
		used += strlen(all + used);
	}
	return err ? err : setenv(HANDOVER_TARGETS, all, 1) ? errno : 0;
}

static int set_preload(void)
{
	static char first[4096];
	const char *others;

	/* Once is enough: the environment keeps it for the second end. */
	if (first[0])
		return 0;
	if (access(VFIOWC_PRELOAD, R_OK)) {
		int err = errno;

		tool_error(VFIOWC_PRELOAD, "%s; it is installed with the vfiowc tool", strerror(err));
		return err;
	}
	others = getenv("LD_PRELOAD");
	snprintf(first, sizeof(first), VFIOWC_PRELOAD "%s%s", others ? ":" : "", others ? others : "");
	return setenv("LD_PRELOAD", first, 1) ? errno : 0;
}

static int set_report(const struct run *run)
{
	struct handover_report report = { .fd = run->report_fd };
	char text[HANDOVER_LEN];
	struct stat st;
	int err;

	if (fstat(run->report_fd, &st))
		return errno;
	report.device = st.st_dev;
	report.inode = st.st_ino;
	err = handover_report_format(&report, text, sizeof(text));
	return err ? err : setenv(HANDOVER_REPORT, text, 1) ? errno : 0;
}

static int set_environment(const struct run *run, enum run_end end)
{
	int err = set_preload();

	if (!err)
		err = set_targets(run, end);
	if (!err)
		err = run_set_wcs(run);
	if (!err)
		err = set_report(run);
	if (!err && (run->inline_data ? setenv(HANDOVER_INLINE, "1", 1) : unsetenv(HANDOVER_INLINE)))
		err = errno;
	return err;
}

/* adddup2() onto the same number only clears FD_CLOEXEC, in the child alone. */
static int inherit(const struct run *run, enum run_end end, int out,
		   posix_spawn_file_actions_t *actions)
{
	int err = posix_spawn_file_actions_adddup2(actions, run->report_fd, run->report_fd);

	for (unsigned int i = 0; !err && i < run->num_targets; i++) {
		const struct run_target *target = &run->targets[i];
		int fd = target->buffers[end].fd;

		err = posix_spawn_file_actions_adddup2(actions, fd, fd);
		fd = target->dev ? vfiowc_device_fd(target->dev) : -1;
		if (!err && fd >= 0)
			err = posix_spawn_file_actions_adddup2(actions, fd, fd);
	}
	if (!err && out >= 0)
		err = posix_spawn_file_actions_adddup2(actions, out, STDOUT_FILENO);
	return err;
}

/*
 * This process handles signals that are the program's to die of. The server is in a group of its own: the
 * terminal's Ctrl-C is not for it (see run_loop.c).
 */
static int default_signals(posix_spawnattr_t *attr, enum run_end end)
{
	short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
	sigset_t handled, none;
	int err;

	sigemptyset(&none);
	sigemptyset(&handled);
	sigaddset(&handled, SIGINT);
	sigaddset(&handled, SIGTERM);
	sigaddset(&handled, SIGHUP);
	err = posix_spawnattr_setsigdefault(attr, &handled);
	if (!err)
		err = posix_spawnattr_setsigmask(attr, &none);
	if (!err && end == RUN_SERVER) {
		flags |= POSIX_SPAWN_SETPGROUP;
		err = posix_spawnattr_setpgroup(attr, 0);
	}
	return err ? err : posix_spawnattr_setflags(attr, flags);
}

int run_spawn(const struct run *run, enum run_end end, char *const argv[], int out,
	      struct run_child *child)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int err = set_environment(run, end);

	if (err)
		return err;
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	err = inherit(run, end, out, &actions);
	if (!err)
		err = default_signals(&attr, end);
	if (!err)
		err = posix_spawnp(&child->pid, argv[0], &actions, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	if (err) {
		child->pid = 0;
		tool_error(argv[0], "cannot be started: %s", strerror(err));
		return err;
	}
	child->pidfd = pidfd_open(child->pid, 0);
	if (child->pidfd < 0) {
		err = errno;
		tool_error(argv[0], "pidfd_open: %s", strerror(err));
		kill(child->pid, SIGKILL);
	}
	return err;
}

bool run_child_ended(struct run_child *child)
{
	if (child->ended || !child->pid)
		return true;
	child->ended = waitpid(child->pid, &child->status, WNOHANG) == child->pid;
	return child->ended;
}

/* "  sl  local_address rem_address   st ... inode": the tenth column. */
static bool socket_listens(const char *table, unsigned long inode)
{
	unsigned long found;
	unsigned int state;
	char line[512];
	bool listens = false;
	FILE *file = fopen(table, "re");

	if (!file)
		return false;
	while (!listens && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%*s %*s %*s %x %*s %*s %*s %*s %*s %lu", &state, &found) == 2)
			listens = state == TCP_LISTEN && found == inode;
	}
	fclose(file);
	return listens;
}

bool run_child_listens(const struct run_child *child)
{
	char path[300], link[64];
	struct dirent *entry;
	bool listens = false;
	unsigned long inode;
	ssize_t n;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", child->pid);
	dir = opendir(path);
	while (dir && !listens && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%s", child->pid, entry->d_name);
		n = readlink(path, link, sizeof(link) - 1);
		link[n < 0 ? 0 : n] = '\0';
		if (sscanf(link, "socket:[%lu]", &inode) == 1)
			listens = socket_listens("/proc/net/tcp", inode) ||
				  socket_listens("/proc/net/tcp6", inode);
	}
	if (dir)
		closedir(dir);
	return listens;
}
