/* SPDX-License-Identifier: Apache-2.0
 *
 * Logging to stderr, one line a message, with the syslog level prefix ("<4>") where the journal
 * reads us (JOURNAL_STREAM is set). Thread-safe: a line is one write(2). Never
 * blocks: where nobody reads, messages are dropped, and their number is told with the next.
 */
#pragma once

enum jk_log_level {
        JK_LOG_ERROR = 3,
        JK_LOG_WARNING = 4,
        JK_LOG_NOTICE = 5,
        JK_LOG_INFO = 6,
        JK_LOG_DEBUG = 7,
};

/* Messages above this level are dropped. Default: JK_LOG_INFO. Set it before threads start. */
void jk_log_set_level(enum jk_log_level level);

void jk_log(enum jk_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define jk_log_error(...)   jk_log(JK_LOG_ERROR, __VA_ARGS__)
#define jk_log_warning(...) jk_log(JK_LOG_WARNING, __VA_ARGS__)
#define jk_log_notice(...)  jk_log(JK_LOG_NOTICE, __VA_ARGS__)
#define jk_log_info(...)    jk_log(JK_LOG_INFO, __VA_ARGS__)
#define jk_log_debug(...)   jk_log(JK_LOG_DEBUG, __VA_ARGS__)
