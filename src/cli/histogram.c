/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Histograms: how long things took, as counts of classes that only have an upper bound each. */
#include "aaaa.h"

uint64_t histogram_total(const struct histogram *h)
{
	uint64_t total = 0;

	for (size_t i = 0; i < h->n; i++)
		total += h->counts[i];
	return total;
}

double histogram_quantile(const struct histogram *h, double q)
{
	uint64_t total = histogram_total(h);
	double wanted = q * (double)total, below = 0;

	for (size_t i = 0; i < h->n && total > 0; i++) {
		double count = (double)h->counts[i], low = i > 0 ? h->bounds_us[i - 1] : 0;

		if (count == 0 || below + count < wanted) {
			below += count;
			continue;
		}
		/* the last class has no end: all that is known is that it took longer than this */
		if (i + 1 == h->n)
			return low;
		return low + (h->bounds_us[i] - low) * (wanted - below) / count;
	}
	return -1;
}

void histogram_since(struct histogram *h, const struct histogram *before)
{
	if (before->n != h->n || before->sum_ns > h->sum_ns)
		return;
	for (size_t i = 0; i < h->n; i++)
		if (before->counts[i] > h->counts[i])
			return;
	for (size_t i = 0; i < h->n; i++)
		h->counts[i] -= before->counts[i];
	h->sum_ns -= before->sum_ns;
}
