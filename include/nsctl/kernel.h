/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kernel: thin adapters to what the kernel offers, without policy: namespaces, mounts, rtnetlink,
 * nf_tables, sysctls and processes. Nothing here knows a profile.
 */
#pragma once

#include <net/ethernet.h>
#include <net/if.h>

#include "nsctl/base.h"

/* ---- a function inside namespaces (ns_call.c) ----------------------------------------- */

/* Where to run: descriptors of namespaces to join (-1: stay), then CLONE_NEW* flags to unshare. */
struct ns_place {
	int network, mount;
	int unshare;
};
#define NS_PLACE_HERE ((struct ns_place){ .network = -1, .mount = -1 })

/* Runs fn(argument) in a short-lived child that shares memory and descriptors with the caller, but
 * not namespaces, root and working directory. What fn opens stays open in the caller. Returns what
 * fn returned, or a negative errno when the place could not be entered. The calling thread is
 * suspended meanwhile; others go on. */
int ns_call(const struct ns_place *place, int (*fn)(void *argument), void *argument);

/* ---- network namespaces (netns.c), pinned as iproute2 does it -------------------------- */

#define NETNS_DIRECTORY "/run/netns"

/* A new network namespace that only the descriptor holds; `inside` (may be NULL) runs in it first.
 */
int netns_create(int (*inside)(void *), void *argument, int *ret_fd, struct error *error);
/* What netns_pin had to do for the directory itself, to be taken away with the last pin. */
#define NETNS_MADE_DIRECTORY  (1u << 0)
#define NETNS_BOUND_DIRECTORY (1u << 1)
/* Pins it at /run/netns/NAME under iproute2's lock; -EEXIST when the name is taken. Adds flags to
 * *made. */
int netns_pin(int fd, const char *name, unsigned *made, struct error *error);
int netns_unpin(const char *name, struct error *error);
/* What netns_pin would have to do for the directory. */
int netns_directory_missing(unsigned *ret);
/* Removes the empty file of a pin that was not mounted yet, or not any more, when its maker died.
 */
void netns_remove_file(const char *name);
/* The pinned namespace; -ENOENT: no such name (or a name with no namespace mounted on it). */
int netns_open(const char *name, int *ret_fd, struct file_id *ret_id);
/* Takes away the bind mount and the directory that netns_pin made, unless something is pinned there
 * still, which is success as well. */
int netns_directory_release(unsigned made, struct error *error);

/* ---- mounts (mounts.c) ---------------------------------------------------------------- */

/* Mounts a namespace descriptor on a new file at path (which must lie on a private mount). */
int namespace_pin(int fd, const char *path);
int namespace_unpin(const char *path);
/* A new mount namespace for the caller (run it under ns_call), which the namespace it leaves can
 * pin. Since Linux 6.18 namespaces are numbered from batches of each CPU, and a mount namespace may
 * only be pinned in one with a smaller number (fs/namespace.c, mnt_ns_loop): other CPUs are tried
 * until the number is larger. */
int mount_namespace_unshare(void);
/* Binds a directory on itself and makes it private, unless it is a mount already. */
int mount_private_directory(const char *path);
/* The root of a mount: is something mounted exactly at this fd? 1, 0 or a negative errno. */
int fd_is_mount_root(int fd);
/* What tells the mount that fd is the root of from any later one: its number, or before Linux 6.8
 * its root's, which may come again. */
int mount_id_of(int fd, struct file_id *ret);
/* Opens a path without following any symbolic link (openat2, RESOLVE_NO_SYMLINKS), as O_PATH. */
int path_open_no_symlinks(int directory_fd, const char *path);
/* Does this error of it say that there is nothing of that name? Any other says that it can't be
 * told. */
bool path_is_missing(int error);
/* A mount that is attached nowhere, and goes with its descriptor; whatever becomes of it has the
 * mount_id_of that it has now. Returns the descriptor: of what source_fd refers to (with what is
 * mounted below it), */
int mount_detached_bind(int source_fd, bool read_only);
/* or of a new file system ("tmpfs", "sysfs"); options: a key, its value, ..., NULL; or NULL.
 * attributes: MOUNT_ATTR_*. */
int mount_detached_filesystem(const char *type, const char *const *options, unsigned attributes);
/* Puts it on what target_fd refers to, which may be a symbolic link itself (O_PATH|O_NOFOLLOW). */
int mount_attach(int detached_fd, int target_fd);
/* Both at once. */
int mount_bind_fd(int source_fd, int target_fd, bool read_only);
int mount_filesystem_fd(const char *type, const char *const *options, unsigned attributes,
			int target_fd);

