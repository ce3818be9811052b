/* SPDX-License-Identifier: Apache-2.0
 *
 * Recordings that clients send to the real server: who may, what is too much, and that nothing
 * stays of what does not come whole.
 */
#include "tests/unit/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include "serve/intake.h"
#include "tests/unit/serve/server.h"
#include "tests/unit/tree.h"

#define TOKEN "0123456789abcdef-of-a-test"
#define BEARS "Authorization: Bearer " TOKEN "\r\n"
#define TYPED "Content-Type: application/zstd\r\n"

#define ONE_MAX 100000
#define ALL_MAX 150000

struct place {
        struct fixture served; /* first: teardown() is the fixtures' */
        struct tree tree;
        struct jk_intake *intake;
        struct jk_http_limits limits;
};

static void
open_place(struct place *p, const char *token)
{
        const struct jk_intake_options intake = {
                .directory = p->tree.path,
                .token = token,
                .recording_bytes_max = ONE_MAX,
                .bytes_max = ALL_MAX,
                .recordings_max = 3,
        };
        struct jk_serve_options with = options;
        struct jk_error err = { "" };

        if (jk_intake_open(&intake, &p->intake, &err) < 0)
                fail_msg("%s", err.message);
        with.intake = p->intake;
        if (jk_http_start(&with, &p->limits, &p->served.shelf, &p->served.server, &err) < 0)
                fail_msg("%s", err.message);
        p->served.port = jk_serve_port(p->served.server);
}

static void
close_place(struct place *p)
{
        jk_serve_stop(p->served.server);
        jk_intake_close(p->intake);
        p->served.server = NULL;
        p->intake = NULL;
}

static int
set_up_with(void **state, const struct jk_http_limits *limits)
{
        struct place *p = calloc(1, sizeof *p);

        if (!p)
                return -1;
        jk_shelf_init(&p->served.shelf);
        jk_shelf_publish(&p->served.shelf, fake_machine(&p->served.shelf, 4, 20));
        tree_make(&p->tree);
        p->limits = *limits;
        open_place(p, TOKEN);
        *state = p;
        return 0;
}

static int
set_up(void **state)
{
        return set_up_with(state, &patient);
}

static int
set_up_hurried(void **state)
{
        return set_up_with(state, &hurried);
}

static int
tear_down(void **state)
{
        struct place *p = *state;

        close_place(p);
        tree_destroy(&p->tree);
        return teardown(state);
}

/* ---- what is in the directory ---- */

static size_t
count_files(const struct place *p, const char *ending)
{
        char path[256];
        struct dirent *entry;
        size_t n = 0;
        DIR *directory;

        snprintf(path, sizeof path, "%s/" JK_INTAKE_INCOMING, p->tree.path);
        directory = opendir(path);
        assert_non_null(directory);
        while ((entry = readdir(directory))) {
                const char *dot = strrchr(entry->d_name, '.');

                n += dot && dot != entry->d_name && dot[1] && strcmp(dot, ending) == 0;
        }
        closedir(directory);
        return n;
}

static bool
comes_to(const struct place *p, const char *ending, size_t n)
{
        for (int i = 0; i < 500; i++) {
                if (count_files(p, ending) == n)
                        return true;
                usleep(20000);
        }
        return false;
}

/* ---- sending ---- */

static void
say_head(int fd, const char *headers, size_t length)
{
        char head[1024];

        snprintf(head, sizeof head,
                 "POST /api/v1/recordings HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                 "%sContent-Length: %zu\r\n\r\n",
                 headers, length);
        client_say(fd, head);
}

static void
post(const struct place *p, const char *headers, size_t length, struct reply *reply)
{
        static const char zeros[ONE_MAX];
        int fd = client_connect(p->served.port);

        say_head(fd, headers, length);
        if (length <= sizeof zeros)
                client_send(fd, zeros, length);
        reply_read(fd, reply);
        close(fd);
}

static int
status_of(const struct place *p, const char *headers, size_t length)
{
        autoreply reply = { 0 };

        post(p, headers, length, &reply);
        return reply.status;
}

/* ---- tests ---- */

