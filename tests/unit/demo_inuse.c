// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Whether a function is in use, asked of a directory that stands for the one of sysfs. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "inuse.h"
#include "pci.h"

/* More than any first guess; nobody has a device of the number. */
#define NODES 1500
#define NOBODYS "4095:%u\n"
#define NOBODYS_FIRST "4095:0\n"
#define DEV_NULL "1:3\n"

char *__wrap_realpath(const char *path, char *real);
void __wrap_pci_driver(const char *bdf, char *name, size_t len);

static char function[] = "/tmp/demo_inuse.XXXXXX";

char *__wrap_realpath(const char *path, char *real)
{
	(void)path;
	return memcpy(real, function, sizeof(function));
}

void __wrap_pci_driver(const char *bdf, char *name, size_t len)
{
	(void)bdf;
	snprintf(name, len, "some");
}

static void put_node(const char *name, const char *text)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", function, name);
	mkdir(path, 0755); /* it may be there */
	snprintf(path, sizeof(path), "%s/%s/dev", function, name);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
	char name[16], number[32];

	(void)state;
	if (!mkdtemp(function))
		return -1;
	for (unsigned int i = 0; i < NODES; i++) {
		snprintf(name, sizeof(name), "node%u", i);
		snprintf(number, sizeof(number), NOBODYS, i);
		put_node(name, number);
	}
	return 0;
}

static int teardown(void **state)
{
	char path[512];

	(void)state;
	for (unsigned int i = 0; i < NODES; i++) {
		snprintf(path, sizeof(path), "%s/node%u/dev", function, i);
		unlink(path);
		snprintf(path, sizeof(path), "%s/node%u", function, i);
		rmdir(path);
	}
	return rmdir(function);
}

/* The first and the last in the order in which the directory is read, whichever that is. */
static void find_ends(char ends[2][256])
{
	DIR *dir = opendir(function);
	struct dirent *entry;
	unsigned int n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(ends[!!n++], sizeof(ends[0]), "%s", entry->d_name);
	}
	closedir(dir);
	assert_int_equal(n, NODES);
}

static void open_node_is_seen_after_however_many_others(void **state)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	char ends[2][256], why[512];

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(inuse_check("0000:00:00.0", why, sizeof(why)), 0);
	find_ends(ends);
	for (int i = 0; i < 2; i++) {
		put_node(ends[i], DEV_NULL);
		assert_int_equal(inuse_check("0000:00:00.0", why, sizeof(why)), EBUSY);
		assert_non_null(strstr(why, "/dev/null open"));
		put_node(ends[i], NOBODYS_FIRST);
	}
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(open_node_is_seen_after_however_many_others, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
