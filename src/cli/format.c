/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text for people: tables, times, suggestions, errors. Nothing hostile reaches the terminal raw. */
#include <locale.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#include "cli.h"

/* ---- small things --------------------------------------------------------------------- */

bool color_wanted(FILE *out)
{
	const char *term = getenv("TERM");

	return str_empty(getenv("NO_COLOR")) && !str_empty(term) && !str_equal(term, "dumb") &&
	       isatty(fileno(out));
}

const char *color_start(enum color color)
{
	static const char *const starts[] = {
		[COLOR_NONE] = "",          [COLOR_GOOD] = "\033[32m", [COLOR_WARN] = "\033[33m",
		[COLOR_BAD] = "\033[1;31m", [COLOR_HEAD] = "\033[1m",
	};

	return starts[color];
}

const char *format_since(const char *time, time_t now, char *buffer, size_t size)
{
	static const struct {
		long long seconds;
		const char *unit;
	} units[] = {
		{ 86400, N_("d") },
		{ 3600, N_("h") },
		{ 60, N_("min") },
		{ 1, N_("s") },
	};
	struct tm tm = {};
	const char *end = strptime(time, "%Y-%m-%dT%H:%M:%S", &tm);
	long long elapsed;
	size_t unit = 0;

	if (!end || !str_equal(end, "Z")) {
		snprintf(buffer, size, "%s", time);
		return buffer;
	}
	elapsed = (long long)now - timegm(&tm);
	if (elapsed < 0) /* the clock was set back */
		elapsed = 0;
	/* two of a unit before it is used: "90 min" says more than "1 h" */
	while (unit + 1 < ARRAY_SIZE(units) && elapsed < 2 * units[unit].seconds)
		unit++;
	snprintf(buffer, size, "%lld %s", elapsed / units[unit].seconds, _(units[unit].unit));
	return buffer;
}

const char *nearest_word(const char *word, const char *const *words, size_t n)
{
	size_t length = strlen(word), limit = length < 3 ? 1 : length < 7 ? 2 : 3;
	const char *best = NULL;

	if (length > 64) /* nobody meant that, and the distance costs the product of the lengths */
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t distance = str_distance(word, words[i]);

		if (distance > limit || distance >= strlen(words[i]))
			continue;
		best = words[i];
		limit = distance - (distance > 0);
		if (distance == 0)
			break;
	}
	return best;
}

/* ---- tables --------------------------------------------------------------------------- */

static bool is_ascii(const char *s)
{
	while (*s && (unsigned char)*s < 0x80)
		s++;
	return !*s;
}

/* Columns on the terminal. */
static size_t display_width(const char *s)
{
	wchar_t wide[256];
	size_t n;
	int width;

	if (is_ascii(s))
		return strlen(s);
	if (MB_CUR_MAX == 1) /* not done yet where nothing is translated */
		setlocale(LC_CTYPE, "");
	n = mbstowcs(wide, s, ARRAY_SIZE(wide));
	width = n < ARRAY_SIZE(wide) ? wcswidth(wide, n) : -1;
	return width < 0 ? strlen(s) : (size_t)width;
}

int table_add(struct table *table, const char *const *cells, enum color color, size_t column)
{
	size_t n = table->rows * table->columns;
	char **grown = array_grow(table->cells, n + table->columns, sizeof(*grown));
	enum color *colors;
	char **notes;

	if (!grown)
		return -ENOMEM;
	table->cells = grown;
	colors = array_grow(table->colors, n + table->columns, sizeof(*colors));
	if (!colors)
		return -ENOMEM;
	table->colors = colors;
	notes = array_grow(table->notes, table->rows + 1, sizeof(*notes));
	if (!notes)
		return -ENOMEM;
	table->notes = notes;
	for (size_t i = 0; i < table->columns; i++) {
		const char *cell = str_empty(cells[i]) ? "-" : cells[i];

		grown[n + i] = str_escape(cell, strlen(cell));
		colors[n + i] = i == column || column == SIZE_MAX ? color : COLOR_NONE;
	}
	notes[table->rows++] = NULL;
	return 0;
}

