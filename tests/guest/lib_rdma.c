// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* libvfiowc with the RDMA device: registration, what the importer read, delivery reads, revoke. */
#include <string.h>
#include <sys/ioctl.h>

#include "lib_fixture.h"
#include "rdma_fixture.h"

#define SLICE (64 * KIB)
#define IOVA 0x7000000ULL

/* A WC slice, registered and mapped, and connected queue pairs. */
struct slice {
	struct rdma_node node;
	struct ibv_qp *qp[2];
	struct vfiowc_buf *buf;
	struct vfiowc_mapping *map;
	struct ibv_mr *mr;
	struct rdma_buf host;
};

static void slice_open(struct slice *s, struct vfiowc_device *dev)
{
	rdma_node_open(&s->node);
	rdma_qp_pair(&s->node, s->qp);
	s->buf = lib_export(dev, 0, SLICE, VFIOWC_MEM_WC);
	s->map = lib_map(s->buf, SLICE);
	s->mr = vfiowc_reg_mr(s->buf, s->node.pd, 0, SLICE, IOVA, RDMA_REMOTE);
	if (!s->mr)
		print_error("vfiowc_reg_mr: errno %d\n", errno);
	assert_non_null(s->mr);
	s->host = rdma_buf_alloc(s->node.pd, SLICE, RDMA_LOCAL);
}

static void slice_close(struct slice *s)
{
	rdma_buf_free(&s->host);
	assert_int_equal(ibv_dereg_mr(s->mr), 0);
	vfiowc_unmap(s->map);
	assert_int_equal(vfiowc_destroy_buf(s->buf), 0);
	rdma_qp_unpair(s->qp);
	rdma_node_close(&s->node);
}

static enum ibv_wc_status transfer(struct slice *s, enum ibv_wr_opcode opcode, uint32_t len)
{
	struct rdma_wr wr = { .opcode = opcode, .local = (uintptr_t)s->host.addr, .len = len,
			      .lkey = s->host.mr->lkey, .remote = IOVA, .rkey = s->mr->rkey };

	return rdma_do(s->qp[0], &wr);
}

static void nic_writes_are_delivered_after_the_delivery_read(void **state)
{
	const struct lib_device *lib = *state;
	struct ibv_sge into;
	struct rdma_wr wr;
	struct slice s;

	slice_open(&s, lib->dev);
	rdma_pattern(s.host.addr, SLICE, 1);
	wr = (struct rdma_wr){ .wr_id = 1, .opcode = IBV_WR_RDMA_WRITE, .len = SLICE - 8,
			       .local = (uintptr_t)s.host.addr, .lkey = s.host.mr->lkey,
			       .remote = IOVA, .rkey = s.mr->rkey };
	assert_int_equal(rdma_post(s.qp[0], &wr), 0);
	into = (struct ibv_sge){ (uintptr_t)s.host.addr + SLICE - 8, 1, s.host.mr->lkey };
	assert_int_equal(vfiowc_post_delivery_read(s.qp[0], 2, &into, IOVA, s.mr->rkey), 0);
	assert_wc(rdma_wait(s.node.cq).status, IBV_WC_SUCCESS);
	assert_wc(rdma_wait(s.node.cq).status, IBV_WC_SUCCESS);
	vfiowc_acquire();
	assert_memory_equal(vfiowc_map_addr(s.map), s.host.addr, SLICE - 8);
	slice_close(&s);
}

static void nic_reads_what_the_cpu_delivered(void **state)
{
	const struct lib_device *lib = *state;
	struct vfiowc_buf *nc = lib_export(lib->dev, SLICE, PAGE, VFIOWC_MEM_NC);
	struct vfiowc_mapping *word = lib_map(nc, PAGE);
	struct slice s;

	slice_open(&s, lib->dev);
	rdma_pattern(vfiowc_map_addr(s.map), SLICE, 2);
	vfiowc_deliver(vfiowc_map_addr(word));
	assert_wc(transfer(&s, IBV_WR_RDMA_READ, SLICE), IBV_WC_SUCCESS);
	assert_memory_equal(s.host.addr, vfiowc_map_addr(s.map), SLICE);
	slice_close(&s);
	vfiowc_unmap(word);
	vfiowc_destroy_buf(nc);
}

