/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ipc: Varlink (https://varlink.org) over a UNIX stream socket: JSON objects, each ended by a NUL
 * byte, and descriptors by SCM_RIGHTS. Both ends stand on this; neither policy nor methods live
 * here.
 */
#pragma once

#include <jansson.h>

#include "nsctl/base.h"

#define IPC_SOCKET      "/run/nsctl/nsctl.sock"
#define IPC_INTERFACE   "org.nsctl.Manager"
#define IPC_MESSAGE_MAX (8 << 20)       /* bytes of one message */
#define IPC_FDS_MAX     DESCRIPTORS_MAX /* queued on a connection */

/* ---- one end of a connection (connection.c) ------------------------------------------- */

struct ipc_connection;

/* Takes the socket over, blocking or not. */
int ipc_connection_new(int fd, struct ipc_connection **ret);
/* From now on whoever sends descriptors breaks the connection (-EBADMSG); none of them ever becomes
 * one of this process. */
void ipc_refuse_fds(struct ipc_connection *connection);
/* Closes the socket and every descriptor still queued. NULL-safe, returns NULL. */
struct ipc_connection *ipc_connection_free(struct ipc_connection *connection);
void ipc_connection_freep(struct ipc_connection **connection);
int ipc_connection_fd(const struct ipc_connection *connection);

/* Queues a message (borrowed) with descriptors (duplicated), and sends what the socket takes.
 * 0: all is sent; -EAGAIN: the rest waits for ipc_flush; -ENOBUFS: more than IPC_MESSAGE_MAX is
 * queued; otherwise the connection is broken. */
int ipc_send(struct ipc_connection *connection, json_t *message, const int *fds, size_t n_fds);
int ipc_flush(struct ipc_connection *connection);
bool ipc_wants_write(const struct ipc_connection *connection);
/* Bytes that this connection holds in memory, received and to be sent: for limits. */
size_t ipc_buffered(const struct ipc_connection *connection);

/* Reads what the socket has. 0: got something; -EAGAIN; -ENODATA: the peer has closed; -EMSGSIZE,
 * -EBADMSG (too many descriptors, or truncated control data): the connection is broken, its
 * descriptors are closed. */
int ipc_receive(struct ipc_connection *connection);
/* The next whole message: 1 and a new reference; 0: none yet; -EBADMSG: no JSON object. */
int ipc_next(struct ipc_connection *connection, json_t **ret);
/* Hands over the descriptors received so far (caller closes); returns how many. */
size_t ipc_take_fds(struct ipc_connection *connection, int fds[IPC_FDS_MAX]);
/* For upgraded calls: hands the socket over and frees the connection; bytes received behind the
 * last message come with it (*ret_data may be NULL; the caller frees). */
int ipc_release(struct ipc_connection *connection, void **ret_data, size_t *ret_length);

/* ---- the caller's side, blocking (client.c) ------------------------------------------- */

enum ipc_call_flags {
	IPC_CALL_MORE = 1 << 0, /* further replies follow while `continues` is set: ipc_call_next */
	IPC_CALL_UPGRADE = 1 << 1, /* the connection is not Varlink any more after the reply */
};

int ipc_connect(const char *path,
		struct ipc_connection **ret); /* 0 or negative errno of connect(2) */
/* Calls "org.nsctl.Manager.NAME" or a full method name; parameters are stolen (NULL: none). An
 * error reply gives -EREMOTEIO and its name in *ret_error ("org.nsctl.Manager.NotUp") with its
 * parameters in *ret. */
int ipc_call(struct ipc_connection *connection, const char *method, json_t *parameters,
	     const int *fds, size_t n_fds, unsigned flags, json_t **ret, char **ret_error);
/* With IPC_CALL_MORE: 1 and the next reply's parameters, 0 when there is none any more. */
int ipc_call_next(struct ipc_connection *connection, json_t **ret, char **ret_error);

/* ---- the interface descriptions, as installed (generated from src/ipc/ *.varlink) ------ */

extern const char ipc_interface_manager[]; /* org.nsctl.Manager */
extern const char ipc_interface_service[]; /* org.varlink.service */
