/* SPDX-License-Identifier: Apache-2.0
 *
 * The model file that estimates go by, from others: `models.from`; and those that are offered to
 * others, from `models.directory`.
 */
#pragma once

#include "config/config.h"
#include "serve/serve.h"

/* Before the engine is opened: fetch the model that fits this machine best into `models.cache`, by
 * joulekeeper model fetch in a process of its own, which may take ten seconds. What was fetched
 * before stays where nothing better is to be had. The path of the file to go by, which is the
 * configuration's; or NULL: there is none, or `estimate-model` says what to go by. Whatever goes
 * wrong is logged, and nothing waits for a server. */
const char *jk_agent_fetch_model(const struct jk_config *config);

/* Have the files that are offered read again, where the directory has changed, or anyway; what
 * comes of it is logged. From any thread but the one that ticks. */
void jk_agent_renew_models(struct jk_server *server, bool anyway);
