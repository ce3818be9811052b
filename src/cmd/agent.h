/* SPDX-License-Identifier: Apache-2.0
 *
 * The agent: an engine on a thread of its own, an HTTP server beside it, and a main thread that
 * waits for signals. SIGTERM and SIGINT stop it at once, SIGHUP reads the configuration again.
 */
#pragma once

#include "cmd/settings.h"

struct jk_agent;

/* Open the engine, start serving, take the baselines. Blocks the signals above for this thread and
 * those that it starts. */
int jk_agent_open(const struct jk_settings *settings, struct jk_agent **ret_agent,
                  struct jk_error *err);

/* Stop serving and ticking, and free. */
void jk_agent_close(struct jk_agent *agent);

/* What the agent measures and how, what is missing, and where to look. */
void jk_agent_report(struct jk_agent *agent, FILE *out);

/* Tick until a signal says stop. */
int jk_agent_run(struct jk_agent *agent, struct jk_error *err);
