/* SPDX-License-Identifier: GPL-2.0-or-later */
/* call: one method call of a client, from its message to its last reply. */
#pragma once

#include "server.h"

struct method;
struct call;

typedef int (*call_each_fn)(struct call *call, const char *name);

struct call {
	struct client *client;
	struct server *server;
	const struct method *method;
	json_t *parameters;
	char **names; /* profiles that it names, each once, all admitted to the caller */
	bool more, oneway, upgrade;
	bool done;                 /* the last reply is queued */
	json_t *outcomes;          /* Up, Down: in the order of names */
	size_t pending;            /* of these, how many are still to come */
	struct loop_source *timer; /* Aaaa: when the next reply is due; else: when to go on */
	bool history;              /* Aaaa: the seconds from `since` on are wanted */
	int64_t since;
	call_each_fn each; /* what call_each does for those of the names from `next` on … */
	void (*end)(struct call *call); /* … and then */
	size_t next;
};

/* ---- call.c --------------------------------------------------------------------------- */

struct call *call_new(struct client *client);
/* What runs on its behalf goes on, and nobody hears of it. */
struct call *call_free(struct call *call); /* NULL-safe, returns NULL */
/* Without `last` further replies follow. Parameters are stolen, NULL means out of memory. */
void call_reply_part(struct call *call, json_t *parameters, bool last);
void call_reply(struct call *call, json_t *parameters);
void call_reply_fds(struct call *call, json_t *parameters, const int *fds, size_t n_fds);
/* An error reply; logged. `name` is in our interface unless it has a dot. */
void call_fail(struct call *call, const char *name, json_t *parameters);
/* By what the error says: NoSuchProfile, InvalidProfile, NotUp, … */
void call_fail_error(struct call *call, const char *profile, int code, const struct error *error,
		     const char *step);
/* The same reply whatever the reason, which only the log learns. */
void call_deny(struct call *call, const char *reason);
void call_invalid(struct call *call, const char *parameter);

/* "NoSuchProfile" and so on for what the manager returned. */
const char *call_error_name(int code);
/* A string of ours as JSON, escaped where it is no UTF-8. NULL when out of memory. */
json_t *json_text(const char *s);
/* Adds a text or null; value may be NULL. 0 or -ENOMEM. */
int json_set_text(json_t *object, const char *key, const char *value);

/* ---- methods.c ------------------------------------------------------------------------ */

enum method_flags {
	METHOD_ROOT = 1 << 0,    /* nobody else */
	METHOD_CHANGES = 1 << 1, /* refused to strangers: see access_check_stranger */
	METHOD_UPGRADE = 1 << 2, /* an upgraded call, and only as that */
};
enum method_names {
	NAMES_NONE,
	NAMES_ONE,   /* "profile" */
	NAMES_SOME,  /* "profiles", at least one */
	NAMES_OR_ALL /* "profiles", or all that the caller may use */
};
typedef void (*method_fn)(struct call *call);

struct method {
	const char *name; /* with its interface */
	unsigned flags;
	enum method_names names;
	method_fn fn;
	const char *const parameters[8]; /* any other is refused */
};

/* Serves one message of the client. -EBADMSG: it is no call. */
int method_dispatch(struct client *client, json_t *message);

/* ---- each.c --------------------------------------------------------------------------- */

/* Calls `each` for each of the names, some of them in one round of the loop, and then `end` (or
 * NULL). A negative return ends it: then the last reply has been queued. */
void call_each(struct call *call, call_each_fn each, void (*end)(struct call *call));

/* ---- names.c -------------------------------------------------------------------------- */

/* May the caller use the profile? 0, or -EACCES with the reason for the log. Root may always. */
int names_check(struct call *call, const char *name, struct error *error);
/* Fills in call->names; on failure the error reply is queued and -EINVAL returned. */
int names_resolve(struct call *call);
/* There is a file, be it wrong, or it is up: 0, or -ENOENT with an error that says what may have
 * been meant. */
int names_exist(struct call *call, const char *name, struct error *error);
/* Every profile that the caller may use, sorted. */
int names_admitted(struct call *call, char ***ret, struct error *error);

/* ---- the methods ---------------------------------------------------------------------- */

void service_get_info(struct call *call);
void service_get_interface_description(struct call *call);
void change_up(struct call *call);
void change_down(struct call *call);
void query_status(struct call *call);
void query_list(struct call *call);
void query_aaaa(struct call *call);
void query_processes(struct call *call);
void exec_join(struct call *call);
void exec_exec(struct call *call);
