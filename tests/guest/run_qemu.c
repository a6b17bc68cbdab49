// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * `vfiowc run --wc` with a VFIO program that nobody here wrote: Debian's QEMU, to which the device is assigned
 * (-device vfio-pci). It maps the BAR of the device fd and lets its guest store there. In place of a guest the
 * test commands it over QEMU's qtest socket: programs the BAR, switches decode on, stores and loads.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run_fixture.h"

#define SOCKET "/tmp/run_qemu.qtest"
#define STDERR "/tmp/run_qemu.stderr"
/* Where QEMU's machine has the BAR: in its window for PCI. */
#define BAR_ADDRESS 0xe0000000ULL
/* Slot of the assigned device, of the emulated bus 0; configuration mechanism 1. */
#define SLOT 4
#define CONFIG_ADDRESS(reg) (0x80000000U | SLOT << 11 | (reg))

/* QEMU under `vfiowc run`, and the connection to it. */
struct qemu {
	pid_t run;
	FILE *socket;
	unsigned int pid;
	uint64_t address; /* of the part, in QEMU's address space */
};

static pid_t start(const char *options)
{
	char command[1024];
	pid_t child;

	unlink(SOCKET);
	snprintf(command, sizeof(command),
		 "exec vfiowc run %s -- qemu-system-x86_64 -machine pc -accel qtest -m 16M -nodefaults "
		 "-no-user-config -display none -device vfio-pci,host=%s,addr=%d "
		 "-qtest unix:" SOCKET ",server=on,wait=off -qtest-log none 2>" STDERR, options, run_bdf(), SLOT);
	fflush(NULL);
	child = fork();
	if (!child) {
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	return child;
}

static bool connected(void *arg)
{
	const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = SOCKET };
	int *fd = arg;

	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!connect(*fd, (const struct sockaddr *)&address, sizeof(address)))
		return true;
	close(*fd);
	return false;
}

static void show_stderr(void)
{
	char text[8192];

	if (!guest_read_file(STDERR, text, sizeof(text)))
		print_message("%s\n", text);
}

/* One command; what is behind "OK". */
static uint64_t command(const struct qemu *qemu, const char *fmt, ...)
{
	uint64_t value = 0;
	char line[128];
	va_list args;

	va_start(args, fmt);
	vfprintf(qemu->socket, fmt, args);
	va_end(args);
	fflush(qemu->socket);
	/* Interrupts of the emulated machine are told in between. */
	do {
		if (!fgets(line, sizeof(line), qemu->socket))
			fail_msg("QEMU has hung up");
	} while (!strncmp(line, "IRQ", 3));
	if (strncmp(line, "OK", 2))
		fail_msg("%s: %s", fmt, line);
	sscanf(line, "OK %" SCNx64, &value);
	return value;
}

static void write_config(const struct qemu *qemu, unsigned int reg, uint32_t value)
{
	command(qemu, "outl 0xcf8 0x%x\n", CONFIG_ADDRESS(reg));
	command(qemu, "outl 0xcfc 0x%x\n", value);
}

/* What the preload library said of QEMU's mapping. */
static void find_part(struct qemu *qemu)
{
	char text[8192] = "", *line;

	guest_read_file(STDERR, text, sizeof(text));
	line = strstr(text, "vfiowc-preload: wc ");
	if (!line) {
		print_message("%s\n", text);
		fail_msg("nothing was said of a write-combined part");
	}
	assert_non_null(strstr(line, "program=qemu-system-x86_64 "));
	assert_int_equal(sscanf(strstr(line, "pid="), "pid=%u", &qemu->pid), 1);
	assert_int_equal(sscanf(strstr(line, "address="), "address=%" SCNx64, &qemu->address), 1);
	assert_non_null(strstr(line, "requested=wc pte=wc"));
}

static void boot(struct qemu *qemu, const char *options)
{
	int fd;

	*qemu = (struct qemu) { .run = start(options) };
	if (!guest_wait_for(connected, &fd, 60000)) {
		show_stderr();
		kill(qemu->run, SIGTERM);
		fail_msg("QEMU has not come up");
	}
	qemu->socket = fdopen(fd, "r+");
	assert_non_null(qemu->socket);
	setvbuf(qemu->socket, NULL, _IONBF, 0);
	write_config(qemu, 0x18, BAR_ADDRESS);
	write_config(qemu, 0x1c, 0);
	write_config(qemu, 0x04, 0x2); /* memory decode */
}

/* QEMU ends in order when it is told to; status of `vfiowc run`. */
static int shut_down(struct qemu *qemu)
{
	int status;

	kill(qemu->run, SIGTERM);
	assert_int_equal(waitpid(qemu->run, &status, 0), qemu->run);
	fclose(qemu->socket);
	if (status)
		show_stderr();
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* What QEMU stored, read through VFIO when it is gone. */
static uint32_t word_of_bar(uint64_t offset)
{
	struct exporter exp = { .bar = RUN_BAR };
	volatile uint32_t *map;
	uint32_t word;
	int fd;

	snprintf(exp.bdf, sizeof(exp.bdf), "%s", run_bdf());
	exporter_open_at(&exp, EXPORTER_DRIVER);
	fd = exporter_export(&exp, VFIOWC_MEMATTR_NC, offset / PAGE * PAGE, PAGE);
	map = exporter_mmap(fd, PAGE);
	word = map[offset % PAGE / 4];
	close(fd);
	exporter_close(&exp);
	return word;
}

static void qemu_stores_through_a_write_combined_part(void **state)
{
	char options[64];
	struct qemu qemu;

	(void)state;
	snprintf(options, sizeof(options), "--wc %s:%d+1M:2M", run_bdf(), RUN_BAR);
	boot(&qemu, options);
	command(&qemu, "writel 0x%" PRIx64 " 0x11223344\n", (uint64_t)(BAR_ADDRESS + RUN_PART + 8));
	command(&qemu, "writel 0x%" PRIx64 " 0x55667788\n", (uint64_t)(BAR_ADDRESS + RUN_PART - 4));
	command(&qemu, "writel 0x%" PRIx64 " 0x99aabbcc\n",
		(uint64_t)(BAR_ADDRESS + RUN_PART + RUN_PART_BYTES));
	assert_int_equal(command(&qemu, "readl 0x%" PRIx64 "\n", (uint64_t)(BAR_ADDRESS + RUN_PART + 8)), 0x11223344);
	find_part(&qemu);
	assert_int_equal(run_pte(qemu.pid, qemu.address), RUN_PTE_WC);
	assert_int_equal(run_pte(qemu.pid, qemu.address - PAGE), RUN_PTE_UC_MINUS);
	assert_int_equal(run_pte(qemu.pid, qemu.address + RUN_PART_BYTES), RUN_PTE_UC_MINUS);
	assert_int_equal(shut_down(&qemu), 0);
	assert_int_equal(word_of_bar(RUN_PART + 8), 0x11223344);
	assert_int_equal(word_of_bar(RUN_PART - 4), 0x55667788);
	assert_int_equal(word_of_bar(RUN_PART + RUN_PART_BYTES), 0x99aabbcc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(qemu_stores_through_a_write_combined_part),
	};

	return cmocka_run_group_tests(tests, run_up, run_down);
}
