/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The profile directories, and how strictly what lies there is judged. */
#include "profiles.h"
#include "cli.h"
#include "nsctl/profile.h"

static const char *const usual[] = {
	SYSCONFDIR "/nsctl/profiles",
	"/run/nsctl/profiles",
	DATADIR "/nsctl/profiles",
};

char *const *profile_directories(const struct cli *cli)
{
	static char *directories[ARRAY_SIZE(usual) + 1];

	if (cli->profiles)
		return cli->profiles;
	for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
		directories[i] = (char *)usual[i];
	return directories;
}

unsigned profile_flags(const struct cli *cli)
{
	return cli->profiles ? 0 : PROFILE_TRUSTED;
}
