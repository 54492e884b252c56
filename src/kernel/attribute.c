/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "attribute.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

const struct nlattr *attribute_next(struct attributes *attributes)
{
	const struct nlattr *attribute = (const struct nlattr *)attributes->data;
	size_t length;

	if (attributes->left < NLA_HDRLEN || attribute->nla_len < NLA_HDRLEN ||
	    attribute->nla_len > attributes->left)
		return NULL;
	length = NLA_ALIGN((size_t)attribute->nla_len);
	if (length > attributes->left) /* the last one needs no filling */
		length = attributes->left;
	attributes->data += length;
	attributes->left -= length;
	return attribute;
}

uint16_t attribute_type(const struct nlattr *attribute)
{
	return attribute->nla_type & NLA_TYPE_MASK;
}

struct attributes attribute_value(const struct nlattr *attribute)
{
	return (struct attributes){ (const char *)attribute + NLA_HDRLEN,
				    attribute->nla_len - NLA_HDRLEN };
}

static bool read_string(struct attributes value, void *ret)
{
	if (value.left == 0 || value.data[value.left - 1] != '\0')
		return false;
	memcpy(ret, &value.data, sizeof(value.data));
	return true;
}

static bool read_be32(struct attributes value, void *ret)
{
	uint32_t number;

	if (value.left != sizeof(number))
		return false;
	memcpy(&number, value.data, sizeof(number));
	number = be32toh(number);
	memcpy(ret, &number, sizeof(number));
	return true;
}

static bool read_be64(struct attributes value, void *ret)
{
	uint64_t number;

	if (value.left != sizeof(number))
		return false;
	memcpy(&number, value.data, sizeof(number));
	number = be64toh(number);
	memcpy(ret, &number, sizeof(number));
	return true;
}

static bool read_value(struct attributes value, void *ret)
{
	memcpy(ret, &value, sizeof(value));
	return true;
}

static bool (*const readers[])(struct attributes value, void *ret) = {
	[ATTRIBUTE_STRING] = read_string,
	[ATTRIBUTE_BE32] = read_be32,
	[ATTRIBUTE_BE64] = read_be64,
	[ATTRIBUTE_VALUE] = read_value,
};

static const struct attribute_field *find_field(const struct attribute_field *fields,
						size_t n_fields, uint16_t type)
{
	for (size_t i = 0; i < n_fields; i++)
		if (fields[i].type == type)
			return &fields[i];
	return NULL;
}

int attributes_read(struct attributes attributes, const struct attribute_field *fields,
		    size_t n_fields, void *ret)
{
	const struct nlattr *attribute;
	uint32_t seen = 0;

	while ((attribute = attribute_next(&attributes))) {
		const struct attribute_field *field =
			find_field(fields, n_fields, attribute_type(attribute));

		if (!field)
			continue;
		if (!readers[field->kind](attribute_value(attribute), (char *)ret + field->offset))
			return -EBADMSG;
		seen |= 1u << field->type;
	}
	for (size_t i = 0; i < n_fields; i++)
		if (fields[i].required && !(seen & 1u << fields[i].type))
			return -EBADMSG;
	return attributes.left ? -EBADMSG : 0;
}