int table_note(struct table *table, const char *text)
{
	char **note = &table->notes[table->rows - 1];
	_cleanup_free_ char *shown = str_escape(text, strlen(text)), *old = *note;

	*note = str_format("%s    %s\n", old ?: "", shown ?: "");
	return *note ? 0 : -ENOMEM;
}

static void print_row(const struct table *table, size_t row, const size_t *widths, FILE *out,
		      bool color)
{
	for (size_t i = 0; i < table->columns; i++) {
		size_t at = row * table->columns + i;
		const char *cell = table->cells[at] ?: "";
		bool last = i + 1 == table->columns, painted = color && table->colors[at];

		if (painted)
			fputs(color_start(table->colors[at]), out);
		fputs(cell, out);
		if (painted)
			fputs("\033[0m", out);
		if (last)
			fputc('\n', out);
		else
			fprintf(out, "%*s", (int)(widths[i] - display_width(cell) + 2), "");
	}
	if (table->notes[row])
		fputs(table->notes[row], out);
}

void table_print(const struct table *table, FILE *out, bool color)
{
	_cleanup_free_ size_t *widths = calloc(table->columns, sizeof(*widths));

	if (!widths)
		return;
	for (size_t i = 0; i < table->rows * table->columns; i++) {
		size_t width = display_width(table->cells[i] ?: "");

		if (width > widths[i % table->columns])
			widths[i % table->columns] = width;
	}
	for (size_t row = 0; row < table->rows; row++)
		print_row(table, row, widths, out, color);
}

void table_clear(struct table *table)
{
	for (size_t i = 0; i < table->rows * table->columns; i++)
		free(table->cells[i]);
	for (size_t row = 0; row < table->rows; row++)
		free(table->notes[row]);
	free(table->cells);
	free(table->colors);
	free(table->notes);
	*table = (struct table){ .columns = table->columns };
}

/* ---- messages ------------------------------------------------------------------------- */

/* A message may repeat what somebody else wrote, in a file or an argument: nothing of it must act
 * on the terminal. What was escaped before stays as it is. NULL when out of memory. */
static char *plain(const char *text)
{
	char *out = malloc(4 * strlen(text) + 1), *p = out;

	if (!out)
		return NULL;
	for (const unsigned char *in = (const unsigned char *)text; *in; in++) {
		bool c1 = *in == 0xc2 && in[1] >= 0x80 && in[1] < 0xa0; /* in UTF-8 */

		if (c1 || (*in < 0x20 && *in != '\n' && *in != '\t') || *in == 0x7f)
			p += sprintf(p, "\\x%02x", *in);
		else
			*p++ = *in;
	}
	*p = '\0';
	return out;
}

void report_error(const struct error *error)
{
	bool color = color_wanted(stderr);
	_cleanup_free_ char *text = plain(error_text(error)), *hint = NULL;

	fflush(stdout); /* in the order in which things happened */
	fprintf(stderr, "nsctl: %s%s%s\n", color ? color_start(COLOR_BAD) : "", text ?: "?",
		color ? "\033[0m" : "");
	if (str_empty(error->hint))
		return;
	hint = plain(error->hint);
	fprintf(stderr, "  %s\n", hint ?: "?");
}

void report_warning(const char *format, ...)
{
	bool color = color_wanted(stderr);
	_cleanup_free_ char *text = NULL, *shown = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		text = NULL;
	va_end(ap);
	shown = text ? plain(text) : NULL;
	fflush(stdout);
	fprintf(stderr, "nsctl: %s%s%s: %s\n", color ? color_start(COLOR_WARN) : "", _("warning"),
		color ? "\033[0m" : "", shown ?: "?");
}

int print_json(const json_t *value)
{
	if (json_dumpf(value, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER) < 0)
		return -EIO;
	fputc('\n', stdout);
	return 0;
}
