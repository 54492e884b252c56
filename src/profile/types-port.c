/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Types of values that have ports or host names in them: published ports, endpoints, host entries.
 */
#include <string.h>

#include "schema.h"

static int bad(const char **ret_why, const char *why)
{
	*ret_why = why;
	return -EINVAL;
}

static int take(char **ret, char *text)
{
	*ret = text;
	return text ? 0 : -ENOMEM;
}

static int port_parse(const char *text, uint16_t *ret)
{
	unsigned long port;

	if (str_to_uint(text, UINT16_MAX, &port) < 0 || port == 0)
		return -EINVAL;
	*ret = port;
	return 0;
}

/* PORT[/tcp|/udp]; *protocol is the default. */
static int port_protocol_parse(const char *text, uint16_t *ret_port, enum protocol *protocol,
			       const char **ret_why)
{
	const char *slash = strchr(text, '/');
	_cleanup_free_ char *port = slash ? strndup(text, slash - text) : strdup(text);

	if (!port)
		return -ENOMEM;
	if (slash && str_equal(slash, "/tcp"))
		*protocol = PROTOCOL_TCP;
	else if (slash && str_equal(slash, "/udp"))
		*protocol = PROTOCOL_UDP;
	else if (slash)
		return bad(ret_why, N_("neither /tcp nor /udp behind the port"));
	return port_parse(port, ret_port) < 0 ? bad(ret_why, N_("a port is from 1 to 65535")) : 0;
}

/* "HOST:rest", "[IPV6]:rest": the host without brackets, and rest (part of text). */
static int host_split(const char *text, char **ret_host, const char **ret_rest,
		      const char **ret_why)
{
	const char *end;

	if (*text == '[') {
		end = strstr(text, "]:");
		if (!end)
			return bad(ret_why, N_("no port behind the address in brackets"));
		*ret_rest = end + 2;
		text++;
	} else {
		end = strchr(text, ':');
		if (!end)
			return bad(ret_why, N_("no port behind the host"));
		if (strchr(end + 1, ':'))
			return bad(ret_why, N_("an IPv6 address needs brackets around it"));
		*ret_rest = end + 1;
	}
	return take(ret_host, strndup(text, end - text));
}

/* ---- [ADDR:]PORT -> PORT[/tcp|/udp] -------------------------------------------------------- */

static int publish_outer_parse(const char *text, struct publish *publish, const char **ret_why)
{
	_cleanup_free_ char *host = NULL;
	const char *port = text;
	int r;

	if (strchr(text, ':')) {
		r = host_split(text, &host, &port, ret_why);
		if (r < 0)
			return r;
		if (ip_address_parse(host, &publish->address) < 0)
			return bad(ret_why, N_("no address before the port"));
	}
	return port_parse(port, &publish->outer) < 0 ? bad(ret_why, N_("a port is from 1 to 65535"))
						     : 0;
}

static int publish_parse(_unused_ const struct schema_key *key, const char *text, void *field,
			 const char **ret_why)
{
	const char *arrow = strstr(text, "->");
	_cleanup_free_ char *outer = NULL, *inner = NULL;
	struct publish publish = {};
	int r;

	if (!arrow)
		return bad(ret_why, N_("without \"->\" between the outer and the inner port"));
	outer = str_trimmed(text, arrow - text);
	inner = str_trimmed(arrow + 2, strlen(arrow + 2));
	if (!outer || !inner)
		return -ENOMEM;
	r = publish_outer_parse(outer, &publish, ret_why);
	if (r == 0)
		r = port_protocol_parse(inner, &publish.inner, &publish.protocol, ret_why);
	if (r == 0)
		memcpy(field, &publish, sizeof(publish));
	return r;
}

static int publish_format(_unused_ const struct schema_key *key, const void *field, char **ret)
{
	const struct publish *publish = field;
	bool v6 = publish->address.family == AF_INET6;
	char address[IP_TEXT_MAX] = "";

	if (publish->address.family)
		ip_address_format(&publish->address, address);
	return take(ret, str_format("%s%s%s%s%u -> %u/%s", v6 ? "[" : "", address, v6 ? "]" : "",
				    *address ? ":" : "", publish->outer, publish->inner,
				    words_protocol[publish->protocol]));
}

