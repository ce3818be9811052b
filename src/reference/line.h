/* SPDX-License-Identifier: Apache-2.0
 *
 * A line of a program that prints what it measures: "WATTS", or "TIMESTAMP WATTS" with the time in
 * seconds since 1970.
 */
#pragma once

#include "reference/reference.h"

/* A number as programs write it, whatever the locale: 0 and how far it goes, or -EINVAL for what is
 * no finite decimal number. */
int jk_reference_number(const char *text, const char **ret_end, double *ret_value);

/* Nanoseconds since 1970 from seconds; 0 if that is no time since 2000 nor before 2200. */
int64_t jk_reference_time(double seconds);

/* Pure. -EINVAL for any other line; the message shows it. */
int jk_reference_line(const char *line, struct jk_reference_value *ret_value, struct jk_error *err);
