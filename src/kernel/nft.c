/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nf_tables: atomic batches and dumps, libnftnl objects over a libmnl socket
 * (net/netfilter/nf_tables_api.c).
 *
 * A batch is one datagram: NFNL_MSG_BATCH_BEGIN, the operations, NFNL_MSG_BATCH_END. The kernel
 * answers each message that asked (NLM_F_ACK) and each that failed; only the last operation asks,
 * so that the answer to it says that all went well.
 */
#include "message.h"
#include "nsctl/kernel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <time.h>

#define OPERATION_MAX 4096       /* bytes of one operation */
#define BATCH_MAX     (4u << 20) /* bytes of a whole batch */

struct nft {
	struct mnl_socket *socket;
	uint32_t sequence;
};

int nft_open(struct nft **ret, struct error *error)
{
	struct nft *nft = calloc(1, sizeof(*nft));
	int size = BATCH_MAX;

	if (!nft)
		return error_oom(error);
	nft->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!nft->socket || mnl_socket_bind(nft->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		int r = error_errno(error, errno, "%s", _("can't open an nf_tables socket"));

		nft_free(nft);
		return r;
	}
	setsockopt(mnl_socket_get_fd(nft->socket), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	nft->sequence = time(NULL);
	*ret = nft;
	return 0;
}

struct nft *nft_free(struct nft *nft)
{
	if (nft && nft->socket)
		mnl_socket_close(nft->socket);
	free(nft);
	return NULL;
}

uint32_t nft_port(const struct nft *nft)
{
	return mnl_socket_get_portid(nft->socket);
}

/* ---- batches ------------------------------------------------------------------------------ */

struct nft_batch {
	struct nft *nft;
	char *data;
	size_t length, room;
	uint32_t last; /* sequence of the last operation */
	size_t last_offset;
	int failed; /* the first error while building */
};

/* Room for one more message; NULL once the batch has failed. */
static char *batch_room(struct nft_batch *batch)
{
	if (batch->failed)
		return NULL;
	if (batch->room - batch->length < OPERATION_MAX) {
		size_t room = batch->room ? 2 * batch->room : 4 * OPERATION_MAX;
		char *grown = room <= BATCH_MAX ? realloc(batch->data, room) : NULL;

		if (!grown) {
			batch->failed = room > BATCH_MAX ? -EMSGSIZE : -ENOMEM;
			return NULL;
		}
		batch->data = grown;
		batch->room = room;
	}
	return batch->data + batch->length;
}

static void batch_take(struct nft_batch *batch, const struct nlmsghdr *header)
{
	batch->last = header->nlmsg_seq;
	batch->last_offset = batch->length;
	batch->length += NLMSG_ALIGN(header->nlmsg_len);
}

struct nft_batch *nft_batch_begin(struct nft *nft)
{
	struct nft_batch *batch = calloc(1, sizeof(*batch));
	char *room;

	if (!batch)
		return NULL;
	batch->nft = nft;
	room = batch_room(batch);
	if (room)
		batch_take(batch, nftnl_batch_begin(room, ++nft->sequence));
	return batch;
}

static struct nlmsghdr *operation(struct nft_batch *batch, uint16_t type, uint32_t family,
				  uint16_t flags)
{
	char *room = batch ? batch_room(batch) : NULL;

	return room ? nftnl_nlmsg_build_hdr(room, type, family, flags, ++batch->nft->sequence)
		    : NULL;
}

/* Reads until the acknowledgement of `last`; the first failure wins, since the others follow from
 * it. */
static int batch_answer(struct nft *nft, uint32_t first, uint32_t last)
{
	char buffer[8192] __attribute__((aligned(NLMSG_ALIGNTO)));

	for (;;) {
		ssize_t n = mnl_socket_recvfrom(nft->socket, buffer, sizeof(buffer));
		struct messages messages = { buffer, n };
		const struct nlmsghdr *h;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		while ((h = message_next(&messages))) {
			const struct nlmsgerr *answer = mnl_nlmsg_get_payload(h);

			if (h->nlmsg_type != NLMSG_ERROR || h->nlmsg_seq - first > last - first ||
			    mnl_nlmsg_get_payload_len(h) < sizeof(*answer))
				continue; /* left over from an earlier batch that failed */
			if (answer->error || h->nlmsg_seq == last)
				return message_error(answer);
		}
	}
}

static int batch_send(struct nft_batch *batch, uint32_t first)
{
	struct nft *nft = batch->nft;
	char *room = batch_room(batch);
	uint32_t last = batch->last;
	struct nlmsghdr *h;

	if (!room)
		return batch->failed;
	h = (struct nlmsghdr *)(batch->data + batch->last_offset);
	h->nlmsg_flags |= NLM_F_ACK;
	h = nftnl_batch_end(room, ++nft->sequence);
	batch->length += NLMSG_ALIGN(h->nlmsg_len);
	if (mnl_socket_sendto(nft->socket, batch->data, batch->length) < 0)
		return -errno;
	return batch_answer(nft, first, last);
}

int nft_batch_commit(struct nft_batch *batch, struct error *error)
{
	int r;

	if (!batch)
		return error_oom(error);
	r = batch->failed;
	if (r == 0 && batch->last_offset) /* else there is nothing to do */
		r = batch_send(batch, ((struct nlmsghdr *)batch->data)->nlmsg_seq);
	free(batch->data);
	free(batch);
	return r < 0 ? error_errno(error, r, "%s", _("can't change nf_tables")) : 0;
}

static void table_operation(struct nft_batch *batch, uint16_t type, uint16_t flags, uint32_t family,
			    const char *name)
{
	struct nlmsghdr *h = operation(batch, type, family, flags);

	if (!h)
		return;
	mnl_attr_put_strz(h, NFTA_TABLE_NAME, name);
	batch_take(batch, h);
}

void nft_table_add(struct nft_batch *batch, uint32_t family, const char *table)
{
	table_operation(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE, family, table);
}

void nft_table_add_owned(struct nft_batch *batch, uint32_t family, const char *table)
{
	struct nlmsghdr *h = operation(batch, NFT_MSG_NEWTABLE, family, NLM_F_CREATE | NLM_F_EXCL);

	if (!h)
		return;
	mnl_attr_put_strz(h, NFTA_TABLE_NAME, table);
	mnl_attr_put_u32(h, NFTA_TABLE_FLAGS, htonl(NFT_TABLE_F_OWNER));
	batch_take(batch, h);
}

void nft_table_delete(struct nft_batch *batch, uint32_t family, const char *table)
{
	table_operation(batch, NFT_MSG_DELTABLE, 0, family, table);
}

void nft_chain_add(struct nft_batch *batch, uint32_t family, const char *table, const char *chain,
		   const char *type, uint32_t hook, int32_t priority)
{
	struct nlmsghdr *h = operation(batch, NFT_MSG_NEWCHAIN, family, NLM_F_CREATE);
	struct nftnl_chain *c = h ? nftnl_chain_alloc() : NULL;

	if (!c) {
		if (batch && !batch->failed)
			batch->failed = -ENOMEM;
		return;
	}
	if (nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, table) < 0 ||
	    nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, chain) < 0 ||
	    nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, type) < 0)
		batch->failed = -ENOMEM;
	nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, hook);
	nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, priority);
	nftnl_chain_set_u32(c, NFTNL_CHAIN_POLICY, NF_ACCEPT);
	nftnl_chain_nlmsg_build_payload(h, c);
	nftnl_chain_free(c);
	batch_take(batch, h);
}

