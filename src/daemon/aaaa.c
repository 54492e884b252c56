/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Aaaa: what a responder has done, once, or with `more` each second for as long as the caller
 * listens. A caller who does not read gets no further replies, and no deadline is moved for it.
 */
#include <errno.h>
#include <time.h>

#include "call.h"

#define SECOND_USEC 1000000
#define LATE_USEC   50000 /* behind the end of a second: what belongs to it is counted by then */

static void on_tick(struct loop_source *timer, uint32_t events, void *userdata);

/* To shortly after the beginning of the next second. */
static int start_timer(struct call *call)
{
	struct timespec now;
	uint64_t into;

	clock_gettime(CLOCK_REALTIME, &now);
	into = (uint64_t)now.tv_nsec / 1000;
	return loop_timer_set(call->timer, SECOND_USEC - into + LATE_USEC);
}

/* 0 when the reply is queued; negative when it was an error, and the last one. */
static int reply(struct call *call, bool last)
{
	const char *name = call->names[0];
	_cleanup_error_ struct error error = {};
	json_t *aaaa;
	int r = manager_aaaa(call->server->manager, name, call->history ? call->since : -1, &aaaa,
			     &error);

	if (r < 0) {
		call_fail_error(call, name, r, &error, NULL);
		return r;
	}
	call->since = json_integer_value(json_object_get(aaaa, "time"));
	call_reply_part(call, json_pack("{s:o}", "aaaa", aaaa), last);
	return 0;
}

static void on_tick(_unused_ struct loop_source *timer, _unused_ uint32_t events, void *userdata)
{
	struct call *call = userdata;

	if (call->done || call->client->broken)
		return;
	/* what waits to be sent bounds what a caller can have us keep */
	if (!ipc_wants_write(call->client->connection) && reply(call, false) < 0)
		return;
	if (start_timer(call) < 0)
		call->client->broken = true;
}

void query_aaaa(struct call *call)
{
	const json_t *history = json_object_get(call->parameters, "history");
	_cleanup_(profile_freep) struct profile *profile = NULL;
	_cleanup_error_ struct error error = {};
	int r;

	if (history && !json_is_boolean(history) && !json_is_null(history)) {
		call_invalid(call, "history");
		return;
	}
	r = manager_is_up(call->server->manager, call->names[0])
		    ? 0
		    : manager_profile(call->server->manager, call->names[0], &profile, &error);
	if (r == -ENOENT) {
		call_fail_error(call, call->names[0], r, &error, NULL);
		return;
	}
	error_clear(&error);
	call->history = json_is_true(history);
	if (reply(call, !call->more) < 0 || !call->more)
		return;
	r = loop_add_timer(call->server->loop, on_tick, call, &call->timer);
	if (r == 0)
		r = start_timer(call);
	if (r < 0)
		call_fail_error(call, call->names[0], r, NULL, NULL);
}