static void
what_is_sent_is_kept_whole_and_its_sender_learns_of_it(void **state)
{
        struct place *p = *state;
        struct jk_intake_result result = { .state = JK_INTAKE_TAKEN, .sha256 = "ab", .ticks = 7 };
        autoreply reply = { 0 }, waiting = { 0 }, taken = { 0 }, none = { 0 };
        char path[320], uri[128], byte[8];
        const char *id;
        int fd;

        post(p, BEARS TYPED, 5, &reply);
        assert_int_equal(reply.status, 202);
        id = strstr(reply.body, "\"id\":\"");
        assert_non_null(id);
        memcpy(result.id, id + 6, sizeof result.id - 1);

        snprintf(path, sizeof path, "%s/" JK_INTAKE_INCOMING "/%s.jkr", p->tree.path, result.id);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(read(fd, byte, sizeof byte), 5);
        close(fd);
        assert_int_equal(count_files(p, ".part"), 0);

        snprintf(uri, sizeof uri, "/api/v1/recordings/%s", result.id);
        reply_get(p->served.port, "GET", uri, "", &waiting);
        assert_non_null(strstr(waiting.body, "\"waiting\""));
        jk_intake_tell(p->intake, &result);
        reply_get(p->served.port, "GET", uri, "", &taken);
        assert_non_null(strstr(taken.body, "\"state\":\"taken\""));
        assert_non_null(strstr(taken.body, "\"ticks\":7"));
        reply_get(p->served.port, "GET", "/api/v1/recordings/0123", "", &none);
        assert_int_equal(none.status, 404);
}

static void
who_does_not_know_the_token_changes_nothing(void **state)
{
        struct place *p = *state;
        static const struct {
                const char *headers;
                int status;
        } rows[] = {
                { TYPED, 401 },
                { "Authorization: Bearer \r\n" TYPED, 401 },
                { "Authorization: Bearer wrong\r\n" TYPED, 401 },
                { "Authorization: Bearer " TOKEN "x\r\n" TYPED, 401 },
                { "Authorization: Basic " TOKEN "\r\n" TYPED, 401 },
                { "Cookie: token=" TOKEN "\r\n" TYPED, 401 },
                { BEARS "Origin: http://localhost\r\n" TYPED, 403 },
                { BEARS "Origin: null\r\n" TYPED, 403 },
                { BEARS, 415 },
                { BEARS "Content-Type: text/plain\r\n", 415 },
                { BEARS "Content-Type: multipart/form-data\r\n", 415 },
                { BEARS TYPED "Content-Encoding: gzip\r\n", 415 },
        };

        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                int status = status_of(p, rows[i].headers, 5);

                if (status != rows[i].status)
                        fail_msg("%s: %d", rows[i].headers, status);
        }
        assert_int_equal(count_files(p, ".jkr") + count_files(p, ".part"), 0);
        assert_int_equal(status_of(p, BEARS TYPED, 5), 202); /* it was no other reason */
}

static void
another_host_name_and_other_methods_are_refused(void **state)
{
        struct place *p = *state;
        autoreply misdirected = { 0 }, put = { 0 }, elsewhere = { 0 };
        int fd = client_connect(p->served.port);

        client_say(fd, "POST /api/v1/recordings HTTP/1.1\r\nHost: attacker.example\r\n"
                       "Connection: close\r\n" BEARS TYPED "Content-Length: 1\r\n\r\nx");
        reply_read(fd, &misdirected);
        close(fd);
        assert_int_equal(misdirected.status, 421);
        reply_get(p->served.port, "PUT", "/api/v1/recordings", BEARS TYPED, &put);
        assert_int_equal(put.status, 405);
        assert_string_equal(reply_header(&put, "Allow"), "GET, HEAD, POST");
        reply_get(p->served.port, "POST", "/api/v1/models", BEARS TYPED, &elsewhere);
        assert_int_equal(elsewhere.status, 405);
        assert_string_equal(reply_header(&elsewhere, "Allow"), "GET, HEAD");
        assert_int_equal(count_files(p, ".jkr"), 0);
}

static void
too_much_is_refused_before_it_is_sent(void **state)
{
        struct place *p = *state;
        autoreply chunked = { 0 };
        int fd = client_connect(p->served.port);

        assert_int_equal(status_of(p, BEARS TYPED, 0), 411);
        client_say(fd, "POST /api/v1/recordings HTTP/1.1\r\nHost: localhost\r\n"
                       "Connection: close\r\n" BEARS TYPED
                       "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n");
        reply_read(fd, &chunked);
        close(fd);
        assert_int_equal(chunked.status, 411);

        assert_int_equal(status_of(p, BEARS TYPED, ONE_MAX + 1), 413);
        assert_int_equal(status_of(p, BEARS TYPED, ONE_MAX), 202);
        assert_int_equal(status_of(p, BEARS TYPED, ONE_MAX), 507); /* of all */
        assert_int_equal(status_of(p, BEARS TYPED, 1), 202);
        assert_int_equal(status_of(p, BEARS TYPED, 1), 202);
        assert_int_equal(status_of(p, BEARS TYPED, 1), 507); /* the fourth */
        assert_int_equal(count_files(p, ".jkr"), 3);
}

