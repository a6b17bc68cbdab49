// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Targets, and the file of the reports, as libvfiowc-preload finds them in the environment: what is accepted can
 * be written again.
 */
#include "fuzz.h"
#include "preload/handover.h"

static void format_again(const struct handover *target)
{
	struct handover again[HANDOVER_MAX];
	char text[HANDOVER_LEN];
	unsigned int count;

	must(target->dmabuf_fd >= 0 && target->type <= HANDOVER_SYSTEM);
	must(!handover_format(target, text, sizeof(text)));
	must(!handover_parse(text, again, &count) && count == 1);
	must(again[0].dmabuf_fd == target->dmabuf_fd && again[0].inode == target->inode &&
	     again[0].bytes == target->bytes && again[0].type == target->type);
}

static void read_report(const char *text)
{
	struct handover_report report, again;
	char written[HANDOVER_LEN];

	if (handover_report_parse(text, &report))
		return;
	must(report.fd >= 0);
	must(!handover_report_format(&report, written, sizeof(written)));
	must(!handover_report_parse(written, &again));
	must(again.fd == report.fd && again.device == report.device && again.inode == report.inode);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct handover targets[HANDOVER_MAX];
	char *text = fuzz_string(data, size);
	unsigned int count;
	int err = handover_parse(text, targets, &count);

	must(count <= HANDOVER_MAX);
	for (unsigned int i = 0; !err && i < count; i++)
		format_again(&targets[i]);
	read_report(text);
	free(text);
	return 0;
}
