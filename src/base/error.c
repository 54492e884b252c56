/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Errors that people read: filled where the fact is known, carried up unchanged. */
#include <errno.h>
#include <string.h>

#include "nsctl/base.h"

static int negative(int code)
{
	if (code == 0)
		code = EIO;
	return code < 0 ? code : -code;
}

static void set(struct error *error, int code, char *what)
{
	error->code = -code;
	error->what = what;
}

int error_set(struct error *error, int code, const char *format, ...)
{
	char *what = NULL;
	va_list ap;

	code = negative(code);
	if (!error || error->code)
		return code;
	va_start(ap, format);
	if (vasprintf(&what, format, ap) < 0)
		what = NULL;
	va_end(ap);
	set(error, code, what);
	return code;
}

int error_errno(struct error *error, int code, const char *format, ...)
{
	char *text = NULL;
	va_list ap;

	code = negative(code);
	if (!error || error->code)
		return code;
	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		text = NULL;
	va_end(ap);
	if (text)
		set(error, code, str_format("%s: %s", text, strerror(-code)));
	else
		set(error, code, NULL);
	free(text);
	return code;
}

int error_oom(struct error *error)
{
	return error_set(error, ENOMEM, "%s", _("out of memory"));
}

void error_hint(struct error *error, const char *format, ...)
{
	char *hint = NULL;
	va_list ap;

	if (!error)
		return;
	va_start(ap, format);
	if (vasprintf(&hint, format, ap) < 0)
		hint = NULL;
	va_end(ap);
	free(error->hint);
	error->hint = hint;
}

void error_prefix(struct error *error, const char *format, ...)
{
	char *prefix = NULL, *joined;
	va_list ap;

	if (!error || !error->code)
		return;
	va_start(ap, format);
	if (vasprintf(&prefix, format, ap) < 0)
		prefix = NULL;
	va_end(ap);
	if (!prefix)
		return;
	joined = str_format("%s: %s", prefix, error_text(error));
	free(prefix);
	if (!joined)
		return;
	free(error->what);
	error->what = joined;
}

void error_add(struct error *error, struct error *further)
{
	struct error *place = error;

	if (error && error->code && further->code) {
		while (place->more)
			place = place->more;
		place = place->more = malloc(sizeof(*place));
	}
	if (!place || !further->code) {
		error_clear(further);
		return;
	}
	*place = *further;
	*further = (struct error){};
}

void error_clear(struct error *error)
{
	struct error *more;

	if (!error)
		return;
	while ((more = error->more)) {
		error->more = more->more;
		more->more = NULL;
		error_clear(more);
		free(more);
	}
	free(error->what);
	free(error->hint);
	*error = (struct error){};
}

const char *error_text(const struct error *error)
{
	if (!error || !error->code)
		return _("success");
	return error->what ? error->what : strerror(error->code);
}
