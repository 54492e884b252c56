/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the manager share: the set of profiles, and the calls that work on it. */
#pragma once

#include "nsctl/manager.h"
#include "nsctl/steps.h"

#define STEPS_MAX 32
/* How long calls are worked on until others of the loop have their turn, at least one at a time. */
#define SLICE_USEC 5000ull

/* One call for one profile, from manager_up or manager_down until its callback. */
struct operation {
	struct manager *manager;
	char *name;
	bool is_down;
	bool is_repair;       /* nobody called: repair.c */
	manager_done_fn done; /* NULL: nobody wants to hear */
	void *userdata;

	uint64_t turn;             /* when it may run: callers take turns (queue.c) */
	struct operation *sibling; /* another profile's first, in the same bucket */
	struct operation *behind;  /* the next of the same profile … */
	struct operation *last;    /* … and, of the first, the last */

	struct instance *instance; /* while it is being removed */
	struct error error;        /* the first that counts */
	const char *step;          /* where it happened */
	int code;
	bool changed;
	char **made; /* names of the steps that made something, where not all had to */
	char **warnings;

	/* removal (remove.c) */
	enum { REMOVE_NOT, REMOVE_ENDING, REMOVE_WAITING } stage;
	bool taken_away; /* its steps' objects are, as far as that could be */
	bool pushed;     /* its link is being deleted together with others' */
	bool left_over;  /* something could not be taken away */
	bool look;       /* processes are to be looked for in the next round */
	bool killing;    /* SIGKILL by now */
	bool freezing;   /* but first this time SIGSTOP, until none is left that moves */
	size_t moving;   /* how many did */
	unsigned freezes;
	pid_t waited; /* one of those that are left */
	size_t left;  /* how many */
	int pidfd;    /* of `waited` */
	struct loop_source *source, *timer;
	uint64_t started;

	struct operation *next; /* of those that run, or of those that are ready */
};

/* All operations: of each profile the first runs or is ready to, the others are behind it. */
struct queue {
	struct operation *first[256]; /* of each profile, by the hash of its name */
	struct operation *ready, *ready_end;
	uint64_t turn;         /* of the operation that ran last */
	const void *newest_of; /* whose the newest is, never looked into, … */
	uint64_t newest_turn;  /* … and its turn */
	size_t n_ups;          /* that wait, ready or not */
};

struct manager {
	struct loop *loop;
	struct manager_options options;
	struct host host;
	char *state_directory; /* RUNTIME/state */
	struct queue queue;
	struct operation *operations, **operations_end; /* those that run, and where it ends */

	struct rt_monitor *monitor;
	struct loop_source *monitor_source;
	struct loop_source *late;  /* a timer: links that should have gone by now */
	struct loop_source *round; /* a timer: work that several operations do together */
	struct watch *watch;

	struct events *events;      /* NULL: nobody is guarded */
	struct loop_source *repair; /* a timer: the next suspicion to look into */
	uint64_t pins_due;          /* when to look at all pins, 0: no need */
	struct instance *settling;  /* whose changes are what a call of ours has just done */

	struct entering *entering; /* entering.c */

	/* processes by namespace, as of census_time */
	struct census {
		ino_t network, mount;
	} * census;
	size_t n_census;
	bool census_incomplete; /* there was no memory for all */
	uint64_t census_time;
};

/* When no profile is left: takes away what they shared, as far as it can; it can be called again.
 */
int release_all(struct manager *manager, struct error *error);

struct instance *manager_find(struct manager *manager, const char *name);
/* Runs what can run, some of it in one round of the loop; called when an operation was added or has
 * ended. */
void operations_run(struct manager *manager);
/* Adds one that nobody called, unless a call for the same profile is there anyway. */
void operation_add_repair(struct manager *manager, const char *name);
/* Reports and frees a running operation. */
void operation_finish(struct operation *operation);

/* queue.c: the first of a profile's, which runs or is ready to; NULL: there is none. */
struct operation *queue_find(struct queue *queue, const char *name);
/* Behind those of the same profile; its name, userdata and is_down are set. */
void queue_add(struct queue *queue, struct operation *operation);
/* The one whose turn it is, which runs from now on; NULL: none may. */
struct operation *queue_take(struct queue *queue, bool downs_only);
/* It has run: the next of the same profile is ready. */
void queue_done(struct queue *queue, struct operation *operation);
/* For each, in no order; the function may free it. */
void queue_each(struct queue *queue, void (*function)(struct operation *operation, void *userdata),
		void *userdata);