/* For nft(8), which shows keys in the byte order that is noted here (nftables: src/mnl.c, enum
 * byteorder). */
static bool set_byte_order(struct nftnl_set *s, uint32_t key_type)
{
	struct nftnl_udata_buf *udata = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);
	uint32_t order = key_type == NFT_TYPE_IPV4 ? 2 : 1; /* big endian, or the host's */
	bool done;

	if (!udata)
		return false;
	done = nftnl_udata_put_u32(udata, NFTNL_UDATA_SET_KEYBYTEORDER, order) &&
	       nftnl_set_set_data(s, NFTNL_SET_USERDATA, nftnl_udata_buf_data(udata),
				  nftnl_udata_buf_len(udata)) == 0;
	nftnl_udata_buf_free(udata);
	return done;
}

void nft_set_add(struct nft_batch *batch, uint32_t family, const char *table, const char *set,
		 uint32_t key_type, uint32_t key_length)
{
	struct nlmsghdr *h = operation(batch, NFT_MSG_NEWSET, family, NLM_F_CREATE);
	struct nftnl_set *s = h ? nftnl_set_alloc() : NULL;

	if (!s) {
		if (batch && !batch->failed)
			batch->failed = -ENOMEM;
		return;
	}
	if (nftnl_set_set_str(s, NFTNL_SET_TABLE, table) < 0 ||
	    nftnl_set_set_str(s, NFTNL_SET_NAME, set) < 0 || !set_byte_order(s, key_type))
		batch->failed = -ENOMEM;
	nftnl_set_set_u32(s, NFTNL_SET_FAMILY, family);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, key_type);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, key_length);
	nftnl_set_set_u32(s, NFTNL_SET_ID, batch->nft->sequence);
	nftnl_set_nlmsg_build_payload(h, s);
	nftnl_set_free(s);
	batch_take(batch, h);
}

