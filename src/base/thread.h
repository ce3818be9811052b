/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads of the agent.
 */
#pragma once

/* Let the calling thread run before others, as far as is permitted (nice -20): for those that sleep
 * most of the time and must not wait for their turn behind thousands of runnable tasks. Threads
 * that it starts inherit this. */
void jk_thread_take_precedence(void);
