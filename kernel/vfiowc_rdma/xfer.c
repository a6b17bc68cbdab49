// SPDX-License-Identifier: GPL-2.0
/*
 * Transfers: walk source and target pieces, hold their MRs chunk by chunk, and
 * hand each chunk to the order stage.
 *
 * Keys are looked up and checked again for every chunk, so that an MR that was
 * cut off, or a key that was given to another MR in between, is noticed within
 * VFIOWC_CHUNK_BYTES.  Nothing sleeps while an MR is held.
 *
 * Single-access rule: a transfer of up to 8 bytes is collected first and then
 * written at once, so that the way the source is cut into pieces and pages never
 * splits the access to the target; longer ones are cut at words of the device
 * only (vfiowc_io_trim()).
 */
#include <linux/sched/signal.h>

#include "xfer.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/**
 * vfiowc_iter_length - bytes of all pieces
 * @iter: not advanced, with pieces
 *
 * Return: the sum, which may be larger than any message.
 */
u64 vfiowc_iter_length(const struct vfiowc_iter *iter)
{
	u64 sum = 0;
	u32 i;

	for (i = 0; i < iter->nr; i++)
		sum += iter->sge[i].length;
	return sum;
}

/**
 * vfiowc_iter_check - are all pieces accessible now?
 * @iter: not advanced, with pieces
 *
 * Empty pieces are not looked at, as verbs has it.
 *
 * Return: VFIOWC_VENDOR_NONE or why not.
 */
enum vfiowc_vendor_err vfiowc_iter_check(const struct vfiowc_iter *iter)
{
	enum vfiowc_vendor_err err = VFIOWC_VENDOR_NONE;
	u32 i;

	for (i = 0; i < iter->nr && !err; i++)
		if (iter->sge[i].length)
			err = vfiowc_mr_get(iter->dev, iter->pd, iter->qp,
					    &iter->sge[i], 0,
					    iter->sge[i].length,
					    iter->access, NULL);
	return err;
}

/**
 * vfiowc_xfer_trace - report an access to the responder's memory
 * @xfer: what it belongs to
 * @sge: address and key
 * @length: bytes
 * @tag: of the MR
 */
void vfiowc_xfer_trace(const struct vfiowc_xfer *xfer,
		       const struct vfiowc_sge *sge, u32 length,
		       const struct vfiowc_tag *tag)
{
	trace_dma(&xfer->qp->dev->ibdev, xfer->qp->ibqp.qp_num, xfer->wr_id,
		  xfer->trace_op, true, sge, length, tag);
}

static void iter_trace(const struct vfiowc_xfer *xfer,
		       const struct vfiowc_iter *iter)
{
	if (!iter->done || iter->inline_data)
		return;
	if (iter->remote || iter->tag.target != VFIOWC_MEM_HOST)
		trace_dma(&xfer->qp->dev->ibdev, xfer->qp->ibqp.qp_num,
			  xfer->wr_id, xfer->trace_op, iter->remote, iter->sge,
			  iter->done, &iter->tag);
}

/* Bytes that follow in the current piece; steps over finished and empty ones. */
static u32 iter_run(const struct vfiowc_xfer *xfer, struct vfiowc_iter *iter,
		    u32 left)
{
	if (iter->inline_data)
		return left;
	while (iter->done == iter->sge->length) {
		iter_trace(xfer, iter);
		iter->sge++;
		iter->nr--;
		iter->done = 0;
	}
	return min(left, iter->sge->length - iter->done);
}

static void iter_advance(struct vfiowc_iter *iter, u32 n)
{
	if (iter->inline_data)
		iter->inline_data += n;
	else
		iter->done += n;
}

static enum vfiowc_vendor_err iter_hold(struct vfiowc_iter *iter, u32 n,
					struct vfiowc_span *span)
{
	enum vfiowc_vendor_err err;