/* The root that a mount of this file system has where the caller is: that of sysfs is another in
 * each network namespace. */
int filesystem_id(const char *type, struct file_id *ret);

/* ---- rtnetlink (rt.c, rtnl_link.c, rtnl_address.c) ------------------------------------ */

struct rt; /* one socket in one network namespace */

/* In the network namespace of the descriptor, or the caller's own with -1. */
int rt_open(int netns_fd, struct rt **ret, struct error *error);
struct rt *rt_free(struct rt *rt);

struct rt_link_info {
	int index;
	char name[IFNAMSIZ];
	char kind[16]; /* "bridge", "veth", "" */
	int master;    /* 0: none */
	int peer;      /* of a veth: the other end, by its index where that is; 0: none */
	unsigned mtu;
	uint32_t group;
	bool up;
	bool isolated; /* bridge port isolation */
	struct ether_addr mac;
	uint64_t rx_bytes, tx_bytes;
};
/* -ENODEV: no such link. */
int rt_link_by_name(struct rt *rt, const char *name, struct rt_link_info *ret);
int rt_link_by_index(struct rt *rt, int index, struct rt_link_info *ret);

/* Changes that go to the kernel in one system call. rt_batch_send frees the batch; it tells of the
 * first that failed and of out of memory on the way. NULL is an empty
 * batch for which there was no memory. */
struct rt_batch;
struct rt_batch *rt_batch_begin(struct rt *rt);
int rt_batch_send(struct rt_batch *batch, struct error *error);
void rt_batch_discard(struct rt_batch *batch);

struct rt_veth {
	const char *name;                  /* the end that stays in the socket's namespace */
	const char *altname;               /* of that end; NULL: none */
	int master;                        /* bridge that it joins, 0: none */
	bool isolated;                     /* as a port of that bridge */
	const char *peer_name;             /* its other end, */
	int peer_netns_fd;                 /* made directly there */
	const struct ether_addr *peer_mac; /* NULL: random */
	unsigned mtu;                      /* of both, 0: the kernel's */
};
/* Makes the pair and brings the near end up, without IPv6 addresses. (The other can't come up
 * before the pair is whole: drivers/net/veth.c, veth_open.) All or nothing. -EEXIST: a name is
 * taken. */
int rt_veth_create(struct rt *rt, const struct rt_veth *veth, int *ret_index, struct error *error);
/* A MAC address that no card has. */
int rt_random_mac(struct ether_addr *ret);
/* A bridge, down, with a MAC address that stays when ports come and go. */
int rt_bridge_create(struct rt *rt, const char *name, const struct ether_addr *mac,
		     struct error *error);
int rt_link_set_up(struct rt *rt, int index, struct error *error);
int rt_link_set_up_named(struct rt *rt, const char *name, struct error *error);
/* No IPv6 link-local address is made when it comes up. */
int rt_link_set_no_ipv6(struct rt *rt, int index, struct error *error);
int rt_link_set_master(struct rt *rt, int index, int master, struct error *error);
int rt_link_set_mtu(struct rt *rt, int index, unsigned mtu, struct error *error);
int rt_link_set_mac(struct rt *rt, int index, const struct ether_addr *mac, struct error *error);
int rt_link_set_isolated(struct rt *rt, int index, bool isolated, struct error *error);
int rt_link_delete(struct rt *rt, int index, struct error *error);
/* Starts the deletion on a thread, since the kernel takes tens of milliseconds for a bridge; the
 * monitor tells when it is gone. What becomes of it otherwise is not told. */
int rt_link_delete_later(int index);
/* The same for several veths at once, for which the kernel takes hardly longer than for one; each
 * is left alone unless it still has that name. */
struct rt_link_name {
	int index;
	char name[IFNAMSIZ];
};
int rt_links_delete_later(const struct rt_link_name *links, size_t count);

struct rt_address_info {
	int index;
	struct ip_prefix address;
};
/* As the next two, in a batch. */
void rt_batch_address_add(struct rt_batch *batch, int index, const struct ip_prefix *address);
void rt_batch_route_add(struct rt_batch *batch, const struct ip_prefix *destination,
			const struct ip_address *gateway, int index);
/* 0 also when it is there already. */
int rt_address_add(struct rt *rt, int index, const struct ip_prefix *address, struct error *error);
int rt_address_delete(struct rt *rt, int index, const struct ip_prefix *address,
		      struct error *error);
/* All IPv4 addresses of the link (0: of all links). A negative return of fn ends the walk and is
 * returned. */
