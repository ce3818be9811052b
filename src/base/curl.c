/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading libcurl: see curl.h.
 */
#include "base/curl.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#include "base/array.h"

static const struct {
        const char *name;
        size_t offset;
} symbols[] = {
        { "curl_global_init", offsetof(struct jk_curl, global_init) },
        { "curl_easy_init", offsetof(struct jk_curl, easy_init) },
        { "curl_easy_setopt", offsetof(struct jk_curl, easy_setopt) },
        { "curl_easy_perform", offsetof(struct jk_curl, easy_perform) },
        { "curl_easy_getinfo", offsetof(struct jk_curl, easy_getinfo) },
        { "curl_easy_strerror", offsetof(struct jk_curl, easy_strerror) },
        { "curl_easy_escape", offsetof(struct jk_curl, easy_escape) },
        { "curl_free", offsetof(struct jk_curl, free) },
        { "curl_easy_cleanup", offsetof(struct jk_curl, easy_cleanup) },
};

/* Debian builds it with several TLS libraries: either will do. */
static const char *const libraries[] = { "libcurl.so.4", "libcurl-gnutls.so.4", "libcurl.so" };

static void *
open_library(void)
{
        void *library = NULL;

        for (size_t i = 0; i < JK_COUNT(libraries) && !library; i++)
                library = dlopen(libraries[i], RTLD_NOW | RTLD_LOCAL);

        return library;
}

int
jk_curl_load(struct jk_curl *ret_curl, struct jk_error *err)
{
        void *library = open_library();
        struct jk_curl curl;

        if (!library)
                return jk_fail(err, ENOENT, "there is no libcurl: %s; install libcurl4", dlerror());

        for (size_t i = 0; i < JK_COUNT(symbols); i++) {
                void *symbol = dlsym(library, symbols[i].name);

                if (!symbol)
                        return jk_fail(err, ENOENT, "libcurl: there is no %s; install libcurl4",
                                       symbols[i].name);
                memcpy((char *)&curl + symbols[i].offset, &symbol, sizeof symbol);
        }

        *ret_curl = curl;
        return 0;
}

const char *
jk_curl_version(void)
{
        void *library = open_library();
        void *symbol = library ? dlsym(library, "curl_version_info") : NULL;
        __typeof__(&curl_version_info) version_info;

        memcpy(&version_info, &symbol, sizeof symbol);
        return symbol ? version_info(CURLVERSION_NOW)->version : NULL;
}