/* apply.c: makes the profile, or what is missing; finishes the operation or turns it into a
 * removal. */
void apply(struct operation *operation);

/* walk.c: all steps in their order. 0, or a negative errno with the operation's error and step set.
 * `fresh`: nothing of the profile is there yet. */
int walk(struct operation *operation, struct step_context *context, bool fresh);

/* remove.c: ends processes, walks the steps backwards, waits for the link to go. Starts at once.
 * With `end_processes` false only what this very call made is taken away (nobody can be inside
 * yet). */
void remove_start(struct operation *operation, bool end_processes);
void remove_round(struct manager *manager);
void remove_link_gone(struct manager *manager, int index);
void remove_late(struct manager *manager);
/* Who was about to enter the profile has started, or does not come any more. */
void remove_again(struct manager *manager, const char *name);
void remove_stop(struct operation *operation);

/* manager.c: hands out what the host's monitor has heard. */
void monitor_read(struct manager *manager);

/* record.c: RUNTIME/state/NAME.json and RUNTIME/host.json. */
int record_write(struct manager *manager, const struct instance *instance, struct error *error);
/* Of a profile that is not known: a record is there that was refused when it was read (-EEXIST). */
int record_refused(struct manager *manager, const char *name, struct error *error);
int record_delete(struct manager *manager, const struct instance *instance, struct error *error);
/* When no profile is left: removes the directory of the records. 1: there is one in it still, which
 * could not be read, and may be of a profile that is up. */
int record_release(struct manager *manager, struct error *error);
int record_write_host(struct manager *manager, struct error *error);
/* Reads all that an earlier daemon left; what is damaged or another's is logged and left alone.
 * What can't be read at all is an error: without it nobody knows what is nsctl's. */
int record_read_all(struct manager *manager, struct error *error);

/* processes.c: is a process in these namespaces one of the profile's? */
bool instance_has_process(const struct instance *instance, ino_t network, ino_t mount);
/* Its namespaces' numbers; 0 where there is none, or it is not held. */
ino_t instance_network(const struct instance *instance);
ino_t instance_mount(const struct instance *instance);

/* entering.c: ends those that are about to enter the profile, as far as they have started; how many
 * there are, and one that has. remove_again is called when that changes. */
size_t entering_end(struct manager *manager, const char *name, pid_t *ret_pid);
/* It is inside, and found there from now on. */
void entering_arrived(struct manager *manager, pid_t pid);

/* watch.c: calls the resolver step again when the host's files change. */
int watch_new(struct manager *manager, struct watch **ret, struct error *error);
struct watch *watch_free(struct watch *watch);

/* repair.c: puts back what goes while a profile is up. After a successful `up`, or when one is
 * taken up from an earlier daemon: */
void repair_watch(struct manager *manager, struct instance *instance, bool wanted);
void repair_forget(struct manager *manager, struct instance *instance);
void repair_start(struct manager *manager);
/* Around a walk: the namespace that is watched may go in it, and another one come. */
void repair_pause(struct instance *instance);
void repair_go_on(struct instance *instance);
/* The timer. */
void repair_round(struct manager *manager);
/* May it be done? And what became of it. */
bool repair_begin(struct operation *operation, struct instance *instance,
		  const struct profile *profile);
void repair_end(struct operation *operation, struct instance *instance);
/* Without a profile nothing can be put right. */
void repair_give_up(struct instance *instance, const char *why);
/* What instance->config is to be; -ENOMEM. */
int repair_config(const struct profile *profile, uint32_t *ret);
json_t *repair_json(const struct instance *instance, const struct profile *profile);

/* json_memory.c: has there been memory for all JSON that this thread made or read since it began?
 */
void json_memory_begin(void);
bool json_memory_failed(void);

/* aaaa.c: "aaaa" of a profile's status, null when it has no responder. NULL: out of memory. */
json_t *aaaa_status(const struct manager *manager, const struct instance *instance);

/* events.c: notices of the monitor, and when some were lost. */
void events_host(struct manager *manager, const struct rt_event *event);
void events_lost(struct manager *manager);
/* Forgets what a call of ours has just done to the instance. */
void events_settle(struct manager *manager, struct instance *instance);
