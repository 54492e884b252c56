/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Profiles read without nsctld, by check, show and list --names. */
#pragma once

#include "cli.h"

/* Those of --profiles, else the usual ones; borrowed. */
char *const *profile_directories(const struct cli *cli);
/* In the usual directories as nsctld reads them; a directory of one's own may be one's own. */
unsigned profile_flags(const struct cli *cli);
