/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * manager: the set of profiles, and what has been made of them.
 *
 * `up` and `down` are asynchronous where the kernel is (a netns goes in the background, processes
 * take time to end): the callback is called exactly once, perhaps before the function returns.
 * Calls for one profile queue up behind each other; calls for different profiles run side by side.
 * All state is in the kernel and in the runtime directory: manager_new takes up what an earlier
 * daemon left.
 *
 * Whoever calls has been authorised already: the manager decides nothing about callers.
 */
#pragma once

#include <jansson.h>

#include "nsctl/base.h"
#include "nsctl/profile.h"

struct manager;

struct manager_options {
	char *const *profile_directories; /* first found wins; borrowed */
	const char *runtime_directory;    /* "/run/nsctl"; borrowed */
	const struct settings *settings;  /* borrowed */
	const char *responder_program;    /* nsctl-aaaa; borrowed */
};

int manager_new(struct loop *loop, const struct manager_options *options, struct manager **ret,
		struct error *error);
/* Leaves all profiles as they are. NULL-safe, returns NULL. */
struct manager *manager_free(struct manager *manager);

/* What became of one profile; everything is borrowed for the time of the callback. */
struct manager_result {
	const char *profile;
	int code; /* 0 or negative errno: -ENOENT no such profile, -EALREADY was down
		     already (not a failure), -EINVAL the profile is wrong,
		     -EOPNOTSUPP it asks for a step that is not built */
	const struct error *error; /* with a negative code: the step is part of the text */
	const char *step;          /* which step failed, or NULL */
	bool changed;              /* something was made or removed */
	char *const *warnings;     /* what the user should know although it went well */
};
typedef void (*manager_done_fn)(const struct manager_result *result, void *userdata);

void manager_up(struct manager *manager, const char *name, manager_done_fn done, void *userdata);
/* Ends what runs inside (SIGTERM, after a grace period SIGKILL), then removes it. */
void manager_down(struct manager *manager, const char *name, manager_done_fn done, void *userdata);
/* The callback will not be called any more (the caller has gone); the work goes on. */
void manager_forget(struct manager *manager, void *userdata);

/* Writes the shell script that makes the same thing by hand. Nothing is changed. */
int manager_explain(struct manager *manager, const char *name, FILE *out, struct error *error);

/* The profile as it is on disk now (checked, trusted); the caller frees. -ENOENT: there is none. */
int manager_profile(struct manager *manager, const char *name, struct profile **ret,
		    struct error *error);
/* Who may use what is up but has no file any more: the [access] of the record. Same errors. */
int manager_access(struct manager *manager, const char *name, char ***ret_users, char ***ret_groups,
		   struct error *error);
/* All known names: those with a file and those that are up; sorted. */
int manager_names(struct manager *manager, char ***ret, struct error *error);

/* Has anything of it been made? Looks at the record only. */
bool manager_is_up(struct manager *manager, const char *name);

/* One element of "profiles" in `status --json`, as the interface description has it; NULL: out of
 * memory. */
json_t *manager_status(struct manager *manager, const char *name);

/* What the AAAA responder of a profile does, as the interface description has it (type Responder),
 * with its seconds from `since` on (none when negative). -ENOTCONN: it is not up; -EOPNOTSUPP: it
 * has no responder. */
int manager_aaaa(struct manager *manager, const char *name, int64_t since, json_t **ret,
		 struct error *error);

/* What runs inside, however it got there: the reply of Processes, as the interface description has
 * it. -ENOTCONN when the profile is not up. */
int manager_processes(struct manager *manager, const char *name, json_t **ret, struct error *error);

/* Namespaces to run a command in, verified against the record; -1 where the profile has none of its
 * own. -ENOENT when it is not up. The caller closes. */
struct manager_namespaces {
	int network, mount;
};
int manager_namespaces(struct manager *manager, const char *name, struct manager_namespaces *ret,
		       struct error *error);
/* A process is being started to enter what manager_namespaces gave: `down` waits for it and ends
 * it, also when it is not inside yet. `owner` is a name for it. 0 or -ENOMEM. */
int manager_entering_add(struct manager *manager, const char *name, const void *owner);
/* It has been. The pidfd is borrowed until it is removed. */
void manager_entering_started(struct manager *manager, const void *owner, pid_t pid, int pidfd);
/* It has ended, or could not be started. */
void manager_entering_remove(struct manager *manager, const void *owner);
/* Is this namespace a profile's (a process inside a profile is no stranger)? */
bool manager_owns_mount_namespace(struct manager *manager, const struct file_id *id);
bool manager_owns_network_namespace(struct manager *manager, const struct file_id *id);
