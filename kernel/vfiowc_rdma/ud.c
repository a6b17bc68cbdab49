// SPDX-License-Identifier: GPL-2.0
/*
 * Unreliable datagrams.
 *
 * A message is delivered or dropped; the sender never learns which.  It is
 * dropped when nobody answers at the destination, the Q_Key is another, there is
 * no receive, or the receive is too short for 40 bytes of header and the message.
 *
 * The first 40 bytes of a receive are what RoCE v2 puts there: the IPv6 header,
 * or 20 bytes of zeros and the IPv4 header.
 */
#include <linux/ip.h>
#include <net/ip.h>
#include <net/ipv6.h>

#include "wr.h"

#define QKEY_OF_QP	BIT(31)	/* in a request: take the QP's own */

union grh {
	u8 bytes[sizeof(struct ib_grh)];
	struct ipv6hdr ip6;
	struct {
		u8 zeros[sizeof(struct ib_grh) - sizeof(struct iphdr)];
		struct iphdr ip4;
	};
};

static_assert(sizeof(union grh) == 40);

static void fill_ip4(struct iphdr *ip, const struct vfiowc_av *av, u32 length)
{
	*ip = (struct iphdr){
		.version = IPVERSION,
		.ihl = sizeof(*ip) / 4,
		.tos = av->traffic_class,
		.tot_len = htons(sizeof(*ip) + length),
		.frag_off = htons(IP_DF),
		.ttl = av->hop_limit,
		.protocol = IPPROTO_UDP,
	};
	memcpy(&ip->saddr, &av->sgid.raw[12], sizeof(ip->saddr));
	memcpy(&ip->daddr, &av->dgid.raw[12], sizeof(ip->daddr));
	ip_send_check(ip);
}

static void fill_ip6(struct ipv6hdr *ip, const struct vfiowc_av *av, u32 length)
{
	ip6_flow_hdr(ip, av->traffic_class, htonl(av->flow_label));
	ip->payload_len = htons(length);
	ip->nexthdr = IPPROTO_UDP;
	ip->hop_limit = av->hop_limit;
	memcpy(&ip->saddr, av->sgid.raw, sizeof(ip->saddr));
	memcpy(&ip->daddr, av->dgid.raw, sizeof(ip->daddr));
}

static bool peer_accepts(const struct wr *wr, const struct vfiowc_av *av)
{
	const struct vfiowc_qp *peer = wr->peer;
	u32 qkey = wr->wqe->ud.remote_qkey;

	if (qkey & QKEY_OF_QP)
		qkey = wr->qp->attr.qkey;
	/* modify_qp of the peer changes the key without our locks */
	return vfiowc_qp_receives(peer) && peer->dev->id == av->dest_dev &&
	       READ_ONCE(peer->attr.qkey) == qkey;
}

static enum verdict deliver(struct wr *wr, struct vfiowc_iter *local,
			    const struct vfiowc_av *av)
{
	struct vfiowc_iter recv = vfiowc_wr_recv_iter(wr);
	enum vfiowc_xfer_end end;
	union grh grh = {};
	struct vfiowc_iter header = { .inline_data = &grh };

	if (vfiowc_iter_length(&recv) < sizeof(grh) + wr->length)
		return drop(wr);
	if (av->is_ipv4)
		fill_ip4(&grh.ip4, av, wr->length);
	else
		fill_ip6(&grh.ip6, av, wr->length);

	wr->xfer.from = &header;
	wr->xfer.to = &recv;
	end = vfiowc_xfer_begin(&wr->xfer, sizeof(grh));
	if (end == VFIOWC_XFER_OK) {
		wr->xfer.from = local;
		end = vfiowc_xfer_run(&wr->xfer, wr->length);
	}
	return vfiowc_wr_received(wr, end);
}

static enum verdict run_locked(struct wr *wr, struct vfiowc_iter *local,
			       const struct vfiowc_av *av)
{
	struct vfiowc_cqe cqe = {
		.wc_flags = IB_WC_GRH,
		.byte_len = sizeof(union grh),
		.sl = av->sl,
	};
	enum verdict verdict;

	lockdep_assert_held(&wr->peer->rq.lock);

	if (!peer_accepts(wr, av))
		return drop(wr);
	verdict = vfiowc_wr_peek(wr);
	if (wr->dropped)
		return verdict;
	verdict = deliver(wr, local, av);
	if (verdict == COMPLETE && !wr->dropped && wr->status == IB_WC_SUCCESS)
		vfiowc_wr_recv_succeeds(wr, &cqe);
	return verdict;
}

/**
 * vfiowc_wr_ud - SEND of a datagram
 * @wr: the request; its peer is looked for here
 * @local: the initiator's memory
 *
 * Return: what is to become of it.
 */
enum verdict vfiowc_wr_ud(struct wr *wr, struct vfiowc_iter *local)
{
	struct vfiowc_qp *qp = wr->qp;
	enum verdict verdict;
	struct vfiowc_av av;

	if (!vfiowc_av_get(qp->dev, qp->ibqp.pd, wr->wqe->ud.ahn, &av))
		return fail(wr, IB_WC_LOC_QP_OP_ERR, VFIOWC_VENDOR_NO_AH);
	wr->peer = vfiowc_qp_find(wr->wqe->ud.remote_qpn);
	if (!wr->peer)
		return drop(wr);
	/* a connected one may be in the middle of a long transfer: not waited for */
	if (wr->peer->ibqp.qp_type != IB_QPT_UD)
		return drop(wr);
	wr->xfer.peer = wr->peer;
	if (mutex_lock_killable(&wr->peer->rq.lock))
		return HAND_OVER;
	verdict = run_locked(wr, local, &av);
	mutex_unlock(&wr->peer->rq.lock);
	return verdict;
}
