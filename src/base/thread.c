/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads: see thread.h.
 */
#include "base/thread.h"

#include <sys/resource.h>

void
jk_thread_take_precedence(void)
{
        (void)setpriority(PRIO_PROCESS, 0, -20); /* on Linux, of the thread */
}
