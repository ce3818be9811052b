/* SPDX-License-Identifier: Apache-2.0
 *
 * Model servers (docs/model-server.md) as commands ask them.
 */
#pragma once

#include <stdbool.h>

#include "base/text.h"
#include "cmd/client.h"

#define JK_SERVER_MODELS     "/api/v1/models"
#define JK_SERVER_RECORDINGS "/api/v1/recordings"

/* Whether it is an address as "http://ADDR:PORT". */
bool jk_is_server(const char *url);

/* A client of the server there, whatever path follows; as jk_client_open(). -EINVAL: no address. */
int jk_server_open(const char *url, struct jk_client **ret_client, struct jk_error *err);

/* Append the list of its models, as it was sent. */
int jk_server_list(struct jk_client *client, struct jk_text *text, struct jk_error *err);
