/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rtnetlink sockets (rtnetlink(7)) and requests on them. libnl's own error codes lose what the
 * kernel said, so acknowledgements are read here: the errno as it came, and the extended
 * acknowledgement's text (linux/netlink.h, NLMSGERR_ATTR_MSG).
 */
#include <errno.h>
#include <linux/netlink.h>
#include <netlink/socket.h>
#include <string.h>
#include <sys/socket.h>

#include "message.h"
#include "rtnl.h"

struct opened {
	struct nl_sock *socket;
};

static int open_inside(void *argument)
{
	struct opened *opened = argument;
	int one = 1;

	if (nl_connect(opened->socket, NETLINK_ROUTE) < 0)
		return -EIO;
	/* best effort: they only make messages better */
	setsockopt(nl_socket_get_fd(opened->socket), SOL_NETLINK, NETLINK_EXT_ACK, &one,
		   sizeof(one));
	setsockopt(nl_socket_get_fd(opened->socket), SOL_NETLINK, NETLINK_CAP_ACK, &one,
		   sizeof(one));
	return 0;
}

int rt_open(int netns_fd, struct rt **ret, struct error *error)
{
	struct ns_place place = { .network = netns_fd, .mount = -1 };
	struct opened opened = { .socket = nl_socket_alloc() };
	struct rt *rt = calloc(1, sizeof(*rt));
	int r;

	if (!opened.socket || !rt) {
		nl_socket_free(opened.socket);
		free(rt);
		return error_oom(error);
	}
	nl_socket_disable_auto_ack(opened.socket);
	nl_socket_disable_seq_check(opened.socket); /* answers are told apart below */
	nl_socket_disable_msg_peek(
		opened.socket); /* one recvmsg an answer, with room for any dump's part */
	nl_socket_set_msg_buf_size(opened.socket, 32768);
	r = netns_fd < 0 ? open_inside(&opened) : ns_call(&place, open_inside, &opened);
	if (r < 0) {
		nl_socket_free(opened.socket);
		free(rt);
		return error_errno(error, r, "%s", _("can't open a netlink socket"));
	}
	rt->socket = opened.socket;
	*ret = rt;
	return 0;
}

struct rt *rt_free(struct rt *rt)
{
	if (rt)
		nl_socket_free(rt->socket);
	free(rt);
	return NULL;
}

struct answer {
	int (*parse)(struct nl_msg *, void *);
	void *userdata;
	uint32_t sequence; /* of the request */
	int result;
	bool done;
	char *detail;
};

static int on_valid(struct nl_msg *message, void *argument)
{
	struct answer *answer = argument;

	if (nlmsg_hdr(message)->nlmsg_seq != answer->sequence)
		return NL_SKIP; /* left over from an exchange that failed */
	if (answer->parse && answer->result == 0) {
		int r = answer->parse(message, answer->userdata);

		if (r < 0)
			answer->result = r;
	}
	/* an answer to a get of one thing is not followed by anything */
	if (!(nlmsg_hdr(message)->nlmsg_flags & NLM_F_MULTI))
		answer->done = true;
	return NL_OK;
}

static int on_end(struct nl_msg *message, void *argument)
{
	struct answer *answer = argument;

	if (nlmsg_hdr(message)->nlmsg_seq != answer->sequence)
		return NL_SKIP;
	answer->done = true;
	if (answer->result == 0) /* a dump that failed is not a short one */
		answer->result = message_end(nlmsg_hdr(message));
	return NL_STOP;
}

/* The attributes behind the (capped) original header; bounds are those of the message itself. */
void rt_read_detail(const struct nlmsghdr *header, char *detail)
{
	size_t offset = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nlmsgerr));
	const struct nlattr *attribute;

	if (!detail || !(header->nlmsg_flags & NLM_F_ACK_TLVS) ||
	    !(header->nlmsg_flags & NLM_F_CAPPED) || header->nlmsg_len <= offset)
		return;
	attribute = nla_find((const struct nlattr *)((const char *)header + offset),
			     header->nlmsg_len - offset, NLMSGERR_ATTR_MSG);
	if (attribute)
		nla_strlcpy(detail, attribute, RT_DETAIL_MAX);
}

static int on_error(struct sockaddr_nl *from _unused_, struct nlmsgerr *failure, void *argument)
{
	const struct nlmsghdr *header =
		(const struct nlmsghdr *)((const char *)failure - NLMSG_HDRLEN);
	struct answer *answer = argument;

	if (header->nlmsg_seq != answer->sequence)
		return NL_SKIP;
	answer->done = true;
	answer->result = message_error(failure);
	rt_read_detail(header, answer->detail);
	return NL_STOP;
}

static int exchange(struct rt *rt, struct nl_msg *message, struct answer *answer)
{
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	int r;

	if (!cb) {
		nlmsg_free(message);
		return -ENOMEM;
	}
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_valid, answer);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_end, answer);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_end, answer);
	nl_cb_err(cb, NL_CB_CUSTOM, on_error, answer);
	r = nl_send_auto(rt->socket, message);
	answer->sequence = nlmsg_hdr(message)->nlmsg_seq;
	nlmsg_free(message);
	while (r >= 0 && !answer->done)
		r = nl_recvmsgs(rt->socket, cb);
	nl_cb_put(cb);
	if (!answer->done)
		return -EIO;
	return answer->result;
}

int rt_request(struct rt *rt, struct nl_msg *message, char detail[RT_DETAIL_MAX])
{
	struct answer answer = { .detail = detail };

	if (detail)
		detail[0] = '\0';
	if (!message)
		return -ENOMEM;
	nlmsg_hdr(message)->nlmsg_flags |= NLM_F_ACK;
	return exchange(rt, message, &answer);
}

int rt_request_or(struct rt *rt, struct nl_msg *message, struct error *error, const char *format,
		  ...)
{
	char detail[RT_DETAIL_MAX];
	_cleanup_free_ char *text = NULL;
	va_list ap;
	int r = rt_request(rt, message, detail);

	if (r == 0)
		return 0;
	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		text = NULL;
	va_end(ap);
	if (!text)
		return error_oom(error);
	return detail[0] ? error_set(error, r, "%s: %s (%s)", text, strerror(-r), detail)
			 : error_errno(error, r, "%s", text);
}

int rt_query(struct rt *rt, struct nl_msg *message, int (*parse)(struct nl_msg *, void *),
	     void *userdata)
{
	struct answer answer = { .parse = parse, .userdata = userdata };

	if (!message)
		return -ENOMEM;
	return exchange(rt, message, &answer);
}