static void element_operation(struct nft_batch *batch, uint16_t type, uint16_t flags,
			      uint32_t family, const char *table, const char *set, const void *key,
			      uint32_t key_length)
{
	struct nlmsghdr *h = operation(batch, type, family, flags);
	struct nftnl_set *s = h ? nftnl_set_alloc() : NULL;
	struct nftnl_set_elem *element = s ? nftnl_set_elem_alloc() : NULL;

	if (!element) {
		if (s)
			nftnl_set_free(s);
		if (batch && !batch->failed)
			batch->failed = -ENOMEM;
		return;
	}
	if (nftnl_set_set_str(s, NFTNL_SET_TABLE, table) < 0 ||
	    nftnl_set_set_str(s, NFTNL_SET_NAME, set) < 0)
		batch->failed = -ENOMEM;
	nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, key, key_length);
	nftnl_set_elem_add(s, element);
	nftnl_set_elems_nlmsg_build_payload(h, s);
	nftnl_set_free(s);
	batch_take(batch, h);
}

void nft_element_add(struct nft_batch *batch, uint32_t family, const char *table, const char *set,
		     const void *key, uint32_t key_length)
{
	element_operation(batch, NFT_MSG_NEWSETELEM, NLM_F_CREATE, family, table, set, key,
			  key_length);
}

void nft_element_delete(struct nft_batch *batch, uint32_t family, const char *table,
			const char *set, const void *key, uint32_t key_length)
{
	element_operation(batch, NFT_MSG_DELSETELEM, 0, family, table, set, key, key_length);
}

static void rule_add(struct nft_batch *batch, struct nftnl_rule *rule, uint16_t flags)
{
	struct nlmsghdr *h = nft_rule_whole(rule)
				     ? operation(batch, NFT_MSG_NEWRULE,
						 nftnl_rule_get_u32(rule, NFTNL_RULE_FAMILY),
						 NLM_F_CREATE | flags)
				     : NULL;

	if (h) {
		nftnl_rule_nlmsg_build_payload(h, rule);
		batch_take(batch, h);
	} else if (batch && !batch->failed) {
		batch->failed = -ENOMEM;
	}
	if (rule)
		nftnl_rule_free(rule);
}

void nft_rule_append(struct nft_batch *batch, struct nftnl_rule *rule)
{
	rule_add(batch, rule, NLM_F_APPEND);
}

void nft_rule_insert(struct nft_batch *batch, struct nftnl_rule *rule)
{
	rule_add(batch, rule, 0);
}

void nft_rule_delete(struct nft_batch *batch, uint32_t family, const char *table, const char *chain,
		     uint64_t handle)
{
	struct nlmsghdr *h = operation(batch, NFT_MSG_DELRULE, family, 0);

	if (!h)
		return;
	mnl_attr_put_strz(h, NFTA_RULE_TABLE, table);
	mnl_attr_put_strz(h, NFTA_RULE_CHAIN, chain);
	mnl_attr_put_u64(h, NFTA_RULE_HANDLE, htobe64(handle));
	batch_take(batch, h);
}

