/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP for references, by libcurl: see web.h.
 */
#include "reference/web.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/curl.h"

#define BODY_MAX        (size_t)(1 << 20)
#define CONNECT_MAX_MS  5000L
#define TRANSFER_MAX_MS 10000L

struct jk_web {
        struct jk_curl api;
        CURL *handle;
        int stop_fd;
        struct jk_text *body; /* of the get in progress */
};

static size_t
receive(char *bytes, size_t size, size_t n, void *data)
{
        struct jk_web *web = data;

        if (web->body->length + size * n > BODY_MAX)
                return 0;
        jk_text_bytes(web->body, bytes, size * n);
        return web->body->failed ? 0 : size * n;
}

/* Called about once a second at least, and while a name is looked up. */
static int
watch(void *data, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
        struct jk_web *web = data;
        struct pollfd fd = { .fd = web->stop_fd, .events = POLLIN };

        (void)a;
        (void)b;
        (void)c;
        (void)d;
        return poll(&fd, 1, 0) > 0;
}

static int
set_credentials(struct jk_web *web, const char *path, struct jk_error *err)
{
        char line[JK_CREDENTIALS_MAX];
        int r = jk_credentials_read(path, line, err);

        if (r < 0)
                return r;

        if (strchr(line, ':')) {
                web->api.easy_setopt(web->handle, CURLOPT_HTTPAUTH, CURLAUTH_ANY);
                web->api.easy_setopt(web->handle, CURLOPT_USERPWD, line);
        } else {
                web->api.easy_setopt(web->handle, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
                web->api.easy_setopt(web->handle, CURLOPT_XOAUTH2_BEARER, line);
        }
        explicit_bzero(line, sizeof line);
        return 0;
}

static int
set_options(struct jk_web *web, const struct jk_reference_config *config, struct jk_error *err)
{
        const struct jk_curl *api = &web->api;
        CURL *handle = web->handle;

        api->easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
        api->easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
        api->easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L); /* credentials go nowhere else */
        api->easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MAX_MS);
        api->easy_setopt(handle, CURLOPT_TIMEOUT_MS, TRANSFER_MAX_MS);
        api->easy_setopt(handle, CURLOPT_USERAGENT, "joulekeeper/" JK_VERSION);
        api->easy_setopt(handle, CURLOPT_WRITEFUNCTION, receive);
        api->easy_setopt(handle, CURLOPT_WRITEDATA, web);
        api->easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
        api->easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, watch);
        api->easy_setopt(handle, CURLOPT_XFERINFODATA, web);
        if (*config->certificate)
                api->easy_setopt(handle, CURLOPT_CAINFO, config->certificate);

        return *config->credentials ? set_credentials(web, config->credentials, err) : 0;
}

int
jk_web_open(const struct jk_reference_config *config, struct jk_web **ret_web, struct jk_error *err)
{
        static const char https[] = "https:";
        bool tls = strncmp(config->url, https, sizeof https - 1) == 0;
        struct jk_web *web = calloc(1, sizeof *web);
        int r;

        if (!web)
                return jk_fail(err, ENOMEM, "out of memory");

        r = jk_curl_load(&web->api, err);
        if (r == 0) { /* TLS takes megabytes */
                web->api.global_init(tls ? CURL_GLOBAL_SSL : CURL_GLOBAL_NOTHING);
                web->handle = web->api.easy_init();
                r = web->handle ? set_options(web, config, err)
                                : jk_fail(err, ENOMEM, "libcurl: cannot be initialised");
        }
        if (r < 0) {
                jk_web_close(web);
                return r;
        }

        *ret_web = web;
        return 0;
}

void
jk_web_close(struct jk_web *web)
{
        if (!web)
                return;
        if (web->handle)
                web->api.easy_cleanup(web->handle);
        free(web);
}

static int
errno_of(CURLcode code)
{
        static const struct {
                CURLcode code;
                int error;
        } rows[] = {
                { CURLE_ABORTED_BY_CALLBACK, ECANCELED },
                { CURLE_COULDNT_CONNECT, ECONNREFUSED },
                { CURLE_OPERATION_TIMEDOUT, ETIMEDOUT },
                { CURLE_WRITE_ERROR, EFBIG },
        };

        for (size_t i = 0; i < JK_COUNT(rows); i++)
                if (rows[i].code == code)
                        return rows[i].error;
        return EIO;
}

/* What of an address may be told: its query may hold a token. */
static int
told_length(const char *url)
{
        size_t length = strcspn(url, "?#");

        return length < 120 ? (int)length : 120;
}

int
jk_web_get(struct jk_web *web, const char *url, int stop_fd, struct jk_text *ret_body,
           struct jk_error *err)
{
        long status = 0;
        CURLcode code;

        jk_text_clear(ret_body);
        web->body = ret_body;
        web->stop_fd = stop_fd;
        web->api.easy_setopt(web->handle, CURLOPT_URL, url);
        code = web->api.easy_perform(web->handle);
        if (code != CURLE_OK)
                return jk_fail(err, errno_of(code), "%.*s: %s", told_length(url), url,
                               code == CURLE_WRITE_ERROR ? "the answer is longer than 1 MiB"
                                                         : web->api.easy_strerror(code));

        web->api.easy_getinfo(web->handle, CURLINFO_RESPONSE_CODE, &status);
        if (status == 401 || status == 403)
                return jk_fail(err, EPROTO,
                               "%.*s: gave HTTP status %ld; is what the file named by "
                               "wall.credentials holds right?",
                               told_length(url), url, status);
        if (status == 400 || status == 422)
                return jk_fail(
                        err, EPROTO,
                        "%.*s: gave HTTP status %ld: it does not understand what it is asked; "
                        "is wall.query right?",
                        told_length(url), url, status);
        if (status != 200)
                return jk_fail(err, EPROTO, "%.*s: gave HTTP status %ld", told_length(url), url,
                               status);
        return 0;
}

void
jk_web_escape(struct jk_web *web, const char *text, struct jk_text *url)
{
        char *escaped = web->api.easy_escape(web->handle, text, 0);

        if (escaped)
                jk_text_string(url, escaped);
        else
                url->failed = true;
        web->api.free(escaped);
}
