/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers and times as other programs write them. Whether something is a number does not depend on
 * the locale; what stands for "not there" is told from 0.
 */
#pragma once

#include <stdint.h>

#include "base/error.h"

/* 0, with NaN for an empty field, "nan", "NA", "null", "-" and the "<not counted>" and "<not
 * supported>" of perf. -EINVAL for what is no finite number; the message does not say where. */
int jk_import_number(const char *text, double *ret_value, struct jk_error *err);

/* What is later is refused: the decoder of recordings has room for no more. */
#define JK_IMPORT_TIME_MAX (INT64_C(1) << 62)

enum jk_time_unit { JK_TIME_S, JK_TIME_MS, JK_TIME_US, JK_TIME_NS, JK_TIME_ISO8601 };

/* To the nanosecond: a number of the unit since 1970, or 2026-11-21T16:24:43.5Z, with a space for T
 * if need be, and +01:00 for Z; without either it is UTC. Not before 1970, nor after 2116. */
int jk_import_time(const char *text, /* What is later is refused: the decoder of recordings has room
                                        for no more. */
#define JK_IMPORT_TIME_MAX (INT64_C(1) << 62)

                   enum jk_time_unit unit, int64_t *ret_ns, struct jk_error *err);