void nft_rules_flush(struct nft_batch *batch, uint32_t family, const char *table, const char *chain)
{
	struct nlmsghdr *h = operation(batch, NFT_MSG_DELRULE, family, 0);

	if (!h)
		return;
	mnl_attr_put_strz(h, NFTA_RULE_TABLE, table);
	mnl_attr_put_strz(h, NFTA_RULE_CHAIN, chain);
	batch_take(batch, h);
}

/* ---- looking ------------------------------------------------------------------------------ */

struct walk {
	nft_chain_fn chain;
	nft_rule_fn rule;
	nft_element_fn element;
	void *userdata;
	int result;
};

static int dump(struct nft *nft, struct nlmsghdr *request, mnl_cb_t fn, struct walk *walk)
{
	char buffer[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
	int r = 1;

	if (mnl_socket_sendto(nft->socket, request, request->nlmsg_len) < 0)
		return -errno;
	while (r > 0) {
		ssize_t n = mnl_socket_recvfrom(nft->socket, buffer, sizeof(buffer));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		n = messages_length(buffer, n);
		if (n == 0 || ((struct nlmsghdr *)buffer)->nlmsg_seq != request->nlmsg_seq)
			continue; /* left over from an earlier batch */
		r = mnl_cb_run(buffer, n, request->nlmsg_seq, mnl_socket_get_portid(nft->socket),
			       fn, walk);
		if (r < 0)
			return -errno;
	}
	return walk->result;
}

static struct nlmsghdr *request(struct nft *nft, char *buffer, uint16_t type, uint32_t family)
{
	return nftnl_nlmsg_build_hdr(buffer, type, family, NLM_F_DUMP, ++nft->sequence);
}

int nft_table_look_up(struct nft *nft, uint32_t family, const char *table)
{
	char buffer[OPERATION_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct walk walk = {};
	struct nlmsghdr *h =
		nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETTABLE, family, NLM_F_ACK, ++nft->sequence);

	mnl_attr_put_strz(h, NFTA_TABLE_NAME, table);
	return dump(nft, h, NULL, &walk);
}

static int on_generation(const struct nlmsghdr *h, void *userdata)
{
	uint32_t *generation = ((struct walk *)userdata)->userdata;
	const struct nlattr *attribute;

	mnl_attr_for_each(attribute, h, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(attribute) == NFTA_GEN_ID &&
		    mnl_attr_validate(attribute, MNL_TYPE_U32) == 0)
			*generation = ntohl(mnl_attr_get_u32(attribute));
	}
	return MNL_CB_OK;
}

uint32_t nft_generation(struct nft *nft)
{
	char buffer[OPERATION_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	uint32_t generation = 0;
	struct walk walk = { .userdata = &generation };
	struct nlmsghdr *h = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETGEN, NFPROTO_UNSPEC,
						   NLM_F_ACK, ++nft->sequence);

	return dump(nft, h, on_generation, &walk) < 0 ? 0 : generation;
}

static int on_chain(const struct nlmsghdr *h, void *userdata)
{
	struct walk *walk = userdata;
	struct nftnl_chain *c = nftnl_chain_alloc();
	struct nft_chain_info info;
	const char *type;

	if (!c || nftnl_chain_nlmsg_parse(h, c) < 0) {
		if (c)
			nftnl_chain_free(c);
		return MNL_CB_OK;
	}
	type = nftnl_chain_get_str(c, NFTNL_CHAIN_TYPE);
	info = (struct nft_chain_info){
		.family = nftnl_chain_get_u32(c, NFTNL_CHAIN_FAMILY),
		.table = nftnl_chain_get_str(c, NFTNL_CHAIN_TABLE),
		.chain = nftnl_chain_get_str(c, NFTNL_CHAIN_NAME),
		.base = nftnl_chain_is_set(c, NFTNL_CHAIN_HOOKNUM),
		.filter = type && strcmp(type, "filter") == 0,
	};
	if (info.base) {
		info.hook = nftnl_chain_get_u32(c, NFTNL_CHAIN_HOOKNUM);
		info.priority = nftnl_chain_get_s32(c, NFTNL_CHAIN_PRIO);
		info.policy = nftnl_chain_get_u32(c, NFTNL_CHAIN_POLICY);
	}
	if (walk->result == 0)
		walk->result = walk->chain(&info, walk->userdata);
	nftnl_chain_free(c);
	return MNL_CB_OK;
}

