/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One file's text, cut into sections and keys by inih.
 *
 * What inih does by itself depends on how it was built, and much of it is silent: lines longer than
 * its buffer (200 bytes) are cut or taken for two, names of sections end after 49 characters,
 * " ;" inside a value starts a comment, indented lines continue the value above, text behind "]"
 * is dropped, sections without keys are not reported, and most builds do not say the line number.
 *
 * So inih gets its lines from read_line() below, which counts them, refuses what can't be meant,
 * and passes on only what is short and plain: "[SECTION]" or "KEY=". The value stays with us,
 * whole. Behind each section header it slips in a line with an empty key, so that inih reports the
 * section even when nothing stands in it. The outcome is the same with every build of inih since
 * 2009.
 *
 * The grammar that results: a comment has a line of its own, which begins with "#" or ";"; all of a
 * line behind "=" is the value, without the white space around it; nothing is quoted or continued.
 */
#include <ini.h>
#include <string.h>

#include "schema.h"

#define LINE_LENGTH_MAX    4096
#define SECTION_LENGTH_MAX 49 /* MAX_SECTION - 1 in inih */
#define KEY_LENGTH_MAX     49
#define MISTAKES_MAX       50 /* that are told of at once */

struct source {
	const char *path, *left;
	size_t n_left;
	unsigned number;
	bool announce; /* the next line is the empty key that reports the section */
	bool header;   /* this line begins one */
	char *value;   /* of the line that inih is looking at */
	ini_line_fn fn;
	void *userdata;
	struct error *error; /* of this line */
	struct error *all;
	unsigned mistakes;
	int r; /* other than -EINVAL: no use to go on */
};

static int refuse(struct source *source, const char *format, ...) _printf_(2, 3);
static int refuse(struct source *source, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		text = NULL;
	va_end(ap);
	if (!text)
		return error_oom(source->error);
	return error_set(source->error, EINVAL, "%s:%u: %s", source->path, source->number, text);
}

/* Keeps what was wrong with a line, and goes on with the next: all mistakes are told of at once. */
static void end_line(struct source *source, int r)
{
	error_add(source->all, source->error);
	if (r == -EINVAL)
		source->mistakes++;
	if (r != -EINVAL || source->mistakes == MISTAKES_MAX)
		source->r = r;
}

/* No control characters but the tab, and well-formed UTF-8: whatever str_escape leaves alone. */
static int check_clean(struct source *source, const char *line, size_t length)
{
	_cleanup_free_ char *escaped = NULL;

	if (length > LINE_LENGTH_MAX)
		return refuse(source, _("a line of %zu bytes, at most %d are allowed"), length,
			      LINE_LENGTH_MAX);
	escaped = str_escape(line, length);
	if (!escaped)
		return error_oom(source->error);
	for (const char *p = escaped; (p = strchr(p, '\\')); p += 2)
		if (p[1] != '\\' && p[1] != 't') {
			refuse(source, _("a character that can't stand in a profile: %.4s"), p);
			error_hint(source->error, "%s",
				   _("allowed: text in UTF-8 without control characters"));
			return -EINVAL;
		}
	return 0;
}

/* "[NAME]" for inih. */
static int section_line(struct source *source, const char *line, char *buffer, size_t room)
{
	size_t length = strlen(line);
	_cleanup_free_ char *name = NULL;

	if (line[length - 1] != ']' || strcspn(line + 1, "[]") != length - 2) {
		refuse(source, _("\"%s\" is not the header of a section"), line);
		error_hint(source->error, "%s",
			   _("a section begins with a line as in [link], with nothing behind it"));
		return -EINVAL;
	}
	name = str_trimmed(line + 1, length - 2);
	if (!name)
		return error_oom(source->error);
	length = strlen(name);
	if (length == 0)
		return refuse(source, "%s", _("a section without a name"));
	if (length > SECTION_LENGTH_MAX || length + sizeof("[]\n") > room)
		return refuse(source, _("[%s]: the name of a section has %d characters at most"),
			      name, SECTION_LENGTH_MAX);
	if (strchr(name, ';'))
		return refuse(source, _("[%s]: no such section"), name);
	sprintf(buffer, "[%s]\n", name);
	source->announce = true;
	return 0;
}

