// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Every call of libvfiowc with each allocation and system call below it failing once: n = 1, 2, ...
 * until none fails any more. Wanted each time: the errno of what failed, nothing kept, and objects
 * that serve the same call afterwards.
 */
#include <dirent.h>
#include <stdio.h>
#include <unistd.h>
#include "fake.h"

/* More than any call has; ends a loop that should have ended by itself. */
#define MAX_POINTS 100

static const enum vfiowc_mem_type wc_then_nc[] = { VFIOWC_MEM_WC, VFIOWC_MEM_NC };
static const struct vfiowc_range ranges[] = { { 0, FAKE_PAGE }, { 4 * FAKE_PAGE, FAKE_PAGE } };

static struct vfiowc_device *dev;
static struct vfiowc_buf *buf;
static struct vfiowc_mapping *map;
static struct vfiowc_loopback *loopback;
static struct ibv_mr slice_mr = { .context = &fake_ctx, .handle = 42, .rkey = 0x99 };

/* What a call under test has made, for its undo. */
static void *made;

static int keep(void *object)
{
	made = object;
	return object ? 0 : errno;
}

static int open_device(void)
{
	return keep(vfiowc_open_device(FAKE_BDF));
}

/* Not by vfiowc_pci, which has better. */
static int open_device_wc(void)
{
	fake.driver = FAKE_STOCK;
	fake.memtype_list = "PAT: [mem 0x0000000080000000-0x0000000084000000] write-combining\n";
	return keep(vfiowc_open_device_wc(FAKE_BDF, 1 << FAKE_MEM_BAR));
}

static int open_device_fd(void)
{
	return keep(vfiowc_open_device_fd(FAKE_DEVICE, FAKE_BDF));
}

static void close_device(void)
{
	assert_int_equal(vfiowc_close_device(made), 0);
}

static int query_device(void)
{
	struct vfiowc_device_attr attr;

	return vfiowc_query_device(dev, &attr, sizeof(attr));
}

static int export(void)
{
	const struct vfiowc_export_attr attr = {
		.bar = FAKE_MEM_BAR,
		.ranges = ranges,
		.num_ranges = 2,
		.types = wc_then_nc,
		.num_types = 2,
	};

	return keep(vfiowc_export(dev, &attr, sizeof(attr)));
}

/* By the stock feature, which has no types. */
static int export_by_stock(void)
{
	return export();
}

static int import(void)
{
	return keep(vfiowc_import(vfiowc_buf_fd(buf), dev));
}

static int import_foreign(void)
{
	return keep(vfiowc_import(vfiowc_buf_fd(buf), NULL));
}

static void destroy_buf(void)
{
	assert_int_equal(vfiowc_destroy_buf(made), 0);
}

static int query_buf(void)
{
	struct vfiowc_buf_attr attr;

	return vfiowc_query_buf(buf, &attr, sizeof(attr));
}

static int set_memattr(void)
{
	return vfiowc_set_memattr(buf, VFIOWC_MEM_WC);
}

static int get_memattr(void)
{
	enum vfiowc_mem_type type;

	return vfiowc_get_memattr(buf, &type);
}

static int set_tph(void)
{
	return vfiowc_set_tph(buf, &(struct vfiowc_tph){ .flags = VFIOWC_TAG_ST, .st = 7 });
}

static int clear_tph(void)
{
	return vfiowc_clear_tph(buf);
}

static int get_tph(void)
{
	struct vfiowc_tph tph;

	return vfiowc_get_tph(buf, &tph);
}

static int revoke_buf(void)
{
	return vfiowc_revoke(buf);
}

static void restore(void)
{
	fake_find_dma_buf(vfiowc_buf_fd(buf))->revoked = false;
}

static int map_buf(void)
{
	return keep(vfiowc_map(buf, 1, FAKE_PAGE, 0));
}

static void unmap_buf(void)
{
	assert_int_equal(vfiowc_unmap(made), 0);
}

static int map_region(void)
{
	const struct vfiowc_region_attr attr = {
		.bar = FAKE_MEM_BAR,
		.offset = 8 * FAKE_PAGE,
		.length = FAKE_PAGE,
		.types = wc_then_nc,
		.num_types = 2,
	};

	return keep(vfiowc_map_region(dev, &attr, sizeof(attr), 0));
}

static int map_region_of_stock(void)
{
	return map_region();
}

static int query_map(void)
{
	struct vfiowc_map_attr attr;

	return vfiowc_query_map(map, &attr, sizeof(attr));
}

static int reg_mr(void)
{
	return keep(vfiowc_reg_mr(buf, &fake_pd, 0, FAKE_PAGE, 0, IBV_ACCESS_LOCAL_WRITE));
}

static int query_mr_tph(void)
{
	struct vfiowc_mr_tph attr;

	return vfiowc_query_mr_tph(&slice_mr, &attr, sizeof(attr));
}

static int post_delivery_read(void)
{
	struct ibv_sge into = { 0x1000, 1, 0x22 };

	return vfiowc_post_delivery_read(&fake_qp, 7, &into, 0x5000, 0x99);
}

static int create_loopback(void)
{
	return keep(vfiowc_create_loopback(&fake_pd, 1, 0));
}

static void destroy_loopback(void)
{
	assert_int_equal(vfiowc_destroy_loopback(made), 0);
}

/* The loopback lives on when this fails; when not, the fixture gets another. */
static int destroy_the_loopback(void)
{
	int err = vfiowc_destroy_loopback(loopback);

	if (!err)
		loopback = NULL;
	return err;
}

