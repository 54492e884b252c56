/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The statistics file, for those who read it. */
#include "nsctl/aaaa_statistics.h"

const char *const aaaa_passed_names[] = {
	[AAAA_PASSED_PACKET] = "packet",
	[AAAA_PASSED_RESPONSE] = "response",
	[AAAA_PASSED_OPCODE] = "opcode",
	[AAAA_PASSED_COUNTS] = "counts",
	[AAAA_PASSED_NAME] = "name",
	[AAAA_PASSED_MALFORMED] = "malformed",
	[AAAA_PASSED_CLASS] = "class",
	[AAAA_PASSED_TYPE] = "type",
	[AAAA_PASSED_DOMAIN] = "domain",
	[AAAA_PASSED_EDNS] = "edns",
	[AAAA_PASSED_DNSSEC] = "dnssec",
	[AAAA_PASSED_SIGNED] = "signed",
	NULL,
};
const char *const aaaa_error_names[] = {
	[AAAA_ERROR_RECEIVE] = "receive", [AAAA_ERROR_OVERRUN] = "overrun",
	[AAAA_ERROR_VERDICT] = "verdict", [AAAA_ERROR_SEND] = "send",
	[AAAA_ERROR_EPERM] = "eperm",     NULL,
};

/* The n-th structure of the file: 1, 0 where the file ends, or a negative errno. */
static int read_one(int fd, size_t n, struct aaaa_statistics *ret)
{
	size_t done = 0;

	while (done < sizeof(*ret)) {
		ssize_t got = pread(fd, (char *)ret + done, sizeof(*ret) - done,
				    (off_t)(n * sizeof(*ret) + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return done == 0 && n > 0 ? 0 : -EBADMSG;
		done += (size_t)got;
	}
	return ret->magic == AAAA_STATISTICS_MAGIC && ret->version == AAAA_STATISTICS_VERSION &&
			       ret->size == sizeof(*ret)
		       ? 1
		       : -EBADMSG;
}

static void add_counts(uint64_t *to, const uint64_t *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] += from[i];
}

static void add_second(struct aaaa_statistics_second *to, const struct aaaa_statistics_second *from)
{
	if (from->time < to->time)
		return;
	if (from->time > to->time) {
		*to = *from;
		return;
	}
	to->answered += from->answered;
	to->passed += from->passed;
	to->errors += from->errors;
	for (size_t i = 0; i < AAAA_CLASSES; i++)
		to->latency[i] += from->latency[i];
}

static void add(struct aaaa_statistics *to, const struct aaaa_statistics *from)
{
	to->seen += from->seen;
	to->answered += from->answered;
	to->latency_sum_ns += from->latency_sum_ns;
	add_counts(to->passed, from->passed, AAAA_KINDS);
	add_counts(to->errors, from->errors, AAAA_KINDS);
	add_counts(to->latency, from->latency, AAAA_CLASSES);
	for (size_t i = 0; i < AAAA_SECONDS; i++)
		add_second(&to->seconds[i], &from->seconds[i]);
}

int aaaa_statistics_read(int fd, struct aaaa_statistics **ret)
{
	_cleanup_free_ struct aaaa_statistics *sum = malloc(sizeof(*sum));
	_cleanup_free_ struct aaaa_statistics *one = malloc(sizeof(*one));
	int r = sum && one ? read_one(fd, 0, sum) : -ENOMEM;

	for (size_t i = 1; r > 0 && i < AAAA_STATISTICS_MAX; i++) {
		r = read_one(fd, i, one);
		if (r > 0)
			add(sum, one);
	}
	if (r < 0)
		return r;
	*ret = TAKE_PTR(sum);
	return 0;
}
