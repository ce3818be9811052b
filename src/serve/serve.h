/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP: metrics, JSON, health, an index page. Its own thread (libmicrohttpd, epoll) answers from
 * the latest snapshot and from nothing else, so scraping twice, at once or never changes no number.
 */
#pragma once

#include "base/error.h"
#include "ledger/snapshot.h"
#include "serve/intake.h"

struct jk_serve_options {
        const char *listen;        /* "ADDR:PORT", "[ADDR]:PORT" */
        int64_t metrics_processes; /* as in jk_config */
        int64_t metrics_cgroups;
        const char *models; /* a directory of model files to offer; NULL or "": the shipped ones */
        struct jk_intake *intake; /* for recordings; outlives the server. NULL: none are taken */
};

struct jk_server;

/* The shelf must outlive the server. Strings are copied. */
int jk_serve_start(const struct jk_serve_options *options, struct jk_shelf *shelf,
                   struct jk_server **ret_server, struct jk_error *err);
void jk_serve_stop(struct jk_server *server);

/* Change the limits while serving (SIGHUP); the address stays. */
void jk_serve_reconfigure(struct jk_server *server, const struct jk_serve_options *options);

/* Have the directory of model files read again, where it has changed, or anyway: in this thread,
 * which may be any. 1: it was read; 0: it has not changed; negative: what was offered stays. */
int jk_serve_renew_models(struct jk_server *server, bool anyway, struct jk_error *err);

/* The port it listens on (useful where 0 was asked for). */
int jk_serve_port(const struct jk_server *server);
