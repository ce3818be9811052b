/* SPDX-License-Identifier: Apache-2.0
 *
 * Programs that speak by lines: that nothing waits for them longer than it is told to, and that
 * nothing of them is left.
 */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/clock.h"

#define SOON (jk_monotonic_ns() + 10 * JK_NS_PER_S)

static void
start(struct jk_child *child, const char *script)
{
        const char *argv[] = { "sh", "-c", script, NULL };
        struct jk_error err = { "" };

        *child = (struct jk_child)JK_CHILD_NONE(1 << 20);
        if (jk_child_start(child, argv, &err) < 0)
                fail_msg("%s", err.message);
}

static void
say(struct jk_child *child, const char *line)
{
        jk_text_string(jk_child_outgoing(child), line);
        jk_child_send(child);
}

static void
expect_line(struct jk_child *child, const char *wanted)
{
        struct jk_error err = { "" };
        char *line = NULL;
        size_t length = 0;

        if (jk_child_receive(child, SOON, &line, &length, &err) != 1)
                fail_msg("no line: %s", err.message);
        assert_string_equal(line, wanted);
        assert_int_equal(length, strlen(wanted));
}

static void
expect_end(struct jk_child *child, int code, const char *says)
{
        struct jk_error err = { "" };
        char *line;
        size_t length;
        int r = jk_child_receive(child, SOON, &line, &length, &err);

        assert_int_equal(r, code);
        if (!strstr(err.message, says))
                fail_msg("\"%s\" does not say \"%s\"", err.message, says);
        jk_child_close(child);
        assert_int_equal(child->pid, 0);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no zombie */
        assert_int_equal(errno, ECHILD);
}

static void
lines_go_both_ways(void **state)
{
        struct jk_child child;

        (void)state;
        start(&child, "while read line; do echo \"<$line>\"; done");
        for (int i = 0; i < 100; i++) {
                say(&child, "a");
                say(&child, "b c");
                expect_line(&child, "<a>");
                expect_line(&child, "<b c>");
        }
        jk_child_close(&child);
}

/* More than the socket and the pipe hold at once, both ways. */
static void
long_lines_go_both_ways(void **state)
{
        enum { LENGTH = 900000 };
        struct jk_child child;
        char *sent = malloc(LENGTH + 1);

        (void)state;
        assert_non_null(sent);
        memset(sent, 'x', LENGTH);
        sent[LENGTH] = '\0';
        start(&child, "cat");
        for (int i = 0; i < 3; i++) {
                say(&child, sent);
                expect_line(&child, sent);
        }
        jk_child_close(&child);
        free(sent);
}

