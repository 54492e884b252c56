/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The views of a responder: a frame of the live one, a line for what is no terminal, a plot.
 *
 * A frame is put together line by line; each line knows how wide it has become, and nothing is
 * written beyond the terminal's edge, so that a small terminal shows less and never wraps.
 */
#include <stdarg.h>
#include <string.h>

#include "aaaa.h"

enum { NAME_WIDTH = 10, NUMBER_WIDTH = 22, SPARK_MIN = 8, SPARK_SECONDS = 300 };

struct frame {
	FILE *out;
	const struct aaaa_look *look;
	unsigned column, row;
};

/* ---- lines ------------------------------------------------------------------------------ */

/* Text of one column a byte; what does not fit is cut off. */
static void _printf_(3, 4) put(struct frame *frame, enum color color, const char *format, ...)
{
	unsigned room = frame->look->columns - frame->column;
	char text[256];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (n <= 0 || frame->row >= frame->look->rows)
		return;
	if ((unsigned)n > room)
		text[n = (int)room] = '\0';
	frame->column += (unsigned)n;
	if (frame->look->color)
		fputs(color_start(color), frame->out);
	fputs(text, frame->out);
	if (frame->look->color && color != COLOR_NONE)
		fputs("\033[0m", frame->out);
}

static void end_line(struct frame *frame)
{
	frame->column = 0;
	if (++frame->row < frame->look->rows)
		fputc('\n', frame->out);
}

/* ---- curves ----------------------------------------------------------------------------- */

/* One field over the last `n` times `step` seconds: the mean of each step, -1 where nothing is
 * known. Steps begin at round times, so that a curve moves and does not change its shape. */
static void column_of(const struct aaaa_history *history, size_t offset, unsigned step,
		      double *values, size_t n)
{
	int64_t newest = history->n > 0 ? history->seconds[history->n - 1].time / step : 0;
	unsigned known[AAAA_SECONDS_MAX] = {};

	for (size_t i = 0; i < n; i++)
		values[i] = -1;
	for (size_t i = 0; i < history->n; i++) {
		const struct aaaa_second *second = &history->seconds[i];
		int64_t age = newest - second->time / step;
		size_t at = n - 1 - (size_t)age;
		double value;

		memcpy(&value, (const char *)second + offset, sizeof(value));
		if (age >= (int64_t)n || value < 0)
			continue;
		values[at] =
			known[at]++ == 0 ? value : values[at] + (value - values[at]) / known[at];
	}
}

static void put_spark(struct frame *frame, const struct aaaa_history *history, size_t offset,
		      enum color color)
{
	double values[AAAA_SECONDS_MAX];
	unsigned room = frame->look->columns - frame->column;
	unsigned step;

	if (room < SPARK_MIN || frame->row >= frame->look->rows)
		return;
	if (room > AAAA_SECONDS_MAX)
		room = AAAA_SECONDS_MAX;
	step = (SPARK_SECONDS + room - 1) / room;
	column_of(history, offset, step, values, room);
	if (frame->look->color)
		fputs(color_start(color), frame->out);
	sparkline_write(frame->out, values, room, room, 0, frame->look->utf8);
	if (frame->look->color && color != COLOR_NONE)
		fputs("\033[0m", frame->out);
	frame->column += room;
}

/* ---- the frame -------------------------------------------------------------------------- */

static void put_head(struct frame *frame, const struct aaaa_counters *counters)
{
	char since[64] = "";

	put(frame, COLOR_HEAD, "%s", counters->profile);
	if (*counters->since)
		format_since(counters->since, frame->look->now, since, sizeof(since));
	if (counters->running)
		put(frame, COLOR_GOOD, _("  answers AAAA since %s"), *since ? since : "?");
	else
		put(frame, COLOR_BAD, _("  the responder does not run: queries reach the server"));
	end_line(frame);
	end_line(frame);
}

static void put_rate(struct frame *frame, const char *name, double value, enum color color,
		     const struct aaaa_history *history, size_t offset)
{
	char number[32], text[64];

	snprintf(text, sizeof(text), "%s/s",
		 value < 0 ? "-" : number_short(value, number, sizeof(number)));
	put(frame, COLOR_NONE, "%-*s", NAME_WIDTH, name);
	put(frame, color, "%-*s", NUMBER_WIDTH, text);
	put_spark(frame, history, offset, color);
	end_line(frame);
}

static void put_time(struct frame *frame, const struct aaaa_second *last,
		     const struct aaaa_history *history)
{
	char p50[32], p99[32], text[96];

	snprintf(text, sizeof(text), "%s, p99 %s", number_time(last->p50_us, p50, sizeof(p50)),
		 number_time(last->p99_us, p99, sizeof(p99)));
	put(frame, COLOR_NONE, "%-*s%-*s", NAME_WIDTH, _("time p50"), NUMBER_WIDTH, text);
	put_spark(frame, history, offsetof(struct aaaa_second, p99_us), COLOR_NONE);
	end_line(frame);
}

static void put_kinds(struct frame *frame, const char *name, const struct aaaa_kind *kinds,
		      size_t n, enum color color)
{
	bool any = false;

	put(frame, COLOR_NONE, "%-*s", NAME_WIDTH, name);
	for (size_t i = 0; i < n; i++) {
		if (kinds[i].count == 0)
			continue;
		put(frame, color, "%s%s %ju", any ? ", " : "", kinds[i].name,
		    (uintmax_t)kinds[i].count);
		any = true;
	}
	if (!any)
		put(frame, COLOR_NONE, "%s", _("none"));
	end_line(frame);
}

