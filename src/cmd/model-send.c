/* SPDX-License-Identifier: Apache-2.0
 *
 * joulekeeper model send: recordings to an agent that trains models by them. What is sent is a copy
 * without names, of which nothing stays, however this ends: it has no name itself once it is made.
 */
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sha256.h"
#include "base/text.h"
#include "cmd/anonymise.h"
#include "cmd/command.h"
#include "cmd/model-server.h"
#include "reference/web.h"

#define REPLY_MAX   ((size_t)64 << 10)
#define PATIENCE_NS (60 * JK_NS_PER_S) /* for a recording to be checked */
#define ASK_MS      200
#define MACHINE     "machine-" /* before the digits that stand for a machine's name */

struct request {
        const struct jk_command *command;
        const char *server, *token_file, *machine;

        struct jk_client *client;
        char token[JK_CREDENTIALS_MAX];
        char called[sizeof MACHINE + 16]; /* the machine of the recording at hand */
};

static const struct jk_option options[] = {
        { 's', "server", "URL", "the agent that takes them, http://ADDR:PORT" },
        { 't', "token-file", "FILE",
          "a file that only its owner can read, with the server's token in its first line" },
        { 'm', "machine", "NAME",
          "the machine that they are of (default: the name in the recording); only a digest of it "
          "is sent" },
};

static int
set_option(const struct jk_option *option, const char *value, void *data)
{
        struct request *request = data;

        if (option->letter == 's')
                request->server = value;
        else if (option->letter == 't')
                request->token_file = value;
        else
                request->machine = value;
        return 0;
}

/* ---- the copy ---- */

/* The same for the same machine and token, so that a server can tell machines apart, and names can
 * be tried only by who knows the token. */
static const char *
call_machine(void *data, const char *host)
{
        struct request *request = data;
        const char *name = request->machine ? request->machine : host;
        char digest[JK_SHA256_HEX_SIZE];
        struct jk_sha256 sha;

        request->called[0] = '\0';
        if (!*name)
                return "";
        if (!request->machine && strncmp(host, MACHINE, strlen(MACHINE)) == 0 &&
            strlen(host) < sizeof request->called)
                return host; /* it was made so before */

        jk_sha256_begin(&sha);
        jk_sha256_add(&sha, request->token, strlen(request->token));
        jk_sha256_add(&sha, "\n", 1);
        jk_sha256_add(&sha, name, strlen(name));
        jk_sha256_end(&sha, digest);
        snprintf(request->called, sizeof request->called, MACHINE "%.16s", digest);
        return request->called;
}

static int
write_copy(struct request *request, const char *from, struct jk_anonymised *ret_copy, int *ret_fd,
           struct jk_error *err)
{
        char folder[] = "/tmp/joulekeeper-send-XXXXXX", path[sizeof folder + 16];
        int fd = -1, r;

        if (!mkdtemp(folder))
                return jk_fail(err, errno, "/tmp: no folder can be made: %m");

        snprintf(path, sizeof path, "%s/copy.jkr", folder);
        r = jk_anonymise(from, path, call_machine, request, ret_copy, err);
        if (r == 0)
                fd = open(path, O_RDONLY | O_CLOEXEC);
        if (r == 0 && fd < 0)
                r = jk_fail(err, errno, "%s: %m", path);
        unlink(path);
        rmdir(folder);
        if (r == 0)
                *ret_fd = fd;
        return r;
}

/* Who interrupts it waits until the copy has no name any more, so that it does not stay. */
static int
make_copy(struct request *request, const char *from, struct jk_anonymised *ret_copy, int *ret_fd,
          struct jk_error *err)
{
        sigset_t interrupting, before;
        int r;

        sigemptyset(&interrupting);
        sigaddset(&interrupting, SIGINT);
        sigaddset(&interrupting, SIGTERM);
        sigaddset(&interrupting, SIGHUP);
        sigprocmask(SIG_BLOCK, &interrupting, &before);
        r = write_copy(request, from, ret_copy, ret_fd, err);
        sigprocmask(SIG_SETMASK, &before, NULL);
        return r;
}

/* ---- what the server says ---- */

/* A text of its reply, as it may be printed; or NULL. */
static const char *
member(const json_t *reply, const char *key, struct jk_text *text)
{
        const char *value = json_string_value(json_object_get(reply, key));

        jk_text_clear(text);
        if (value)
                jk_text_utf8(text, value);
        return value && !text->failed ? text->data : NULL;
}

static int
refused(long status, const struct jk_text *body, struct jk_error *err)
{
        json_t *reply = body->data ? json_loadb(body->data, body->length, 0, NULL) : NULL;
        jk_autotext struct jk_text text = { 0 };
        const char *detail = member(reply, "detail", &text);
        int r;

        if (status == 404 || status == 405)
                detail = "it takes no recordings: is it a joulekeeper of this version?";
        r = jk_fail(err, EPROTO, "the server refuses it (%ld): %.300s", status,
                    detail ? detail : "it does not say why");
        json_decref(reply);
        return r;
}