/* "KEY=" for inih; the value is kept. */
static int key_line(struct source *source, const char *line, char *buffer, size_t room)
{
	size_t end = strcspn(line, "=");
	_cleanup_free_ char *key = str_trimmed(line, end);

	if (!key)
		return error_oom(source->error);
	if (!line[end] || !*key || strpbrk(key, " \t:;")) {
		refuse(source, _("\"%s\" is neither [SECTION] nor KEY = VALUE"), line);
		error_hint(source->error, "%s", _("a comment begins with \"#\""));
		return -EINVAL;
	}
	if (strlen(key) > KEY_LENGTH_MAX || strlen(key) + sizeof("=\n") > room)
		return refuse(source, _("\"%s\": the name of a key has %d characters at most"), key,
			      KEY_LENGTH_MAX);
	free(source->value);
	source->value = str_trimmed(line + end + 1, strlen(line + end + 1));
	if (!source->value)
		return error_oom(source->error);
	sprintf(buffer, "%s=\n", key);
	return 0;
}

static int next_line(struct source *source, char *buffer, size_t room)
{
	const char *newline = memchr(source->left, '\n', source->n_left);
	size_t length = newline ? (size_t)(newline - source->left) : source->n_left;
	const char *text = source->left;
	_cleanup_free_ char *line = NULL;
	int r;

	source->header = false;
	source->number++;
	source->left += length + (newline != NULL);
	source->n_left -= length + (newline != NULL);
	if (length && text[length - 1] == '\r') /* made on Windows */
		length--;
	if (source->number == 1 && length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3; /* a byte order mark */
		length -= 3;
	}
	r = check_clean(source, text, length);
	if (r < 0)
		return r;
	line = str_trimmed(text, length);
	if (!line)
		return error_oom(source->error);
	if (!*line || *line == '#' || *line == ';') {
		strcpy(buffer, "\n");
		return 0;
	}
	source->header = *line == '[';
	return source->header ? section_line(source, line, buffer, room)
			      : key_line(source, line, buffer, room);
}

/* The fgets of inih. */
static char *read_line(char *buffer, int room, void *stream)
{
	struct source *source = stream;
	int r;

	if (source->r < 0)
		return NULL;
	if (source->announce) {
		source->announce = false;
		return strcpy(buffer, "=\n");
	}
	if (source->n_left == 0)
		return NULL;
	r = next_line(source, buffer, room);
	if (r < 0) {
		end_line(source, r);
		if (source->header) /* where the next lines belong is not known */
			source->r = r;
		strcpy(buffer, "\n");
	}
	return source->r < 0 ? NULL : buffer;
}

#if INI_HANDLER_LINENO
static int on_pair(void *stream, const char *section, const char *key, const char *value,
		   _unused_ int number)
#else
static int on_pair(void *stream, const char *section, const char *key, const char *value)
#endif
{
	struct source *source = stream;
	struct ini_line line = { source->number, section, *key ? key : NULL, NULL };

	/* inih goes on after a handler's error; we do not */
	if (source->r < 0)
		return 0;
	if (*key)
		line.value = source->value ? source->value : value;
	end_line(source, source->fn(&line, source->userdata, source->error));
	return source->r >= 0;
}

int ini_each(const char *path, const char *text, size_t length, ini_line_fn fn, void *userdata,
	     struct error *error)
{
	_cleanup_error_ struct error local = {};
	struct source source = { .path = path,
				 .left = text,
				 .n_left = length,
				 .fn = fn,
				 .userdata = userdata,
				 .error = &local,
				 .all = error };
	int r = ini_parse_stream(read_line, &source, on_pair, &source);

	free(source.value);
	if (source.r < 0)
		return source.r;
	if (r == -2)
		return error_oom(error);
	if (r && !source.mistakes)
		end_line(&source, refuse(&source, "%s", _("not understood")));
	return source.mistakes ? -EINVAL : 0;
}
