// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* What `vfiowc run` hands over in the environment, and targets and tags as users write them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "preload/handover.h"
#include "preload/preload.h"
#include "run.h"

/* The function is looked for in sysfs, which the build machine need not have one in. */
int pci_parse(const char *text, char bdf[static PCI_BDF_LEN])
{
	if (strcmp(text, "0000:01:00.0") && strcmp(text, "01:00.0"))
		return strcmp(text, "0000:09:00.0") ? EINVAL : ENODEV;
	strcpy(bdf, "0000:01:00.0");
	return 0;
}

static void description_is_read_back(void **state)
{
	const struct handover one = { .dmabuf_fd = 5, .device_fd = -1, .type = HANDOVER_SYSTEM,
				      .inode = UINT64_MAX, .bytes = 1ull << 40 };
	struct handover read[HANDOVER_MAX];
	char text[2 * HANDOVER_LEN];
	unsigned int count;

	(void)state;
	assert_int_equal(handover_format(&one, text, HANDOVER_LEN), 0);
	strcat(text, ";");
	assert_int_equal(handover_format(&one, text + strlen(text), HANDOVER_LEN), 0);
	assert_int_equal(handover_parse(text, read, &count), 0);
	assert_int_equal(count, 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(read[i].dmabuf_fd, 5);
		assert_int_equal(read[i].device_fd, -1);
		assert_int_equal(read[i].type, HANDOVER_SYSTEM);
		assert_true(read[i].inode == UINT64_MAX);
		assert_true(read[i].bytes == 1ull << 40);
	}
	assert_int_equal(handover_format(&one, text, 10), ENOSPC);
}

static void malformed_descriptions_are_refused(void **state)
{
	static const char *const texts[] = {
		"x", "fd=5", "fd=-1,device=-1,type=0,inode=1,bytes=1", "fd=5,device=-1,type=3,inode=1,bytes=1",
		"fd=5,device=-1,type=0,inode=1,bytes=1 ", "fd=5,device=-1,type=0,inode=1,bytes=1;;",
	};
	struct handover read[HANDOVER_MAX];
	char many[1024] = "";
	unsigned int count;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(handover_parse(texts[i], read, &count), EINVAL);
	for (int i = 0; i <= HANDOVER_MAX; i++)
		strcat(many, "fd=5,device=-1,type=0,inode=1,bytes=1;");
	assert_int_equal(handover_parse(many, read, &count), E2BIG);
}

static void parts_are_read_back(void **state)
{
	const struct handover_wc one = { .bdf = "0000:01:00.0", .bar = 5, .offset = 1ull << 40,
					 .bytes = UINT64_MAX, .whole_bar = 1 };
	static const char *const malformed[] = {
		"x", "device=0000:01:00.0,bar=6,offset=0,bytes=1,whole=0",
		"device=0000:01:00.0,bar=2,offset=0,bytes=0,whole=0",
		"device=0000:01:00.0,bar=2,offset=0,bytes=1,whole=2", "device=0000:01:00.0,bar=2,offset=0,bytes=1",
		"device=0000:01:00.0123,bar=2,offset=0,bytes=1,whole=0",
		"device=0000:01:00.0,bar=2,offset=0,bytes=1,whole=0 ",
	};
	struct handover_wc read[HANDOVER_MAX];
	char text[2 * HANDOVER_LEN];
	unsigned int count;

	(void)state;
	assert_int_equal(handover_wc_format(&one, text, HANDOVER_LEN), 0);
	strcat(text, ";");
	assert_int_equal(handover_wc_format(&one, text + strlen(text), HANDOVER_LEN), 0);
	assert_int_equal(handover_wc_parse(text, read, &count), 0);
	assert_int_equal(count, 2);
	for (int i = 0; i < 2; i++) {
		assert_string_equal(read[i].bdf, one.bdf);
		assert_int_equal(read[i].bar, 5);
		assert_true(read[i].offset == 1ull << 40);
		assert_true(read[i].bytes == UINT64_MAX);
		assert_int_equal(read[i].whole_bar, 1);
	}
	assert_int_equal(handover_wc_format(&one, text, 10), ENOSPC);
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
		assert_int_equal(handover_wc_parse(malformed[i], read, &count), EINVAL);
}