static int
tell(const char *path, const json_t *reply, struct jk_error *err)
{
        jk_autotext struct jk_text state = { 0 }, text = { 0 };
        const char *word = member(reply, "state", &state);

        if (word && strcmp(word, "refused") == 0)
                return jk_fail(err, EPROTO, "the server refuses it: %.300s",
                               member(reply, "reason", &text) ? text.data : "it does not say why");
        if (word && strcmp(word, "taken") == 0) {
                printf("%s: taken, %lld ticks, SHA-256 %s\n", path,
                       (long long)json_integer_value(json_object_get(reply, "ticks")),
                       member(reply, "sha256", &text) ? text.data : "not told");
                return 1;
        }
        return 0;
}

/* 1: it was taken, or nobody knows any more; 0: it is not known yet; negative: it was refused. */
static int
ask(struct request *request, const char *path, const char *id, struct jk_error *err)
{
        jk_autotext struct jk_text where = { 0 }, body = { 0 };
        json_t *reply;
        int r;

        jk_text_printf(&where, JK_SERVER_RECORDINGS "/%s", id);
        if (where.failed)
                return jk_fail(err, ENOMEM, "out of memory");
        r = jk_client_get(request->client, where.data, &body, err);
        if (r == -ENOENT) {
                printf("%s: sent; the server does not know any more what became of it\n", path);
                return 1;
        }
        if (r < 0)
                return r;

        reply = body.data ? json_loadb(body.data, body.length, 0, NULL) : NULL;
        r = tell(path, reply, err);
        json_decref(reply);
        return r;
}

static int
wait_for_verdict(struct request *request, const char *path, const char *id, struct jk_error *err)
{
        const struct timespec pause = { .tv_nsec = ASK_MS * 1000000L };
        int64_t until_ns = jk_monotonic_ns() + PATIENCE_NS;
        int r;

        while ((r = ask(request, path, id, err)) == 0 && jk_monotonic_ns() < until_ns)
                nanosleep(&pause, NULL);
        if (r == 0)
                printf("%s: sent; the server has not checked it yet\n", path);
        return r < 0 ? r : 0;
}

/* ---- sending ---- */

static bool
is_id(const char *id)
{
        return id && *id && strlen(id) <= 64 && strspn(id, "0123456789abcdef") == strlen(id);
}

static int
send_copy(struct request *request, const char *path, const char *copy, struct jk_error *err)
{
        const struct jk_client_file file = {
                .path = copy,
                .type = "application/zstd",
                .token = request->token,
        };
        jk_autotext struct jk_text body = { 0 }, id = { 0 };
        json_t *reply;
        long status;
        int r = jk_client_post(request->client, JK_SERVER_RECORDINGS, &file, &body, &status, err);

        if (r < 0)
                return r;
        if (status != 202)
                return refused(status, &body, err);

        reply = body.data ? json_loadb(body.data, body.length, 0, NULL) : NULL;
        member(reply, "id", &id);
        json_decref(reply);
        if (!is_id(id.data))
                return jk_fail(err, EPROTO, "the server's reply makes no sense");
        return wait_for_verdict(request, path, id.data, err);
}

static int
send_one(struct request *request, const char *path, struct jk_error *err)
{
        struct jk_anonymised copy = { 0 };
        jk_autoclose int fd = -1;
        char copied[32];
        int r = make_copy(request, path, &copy, &fd, err);

        if (r < 0)
                return r;

        if (copy.cut)
                fprintf(stderr,
                        "joulekeeper model send: %s: it ends within a tick; the %llu before that "
                        "are sent\n",
                        path, (unsigned long long)copy.ticks);
        snprintf(copied, sizeof copied, "/proc/self/fd/%d", fd);
        r = send_copy(request, path, copied, err);
        if (r < 0)
                jk_error_prefix(err, "%s: ", path);
        return r;
}

static int
send_all(struct request *request, char *paths[], struct jk_error *err)
{
        int r = jk_credentials_read(request->token_file, request->token, err);

        if (r == 0)
                r = jk_server_open(request->server, &request->client, err);
        if (r < 0)
                return r;

        jk_client_limit(request->client, REPLY_MAX);
        for (; r == 0 && *paths; paths++)
                r = send_one(request, *paths, err);
        jk_client_close(request->client);
        return r;
}

static int
send_main(const struct jk_command *command, int argc, char *argv[])
{
        struct request request = { .command = command };
        struct jk_error err = { "" };
        int first = jk_options_parse(command, options, JK_COUNT(options), argc, argv, set_option,
                                     &request);
        int r;

        if (first < 0)
                return -1 - first;
        if (first == argc || !request.server || !request.token_file)
                return jk_usage_error(command, "give recordings, --server and --token-file");

        r = send_all(&request, argv + first, &err);
        explicit_bzero(request.token, sizeof request.token);
        if (r == 0)
                return JK_EXIT_OK;
        fprintf(stderr, "joulekeeper model send: %s\n", err.message);
        return JK_EXIT_FAILURE;
}

const struct jk_command jk_command_model_send = {
        .name = "model send",
        .arguments = "--server URL --token-file FILE [OPTION…] RECORDING…",
        .summary = "sends recordings to an agent that trains models by them",
        .main = send_main,
        .details =
                "What is sent is a copy without names: programs, users and cgroups are numbered, "
                "and the machine is called by a digest of its name and the token. There is no "
                "TLS: token and recording can be read on the way.\n"
                "\n"
                "exit status:\n"
                "  0  all were taken, or are being checked yet\n"
                "  1  one was refused or could not be sent; those after it were not sent",
};
