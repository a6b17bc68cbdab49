// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* What the preload library, inside a program that may do anything, reported to `vfiowc run`. */
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run run = { .report_fd = memfd_create("report", MFD_CLOEXEC) };
	struct run_report report;

	must(run.report_fd >= 0 && write(run.report_fd, data, size) == (ssize_t)size);
	must(!run_report_read(&run, &report));
	for (size_t i = 0; i < report.num_mrs; i++)
		must(fuzz_ended(report.mrs[i].rdma, sizeof(report.mrs[i].rdma)) &&
		     fuzz_ended(report.mrs[i].tags, sizeof(report.mrs[i].tags)));
	must(report.num_redirected <= report.num_mrs);
	run_report_free(&report);
	close(run.report_fd);
	return 0;
}
