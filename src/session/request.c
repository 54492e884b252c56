/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A request as bytes and back, and the messages of a session. Pure functions.
 *
 * The bytes: struct header, the supplementary groups as 32-bit numbers, then NUL-terminated
 * strings: directory, profile, arguments, environment. Whoever encodes and whoever decodes run on
 * one machine and come from one build, so numbers are in host byte order; nevertheless nothing is
 * believed: nsctl-session decodes as root what a caller has filled with its own words.
 */
#include <string.h>

#include "nsctl/session.h"

#define MAGIC 0x6e736331 /* "nsc1": a new layout gets a new number */

enum { FLAG_NETWORK = 1 << 0, FLAG_MOUNT = 1 << 1, FLAGS_KNOWN = FLAG_NETWORK | FLAG_MOUNT };

struct header {
	uint32_t magic, flags;
	uint32_t uid, gid, umask;
	int32_t nice;
	uint64_t ignored;
	uint32_t n_groups, n_arguments, n_environment, reserved;
};

/* ---- encoding ------------------------------------------------------------------------- */

static bool sane(const struct header *header)
{
	return header->uid != UINT32_MAX && header->gid != UINT32_MAX && header->umask <= 0777 &&
	       header->nice >= -20 && header->nice <= 19 &&
	       header->n_groups <= SESSION_GROUPS_MAX && header->n_arguments >= 1;
}

static size_t strv_bytes(char *const *v)
{
	size_t bytes = 0;

	for (; v && *v; v++)
		bytes += strlen(*v) + 1;
	return bytes;
}

static char *put_string(char *p, const char *s)
{
	return stpcpy(p, s) + 1;
}

static char *put_strv(char *p, char *const *v)
{
	for (; v && *v; v++)
		p = put_string(p, *v);
	return p;
}

int session_request_encode(const struct session_request *request, void **ret, size_t *ret_length)
{
	struct header header = {
		.magic = MAGIC,
		.flags = (request->network_namespace ? FLAG_NETWORK : 0) |
			 (request->mount_namespace ? FLAG_MOUNT : 0),
		.uid = request->uid,
		.gid = request->gid,
		.umask = request->umask,
		.nice = request->nice,
		.ignored = request->ignored,
	};
	const char *directory = request->directory ?: "", *profile = request->profile ?: "";
	size_t n_arguments = strv_length(request->arguments);
	size_t n_environment = strv_length(request->environment);
	size_t strings = strlen(directory) + strlen(profile) + 2 + strv_bytes(request->arguments) +
			 strv_bytes(request->environment);
	char *data, *p;

	if (strings > SESSION_REQUEST_MAX || request->n_groups > SESSION_GROUPS_MAX)
		return -E2BIG;
	header.n_groups = request->n_groups;
	header.n_arguments = n_arguments;
	header.n_environment = n_environment;
	if (!sane(&header))
		return -EINVAL;
	data = malloc(sizeof(header) + request->n_groups * sizeof(uint32_t) + strings);
	if (!data)
		return -ENOMEM;
	p = mempcpy(data, &header, sizeof(header));
	for (size_t i = 0; i < request->n_groups; i++) {
		uint32_t group = request->groups[i];

		p = mempcpy(p, &group, sizeof(group));
	}
	p = put_string(p, directory);
	p = put_string(p, profile);
	p = put_strv(p, request->arguments);
	p = put_strv(p, request->environment);
	*ret = data;
	*ret_length = p - data;
	return 0;
}

/* ---- decoding ------------------------------------------------------------------------- */

struct reader {
	const char *data;
	size_t left;
};

/* The next `length` bytes, or NULL when there are not as many: the one place that takes bytes. */
static const char *take(struct reader *reader, size_t length)
{
	const char *data = reader->data;

	if (length > reader->left)
		return NULL;
	reader->data += length;
	reader->left -= length;
	return data;
}

