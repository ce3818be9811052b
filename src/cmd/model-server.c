/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking model servers: see model-server.h.
 */
#include "cmd/model-server.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define LIST_MAX ((size_t)1 << 20) /* some 1,000 models */

static const char http[] = "http://";

bool
jk_is_server(const char *url)
{
        return strncmp(url, http, strlen(http)) == 0;
}

int
jk_server_open(const char *url, struct jk_client **ret_client, struct jk_error *err)
{
        jk_autofree char *address = NULL;

        if (!jk_is_server(url))
                return jk_fail(err, EINVAL, "'%s' is no address of a server: http://ADDR:PORT",
                               url);

        url += strlen(http);
        address = strndup(url, strcspn(url, "/"));
        return address ? jk_client_open(address, ret_client, err)
                       : jk_fail(err, ENOMEM, "out of memory");
}

int
jk_server_list(struct jk_client *client, struct jk_text *text, struct jk_error *err)
{
        jk_client_limit(client, LIST_MAX);
        return jk_client_get(client, JK_SERVER_MODELS, text, err);
}
