/* SPDX-License-Identifier: Apache-2.0
 *
 * The options that `top` and `ps` share: whom to ask, how often, and how to measure by itself.
 */
#pragma once

#include "cmd/client.h"
#include "cmd/command.h"
#include "cmd/source.h"
#include "cmd/view.h"

/* Rows for a command's table of options. */
#define JK_SOURCE_OPTIONS                                                                          \
        { 'i', "interval", "TIME", "how long each measurement takes: 10ms to 60s (default 1s)" },  \
                { 0, "agent", "ADDR:PORT|off",                                                     \
                  "ask this agent; off: ask none (default: " JK_AGENT_ADDRESS ", if one runs)" },  \
                { 0, "root", "DIR", "by itself: read sysfs and procfs below DIR" },                \
                { 0, "meter", "LIST", "by itself: use these meters, comma-separated" },            \
        {                                                                                          \
                0, "activity", "auto|bpf|proc", "by itself: how to see what tasks do"              \
        }

/* Rows for what to show. */
#define JK_VIEW_OPTIONS                                                                            \
        { 'b', "by", "task|cgroup|user|machine", "whose energy to show (default: task)" },         \
                { 's', "sort", "watts|energy|cpu|name|pid", "order (default: watts)" },            \
                { 'r', "reverse", NULL, "the other way round" },                                   \
                { 'f', "filter", "TEXT", "only those with TEXT in name, user or cgroup" },         \
        {                                                                                          \
                'a', "all", NULL, "those that used nothing, too"                                   \
        }

/* Take one of these options: 0, a status to exit with (it was said why), or -ENOENT if it is none
 * of them. */
int jk_source_option(const struct jk_command *command, const struct jk_option *option,
                     const char *value, struct jk_source_options *source,
                     struct jk_view_options *view);
