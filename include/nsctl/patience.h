/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * patience: an end to waits that a caller can cause.
 *
 * Who drops the last reference to a socket with SO_LINGER waits, as long as its owner likes, for
 * the peer to take what is queued (inet_release in net/ipv4/af_inet.c); a caller may send us such a
 * one. A signal ends the wait, so between start and end one comes every few milliseconds.
 */
#pragma once

void patience_prepare(void);
void patience_start(void);
void patience_end(void);
