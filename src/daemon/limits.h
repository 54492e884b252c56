/* SPDX-License-Identifier: GPL-2.0-or-later */
/* limits: how much of nsctld each uid holds. Root is counted but never refused. */
#pragma once

#include "nsctl/base.h"

enum limit { LIMIT_CONNECTIONS, LIMIT_SESSIONS, LIMIT_CHANGES, LIMIT_BYTES, _LIMIT_MAX };

struct limits;

int limits_new(struct limits **ret);
struct limits *limits_free(struct limits *limits); /* NULL-safe, returns NULL */
void limits_set(struct limits *limits, enum limit limit, size_t max);
/* `amount` more for uid: 0, -EDQUOT above its maximum (nothing is taken), or -ENOMEM. */
int limits_take(struct limits *limits, uid_t uid, enum limit limit, size_t amount);
/* Has uid, which holds something, its turn in this round? Once in each; root always. */
bool limits_turn(struct limits *limits, uid_t uid, uint64_t round);
void limits_give(struct limits *limits, uid_t uid, enum limit limit, size_t amount);
