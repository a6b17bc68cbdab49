// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* The kernel's list of memory types on x86, and where a BAR lies. See memtype.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "memtype.h"

#define MEMTYPE_LIST "/sys/kernel/debug/x86/pat_memtype_list"

/* NULL with errno. @root: see vfiowc_bar_any_wc(). */
static FILE *open_text(const char *root, const char *name)
{
	char path[PATH_MAX];
	FILE *file;
	int fd, err;

	snprintf(path, sizeof(path), "%s%s", root, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	file = fdopen(fd, "r");
	if (file)
		return file;
	err = errno;
	close(fd);
	errno = err;
	return NULL;
}

/* Line @bar of sysfs' `resource`: first address, last address, flags. */
static int read_bar_place(const char *root, const char *bdf, uint32_t bar, uint64_t *start, uint64_t *bytes)
{
	char path[64], line[80] = "";
	uint64_t last;
	FILE *file;
	int err = 0;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource", bdf);
	file = open_text(root, path);
	if (!file)
		return errno;
	for (uint32_t i = 0; !err && i <= bar; i++)
		if (!fgets(line, sizeof(line), file))
			err = EIO;
	if (!err && sscanf(line, "%" SCNx64 " %" SCNx64, start, &last) != 2)
		err = EIO;
	fclose(file);
	*bytes = err ? 0 : last - *start + 1;
	return err;
}

static enum vfiowc_effective_type type_of(const char *name)
{
	static const struct {
		const char *name;
		enum vfiowc_effective_type type;
	} types[] = {
		{ "uncached", VFIOWC_EFFECTIVE_UC },
		{ "uncached-minus", VFIOWC_EFFECTIVE_UC_MINUS },
		{ "write-back", VFIOWC_EFFECTIVE_WB },
		{ "write-combining", VFIOWC_EFFECTIVE_WC },
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(name, types[i].name))
			return types[i].type;
	return VFIOWC_EFFECTIVE_OTHER;
}

struct entry {
	uint64_t first;
	uint64_t end; /* not included */
	enum vfiowc_effective_type type;
};

/* The next "PAT: [mem 0xFIRST-0xEND] TYPE"; false when there is none. */
static bool next_entry(FILE *list, struct entry *entry)
{
	char line[160], name[32];

	while (fgets(line, sizeof(line), list)) {
		if (sscanf(line, "PAT: [mem 0x%" SCNx64 "-0x%" SCNx64 "] %31s", &entry->first, &entry->end,
			   name) == 3) {
			entry->type = type_of(name);
			return true;
		}
	}
	return false;
}

/* The entry that holds @address and goes furthest. Entries that overlap have one type. False: there is none. */
static bool find_entry(FILE *list, uint64_t address, uint64_t *end, enum vfiowc_effective_type *type)
{
	struct entry entry;
	bool found = false;

	if (fseek(list, 0, SEEK_SET))
		return false;
	while (next_entry(list, &entry)) {
		if (address < entry.first || address >= entry.end || (found && entry.end <= *end))
			continue;
		*end = entry.end;
		*type = entry.type;
		found = true;
	}
	return found;
}

static enum vfiowc_effective_type find_type(FILE *list, uint64_t start, uint64_t end)
{
	enum vfiowc_effective_type type, first = VFIOWC_EFFECTIVE_OTHER;
	uint64_t at, next = start;

	for (at = start; at < end; at = next) {
		if (!find_entry(list, at, &next, &type))
			return VFIOWC_EFFECTIVE_OTHER;
		if (at == start)
			first = type;
		if (type != first)
			return VFIOWC_EFFECTIVE_OTHER;
	}
	return first;
}

/* The kernel's list, and where the BAR lies. */
static int open_list(const char *root, const char *bdf, uint32_t bar, FILE **list, uint64_t *start, uint64_t *bytes)
{
	int err = read_bar_place(root, bdf, bar, start, bytes);

	if (err)
		return err;
	*list = open_text(root, MEMTYPE_LIST);
	if (*list)
		return 0;
	return errno == ENOENT ? EOPNOTSUPP : errno;
}

int vfiowc_bar_memtype(const char *bdf, uint32_t bar, uint64_t offset, uint64_t length,
		       enum vfiowc_effective_type *type)
{
	uint64_t start = 0, bytes = 0;
	FILE *list;
	int err;

	err = open_list("", bdf, bar, &list, &start, &bytes);
	if (err)
		return err;
	if (!length || offset >= bytes || length > bytes - offset)
		err = EINVAL;
	else
		*type = find_type(list, start + offset, start + offset + length);
	fclose(list);
	return err;
}

int vfiowc_bar_any_wc(const char *root, const char *bdf, uint32_t bar, bool *any)
{
	uint64_t start = 0, bytes = 0;
	struct entry entry;
	FILE *list;
	int err;

	err = open_list(root, bdf, bar, &list, &start, &bytes);
	if (err)
		return err;
	*any = false;
	while (!*any && next_entry(list, &entry))
		*any = entry.type == VFIOWC_EFFECTIVE_WC && entry.first < start + bytes && entry.end > start;
	fclose(list);
	return 0;
}