const struct value_type type_publish = {
	.expects = N_("[ADDRESS:]PORT -> PORT[/tcp|/udp], as in 8080 -> 80"),
	.parse = publish_parse,
	.format = publish_format,
	.size = sizeof(struct publish),
};

/* ---- HOST:PORT[/udp|/tcp] ------------------------------------------------------------------ */

static int endpoint_parse(_unused_ const struct schema_key *key, const char *text, void *field,
			  const char **ret_why)
{
	struct endpoint *endpoint = field;
	enum protocol protocol = PROTOCOL_UDP;
	_cleanup_free_ char *host = NULL;
	struct ip_address address;
	const char *rest;
	uint16_t port;
	int r;

	r = host_split(text, &host, &rest, ret_why);
	if (r < 0)
		return r;
	/* what is made of digits and dots but no address is a slip, not a name */
	if (ip_address_parse(host, &address) < 0 &&
	    (check_hostname(host) || strspn(host, "0123456789.") == strlen(host)))
		return bad(ret_why, N_("neither an address nor a host name before the port"));
	r = port_protocol_parse(rest, &port, &protocol, ret_why);
	if (r < 0)
		return r;
	*endpoint = (struct endpoint){ TAKE_PTR(host), port, protocol };
	return 0;
}

static int endpoint_format(_unused_ const struct schema_key *key, const void *field, char **ret)
{
	const struct endpoint *endpoint = field;
	bool v6 = strchr(endpoint->host, ':');

	return take(ret, str_format("%s%s%s:%u/%s", v6 ? "[" : "", endpoint->host, v6 ? "]" : "",
				    endpoint->port, words_protocol[endpoint->protocol]));
}

static void endpoint_clear(void *field)
{
	string_clear(&((struct endpoint *)field)->host);
}

const struct value_type type_endpoint = {
	.expects = N_("HOST:PORT[/udp|/tcp], as in vpn.example.org:1194/udp"),
	.parse = endpoint_parse,
	.format = endpoint_format,
	.clear = endpoint_clear,
	.size = sizeof(struct endpoint),
};

/* ---- ADDR NAME... -------------------------------------------------------------------------- */

static void host_clear(void *field)
{
	struct host_entry *host = field;

	strv_free(host->names);
	*host = (struct host_entry){};
}

static int host_parse(_unused_ const struct schema_key *key, const char *text, void *field,
		      const char **ret_why)
{
	size_t length = strcspn(text, " \t");
	_cleanup_free_ char *address = strndup(text, length);
	_cleanup_strv_ char **names = NULL;
	struct host_entry host = {};
	int r;

	if (!address)
		return -ENOMEM;
	if (ip_address_parse(address, &host.address) < 0)
		return bad(ret_why, N_("does not begin with an address"));
	for (text += length; *(text += strspn(text, " \t")); text += length) {
		length = strcspn(text, " \t");
		r = strv_take(&names, strndup(text, length));
		if (r < 0)
			return r;
		if (check_hostname(names[strv_length(names) - 1]))
			return bad(ret_why, N_("not a host name behind the address"));
	}
	if (!names)
		return bad(ret_why, N_("no name behind the address"));
	host.names = TAKE_PTR(names);
	*(struct host_entry *)field = host;
	return 0;
}

static int host_format(_unused_ const struct schema_key *key, const void *field, char **ret)
{
	const struct host_entry *host = field;
	char buffer[IP_TEXT_MAX];
	char *text = strdup(ip_address_format(&host->address, buffer));
	char **name;

	STRV_FOREACH(name, host->names) {
		char *longer = text ? str_format("%s %s", text, *name) : NULL;

		free(text);
		text = longer;
	}
	return take(ret, text);
}

const struct value_type type_host = {
	.expects = N_("ADDRESS NAME..., as in 10.8.0.5 wiki wiki.example.org"),
	.parse = host_parse,
	.format = host_format,
	.clear = host_clear,
	.size = sizeof(struct host_entry),
};