/* A part of the slice at an iova of its own: address and bytes must belong together. */
static void parts_are_registered_where_asked(void **state)
{
	const struct lib_device *lib = *state;
	struct ibv_mr *part;
	struct rdma_wr wr;
	struct slice s;

	slice_open(&s, lib->dev);
	part = vfiowc_reg_mr(s.buf, s.node.pd, 2 * PAGE + 16, 100, 0x123456789010, RDMA_REMOTE);
	assert_non_null(part);
	memset(vfiowc_map_addr(s.map), 0, SLICE);
	vfiowc_wc_flush();
	memset(s.host.addr, 0xab, 100);
	wr = (struct rdma_wr){ .opcode = IBV_WR_RDMA_WRITE, .local = (uintptr_t)s.host.addr, .len = 100,
			       .lkey = s.host.mr->lkey, .remote = 0x123456789010, .rkey = part->rkey };
	assert_wc(rdma_do(s.qp[0], &wr), IBV_WC_SUCCESS);
	assert_memory_equal((char *)vfiowc_map_addr(s.map) + 2 * PAGE + 16, s.host.addr, 100);
	assert_int_equal(((uint8_t *)vfiowc_map_addr(s.map))[2 * PAGE + 15], 0);
	assert_int_equal(((uint8_t *)vfiowc_map_addr(s.map))[2 * PAGE + 116], 0);
	wr.len = 101;
	assert_wc(rdma_do(s.qp[0], &wr), IBV_WC_REM_ACCESS_ERR);
	assert_int_equal(ibv_dereg_mr(part), 0);
	slice_close(&s);
}

static void wrong_registrations_are_refused(void **state)
{
	const struct lib_device *lib = *state;
	struct slice s;

	slice_open(&s, lib->dev);
	assert_fails(vfiowc_reg_mr(s.buf, s.node.pd, SLICE, 1, SLICE, RDMA_LOCAL), EINVAL);
	assert_fails(vfiowc_reg_mr(s.buf, s.node.pd, 0, SLICE + 1, 0, RDMA_LOCAL), EINVAL);
	assert_fails(vfiowc_reg_mr(s.buf, s.node.pd, 0, PAGE, 8, RDMA_LOCAL), EINVAL);
	assert_fails(vfiowc_reg_mr(s.buf, s.node.pd, 0, PAGE, 0, IBV_ACCESS_REMOTE_WRITE), EINVAL);
	slice_close(&s);
}

/* What the device emits is its administrator's choice; tests set it to 16-bit tags and back. */
static void emit(const char *what)
{
	assert_int_equal(guest_write_file("/sys/class/infiniband/" RDMA_DEVICE "/tph", what), 0);
}

static struct vfiowc_mr_tph mr_tph(struct ibv_mr *mr)
{
	struct vfiowc_mr_tph attr;

	assert_int_equal(vfiowc_query_mr_tph(mr, &attr, sizeof(attr)), 0);
	return attr;
}

static void mr_query_tells_what_the_importer_read(void **state)
{
	struct vfiowc_tph tph = { VFIOWC_TAG_ST | VFIOWC_TAG_ST_EXT, 0x1234, 0x56, 2 };
	const struct lib_device *lib = *state;
	struct ibv_mr *ext, *st;
	struct slice s;

	slice_open(&s, lib->dev);
	assert_int_equal(mr_tph(s.mr).valid, 0);
	assert_int_equal(mr_tph(s.host.mr).valid, 0);
	assert_int_equal(vfiowc_set_tph(s.buf, &tph), 0);
	assert_int_equal(mr_tph(s.mr).valid, 0); /* live MRs keep what they read */
	emit("st_ext");
	ext = vfiowc_reg_mr(s.buf, s.node.pd, 0, SLICE, 0, RDMA_REMOTE);
	emit("st");
	st = vfiowc_reg_mr(s.buf, s.node.pd, 0, SLICE, 0, RDMA_REMOTE);
	assert_true(ext && st);
	assert_int_equal(mr_tph(ext).valid, 1);
	assert_int_equal(mr_tph(ext).ns, VFIOWC_NS_ST_EXT);
	assert_int_equal(mr_tph(ext).st, 0x1234);
	assert_int_equal(mr_tph(ext).ph, 2);
	assert_int_equal(mr_tph(st).ns, VFIOWC_NS_ST);
	assert_int_equal(mr_tph(st).st, 0x56);
	ibv_dereg_mr(ext);
	ibv_dereg_mr(st);
	slice_close(&s);
}

