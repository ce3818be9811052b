/* SPDX-License-Identifier: Apache-2.0
 *
 * joulekeeper top: energy live, in a terminal. One loop waits for keys, signals and news from the
 * source, whose own thread measures or asks the agent; every change is followed by one drawing.
 * Signals are read from a descriptor, so that none of them strikes in the middle of a drawing.
 */
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <ncurses.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "cmd/source-options.h"
#include "cmd/top-line.h"
#include "cmd/top-terminal.h"
#include "cmd/top.h"

#define ASKED_FOR 250 /* accounts of a dimension, of an agent: more lines than terminals have */

/* ---- news ---- */

static void
select_again(struct jk_top *top)
{
        size_t n = top->view.n_rows;

        for (size_t i = 0; top->selected && i < n; i++)
                if (top->view.rows[i].key == top->selected) {
                        top->cursor = i;
                        return;
                }
        if (!top->selected)
                top->cursor = 0;
        if (top->cursor >= n)
                top->cursor = n > 0 ? n - 1 : 0;
}

/* Ask an agent for no more than a screen can show, unless the choice depends on what is quiet. What
 * is not shown now is asked for as well, so that it is there when a key asks for it. */
static void
choose_wanted(struct jk_top *top)
{
        const struct jk_view_options *options = &top->options;
        bool busiest = !options->all && !options->filter && !options->reversed &&
                       (options->order == JK_ORDER_WATTS || options->order == JK_ORDER_CPU);
        size_t tasks = busiest ? ASKED_FOR : SIZE_MAX;
        size_t cgroups = busiest && !options->tree ? ASKED_FOR : SIZE_MAX;

        jk_source_set_wanted(top->source, JK_DIMENSION_TASK,
                             options->dimension == JK_DIMENSION_TASK ? tasks : ASKED_FOR);
        jk_source_set_wanted(top->source, JK_DIMENSION_CGROUP,
                             options->dimension == JK_DIMENSION_CGROUP ? cgroups : ASKED_FOR);
}

void
jk_top_arrange(struct jk_top *top)
{
        top->options.filter = top->filter[0] ? top->filter : NULL;
        top->options.collapsed = &top->collapsed;
        choose_wanted(top);
        if (top->snapshot && jk_view_arrange(&top->view, &top->options) == 0)
                select_again(top);
}

static struct jk_history *
history_of(struct jk_top *top, size_t zone, const char *name)
{
        struct jk_top_zone *slot = &top->history[zone];

        if (!slot->history)
                slot->history = calloc(1, sizeof *slot->history);
        if (slot->history && strcmp(slot->name, name) != 0) {
                memset(slot->history, 0, sizeof *slot->history);
                snprintf(slot->name, sizeof slot->name, "%s", name);
        }
        return slot->history;
}

static void
remember_power(struct jk_top *top)
{
        const struct jk_view *view = &top->view;
        int64_t start_ns = view->span_start_ns, end_ns = view->span_end_ns;

        if (end_ns <= start_ns)
                return; /* a baseline */

        jk_history_add(&top->machine, start_ns, end_ns, view->machine_w);
        for (size_t i = 0; i < view->n_zones; i++) {
                const struct jk_zone_entry *entry = view->zones[i].entry;
                struct jk_history *history =
                        history_of(top, (size_t)(entry - view->snapshot->zones), entry->zone.name);

                if (history)
                        jk_history_add(history, start_ns, end_ns, view->zones[i].watts);
        }
}

/* Out of memory leaves the last screen standing. */
static void
take_news(struct jk_top *top)
{
        struct jk_shelf *shelf = jk_source_shelf(top->source);
        struct jk_snapshot *snapshot;

        jk_source_report(top->source, &top->report);
        if (top->paused)
                return;

        snapshot = jk_shelf_take(shelf);
        if (!snapshot)
                return;
        if (!jk_view_is_news(&top->view, snapshot)) {
                jk_shelf_put_back(shelf, snapshot);
                return;
        }

        if (jk_view_observe(&top->view, snapshot) == 0)
                remember_power(top);
        if (top->snapshot)
                jk_shelf_put_back(shelf, top->snapshot);
        top->snapshot = snapshot;
        jk_top_arrange(top);
}

/* ---- the loop ---- */

static void
read_keys(struct jk_top *top)
{
        wint_t key;
        int kind;

        while ((kind = get_wch(&key)) != ERR && !top->quit)
                jk_top_key(top, key, kind == KEY_CODE_YES);
}

/* Returns the signal to die of, or 0. */
static int
take_signal(struct jk_top *top, int fd)
{
        struct signalfd_siginfo info;

        if (read(fd, &info, sizeof info) != sizeof info)
                return 0;

        switch (info.ssi_signo) {
        case SIGWINCH:
                jk_terminal_resize();
                return 0;
        case SIGTSTP:
                jk_terminal_suspend();
                return 0;
        case SIGCONT:
                jk_terminal_continue();
                return 0;
        case SIGINT:
                top->quit = true;
                return 0;
        default:
                top->quit = true;
                return (int)info.ssi_signo;
        }
}

