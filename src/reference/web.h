/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking a reference over HTTP: one connection that is kept, credentials from a file that nobody
 * else can read, certificates verified, no redirects, and an end to everything. Sources that differ
 * only in what they ask and what the answer means are a call of these.
 */
#pragma once

#include "base/text.h"
#include "reference/json.h"

struct jk_web;

/* libcurl is loaded here. -ENOENT without it, -EACCES or -EPERM for credentials that cannot be read
 * or that others can. */
int jk_web_open(const struct jk_reference_config *config, struct jk_web **ret_web,
                struct jk_error *err);
void jk_web_close(struct jk_web *web);

/* GET it: the body, at most 1 MiB. -ECANCELED soon after stop_fd becomes readable; -EPROTO for
 * another status than 200. */
int jk_web_get(struct jk_web *web, const char *url, int stop_fd, struct jk_text *ret_body,
               struct jk_error *err);

/* Append a text as a part of a URL. */
void jk_web_escape(struct jk_web *web, const char *text, struct jk_text *url);

/* The credentials in a file's first line; ret_line is a buffer. Not of the network, so that it can
 * be tried without. */
#define JK_CREDENTIALS_MAX 1024
int jk_credentials_read(const char *path, char ret_line[static JK_CREDENTIALS_MAX],
                        struct jk_error *err);