static void target_proves_delivery_through_the_loopback(void **state)
{
	const struct lib_device *lib = *state;
	struct vfiowc_loopback *loopback;
	struct rdma_wr wr;
	struct slice s;
	int err;

	slice_open(&s, lib->dev);
	loopback = vfiowc_create_loopback(s.node.pd, 1, 0);
	if (!loopback)
		print_error("vfiowc_create_loopback: errno %d\n", errno);
	assert_non_null(loopback);
	rdma_pattern(s.host.addr, SLICE, 3);
	assert_int_equal(rdma_post_recv(s.qp[1], 9, NULL, 0), 0);
	wr = (struct rdma_wr){ .opcode = IBV_WR_RDMA_WRITE_WITH_IMM, .len = SLICE,
			       .local = (uintptr_t)s.host.addr, .lkey = s.host.mr->lkey,
			       .remote = IOVA, .rkey = s.mr->rkey };
	assert_int_equal(rdma_post(s.qp[0], &wr), 0);
	assert_wc(rdma_wait(s.node.cq).status, IBV_WC_SUCCESS); /* both ends, in any order */
	assert_wc(rdma_wait(s.node.cq).status, IBV_WC_SUCCESS);
	assert_int_equal(vfiowc_poll_local_delivery(loopback, NULL), ENOENT);
	assert_int_equal(vfiowc_post_local_delivery_read(loopback, s.mr, IOVA + SLICE - 1), 0);
	while ((err = vfiowc_poll_local_delivery(loopback, NULL)) == EAGAIN)
		;
	assert_int_equal(err, 0);
	vfiowc_acquire();
	assert_memory_equal(vfiowc_map_addr(s.map), s.host.addr, SLICE);
	assert_int_equal(vfiowc_destroy_loopback(loopback), 0);
	slice_close(&s);
}

static void loopback_says_when_the_mr_cannot_be_read(void **state)
{
	const struct lib_device *lib = *state;
	enum ibv_wc_status status = IBV_WC_SUCCESS;
	struct vfiowc_loopback *loopback;
	struct ibv_mr *write_only;
	struct slice s;
	int err;

	slice_open(&s, lib->dev);
	loopback = vfiowc_create_loopback(s.node.pd, 1, 0);
	write_only = vfiowc_reg_mr(s.buf, s.node.pd, 0, SLICE, 0,
				   IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE);
	assert_true(loopback && write_only);
	assert_int_equal(vfiowc_post_local_delivery_read(loopback, write_only, 0), 0);
	while ((err = vfiowc_poll_local_delivery(loopback, &status)) == EAGAIN)
		;
	assert_int_equal(err, EIO);
	assert_wc(status, IBV_WC_REM_ACCESS_ERR);
	assert_int_equal(vfiowc_post_local_delivery_read(loopback, s.mr, IOVA), EIO);
	assert_int_equal(vfiowc_destroy_loopback(loopback), 0);
	ibv_dereg_mr(write_only);
	slice_close(&s);
}

static void target_waits_for_delivery_in_one_call(void **state)
{
	const struct lib_device *lib = *state;
	struct ibv_mr *write_only;
	enum ibv_wc_status status;
	struct slice s;

	slice_open(&s, lib->dev);
	rdma_pattern(s.host.addr, SLICE, 5);
	assert_wc(transfer(&s, IBV_WR_RDMA_WRITE, SLICE), IBV_WC_SUCCESS);
	assert_int_equal(vfiowc_local_delivery(s.mr, IOVA + SLICE - 1, &status), 0);
	assert_wc(status, IBV_WC_SUCCESS);
	assert_memory_equal(vfiowc_map_addr(s.map), s.host.addr, SLICE);
	write_only = vfiowc_reg_mr(s.buf, s.node.pd, 0, SLICE, 0,
				   IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE);
	assert_non_null(write_only);
	assert_int_equal(vfiowc_local_delivery(write_only, 0, &status), EOPNOTSUPP);
	assert_wc(status, IBV_WC_REM_ACCESS_ERR);
	assert_int_equal(vfiowc_local_delivery(s.mr, IOVA, NULL), 0); /* a new loopback */
	assert_int_equal(vfiowc_revoke(s.buf), 0);
	assert_int_equal(vfiowc_local_delivery(s.mr, IOVA, NULL), ENODEV);
	assert_int_equal(vfiowc_end_local_delivery(s.node.pd), 0);
	ibv_dereg_mr(write_only);
	slice_close(&s);
}

