/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * PCI functions as sysfs shows them. int functions return 0 or a positive errno and print nothing.
 */
#ifndef VFIOWC_TOOL_PCI_H
#define VFIOWC_TOOL_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCI_DEVICES "/sys/bus/pci/devices"

/* "0000:01:00.0" and its NUL. */
#define PCI_BDF_LEN 13
/* A driver's, module's or interface's name and its NUL. */
#define PCI_NAME_LEN 64
#define PCI_BARS 6

struct pci_bar {
	uint64_t start; /* physical address; 0: the BAR is not there */
	uint64_t bytes;
	bool memory; /* else I/O ports */
	bool prefetchable;
};

/**
 * sysfs_read() - a small file as a string without its last newline
 * @text, @len: receive it
 * @fmt: printf format of the path
 *
 * Return: 0, or the errno of open or read.
 */
int sysfs_read(char *text, size_t len, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** sysfs_write() - write @text in one write(2); 0 or the errno of open or write. */
int sysfs_write(const char *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** sysfs_link() - last component of what a symbolic link points to, "" when there is none. */
void sysfs_link(char *name, size_t len, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/**
 * pci_parse() - a PCI address as given by a user, in full
 * @text: "0000:02:00.0", "02:00.0", any case
 * @bdf: receives "0000:02:00.0"
 *
 * Return: 0, EINVAL when @text is no PCI address, ENODEV when there is no such function.
 */
int pci_parse(const char *text, char bdf[static PCI_BDF_LEN]);

/** pci_driver() - the driver bound to a function, "" when none is. */
void pci_driver(const char *bdf, char *name, size_t len);

/** pci_bar() - what sysfs says about BAR @index; ENOENT when the function lacks it. */
int pci_bar(const char *bdf, unsigned int index, struct pci_bar *bar);

/** pci_id() - a hexadecimal attribute such as "vendor" or "class"; 0 when unreadable. */
uint32_t pci_id(const char *bdf, const char *attribute);

/** pci_is_emulated() - is this a device model of QEMU? (Its subsystem vendor says so.) */
bool pci_is_emulated(const char *bdf);

/**
 * pci_tph_completer() - DEVCAP2 bits 13:12, as the device has them
 * @bdf: the function
 * @completer: receives enum vfiowc_tph_completer; 0 when the function has no Express capability
 *
 * Return: 0, or EPERM when only the first 64 bytes of configuration space may be read.
 */
int pci_tph_completer(const char *bdf, unsigned int *completer);

#endif