int nft_chain_each(struct nft *nft, nft_chain_fn fn, void *userdata)
{
	struct walk walk = { .chain = fn, .userdata = userdata };
	char buffer[OPERATION_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));

	return dump(nft, request(nft, buffer, NFT_MSG_GETCHAIN, NFPROTO_UNSPEC), on_chain, &walk);
}

static int on_comment(const struct nftnl_udata *attribute, void *userdata)
{
	const char **comment = userdata;
	const char *text = nftnl_udata_get(attribute);
	uint8_t length = nftnl_udata_len(attribute);

	if (nftnl_udata_type(attribute) == NFTNL_UDATA_RULE_COMMENT && length &&
	    text[length - 1] == '\0')
		*comment = text;
	return 0;
}

static int on_rule(const struct nlmsghdr *h, void *userdata)
{
	struct walk *walk = userdata;
	struct nftnl_rule *r = nftnl_rule_alloc();
	struct nft_rule_info info = { .comment = "" };
	const void *udata;
	uint32_t udata_length;

	if (r && nftnl_rule_nlmsg_parse(h, r) == 0) {
		info.family = nftnl_rule_get_u32(r, NFTNL_RULE_FAMILY);
		info.table = nftnl_rule_get_str(r, NFTNL_RULE_TABLE);
		info.chain = nftnl_rule_get_str(r, NFTNL_RULE_CHAIN);
		info.handle = nftnl_rule_get_u64(r, NFTNL_RULE_HANDLE);
		udata = nftnl_rule_get_data(r, NFTNL_RULE_USERDATA, &udata_length);
		if (udata)
			nftnl_udata_parse(udata, udata_length, on_comment, &info.comment);
		if (walk->result == 0)
			walk->result = walk->rule(&info, walk->userdata);
	}
	if (r)
		nftnl_rule_free(r);
	return MNL_CB_OK;
}

int nft_rule_each(struct nft *nft, uint32_t family, const char *table, const char *chain,
		  nft_rule_fn fn, void *userdata)
{
	struct walk walk = { .rule = fn, .userdata = userdata };
	char buffer[OPERATION_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *h = request(nft, buffer, NFT_MSG_GETRULE, family);

	mnl_attr_put_strz(h, NFTA_RULE_TABLE, table);
	mnl_attr_put_strz(h, NFTA_RULE_CHAIN, chain);
	return dump(nft, h, on_rule, &walk);
}

static int on_elements(const struct nlmsghdr *h, void *userdata)
{
	struct walk *walk = userdata;
	struct nftnl_set *s = nftnl_set_alloc();
	struct nftnl_set_elems_iter *iterator = NULL;
	struct nftnl_set_elem *element;

	if (s && nftnl_set_elems_nlmsg_parse(h, s) == 0)
		iterator = nftnl_set_elems_iter_create(s);
	while (iterator && walk->result == 0 && (element = nftnl_set_elems_iter_next(iterator))) {
		uint32_t length;
		const void *key = nftnl_set_elem_get(element, NFTNL_SET_ELEM_KEY, &length);

		if (key)
			walk->result = walk->element(key, length, walk->userdata);
	}
	if (iterator)
		nftnl_set_elems_iter_destroy(iterator);
	if (s)
		nftnl_set_free(s);
	return MNL_CB_OK;
}

int nft_element_each(struct nft *nft, uint32_t family, const char *table, const char *set,
		     nft_element_fn fn, void *userdata)
{
	struct walk walk = { .element = fn, .userdata = userdata };
	char buffer[OPERATION_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *h = request(nft, buffer, NFT_MSG_GETSETELEM, family);

	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, table);
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, set);
	return dump(nft, h, on_elements, &walk);
}
