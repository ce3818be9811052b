/* SPDX-License-Identifier: Apache-2.0
 *
 * Training by recordings that others send: `models.accept`. A thread of the agent waits for what
 * comes (serve/intake.h) and has it checked, and models trained, by joulekeeper model learn, in a
 * process of its own that runs when nothing else does.
 */
#pragma once

#include "config/config.h"
#include "serve/serve.h"

/* What options of the intake the configuration makes. NULL where it takes none. -EACCES and the
 * like: the token's file cannot be read. */
int jk_agent_open_intake(const struct jk_config *config, struct jk_intake **ret_intake,
                         struct jk_error *err);

struct jk_agent_training;

/* All must outlive it. */
int jk_agent_training_start(const struct jk_config *config, struct jk_intake *intake,
                            struct jk_server *server, struct jk_agent_training **ret_training,
                            struct jk_error *err);

/* What runs is ended. May be NULL. */
void jk_agent_training_stop(struct jk_agent_training *training);
