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

int aaaa_statistics_read(int fd, struct aaaa_statistics **ret)
{
	_cleanup_free_ struct aaaa_statistics *copy = calloc(1, sizeof(*copy));
	size_t done = 0;

	if (!copy)
		return -ENOMEM;
	while (done < sizeof(*copy)) {
		ssize_t n = pread(fd, (char *)copy + done, sizeof(*copy) - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EBADMSG;
		done += (size_t)n;
	}
	if (copy->magic != AAAA_STATISTICS_MAGIC || copy->version != AAAA_STATISTICS_VERSION ||
	    copy->size != sizeof(*copy))
		return -EBADMSG;
	*ret = TAKE_PTR(copy);
	return 0;
}
