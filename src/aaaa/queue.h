/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * queue: one queue of the kernel (NFQUEUE), many packets to a system call.
 *
 * Packets are received in batches; verdicts are collected in the order of the packets and leave in
 * few messages. Nothing is allocated after queue_open.
 */
#pragma once

#include <sys/socket.h>

#include "nsctl/base.h"

enum { QUEUE_BATCH = 64, QUEUE_PACKET_MAX = 2048 };

struct queued {
	uint32_t id; /* in network byte order */
	uint8_t *bytes;
	size_t length, room; /* of `room` bytes all may be written */
	uint32_t interface;  /* by which it came in, in network byte order; 0: by none */
};

/* What went wrong since it was opened. */
struct queue_trouble {
	uint64_t lost;       /* packets that the kernel could not hand over, and let through */
	uint64_t refused;    /* verdicts, by the kernel */
	uint64_t unreadable; /* messages of the kernel */
};

struct queue;

/* -EBUSY: somebody listens on it already. */
int queue_open(unsigned number, struct queue **ret, struct error *error);
struct queue *queue_free(struct queue *queue);
int queue_fd(const struct queue *queue);
unsigned queue_number(const struct queue *queue);
/* What is accepted with other bytes gets this priority, by which rules know it (Linux 5.18; earlier
 * kernels do not look at it). With `repeat` it goes through the chain that queued it once more. */
void queue_set_answers(struct queue *queue, uint32_t priority, bool repeat);

/* Waits for packets; returns how many are in `packets` (0 after a signal), or a negative errno.
 * They are valid until the next call. */
int queue_receive(struct queue *queue, struct queued packets[QUEUE_BATCH]);
/* Accepts, with other bytes where `bytes` is not NULL. */
void queue_accept(struct queue *queue, const struct queued *packet, const uint8_t *bytes,
		  size_t length);
/* Drops all packets received so far that have no verdict yet; in one message. */
void queue_drop_rest(struct queue *queue, const struct queued *last);
/* Accepts all that came until this one, itself included (in host byte order), which may not have
 * been received; at once. */
int queue_accept_until(struct queue *queue, uint32_t id);
/* Sends the verdicts that are collected. 0 or a negative errno, also of those that had to be sent
 * since the last call because they were too many: packets may be without a verdict then. */
int queue_flush(struct queue *queue);
const struct queue_trouble *queue_trouble(const struct queue *queue);
