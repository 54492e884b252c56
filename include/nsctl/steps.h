/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * steps: everything that a profile can ask for, one file a step in src/steps.
 *
 * A step works on an instance (what has been made for one profile) and on the host (what profiles
 * share), and keeps in them what it needs to take its work away again: `down` never looks at the
 * profile. Both are written to disk by the manager.
 */
#pragma once

#include "nsctl/kernel.h"
#include "nsctl/profile.h"

/* ---- what has been made ------------------------------------------------------------------ */

struct own_mount { /* what a step mounted inside */
	char *target;
	struct file_id id; /* mount_id_of what was mounted: is it still that? */
};

#define INSTANCE_AWAITED_MAX 4

struct instance {
	char *name;
	int64_t since;          /* seconds since the epoch when `up` had made it all, 0: never */
	char **users, **groups; /* who may use it, for when the profile's file is gone */

	/* netns: the pinned namespace; all zero for network = host */
	bool has_netns;
	struct file_id netns_id;
	int netns_fd;               /* -1: not held */
	struct rt *rt;              /* a socket inside, opened when first needed */
	struct rt_monitor *monitor; /* another, that can hear of changes; NULL: not opened */

	/* mounts: the pinned mount namespace */
	bool has_mounts;
	struct file_id mounts_id;
	int mounts_fd; /* -1: not held */
	int root_fd;   /* "/" inside, O_PATH: look-ups there need not enter; -1: not held */
	struct own_mount *mounted; /* what [mount] made, in order */
	size_t n_mounted;

	/* resolver */
	bool has_resolver;
	bool resolver_failed; /* it could not be put in place: who asks inside may ask the host's */

	/* bridge, link */
	char bridge[IFNAMSIZ];         /* "": none */
	char interface[IFNAMSIZ];      /* inside; "": no link */
	char host_interface[IFNAMSIZ]; /* the host's end */
	int host_index;
	uint32_t link_config; /* hash of the [link] and [route] it was made from, 0: not known */
	bool isolated;

	/* addresses */
	struct ip_prefix address;  /* inside; family 0: none */
	struct ip_address gateway; /* family 0: none */
	struct ip_prefix
		host_address; /* that nsctl put on the host's end or bridge; family 0: none */
	bool routed;          /* the host is its gateway */

	/* nat, forward */
	bool masquerades, forwards;

	/* aaaa: hash of what the responder was started with, 0: there is none */
	uint32_t aaaa_config;

	/* indexes of links that are going in the background: `down` has to wait for them */
	int awaited[INSTANCE_AWAITED_MAX];
	size_t n_awaited;
	bool bridge_is_going; /* one of them is a bridge */

	uint32_t config;     /* hash of all of the profile that it was made from, 0: not known */
	struct guard *guard; /* the manager's, who puts back what goes; NULL: nobody does */

	struct instance *next;
};

struct host_bridge { /* a bridge that nsctl made */
	char name[IFNAMSIZ];
	int index; /* 0: it was about to be made when a daemon died, with this */
	struct ether_addr mac;
	struct host_bridge *next;
};
struct host_sysctl { /* a value to put back */
	char *name, *value;
	struct host_sysctl *next;
};
/* NULL: out of memory. */
struct host_sysctl *host_sysctl_new(const char *name, const char *value);

struct host {
	const char *runtime_directory;   /* borrowed */
	const struct settings *settings; /* borrowed */
	const char *responder_program;   /* nsctl-aaaa; borrowed */
	struct rt *rt;
	struct nft *nft;
	struct netns_ahead *ahead; /* the next network namespace, made on a thread */
	struct table_ahead *table; /* the table inet nsctl, being made on a thread */
	bool more_to_come;         /* another profile is waiting to be made */
	bool unreadable; /* there are records that could not be read: of profiles that may be up */
	struct instance *instances; /* of all profiles that are up, also in part */

	/* Writes what follows to disk (the manager's; NULL in tests), see host_note. */
	int (*note)(struct host *host, struct error *error);

	bool forwarding; /* the host forwards, as far as is known; whoever hears otherwise resets it
			  */
	uint32_t intact_generation; /* of nf_tables, when our table was last found as it should be;
				       0: never, or it should be another by now */
	bool has_table;             /* inet nsctl is in nf_tables, and nsctl put it there */
	unsigned netns_directory;   /* NETNS_MADE_DIRECTORY, NETNS_BOUND_DIRECTORY */
	struct host_bridge *bridges;
	struct host_sysctl *sysctls;
	bool dirty; /* one of the four above is not on disk yet */
};

/* ---- the steps --------------------------------------------------------------------------- */

struct step_context {
	struct host *host;
	struct instance *instance;
	const struct profile *profile; /* NULL in down */
	char **warnings;               /* what the user should know; appended by steps */
	/* Writes the record now, in the middle of a step whose work must not be forgotten. */
	int (*record)(struct step_context *context, struct error *error);
	void *userdata;
};

