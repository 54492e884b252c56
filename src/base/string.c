/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strings: formatting, escaping for people and for the shell, comparing. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "nsctl/base.h"

bool str_starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

char *str_format(const char *format, ...)
{
	char *s = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&s, format, ap) < 0)
		s = NULL;
	va_end(ap);
	return s;
}

char *str_trimmed(const char *s, size_t length)
{
	while (length && isspace((unsigned char)*s))
		s++, length--;
	while (length && isspace((unsigned char)s[length - 1]))
		length--;
	return strndup(s, length);
}

/* Length of the well-formed UTF-8 sequence at s (RFC 3629 section 4), 0 when it is none. */
static size_t utf8_length(const unsigned char *s, size_t left)
{
	size_t n = s[0] < 0x80                    ? 1
		   : s[0] >= 0xc2 && s[0] <= 0xdf ? 2
		   : (s[0] & 0xf0) == 0xe0        ? 3
		   : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4
						  : 0;

	if (!n || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

char *str_from_latin1(const char *s)
{
	char *out = malloc(2 * strlen(s) + 1), *p = out;

	if (!out)
		return NULL;
	for (; *s; s++) {
		unsigned char byte = *s;

		if (byte >= 0x80)
			*p++ = 0xc0 | byte >> 6;
		*p++ = byte < 0x80 ? byte : 0x80 | (byte & 0x3f);
	}
	*p = '\0';
	return out;
}

int str_to_latin1(const char *s, char **ret)
{
	const unsigned char *in = (const unsigned char *)s;
	size_t left = strlen(s);
	_cleanup_free_ char *out = malloc(left + 1);
	char *p = out;

	if (!out)
		return -ENOMEM;
	while (left) {
		size_t n = utf8_length(in, left);

		if (n != 1 && (n != 2 || *in > 0xc3))
			return -EILSEQ;
		*p++ = n == 1 ? *in : *in << 6 | (in[1] & 0x3f);
		in += n;
		left -= n;
	}
	*p = '\0';
	*ret = TAKE_PTR(out);
	return 0;
}

char *str_escape(const char *s, size_t length)
{
	const unsigned char *in = (const unsigned char *)s;
	char *out = malloc(4 * length + 1), *p = out;

	if (!out)
		return NULL;
	while (length) {
		size_t n = utf8_length(in, length);
		/* C1 controls (U+0080 to U+009F) act on some terminals as well */
		bool c1 = n == 2 && in[0] == 0xc2 && in[1] < 0xa0;

		if (*in == '\n' || *in == '\t' || *in == '\r' || *in == '\\') {
			*p++ = '\\';
			*p++ = *in == '\n' ? 'n' : *in == '\t' ? 't' : *in == '\r' ? 'r' : '\\';
			n = 1;
		} else if (n == 0 || *in < 0x20 || *in == 0x7f || c1) {
			p += sprintf(p, "\\x%02x", *in);
			n = 1;
		} else {
			memcpy(p, in, n);
			p += n;
		}
		in += n;
		length -= n;
	}
	*p = '\0';
	return out;
}

char *str_shell_quote(const char *s)
{
	size_t length = strlen(s);
	char *out, *p;

	if (length &&
	    strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,") ==
		    length)
		return strdup(s);
	out = malloc(4 * length + 3);
	if (!out)
		return NULL;
	p = out;
	*p++ = '\'';
	for (; *s; s++) {
		if (*s == '\'')
			p = stpcpy(p, "'\\''");
		else
			*p++ = *s;
	}
	*p++ = '\'';
	*p = '\0';
	return out;
}

int str_to_uint(const char *s, unsigned long max, unsigned long *ret)
{
	unsigned long value;
	char *end;

	if (!isdigit((unsigned char)*s))
		return -EINVAL;
	errno = 0;
	value = strtoul(s, &end, 10);
	if (*end)
		return -EINVAL;
	if (errno || value > max)
		return -ERANGE;
	*ret = value;
	return 0;
}

size_t str_distance(const char *a, const char *b)
{
	size_t length = strlen(b);
	_cleanup_free_ size_t *row = calloc(length + 1, sizeof(*row));

	if (!row)
		return SIZE_MAX;
	for (size_t j = 0; j <= length; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= length; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[length];
}

uint32_t str_hash(const char *s)
{
	uint32_t hash = 2166136261u;

	for (; *s; s++)
		hash = (hash ^ (unsigned char)*s) * 16777619u;
	return hash;
}
