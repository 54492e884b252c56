/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `nsctl aaaa` knows of a responder, and the ways in which it shows that. All but the terminal
 * (screen.c) and the command itself are pure functions of what is here.
 */
#pragma once

#include <time.h>

#include "cli.h"

/* ---- histogram.c ---------------------------------------------------------------------- */

enum { HISTOGRAM_MAX = 128 };

/* How often something took how long: class i counts what took at most bounds_us[i] and more than
 * the bound before; the last class has no bound. */
struct histogram {
	size_t n;
	double bounds_us[HISTOGRAM_MAX];
	uint64_t counts[HISTOGRAM_MAX];
	uint64_t sum_ns;
};
uint64_t histogram_total(const struct histogram *h);
/* The time within which the part q (0 to 1) of them was done, in microseconds, as near as the
 * classes tell; -1 when there were none. */
double histogram_quantile(const struct histogram *h, double q);
/* What came since `before`; all of it when that counted more, for then it began anew. */
void histogram_since(struct histogram *h, const struct histogram *before);

/* ---- aaaa_counters.c ------------------------------------------------------------------ */

enum { AAAA_KINDS_MAX = 32, AAAA_SECONDS_MAX = 1024 };

struct aaaa_kind {
	char name[32];
	uint64_t count;
};
/* One second of the past. */
struct aaaa_second {
	int64_t time; /* seconds since 1970 */
	double answered, passed, errors;
	double p50_us, p99_us; /* -1: nothing was answered */
};
/* All since the responder began. */
struct aaaa_counters {
	char profile[64];
	bool running;
	char since[32]; /* as RFC 3339 has it; "" when unknown */
	int64_t time;   /* of this look, in seconds since 1970 */
	uint64_t seen, answered;
	struct aaaa_kind passed[AAAA_KINDS_MAX], errors[AAAA_KINDS_MAX];
	size_t n_passed, n_errors;
	struct histogram latency;
	uint64_t queue_length, queue_dropped, queue_user_dropped;
};
/* Reads one element of the reply of the method Aaaa. -EBADMSG: it makes no sense. */
int aaaa_counters_read(const json_t *object, struct aaaa_counters *ret);
uint64_t aaaa_sum(const struct aaaa_kind *kinds, size_t n);

/* The last seconds, the newest one last; seconds of which nothing is known are left out. */
struct aaaa_history {
	size_t n;
	struct aaaa_second seconds[AAAA_SECONDS_MAX];
};
/* Drops the oldest one when full. A second that is no newer than the last one is ignored. */
void aaaa_history_add(struct aaaa_history *history, const struct aaaa_second *second);
/* Takes the seconds of a reply. -EBADMSG */
int aaaa_history_read(const json_t *array, struct aaaa_history *history);

/* ---- sparkline.c ---------------------------------------------------------------------- */

/* Writes `width` columns, the last ones of values (negative: unknown, a blank), scaled from 0 to
 * `top` or to the largest where top is 0. With utf8 in eighths of a line, else by " .:-=+*#". */
void sparkline_write(FILE *out, const double *values, size_t n, size_t width, double top,
		     bool utf8);

/* ---- numbers.c ------------------------------------------------------------------------ */

/* "812", "12.3k", "4.56M": three or four digits. */
const char *number_short(double value, char *buffer, size_t size);
/* "8.1 us", "1.2 ms", "-" where negative. */
const char *number_time(double usec, char *buffer, size_t size);

/* ---- plot.c --------------------------------------------------------------------------- */

enum plot_style { PLOT_MAIN, PLOT_OTHER, PLOT_BAD };
struct plot_series {
	const char *name;
	enum plot_style style;
	const double *values; /* plot.n of them; negative: unknown, a gap */
};
struct plot_panel {
	const char *title;
	const struct plot_series *series;
	size_t n_series;
};
/* Curves over the same time, one panel below the other. */
struct plot {
	const char *title, *note;
	const struct plot_panel *panels;
	size_t n_panels;
	size_t n;         /* values in each series, a second apart */
	int64_t end_time; /* of the last one, in seconds since 1970 */
};
/* One SVG document; colours follow the reader's preference for light or dark. 0 or -EIO. */
int plot_write(const struct plot *plot, FILE *out);

/* ---- prometheus.c --------------------------------------------------------------------- */

/* The text exposition format 0.0.4, all profiles below each metric. 0 or -EIO. */
int prometheus_write(const struct aaaa_counters *counters, size_t n, FILE *out);

/* ---- aaaa_view.c: frames of the live view ---------------------------------------------- */

struct aaaa_look {
	unsigned columns, rows;
	bool utf8, color;
	time_t now;
};
/* One frame: at most `rows` lines of at most `columns` columns. */
void aaaa_view_frame(FILE *out, const struct aaaa_counters *counters,
		     const struct aaaa_history *history, const struct aaaa_look *look);
/* One line for what is no terminal. */
void aaaa_view_line(FILE *out, const struct aaaa_second *second);
/* The plot of the command's --plot. */
int aaaa_view_plot(FILE *out, const struct aaaa_counters *counters,
		   const struct aaaa_history *history);

/* ---- screen.c: the terminal, lent and given back -------------------------------------- */

struct screen;
/* Another screen, no echo, keys at once. Without a terminal: -ENOTTY. */
int screen_enter(struct screen **ret);
/* As it was. NULL-safe, returns NULL. */
struct screen *screen_leave(struct screen *screen);
void screen_leavep(struct screen **screen);
void screen_size(unsigned *ret_columns, unsigned *ret_rows);
/* Shows a frame in place of the last one, without flicker. What the terminal does not take at once
 * is written by screen_flush, when the descriptor is writable; meanwhile further frames are left
 * out. 0, or a negative errno: the terminal has gone. */
int screen_show(struct screen *screen, const char *frame);
int screen_flush(struct screen *screen);
bool screen_wants_write(const struct screen *screen);
int screen_fd(const struct screen *screen);
