/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The attributes of a netlink message, read by a table into a structure. Nothing is copied or
 * allocated: strings and bytes stay where the message is, so they live as long as its buffer.
 * Whatever the bytes are, only they are read, and a string that is handed out ends.
 */
#pragma once

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Attributes one after the other, or the value of a single one; NULL: there is none. */
struct attributes {
	const char *data;
	size_t left;
};

/* NULL: there is no whole one more. */
const struct nlattr *attribute_next(struct attributes *attributes);
uint16_t attribute_type(const struct nlattr *attribute);
struct attributes attribute_value(const struct nlattr *attribute);

enum attribute_kind {
	ATTRIBUTE_STRING, /* const char *: with a NUL at its end */
	ATTRIBUTE_BE32,   /* uint32_t or int32_t */
	ATTRIBUTE_BE64,   /* uint64_t */
	ATTRIBUTE_VALUE,  /* struct attributes: nested ones, or bytes of any length */
};

/* Where the attribute of a type goes. */
struct attribute_field {
	uint16_t type; /* below 32 */
	enum attribute_kind kind;
	bool required;
	size_t offset;
};

/* Writes what is there; types that are in no field are nothing to us. -EBADMSG: one that is has
 * not the length of its kind, a required one is missing, or there is something behind that is no
 * attribute. */
int attributes_read(struct attributes attributes, const struct attribute_field *fields,
		    size_t n_fields, void *ret);