typedef int (*rt_address_fn)(const struct rt_address_info *address, void *userdata);
int rt_address_each(struct rt *rt, int index, rt_address_fn fn, void *userdata);

struct rt_route_info {
	struct ip_prefix destination; /* length 0: default */
	struct ip_address gateway;    /* family 0: none */
	int index;                    /* 0: none (blackhole, multipath) */
	unsigned table;
	uint8_t type; /* RTN_* */
};
/* Through a gateway on the link; 0 also when it is there already. */
int rt_route_add(struct rt *rt, const struct ip_prefix *destination,
		 const struct ip_address *gateway, int index, struct error *error);
typedef int (*rt_route_fn)(const struct rt_route_info *route, void *userdata);
/* All IPv4 routes of all tables. */
int rt_route_each(struct rt *rt, rt_route_fn fn, void *userdata);

/* A socket that hears of changes in a network namespace, once it listens: readable when one came.
 */
struct rt_monitor;
enum rt_monitor_place { RT_MONITOR_HOST, RT_MONITOR_INSIDE };
/* In the network namespace of the descriptor, or the caller's own with -1. */
int rt_monitor_open(int netns_fd, struct rt_monitor **ret, struct error *error);
/* From now on. On the host: links, IPv4 addresses that go, forwarding switched off. Inside: links,
 * addresses and IPv4 routes that go, IPv6 addresses that come. */
int rt_monitor_listen(struct rt_monitor *monitor, enum rt_monitor_place place, struct error *error);
struct rt_monitor *rt_monitor_free(struct rt_monitor *monitor);
int rt_monitor_fd(const struct rt_monitor *monitor);

struct rt_event {
	enum {
		RT_LINK_GONE,
		RT_LINK_CHANGED, /* or new */
		RT_ADDRESS_GONE,
		RT_ADDRESS_NEW,
		RT_ROUTE_GONE,
		RT_FORWARDING_OFF,
	} type;
	int index;                /* the link itself, or the one that the address or route is on */
	int family;               /* AF_INET or AF_INET6, of addresses and routes */
	struct rt_link_info link; /* RT_LINK_GONE and RT_LINK_CHANGED */
};
typedef void (*rt_event_fn)(const struct rt_event *event, void *userdata);
/* All that have come; -ENOBUFS: some were lost, look yourself. */
int rt_monitor_read(struct rt_monitor *monitor, rt_event_fn fn, void *userdata);

/* ---- sysctls (sysctl.c) --------------------------------------------------------------- */

/* `name` with slashes, below /proc/sys ("net/ipv4/ip_forward"), of the caller's network namespace.
 * The value comes without its newline; the caller frees. */
int sysctl_get(const char *name, char **ret);
int sysctl_set(const char *name, const char *value);

/* ---- processes (process.c) ------------------------------------------------------------ */

/* One look at /proc. For each process in one of the namespaces, fn gets its pid and which;
 * namespaces are nsfs inodes. */
typedef void (*process_fn)(pid_t pid, ino_t network, ino_t mount, void *userdata);
/* A negative errno: some may have been missed. */
int process_each(process_fn fn, void *userdata);
/* Signals a process by pidfd, if it still is in the network or mount namespace (inode 0: not looked
 * at). -ESRCH. */
int process_signal(pid_t pid, ino_t network, ino_t mount, int signal);

/* What the kernel itself keeps of a process. Its command line is not among it: that is the
 * process's own memory, and whoever reads it can be made to wait. */
struct process_info {
	pid_t pid, parent; /* parent 0: in another PID namespace, or none */
	uid_t uid;         /* effective */
	char state;        /* as in proc_pid_stat(5): R, S, D, T, ... */
	char name[64];     /* any bytes */
	char terminal[32]; /* "pts/3", "tty1", or major:minor; "": none */
	uint64_t started;  /* clock ticks since boot: with the pid it names this process alone */
};
/* Looks at a process, if it still is in the network or mount namespace (inode 0: not looked at).
 * -ESRCH. */
int process_describe(pid_t pid, ino_t network, ino_t mount, struct process_info *ret);

/* ---- programs that live on (detached.c) ------------------------------------------------ */

#define DETACHED_FD 3
/* Starts a program that is nobody's child, in a network namespace (-1: the caller's), with
 * /dev/null as 0, 1 and 2, `fd` as DETACHED_FD and no environment. 0 when it is on its way: what
 * then goes wrong it, or this function in its place, writes to the descriptor. The caller closes
 * the pidfd. */
int detached_start(int network, const char *program, char *const *arguments, int fd,
		   int *ret_pidfd);
