/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clients: one connection each, served a message at a time.
 *
 * Bounds: a message per turn of the loop, so that one who sends many does not delay the others; no
 * further message before the last reply has left; ten seconds for whatever is half done (no message
 * yet, half a message, replies that are not read); bytes in memory per uid. Who goes away while a
 * call is served still counts until that is done, or going away would be a way to have any number
 * of them served.
 */
#include <errno.h>
#include <malloc.h>
#include <sys/epoll.h>

#include "call.h"
#include "nsctl/patience.h"

#define DEADLINE_USEC UINT64_C(10000000)
#define STRANGERS     ((uid_t)-1)       /* nobody's uid */
#define LARGE         (256 << 10)       /* bytes of a message */
#define SWEEP_USEC    UINT64_C(1000000) /* how late a deadline may be noticed */

static void on_event(struct loop_source *source, uint32_t events, void *userdata);
static void on_sweep(struct loop_source *source, uint32_t events, void *userdata);

static void log_end(struct client *client, const char *why)
{
	if (server_may_log(client->server))
		log_notice("uid %u, pid %d: connection refused or dropped: %s", client->peer.uid,
			   client->peer.pid, why);
}

/* Refuses the connection itself; the reason is an answer to a call that has not come yet. The hint
 * may be NULL. */
static void refuse(struct client *client, const char *name, const char *message, const char *hint)
{
	json_t *reply = json_pack("{s:s, s:{s:s, s:s*}}", "error", name, "parameters", "message",
				  message, "hint", hint);

	log_end(client, message);
	if (reply)
		ipc_send(client->connection, reply, NULL, 0);
	json_decref(reply);
}

static bool may_connect(const struct server *server, const struct peer *peer)
{
	return !server->restricted || peer->uid == 0 || peer_in_group(peer, server->group);
}

/* Another user namespace may have thousands of uids, all of one user's making (subuid(5)): they
 * share one account. */
static uid_t account_of(const struct server *server, const struct peer *peer)
{
	struct file_id user_ns;

	if (peer->uid == 0)
		return 0;
	if (peer_user_namespace(peer, &user_ns) < 0 ||
	    !file_id_equal(&user_ns, &server->standing.user_ns))
		return STRANGERS;
	return peer->uid;
}

static int admit(struct client *client)
{
	struct server *server = client->server;
	_cleanup_free_ char *hint = NULL;
	int r;

	if (!may_connect(server, &client->peer)) {
		refuse(client, IPC_INTERFACE ".Denied",
		       _("you may not connect to nsctld: it serves one group only"), NULL);
		return -EACCES;
	}
	client->account = account_of(server, &client->peer);
	r = limits_take(server->limits, client->account, LIMIT_CONNECTIONS, 1);
	if (r == -EDQUOT) {
		hint = str_format(_("close some: a user may have %u ([limits] connections in %s)"),
				  server->settings->max_connections, server->options->config);
		refuse(client, IPC_INTERFACE ".LimitExceeded",
		       _("you have too many connections to nsctld"), hint);
	}
	return r;
}

/* One timer looks after the deadlines of all clients, as long as there are any: a descriptor less
 * for each. */
static int start_deadline(struct client *client)
{
	struct server *server = client->server;
	int r = 0;

	client->deadline = now_usec() + DEADLINE_USEC;
	if (!server->sweep)
		r = loop_add_timer(server->loop, on_sweep, server, &server->sweep);
	if (r < 0 || server->sweeping)
		return r;
	server->sweeping = true;
	return loop_timer_set(server->sweep, SWEEP_USEC);
}

static int watch(struct client *client)
{
	int r = loop_add_fd(client->server->loop, ipc_connection_fd(client->connection), EPOLLIN,
			    on_event, client, &client->source);

	return r < 0 ? r : start_deadline(client);
}

/* What a large message was made into goes back to the kernel: glibc would keep it for ever, below
 * what came later. */
static void give_memory_back(void)
{
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}

static void end_call(struct client *client)
{
	client->call = call_free(client->call);
	if (client->large)
		give_memory_back();
	client->large = false;
}

static void dispose(struct client *client)
{
	bool large = client->large || client->bytes >= LARGE;

	loop_source_free(client->source);
	patience_start(); /* descriptors that it sent and nobody read go with the socket */
	ipc_connection_free(client->connection);
	patience_end();
	peer_clear(&client->peer);
	free(client);
	if (large)
		give_memory_back();
}

int client_new(struct server *server, int fd)
{
	struct client *client = calloc(1, sizeof(*client));
	int r = client ? ipc_connection_new(fd, &client->connection) : -ENOMEM;

	if (r < 0) {
		free(client);
		close_fd(fd);
		return r;
	}
	client->server = server;
	client->peer.pidfd = -1;
	ipc_refuse_fds(client->connection);
	r = peer_of_socket(fd, &client->peer);
	if (r == 0)
		r = admit(client);
	if (r < 0) {
		dispose(client);
		return r;
	}
	client->next = server->clients;
	server->clients = client;
	r = watch(client);
	if (r < 0)
		client_free(client);
	return r;
}

static void leave(struct client *client)
{
	client->gone = true;
	client->deadline = 0;
	client->source = loop_source_free(client->source);
	patience_start();
	client->connection = ipc_connection_free(client->connection);
	patience_end();
	limits_give(client->server->limits, client->account, LIMIT_BYTES, client->bytes);
	client->bytes = 0;
}

