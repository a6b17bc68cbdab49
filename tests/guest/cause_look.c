// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* One slice in use from every side: see cause_look.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cause_look.h"
#include "importer.h"

#define WRITE_BYTES 64

static void import(struct cause_look *look)
{
	char peer[GUEST_BDF_LEN];

	look->borrower = importer_open();
	assert_int_equal(importer_attach(look->borrower, look->run.dmabuf, NULL, IMPORTER_DYNAMIC), 0);
	assert_int_equal(importer_do(look->borrower, IMPORTER_CPU_MAP), 0);
	assert_int_equal(guest_find_pci(GUEST_E1000E, peer), 0);
	look->function = importer_open();
	assert_int_equal(importer_attach(look->function, look->run.dmabuf, peer, IMPORTER_DYNAMIC), 0);
	assert_int_equal(importer_do(look->function, IMPORTER_MAP), 0);
}

static void register_slice(struct cause_look *look)
{
	look->slice = rdma_reg_slice(look->node.pd, look->run.dmabuf, (uint8_t *)look->map, LOOK_BYTES);
}

static enum ibv_wc_status transfer(struct cause_look *look, enum ibv_wr_opcode opcode)
{
	struct rdma_wr wr = rdma_wr(opcode, &look->host, &look->slice, WRITE_BYTES);
	enum ibv_wc_status status;

	/* The slice's last bytes: its first word is for the drain to be seen by. */
	wr.remote += LOOK_BYTES - WRITE_BYTES;
	status = rdma_do(look->qp[0], &wr);
	if (status != IBV_WC_SUCCESS) {
		rdma_qp_unpair(look->qp);
		rdma_qp_pair(&look->node, look->qp);
	}
	return status;
}

void look_begin(struct cause_look *look, const struct cause *cause)
{
	*look = (struct cause_look){ .cause = cause, .borrower = -1, .function = -1 };
	cause_open(cause, &look->run);
	look->run.dmabuf = exporter_export(&look->run.exp, VFIOWC_MEMATTR_WC, LOOK_OFFSET, LOOK_BYTES);
	look->map = exporter_mmap(look->run.dmabuf, LOOK_BYTES);
	import(look);
	rdma_node_open(&look->node);
	rdma_qp_pair(&look->node, look->qp);
	look->host = rdma_buf_alloc(look->node.pd, PAGE, RDMA_REMOTE);
	register_slice(look);
	assert_wc(transfer(look, IBV_WR_RDMA_WRITE), IBV_WC_SUCCESS);
	assert_wc(transfer(look, IBV_WR_RDMA_READ), IBV_WC_SUCCESS);
	look->map[PAGE / 4] = 1;
	look->map[0] = LOOK_VALUE;
}

void look_end(struct cause_look *look)
{
	if (look->slice.mr)
		rdma_dereg_slice(&look->slice);
	if (look->host.mr)
		rdma_buf_free(&look->host);
	if (look->qp[1])
		rdma_qp_unpair(look->qp);
	if (look->node.context)
		rdma_node_close(&look->node);
	if (look->function >= 0)
		importer_close(look->function);
	if (look->borrower >= 0)
		importer_close(look->borrower);
	if (look->map)
		munmap((void *)look->map, LOOK_BYTES);
	if (look->run.dmabuf >= 0)
		close(look->run.dmabuf);
	if (look->run.exp.vfio.device > 0)
		cause_close(look->cause, &look->run);
	look->cause = NULL;
}

static void assert_importer_taken(int importer)
{
	assert_true(importer_info(importer).nr_invalidates);
	assert_false(importer_info(importer).mapped);
}

/* Whether or not the memory is back by now: what was granted is gone. */
void look_assert_taken(struct cause_look *look)
{
	assert_importer_taken(look->borrower);
	assert_importer_taken(look->function);
	assert_wc(transfer(look, IBV_WR_RDMA_WRITE), IBV_WC_REM_ACCESS_ERR);
	assert_wc(transfer(look, IBV_WR_RDMA_READ), IBV_WC_REM_ACCESS_ERR);
}

