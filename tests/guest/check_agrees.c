// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* `vfiowc check --probe`, and whether the two agree. See check_agrees.h. */
#include <string.h>

#include "check_agrees.h"
#include "guest.h"

/* The first value of @key behind @from. */
static const char *value_of(const char *from, const char *key)
{
	const char *at = from ? strstr(from, key) : NULL;

	if (!at)
		fail_msg("no %s", key);
	return at + strlen(key);
}

static bool is(const char *value, const char *word)
{
	return !strncmp(value, word, strlen(word));
}

void check_agrees(const char *prefix, const char *bdf, const char *rdma, bool works, const char *subject)
{
	static char out[CHECK_OUT_BYTES];
	const char *probe, *verdict = works ? "\"yes\"" : "\"no\"", *done = works ? "true" : "false";
	int status = guest_capture(out, sizeof(out),
				   "%svfiowc check --probe --json %s %s 2>/dev/null", prefix, bdf, rdma);
	char wanted[64];

	probe = strstr(out, "\"probe\":");
	if (status != !works || !probe || !is(value_of(out, "\"write\": "), verdict) ||
	    !is(value_of(out, "\"read\": "), verdict) || !is(value_of(probe, "\"write\": "), done) ||
	    !is(value_of(probe, "\"read\": "), done))
		fail_msg("status %d:\n%s", status, out);
	if (works)
		return;
	snprintf(wanted, sizeof(wanted), "\"subject\": \"%s\",\n      \"write\": \"no\"", subject);
	if (!strstr(out, wanted))
		fail_msg("no finding about %s says no:\n%s", subject, out);
}

void check_rxe_up(void)
{
	assert_int_equal(guest_modprobe("rdma_rxe"), 0);
	assert_int_equal(guest_run("ip link add rxenet type dummy && ip addr add 10.77.0.1/24 dev rxenet && "
				   "ip link set rxenet up && rdma link add " CHECK_RXE " type rxe netdev rxenet"), 0);
}

void check_rxe_down(void)
{
	assert_int_equal(guest_run("rdma link delete " CHECK_RXE " && ip link delete rxenet"), 0);
}