static int take_string(struct reader *reader, char **ret)
{
	size_t length = strnlen(reader->data, reader->left);
	const char *s = take(reader, length + 1); /* one more: there must be a NUL behind it */
	char *copy;

	if (!s)
		return -EBADMSG;
	copy = strdup(s);
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	return 0;
}

static int take_strv(struct reader *reader, size_t n, char ***ret)
{
	_cleanup_strv_ char **v = NULL;

	if (n > reader->left) /* each has at least its NUL: no room is asked for what can't come */
		return -EBADMSG;
	v = calloc(n + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		int r = take_string(reader, &v[i]);

		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(v);
	return 0;
}

static int take_groups(struct reader *reader, size_t n, gid_t **ret)
{
	const char *data = take(reader, n * sizeof(uint32_t));
	_cleanup_free_ gid_t *groups = NULL;

	if (!data)
		return -EBADMSG;
	groups = calloc(n + 1, sizeof(*groups));
	if (!groups)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		uint32_t group;

		memcpy(&group, data + i * sizeof(group), sizeof(group));
		if (group == UINT32_MAX)
			return -EBADMSG;
		groups[i] = group;
	}
	*ret = TAKE_PTR(groups);
	return 0;
}

static int decode(struct reader *reader, struct session_request *request)
{
	const char *data = take(reader, sizeof(struct header));
	struct header header;
	int r;

	if (!data)
		return -EBADMSG;
	memcpy(&header, data, sizeof(header));
	if (header.magic != MAGIC || (header.flags & ~FLAGS_KNOWN) || header.reserved ||
	    !sane(&header))
		return -EBADMSG;
	request->uid = header.uid;
	request->gid = header.gid;
	request->umask = header.umask;
	request->nice = header.nice;
	request->ignored = header.ignored;
	request->network_namespace = header.flags & FLAG_NETWORK;
	request->mount_namespace = header.flags & FLAG_MOUNT;
	request->n_groups = header.n_groups;
	r = take_groups(reader, header.n_groups, &request->groups);
	if (r >= 0)
		r = take_string(reader, &request->directory);
	if (r >= 0)
		r = take_string(reader, &request->profile);
	if (r >= 0)
		r = take_strv(reader, header.n_arguments, &request->arguments);
	if (r >= 0)
		r = take_strv(reader, header.n_environment, &request->environment);
	if (r >= 0 && reader->left)
		r = -EBADMSG;
	return r;
}

int session_request_decode(const void *data, size_t length, struct session_request *ret)
{
	struct reader reader = { .data = data, .left = length };
	struct session_request request = {};
	int r;

	if (length > SESSION_ENCODED_MAX)
		return -EBADMSG;
	r = decode(&reader, &request);
	if (r < 0) {
		session_request_clear(&request);
		return r;
	}
	*ret = request;
	return 0;
}

void session_request_clear(struct session_request *request)
{
	if (!request)
		return;
	free(request->groups);
	free(request->directory);
	free(request->profile);
	strv_free(request->arguments);
	strv_free(request->environment);
	*request = (struct session_request){};
}

/* ---- messages ------------------------------------------------------------------------- */

ssize_t session_message_parse(const void *data, size_t length, struct session_message *ret,
			      const char **ret_text)
{
	struct reader reader = { .data = data, .left = length };
	struct session_message message;
	const char *record = take(&reader, sizeof(message)), *text;

	if (!record)
		return 0;
	memcpy(&message, record, sizeof(message));
	if (message.type != SESSION_SIGNAL && message.type != SESSION_FOREGROUND &&
	    message.type != SESSION_HANGUP &&
	    (message.type < SESSION_STARTED || message.type > SESSION_FAILED))
		return -EBADMSG;
	if (message.length && message.type != SESSION_FAILED)
		return -EBADMSG;
	text = take(&reader, message.length);
	if (!text)
		return 0;
	*ret = message;
	if (ret_text)
		*ret_text = text;
	return sizeof(message) + message.length;
}
