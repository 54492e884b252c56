/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Putting back what goes while a profile is up: suspicions (events.c), when they are looked into,
 * and when nsctld gives up against somebody who takes it away again and again (repair.c).
 */
#pragma once

#include "internal.h"

/* What guards one profile. */
struct guard {
	struct manager *manager;
	struct instance *instance;

	/* events.c */
	struct loop_source *inside; /* events of the namespace */
	struct loop_source *responder;
	int responder_fd; /* a pidfd: readable when it has ended; -1: not watched */
	struct loop_source *freezer;
	int freezer_fd;        /* of cgroup_events_open; -1: not watched */
	int inside_index;      /* of its interface, 0: not known */
	bool waits_for_bridge; /* another's, which has gone */

	/* repair.c */
	uint64_t due; /* when to look, as now_usec(); 0: there is no suspicion */
	struct backoff backoffs[STEPS_MAX]; /* of each step */
	struct backoff *latest; /* of the step that was put back most often, of those that the
				   latest repair put back; NULL: there was none */
	unsigned repairs;       /* since `up` */
	bool failed;            /* the latest one did */
	char *last;             /* what it put back (names of steps), or why it failed */
	char *gave_up;          /* why no more is done, until the next `up`; NULL: all is well */
	char *warned;           /* what the user should know, as it was logged last; or NULL */
};

/* Something of the instance may have gone or been changed. */
void repair_suspect(struct instance *instance);
/* A pin of any instance may have gone. */
void repair_look_at_pins(struct manager *manager);

/* The places where suspicions come from that are not open anyway. */
int events_start(struct manager *manager, struct error *error);
void events_stop(struct manager *manager);
/* Begins to hear of the guarded namespace, unless it does or there is none. */
int events_watch_inside(struct guard *guard, struct error *error);
/* Before its socket may be closed, and another get its number. */
void events_unwatch_inside(struct guard *guard);
/* The responder that runs now; when none does that should, that is a suspicion. */
void events_watch_responder(struct guard *guard);
void events_unwatch_responder(struct guard *guard);
