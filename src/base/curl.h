/* SPDX-License-Identifier: Apache-2.0
 *
 * libcurl, loaded when something has to be asked over HTTP and not linked, since it would cost
 * every agent 3 MB of memory that most never use. Only where its header was there at build time.
 */
#pragma once

#include <curl/curl.h>

#include "base/error.h"

/* The macros that check the types of curl_easy_setopt()'s arguments call it by name. */
#undef curl_easy_setopt
#undef curl_easy_getinfo

/* What is used of it. */
struct jk_curl {
        __typeof__(&curl_global_init) global_init;
        __typeof__(&curl_easy_init) easy_init;
        __typeof__(&curl_easy_setopt) easy_setopt;
        __typeof__(&curl_easy_perform) easy_perform;
        __typeof__(&curl_easy_getinfo) easy_getinfo;
        __typeof__(&curl_easy_strerror) easy_strerror;
        __typeof__(&curl_easy_escape) easy_escape;
        __typeof__(&curl_free) free;
        __typeof__(&curl_easy_cleanup) easy_cleanup;
        __typeof__(&curl_slist_append) slist_append;
        __typeof__(&curl_slist_free_all) slist_free_all;
};

/* -ENOENT with the remedy if there is none. It stays loaded: what it keeps for the process cannot
 * be taken back safely. */
int jk_curl_load(struct jk_curl *ret_curl, struct jk_error *err);

/* The version of the one that is found, in its own memory, or NULL if none is. */
const char *jk_curl_version(void);
