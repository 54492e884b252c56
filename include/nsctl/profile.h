/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * profile: an INI file becomes a checked struct profile.
 *
 * One table (src/profile/schema.c) knows every section and key, its type, default, allowed values
 * and where it is stored; parsing, validation, `nsctl show`, and "did you mean" all walk it.
 */
#pragma once

#include <net/ethernet.h>
#include <net/if.h>

#include "nsctl/base.h"

#define PROFILE_NAME_MAX 32        /* [A-Za-z0-9][A-Za-z0-9_.-]{0,31} */
#define PROFILE_FILE_MAX (1 << 20) /* bytes; a larger file is refused */

enum network { NETWORK_NEW, NETWORK_HOST };
enum link_type { LINK_BRIDGE, LINK_PTP, LINK_NONE };
enum nat { NAT_MASQUERADE, NAT_NONE };
enum ipv6_mode { IPV6_NO, IPV6_AUTO, IPV6_FIXED };
enum egress { EGRESS_ANY, EGRESS_NONE, EGRESS_TUNNEL };
enum aaaa_run { AAAA_NO, AAAA_INSIDE, AAAA_OUTSIDE };
enum aaaa_hook { AAAA_HOOK_OUTPUT, AAAA_HOOK_INPUT, AAAA_HOOK_FORWARD };
enum aaaa_dnssec { AAAA_DNSSEC_PASS, AAAA_DNSSEC_ANSWER };
enum restart { RESTART_NO, RESTART_ON_FAILURE, RESTART_ALWAYS };
enum ready { READY_STARTED, READY_INTERFACE, READY_NOTIFY };
enum protocol { PROTOCOL_TCP, PROTOCOL_UDP };

struct publish {                   /* [ADDR:]PORT -> PORT[/tcp|/udp] */
	struct ip_address address; /* family 0: any */
	uint16_t outer, inner;
	enum protocol protocol;
};
struct profile_route { /* CIDR via ADDR */
	struct ip_prefix destination;
	struct ip_address via;
};
struct host_entry { /* ADDR NAME... */
	struct ip_address address;
	char **names;
};
struct bind_mount { /* SRC:DST[:ro] */
	char *source, *target;
	bool read_only;
};
struct endpoint { /* HOST:PORT/udp */
	char *host;
	uint16_t port;
	enum protocol protocol;
};
struct service {
	char *name;
	char *command; /* one shell-like line, split by the service step */
	char *user;
	enum restart restart;
	enum ready ready;
	char *ready_interface; /* with READY_INTERFACE */
	unsigned stop_timeout; /* seconds */
};

struct profile {
	char *name;
	char *path;        /* the file it came from */
	char *description; /* "" when absent */
	char *inherit;     /* NULL when absent */
	bool repair;       /* what goes while it is up is put back */

	char **users, **groups;

	enum network network;
	bool pid, uts, ipc;
	char *hostname; /* NULL when absent */

	enum link_type link_type;
	char *bridge;
	char *interface;
	struct ip_prefix address;  /* family 0: auto */
	struct ip_address gateway; /* family 0: auto */
	enum nat nat;
	enum ipv6_mode ipv6_mode;
	struct ip_prefix ipv6; /* with IPV6_FIXED */
	bool isolate;
	unsigned mtu; /* 0: the kernel's */
	bool has_mac;
	struct ether_addr mac;
	struct publish *publish;
	size_t n_publish;

	bool route_default;
	struct profile_route *routes;
	size_t n_routes;

	bool has_dns; /* a [dns] section exists: without one the resolver files are left alone */
	struct ip_address *nameservers;
	size_t n_nameservers;
	char **search, **options;
	struct host_entry *hosts;
	size_t n_hosts;
	bool enforce, mask_host_resolvers;

	struct bind_mount *binds;
	size_t n_binds;
	char **tmpfs;

	enum egress egress;
	char *tunnel;
	struct endpoint *endpoints;
	size_t n_endpoints;

	enum aaaa_run aaaa_run;
	enum aaaa_hook aaaa_hook;
	unsigned aaaa_port;
	char **aaaa_qtypes, **aaaa_only, **aaaa_except;
	enum aaaa_dnssec aaaa_dnssec;
	bool aaaa_soa;
	unsigned aaaa_queues;

	struct service *services;
	size_t n_services;

	char **pre_up, **post_up, **pre_down, **post_down, **resume;

	struct profile_origins *origins; /* private to src/profile: where each value came from */
};

enum profile_flags {
	/* Refuse files that are not root's or that others can write, and those in or below a
	 * directory of which that is true (-EPERM). A directory with the sticky bit, as /tmp, may
	 * stand further up. */
	PROFILE_TRUSTED = 1 << 0,
};

/*
 * Loads profile `name` from the first directory of `directories` that has NAME.ini, with what it
 * inherits from. -ENOENT: no such profile; -EINVAL: name or file is wrong (error: "FILE:LINE:
 * ..."); -EPERM: writable by others; or what open and read said. The caller frees with
 * profile_free. With -EINVAL the error is that of the first mistake, and has the others behind it.
 */
int profile_load(char *const *directories, const char *name, unsigned flags, struct profile **ret,
		 struct error *error);
/* The same for one file anywhere; its name is the file's without ".ini"; `inherit` is looked up in
 * directories. */
int profile_load_file(char *const *directories, const char *path, unsigned flags,
		      struct profile **ret, struct error *error);
/* The same from text in memory (`path` for messages only): pure, for tests and fuzzing. */
int profile_parse(char *const *directories, const char *name, const char *path, const char *text,
		  size_t length, unsigned flags, struct profile **ret, struct error *error);
/* -EOPNOTSUPP, naming section and key, when the profile asks for what no step does yet. */
int profile_supported(const struct profile *profile, struct error *error);
struct profile *profile_free(struct profile *profile); /* NULL-safe, returns NULL */
void profile_freep(struct profile **profile);

/* The names of all profiles in the directories, sorted, each once. */
int profile_names(char *const *directories, char ***ret, struct error *error);
bool profile_name_valid(const char *name);

/*
 * Calls fn for every key in the schema's order with its effective value as text (a list key once
 * for each value; once with NULL where there is no value) and its origin: "FILE:LINE" or NULL for
 * the default. The section of a service is "service NAME". A negative return of fn ends the walk
 * and is returned.
 */
typedef int (*profile_value_fn)(const char *section, const char *key, const char *value,
				const char *origin, void *userdata);
int profile_each_value(const struct profile *profile, profile_value_fn fn, void *userdata);
/* Where a key's value came from ("link", "address"): "FILE:LINE" or NULL for the default. */
const char *profile_origin(const struct profile *profile, const char *section, const char *key);

/* ---- nsctld.ini: nsctld's own settings, read by the same machinery (settings.c) -------- */

struct settings {
	struct ip_prefix *pool; /* ranges for `address = auto`, in order of preference */
	size_t n_pool;
	char *group; /* who may connect besides root; NULL: everybody (profiles decide) */
	unsigned max_connections, max_sessions, max_changes; /* per uid */
};
/* Root refuses a file that others can write, as with PROFILE_TRUSTED.
 * A missing file gives the defaults: pool = 10.193.0.0/16, 172.29.0.0/16, 192.168.240.0/20; 64 and
 * 256. */
int settings_load(const char *path, struct settings **ret, struct error *error);
struct settings *settings_free(struct settings *settings);
