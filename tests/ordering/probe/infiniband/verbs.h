/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * Names that <infiniband/vfiowc_order.h> needs to be parsed, so that its CPU calls can be compiled
 * for either architecture without that architecture's libibverbs or C library.
 */
struct ibv_qp;
struct ibv_pd;
struct ibv_mr;
struct ibv_sge;
enum ibv_wc_status { IBV_WC_SUCCESS };
