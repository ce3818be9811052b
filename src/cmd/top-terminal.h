/* SPDX-License-Identifier: Apache-2.0
 *
 * The terminal of joulekeeper top: whether it will do, taking it, and giving it back to the shell.
 * Apart from the rest because the header that tells what a terminal can do defines common words.
 */
#pragma once

#include "base/error.h"

/* Whether stdin and stdout are a terminal that curses can draw on; if not, what to do instead. */
int jk_terminal_check(struct jk_error *err);

int jk_terminal_open(struct jk_error *err);
void jk_terminal_close(void);

/* Take over the terminal's size, and draw everything anew. */
void jk_terminal_resize(void);

/* Leave the terminal to the shell, and stop as Ctrl-Z stops a process; returns when it goes on.
 * SIGTSTP is blocked before and after. */
void jk_terminal_suspend(void);

/* It was stopped in another way, as by SIGSTOP, and goes on: the shell has set its own modes. */
void jk_terminal_continue(void);

/* Messages of libraries and of our own log would tear the screen: keep them, and print them once
 * the terminal is the shell's again. */
struct jk_aside {
        int kept_fd, stderr_fd;
};

#define JK_ASIDE_NONE                                                                              \
        {                                                                                          \
                .kept_fd = -1, .stderr_fd = -1                                                     \
        }

void jk_terminal_set_stderr_aside(struct jk_aside *aside);
void jk_terminal_restore_stderr(struct jk_aside *aside);
