// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Headers of PCIe memory requests. Sections are those of the PCIe Base Specification 5.0. See tlp.h. */
#include <stdio.h>
#include <string.h>

#include "tlp.h"

/* First DW, 2.2.1: Fmt in bits 31:29, Type (0 is a memory request) in 28:24. */
#define FMT_4DW (1u << 29)
#define FMT_DATA (2u << 29)
#define DW0_TH (1u << 16)
#define DW0_ATTR_RO (1u << 13)
/* 2.2.10.2: Fmt 100b, Type 10000b (End-End, Extended TPH); ST[15:8] in the byte behind it. */
#define PREFIX_TPH (0x90u << 24)
#define PREFIX_ST_SHIFT 16
#define DW1_TAG_SHIFT 8

/*
 * Requests end at multiples of the limit, as controllers form them: limits are powers of two up to 4 KiB,
 * so none crosses a 4 KiB boundary, which is what 2.2.7 asks for.
 */
static uint32_t request_bytes(const struct tlp_transfer *rest, const struct tlp_limits *limits)
{
	uint32_t max = rest->write ? limits->payload_bytes : limits->read_bytes;
	uint32_t bytes = max - rest->address % max;

	return rest->bytes < bytes ? rest->bytes : bytes;
}

/* 2.2.5: First BE for the bytes of the first DW, Last BE for those of the last, 0 if there is one DW. */
static uint32_t byte_enables(uint64_t address, uint32_t bytes, uint32_t num_dw)
{
	uint32_t first = 0xf << address % 4 & 0xf;
	uint32_t last = 0xf >> (4 - (address + bytes) % 4) % 4;

	if (num_dw == 1)
		return first & last;
	return last << 4 | first;
}

/*
 * 2.2.7.1.1: with TH set the ST stands in the tag field of a write, whose tag nobody uses, and in the
 * byte enables of a read, which then count as all set.
 */
static uint32_t second_dw(const struct tlp_transfer *t, uint32_t bytes, uint32_t num_dw)
{
	uint32_t enables = byte_enables(t->address, bytes, num_dw);

	if (t->ns == TLP_NO_TAG)
		return enables;
	return t->write ? (t->st & 0xffu) << DW1_TAG_SHIFT | enables : t->st & 0xffu;
}

static void encode(const struct tlp_transfer *t, struct tlp *tlp)
{
	uint32_t num_dw = (t->address % 4 + tlp->bytes + 3) / 4;
	/* A 3 DW header is required below 4 GiB (2.2.4.1). */
	bool is_64 = t->address >> 32;
	uint32_t *dw = tlp->dw;

	if (t->ns == TLP_ST_EXT)
		*dw++ = PREFIX_TPH | (uint32_t)(t->st >> 8) << PREFIX_ST_SHIFT;
	/* 1024 DW are written as 0. */
	*dw++ = (is_64 ? FMT_4DW : 0) | (t->write ? FMT_DATA : 0) | (t->ns ? DW0_TH : 0) |
		(t->relaxed ? DW0_ATTR_RO : 0) | (num_dw & 0x3ff);
	*dw++ = second_dw(t, tlp->bytes, num_dw);
	if (is_64)
		*dw++ = t->address >> 32;
	*dw++ = (t->address & 0xfffffffc) | (t->ns ? t->ph & 3u : 0);
	tlp->num_dw = dw - tlp->dw;
}

bool tlp_first(struct tlp_transfer *rest, const struct tlp_limits *limits, struct tlp *tlp)
{
	if (!rest->bytes)
		return false;
	memset(tlp, 0, sizeof(*tlp));
	tlp->write = rest->write;
	tlp->bytes = request_bytes(rest, limits);
	encode(rest, tlp);
	rest->address += tlp->bytes;
	rest->bytes -= tlp->bytes;
	return true;
}

/* Computed, not counted: a length comes from a trace, which may say anything. */
uint64_t tlp_count(const struct tlp_transfer *transfer, const struct tlp_limits *limits)
{
	uint32_t max = transfer->write ? limits->payload_bytes : limits->read_bytes;
	uint64_t first = request_bytes(transfer, limits), rest = transfer->bytes - first;

	return !!first + rest / max + !!(rest % max);
}

void tlp_format(const struct tlp *tlp, char text[static TLP_TEXT_LEN])
{
	int used = sprintf(text, "%s", tlp->write ? "MWr" : "MRd");

	for (unsigned int i = 0; i < tlp->num_dw; i++)
		used += sprintf(text + used, " %08x", tlp->dw[i]);
}
