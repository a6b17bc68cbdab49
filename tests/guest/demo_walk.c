// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * `vfiowc demo` from end to end, on both kinds of exporter and with several seeds: its report has
 * exactly the promised keys, types and relations, the BAR holds what the witness says (read by
 * another way than the tool's), and the machine is afterwards what it was before.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "demo_fixture.h"

#define BAR_COPY "/tmp/demo.bar"

struct key {
	const char *name;
	enum json_type type;
};

#define KEYS(...) ((const struct key[]){ __VA_ARGS__, { 0 } })

/* Exactly these keys, in this order, of these types. */
static void assert_keys(json_object *object, const struct key *keys)
{
	struct json_object_iterator at = json_object_iter_begin(object);
	struct json_object_iterator end = json_object_iter_end(object);

	assert_int_equal(json_object_get_type(object), json_type_object);
	for (; keys->name; keys++) {
		assert_false(json_object_iter_equal(&at, &end));
		assert_string_equal(json_object_iter_peek_name(&at), keys->name);
		if (json_object_get_type(json_object_iter_peek_value(&at)) != keys->type)
			fail_msg("%s has another type: %s", keys->name,
				 json_object_to_json_string(json_object_iter_peek_value(&at)));
		json_object_iter_next(&at);
	}
	assert_true(json_object_iter_equal(&at, &end));
}

static json_object *get(json_object *object, const char *key)
{
	json_object *value;

	if (!json_object_object_get_ex(object, key, &value))
		fail_msg("no key %s in %s", key, json_object_to_json_string(object));
	return value;
}

static const char *text(json_object *object, const char *key)
{
	return json_object_get_string(get(object, key));
}

static uint64_t number(json_object *object, const char *key)
{
	return json_object_get_uint64(get(object, key));
}

static bool truth(json_object *object, const char *key)
{
	return json_object_get_boolean(get(object, key));
}

static json_object *item(json_object *report, const char *key, size_t index)
{
	json_object *list = get(report, key);

	assert_int_equal(json_object_get_type(list), json_type_array);
	assert_true(index < json_object_array_length(list));
	return json_object_array_get_idx(list, index);
}

static size_t count(json_object *report, const char *key)
{
	return json_object_array_length(get(report, key));
}

static void check_top(json_object *report, const struct demo_exporter *exporter, uint64_t seed)
{
	json_object *device = get(report, "exporter");
	char release[128];
	bool packaged; /* the debug kernels of ./lab come from no package */

	assert_int_equal(guest_read_file("/proc/sys/kernel/osrelease", release, sizeof(release)),
			 0);
	packaged = !strstr(release, "-vfiowc-");
	assert_keys(report,
		    KEYS({ "kernel", json_type_string },
			 { "kernel_package", packaged ? json_type_string : json_type_null },
			 { "modules", json_type_array }, { "accel", json_type_string },
			 { "seed", json_type_int }, { "exporter", json_type_object },
			 { "slices", json_type_array }, { "mr", json_type_array },
			 { "transfers", json_type_array }, { "trace", json_type_array },
			 { "doorbell", json_type_object }, { "reset", json_type_object },
			 { "revoke", json_type_object }, { "witness", json_type_null },
			 { "ok", json_type_boolean }));
	assert_string_equal(text(report, "kernel"), release);
	if (packaged)
		assert_non_null(strstr(text(report, "kernel_package"), "linux-"));
	assert_true(number(report, "seed") == seed);
	assert_true(truth(report, "ok"));
	assert_keys(device,
		    KEYS({ "bdf", json_type_string }, { "driver", json_type_string },
			 { "bar", json_type_int }, { "bytes", json_type_int },
			 { "devcap2_tph", json_type_int }, { "tph_override", json_type_int }));
	assert_string_equal(text(device, "bdf"), exporter->bdf);
	assert_string_equal(text(device, "driver"), "vfiowc_pci");
	assert_int_equal(number(device, "bar"), exporter->bar);
	assert_int_equal(number(device, "bytes"), 64 << 20);
	/* QEMU has no TPH completer; that one was pretended must be said. */
	assert_int_equal(number(device, "devcap2_tph"), 0);
	assert_int_equal(number(device, "tph_override"), 3);
}

static void check_slice(json_object *slice, const char *name, uint64_t bytes, const char *memattr,
			const char *pte_type)
{
	json_object *tph = get(slice, "tph");

	assert_keys(slice, KEYS({ "name", json_type_string }, { "bytes", json_type_int },
				{ "memattr_requested", json_type_string },
				{ "pte_type", json_type_string }, { "tph", json_type_object }));
	assert_string_equal(text(slice, "name"), name);
	assert_int_equal(number(slice, "bytes"), bytes);
	assert_string_equal(text(slice, "memattr_requested"), memattr);
	assert_string_equal(text(slice, "pte_type"), pte_type);
	assert_keys(tph, KEYS({ "st", json_type_int }, { "st_ext", json_type_int },
			      { "ph", json_type_int }));
	assert_true(number(tph, "st") <= 0xff);
	assert_true(number(tph, "st_ext") <= 0xffff);
	assert_true(number(tph, "ph") <= 3);
}

/* The importer's tag is the slice's, of the namespace it says. */
static void check_mr(json_object *mr, json_object *slice)
{
	json_object *got = get(mr, "tph"), *published = get(slice, "tph");

	assert_keys(mr, KEYS({ "slice", json_type_string }, { "tph", json_type_object }));
	assert_keys(got, KEYS({ "valid", json_type_boolean }, { "namespace", json_type_string },
			      { "st", json_type_int }, { "ph", json_type_int }));
	assert_string_equal(text(mr, "slice"), text(slice, "name"));
	assert_true(truth(got, "valid"));
	assert_true(!strcmp(text(got, "namespace"), "st") ||
		    !strcmp(text(got, "namespace"), "st_ext"));
	assert_int_equal(number(got, "st"), number(published, text(got, "namespace")));
	assert_int_equal(number(got, "ph"), number(published, "ph"));
}

static void check_slices(json_object *report)
{
	assert_int_equal(count(report, "slices"), 2);
	assert_int_equal(count(report, "mr"), 2);
	check_slice(item(report, "slices", 0), "data", 1 << 20, "WC", "WC");
	check_slice(item(report, "slices", 1), "doorbell", 4096, "NC", "UC-");
	for (size_t i = 0; i < 2; i++)
		check_mr(item(report, "mr", i), item(report, "slices", i));
	assert_int_not_equal(number(get(item(report, "slices", 0), "tph"), "st_ext"),
			     number(get(item(report, "slices", 1), "tph"), "st_ext"));
}

/* One row for each transfer: the same work request, the tags of its slice, an address inside it. */
static void check_row(json_object *report, json_object *transfer, json_object *row)
{
	bool data = !strcmp(text(transfer, "slice"), "data");
	uint64_t first = data ? 0x400000 : 0x100000, bytes = data ? 0x100000 : 0x1000;
	json_object *mr = get(item(report, "mr", data ? 0 : 1), "tph");

	assert_keys(transfer, KEYS({ "op", json_type_string }, { "slice", json_type_string },
				   { "bytes", json_type_int }, { "wr_id", json_type_int },
				   { "verified", json_type_boolean }));
	assert_keys(row, KEYS({ "wr_id", json_type_int }, { "op", json_type_string },
			      { "address", json_type_int }, { "bytes", json_type_int },
			      { "namespace", json_type_string }, { "st", json_type_int },
			      { "ph", json_type_int }));
	assert_true(truth(transfer, "verified"));
	assert_string_equal(text(row, "op"), text(transfer, "op"));
	assert_true(number(row, "wr_id") == number(transfer, "wr_id"));
	assert_true(number(row, "bytes") == number(transfer, "bytes"));
	assert_true(number(row, "address") >= first);
	assert_true(number(row, "address") + number(row, "bytes") <= first + bytes);
	assert_string_equal(text(row, "namespace"), text(mr, "namespace"));
	assert_true(number(row, "st") == number(mr, "st"));
	assert_true(number(row, "ph") == number(mr, "ph"));
}

static void check_transfers(json_object *report)
{
	unsigned int writes = 0, reads = 0;

	assert_int_equal(count(report, "trace"), count(report, "transfers"));
	for (size_t i = 0; i < count(report, "transfers"); i++) {
		json_object *transfer = item(report, "transfers", i);

		check_row(report, transfer, item(report, "trace", i));
		writes += !strcmp(text(transfer, "op"), "write");
		reads += !strcmp(text(transfer, "op"), "read");
	}
	/* write: 3 and 1; cpu: 0 and 1; doorbell: 1 and 2; after the reset: 1 and 1 */
	assert_int_equal(writes, 5);
	assert_int_equal(reads, 5);
}

static void check_end(json_object *report)
{
	json_object *doorbell = get(report, "doorbell"), *reset = get(report, "reset");
	json_object *revoke = get(report, "revoke");

	assert_keys(doorbell, KEYS({ "cpu_rung", json_type_boolean },
				   { "rdma_rung", json_type_boolean }, { "value", json_type_int }));
	assert_true(truth(doorbell, "cpu_rung") && truth(doorbell, "rdma_rung"));
	assert_int_equal(number(doorbell, "value") & 3, 2);
	assert_keys(reset,
		    KEYS({ "nic_status", json_type_string }, { "recovered", json_type_boolean }));
	assert_string_not_equal(text(reset, "nic_status"), "success");
	assert_true(truth(reset, "recovered"));
	assert_keys(revoke, KEYS({ "cpu", json_type_string }, { "nic_status", json_type_string }));
	assert_string_equal(text(revoke, "cpu"), "SIGBUS");
	assert_string_not_equal(text(revoke, "nic_status"), "success");
}

static int witness(uint64_t seed)
{
	return guest_run("vfiowc-witness --seed %" PRIu64 " --bytes %u --bar-file " BAR_COPY, seed,
			 DEMO_BAR_BYTES);
}

static json_object *walk(const struct demo_exporter *exporter, uint64_t seed)
{
	struct demo_state before;
	json_object *report;
	int status;

	demo_bar_clear(exporter);
	demo_state_get(exporter->bdf, &before);
	report = demo_run_json(&status,
			       "vfiowc demo --json --seed %" PRIu64
			       " --rdma vfiowc0 --bar %u --exporter %s",
			       seed, exporter->bar, exporter->bdf);
	if (status)
		guest_run("cat " DEMO_STDERR);
	assert_int_equal(status, 0);
	demo_assert_state(exporter->bdf, &before);
	check_top(report, exporter, seed);
	check_slices(report);
	check_transfers(report);
	check_end(report);
	demo_bar_save(exporter, BAR_COPY);
	assert_int_equal(witness(seed), 0);
	return report;
}

static void walk_through_ivshmem_is_observed_and_witnessed(void **state)
{
	const struct demo_exporter exporter = demo_find_exporter(GUEST_IVSHMEM, 2, false);

	(void)state;
	json_object_put(walk(&exporter, 1));
	json_object_put(walk(&exporter, UINT64_MAX));
}

static void walk_through_nvme_pmr_is_observed_and_witnessed(void **state)
{
	const struct demo_exporter exporter = demo_find_exporter(GUEST_NVME_PMR, 4, true);

	(void)state;
	json_object_put(walk(&exporter, 20261120));
}

/* The copy is the one that the walk-through before this test left. */
static void witness_notices_one_flipped_bit(void **state)
{
	(void)state;
	if (access(BAR_COPY, R_OK))
		guest_skip("no walk-through has left %s", BAR_COPY);
	assert_int_equal(witness(20261120), 0);
	assert_int_equal(guest_run("printf '\\001' | dd of=" BAR_COPY
				   " bs=1 seek=%u conv=notrunc status=none",
				   0x400000 + 0x80000),
			 0);
	assert_int_equal(witness(20261120), 1);
	assert_int_equal(guest_run("printf '\\000' | dd of=" BAR_COPY
				   " bs=1 seek=%u conv=notrunc status=none",
				   0x400000 + 0x80000),
			 0);
	assert_int_equal(witness(20261120), 0);
	assert_int_equal(witness(20261121), 1);
	unlink(BAR_COPY);
}

/* The RDMA device as a user has added it, told to emit tags of one namespace, or none. */
static void add_device(const char *tph)
{
	char card[GUEST_BDF_LEN], netdev[64];

	assert_int_equal(guest_modprobe("vfiowc_rdma"), 0);
	if (guest_find_pci(GUEST_E1000E, card) || guest_find_netdev(card, netdev, sizeof(netdev)))
		guest_skip("no PCI network interface");
	assert_int_equal(
		guest_run("ip link set %s up && rdma link add vfiowc0 type vfiowc netdev %s && "
			  "echo %s > /sys/class/infiniband/vfiowc0/tph",
			  netdev, netdev, tph),
		0);
}

static int delete_device(void **state)
{
	guest_run("rdma link delete vfiowc0");
	return guest_teardown(state);
}

/* A device that was there before stays, and tags come from the namespace it was told to emit. */
static void walk_through_on_a_device_that_emits_extended_tags(void **state)
{
	const struct demo_exporter exporter = demo_find_exporter(GUEST_IVSHMEM, 2, false);
	json_object *report;

	(void)state;
	add_device("st_ext");
	report = walk(&exporter, 2);
	assert_string_equal(text(get(item(report, "mr", 0), "tph"), "namespace"), "st_ext");
	json_object_put(report);
	unlink(BAR_COPY);
}

static void device_that_emits_no_tags_fails_at_register(void **state)
{
	const struct demo_exporter exporter = demo_find_exporter(GUEST_IVSHMEM, 2, false);
	struct demo_state before;
	json_object *report;
	int status;

	(void)state;
	add_device("off");
	demo_state_get(exporter.bdf, &before);
	report = demo_run_json(&status, "vfiowc demo --json -r vfiowc0 -b %u -e %s", exporter.bar,
			       exporter.bdf);
	assert_int_equal(status, 1);
	assert_true(demo_stderr_has("step register: the MR of slice data has no tags"));
	assert_false(truth(report, "ok"));
	assert_false(truth(get(item(report, "mr", 0), "tph"), "valid"));
	json_object_put(report);
	demo_assert_state(exporter.bdf, &before);
}

static void report_for_people_names_requested_and_found_types(void **state)
{
	const struct demo_exporter exporter = demo_find_exporter(GUEST_IVSHMEM, 2, false);
	static char output[65536];

	(void)state;
	assert_int_equal(guest_capture(output, sizeof(output),
				       "vfiowc demo -e %s -b %u -r vfiowc0 -J /tmp/demo.json",
				       exporter.bdf, exporter.bar),
			 0);
	assert_non_null(strstr(output, "requested WC, page table says WC"));
	assert_non_null(strstr(output, "requested NC, page table says UC-"));
	assert_non_null(strstr(output, "as overridden by the module parameter tph_override=3"));
	assert_non_null(strstr(output, "ends in SIGBUS"));
	assert_int_equal(
		guest_run(
			"python3 -c 'import json; assert json.load(open(\"/tmp/demo.json\"))[\"ok\"] is True'"),
		0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		guest_test(walk_through_ivshmem_is_observed_and_witnessed),
		guest_test(walk_through_nvme_pmr_is_observed_and_witnessed),
		guest_test(witness_notices_one_flipped_bit),
		cmocka_unit_test_setup_teardown(walk_through_on_a_device_that_emits_extended_tags,
						guest_setup, delete_device),
		cmocka_unit_test_setup_teardown(device_that_emits_no_tags_fails_at_register,
						guest_setup, delete_device),
		guest_test(report_for_people_names_requested_and_found_types),
	};

	/* One test by its name: the walk-throughs take a while. */
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
