// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Registration of slices of a BAR: see perf.h. */
#include "perf.h"

void slice_open(struct slice *slice, const char *pci_address, unsigned int bar, size_t bytes)
{
	const enum vfiowc_mem_type type = VFIOWC_MEM_WC;
	struct vfiowc_export_attr attr = {
		.bar = bar, .length = bytes, .types = &type, .num_types = 1,
	};

	slice->dev = got(pci_address, vfiowc_open_device(pci_address));
	slice->buf = got("dma-buf", vfiowc_export(slice->dev, &attr, sizeof(attr)));
	slice->bytes = bytes;
}

double register_slice(struct ends *ends, const struct slice *slice, size_t bytes, unsigned int count)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < count; i++) {
		uint64_t start = now_ns();
		struct ibv_mr *mr = vfiowc_reg_mr(slice->buf, ends->pd, 0, bytes, 0, ACCESS);

		got("memory region of a slice", mr);
		sum += now_ns() - start;
		check("ibv_dereg_mr", ibv_dereg_mr(mr));
	}
	return (double)sum / count;
}
