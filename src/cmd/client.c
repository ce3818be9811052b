/* SPDX-License-Identifier: Apache-2.0
 *
 * A client of a running agent: see client.h. The handle is kept, and with it the connection.
 */
#include "cmd/client.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/curl.h"

#define BODY_MAX        (size_t)(256 << 20) /* some 300,000 accounts */
#define CONNECT_MAX_MS  1000L
#define TRANSFER_MAX_MS 10000L
#define STALLED_MAX_S   30L

struct jk_client {
        struct jk_curl api;
        CURL *handle;
        char *address;
        _Atomic bool cancelled;
        struct jk_text *body; /* of the get in progress */
        size_t most;          /* bytes of an answer */
        bool too_long;
};

/* ---- libcurl ---- */

static size_t
receive(char *bytes, size_t size, size_t n, void *data)
{
        struct jk_client *client = data;

        client->too_long |= client->body->length + size * n > client->most;
        if (client->too_long)
                return 0;

        jk_text_bytes(client->body, bytes, size * n);
        return client->body->failed ? 0 : size * n;
}

static int
watch(void *data, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
        struct jk_client *client = data;

        (void)a;
        (void)b;
        (void)c;
        (void)d;
        return atomic_load(&client->cancelled);
}

static int
open_handle(struct jk_client *client, struct jk_error *err)
{
        const struct jk_curl *api = &client->api;
        CURLcode r = api->global_init(CURL_GLOBAL_NOTHING); /* no TLS: it takes megabytes */

        client->handle = r == CURLE_OK ? api->easy_init() : NULL;
        if (!client->handle)
                return jk_fail(err, ENOMEM, "libcurl: cannot be initialised");

        api->easy_setopt(client->handle, CURLOPT_NOSIGNAL, 1L);
        api->easy_setopt(client->handle, CURLOPT_NOPROXY, "*");
        api->easy_setopt(client->handle, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MAX_MS);
        api->easy_setopt(client->handle, CURLOPT_TIMEOUT_MS, TRANSFER_MAX_MS);
        api->easy_setopt(client->handle, CURLOPT_USERAGENT, "joulekeeper/" JK_VERSION);
        api->easy_setopt(client->handle, CURLOPT_WRITEFUNCTION, receive);
        api->easy_setopt(client->handle, CURLOPT_WRITEDATA, client);
        api->easy_setopt(client->handle, CURLOPT_NOPROGRESS, 0L);
        api->easy_setopt(client->handle, CURLOPT_XFERINFOFUNCTION, watch);
        api->easy_setopt(client->handle, CURLOPT_XFERINFODATA, client);
        return 0;
}

/* ---- interface ---- */

bool
jk_client_built_in(void)
{
        return true;
}

const char *
jk_client_library_version(void)
{
        return jk_curl_version();
}

static bool
is_address(const char *address)
{
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789.-:[]_%";
        const char *port = strrchr(address, ':');

        return port && port != address && strspn(address, allowed) == strlen(address) && port[1] &&
               strspn(port + 1, "0123456789") == strlen(port + 1) &&
               (!strchr(address, '[') || port[-1] == ']') &&
               (strchr(address, '[') || strchr(address, ':') == port);
}

int
jk_client_open(const char *address, struct jk_client **ret_client, struct jk_error *err)
{
        struct jk_client *client;
        int r;

        if (!is_address(address))
                return jk_fail(err, EINVAL,
                               "'%s' is no address of an agent: ADDR:PORT or [ADDR]:PORT", address);

        client = calloc(1, sizeof *client);
        if (client) {
                client->most = BODY_MAX;
                client->address = strdup(address);
        }
        if (!client || !client->address) {
                jk_client_close(client);
                return jk_fail(err, ENOMEM, "client: out of memory");
        }

        r = jk_curl_load(&client->api, err);
        if (r < 0)
                jk_error_prefix(err, "an agent cannot be asked: ");
        if (r == 0)
                r = open_handle(client, err);
        if (r < 0) {
                jk_client_close(client);
                return r;
        }

        *ret_client = client;
        return 0;
}

/* The library stays loaded: what it keeps for the process cannot be taken back safely. */
void
jk_client_close(struct jk_client *client)
{
        if (!client)
                return;

        if (client->handle)
                client->api.easy_cleanup(client->handle);
        free(client->address);
        free(client);
}

static int
errno_of(const struct jk_client *client, CURLcode code)
{
        static const struct {
                CURLcode code;
                int error;
        } rows[] = {
                { CURLE_COULDNT_CONNECT, ECONNREFUSED },
                { CURLE_OPERATION_TIMEDOUT, ETIMEDOUT },
                { CURLE_ABORTED_BY_CALLBACK, ECANCELED },
                { CURLE_OUT_OF_MEMORY, ENOMEM },
                { CURLE_COULDNT_RESOLVE_HOST, EHOSTUNREACH },
        };

        if (client->too_long)
                return EFBIG;
        if (client->body->failed)
                return ENOMEM;
        for (size_t i = 0; i < JK_COUNT(rows); i++)
                if (rows[i].code == code)
                        return rows[i].error;
        return EIO;
}

