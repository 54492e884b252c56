/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nf_tables: atomic batches, libnftnl objects over a libmnl socket (net/netfilter/nf_tables_api.c).
 *
 * A batch is one datagram: NFNL_MSG_BATCH_BEGIN, the operations, NFNL_MSG_BATCH_END. The kernel
 * answers each message that asked (NLM_F_ACK) and each that failed; only the last operation asks,
 * so that the answer to it says that all went well.
 */
#include "nft.h"

#include <arpa/inet.h>
#include <errno.h>
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

#include "message.h"

#define BATCH_MAX (4u << 20) /* bytes of a whole batch */

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
	if (batch->room - batch->length < NFT_REQUEST_MAX) {
		size_t room = batch->room ? 2 * batch->room : 4 * NFT_REQUEST_MAX;
		char *grown = room <= BATCH_MAX ? realloc(batch->data, room) : NULL;

		if (!grown) {
			batch->failed = room > BATCH_MAX ? -EMSGSIZE : -ENOMEM;
			return NULL;
		}
		/* libmnl leaves what fills attributes up as it is */
		memset(grown + batch->length, 0, room - batch->length);
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
		ssize_t n = message_receive(mnl_socket_get_fd(nft->socket), buffer, sizeof(buffer));
		struct messages messages = { buffer, n };
		const struct nlmsghdr *h;

		if (n < 0)
			return n;
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

void nft_chain_add_plain(struct nft_batch *batch, uint32_t family, const char *table,
			 const char *chain)
{
	struct nlmsghdr *h = operation(batch, NFT_MSG_NEWCHAIN, family, NLM_F_CREATE);

	if (!h)
		return;
	mnl_attr_put_strz(h, NFTA_CHAIN_TABLE, table);
	mnl_attr_put_strz(h, NFTA_CHAIN_NAME, chain);
	batch_take(batch, h);
}

void nft_chain_set_policy(struct nft_batch *batch, uint32_t family, const char *table,
			  const char *chain, uint32_t policy)
{
	struct nlmsghdr *h = operation(batch, NFT_MSG_NEWCHAIN, family, 0);

	if (!h)
		return;
	mnl_attr_put_strz(h, NFTA_CHAIN_TABLE, table);
	mnl_attr_put_strz(h, NFTA_CHAIN_NAME, chain);
	mnl_attr_put_u32(h, NFTA_CHAIN_POLICY, htonl(policy));
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