	*span = (struct vfiowc_span){ .buf = iter->inline_data };
	if (iter->inline_data)
		return VFIOWC_VENDOR_NONE;
	err = vfiowc_mr_get(iter->dev, iter->pd, iter->qp, iter->sge,
			    iter->done, n, iter->access, &span->mr);
	if (err)
		return err;
	/* A revocation waits for the MR: nothing may sleep until it is let go. */
	non_block_start();
	span->off = iter->sge->addr + iter->done - span->mr->iova;
	iter->tag = span->mr->tag;
	return VFIOWC_VENDOR_NONE;
}

static void iter_release(const struct vfiowc_span *span)
{
	if (!span->mr)
		return;
	non_block_end();
	vfiowc_mr_put(span->mr);
}

/**
 * vfiowc_iter_fetch - check a short piece of host memory, and read it
 * @iter: not advanced, one piece that is not empty; what was read from then on
 * @word: room for it: up to VFIOWC_WORD_BYTES
 *
 * As a device that reads its payload before it sends.  A dma-buf is checked only: a
 * request that is repeated must not read the device once more.
 *
 * Return: VFIOWC_VENDOR_NONE or why not.
 */
enum vfiowc_vendor_err vfiowc_iter_fetch(struct vfiowc_iter *iter, u64 *word)
{
	const struct vfiowc_span to = { .buf = word };
	struct vfiowc_span from;
	enum vfiowc_vendor_err err;

	err = iter_hold(iter, iter->sge->length, &from);
	if (err)
		return err;
	if (from.mr->kind == VFIOWC_MEM_HOST) {
		vfiowc_copy(&to, &from, iter->sge->length);
		iter->inline_data = word;
	}
	iter_release(&from);
	return VFIOWC_VENDOR_NONE;
}

/* Collect @n <= 8 bytes of the source. */
static enum vfiowc_xfer_end xfer_collect(struct vfiowc_xfer *xfer, u8 *word,
					 u32 n)
{
	struct vfiowc_span span;
	u32 at, run;

	for (at = 0; at < n; at += run) {
		struct vfiowc_span buf = { .buf = word + at };

		run = iter_run(xfer, xfer->from, n - at);
		xfer->vendor = iter_hold(xfer->from, run, &span);
		if (xfer->vendor)
			return VFIOWC_XFER_FROM_FAILED;
		vfiowc_copy(&buf, &span, run);
		iter_release(&span);
		iter_advance(xfer->from, run);
	}
	return VFIOWC_XFER_OK;
}

/* What was collected is written at once. */
static enum vfiowc_xfer_end xfer_put(struct vfiowc_xfer *xfer, u8 *word, u32 n)
{
	struct vfiowc_span span;
	u32 at, run;

	for (at = 0; at < n; at += run) {
		struct vfiowc_span buf = { .buf = word + at };

		run = iter_run(xfer, xfer->to, n - at);
		xfer->vendor = iter_hold(xfer->to, run, &span);
		if (xfer->vendor)
			return VFIOWC_XFER_TO_FAILED;
		vfiowc_order_write(&span, &buf, run);
		iter_release(&span);
		iter_advance(xfer->to, run);
	}
	return VFIOWC_XFER_OK;
}

/* @n <= 8 bytes, collected first unless they are together already. */
static enum vfiowc_xfer_end xfer_word(struct vfiowc_xfer *xfer, u32 n)
{
	u8 word[VFIOWC_WORD_BYTES] __aligned(VFIOWC_WORD_BYTES);
	void *here = xfer->from->inline_data;
	enum vfiowc_xfer_end end;

	if (here) {
		iter_advance(xfer->from, n);
		return xfer_put(xfer, here, n);
	}
	end = xfer_collect(xfer, word, n);
	return end ? end : xfer_put(xfer, word, n);
}

static bool span_is_io(const struct vfiowc_span *span)
{
	return span->mr && span->mr->kind == VFIOWC_MEM_BUF_IO;
}

/*
 * Move as much as both current pieces and the chunk limit allow; *moved is 0 when
 * a word of I/O memory extends over a piece's end.  iova and device address agree
 * in the low bits (they agree within a page).
 */
