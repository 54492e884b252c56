/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The queue of operations: which is next. What waits behind another of the same profile is reached
 * from that one, and looked at by nobody until then: however many wait, a decision takes no longer
 * than there are profiles.
 */
#include <string.h>

#include "internal.h"

static struct operation **bucket_of(struct queue *queue, const char *name)
{
	return &queue->first[str_hash(name) % ARRAY_SIZE(queue->first)];
}

struct operation *queue_find(struct queue *queue, const char *name)
{
	struct operation *operation = *bucket_of(queue, name);

	while (operation && strcmp(operation->name, name) != 0)
		operation = operation->sibling;
	return operation;
}

/* The first of a caller's comes with those that are about to run, each of its others a turn later.
 * A call is queued as a whole: the last one tells whether this is the first. */
static uint64_t turn_of_next(struct queue *queue, const void *userdata)
{
	uint64_t turn = queue->turn;

	if (queue->newest_of == userdata && queue->newest_turn >= turn)
		turn = queue->newest_turn + 1;
	queue->newest_of = userdata;
	queue->newest_turn = turn;
	return turn;
}

/* The first of its profile. */
static void make_ready(struct queue *queue, struct operation *operation)
{
	struct operation **bucket = bucket_of(queue, operation->name);

	operation->sibling = *bucket;
	*bucket = operation;
	operation->next = NULL;
	if (queue->ready_end)
		queue->ready_end->next = operation;
	else
		queue->ready = operation;
	queue->ready_end = operation;
}

void queue_add(struct queue *queue, struct operation *operation)
{
	struct operation *first = queue_find(queue, operation->name);

	operation->turn = turn_of_next(queue, operation->userdata);
	operation->last = operation;
	queue->n_ups += !operation->is_down;
	if (first) {
		first->last->behind = operation;
		first->last = operation;
	} else {
		make_ready(queue, operation);
	}
}

/* Callers take turns: whoever asks for many does not have the others wait for all of them. */
struct operation *queue_take(struct queue *queue, bool downs_only)
{
	struct operation *best = NULL, *before_best = NULL, *before = NULL;

	for (struct operation *operation = queue->ready; operation;
	     before = operation, operation = operation->next) {
		if ((downs_only && !operation->is_down) || (best && operation->turn >= best->turn))
			continue;
		best = operation;
		before_best = before;
	}
	if (!best)
		return NULL;
	if (before_best)
		before_best->next = best->next;
	else
		queue->ready = best->next;
	if (queue->ready_end == best)
		queue->ready_end = before_best;
	best->next = NULL;
	queue->n_ups -= !best->is_down;
	queue->turn = best->turn;
	return best;
}

void queue_done(struct queue *queue, struct operation *operation)
{
	struct operation **p = bucket_of(queue, operation->name), *behind = operation->behind;

	while (*p != operation)
		p = &(*p)->sibling;
	*p = operation->sibling;
	if (!behind)
		return;
	behind->last = operation->last;
	make_ready(queue, behind);
}

void queue_each(struct queue *queue, void (*function)(struct operation *operation, void *userdata),
		void *userdata)
{
	struct operation **bucket, *sibling, *behind;

	ARRAY_FOREACH(bucket, queue->first)
		for (struct operation *first = *bucket; first; first = sibling) {
			sibling = first->sibling;
			for (struct operation *operation = first; operation; operation = behind) {
				behind = operation->behind;
				function(operation, userdata);
			}
		}
}