static void
what_is_cut_off_leaves_nothing_and_its_place_is_free_again(void **state)
{
        struct place *p = *state;

        for (int i = 0; i < 3; i++) {
                int a = client_connect(p->served.port), b = client_connect(p->served.port);

                say_head(a, BEARS TYPED, 1000);
                client_say(a, "some of it");
                say_head(b, BEARS TYPED, 1000);
                assert_true(comes_to(p, ".part", 2));
                assert_int_equal(status_of(p, BEARS TYPED, 5), 503);
                close(a);
                close(b);
                assert_true(comes_to(p, ".part", 0));
        }
        assert_int_equal(count_files(p, ".jkr"), 0);
        assert_int_equal(status_of(p, BEARS TYPED, 5), 202);
        assert_still_answers(&p->served);
}

static void
a_server_that_stops_leaves_nothing_of_what_was_coming(void **state)
{
        struct place *p = *state;
        int fd = client_connect(p->served.port);

        say_head(fd, BEARS TYPED, 1000);
        client_say(fd, "some of it");
        assert_true(comes_to(p, ".part", 1));
        close_place(p);
        close(fd);
        assert_int_equal(count_files(p, ".part") + count_files(p, ".jkr"), 0);
}

static void
what_comes_too_slowly_is_cut_off(void **state)
{
        struct place *p = *state;
        int fd = client_connect(p->served.port);
        autoreply reply = { 0 };

        say_head(fd, BEARS TYPED, 1000);
        client_say(fd, "x");
        reply_read(fd, &reply);
        close(fd);
        assert_int_equal(reply.status, 0);
        assert_true(comes_to(p, ".part", 0));
        assert_int_equal(count_files(p, ".jkr"), 0);
}

static void
a_disk_that_is_full_is_told(void **state)
{
        struct place *p = *state;
        const struct rlimit little = { 1000, RLIM_INFINITY },
                            all = { RLIM_INFINITY, RLIM_INFINITY };

        signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
        assert_int_equal(status_of(p, BEARS TYPED, 50000), 507);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
        assert_int_equal(count_files(p, ".jkr") + count_files(p, ".part"), 0);
        assert_int_equal(status_of(p, BEARS TYPED, 50000), 202);
}

static void
a_crash_leaves_what_is_whole_and_nothing_else(void **state)
{
        struct place *p = *state;

        assert_int_equal(status_of(p, BEARS TYPED, 5), 202);
        close_place(p);
        tree_write(&p->tree, JK_INTAKE_INCOMING "/0123456789abcdef0123456789abcdef.part", "x");
        open_place(p, TOKEN);
        assert_int_equal(count_files(p, ".part"), 0);
        assert_int_equal(count_files(p, ".jkr"), 1);
}

static void
without_a_token_nobody_may_send(void **state)
{
        struct place *p = *state;
        struct jk_intake_options shorter = { .directory = p->tree.path,
                                             .token = "123456789012345" };
        struct jk_intake *intake;
        struct jk_error err = { "" };
        autoreply reply = { 0 }, room = { 0 };

        close_place(p);
        open_place(p, "");
        post(p, BEARS TYPED, 5, &reply);
        assert_int_equal(reply.status, 403);
        assert_non_null(strstr(reply.body, "models.token"));
        reply_get(p->served.port, "GET", "/api/v1/recordings", "", &room);
        assert_non_null(strstr(room.body, "\"accepted\":false"));
        assert_true(jk_intake_open(&shorter, &intake, &err) < 0);
        assert_non_null(strstr(err.message, "guessed"));
        assert_null(strstr(err.message, shorter.token));
}

static void
an_agent_that_takes_none_says_so(void **state)
{
        struct place *p = *state;
        struct jk_error err = { "" };
        autoreply reply = { 0 };

        close_place(p);
        assert_int_equal(
                jk_http_start(&options, &patient, &p->served.shelf, &p->served.server, &err), 0);
        p->served.port = jk_serve_port(p->served.server);
        post(p, BEARS TYPED, 5, &reply);
        assert_int_equal(reply.status, 403);
        assert_non_null(strstr(reply.body, "models.accept"));
}

#define sent(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static const struct CMUnitTest tests[] = {
        sent(what_is_sent_is_kept_whole_and_its_sender_learns_of_it),
        sent(who_does_not_know_the_token_changes_nothing),
        sent(another_host_name_and_other_methods_are_refused),
        sent(too_much_is_refused_before_it_is_sent),
        sent(what_is_cut_off_leaves_nothing_and_its_place_is_free_again),
        sent(a_server_that_stops_leaves_nothing_of_what_was_coming),
        cmocka_unit_test_setup_teardown(what_comes_too_slowly_is_cut_off, set_up_hurried,
                                        tear_down),
        sent(a_disk_that_is_full_is_told),
        sent(a_crash_leaves_what_is_whole_and_nothing_else),
        sent(without_a_token_nobody_may_send),
        sent(an_agent_that_takes_none_says_so),
};

JK_RUN_TESTS(tests)
