/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * Headers of PCIe memory requests, as a requester would form them for one transfer. Nothing here was
 * seen on a wire. Field positions: PCI Express Base Specification 5.0, 2.2.1 (first DW), 2.2.5 (byte
 * enables), 2.2.7 (memory requests), 2.2.7.1.1 (TLP processing hints), 2.2.10.2 (End-End prefixes).
 */
#ifndef VFIOWC_TOOL_TLP_H
#define VFIOWC_TOOL_TLP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A prefix of one DW and a header of at most four. */
#define TLP_MAX_DW 5

/* Maximum sizes that a requester was configured for; 0 stands for neither. */
struct tlp_limits {
	uint32_t payload_bytes; /* Max_Payload_Size: 128 to 4096, a power of two */
	uint32_t read_bytes; /* Max_Read_Request_Size: the same */
};

enum tlp_namespace {
	TLP_NO_TAG = 0,
	TLP_ST = 1, /* 8 bits, in the header */
	TLP_ST_EXT = 2, /* 16 bits, the upper eight in a prefix */
};

/**
 * struct tlp_transfer - bytes that a requester moves
 * @write: towards the completer (MWr), else from it (MRd)
 * @relaxed: with the relaxed ordering attribute
 * @ns: enum tlp_namespace of @st
 * @st: steering tag
 * @ph: processing hint, 0 to 3
 * @address: of the first byte
 * @bytes: how many, not 0
 */
struct tlp_transfer {
	bool write;
	bool relaxed;
	enum tlp_namespace ns;
	uint16_t st;
	uint8_t ph;
	uint64_t address;
	uint64_t bytes;
};

/* One request. */
struct tlp {
	bool write;
	unsigned int num_dw;
	uint32_t dw[TLP_MAX_DW]; /* the most significant byte goes out first */
	uint32_t bytes; /* that it moves */
};

/**
 * tlp_first() - the first request of a transfer
 * @rest: the transfer; shrinks by what the request moves
 * @limits: how much one request may move; none crosses a 4 KiB boundary (2.2.7)
 * @tlp: receives the request. Requester ID and, where no ST takes its place, the tag are 0: they
 *	are the device's affair
 *
 * Return: false when nothing is left.
 */
bool tlp_first(struct tlp_transfer *rest, const struct tlp_limits *limits, struct tlp *tlp);

/** tlp_count() - number of requests that a transfer takes */
uint64_t tlp_count(const struct tlp_transfer *transfer, const struct tlp_limits *limits);

/* Longest text of tlp_format() with its NUL. */
#define TLP_TEXT_LEN (TLP_MAX_DW * 9 + 8)

/** tlp_format() - "MWr 40010002 ...": a name, then the DWs in hexadecimal */
void tlp_format(const struct tlp *tlp, char text[static TLP_TEXT_LEN]);

#endif