void look_assert_cut_off(struct cause_look *look)
{
	const struct cause *cause = look->cause;

	assert_true(guest_sigbus_read8(look->map));
	assert_true(guest_sigbus_write8((volatile uint8_t *)look->map + PAGE, 1));
	assert_int_equal(importer_do(look->borrower, IMPORTER_CPU_MAP), -ENODEV);
	assert_int_equal(importer_do(look->function, IMPORTER_MAP), -ENODEV);
	assert_true(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, look->run.dmabuf, 0) == MAP_FAILED);
	assert_int_equal(errno, ENODEV);
	assert_null(ibv_reg_dmabuf_mr(look->node.pd, 0, LOOK_BYTES, 0, look->run.dmabuf, RDMA_REMOTE));
	assert_int_equal(errno, ENODEV);
	if (!cause->unseen)
		assert_int_equal(exporter_state(&look->run.exp, look->run.dmabuf),
				 cause->permanent ? VFIOWC_DMA_BUF_REVOKED : VFIOWC_DMA_BUF_REVOKED_TEMP);
}

/* Nobody had to do anything for it, except that a region is registered again. */
void look_assert_healed(struct cause_look *look)
{
	assert_int_equal(exporter_state(&look->run.exp, look->run.dmabuf), VFIOWC_DMA_BUF_LIVE);
	assert_false(guest_sigbus_write8(look->map, 7));
	assert_int_equal(*(volatile uint8_t *)look->map, 7);
	assert_int_equal(exporter_pte_type(&look->run.exp, look->map), VFIOWC_PTE_WC);
	assert_int_equal(importer_do(look->borrower, IMPORTER_CPU_MAP), 0);
	assert_int_equal(importer_do(look->function, IMPORTER_MAP), 0);
	rdma_dereg_slice(&look->slice);
	register_slice(look);
	assert_wc(transfer(look, IBV_WR_RDMA_WRITE), IBV_WC_SUCCESS);
	assert_wc(transfer(look, IBV_WR_RDMA_READ), IBV_WC_SUCCESS);
}

void look_assert_in_use(struct cause_look *look)
{
	assert_int_equal(importer_info(look->borrower).nr_invalidates, 0);
	assert_true(importer_info(look->borrower).mapped);
	assert_true(importer_info(look->function).mapped);
	assert_int_equal(look->map[0], LOOK_VALUE);
	assert_wc(transfer(look, IBV_WR_RDMA_WRITE), IBV_WC_SUCCESS);
	assert_wc(transfer(look, IBV_WR_RDMA_READ), IBV_WC_SUCCESS);
}

/* One test at a time. */
static struct cause_look the_look;

struct cause_look *look_of(void **state)
{
	the_look.cause = *state;
	return &the_look;
}

static int teardown(void **state)
{
	if (the_look.cause)
		look_end(&the_look);
	return guest_teardown(state);
}

static int list(void)
{
	for (unsigned int i = 0; i < nr_causes; i++)
		printf("%s\t%s\n", causes[i].name, causes[i].permanent ? "permanent" : "temporary");
	return 0;
}

int look_run(int argc, char **argv, const char *program, const char *suffix, void (*test)(void **state))
{
	struct CMUnitTest *tests = calloc(nr_causes, sizeof(*tests));
	int failed = -1;

	if (argc > 1 && !strcmp(argv[1], "--list")) {
		free(tests);
		return list();
	}
	for (unsigned int i = 0; tests && i < nr_causes; i++) {
		char *name;

		if (asprintf(&name, "%s_%s", causes[i].name, suffix) < 0)
			return -1;
		tests[i] = (struct CMUnitTest){ name, test, guest_setup, teardown, (void *)&causes[i] };
	}
	if (tests)
		failed = _cmocka_run_group_tests(program, tests, nr_causes, rdma_device_up, rdma_device_down);
	for (unsigned int i = 0; tests && i < nr_causes; i++)
		free((char *)tests[i].name);
	free(tests);
	return failed;
}
