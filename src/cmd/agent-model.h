/* SPDX-License-Identifier: Apache-2.0
 *
 * The model file that estimates go by, from others: `models.from`.
 */
#pragma once

#include "config/config.h"

/* Before the engine is opened: fetch the model that fits this machine best into `models.cache`, by
 * joulekeeper model fetch in a process of its own, which may take ten seconds. What was fetched
 * before stays where nothing better is to be had. The path of the file to go by, which is the
 * configuration's; or NULL: there is none, or `estimate-model` says what to go by. Whatever goes
 * wrong is logged, and nothing waits for a server. */
const char *jk_agent_fetch_model(const struct jk_config *config);
