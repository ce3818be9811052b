/* SPDX-License-Identifier: Apache-2.0
 *
 * The terminal of joulekeeper top: see top-terminal.h.
 */
#include "cmd/top-terminal.h"

#include <fcntl.h>
#include <ncurses.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <term.h>
#include <unistd.h>

#include "base/cleanup.h"

#define STDERR_KEPT 16384 /* bytes of what was written there while the screen was ours */

int
jk_terminal_check(struct jk_error *err)
{
        const char *term = getenv("TERM");
        const char *cup;
        bool moves;
        int status;

        if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
                return jk_fail(err, ENOTTY,
                               "it needs a terminal; joulekeeper ps prints the same once");
        if (setupterm(NULL, STDOUT_FILENO, &status) != OK)
                return jk_fail(err, ENOTTY,
                               "the terminal '%s' is not known; set TERM, or use joulekeeper ps",
                               term ? term : "");

        cup = tigetstr("cup");
        moves = cup && cup != (const char *)-1;
        del_curterm(cur_term);
        if (!moves)
                return jk_fail(err, ENOTTY,
                               "the terminal '%s' cannot move its cursor; use joulekeeper ps",
                               term ? term : "");
        return 0;
}

int
jk_terminal_open(struct jk_error *err)
{
        if (!newterm(NULL, stdout, stdin))
                return jk_fail(err, ENOTTY, "curses cannot open the terminal; use joulekeeper ps");

        cbreak();
        noecho();
        nonl();
        keypad(stdscr, TRUE);
        nodelay(stdscr, TRUE);
        set_escdelay(25);
        curs_set(0);
        return 0;
}

void
jk_terminal_resize(void)
{
        struct winsize size;

        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
                resizeterm(size.ws_row, size.ws_col);
        clearok(curscr, TRUE);
}

void
jk_terminal_suspend(void)
{
        sigset_t stop, go_on;

        endwin();
        sigemptyset(&go_on);
        sigaddset(&go_on, SIGCONT);
        sigemptyset(&stop);
        sigaddset(&stop, SIGTSTP);
        signal(SIGTSTP, SIG_DFL);
        raise(SIGTSTP);
        pthread_sigmask(SIG_UNBLOCK, &stop, NULL); /* here it stops, until SIGCONT */
        pthread_sigmask(SIG_BLOCK, &stop, NULL);
        sigtimedwait(&go_on, NULL, &(struct timespec){ 0 }); /* it has done its work */
        jk_terminal_resize();
}

void
jk_terminal_continue(void)
{
        endwin(); /* the next drawing sets all modes anew */
        jk_terminal_resize();
}

void
jk_terminal_set_stderr_aside(struct jk_aside *aside)
{
        if (!isatty(STDERR_FILENO))
                return;

        aside->kept_fd = memfd_create("joulekeeper-stderr", MFD_CLOEXEC);
        aside->stderr_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        if (aside->kept_fd >= 0 && aside->stderr_fd >= 0)
                dup2(aside->kept_fd, STDERR_FILENO);
}

void
jk_terminal_restore_stderr(struct jk_aside *aside)
{
        char text[STDERR_KEPT];
        ssize_t n;

        if (aside->kept_fd < 0 || aside->stderr_fd < 0)
                return;

        dup2(aside->stderr_fd, STDERR_FILENO);
        n = pread(aside->kept_fd, text, sizeof text, 0);
        if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < 0)
                return; /* nobody to tell */
        close(jk_steal_fd(&aside->kept_fd));
        close(jk_steal_fd(&aside->stderr_fd));
}

void
jk_terminal_close(void)
{
        endwin();
        delscreen(set_term(NULL));
}
