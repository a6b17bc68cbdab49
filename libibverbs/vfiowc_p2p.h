/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * libvfiowc: can this RDMA device reach that PCI function's memory here? Answered from what the system
 * shows, before anything is exported, and for writes and reads apart; each obstacle with its remedy.
 */
#ifndef INFINIBAND_VFIOWC_P2P_H
#define INFINIBAND_VFIOWC_P2P_H

#include <infiniband/vfiowc.h>

#ifdef __cplusplus
extern "C" {
#endif

enum vfiowc_p2p_verdict {
	VFIOWC_P2P_UNKNOWN	= 0, /* only a transfer can tell: `vfiowc check --probe` */
	VFIOWC_P2P_YES		= 1,
	VFIOWC_P2P_NO		= 2,
};

/* What was looked at. */
enum vfiowc_p2p_subject {
	VFIOWC_P2P_DRIVER	= 0, /* of the exporter */
	VFIOWC_P2P_GROUP	= 1, /* its IOMMU group, and who else is in it */
	VFIOWC_P2P_BAR		= 2, /* size and kind */
	VFIOWC_P2P_IMPORTER	= 3, /* may the RDMA device attach to a revocable exporter? */
	VFIOWC_P2P_PORT		= 4, /* of the RDMA device, and what it can READ */
	VFIOWC_P2P_PATH		= 5, /* distance, host bridge */
	VFIOWC_P2P_ACS		= 6, /* redirection on the way */
	VFIOWC_P2P_ATS		= 7, /* of the RDMA device */
	VFIOWC_P2P_KERNEL	= 8, /* what it was built with */
	VFIOWC_P2P_MEMLOCK	= 9, /* limit of locked memory */
	VFIOWC_P2P_PERMISSION	= 10, /* device nodes, and who has them */
	VFIOWC_P2P_LOCKDOWN	= 11, /* Secure Boot, modules that must be signed */
};

/**
 * struct vfiowc_p2p_finding - what was found about one subject
 * @subject: enum vfiowc_p2p_subject
 * @write, @read: enum vfiowc_p2p_verdict, as far as this subject goes
 * @reserved: 0
 * @text: for people (English)
 * @remedy: what to do, or ""
 */
struct vfiowc_p2p_finding {
	uint32_t subject;
	uint32_t write;
	uint32_t read;
	uint32_t reserved;
	char text[240];
	char remedy[240];
};

#define VFIOWC_P2P_FINDINGS 24

/**
 * struct vfiowc_p2p_attr - what vfiowc_check_p2p() tells
 * @comp_mask: 0 today
 * @write: enum vfiowc_p2p_verdict: may the RDMA device write the function's memory?
 * @read: may it read it?
 * @num_findings: of @findings
 * @reserved: 0
 * @findings: in the order in which they were made; a subject may have several, or none
 *
 * NO when one finding says so, else UNKNOWN when one says so, else YES.
 */
struct vfiowc_p2p_attr {
	uint64_t comp_mask;
	uint32_t write;
	uint32_t read;
	uint32_t num_findings;
	uint32_t reserved;
	struct vfiowc_p2p_finding findings[VFIOWC_P2P_FINDINGS];
};

/**
 * vfiowc_check_p2p - can peer-to-peer work between these two?
 * @pci_address: the exporter, "dddd:bb:dd.f", or "bb:dd.f" in domain 0
 * @rdma_device: name of the RDMA device, as ibv_get_device_name() gives it
 * @attr: receives the answer
 * @inlen: sizeof(*attr)
 *
 * Reads sysfs, opens the RDMA device and, for a moment, the function's VFIO group; changes nothing. What
 * only root may read (the configuration space behind byte 64) is UNKNOWN to others.
 *
 * Return: 0; EINVAL not a PCI address, or @inlen too small; ENODEV no such PCI function; ENXIO no such
 * RDMA device.
 */
int vfiowc_check_p2p(const char *pci_address, const char *rdma_device, struct vfiowc_p2p_attr *attr,
		     uint32_t inlen);

#ifdef __cplusplus
}
#endif

#endif /* INFINIBAND_VFIOWC_P2P_H */