static void parts_are_parsed(void **state)
{
	struct run_wc wc;
	const char *why;

	(void)state;
	assert_int_equal(run_parse_wc("01:00.0:2+1M:2M", &wc, &why), 0);
	assert_string_equal(wc.bdf, "0000:01:00.0");
	assert_int_equal(wc.bar, 2);
	assert_int_equal(wc.offset, 1 << 20);
	assert_int_equal(wc.length, 2 << 20);
	assert_false(wc.whole_bar);
	assert_int_equal(run_parse_wc("01:00.0:2", &wc, &why), 0);
	assert_int_equal(wc.length, 0);
	assert_int_equal(run_parse_wc("udmabuf:1M", &wc, &why), EINVAL);
	assert_string_equal(why, "it is not BDF:BAR[+OFFSET][:LENGTH]");
	assert_int_equal(run_parse_wc("01:00.0:2:1M:1", &wc, &why), EINVAL);
}

static void report_file_is_read_back(void **state)
{
	static const char *const malformed[] = { "", "5", "fd=5,device=1", "fd=-1,device=1,inode=1",
						 "fd=5,device=1,inode=1 ", "fd=5,device=1,inode=" };
	const struct handover_report one = { .fd = 5, .device = UINT64_MAX, .inode = UINT64_MAX - 1 };
	struct handover_report read;
	char text[HANDOVER_LEN];

	(void)state;
	assert_int_equal(handover_report_format(&one, text, sizeof(text)), 0);
	assert_int_equal(handover_report_parse(text, &read), 0);
	assert_int_equal(read.fd, 5);
	assert_true(read.device == UINT64_MAX);
	assert_true(read.inode == UINT64_MAX - 1);
	assert_int_equal(handover_report_format(&one, text, 10), ENOSPC);
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
		assert_int_equal(handover_report_parse(malformed[i], &read), EINVAL);
}

static void assert_begins(int fd, const char *want)
{
	char text[256] = "";

	assert_true(pread(fd, text, sizeof(text) - 1, 0) >= 0);
	if (strncmp(text, want, strlen(want)) || (!want[0] && text[0]))
		fail_msg("the file has '%s', not '%s'", text, want);
}

