/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls about many profiles: a look at a thousand takes seconds, so that it is taken in slices,
 * and others' calls come between. As with messages, each uid has one slice in a round of the loop.
 */
#include "call.h"

#define SLICE_USEC 5000

static void on_turn(struct loop_source *timer, uint32_t events, void *userdata);

static int go_on_later(struct call *call)
{
	int r = call->timer ? 0 : loop_add_timer(call->server->loop, on_turn, call, &call->timer);

	return r < 0 ? r : loop_timer_set(call->timer, 1);
}

static void slice(struct call *call)
{
	uint64_t end = now_usec() + SLICE_USEC;

	while (call->names && call->names[call->next]) {
		const char *name = call->names[call->next++];
		/* with its last profile a call whose caller has gone may end and be freed */
		bool last = !call->names[call->next] && !call->end;

		if (call->each(call, name) < 0 || last)
			return;
		if (call->names[call->next] && now_usec() >= end && go_on_later(call) == 0)
			return;
	}
	if (call->end)
		call->end(call);
}

static void on_turn(_unused_ struct loop_source *timer, _unused_ uint32_t events, void *userdata)
{
	struct call *call = userdata;
	struct server *server = call->server;

	if (limits_turn(server->limits, call->client->account, loop_round(server->loop)) ||
	    go_on_later(call) < 0)
		slice(call);
}

void call_each(struct call *call, call_each_fn each, void (*end)(struct call *call))
{
	call->each = each;
	call->end = end;
	slice(call);
}
