/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every fuzz target defines: libFuzzer's entry point (it aborts when a promise is broken). */
#pragma once

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