void
jk_client_limit(struct jk_client *client, size_t most)
{
        client->most = most;
}

/* The exchange that was set up: the reply's status and, in text, its body. */
static int
perform(struct jk_client *client, const char *path, struct jk_text *text, long *ret_status,
        struct jk_error *err)
{
        const struct jk_curl *api = &client->api;
        jk_autotext struct jk_text url = { 0 };
        CURLcode code;

        jk_text_printf(&url, "http://%s%s", client->address, path);
        if (url.failed)
                return jk_fail(err, ENOMEM, "client: out of memory");

        client->body = text;
        client->too_long = false;
        api->easy_setopt(client->handle, CURLOPT_URL, url.data);
        code = api->easy_perform(client->handle);
        if (code != CURLE_OK)
                return jk_fail(err, errno_of(client, code), "agent %s: %s", client->address,
                               client->too_long ? "its reply is too long"
                                                : api->easy_strerror(code));

        api->easy_getinfo(client->handle, CURLINFO_RESPONSE_CODE, ret_status);
        return 0;
}

int
jk_client_get(struct jk_client *client, const char *path, struct jk_text *text,
              struct jk_error *err)
{
        long status = 0;
        int r = perform(client, path, text, &status, err);

        if (r < 0)
                return r;
        if (status != 200)
                return jk_fail(err, status == 404 ? ENOENT : EPROTO,
                               "agent %s: %s gave HTTP status %ld; is it joulekeeper that listens "
                               "there?",
                               client->address, path, status);
        return 0;
}

/* ---- sending a file ---- */

static size_t
hand_out(char *buffer, size_t size, size_t n, void *data)
{
        FILE *file = data;

        n = fread(buffer, size, n, file);
        return ferror(file) ? CURL_READFUNC_ABORT : n;
}

/* Type, token, and that what is refused is to be refused before it is sent. */
static struct curl_slist *
headers_of(const struct jk_curl *api, const struct jk_client_file *file)
{
        jk_autotext struct jk_text type = { 0 }, token = { 0 };
        struct curl_slist *headers = NULL, *more = NULL;

        jk_text_printf(&type, "Content-Type: %s", file->type);
        jk_text_printf(&token, "Authorization: Bearer %s", file->token);
        if (!type.failed && !token.failed) {
                headers = api->slist_append(NULL, type.data);
                more = headers ? api->slist_append(headers, token.data) : NULL;
                more = more ? api->slist_append(headers, "Expect: 100-continue") : NULL;
        }
        if (token.data)
                explicit_bzero(token.data, token.length);
        if (more)
                return headers;
        api->slist_free_all(headers);
        return NULL;
}

static void
set_up_post(struct jk_client *client, FILE *file, off_t length, struct curl_slist *headers)
{
        const struct jk_curl *api = &client->api;

        api->easy_setopt(client->handle, CURLOPT_POST, 1L);
        api->easy_setopt(client->handle, CURLOPT_READFUNCTION, hand_out);
        api->easy_setopt(client->handle, CURLOPT_READDATA, file);
        api->easy_setopt(client->handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length);
        api->easy_setopt(client->handle, CURLOPT_HTTPHEADER, headers);
        api->easy_setopt(client->handle, CURLOPT_TIMEOUT_MS, 0L);
        api->easy_setopt(client->handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
        api->easy_setopt(client->handle, CURLOPT_LOW_SPEED_TIME, STALLED_MAX_S);
}

static void
set_up_get(struct jk_client *client)
{
        const struct jk_curl *api = &client->api;

        api->easy_setopt(client->handle, CURLOPT_HTTPGET, 1L);
        api->easy_setopt(client->handle, CURLOPT_HTTPHEADER, NULL);
        api->easy_setopt(client->handle, CURLOPT_TIMEOUT_MS, TRANSFER_MAX_MS);
        api->easy_setopt(client->handle, CURLOPT_LOW_SPEED_TIME, 0L);
}

int
jk_client_post(struct jk_client *client, const char *path, const struct jk_client_file *file,
               struct jk_text *text, long *ret_status, struct jk_error *err)
{
        jk_autofclose FILE *stream = fopen(file->path, "re");
        struct curl_slist *headers;
        struct stat status;
        int r;

        if (!stream || fstat(fileno(stream), &status) < 0)
                return jk_fail(err, errno, "%s: %m", file->path);
        headers = headers_of(&client->api, file);
        if (!headers)
                return jk_fail(err, ENOMEM, "client: out of memory");

        set_up_post(client, stream, status.st_size, headers);
        r = perform(client, path, text, ret_status, err);
        set_up_get(client);
        client->api.slist_free_all(headers);
        return r;
}

void
jk_client_cancel(struct jk_client *client)
{
        atomic_store(&client->cancelled, true);
}

const char *
jk_client_address(const struct jk_client *client)
{
        return client->address;
}
