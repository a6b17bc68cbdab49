/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * What the guest's test programs share: finding emulated devices by what they are, binding drivers,
 * loading modules, catching SIGBUS, and a check of the kernel log around each test.
 *
 * int functions return 0 or a positive errno. The programs are single-threaded unless they start
 * threads of their own; nothing here is thread-safe except guest_sigbus().
 */
#ifndef VFIOWC_TESTS_GUEST_H
#define VFIOWC_TESTS_GUEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

/* "0000:01:00.0" and its NUL. */
#define GUEST_BDF_LEN 13

/* PCI ids of the guest's devices; buildlib/lab/devices.sh says how each one is set up. */
#define GUEST_IVSHMEM 0x1af4, 0x1110 /* BAR 2: RAM, prefetchable, backed by a file of the host */
#define GUEST_NVME_GIB 0x8086, 0x5845 /* BAR 4: 1 GiB of it */
#define GUEST_NVME_PMR 0x1b36, 0x0010 /* BAR 4: RAM, the same; Express endpoint with FLR */
#define GUEST_BOCHS 0x1234, 0x1111 /* BAR 0: RAM, Express endpoint */
#define GUEST_E1000E 0x8086, 0x10d3 /* the netdev of the RDMA device */
#define GUEST_TESTDEV 0x1b36, 0x0005 /* BAR 0 counts accesses; BAR 2: RAM */
#define GUEST_EDU 0x1234, 0x11e8 /* has a DMA engine */

/* Two functions of one slot, in one IOMMU group: pci-testdev again, BAR 2: RAM. By address: ids would find another. */
#define GUEST_PAIR "0000:05:00.0"
#define GUEST_PAIR_SIBLING "0000:05:00.1"

/**
 * guest_find_pci() - address of the first PCI function with these ids
 * @vendor, @device: ids as in the configuration header; the GUEST_* macros expand to both
 * @bdf: receives "dddd:bb:dd.f"
 *
 * Return: 0, or ENODEV.
 */
int guest_find_pci(uint16_t vendor, uint16_t device, char bdf[static GUEST_BDF_LEN]);

/**
 * guest_find_netdev() - name of the network interface of a PCI function
 * @bdf: the function
 * @name: receives the name
 * @len: bytes at @name
 *
 * Return: 0, or ENODEV when the function has none (yet).
 */
int guest_find_netdev(const char *bdf, char *name, size_t len);

/** guest_find_nvme() - the same for the controller of an NVMe function, such as "nvme0". */
int guest_find_nvme(const char *bdf, char *name, size_t len);

/**
 * guest_bind() - hand a PCI function to a driver
 * @bdf: the function
 * @driver: the driver's name, chosen through driver_override; NULL leaves the function unbound
 *
 * Loads nothing: call guest_modprobe() first. Binding to the present driver is no error and does nothing.
 *
 * Return: 0, ENODEV when @bdf does not exist, ENXIO when the driver did not take it, or what sysfs said.
 */
int guest_bind(const char *bdf, const char *driver);

/**
 * guest_driver() - name of the driver bound to a PCI function
 * @bdf: the function
 * @name: receives the name, "" when unbound
 * @len: bytes at @name
 *
 * Return: 0 or ENODEV.
 */
int guest_driver(const char *bdf, char *name, size_t len);

/**
 * guest_modprobe() - load a module and what it depends on
 * @module: name, may be followed by parameters: "vfiowc_pci tph_override=2"
 *
 * Return: 0, or EIO when modprobe failed (it has said why on stderr).
 */
int guest_modprobe(const char *module);

/** guest_rmmod() - unload a module; 0, or EIO when rmmod failed (it has said why on stderr). */
int guest_rmmod(const char *module);

/*
 * In a shell's command line: `timeout`, and on a debug kernel as many times longer as guest_wait_for() waits there.
 * run-tests says how many times.
 */
#define GUEST_TIMEOUT(seconds) "timeout -k 5 $((" #seconds " * ${GUEST_SLOWNESS:-1})) "

/**
 * guest_run() - run a shell command, its output joined to the test's
 * @fmt: printf format of the command
 *
 * Return: the exit status, 128 + N for a signal N.
 */
