// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * `vfiowc run --prove`: what is no proof, and what is one with other memory, other tags, or none; and
 * what the user is told of a redirection.
 */
#include <string.h>

#include "perf_fixture.h"

static json_object *first_registration(json_object *root)
{
	return json_object_array_get_idx(json_object_object_get(root, "registrations"), 0);
}

static void extended_tag_is_used_in_its_namespace(void **state)
{
	json_object *root, *mr;
	int status;

	(void)state;
	perf_device_tph("st_ext");
	root = perf_run(&status, "--pair --tph st=0x12,st_ext=0xbeef,ph=2 --target %s:%d -- ib_write_bw" PERF_ARGS
			"-s 64 -n 100 --mmap=vfiowc:0", perf_bdf(), PERF_BAR);
	perf_device_tph("st");
	assert_int_equal(status, 0);
	mr = first_registration(root);
	assert_string_equal(json_object_get_string(json_object_object_get(mr, "tags")), "st_ext:0xbeef,ph:2");
	assert_string_equal(perf_text(root, "verdict"), "proved");
	json_object_put(root);
}

static void tags_not_asked_for_are_not_sent(void **state)
{
	int status;
	json_object *root = perf_run(&status, "--pair --target %s:%d -- ib_write_bw" PERF_ARGS
				     "-s 64 -n 100 --mmap=vfiowc:0", perf_bdf(), PERF_BAR);

	(void)state;
	assert_int_equal(status, 0);
	assert_string_equal(perf_text(root, "verdict"), "proved");
	assert_int_equal(perf_number(root, "right_tag"), 200);
	assert_int_equal(perf_number(root, "wrong_tag"), 0);
	json_object_put(root);
}

static void device_that_emits_no_tags_is_no_proof(void **state)
{
	json_object *root;
	int status;

	(void)state;
	perf_device_tph("off");
	root = perf_run(&status, "--pair --tph st=1 --target %s:%d -- ib_write_bw" PERF_ARGS
			"-s 64 -n 100 --mmap=vfiowc:0", perf_bdf(), PERF_BAR);
	perf_device_tph("st");
	assert_int_equal(status, 1);
	assert_string_equal(perf_text(root, "verdict"), "refuted");
	json_object_put(root);
}

/* The program's own words are not taken for granted. */
static void table_with_another_count_is_refuted(void **state)
{
	int status;
	json_object *root = perf_run(&status, "--tph st=1 --target %s:%d -- sh -c 'vfiowc_wait() { "
				     "until grep -q \":4853 .* 0A \" /proc/net/tcp /proc/net/tcp6; do sleep 0.1; done; }; "
				     "C=\"ib_write_bw" PERF_ARGS "-s 64 -n 100 --mmap=vfiowc:0\"; "
				     "$C >/dev/null & vfiowc_wait; $C localhost | sed \"s/ 100 / 101 /\"'",
				     perf_bdf(), PERF_BAR);

	(void)state;
	assert_int_equal(status, 1);
	assert_string_equal(perf_text(root, "verdict"), "refuted");
	assert_int_equal(perf_number(root, "perftest_messages"), 101);
	assert_int_equal(perf_number(root, "messages"), 100);
	json_object_put(root);
}

/*
 * The server's buffer is ordinary memory: redirected is what asked for it, and nothing else. And the last line
 * of a table counts where it has no end, too.
 */
static void host_memory_shows_no_tag(void **state)
{
	int status;
	json_object *root = perf_run(&status, "--tph st=1 --target %s:%d -- sh -c 'vfiowc_wait() { "
				     "until grep -q \":4853 .* 0A \" /proc/net/tcp /proc/net/tcp6; do sleep 0.1; done; }; "
				     "C=\"ib_write_bw" PERF_ARGS "-s 64 -n 100\"; "
				     "$C >/dev/null & vfiowc_wait; "
				     "$C --mmap=vfiowc:0 localhost | grep \"^ 64 \" | tr -d \"\\n\"'",
				     perf_bdf(), PERF_BAR);

	(void)state;
	assert_int_equal(status, 0);
	assert_string_equal(perf_text(root, "verdict"), "proved");
	assert_int_equal(perf_number(root, "host_transfers"), 100);
	assert_int_equal(perf_number(root, "host_tagged"), 0);
	assert_int_equal(perf_number(root, "right_tag"), 100);
	json_object_put(root);
}