static void make_the_loopback(void)
{
	if (!loopback)
		loopback = vfiowc_create_loopback(&fake_pd, 1, 0);
	assert_non_null(loopback);
}

static int post_local_delivery_read(void)
{
	return vfiowc_post_local_delivery_read(loopback, &slice_mr, 0x5000);
}

static void poll_it(void)
{
	fake.wc_ready = 1;
	assert_int_equal(vfiowc_poll_local_delivery(loopback, NULL), 0);
}

/* A loopback whose CQ cannot be polled is broken for good, which is what it says from then on. */
static int poll_local_delivery(void)
{
	int err;

	fake.wc_ready = 1;
	err = vfiowc_poll_local_delivery(loopback, NULL);
	if (err) {
		assert_int_equal(vfiowc_poll_local_delivery(loopback, NULL), err);
		assert_int_equal(destroy_the_loopback(), 0);
		make_the_loopback();
		assert_int_equal(post_local_delivery_read(), 0);
	}
	return err;
}

static void post_again(void)
{
	assert_int_equal(post_local_delivery_read(), 0);
}

struct op {
	const char *name;
	int (*call)(void);
	void (*undo)(void); /* after a success; NULL: nothing to undo */
	void (*before)(void); /* NULL: the fixture is enough */
	enum fake_driver driver; /* 0: vfiowc_pci */
};

#define OP(f, ...) { .name = #f, .call = f, __VA_ARGS__ }

static const struct op ops[] = {
	OP(open_device, .undo = close_device),
	OP(open_device_wc, .undo = close_device, .driver = FAKE_STOCK),
	OP(open_device_fd, .undo = close_device),
	OP(query_device),
	OP(export, .undo = destroy_buf),
	OP(export_by_stock, .undo = destroy_buf, .driver = FAKE_STOCK),
	OP(import, .undo = destroy_buf),
	OP(import_foreign, .undo = destroy_buf),
	OP(query_buf),
	OP(set_memattr),
	OP(get_memattr),
	OP(set_tph),
	OP(clear_tph),
	OP(get_tph),
	OP(revoke_buf, .undo = restore),
	OP(map_buf, .undo = unmap_buf),
	OP(map_region, .undo = unmap_buf),
	OP(map_region_of_stock, .undo = unmap_buf, .driver = FAKE_STOCK),
	OP(query_map),
	OP(reg_mr),
	OP(query_mr_tph),
	OP(post_delivery_read),
	OP(create_loopback, .undo = destroy_loopback),
	OP(destroy_the_loopback, .undo = make_the_loopback),
	OP(post_local_delivery_read, .undo = poll_it),
	OP(poll_local_delivery, .undo = post_again, .before = post_again),
};

/* Failures that have another name outside, or none. */
static int expected_errno(const struct op *op)
{
	switch (fake.failed) {
	case FAKE_GET_API_VERSION: /* the kernel has no type1v2 */
	case FAKE_CHECK_EXTENSION:
		return ENOTSUP;
	case FAKE_QUERY_GID: /* sets no errno */
		return EINVAL;
	case FAKE_POLL_CQ: /* the read did not succeed */
		return EIO;
	case FAKE_READLINK: /* the name of the driver is told when it can be */
		return op->call == query_device ? 0 : fake_nth_errno(fake.failed);
	default:
		return fake_nth_errno(fake.failed);
	}
}

static unsigned int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void make_fixture(const struct op *op)
{
	void *state = NULL;

	fake_setup(&state);
	if (op->driver)
		fake.driver = op->driver;
	dev = fake_open();
	buf = fake_export(dev, 0, 2 * FAKE_PAGE, VFIOWC_MEM_NC);
	map = vfiowc_map(buf, 0, FAKE_PAGE, VFIOWC_MAP_MIXED);
	assert_non_null(map);
	loopback = NULL;
	make_the_loopback();
	if (op->before)
		op->before();
}

static void destroy_fixture(void)
{
	assert_int_equal(vfiowc_destroy_loopback(loopback), 0);
	assert_int_equal(vfiowc_unmap(map), 0);
	assert_int_equal(vfiowc_destroy_buf(buf), 0);
	assert_int_equal(vfiowc_close_device(dev), 0);
	assert_int_equal(fake.live_verbs, 0);
	assert_int_equal(fake.allocations, 0);
	assert_memory_equal(fake.opened, fake.closed, sizeof(fake.opened));
}

/* True while the n-th failure happens: there may be more. */
static bool fail_nth(const struct op *op, int n)
{
	unsigned int fds = open_fds();
	bool failed;
	int err;

	make_fixture(op);
	fake.fail_nth = n;
	err = op->call();
	failed = !fake.fail_nth;
	fake.fail_nth = 0;
	if (err != (failed ? expected_errno(op) : 0))
		fail_msg("%s: failure %d, of call %d, gives errno %d", op->name, n, fake.failed, err);
	if (!err && op->undo)
		op->undo();
	assert_int_equal(op->call(), 0);
	if (op->undo)
		op->undo();
	destroy_fixture();
	assert_int_equal(open_fds(), fds);
	return failed;
}

static void each_failure_is_reported_and_undone(void **state)
{
	int total = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		int n = 0;

		while (fail_nth(&ops[i], n + 1))
			assert_true(++n < MAX_POINTS);
		print_message("%-24s %2d failures\n", ops[i].name, n);
		assert_true(n > 0);
		total += n;
	}
	print_message("%d failures of %zu calls\n", total, sizeof(ops) / sizeof(ops[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_failure_is_reported_and_undone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