static enum vfiowc_xfer_end xfer_chunk(struct vfiowc_xfer *xfer, u32 left,
				       u32 *moved)
{
	u32 run = min(left, VFIOWC_CHUNK_BYTES);
	struct vfiowc_span from, to;

	run = iter_run(xfer, xfer->from, run);
	run = iter_run(xfer, xfer->to, run);
	xfer->vendor = iter_hold(xfer->from, run, &from);
	if (xfer->vendor)
		return VFIOWC_XFER_FROM_FAILED;
	xfer->vendor = iter_hold(xfer->to, run, &to);
	if (xfer->vendor) {
		iter_release(&from);
		return VFIOWC_XFER_TO_FAILED;
	}

	if (span_is_io(&to))
		run = vfiowc_io_trim(xfer->to->sge->addr + xfer->to->done, run,
				     left);
	else if (span_is_io(&from))
		run = vfiowc_io_trim(xfer->from->sge->addr + xfer->from->done,
				     run, left);
	if (run)
		vfiowc_order_write(&to, &from, run);

	iter_release(&to);
	iter_release(&from);
	iter_advance(xfer->to, run);
	iter_advance(xfer->from, run);
	*moved = run;
	return VFIOWC_XFER_OK;
}

/* Bytes up to the end of the device's word that xfer_chunk() stopped in. */
static u32 xfer_word_rest(const struct vfiowc_xfer *xfer, u32 left)
{
	const struct vfiowc_iter *io = xfer->to;
	u64 address;

	if (io->tag.target != VFIOWC_MEM_BUF_IO)
		io = xfer->from;
	address = io->sge->addr + io->done;
	return min_t(u32, left,
		     VFIOWC_WORD_BYTES - address % VFIOWC_WORD_BYTES);
}

static bool xfer_may_go_on(const struct vfiowc_xfer *xfer)
{
	return !fatal_signal_pending(current) &&
	       vfiowc_qp_state(xfer->qp) == IB_QPS_RTS &&
	       vfiowc_qp_receives(xfer->peer);
}

static enum vfiowc_xfer_end xfer_long(struct vfiowc_xfer *xfer, u32 left)
{
	enum vfiowc_xfer_end end;

	while (left) {
		u32 moved = 0;

		if (!xfer_may_go_on(xfer))
			return VFIOWC_XFER_STOPPED;
		end = xfer_chunk(xfer, left, &moved);
		if (!end && !moved) {
			moved = xfer_word_rest(xfer, left);
			end = xfer_word(xfer, moved);
		}
		if (end)
			return end;
		left -= moved;
		xfer->moved += moved;
		cond_resched();
	}
	return VFIOWC_XFER_OK;
}

/**
 * vfiowc_xfer_begin - move the first bytes of a work request
 * @xfer: both iterators are at least @length long
 * @length: bytes; vfiowc_xfer_run() moves the rest
 *
 * Context: process context, initiator's sq.lock and the peer's rq.lock.
 *
 * Return: how it ended; what was moved until then stays moved.
 */
enum vfiowc_xfer_end vfiowc_xfer_begin(struct vfiowc_xfer *xfer, u32 length)
{
	lockdep_assert_held(&xfer->qp->sq.lock);
	lockdep_assert_held(&xfer->peer->rq.lock);

	return length <= VFIOWC_WORD_BYTES ? xfer_word(xfer, length) :
				      xfer_long(xfer, length);
}

/**
 * vfiowc_xfer_run - move the bytes of a work request, and report it
 * @xfer: both iterators are at least @length long
 * @length: bytes
 *
 * Context: process context, initiator's sq.lock and the peer's rq.lock.
 *
 * Return: how it ended; what was moved until then stays moved.
 */
enum vfiowc_xfer_end vfiowc_xfer_run(struct vfiowc_xfer *xfer, u32 length)
{
	enum vfiowc_xfer_end end = vfiowc_xfer_begin(xfer, length);

	iter_trace(xfer, xfer->from);
	iter_trace(xfer, xfer->to);
	return end;
}
