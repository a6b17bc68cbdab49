// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Helpers of the guest's test programs: sysfs, modules, shell commands, SIGBUS. The kernel log is in
 * guest_log.c, VFIO in guest_vfio.c.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

#define PCI_DEVICES "/sys/bus/pci/devices"
#define COMMAND_MAX 4096

/* Beside the directory of the tests. */
void guest_example(const char *name, char *path, size_t len)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	assert_true(n > 0);
	self[n] = '\0';
	snprintf(path, len, "%s/examples/%s", dirname(dirname(self)), name);
}

int guest_read_file(const char *path, char *text, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err = 0;
	ssize_t n;

	if (fd < 0)
		return errno;
	n = read(fd, text, len - 1);
	if (n < 0)
		err = errno;
	else
		text[n > 0 && text[n - 1] == '\n' ? n - 1 : n] = '\0';
	close(fd);
	return err;
}

int guest_write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		err = errno;
	close(fd);
	return err;
}

static bool has_id(const char *bdf, const char *file, uint16_t id)
{
	char path[PATH_MAX], text[32];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s", bdf, file);
	return !guest_read_file(path, text, sizeof(text)) && strtoul(text, NULL, 16) == id;
}

int guest_find_pci(uint16_t vendor, uint16_t device, char bdf[static GUEST_BDF_LEN])
{
	struct dirent **names;
	int err = ENODEV;
	int n = scandir(PCI_DEVICES, &names, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		const char *name = names[i]->d_name;

		if (err && strlen(name) == GUEST_BDF_LEN - 1 && has_id(name, "vendor", vendor) &&
		    has_id(name, "device", device)) {
			memcpy(bdf, name, GUEST_BDF_LEN);
			err = 0;
		}
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	return err;
}

/* The first entry of a folder of the function's in sysfs. */
static int find_child(const char *bdf, const char *folder, char *name, size_t len)
{
	char path[PATH_MAX];
	struct dirent *entry;
	int err = ENODEV;
	DIR *dir;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s", bdf, folder);
	dir = opendir(path);
	if (!dir)
		return ENODEV;
	while (err && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, len, "%s", entry->d_name);
		err = 0;
	}
	closedir(dir);
	return err;
}

int guest_find_netdev(const char *bdf, char *name, size_t len)
{
	return find_child(bdf, "net", name, len);
}

int guest_find_nvme(const char *bdf, char *name, size_t len)
{
	return find_child(bdf, "nvme", name, len);
}

int guest_driver(const char *bdf, char *name, size_t len)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s", bdf);
	if (access(path, F_OK))
		return ENODEV;
	strncat(path, "/driver", sizeof(path) - strlen(path) - 1);
	n = readlink(path, target, sizeof(target) - 1);
	target[n < 0 ? 0 : n] = '\0';
	snprintf(name, len, "%s", n < 0 ? "" : basename(target));
	return 0;
}

static int unbind(const char *bdf)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/driver/unbind", bdf);
	return guest_write_file(path, bdf);
}

int guest_bind(const char *bdf, const char *driver)
{
	char path[PATH_MAX], now[64];
	int err = guest_driver(bdf, now, sizeof(now));

	if (err || strcmp(now, driver ? driver : "") == 0)
		return err;
	if (now[0]) {
		err = unbind(bdf);
		if (err)
			return err;
	}
	snprintf(path, sizeof(path), PCI_DEVICES "/%s/driver_override", bdf);
	err = guest_write_file(path, driver ? driver : "\n");
	if (err || !driver)
		return err;
	err = guest_write_file("/sys/bus/pci/drivers_probe", bdf);
	if (err)
		return err;
	guest_driver(bdf, now, sizeof(now));
	return strcmp(now, driver) ? ENXIO : 0;
}

static int run_command(const char *command)
{
	int status;

	/* The command writes to the same descriptors: what was printed before it must come first. */
	fflush(NULL);
	status = system(command);
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	return WEXITSTATUS(status);
}

