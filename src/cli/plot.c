/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Plots: curves over time as one SVG file, written by hand. It refers to nothing outside itself and
 * has no script, so that it can be mailed; its colours follow the reader's preference.
 */
#include <string.h>
#include <time.h>

#include "aaaa.h"

enum {
	WIDTH = 860,
	LEFT = 64, /* of the curves: numbers stand before them */
	RIGHT = 840,
	HEAD = 56,    /* the title and the note */
	TITLE = 28,   /* above each panel's curves */
	HEIGHT = 120, /* of the curves */
	GAP = 18,
	FOOT = 44,      /* the times */
	TIME_MARKS = 6, /* at most, besides the last */
};

static const char style[] =
	"text{font:12px system-ui,sans-serif;fill:#1f2328}"
	".title{font-size:17px;font-weight:600}.head{font-weight:600}.note{fill:#59636e}"
	".ground{fill:#fff}.grid{stroke:#d8dee4;stroke-width:1}"
	".line{fill:none;stroke-width:1.6;stroke-linejoin:round}"
	".main{stroke:#0969da}.other{stroke:#8250df}.bad{stroke:#cf222e}"
	".main-text{fill:#0969da}.other-text{fill:#8250df}.bad-text{fill:#cf222e}"
	"@media (prefers-color-scheme:dark){text{fill:#e6edf3}.note{fill:#9198a1}"
	".ground{fill:#0d1117}.grid{stroke:#30363d}"
	".main{stroke:#58a6ff}.other{stroke:#bc8cff}.bad{stroke:#ff7b72}"
	".main-text{fill:#58a6ff}.other-text{fill:#bc8cff}.bad-text{fill:#ff7b72}}";

static const char *const classes[] = {
	[PLOT_MAIN] = "main",
	[PLOT_OTHER] = "other",
	[PLOT_BAD] = "bad",
};

/* Text of an element: XML knows no control characters, not even escaped. */
static void write_text(FILE *out, const char *text)
{
	for (; *text; text++)
		switch (*text) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		default:
			fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, out);
		}
}

static void write_label(FILE *out, double x, double y, const char *class, const char *anchor,
			const char *text)
{
	fprintf(out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", class, x, y,
		anchor);
	write_text(out, text);
	fputs("</text>\n", out);
}

static void write_grid(FILE *out, double x1, double y1, double x2, double y2)
{
	fprintf(out, "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", x1,
		y1, x2, y2);
}

/* ---- one panel -------------------------------------------------------------------------- */

/* The next of 1, 2, 5, 10, 20, … that is not below: so that half of it is a round number too. */
static double round_up(double value)
{
	static const double steps[] = { 1, 2, 5 };
	double unit = 1;

	while (unit > value)
		unit /= 10;
	while (unit * 10 <= value)
		unit *= 10;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		if (unit * steps[i] >= value)
			return unit * steps[i];
	return unit * 10;
}

static double panel_top(const struct plot *plot, const struct plot_panel *panel)
{
	double top = 0;

	for (size_t i = 0; i < panel->n_series; i++)
		for (size_t j = 0; j < plot->n; j++)
			if (panel->series[i].values[j] > top)
				top = panel->series[i].values[j];
	return top > 0 ? round_up(top) : 1;
}

static double x_of(const struct plot *plot, size_t i)
{
	return plot->n < 2 ? RIGHT
			   : LEFT + (double)(RIGHT - LEFT) * (double)i / (double)(plot->n - 1);
}

/* A curve, with gaps where nothing is known. A value between two gaps is a dot. */
static void write_curve(FILE *out, const struct plot *plot, const struct plot_series *series,
			double bottom, double top)
{
	bool drawing = false;

	fprintf(out, "<path class=\"line %s\" stroke-linecap=\"round\" d=\"",
		classes[series->style]);
	for (size_t i = 0; i < plot->n; i++) {
		double value = series->values[i], y = bottom - HEIGHT * value / top;

		if (value >= 0)
			fprintf(out, "%s%.1f %.1f", drawing ? "L" : "M", x_of(plot, i), y);
		if (value >= 0 && !drawing)
			fputs("h0", out);
		drawing = value >= 0;
	}
	fputs("\"/>\n", out);
}

