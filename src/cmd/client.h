/* SPDX-License-Identifier: Apache-2.0
 *
 * A client of a running agent: GET over HTTP by libcurl, which is loaded when a command needs it
 * and not linked, since it would cost the agent 3 MB of memory that it never uses.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/text.h"

#define JK_AGENT_ADDRESS "127.0.0.1:9782"

struct jk_client;

/* Whether this program was built with libcurl's header, without which no agent is asked. */
bool jk_client_built_in(void);

/* The version of the libcurl that is found, in its own memory, or NULL if none is. */
const char *jk_client_library_version(void);

/* A client of the agent at "ADDR:PORT" or "[ADDR]:PORT"; nothing is sent yet. -EINVAL for another
 * address, -ENOENT if there is no libcurl. Not thread-safe: call it before threads start. */
int jk_client_open(const char *address, struct jk_client **ret_client, struct jk_error *err);
void jk_client_close(struct jk_client *client);

/* Bytes that an answer may have from now on; 256 MiB, if nothing is said. */
void jk_client_limit(struct jk_client *client, size_t most);

/* Append the body of http://ADDRESS/path to text. -ECONNREFUSED if nobody listens, -ETIMEDOUT,
 * -ENOENT if the reply is 404, -EPROTO if it is not 200 either, -EFBIG if it is too long,
 * -ECANCELED. */
int jk_client_get(struct jk_client *client, const char *path, struct jk_text *text,
                  struct jk_error *err);

struct jk_client_file {
        const char *path;  /* of the file */
        const char *type;  /* its Content-Type */
        const char *token; /* to be sent as Authorization: Bearer */
};

/* Send the file to http://ADDRESS/path by POST, and append the reply's body to text, whatever its
 * status. -ETIMEDOUT: it went on no further for half a minute. */
int jk_client_post(struct jk_client *client, const char *path, const struct jk_client_file *file,
                   struct jk_text *text, long *ret_status, struct jk_error *err);

/* Make the get in progress, and all later ones, fail with -ECANCELED soon. From any thread. */
void jk_client_cancel(struct jk_client *client);

const char *jk_client_address(const struct jk_client *client);
