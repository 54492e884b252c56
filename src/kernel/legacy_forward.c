/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * iptables-legacy (x_tables), of which nf_tables knows nothing: what its chain FORWARD does with
 * packets that no rule knows. Only looked at; and only where the table is in use, for to ask for
 * one is to make it (net/netfilter/x_tables.c, xt_request_find_table_lock).
 *
 * A table is one block of entries: a rule is an entry, with its matches and its target behind it; a
 * chain's policy is an entry as well, the hook's underflow; the name of a chain that users made is
 * in a target called ERROR (linux/netfilter_ipv4/ip_tables.h).
 */
#include "nsctl/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <string.h>
#include <sys/socket.h>

#define TABLES       "/proc/net/ip_tables_names"
#define TABLE        "filter"
#define DOCKER_CHAIN "DOCKER-USER"
#define BYTES_MAX    (64u << 20)
#define VERDICT(v)   (-(v)-1) /* as standard targets have it */

/* ---- entries -------------------------------------------------------------------------------- */

struct entries {
	const char *data;
	size_t size;
};

struct entry {
	const struct ipt_entry *head;
	const struct xt_entry_target *target;
};

/* False at the end, or where the bytes are not what they should be (then *offset is not the end).
 */
static bool next(const struct entries *entries, size_t *offset, struct entry *ret)
{
	size_t left = entries->size - *offset;

	ret->head = (const struct ipt_entry *)(entries->data + *offset);
	if (left < sizeof(*ret->head) || ret->head->next_offset > left ||
	    ret->head->target_offset < sizeof(*ret->head) ||
	    ret->head->next_offset < ret->head->target_offset + sizeof(*ret->target))
		return false;
	ret->target = (const struct xt_entry_target *)((const char *)ret->head +
						       ret->head->target_offset);
	if (ret->target->u.target_size < sizeof(*ret->target) ||
	    ret->target->u.target_size > ret->head->next_offset - ret->head->target_offset)
		return false;
	*offset += ret->head->next_offset;
	return true;
}

static bool target_is(const struct entry *entry, const char *name)
{
	return strncmp(entry->target->u.user.name, name, sizeof(entry->target->u.user.name)) == 0;
}

static bool has_verdict(const struct entry *entry, int verdict)
{
	const struct xt_standard_target *standard = (const void *)entry->target;

	return target_is(entry, XT_STANDARD_TARGET) &&
	       entry->target->u.target_size >= sizeof(*standard) &&
	       standard->verdict == VERDICT(verdict);
}

/* Has it no matches but comments? */
static bool has_no_match(const struct entry *entry)
{
	size_t at = sizeof(*entry->head);

	while (at + sizeof(struct xt_entry_match) <= entry->head->target_offset) {
		const struct xt_entry_match *match = (const void *)((const char *)entry->head + at);

		if (strncmp(match->u.user.name, "comment", sizeof(match->u.user.name)) != 0 ||
		    match->u.match_size < sizeof(*match))
			return false;
		at += match->u.match_size;
	}
	return at == entry->head->target_offset;
}

static bool is_for_all(const struct entry *entry)
{
	static const struct ipt_ip any;

	return memcmp(&entry->head->ip, &any, sizeof(any)) == 0 && has_no_match(entry);
}

/* Accepts it all that comes in by this interface, or goes out? */
static bool accepts(const struct entry *entry, const char *interface, bool out)
{
	struct ipt_ip ip = entry->head->ip, wanted = {};

	strncpy(out ? wanted.outiface : wanted.iniface, interface, IFNAMSIZ - 1);
	memset(out ? wanted.outiface_mask : wanted.iniface_mask, 0xff, strlen(interface) + 1);
	return memcmp(&ip, &wanted, sizeof(ip)) == 0 && has_no_match(entry) &&
	       has_verdict(entry, NF_ACCEPT);
}

/* ---- the table ------------------------------------------------------------------------------ */

/* The first rule of FORWARD that is for all packets decides; the policy is the last of them. */
static int look_at_forward(const struct entries *entries, const struct ipt_getinfo *info,
			   struct legacy_forward *ret)
{
	size_t offset = info->hook_entry[NF_INET_FORWARD];
	struct entry entry;

	if (!(info->valid_hooks & 1u << NF_INET_FORWARD) || offset > entries->size)
		return -EBADMSG;
	while (next(entries, &offset, &entry)) {
		if (!is_for_all(&entry))
			continue;
		if (has_verdict(&entry, NF_ACCEPT))
			return 0;
		ret->drops = has_verdict(&entry, NF_DROP) || target_is(&entry, "REJECT");
		if (ret->drops)
			return 0;
	}
	return -EBADMSG;
}

static int look_at_all(const struct entries *entries, const char *interface,
		       struct legacy_forward *ret)
{
	bool in = false, out = false;
	struct entry entry;
	size_t offset = 0;

	while (next(entries, &offset, &entry)) {
		const struct xt_error_target *error = (const void *)entry.target;

		in |= accepts(&entry, interface, false);
		out |= accepts(&entry, interface, true);
		if (target_is(&entry, XT_ERROR_TARGET) &&
		    entry.target->u.target_size >= sizeof(*error) &&
		    strncmp(error->errorname, DOCKER_CHAIN, sizeof(error->errorname)) == 0)
			ret->docker_chain = true;
	}
	ret->lets_through = in && out;
	return offset == entries->size ? 0 : -EBADMSG;
}

static int read_table(int fd, struct ipt_getinfo *info, struct ipt_get_entries **ret)
{
	_cleanup_free_ struct ipt_get_entries *table = NULL;
	socklen_t length = sizeof(*info);

	strcpy(info->name, TABLE);
	if (getsockopt(fd, SOL_IP, IPT_SO_GET_INFO, info, &length) < 0)
		return -errno;
	if (info->size > BYTES_MAX)
		return -EMSGSIZE;
	length = sizeof(*table) + info->size;
	table = calloc(1, length);
	if (!table)
		return -ENOMEM;
	strcpy(table->name, TABLE);
	table->size = info->size;
	if (getsockopt(fd, SOL_IP, IPT_SO_GET_ENTRIES, table, &length) < 0)
		return -errno; /* -EAGAIN: it was changed meanwhile */
	*ret = TAKE_PTR(table);
	return 0;
}

static bool table_in_use(void)
{
	_cleanup_free_ char *names = NULL;
	char *rest, *name;

	/* it is there only where the kernel has iptables-legacy at all */
	if (file_read(AT_FDCWD, TABLES, 4096, &names, NULL) < 0)
		return false;
	for (name = strtok_r(names, "\n", &rest); name; name = strtok_r(NULL, "\n", &rest))
		if (strcmp(name, TABLE) == 0)
			return true;
	return false;
}

#define TRIES 10

int legacy_forward_look(const char *interface, struct legacy_forward *ret)
{
	_cleanup_free_ struct ipt_get_entries *table = NULL;
	struct legacy_forward found = {};
	struct ipt_getinfo info = {};
	_cleanup_close_ int fd = -1;
	struct entries entries;
	int r = -EAGAIN;

	if (!table_in_use())
		return 0;
	fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (fd < 0)
		return -errno;
	for (int i = 0; r == -EAGAIN && i < TRIES; i++)
		r = read_table(fd, &info, &table);
	if (r < 0)
		return r;
	entries = (struct entries){ (const char *)table->entrytable, info.size };
	r = look_at_forward(&entries, &info, &found);
	if (r == 0)
		r = look_at_all(&entries, interface, &found);
	if (r < 0)
		return r;
	*ret = found;
	return 1;
}
