/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers in few characters, for people. */
#include "aaaa.h"

const char *number_short(double value, char *buffer, size_t size)
{
	static const char *const units[] = { "", "k", "M", "G", "T", "P", "E" };
	size_t unit = 0;

	/* from 9999.5 on it is written with a unit: never more than four digits */
	while (value >= (unit ? 999.5 : 9999.5) && unit + 1 < ARRAY_SIZE(units)) {
		value /= 1000;
		unit++;
	}
	snprintf(buffer, size, "%.*f%s",
		 unit == 0 || value >= 99.95 ? 0
		 : value >= 9.995            ? 1
					     : 2,
		 value, units[unit]);
	return buffer;
}

const char *number_time(double usec, char *buffer, size_t size)
{
	static const char *const units[] = { "us", "ms", "s" };
	size_t unit = 0;

	if (usec < 0)
		return "-";
	while (usec >= 999.5 && unit + 1 < ARRAY_SIZE(units)) {
		usec /= 1000;
		unit++;
	}
	snprintf(buffer, size, "%.*f %s",
		 usec >= 99.95   ? 0
		 : usec >= 9.995 ? 1
				 : 2,
		 usec, units[unit]);
	return buffer;
}
