// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * `vfiowc demo`: taking the memory away: for a time by a reset, for good by REVOKE. Both end work
 * requests with an error completion; after a reset the slice is registered again and works, after
 * REVOKE the CPU gets SIGBUS (O9). The bytes of refused WRITEs must not be in the BAR: the witness
 * looks there.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <setjmp.h>
#include <string.h>
#include <sys/ioctl.h>

#include "demo.h"
#include "pattern.h"

/* A WRITE to a slice that was taken away; then fresh QPs, for the error has ended these. */
static int write_refused(struct demo *d, enum pattern_stream stream, uint64_t offset,
			 enum ibv_wc_status *status)
{
	const struct slice *data = &d->slices[SLICE_DATA];
	const char *what;
	int err;

	pattern_fill(d->seed, stream, d->nic.out, DATA_SMALL_BYTES);
	if (demo_transfer_refused(d, data, offset, d->nic.out, DATA_SMALL_BYTES, status))
		return -1;
	err = nic_reconnect(&d->nic, &what);
	if (err)
		return demo_fail(d, d->rdma, "after the error completion: %s: %s", what,
				 strerror(err));
	return 0;
}

/* Registered again, the slice works: WRITE, READ, and the mapping made before the reset. */
static int recover(struct demo *d)
{
	unsigned int first = d->num_works;
	uint8_t *out = d->nic.out;

	for (unsigned int i = 0; i < NUM_SLICES; i++) {
		struct slice *slice = &d->slices[i];

		ibv_dereg_mr(slice->mr);
		slice->mr = NULL;
		if (demo_register_slice(d, slice))
			return -1;
	}
	pattern_fill(d->seed, PATTERN_RECOVERED, out, DATA_SMALL_BYTES);
	memset(d->nic.in, 0, DATA_SMALL_BYTES);
	if (demo_transfer(d, IBV_WR_RDMA_WRITE, &d->slices[SLICE_DATA], DATA_RECOVERED, out,
			  DATA_SMALL_BYTES) ||
	    demo_transfer(d, IBV_WR_RDMA_READ, &d->slices[SLICE_DATA], DATA_RECOVERED, d->nic.in,
			  DATA_SMALL_BYTES) ||
	    demo_check_host(d, &d->slices[SLICE_DATA], DATA_RECOVERED, out, DATA_SMALL_BYTES) ||
	    demo_check_cpu(d, &d->slices[SLICE_DATA], DATA_RECOVERED, out, DATA_SMALL_BYTES))
		return -1;
	demo_verified(d, first);
	return 0;
}

int demo_reset(struct demo *d)
{
	json_object *report = json_object_new_object();
	enum ibv_wc_status status;
	int err;

	report_set(d->report, "reset", report);
	report_set(report, "nic_status", NULL);
	report_set(report, "recovered", json_object_new_boolean(0));
	if (ioctl(vfiowc_device_fd(d->dev), VFIO_DEVICE_RESET))
		return demo_fail(d, d->bdf, "VFIO_DEVICE_RESET: %s", strerror(errno));
	if (demo_enable_memory(d))
		return -1;
	if (write_refused(d, PATTERN_RESET_REFUSED, DATA_RESET_REFUSED, &status))
		return -1;
	report_set(report, "nic_status", json_object_new_string(ibv_wc_status_str(status)));
	demo_say(d, "%s was reset; a WRITE through the MR of before ends with '%s'", d->bdf,
		 ibv_wc_status_str(status));
	err = recover(d);
	report_set(report, "recovered", json_object_new_boolean(!err));
	if (err)
		return -1;
	demo_say(d, "registered again: %u bytes by WRITE, back by READ, and by the CPU: equal",
		 DATA_SMALL_BYTES);
	return 0;
}

static sigjmp_buf after_sigbus;

static void on_sigbus(int signo)
{
	(void)signo;
	siglongjmp(after_sigbus, 1);
}

/* Does a load from this address end in SIGBUS? */
static bool load_is_sigbus(const volatile uint8_t *address)
{
	const struct sigaction action = { .sa_handler = on_sigbus };
	struct sigaction old;
	volatile bool raised = true;

	sigaction(SIGBUS, &action, &old);
	if (!sigsetjmp(after_sigbus, 1)) {
		(void)*address;
		raised = false;
	}
	sigaction(SIGBUS, &old, NULL);
	return raised;
}

/* One slice is revoked, the other must not notice. */
static int check_cpu_revoked(struct demo *d, json_object *report)
{
	bool data = load_is_sigbus(d->slices[SLICE_DATA].cpu);
	bool doorbell = load_is_sigbus(d->slices[SLICE_DOORBELL].cpu);

	report_set(report, "cpu", json_object_new_string(data ? "SIGBUS" : "readable"));
	if (!data)
		return demo_fail(d, d->bdf, "the CPU can still load from slice data after REVOKE");
	if (doorbell)
		return demo_fail(d, d->bdf, "slice doorbell was revoked together with slice data");
	demo_say(
		d,
		"slice data revoked: a load by the CPU ends in SIGBUS; slice doorbell still loads");
	return 0;
}

int demo_revoke(struct demo *d)
{
	json_object *report = json_object_new_object();
	enum ibv_wc_status status;
	int err;

	report_set(d->report, "revoke", report);
	report_set(report, "cpu", NULL);
	report_set(report, "nic_status", NULL);
	err = vfiowc_revoke(d->slices[SLICE_DATA].buf);
	if (err)
		return demo_fail(d, d->bdf, "slice data cannot be revoked: %s", strerror(err));
	if (check_cpu_revoked(d, report))
		return -1;
	if (write_refused(d, PATTERN_REVOKE_REFUSED, DATA_REVOKE_REFUSED, &status))
		return -1;
	report_set(report, "nic_status", json_object_new_string(ibv_wc_status_str(status)));
	demo_say(d, "a WRITE of %s ends with '%s'", d->rdma, ibv_wc_status_str(status));
	return 0;
}
