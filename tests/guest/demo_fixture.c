// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* What the tests of the vfiowc tool share. See demo_fixture.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "demo_fixture.h"

#define PCI_DEVICES "/sys/bus/pci/devices"
#define PMRCTL 0xe04
#define OUTPUT_MAX (256 * 1024)

struct demo_exporter demo_find_exporter(uint16_t vendor, uint16_t device, unsigned int bar,
					bool pmr)
{
	struct demo_exporter exporter = { .bar = bar, .pmr = pmr };

	if (guest_find_pci(vendor, device, exporter.bdf))
		guest_skip("no PCI function %04x:%04x", vendor, device);
	return exporter;
}

static volatile uint8_t *map_bar(const char *bdf, unsigned int bar, size_t bytes)
{
	char path[PATH_MAX];
	void *map;
	int fd;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/resource%u", bdf, bar);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	close(fd);
	return map;
}

/* Memory decoding is off while no driver has the function; a PMR is off after each reset. */
static volatile uint8_t *open_bar(const struct demo_exporter *exporter)
{
	uint32_t command;

	assert_int_equal(guest_bind(exporter->bdf, NULL), 0);
	assert_int_equal(guest_config_read(exporter->bdf, 4, 2, &command), 0);
	assert_int_equal(guest_config_write(exporter->bdf, 4, 2, command | 2), 0);
	if (exporter->pmr) {
		volatile uint8_t *registers = map_bar(exporter->bdf, 0, 4096);

		*(volatile uint32_t *)(registers + PMRCTL) = 1;
		munmap((void *)(uintptr_t)registers, 4096);
	}
	return map_bar(exporter->bdf, exporter->bar, DEMO_BAR_BYTES);
}

static void close_bar(volatile uint8_t *map)
{
	munmap((void *)(uintptr_t)map, DEMO_BAR_BYTES);
}

void demo_bar_clear(const struct demo_exporter *exporter)
{
	volatile uint8_t *map = open_bar(exporter);
	volatile uint64_t *word = (volatile uint64_t *)map;

	for (size_t i = 0; i < DEMO_BAR_BYTES / 8; i++)
		word[i] = 0;
	/* A BAR that swallows stores would make every comparison of zeroes succeed. */
	word[0] = 0x5a;
	assert_int_equal(word[0], 0x5a);
	word[0] = 0;
	close_bar(map);
}

void demo_bar_save(const struct demo_exporter *exporter, const char *path)
{
	volatile uint8_t *map = open_bar(exporter);
	uint64_t *copy = malloc(DEMO_BAR_BYTES);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_non_null(copy);
	assert_true(fd >= 0);
	for (size_t i = 0; i < DEMO_BAR_BYTES / 8; i++)
		copy[i] = ((volatile uint64_t *)map)[i];
	assert_int_equal(write(fd, copy, DEMO_BAR_BYTES), DEMO_BAR_BYTES);
	close(fd);
	free(copy);
	close_bar(map);
}

void demo_state_get(const char *bdf, struct demo_state *state)
{
	char driver[64], override[64], parameter[16], links[256], path[PATH_MAX];

	if (guest_driver(bdf, driver, sizeof(driver)))
		strcpy(driver, "(no such function)");
	snprintf(path, sizeof(path), PCI_DEVICES "/%s/driver_override", bdf);
	if (guest_read_file(path, override, sizeof(override)))
		override[0] = '\0';
	if (guest_read_file("/sys/module/vfiowc_pci/parameters/tph_override", parameter,
			    sizeof(parameter)))
		strcpy(parameter, "0");
	guest_capture(links, sizeof(links), "ls /sys/class/infiniband 2>/dev/null | tr '\\n' ' '");
	snprintf(state->text, sizeof(state->text),
		 "driver '%s', override '%s', tph_override %s, RDMA devices '%s'", driver, override,
		 parameter, links);
}

void demo_assert_state(const char *bdf, const struct demo_state *before)
{
	struct demo_state after;

	demo_state_get(bdf, &after);
	assert_string_equal(after.text, before->text);
}

json_object *demo_run_json(int *status, const char *fmt, ...)
{
	char command[1024], *output = malloc(OUTPUT_MAX);
	json_tokener *tokener = json_tokener_new();
	json_object *object;
	va_list args;

	assert_non_null(output);
	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	*status = guest_capture(output, OUTPUT_MAX, "%s 2>" DEMO_STDERR, command);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	object = json_tokener_parse_ex(tokener, output, strlen(output) + 1);
	if (!object)
		print_error("not one JSON object: %s\n", output);
	assert_int_equal(json_object_get_type(object), json_type_object);
	json_tokener_free(tokener);
	free(output);
	return object;
}

bool demo_stderr_has(const char *text)
{
	char error[2048];

	if (guest_read_file(DEMO_STDERR, error, sizeof(error)))
		error[0] = '\0';
	if (strstr(error, text))
		return true;
	print_error("stderr lacks '%s': %s\n", text, error);
	return false;
}