static void put_totals(struct frame *frame, const struct aaaa_counters *counters)
{
	uint64_t lost = counters->queue_dropped + counters->queue_user_dropped;

	end_line(frame);
	put(frame, COLOR_NONE, "%-*s", NAME_WIDTH, _("in all"));
	put(frame, COLOR_NONE, _("%ju seen, %ju answered, %ju passed"), (uintmax_t)counters->seen,
	    (uintmax_t)counters->answered,
	    (uintmax_t)aaaa_sum(counters->passed, counters->n_passed));
	end_line(frame);
	put_kinds(frame, _("passed"), counters->passed, counters->n_passed, COLOR_NONE);
	put_kinds(frame, _("errors"), counters->errors, counters->n_errors, COLOR_BAD);
	put(frame, COLOR_NONE, "%-*s", NAME_WIDTH, _("queue"));
	put(frame, lost > 0 ? COLOR_BAD : COLOR_NONE, _("%ju waiting, %ju found it full"),
	    (uintmax_t)counters->queue_length, (uintmax_t)lost);
	end_line(frame);
	end_line(frame);
	put(frame, COLOR_NONE, "%s", _("the curves: the last 5 minutes   q: quit"));
}

void aaaa_view_frame(FILE *out, const struct aaaa_counters *counters,
		     const struct aaaa_history *history, const struct aaaa_look *look)
{
	static const struct aaaa_second nothing = { 0, -1, -1, -1, -1, -1 };
	struct frame frame = { .out = out, .look = look };
	const struct aaaa_second *last =
		history->n > 0 ? &history->seconds[history->n - 1] : &nothing;

	put_head(&frame, counters);
	put_rate(&frame, _("answered"), last->answered, COLOR_GOOD, history,
		 offsetof(struct aaaa_second, answered));
	put_rate(&frame, _("passed"), last->passed, COLOR_NONE, history,
		 offsetof(struct aaaa_second, passed));
	put_rate(&frame, _("errors"), last->errors, last->errors > 0 ? COLOR_BAD : COLOR_NONE,
		 history, offsetof(struct aaaa_second, errors));
	put_time(&frame, last, history);
	put_totals(&frame, counters);
}

/* ---- a line ----------------------------------------------------------------------------- */

void aaaa_view_line(FILE *out, const struct aaaa_second *second)
{
	char p50[32], p99[32], when[32] = "?";
	time_t seconds = second->time;
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		strftime(when, sizeof(when), "%H:%M:%S", &tm);
	fprintf(out, _("%s answered %.0f passed %.0f errors %.0f p50 %s p99 %s\n"), when,
		second->answered, second->passed, second->errors,
		number_time(second->p50_us, p50, sizeof(p50)),
		number_time(second->p99_us, p99, sizeof(p99)));
}

/* ---- a plot ----------------------------------------------------------------------------- */

int aaaa_view_plot(FILE *out, const struct aaaa_counters *counters,
		   const struct aaaa_history *history)
{
	enum { ANSWERED, PASSED, ERRORS, P50, P99, COLUMNS };
	static const size_t offsets[COLUMNS] = {
		[ANSWERED] = offsetof(struct aaaa_second, answered),
		[PASSED] = offsetof(struct aaaa_second, passed),
		[ERRORS] = offsetof(struct aaaa_second, errors),
		[P50] = offsetof(struct aaaa_second, p50_us),
		[P99] = offsetof(struct aaaa_second, p99_us),
	};
	_cleanup_free_ double *values = calloc(COLUMNS * AAAA_SECONDS_MAX, sizeof(*values));
	const struct aaaa_second *first = history->seconds;
	_cleanup_free_ char *title = NULL, *note = NULL;
	const double *column[COLUMNS] = {};
	int64_t span;
	size_t n = 0;

	title = str_format(_("%s: queries for AAAA"), counters->profile);
	note = str_format(_("%ju answered, %ju passed, %ju errors since the responder began"),
			  (uintmax_t)counters->answered,
			  (uintmax_t)aaaa_sum(counters->passed, counters->n_passed),
			  (uintmax_t)aaaa_sum(counters->errors, counters->n_errors));
	if (!values || !title || !note)
		return -ENOMEM;
	if (history->n > 0) {
		span = first[history->n - 1].time - first[0].time + 1;
		n = span < AAAA_SECONDS_MAX ? (size_t)span : AAAA_SECONDS_MAX;
	}
	for (size_t i = 0; i < COLUMNS; i++) {
		column[i] = values + i * AAAA_SECONDS_MAX;
		column_of(history, offsets[i], 1, values + i * AAAA_SECONDS_MAX, n);
	}
	return plot_write(
		&(const struct plot){
			.title = title,
			.note = note,
			.panels =
				(const struct plot_panel[]){
					{ _("queries per second"),
					  (const struct plot_series[]){
						  { _("answered"), PLOT_MAIN, column[ANSWERED] },
						  { _("passed"), PLOT_OTHER, column[PASSED] } },
					  2 },
					{ _("processing time, microseconds"),
					  (const struct plot_series[]){
						  { "p50", PLOT_MAIN, column[P50] },
						  { "p99", PLOT_OTHER, column[P99] } },
					  2 },
					{ _("errors per second"),
					  (const struct plot_series[]){
						  { _("errors"), PLOT_BAD, column[ERRORS] } },
					  1 } },
			.n_panels = 3,
			.n = n,
			.end_time = n > 0 ? first[history->n - 1].time : 0,
		},
		out);
}