static void udmabuf_serves_both_ends(void **state)
{
	int status;
	json_object *root = perf_run(&status, "--pair --target udmabuf:1M -- ib_write_bw" PERF_ARGS
				     "-s 4096 -n 100 --mmap=vfiowc:0");

	(void)state;
	assert_int_equal(status, 0);
	assert_string_equal(perf_text(root, "verdict"), "proved");
	json_object_put(root);
}

static void drm_buffer_serves_both_ends(void **state)
{
	json_object *root;
	int status;

	(void)state;
	if (guest_modprobe("vgem"))
		guest_skip("no vgem module");
	root = perf_run(&status, "--pair --target drm:/dev/dri/card0:1M -- ib_read_bw" PERF_ARGS
			"-s 4096 -n 100 --mmap=vfiowc:0");
	assert_int_equal(status, 0);
	assert_string_equal(perf_text(root, "verdict"), "proved");
	json_object_put(root);
	assert_int_equal(guest_rmmod("vgem"), 0);
}

static unsigned int count(const char *text, const char *with)
{
	unsigned int found = 0;

	for (; (text = strstr(text, with)); text++)
		found++;
	return found;
}

static void redirection_is_told_once_with_the_type_in_the_page_table(void **state)
{
	char error[8192];

	(void)state;
	assert_int_equal(guest_run(GUEST_TIMEOUT(60) "vfiowc run --pair --memattr wc --tph st=3,ph=2 --target %s:%d -- "
				   "ib_write_bw" PERF_ARGS "-s 64 -n 10 --mmap=vfiowc:0 2>" DEMO_STDERR, perf_bdf(),
				   PERF_BAR), 0);
	assert_int_equal(guest_read_file(DEMO_STDERR, error, sizeof(error)), 0);
	print_message("%s\n", error);
	assert_non_null(strstr(error, "type requested: wc, tags requested: st:0x03,ph:2"));
	assert_non_null(strstr(error, "requested=wc pte=wc"));
	assert_non_null(strstr(error, "tags=st:0x3,ph:2 state=live"));
	/* Once for each end: its target, its mapping, its registration. */
	assert_int_equal(count(error, "type requested: "), 2);
	assert_int_equal(count(error, "vfiowc-preload: map "), 2);
	assert_int_equal(count(error, "vfiowc-preload: mr "), 2);
	assert_int_equal(count(error, "vfiowc-preload: end "), 2);
}

static void uncached_is_what_was_asked_for(void **state)
{
	(void)state;
	assert_int_equal(guest_run(GUEST_TIMEOUT(60) "vfiowc run --pair --memattr nc --target %s:%d -- "
				   "ib_write_bw" PERF_ARGS "-s 64 -n 10 --mmap=vfiowc:0 2>" DEMO_STDERR, perf_bdf(),
				   PERF_BAR), 0);
	assert_true(demo_stderr_has("requested=nc pte=uc-"));
}

/* perftest has it only with the number of a device that it knows; that it was given one is said. */
static void inline_data_is_told_of(void **state)
{
	(void)state;
	assert_int_equal(guest_run(GUEST_TIMEOUT(60) "vfiowc run --pair --target %s:%d -- ib_write_bw" PERF_ARGS
				   "-s 64 -n 10 -I 64 --mmap=vfiowc:0 >/tmp/inline 2>" DEMO_STDERR, perf_bdf(), PERF_BAR), 0);
	assert_true(demo_stderr_has("vfiowc-preload: inline "));
	assert_int_equal(guest_run("grep 'Max inline data : 64' /tmp/inline"), 0);
	/* And without the option there is nothing to tell. */
	assert_int_equal(guest_run(GUEST_TIMEOUT(60) "vfiowc run --pair --target %s:%d -- ib_write_bw" PERF_ARGS
				   "-s 64 -n 10 --mmap=vfiowc:0 2>&1 | grep -c 'vfiowc-preload: inline '", perf_bdf(),
				   PERF_BAR), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(extended_tag_is_used_in_its_namespace),
		guest_test(tags_not_asked_for_are_not_sent),
		guest_test(device_that_emits_no_tags_is_no_proof),
		guest_test(table_with_another_count_is_refuted),
		guest_test(host_memory_shows_no_tag),
		guest_test(udmabuf_serves_both_ends),
		guest_test(drm_buffer_serves_both_ends),
		guest_test(redirection_is_told_once_with_the_type_in_the_page_table),
		guest_test(uncached_is_what_was_asked_for),
		guest_test(inline_data_is_told_of),
	};

	return cmocka_run_group_tests(tests, perf_up, perf_down);
}