static int
loop(struct jk_top *top, int signal_fd)
{
        struct pollfd fds[] = {
                { .fd = STDIN_FILENO, .events = POLLIN },
                { .fd = signal_fd, .events = POLLIN },
                { .fd = jk_source_fd(top->source), .events = POLLIN },
        };
        int fatal = 0;
        uint64_t news;

        while (!top->quit) {
                jk_top_draw(top);
                if (poll(fds, JK_COUNT(fds), -1) < 0 && errno != EINTR)
                        return 0;

                if (fds[1].revents)
                        fatal = take_signal(top, signal_fd);
                if (fds[0].revents & POLLIN)
                        read_keys(top);
                if (fds[0].revents & (POLLHUP | POLLERR | POLLNVAL))
                        return SIGHUP; /* the terminal is gone */
                if (fds[2].revents && read(fds[2].fd, &news, sizeof news) == sizeof news)
                        take_news(top);
        }
        return fatal;
}

static void
block_signals(sigset_t *ret_blocked)
{
        static const int signals[] = {
                SIGWINCH, SIGTSTP, SIGCONT, SIGINT, SIGTERM, SIGHUP, SIGQUIT
        };

        sigemptyset(ret_blocked);
        for (size_t i = 0; i < JK_COUNT(signals); i++)
                sigaddset(ret_blocked, signals[i]);
        pthread_sigmask(SIG_BLOCK, ret_blocked, NULL);
}

/* Runs with the terminal ours; it is the shell's again on every way out. */
static int
show(struct jk_top *top, int *ret_fatal, struct jk_error *err)
{
        struct jk_aside aside = JK_ASIDE_NONE;
        jk_autoclose int signal_fd = -1;
        sigset_t blocked;
        int r;

        block_signals(&blocked);
        signal_fd = signalfd(-1, &blocked, SFD_CLOEXEC | SFD_NONBLOCK);
        if (signal_fd < 0)
                return jk_fail(err, errno, "signalfd: %m");

        r = jk_terminal_open(err);
        if (r < 0)
                return r;
        jk_line_prepare_colours();

        jk_terminal_set_stderr_aside(&aside);
        r = jk_source_start(top->source, err);
        if (r == 0)
                *ret_fatal = loop(top, signal_fd);
        jk_terminal_close();
        jk_terminal_restore_stderr(&aside);
        return r;
}

/* ---- the command ---- */

struct arguments {
        const struct jk_command *command;
        struct jk_source_options source;
        struct jk_view_options view;
        bool tree;
};

static const struct jk_option options[] = {
        JK_SOURCE_OPTIONS,
        JK_VIEW_OPTIONS,
        { 't', "tree", NULL, "cgroups as a tree" },
};

static int
set_option(const struct jk_option *option, const char *value, void *data)
{
        struct arguments *arguments = data;

        if (strcmp(option->name, "tree") == 0) {
                arguments->view.dimension = JK_DIMENSION_CGROUP;
                arguments->view.tree = true;
                return 0;
        }
        return jk_source_option(arguments->command, option, value, &arguments->source,
                                &arguments->view);
}

static void
close_top(struct jk_top **top)
{
        if (!*top)
                return;

        if ((*top)->snapshot)
                jk_shelf_put_back(jk_source_shelf((*top)->source), (*top)->snapshot);
        jk_source_close((*top)->source);
        jk_view_free(&(*top)->view);
        jk_map_free(&(*top)->collapsed);
        for (size_t i = 0; i < JK_ZONES_MAX; i++)
                free((*top)->history[i].history);
        free(*top);
}

static int
run(const struct arguments *arguments, int *ret_fatal, struct jk_error *err)
{
        __attribute__((cleanup(close_top))) struct jk_top *top = calloc(1, sizeof *top);
        int r;

        if (!top)
                return jk_fail(err, ENOMEM, "out of memory");

        top->glyphs = jk_glyphs_for_locale();
        top->zones = true;
        top->interval_ns = arguments->source.engine.interval_ns;
        top->options = arguments->view;
        if (arguments->view.filter)
                snprintf(top->filter, sizeof top->filter, "%s", arguments->view.filter);

        r = jk_terminal_check(err);
        if (r == 0)
                r = jk_source_open(&arguments->source, &top->source, err);
        if (r == 0)
                r = show(top, ret_fatal, err);
        return r;
}

static int
top_main(const struct jk_command *command, int argc, char *argv[])
{
        struct arguments arguments = {
                .command = command,
                .source = { .wanted = ASKED_FOR, .engine = JK_ENGINE_DEFAULTS },
        };
        struct jk_error err = { "" };
        int first, fatal = 0;

        first = jk_options_parse(command, options, JK_COUNT(options), argc, argv, set_option,
                                 &arguments);
        if (first < 0)
                return -1 - first;
        if (first < argc)
                return jk_usage_error(command, "'%s': it takes no arguments", argv[first]);

        setlocale(LC_CTYPE, "");
        if (run(&arguments, &fatal, &err) < 0) {
                fprintf(stderr, "joulekeeper top: %s\n", err.message);
                return JK_EXIT_FAILURE;
        }
        return fatal == 0 ? JK_EXIT_OK : 128 + fatal;
}

const struct jk_command jk_command_top = {
        .name = "top",
        .arguments = "[OPTION…]",
        .summary = "who uses how much energy, live in the terminal",
        .main = top_main,
        .details = "Shows what the agent of this machine books, or measures by itself if none "
                   "runs. Keys: h tells.",
};