static void
who_does_not_answer_is_not_waited_for(void **state)
{
        struct jk_child child;
        struct jk_error err;
        int64_t before = jk_monotonic_ns(), took;
        char *line;
        size_t length;

        (void)state;
        start(&child, "sleep 60");
        for (int i = 0; i < 100; i++)
                say(&child, "1234567890123456789012345678901234567890");
        assert_int_equal(jk_child_receive(&child, jk_monotonic_ns() + 50 * JK_NS_PER_MS, &line,
                                          &length, &err),
                         0);
        took = jk_monotonic_ns() - before;
        assert_true(took >= 50 * JK_NS_PER_MS && took < 5 * JK_NS_PER_S);
        jk_child_close(&child);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void
how_it_ended_is_told(void **state)
{
        struct jk_child child;
        const char *none[] = { "/nonexistent/program", NULL };
        const char *not_executable[] = { "/etc/passwd", NULL };
        struct jk_error err;

        (void)state;
        start(&child, "exit 3");
        expect_end(&child, -EPIPE, "it ended with exit status 3");
        start(&child, "kill -9 $$");
        expect_end(&child, -EPIPE, "it was ended by signal 9");
        start(&child, "exec >&-; sleep 60");
        expect_end(&child, -EPIPE, "it closed its output");
        child = (struct jk_child)JK_CHILD_NONE(100);
        assert_int_equal(jk_child_start(&child, none, &err), 0);
        expect_end(&child, -EPIPE, "not found");
        assert_int_equal(jk_child_start(&child, not_executable, &err), 0);
        expect_end(&child, -EPIPE, "cannot be run");
}

static void
one_without_input_reads_that_there_is_none(void **state)
{
        const char *argv[] = { "sh", "-c", "read line; echo $?", NULL };
        struct jk_child child = JK_CHILD_NONE(100);
        struct jk_error err = { "" };

        (void)state;
        child.no_input = true;
        assert_int_equal(jk_child_start(&child, argv, &err), 0);
        expect_line(&child, "1");
        expect_end(&child, -EPIPE, "exit status 0");
}

static void
files_of_ours_stay_ours(void **state)
{
        static const int number = 77; /* which no shell uses for itself */
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        struct jk_child child;

        (void)state;
        assert_int_equal(dup2(fd, number), number); /* this one goes with exec() */
        assert_int_equal(fcntl(number, F_GETFD), 0);
        start(&child, "[ -e /proc/$$/fd/0 ] && [ ! -e /proc/$$/fd/77 ]; echo $?");
        expect_line(&child, "0");
        assert_int_equal(fcntl(number, F_GETFD), 0); /* and is open here yet */
        jk_child_close(&child);
        close(number);
        close(fd);
}

static void
one_that_is_asked_to_end_says_goodbye(void **state)
{
        struct jk_child child;

        (void)state;
        start(&child, "trap 'echo goodbye; exit 5' TERM; echo ready; while :; do sleep 0.01; done");
        expect_line(&child, "ready");
        jk_child_ask_to_end(&child, 10000);
        expect_line(&child, "goodbye");
        expect_end(&child, -EPIPE, "exit status 5");
}

static void
writing_to_one_that_is_gone_does_not_kill(void **state)
{
        struct jk_child child;

        (void)state;
        signal(SIGPIPE, SIG_DFL);
        start(&child, "exec <&-; echo closed; sleep 0.1; exit 4");
        expect_line(&child, "closed");
        for (int i = 0; i < 1000; i++)
                say(&child, "1234567890123456789012345678901234567890");
        expect_end(&child, -EPIPE, "exit status 4");
}

static void
a_line_without_end_is_refused(void **state)
{
        struct jk_child child;

        (void)state;
        start(&child, "while :; do printf 0123456789012345678901234567890123456789; done");
        child.line_max = 100000;
        expect_end(&child, -EMSGSIZE, "a line of more than 100000 bytes");
}

static void
what_it_started_ends_with_it(void **state)
{
        struct jk_child child;
        struct jk_error err;
        char *line;
        size_t length;
        int pid;

        (void)state;
        start(&child, "sleep 61 & echo $!; wait");
        assert_int_equal(jk_child_receive(&child, SOON, &line, &length, &err), 1);
        pid = atoi(line);
        assert_true(pid > 0 && kill(pid, 0) == 0);
        jk_child_close(&child);
        for (int i = 0; i < 500; i++) {
                char path[32], text[256] = "";
                int fd;

                snprintf(path, sizeof path, "/proc/%d/stat", pid);
                fd = open(path, O_RDONLY);
                if (fd < 0 || read(fd, text, sizeof text - 1) <= 0 || strstr(text, ") Z ")) {
                        if (fd >= 0)
                                close(fd);
                        return;
                }
                close(fd);
                usleep(10000);
        }
        fail_msg("%d goes on", pid);
}

static void
it_can_be_started_again(void **state)
{
        struct jk_child child;
        const char *argv[] = { "echo", "again", NULL };
        struct jk_error err;

        (void)state;
        start(&child, "echo once; sleep 60");
        expect_line(&child, "once");
        for (int i = 0; i < 500 && !jk_child_stop(&child); i++)
                usleep(10000);
        assert_int_equal(jk_child_start(&child, argv, &err), 0);
        expect_line(&child, "again");
        jk_child_close(&child);
}

/* Whom somebody traces, only that one reaps: a process that holds on to it. Or 0: not allowed. */
static pid_t
hold_on_to(pid_t pid)
{
        int ready[2];
        char held = 0;
        pid_t holder;

        assert_int_equal(pipe(ready), 0);
        holder = fork();
        if (holder == 0) {
                held = ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0 ? 'y' : 'n';
                if (write(ready[1], &held, 1) == 1)
                        pause();
                _exit(0);
        }
        assert_int_equal(read(ready[0], &held, 1), 1);
        close(ready[0]);
        close(ready[1]);
        if (held == 'y')
                return holder;
        kill(holder, SIGKILL);
        waitpid(holder, NULL, 0);
        return 0;
}

static void
one_that_takes_long_to_die_is_reaped_by_a_later_call(void **state)
{
        struct jk_child slow, next;
        pid_t pid, holder;
        int pid_fd;

        (void)state;
        start(&slow, "sleep 60");
        pid = slow.pid;
        pid_fd = slow.pid_fd;
        holder = hold_on_to(pid);
        if (holder == 0) {
                jk_child_close(&slow);
                skip();
        }
        jk_child_close(&slow);
        assert_int_equal(slow.pid, 0);
        assert_int_equal(waitpid(pid, NULL, WNOHANG), 0); /* it is there yet */
        kill(holder, SIGKILL);
        waitpid(holder, NULL, 0);

        start(&next, "exit 0");
        assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
        assert_int_equal(errno, ECHILD);
        assert_true(next.pid_fd == pid_fd || fcntl(pid_fd, F_GETFD) < 0);
        jk_child_close(&next);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_go_both_ways),
        cmocka_unit_test(long_lines_go_both_ways),
        cmocka_unit_test(who_does_not_answer_is_not_waited_for),
        cmocka_unit_test(how_it_ended_is_told),
        cmocka_unit_test(one_without_input_reads_that_there_is_none),
        cmocka_unit_test(files_of_ours_stay_ours),
        cmocka_unit_test(one_that_is_asked_to_end_says_goodbye),
        cmocka_unit_test(writing_to_one_that_is_gone_does_not_kill),
        cmocka_unit_test(a_line_without_end_is_refused),
        cmocka_unit_test(what_it_started_ends_with_it),
        cmocka_unit_test(it_can_be_started_again),
        cmocka_unit_test(one_that_takes_long_to_die_is_reaped_by_a_later_call),
};

JK_RUN_TESTS(tests)
