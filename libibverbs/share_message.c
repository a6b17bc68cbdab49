// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* What may be in a message between broker and client. The peer may be hostile: everything is checked here. */
#include <errno.h>
#include "share.h"

static bool is_type(uint32_t type)
{
	return type == VFIOWC_MEM_NC || type == VFIOWC_MEM_WC || type == VFIOWC_MEM_NATURAL;
}

static bool no_tags(const struct vfiowc_tph *tph)
{
	return !tph->flags && !tph->st_ext && !tph->st && !tph->ph;
}

/* No tags at all, or such as vfiowc_set_tph() takes. */
static bool are_tags(const struct vfiowc_tph *tph)
{
	return no_tags(tph) || !vfiowc_check_tph(tph);
}

/*
 * @message: as it came, @len bytes of it
 * @num_fds: how many came beside it
 *
 * Return: 0; EPROTO malformed; EPROTONOSUPPORT of another version, about which nothing else is known.
 */
int vfiowc_check_message(const struct share_message *message, size_t len, unsigned int num_fds)
{
	bool ok;

	if (len < offsetof(struct share_message, kind) || message->magic != SHARE_MAGIC)
		return EPROTO;
	if (message->version != SHARE_VERSION)
		return EPROTONOSUPPORT;
	if (len != sizeof(*message))
		return EPROTO;
	switch (message->kind) {
	case SHARE_REQUEST:
		ok = !num_fds && message->size && is_type(message->mem_type) && !message->error &&
		     no_tags(&message->tph);
		break;
	case SHARE_SLICE:
		ok = num_fds == 1 && message->size && is_type(message->mem_type) &&
		     !message->error && are_tags(&message->tph);
		break;
	case SHARE_REFUSAL:
		ok = !num_fds && !message->size && !message->mem_type && message->error &&
		     message->error <= SHARE_MAX_ERRNO && no_tags(&message->tph);
		break;
	default:
		ok = false;
		break;
	}
	return ok ? 0 : EPROTO;
}
