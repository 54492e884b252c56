/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NULL-terminated lists of strings. */
#include <errno.h>
#include <string.h>

#include "nsctl/base.h"

size_t strv_length(char *const *v)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	return n;
}

bool strv_contains(char *const *v, const char *s)
{
	for (; v && *v; v++)
		if (strcmp(*v, s) == 0)
			return true;
	return false;
}

int strv_take(char ***v, char *s)
{
	size_t n = strv_length(*v);
	char **grown;

	if (!s)
		return -ENOMEM;
	grown = array_grow(*v, n + 2, sizeof(*grown));
	if (!grown) {
		free(s);
		return -ENOMEM;
	}
	grown[n] = s;
	grown[n + 1] = NULL;
	*v = grown;
	return 0;
}

int strv_add(char ***v, const char *s)
{
	return strv_take(v, strdup(s));
}

int strv_copy(char *const *v, char ***ret)
{
	_cleanup_strv_ char **copy = calloc(1, sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	for (; v && *v; v++)
		if (strv_add(&copy, *v) < 0)
			return -ENOMEM;
	*ret = TAKE_PTR(copy);
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strv_sort(char **v)
{
	if (v)
		qsort(v, strv_length(v), sizeof(*v), compare);
}

void strv_free(char **v)
{
	int saved = errno;

	for (size_t i = 0; v && v[i]; i++)
		free(v[i]);
	free(v);
	errno = saved;
}

char *strv_join(char *const *v, const char *separator)
{
	char *text = strdup("");

	for (size_t i = 0; text && v && v[i]; i++) {
		char *longer = str_format("%s%s%s", text, i ? separator : "", v[i]);

		free(text);
		text = longer;
	}
	return text;
}
