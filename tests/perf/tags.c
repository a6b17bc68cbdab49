// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* WRITEs into a slice with a steering tag and without: see perf.h. */
#include <err.h>

#include "perf.h"

#define ST 0x12
#define PH 1

/* An importer reads the tags when it registers. */
static struct ibv_mr *register_tagged(struct ends *ends, const struct slice *slice, size_t bytes,
				      bool tagged)
{
	const struct vfiowc_tph tph = { .flags = VFIOWC_TAG_ST, .st = ST, .ph = PH };
	struct vfiowc_mr_tph held;
	struct ibv_mr *mr;

	check("tags", tagged ? vfiowc_set_tph(slice->buf, &tph) : vfiowc_clear_tph(slice->buf));
	mr = got("memory region of a slice",
		 vfiowc_reg_mr(slice->buf, ends->pd, 0, bytes, 0, ACCESS));
	check("tags of a memory region", vfiowc_query_mr_tph(mr, &held, sizeof(held)));
	if (held.valid != tagged || (tagged && (held.st != ST || held.ph != PH)))
		errx(1, "the memory region holds %s tag 0x%x", held.valid ? "the" : "no", held.st);
	return mr;
}

double write_tagged(struct ends *ends, const struct memory *memory, const struct slice *slice,
		    const struct load *load, bool tagged)
{
	struct memory tagged_memory = {
		.addr = { memory->addr[0] },
		.mr = { memory->mr[0], register_tagged(ends, slice, load->bytes, tagged) },
	};
	double ns = load_throughput(ends, &tagged_memory, load);

	check("ibv_dereg_mr", ibv_dereg_mr(tagged_memory.mr[1]));
	return ns;
}