/* What differs between the profile and the kernel. */
struct drift {
	struct {
		const char *step;
		char *what;
	} * items;
	size_t count;
	bool incomplete; /* there was no memory for some */
};
int drift_add(struct drift *drift, const char *step, const char *format, ...) _printf_(3, 4);
void drift_clear(struct drift *drift);

enum { STEP_MADE = 1, STEP_MENDED = 2 };

struct step {
	const char *name;
	/* Its `up` works on nothing but files and mounts of the profile, and has no warnings: where
	 * everything is to be made, it runs on a thread, beside the steps that follow those that
	 * are marked like this. */
	bool beside;
	/* Its `up` writes the record, which reads all of the instance: it waits for those. */
	bool records;
	/* Does the profile ask for it? */
	bool (*wanted)(const struct profile *profile);
	/* NULL, or tells ahead of all `up` what will be made where nothing of the profile is yet,
	 * and starts what the kernel takes long for. */
	int (*begin)(struct step_context *context, struct error *error);
	/* Makes it, or what is missing of it: STEP_MADE, which a failure of a later step takes away
	 * again; STEP_MENDED: it was there, and others may be using it, so that it stays; 0 nothing
	 * to do, or a negative errno. */
	int (*up)(struct step_context *context, struct error *error);
	/* Removes it; already gone is success. 1 something was removed. */
	int (*down)(struct step_context *context, struct error *error);
	/* Adds what differs from the profile. */
	int (*check)(struct step_context *context, struct drift *drift);
	/* The same as shell commands. Nothing is changed but the instance, which is a scratch one.
	 */
	int (*explain)(struct step_context *context, FILE *out, struct error *error);
};

/* In the order of `up`, NULL at the end. */
extern const struct step *const steps[];

/* When [link] or [route] changed since the link was made: takes it away with what stands on it, so
 * that the steps make it anew; additions alone could not make the old one the new one. So does it
 * with what stands on a link that was taken away before. 1: it did. */
int steps_renew_link(struct step_context *context, struct error *error);

/* Waits for what the steps began that no `up` came to need, and takes it away. */
void steps_end(struct host *host);

/* Names whose coming, going or changing on the host may undo what the resolver step did; the last
 * is empty. */
struct resolver_watch {
	const char *directory, *name;
};
extern const struct resolver_watch resolver_watches[];
extern const struct step step_resolver;
/* For when the profile can't be read, or has no [dns] by now: mounts its files again, as they were
 * written last. 1: one had gone. */
int resolver_keep(const struct host *host, struct instance *instance, struct error *error);

struct instance *instance_new(const char *name);
/* Closes what it holds; frees it. NULL-safe, returns NULL. */
struct instance *instance_free(struct instance *instance);
void instance_freep(struct instance **instance);
/* Takes a copy of the target; replaces an entry for the same. 0 or -ENOMEM. */
int instance_mounted_add(struct instance *instance, const char *target, const struct file_id *id);
void instance_mounted_remove(struct instance *instance, size_t i);
/* The socket inside the profile's network namespace; opened at the first call. -ENODEV: there is no
 * namespace (any more). */
int instance_rt(struct instance *instance, struct rt **ret, struct error *error);
/* The names of the host's end and of its altname ("" where the name itself is not hashed). */
void link_host_name(const char *profile, char name[IFNAMSIZ], char altname[64]);
/* Notes a link (0: none) that is going in the background. */
void instance_await(struct instance *instance, int index);
/* After a restart: takes up the pinned namespaces that are those of the record. An error says that
 * it can't be told whether they are. */
int instance_hold(const struct host *host, struct instance *instance, struct error *error);
/* Are its pins where they should be? */
bool instance_pinned(const struct host *host, const struct instance *instance);
/* The interface through which the host sees the profile: its bridge, or the host's end. */
const char *instance_gateway_interface(const struct instance *instance);
/* A pidfd of its responder; -ESRCH or -ENOENT: none runs. */
int aaaa_find(const struct host *host, const struct instance *instance, int *ret_pidfd);
/* The file in which it keeps count; the caller frees, NULL: out of memory. */
char *aaaa_statistics_path(const struct host *host, const struct instance *instance);
/* Is this table of nf_tables nsctl's own? */
bool ruleset_is_own_table(uint32_t family, const char *table);
/* When no profile is left: takes away all that they shared, and does not stop at a failure. What
 * could not be taken away stays noted: it can be called again. */
int host_release(struct host *host, struct error *error);
/* Takes away what no profile uses of that: a daemon that died had made it for one, and has not come
 * to write down for which. */
int host_release_unused(struct host *host, struct error *error);
/* At the start: takes out of others' firewalls what an earlier daemon put there for an interface
 * that no profile uses, and that is not another's by now. */
int host_release_forgotten(const struct host *host, struct error *error);
/* To be called before something is made that would look like another's to the next daemon, if this
 * one died right after it. */
int host_note(struct host *host, struct error *error);
/* Makes ready, in the background, what the next profile will need. */
void host_prepare_ahead(struct host *host);
/* Closes and frees all that the host holds; what was made stays. */
void host_clear(struct host *host);