/* A pidfd of the process that holds the lock (F_SETLK) on a file, and the network namespace that it
 * is in; -ESRCH nobody, -ENOENT no file. */
int detached_find(const char *path, int *ret_pidfd, struct file_id *ret_network);

/* ---- nf_tables (nft.c, nft_rule.c, nft_read.c, nft_effect.c, nft_monitor.c) -------------- */

struct nft; /* a socket */
struct nft_batch;
struct nftnl_rule;

int nft_open(struct nft **ret, struct error *error);
struct nft *nft_free(struct nft *nft);

/* The port that its messages come from. */
uint32_t nft_port(const struct nft *nft);
/* Another number after each change of nf_tables, by whomever; 0: not known. */
uint32_t nft_generation(struct nft *nft);

/* One atomic change: begin, add operations, commit. The first operation that could not be built is
 * reported by commit. -ENOENT, -EEXIST and so on as the kernel says. */
struct nft_batch *nft_batch_begin(struct nft *nft);
int nft_batch_commit(struct nft_batch *batch, struct error *error); /* frees it */

#define NFT_TYPE_NFPROTO                                                                           \
	2 /* set key types, as nft(8) numbers them (nftables: include/datatype.h) */
#define NFT_TYPE_IPV4   7
#define NFT_TYPE_IFNAME 41

void nft_table_add(struct nft_batch *batch, uint32_t family, const char *table);
/* The table is this socket's: nobody else can change it, and it goes when the socket is closed,
 * however that comes (NFT_TABLE_F_OWNER, Linux 5.12). */
void nft_table_add_owned(struct nft_batch *batch, uint32_t family, const char *table);
void nft_table_delete(struct nft_batch *batch, uint32_t family, const char *table);
void nft_chain_add(struct nft_batch *batch, uint32_t family, const char *table, const char *chain,
		   const char *type, uint32_t hook, int32_t priority);
/* One that packets come to by a rule alone. */
void nft_chain_add_plain(struct nft_batch *batch, uint32_t family, const char *table,
			 const char *chain);
/* What becomes of packets that come to its end; there must be such a base chain. */
void nft_chain_set_policy(struct nft_batch *batch, uint32_t family, const char *table,
			  const char *chain, uint32_t policy);
void nft_set_add(struct nft_batch *batch, uint32_t family, const char *table, const char *set,
		 uint32_t key_type, uint32_t key_length);
void nft_element_add(struct nft_batch *batch, uint32_t family, const char *table, const char *set,
		     const void *key, uint32_t key_length);
void nft_element_delete(struct nft_batch *batch, uint32_t family, const char *table,
			const char *set, const void *key, uint32_t key_length);
/* Adds the rule (taken over) at the end of its chain, or at its head. */
void nft_rule_append(struct nft_batch *batch, struct nftnl_rule *rule);
void nft_rule_insert(struct nft_batch *batch, struct nftnl_rule *rule);
void nft_rule_delete(struct nft_batch *batch, uint32_t family, const char *table, const char *chain,
		     uint64_t handle);

/* All rules of a chain, which stays, and so does its hook. */
void nft_rules_flush(struct nft_batch *batch, uint32_t family, const char *table,
		     const char *chain);

/* Building a rule: each call appends one expression; register 1 carries the value looked at. What
 * there is no memory for shows when the rule is put into a batch, whose commit then fails. */
struct nftnl_rule *nft_rule_new(uint32_t family, const char *table, const char *chain,
				const char *comment);
/* False for NULL, and for a rule that something is missing of. */
bool nft_rule_whole(const struct nftnl_rule *rule);
void nft_match_set(struct nftnl_rule *rule, const char *set, bool not_in);
void nft_load_meta(struct nftnl_rule *rule, uint32_t key);
void nft_load_ipv4(struct nftnl_rule *rule, bool destination); /* with its nfproto match */
void nft_match_value(struct nftnl_rule *rule, const void *value, uint32_t length);
void nft_match_other(struct nftnl_rule *rule, const void *value, uint32_t length);
void nft_match_ct_state(struct nftnl_rule *rule, uint32_t states);
void nft_match_ct_status(struct nftnl_rule *rule, uint32_t status);
void nft_verdict(struct nftnl_rule *rule, int verdict);
void nft_goto(struct nftnl_rule *rule, const char *chain);
void nft_masquerade(struct nftnl_rule *rule);
void nft_counter(struct nftnl_rule *rule);
/* Bytes of a header: NFT_PAYLOAD_NETWORK_HEADER or NFT_PAYLOAD_TRANSPORT_HEADER. */
void nft_load_payload(struct nftnl_rule *rule, uint32_t base, uint32_t offset, uint32_t length);
/* Is what was loaded, as a number in network byte order, below this? */
void nft_match_below(struct nftnl_rule *rule, const void *value, uint32_t length);
/* What the destination is to this host: RTN_LOCAL, RTN_BROADCAST and so on, 32 bits. */
void nft_load_destination_type(struct nftnl_rule *rule);
void nft_notrack(struct nftnl_rule *rule);
/* Past it where nobody listens. */
void nft_queue(struct nftnl_rule *rule, uint16_t number);
/* An extension of iptables as an expression (nft_compat); its structure. */
void nft_xt_match(struct nftnl_rule *rule, const char *name, uint32_t revision, const void *info,
		  size_t length);