/* A launcher closes the fd, and the program opens a file of its own, which gets the number. */
static void report_stays_out_of_the_file_that_got_its_number(void **state)
{
	int fd = memfd_create("report", MFD_CLOEXEC), copy = dup(fd), own = memfd_create("own", MFD_CLOEXEC);
	struct handover_report file = { .fd = fd };
	char text[HANDOVER_LEN];
	struct stat st;

	(void)state;
	assert_true(fd >= 0 && copy >= 0 && own >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	file.device = st.st_dev;
	file.inode = st.st_ino;
	assert_int_equal(handover_report_format(&file, text, sizeof(text)), 0);
	assert_int_equal(setenv(HANDOVER_REPORT, text, 1), 0);
	report("map", "target=%d", 3);
	assert_begins(copy, "map pid=");
	assert_int_equal(ftruncate(copy, 0), 0);
	assert_int_equal(dup2(own, fd), fd);
	report("map", "target=%d", 4);
	assert_begins(own, "");
	assert_begins(copy, "");
	assert_int_equal(unsetenv(HANDOVER_REPORT), 0);
	close(fd);
	close(copy);
	close(own);
}

static int parse(const char *text, struct run_target *target)
{
	static char copy[64];
	const char *why;

	snprintf(copy, sizeof(copy), "%s", text);
	return run_parse_target(copy, target, &why);
}

static void slices_are_parsed(void **state)
{
	struct run_target target;

	(void)state;
	assert_int_equal(parse("0000:01:00.0:2", &target), 0);
	assert_int_equal(target.kind, RUN_VFIO);
	assert_int_equal(target.bar, 2);
	assert_int_equal(target.offset, 0);
	assert_int_equal(target.length, 0);
	assert_int_equal(parse("01:00.0:5+0x10000:64K", &target), 0);
	assert_string_equal(target.bdf, "0000:01:00.0");
	assert_int_equal(target.bar, 5);
	assert_int_equal(target.offset, 0x10000);
	assert_int_equal(target.length, 65536);
	assert_int_equal(parse("01:00.0:2:2M", &target), 0);
	assert_int_equal(target.length, 2 << 20);
	assert_int_equal(parse("01:00.0:2+1G", &target), 0);
	assert_int_equal(target.offset, 1 << 30);
}

static void system_memory_is_parsed(void **state)
{
	struct run_target target;

	(void)state;
	assert_int_equal(parse("udmabuf:1M", &target), 0);
	assert_int_equal(target.kind, RUN_UDMABUF);
	assert_int_equal(target.length, 1 << 20);
	assert_int_equal(parse("drm:/dev/dri/card0", &target), 0);
	assert_int_equal(target.kind, RUN_DRM);
	assert_string_equal(target.path, "/dev/dri/card0");
	assert_true(target.length > 0);
	assert_int_equal(parse("drm:/dev/dri/card1:4096", &target), 0);
	assert_string_equal(target.path, "/dev/dri/card1");
	assert_int_equal(target.length, 4096);
}

static void malformed_targets_are_refused(void **state)
{
	static const char *const texts[] = {
		"", "01:00.0", "01:00.0:", "01:00.0:6", "01:00.0:22", "01:00.0:2+", "01:00.0:2+-1", "01:00.0:2:0",
		"01:00.0:2:", "01:00.0:2:1T", "01:00.0:2+0x:1", "01:00.0:2:1:1", "0000:09:00.0:2", "udmabuf:",
		"udmabuf:0", "udmabuf:K", "udmabuf:99999999999999999999", "udmabuf:18446744073709551615K", "drm:",
		"drm:card0", "drm:/dev/dri/card0:", "drm:/dev/dri/card0:0", "memory",
	};
	struct run_target target;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (!parse(texts[i], &target))
			print_error("'%s' is accepted\n", texts[i]);
		assert_int_equal(parse(texts[i], &target), EINVAL);
	}
}

static void tags_are_parsed(void **state)
{
	struct vfiowc_tph tph;
	const char *why;

	(void)state;
	assert_int_equal(run_parse_tph("ph=2,st_ext=0xbeef,st=7", &tph, &why), 0);
	assert_int_equal(tph.flags, VFIOWC_TAG_ST | VFIOWC_TAG_ST_EXT);
	assert_int_equal(tph.st, 7);
	assert_int_equal(tph.st_ext, 0xbeef);
	assert_int_equal(tph.ph, 2);
	assert_int_equal(run_parse_tph("st=0", &tph, &why), 0);
	assert_int_equal(tph.flags, VFIOWC_TAG_ST);
}

static void malformed_tags_are_refused(void **state)
{
	static const char *const texts[] = { "", "st", "st=", "st=256", "st=-1", "st_ext=65536", "ph=1", "st=1,ph=4",
					     "st=1,st=1", "st=1;ph=1", "tag=1", "st=1,", "st=1 " };
	struct vfiowc_tph tph;
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (!run_parse_tph(texts[i], &tph, &why))
			print_error("'%s' is accepted\n", texts[i]);
		assert_int_equal(run_parse_tph(texts[i], &tph, &why), EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(description_is_read_back),
		cmocka_unit_test(malformed_descriptions_are_refused),
		cmocka_unit_test(parts_are_read_back),
		cmocka_unit_test(parts_are_parsed),
		cmocka_unit_test(report_file_is_read_back),
		cmocka_unit_test(report_stays_out_of_the_file_that_got_its_number),
		cmocka_unit_test(slices_are_parsed),
		cmocka_unit_test(system_memory_is_parsed),
		cmocka_unit_test(malformed_targets_are_refused),
		cmocka_unit_test(tags_are_parsed),
		cmocka_unit_test(malformed_tags_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
