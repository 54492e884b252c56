/* SPDX-License-Identifier: GPL-2.0-or-later */
/* respond: the loop of the responder: packets in, answers and verdicts out, all of it counted. */
#pragma once

#include "dns.h"
#include "queue.h"

enum respond_way {
	RESPOND_BY_VERDICT, /* the answer takes the query's place (output hook) */
	RESPOND_BY_SOCKET,  /* it leaves on a raw socket, and the query is dropped */
};

struct responder {
	struct queue *queue;
	enum respond_way way;
	unsigned port;
	struct dns_policy policy;
	int raw4, raw6;    /* RESPOND_BY_SOCKET */
	uint32_t priority; /* of what they send, by which rules know it */
	struct aaaa_statistics *statistics;
	struct queue_trouble trouble; /* as counted so far */
};

int respond_open_sockets(struct responder *responder, struct error *error);
/* One batch. 0, -EAGAIN when none came in the time that the socket waits, or another negative errno
 * when the queue is of no use any more. */
int respond_once(struct responder *responder);
