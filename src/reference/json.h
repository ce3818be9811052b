/* SPDX-License-Identifier: Apache-2.0
 *
 * What comes back from a reference as JSON: where in it the number stands, and what the answers of
 * known services mean. Pure; the texts are others'.
 */
#pragma once

#include <stddef.h>

#include "reference/reference.h"

/* Whether it is a path: names and places in lists, as meters[0].power or ["a.b"].c; empty is one.
 */
int jk_json_path_check(const char *path, struct jk_error *err);

/* An answer: text of that length. -EBADMSG for what is no such answer, with a message that begins
 * with the source's name. */
typedef int jk_answer(const char *text, size_t length, const char *path,
                      struct jk_reference_value *ret_value, struct jk_error *err);

/* The number at the path, or a text that is one. */
jk_answer jk_answer_http;
jk_answer jk_answer_mqtt;

/* An instant query's one series, or scalar. */
jk_answer jk_answer_prometheus;

/* Chassis/ID/Power or Chassis/ID/EnvironmentMetrics; or what the path says. */
jk_answer jk_answer_redfish;

/* The latest of a list of values of one metric of one device. */
jk_answer jk_answer_kwollect;

/* Nanoseconds since 1970 of 2022-10-27T15:41:05.1+02:00 (or Z); 0 if it is none. */
int64_t jk_reference_iso8601(const char *text);
