/* SPDX-License-Identifier: Apache-2.0
 *
 * In place of client.c where libcurl's header was missing when this was built: no agent is asked.
 */
#include "cmd/client.h"

bool
jk_client_built_in(void)
{
        return false;
}

const char *
jk_client_library_version(void)
{
        return NULL;
}

int
jk_client_open(const char *address, struct jk_client **ret_client, struct jk_error *err)
{
        (void)ret_client;
        return jk_fail(err, ENOENT,
                       "agent %s: cannot be asked, as this program was built without libcurl's "
                       "header (libcurl4-openssl-dev)",
                       address);
}

void
jk_client_close(struct jk_client *client)
{
        (void)client;
}

int
jk_client_get(struct jk_client *client, const char *path, struct jk_text *text,
              struct jk_error *err)
{
        (void)client;
        (void)text;
        return jk_fail(err, ENOENT, "%s: there is no client", path);
}

int
jk_client_post(struct jk_client *client, const char *path, const struct jk_client_file *file,
               struct jk_text *text, long *ret_status, struct jk_error *err)
{
        (void)client;
        (void)file;
        (void)text;
        (void)ret_status;
        return jk_fail(err, ENOENT, "%s: there is no client", path);
}

void
jk_client_limit(struct jk_client *client, size_t most)
{
        (void)client;
        (void)most;
}

void
jk_client_cancel(struct jk_client *client)
{
        (void)client;
}

const char *
jk_client_address(const struct jk_client *client)
{
        (void)client;
        return "";
}
