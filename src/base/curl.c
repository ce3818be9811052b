/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading libcurl: see curl.h.
 */
#include "base/curl.h"

#include <string.h>

#include "base/array.h"
#include "base/library.h"

#define SYMBOL(symbol, field)                                                                      \
        {                                                                                          \
#symbol, offsetof(struct jk_curl, field)                                           \
        }

static const struct jk_library_symbol symbols[] = {
        SYMBOL(curl_global_init, global_init),       SYMBOL(curl_easy_init, easy_init),
        SYMBOL(curl_easy_setopt, easy_setopt),       SYMBOL(curl_easy_perform, easy_perform),
        SYMBOL(curl_easy_getinfo, easy_getinfo),     SYMBOL(curl_easy_strerror, easy_strerror),
        SYMBOL(curl_easy_escape, easy_escape),       SYMBOL(curl_free, free),
        SYMBOL(curl_easy_cleanup, easy_cleanup),     SYMBOL(curl_slist_append, slist_append),
        SYMBOL(curl_slist_free_all, slist_free_all),
};

/* Debian builds it with several TLS libraries: either will do. */
static const struct jk_library library = {
        .name = "libcurl",
        .package = "libcurl4",
        .files = { "libcurl.so.4", "libcurl-gnutls.so.4", "libcurl.so" },
        .symbols = symbols,
        .n_symbols = JK_COUNT(symbols),
};

int
jk_curl_load(struct jk_curl *ret_curl, struct jk_error *err)
{
        struct jk_curl curl;
        int r = jk_library_load(&library, &curl, err);

        if (r == 0)
                *ret_curl = curl;
        return r;
}

const char *
jk_curl_version(void)
{
        void *symbol = jk_library_symbol(&library, "curl_version_info");
        __typeof__(&curl_version_info) version_info;

        memcpy(&version_info, &symbol, sizeof symbol);
        return symbol ? version_info(CURLVERSION_NOW)->version : NULL;
}