void nft_xt_target(struct nftnl_rule *rule, const char *name, uint32_t revision, const void *info,
		   size_t length);

/* 0, -ENOENT, or what the kernel said. */
int nft_table_look_up(struct nft *nft, uint32_t family, const char *table);
/* Looking: each calls fn per object, whose strings live as long as the call; the first negative
 * that it returns is returned, and none are told of after it. -EINTR: others changed nf_tables
 * meanwhile; -EBADMSG: the kernel's answer can't be read. */
struct nft_chain_info {
	uint32_t family;
	const char *table, *chain;
	bool base;
	uint32_t hook;
	int32_t priority;
	bool filter;
	uint32_t policy; /* NF_ACCEPT or NF_DROP, base chains only */
};
typedef int (*nft_chain_fn)(const struct nft_chain_info *chain, void *userdata);
int nft_chain_each(struct nft *nft, nft_chain_fn fn, void *userdata);
/* What a rule does with which packets, as far as that is simple. */
struct nft_effect {
	enum {
		NFT_EFFECT_NONE, /* or one that is not known */
		NFT_EFFECT_ACCEPT,
		NFT_EFFECT_DROP, /* or reject */
		NFT_EFFECT_CHAIN,
	} kind;
	const char *chain;   /* where it goes on, or NULL */
	char iif[IFNAMSIZ];  /* the beginning of the name that the incoming interface must have: */
	uint32_t iif_length; /* so many bytes of it, with the NUL where it is the whole name */
	bool for_some;       /* it looks at something else too */
};
/* Is it for every packet; for every one that comes in by this interface? */
bool nft_effect_always(const struct nft_effect *effect);
bool nft_effect_for_interface(const struct nft_effect *effect, const char *interface);
struct nft_rule_info {
	uint32_t family;
	const char *table, *chain, *comment; /* comment: "" when there is none */
	uint64_t handle;
	struct nft_effect effect;
	const char *expressions; /* as the kernel has them */
	size_t length;           /* bytes of them */
};
/* Does it do what this rule says, which was built to be sent (and is freed)? -ENOMEM. */
int nft_rule_does(const struct nft_rule_info *info, struct nftnl_rule *rule);
typedef int (*nft_rule_fn)(const struct nft_rule_info *rule, void *userdata);
int nft_rule_each(struct nft *nft, uint32_t family, const char *table, const char *chain,
		  nft_rule_fn fn, void *userdata);
typedef int (*nft_element_fn)(const void *key, uint32_t length, void *userdata);
int nft_element_each(struct nft *nft, uint32_t family, const char *table, const char *set,
		     nft_element_fn fn, void *userdata);

/* What iptables-legacy, which is not nf_tables, has in its chain FORWARD. */
struct legacy_forward {
	bool drops;        /* what no rule knows */
	bool docker_chain; /* there is a chain DOCKER-USER */
	bool lets_through; /* what comes in and goes out by the interface */
};
/* 1, or 0 where it has no rules. Nothing is changed, nor loaded into the kernel. -EBADMSG: what the
 * kernel says can't be read. */
int legacy_forward_look(const char *interface, struct legacy_forward *ret);

/* A socket that hears of changes of nf_tables: readable when one came. */
struct nft_monitor;
int nft_monitor_open(struct nft_monitor **ret, struct error *error);
struct nft_monitor *nft_monitor_free(struct nft_monitor *monitor);
int nft_monitor_fd(const struct nft_monitor *monitor);
struct nft_event {
	uint32_t family;
	const char *table;
	bool chains; /* of the table, its chains or rules; else of its sets */
};
typedef void (*nft_event_fn)(const struct nft_event *event, void *userdata);
/* All that have come, but those of the socket's own doing; -ENOBUFS: some were lost. */
int nft_monitor_read(struct nft_monitor *monitor, const struct nft *own, nft_event_fn fn,
		     void *userdata);