int guest_run(const char *fmt, ...)
{
	char command[COMMAND_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	return run_command(command);
}

int guest_capture(char *out, size_t len, const char *fmt, ...)
{
	char command[COMMAND_MAX];
	size_t used = 0, n;
	va_list args;
	FILE *pipe;
	int status;

	va_start(args, fmt);
	n = snprintf(command, sizeof(command), "exec 2>&1; ");
	vsnprintf(command + n, sizeof(command) - n, fmt, args);
	va_end(args);
	fflush(NULL);
	pipe = popen(command, "re");
	if (!pipe)
		return 127;
	while ((n = fread(out + used, 1, len - 1 - used, pipe)) > 0)
		used += n;
	out[used] = '\0';
	/* A full buffer must not leave the writer blocked or dead of SIGPIPE. */
	while (getc(pipe) != EOF)
		;
	status = pclose(pipe);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int guest_modprobe(const char *module)
{
	return guest_run("modprobe %s", module) ? EIO : 0;
}

int guest_rmmod(const char *module)
{
	return guest_run("rmmod %s", module) ? EIO : 0;
}

static int open_config(const char *bdf)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/config", bdf);
	return open(path, O_RDWR | O_CLOEXEC);
}

int guest_config_read(const char *bdf, unsigned int offset, unsigned int width, uint32_t *value)
{
	int fd = open_config(bdf);
	int err = 0;

	if (fd < 0)
		return errno;
	*value = 0;
	if (pread(fd, value, width, offset) != (ssize_t)width)
		err = EIO;
	close(fd);
	return err;
}

int guest_config_write(const char *bdf, unsigned int offset, unsigned int width, uint32_t value)
{
	int fd = open_config(bdf);
	int err = 0;

	if (fd < 0)
		return errno;
	if (pwrite(fd, &value, width, offset) != (ssize_t)width)
		err = EIO;
	close(fd);
	return err;
}

static __thread sigjmp_buf *sigbus_return;

static void on_sigbus(int signo)
{
	if (sigbus_return)
		siglongjmp(*sigbus_return, 1);
	/* Not ours: die of it, as without a handler. */
	signal(signo, SIG_DFL);
	raise(signo);
}

bool guest_sigbus(void (*fn)(void *arg), void *arg)
{
	const struct sigaction action = { .sa_handler = on_sigbus };
	sigjmp_buf here;
	bool raised;

	sigaction(SIGBUS, &action, NULL);
	raised = sigsetjmp(here, 1);
	if (!raised) {
		sigbus_return = &here;
		fn(arg);
	}
	sigbus_return = NULL;
	return raised;
}

static void read8(void *arg)
{
	(void)*(volatile const uint8_t *)arg;
}

bool guest_sigbus_read8(volatile const void *address)
{
	return guest_sigbus(read8, (void *)(uintptr_t)address);
}

struct write8 {
	volatile uint8_t *address;
	uint8_t value;
};

static void write8(void *arg)
{
	struct write8 *w = arg;

	*w->address = w->value;
}

bool guest_sigbus_write8(volatile void *address, uint8_t value)
{
	return guest_sigbus(write8, &(struct write8){ address, value });
}

/* The debug kernels of `./lab --debug-kernel` are that much slower; run-tests has the same factor. */
unsigned int guest_ms(unsigned int ms)
{
	static unsigned int slowness;
	struct utsname name;

	if (!slowness)
		slowness = !uname(&name) && strstr(name.release, "-vfiowc-") ? 5 : 1;
	return ms * slowness;
}

bool guest_wait_for(bool (*done)(void *arg), void *arg, unsigned int timeout_ms)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	struct timespec now, end;

	timeout_ms = guest_ms(timeout_ms);
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += timeout_ms / 1000;
	end.tv_nsec += timeout_ms % 1000 * 1000000L;
	for (;;) {
		if (done(arg))
			return true;
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > end.tv_sec + 1 ||
		    (now.tv_sec - end.tv_sec) * 1000000000L + now.tv_nsec > end.tv_nsec)
			return false;
		nanosleep(&ms, NULL);
	}
}

bool guest_in_kernel(void *pid)
{
	char path[64], text[512], state = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", *(pid_t *)pid);
	if (!guest_read_file(path, text, sizeof(text)))
		sscanf(strrchr(text, ')'), ") %c", &state);
	return state == 'D';
}
