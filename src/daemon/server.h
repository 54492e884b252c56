/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * server: nsctld as one object, and what its parts need of each other.
 *
 * A client is one connection. It has at most one call at a time; what else it sends waits in its
 * socket. Only the client's own event handlers free it, so that nothing else has to care whether a
 * reply broke the connection.
 */
#pragma once

#include <sys/resource.h>

#include "limits.h"
#include "nsctl/base.h"
#include "nsctl/ipc.h"
#include "nsctl/manager.h"
#include "nsctl/profile.h"
#include "options.h"
#include "peer.h"

struct call;
struct client;
struct session;
struct starter;

struct server {
	struct loop *loop;
	const struct options *options;
	struct settings *settings;
	struct manager *manager;
	struct limits *limits;
	struct standing standing; /* nsctld's own, to compare callers with */
	int signal_fd;
	int listen_fd;
	bool own_socket; /* made here, not handed over */
	struct loop_source *listen_source, *pause_timer;
	bool restricted; /* only root and `group` may connect */
	gid_t group;
	struct client *clients;
	struct loop_source *sweep; /* for their deadlines; armed while `sweeping` */
	bool sweeping;
	struct session *sessions;
	uint64_t last_session;   /* number of the newest */
	struct starter *starter; /* NULL: it could not be started, or has gone */
	uint64_t refusals_since; /* see server_may_log */
	unsigned refusals;
};

/* ---- server.c: the listening socket and the settings ---------------------------------- */

/* Loads the settings, takes the socket (or makes it), and the profiles as they are. */
int server_start(struct server *server, struct loop *loop, const struct options *options,
		 struct error *error);
/* Closes every connection; profiles and commands stay as they are. */
void server_stop(struct server *server);
/* Reads nsctld.ini again; on failure the old settings stay. */
int server_reload(struct server *server, struct error *error);
/* Before each line of log that callers can cause as often as they like: there is a bound, and what
 * is above it is counted. */
bool server_may_log(struct server *server);

/* ---- client.c ------------------------------------------------------------------------- */

struct client {
	struct client *next;
	struct server *server;
	struct ipc_connection *connection;
	struct loop_source *source;
	uint64_t deadline; /* 0: none */
	struct peer peer;
	uid_t account;     /* whose limits it counts for */
	struct call *call; /* the one that is being served */
	size_t bytes;      /* of memory, as counted in limits */
	bool large;        /* its call takes much memory */
	bool greeted;      /* a whole message has come */
	bool again;        /* there may be whole messages in the buffer */
	bool eof;          /* nothing more will come */
	bool broken;       /* close at once */
	bool gone;         /* the connection is closed; what its call began goes on */
	bool upgraded;     /* the socket belongs to a session now */
};

/* Takes the accepted socket over. */
int client_new(struct server *server, int fd);
/* Closes the connection. A client whose call has begun something stays, as one of the connections
 * of its uid, until that is finished, or until it is freed again. */
void client_free(struct client *client);
/* Has the loop come back to this client: a reply was queued, or its call is done. */
void client_wake(struct client *client);

/* ---- spawn.c -------------------------------------------------------------------------- */

/* A session to start; all descriptors are borrowed. */
struct spawn {
	int connection_fd, request_fd;
	int namespace_fds[SESSION_NAMESPACES];
	size_t n_namespaces;
	int cgroup_fd; /* -1: nsctld's own */
	const struct session_inheritance *inheritance;
	uid_t uid;           /* whose session it is, for the limits */
	const char *profile; /* where it goes; borrowed */
	int peer_fd;         /* a pidfd of the caller, to wake it; -1: none */
};

/* Starts the starter. */
int sessions_prepare(struct server *server, struct error *error);
/* Has a session started. It counts as one of the uid's LIMIT_SESSIONS, which the caller has taken
 * and which is given back when it ends (not when this fails). What fails later the caller's client
 * is told on the connection. */
int session_start(struct server *server, const struct spawn *spawn, struct error *error);
/* Forgets all sessions, which go on, and ends the starter. */
void sessions_forget(struct server *server);