/* The names of the curves, from the right, each in its colour. */
static void write_legend(FILE *out, const struct plot_panel *panel, double y)
{
	double x = RIGHT;

	for (size_t i = panel->n_series; i-- > 0;) {
		const struct plot_series *series = &panel->series[i];
		char class[16];

		snprintf(class, sizeof(class), "%s-text", classes[series->style]);
		write_label(out, x, y, class, "end", series->name);
		x -= 8.0 * (double)strlen(series->name) + 16;
	}
}

static void write_panel(FILE *out, const struct plot *plot, const struct plot_panel *panel,
			double y)
{
	double top = panel_top(plot, panel), bottom = y + TITLE + HEIGHT;

	write_label(out, LEFT, y + TITLE - 10, "head", "start", panel->title);
	write_legend(out, panel, y + TITLE - 10);
	for (int i = 0; i <= 2; i++) {
		char number[32];

		write_grid(out, LEFT, bottom - HEIGHT * i / 2.0, RIGHT, bottom - HEIGHT * i / 2.0);
		if (top < 10)
			snprintf(number, sizeof(number), "%.3g", top * i / 2);
		else
			number_short(top * i / 2, number, sizeof(number));
		write_label(out, LEFT - 8, bottom - HEIGHT * i / 2.0 + 4, "note", "end", number);
	}
	for (size_t i = 0; i < panel->n_series; i++)
		write_curve(out, plot, &panel->series[i], bottom, top);
}

/* ---- the whole -------------------------------------------------------------------------- */

/* Marks at round times, at most TIME_MARKS of them. */
static void write_times(FILE *out, const struct plot *plot, double y)
{
	static const int64_t steps[] = { 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 21600 };
	int64_t start = plot->end_time - (int64_t)plot->n + 1, step = steps[ARRAY_SIZE(steps) - 1];

	for (size_t i = ARRAY_SIZE(steps); i-- > 0;)
		if ((int64_t)plot->n / steps[i] <= TIME_MARKS)
			step = steps[i];
	for (int64_t t = start + (step - start % step) % step; t <= plot->end_time; t += step) {
		time_t seconds = t;
		struct tm tm;
		char text[16];
		double x = x_of(plot, (size_t)(t - start));

		if (!localtime_r(&seconds, &tm) ||
		    strftime(text, sizeof(text), "%H:%M:%S", &tm) == 0)
			continue;
		write_grid(out, x, y, x, y + 6);
		write_label(out, x, y + 20, "note", x > RIGHT - 30 ? "end" : "middle", text);
	}
}

int plot_write(const struct plot *plot, FILE *out)
{
	int height = HEAD + (int)plot->n_panels * (TITLE + HEIGHT + GAP) + FOOT;
	double y = HEAD;

	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
		"viewBox=\"0 0 %d %d\" role=\"img\">\n<title>",
		WIDTH, height, WIDTH, height);
	write_text(out, plot->title);
	fprintf(out,
		"</title>\n<style>%s</style>\n<rect class=\"ground\" width=\"%d\" height=\"%d\"/>\n",
		style, WIDTH, height);
	write_label(out, LEFT, 26, "title", "start", plot->title);
	write_label(out, LEFT, 46, "note", "start", plot->note);
	for (size_t i = 0; i < plot->n_panels; i++) {
		write_panel(out, plot, &plot->panels[i], y);
		y += TITLE + HEIGHT + GAP;
	}
	if (plot->n > 0)
		write_times(out, plot, y - GAP);
	fputs("</svg>\n", out);
	return ferror(out) ? -EIO : 0;
}