static void revoke_ends_requests_and_shows_in_the_mr(void **state)
{
	const struct lib_device *lib = *state;
	struct slice s;

	slice_open(&s, lib->dev);
	assert_wc(transfer(&s, IBV_WR_RDMA_WRITE, 64), IBV_WC_SUCCESS);
	assert_int_equal(mr_tph(s.mr).state, VFIOWC_MR_STATE_LIVE);
	assert_int_equal(vfiowc_revoke(s.buf), 0);
	assert_int_equal(mr_tph(s.mr).state, VFIOWC_MR_STATE_INVALIDATED);
	assert_wc(transfer(&s, IBV_WR_RDMA_WRITE, 64), IBV_WC_REM_ACCESS_ERR);
	assert_fails(vfiowc_reg_mr(s.buf, s.node.pd, 0, PAGE, 0, RDMA_LOCAL), ENODEV);
	slice_close(&s);
}

static void reset_ends_requests_until_registered_again(void **state)
{
	const struct lib_device *lib = *state;
	struct slice s;

	slice_open(&s, lib->dev);
	assert_int_equal(ioctl(vfiowc_device_fd(lib->dev), VFIO_DEVICE_RESET), 0);
	assert_int_equal(lib_state(s.buf), VFIOWC_BUF_LIVE); /* healed, the MR has not */
	assert_wc(transfer(&s, IBV_WR_RDMA_WRITE, 64), IBV_WC_REM_ACCESS_ERR);
	assert_int_equal(ibv_dereg_mr(s.mr), 0);
	s.mr = vfiowc_reg_mr(s.buf, s.node.pd, 0, SLICE, IOVA, RDMA_REMOTE);
	assert_non_null(s.mr);
	rdma_qp_unpair(s.qp);
	rdma_qp_pair(&s.node, s.qp);
	assert_wc(transfer(&s, IBV_WR_RDMA_WRITE, 64), IBV_WC_SUCCESS);
	slice_close(&s);
}

/* The MR holds the dma-buf by itself. */
static void dma_buf_object_may_go_before_its_mr(void **state)
{
	const struct lib_device *lib = *state;
	struct vfiowc_buf *buf;
	struct slice s;

	slice_open(&s, lib->dev);
	buf = lib_export(lib->dev, SLICE, SLICE, VFIOWC_MEM_NC);
	assert_int_equal(ibv_dereg_mr(s.mr), 0);
	s.mr = vfiowc_reg_mr(buf, s.node.pd, 0, SLICE, IOVA, RDMA_REMOTE);
	assert_non_null(s.mr);
	assert_int_equal(vfiowc_destroy_buf(buf), 0);
	assert_wc(transfer(&s, IBV_WR_RDMA_WRITE, 64), IBV_WC_SUCCESS);
	slice_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lib_test(nic_writes_are_delivered_after_the_delivery_read),
		lib_test(nic_reads_what_the_cpu_delivered),
		lib_test(parts_are_registered_where_asked),
		lib_test(wrong_registrations_are_refused),
		lib_test(mr_query_tells_what_the_importer_read),
		lib_test(target_proves_delivery_through_the_loopback),
		lib_test(loopback_says_when_the_mr_cannot_be_read),
		lib_test(target_waits_for_delivery_in_one_call),
		lib_test(revoke_ends_requests_and_shows_in_the_mr),
		lib_test(reset_ends_requests_until_registered_again),
		lib_test(dma_buf_object_may_go_before_its_mr),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