int guest_run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** guest_capture() - like guest_run(), with stdout and stderr caught in @out (cut at @len, NUL added). */
int guest_capture(char *out, size_t len, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** guest_read_file() - a small file as a string without its last newline; 0 or the errno of open or read. */
int guest_read_file(const char *path, char *text, size_t len);

/** guest_write_file() - write @text in one write(2); 0 or the errno of open or write. */
int guest_write_file(const char *path, const char *text);

/** guest_example() - path of an installed program of examples/. */
void guest_example(const char *name, char *path, size_t len);

/**
 * guest_config_read(), guest_config_write() - a PCI function's configuration space through sysfs
 * @bdf: the function
 * @offset: byte offset
 * @width: 1, 2 or 4 bytes
 *
 * Not through VFIO: what the kernel, not the user of the device, would do.
 */
int guest_config_read(const char *bdf, unsigned int offset, unsigned int width, uint32_t *value);
int guest_config_write(const char *bdf, unsigned int offset, unsigned int width, uint32_t value);

/**
 * guest_sigbus() - does this function die of SIGBUS?
 * @fn: called with @arg; left by siglongjmp when the signal comes
 * @arg: for @fn
 *
 * Thread-safe: each thread has its own jump buffer; the handler stays installed.
 *
 * Return: true when SIGBUS was raised while @fn ran.
 */
bool guest_sigbus(void (*fn)(void *arg), void *arg);

/** guest_sigbus_read8(), guest_sigbus_write8() - does touching one byte end in SIGBUS? */
bool guest_sigbus_read8(volatile const void *address);
bool guest_sigbus_write8(volatile void *address, uint8_t value);

/** guest_ms() - a bound in milliseconds for this kernel: five times @ms on a debug kernel */
unsigned int guest_ms(unsigned int ms);

/**
 * guest_wait_for() - poll a condition, yielding 1 ms between looks
 * @done: the condition
 * @arg: for @done
 * @timeout_ms: bound; be generous, an emulated guest is slow
 *
 * Return: true when @done returned true in time.
 */
bool guest_wait_for(bool (*done)(void *arg), void *arg, unsigned int timeout_ms);

/** guest_in_kernel() - for guest_wait_for(): does a process (pid_t *) wait where only a kill or the event itself helps? */
bool guest_in_kernel(void *pid);

/** guest_log_mark() - from here on guest_log_clean() looks for splats. */
void guest_log_mark(void);

/**
 * guest_log_clean() - has the kernel stayed calm since guest_log_mark()?
 *
 * Prints each line of /dev/kmsg that a warning, BUG, oops, lockdep or sanitizer report begins with.
 */
bool guest_log_clean(void);

/** guest_log_count() - number of kernel log lines since guest_log_mark() that contain @text. */
unsigned int guest_log_count(const char *text);

/* cmocka setup and teardown of a test that has none of its own: mark, then fail on a splat. */
int guest_setup(void **state);
int guest_teardown(void **state);

/* Each test is wrapped so, or calls guest_setup() and guest_teardown() from its own pair. */
#define guest_test(f) cmocka_unit_test_setup_teardown(f, guest_setup, guest_teardown)

/** guest_skip() - print why the test cannot run here, then cmocka's skip(). */
#define guest_skip(...)                                                                            \
	do {                                                                                       \
		print_message("skipped: " __VA_ARGS__);                                            \
		print_message("\n");                                                               \
		skip();                                                                            \
	} while (0)

/* A VFIO device opened by its group, with a type1 container of its own. */
struct guest_vfio {
	int container;
	int group;
	int device;
};

/**
 * guest_vfio_open() - open a PCI function that is bound to vfio-pci or vfiowc_pci
 * @bdf: the function
 * @vfio: receives three fds, closed by guest_vfio_close()
 *
 * Return: 0, ENODEV when the function has no IOMMU group, or what the VFIO call said.
 */
int guest_vfio_open(const char *bdf, struct guest_vfio *vfio);
void guest_vfio_close(struct guest_vfio *vfio);

#endif