void client_free(struct client *client)
{
	struct server *server = client->server;
	struct client **p = &server->clients;

	if (!client->gone && client->call && client->call->pending) {
		leave(client);
		return;
	}
	while (*p != client)
		p = &(*p)->next;
	*p = client->next;
	client->call = call_free(client->call);
	limits_give(server->limits, client->account, LIMIT_BYTES, client->bytes);
	limits_give(server->limits, client->account, LIMIT_CONNECTIONS, 1);
	dispose(client);
}

/* ---- turns ---------------------------------------------------------------------------- */

/* What the connection holds in memory now, charged to its uid. */
static int charge(struct client *client)
{
	struct limits *limits = client->server->limits;
	size_t bytes = ipc_buffered(client->connection);

	if (bytes > client->bytes) {
		int r = limits_take(limits, client->account, LIMIT_BYTES, bytes - client->bytes);

		if (r < 0)
			return r;
	} else {
		limits_give(limits, client->account, LIMIT_BYTES, client->bytes - bytes);
	}
	client->bytes = bytes;
	return 0;
}

static int receive(struct client *client)
{
	int r;

	patience_start(); /* descriptors that it sends are dropped by the kernel, in our name */
	r = ipc_receive(client->connection);
	patience_end();
	if (r == -ENODATA) {
		client->eof = true;
		return 0;
	}
	return r == -EAGAIN ? 0 : r;
}

/* The next whole message: as ipc_next. */
static int next_message(struct client *client, json_t **ret)
{
	size_t before = ipc_buffered(client->connection);
	int r = ipc_next(client->connection, ret);

	client->large |= before - ipc_buffered(client->connection) >= LARGE;
	return r;
}

/* Serves the next whole message, if there is one. */
static int serve(struct client *client, bool readable)
{
	json_t *message;
	int r = next_message(client, &message);

	if (r == 0 && readable && !client->eof) {
		r = receive(client);
		if (r == 0)
			r = next_message(client, &message);
	}
	client->again = r > 0;
	if (r <= 0)
		return r == 0 && client->eof ? -ENODATA : r;
	client->greeted = true;
	r = method_dispatch(client, message);
	json_decref(message);
	return r;
}

/* One turn; negative when the connection has come to its end. */
static int turn(struct client *client, uint32_t events)
{
	bool gone = events & (EPOLLHUP | EPOLLERR);
	int r;

	if (client->broken || (client->call && gone))
		return -EPIPE;
	r = ipc_flush(client->connection);
	if (r < 0 && r != -EAGAIN)
		return r;
	if (client->call && client->call->done)
		end_call(client);
	if (r == -EAGAIN || client->call)
		return 0;
	r = serve(client, gone || events & EPOLLIN);
	if (r == 0 && client->call && client->call->done)
		end_call(client);
	if (client->broken || client->upgraded)
		return -EPIPE;
	return r;
}

static uint32_t wanted_events(const struct client *client)
{
	if (ipc_wants_write(client->connection))
		return EPOLLOUT;
	if (client->call)
		return client->call->done ? EPOLLOUT : 0;
	/* a writable socket brings the loop back at once */
	if (client->again)
		return EPOLLOUT;
	return client->eof ? 0 : EPOLLIN;
}

/* Ten seconds from when something began to be half done, and anew as replies leave. */
static int set_deadline(struct client *client, bool progress)
{
	bool half_done = !client->greeted || ipc_buffered(client->connection) > 0;
	bool busy = client->call && !ipc_wants_write(client->connection);

	if (!half_done || busy) {
		client->deadline = 0;
		return 0;
	}
	return client->deadline && !progress ? 0 : start_deadline(client);
}

static void on_event(_unused_ struct loop_source *source, uint32_t events, void *userdata)
{
	struct client *client = userdata;
	bool was_writing = ipc_wants_write(client->connection);
	size_t before = client->bytes;
	int r;

	/* one connection of each uid in a round: whoever has many gets no more than the others */
	if (!limits_turn(client->server->limits, client->account, loop_round(client->server->loop)))
		return;
	r = turn(client, events);
	if (r == 0)
		r = charge(client);
	if (r == 0)
		r = set_deadline(client, was_writing && client->bytes < before);
	if (r == 0)
		r = loop_source_set_events(client->source, wanted_events(client));
	if (r == 0)
		return;
	if (r != -ENODATA && r != -EPIPE && r != -ECONNRESET)
		log_end(client, error_text(&(struct error){ .code = -r }));
	client_free(client);
}

static void on_sweep(struct loop_source *source, _unused_ uint32_t events, void *userdata)
{
	struct server *server = userdata;
	struct client *client, *next;
	uint64_t now = now_usec();

	server->sweeping = false;
	for (client = server->clients; client; client = next) {
		next = client->next;
		if (client->deadline && client->deadline <= now) {
			log_end(client, "nothing whole came or left in time");
			client_free(client);
		} else if (client->deadline) {
			server->sweeping = true;
		}
	}
	if (server->sweeping)
		loop_timer_set(source, SWEEP_USEC);
}

void client_wake(struct client *client)
{
	if (loop_source_set_events(client->source, EPOLLOUT) < 0)
		client->broken = true; /* seen at its next event */
}
