/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sparklines: a curve in one line of text. */
#include "aaaa.h"

static double largest(const double *values, size_t n)
{
	double top = 0;

	for (size_t i = 0; i < n; i++)
		if (values[i] > top)
			top = values[i];
	return top;
}

/* 0: unknown; 1: nothing at all; 2 to 8: as high as that. Whatever is more than nothing shows. */
static unsigned height(double value, double top)
{
	if (value < 0)
		return 0;
	if (value == 0 || top <= 0)
		return 1;
	if (value >= top)
		return 8;
	return 2 + (unsigned)(7 * value / top * 0.999999);
}

void sparkline_write(FILE *out, const double *values, size_t n, size_t width, double top, bool utf8)
{
	static const char *const blocks[] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	static const char plain[] = " _.:-=+*#";
	size_t shown = n < width ? n : width;

	values += n - shown;
	if (top <= 0)
		top = largest(values, shown);
	for (size_t i = shown; i < width; i++)
		fputc(' ', out);
	for (size_t i = 0; i < shown; i++) {
		unsigned at = height(values[i], top);

		if (utf8)
			fputs(blocks[at], out);
		else
			fputc(plain[at], out);
	}
}
