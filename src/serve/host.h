/* SPDX-License-Identifier: Apache-2.0
 *
 * Which names a server on the loopback address answers to. A page in a browser of this machine may
 * have its own name resolve to 127.0.0.1 (DNS rebinding), and then the browser lets it read all
 * that is served there; but it cannot have the browser send another Host than that name.
 */
#pragma once

#include <stdbool.h>

/* Whether a listening socket is bound to the loopback address. */
bool jk_host_is_loopback(int listen_fd);

/* Whether a Host header is one that nobody else can make a browser send: an address, a name without
 * a dot, below .localhost, or this machine's own. NULL (HTTP/1.0, never a browser) is. */
bool jk_host_is_ours(const char *host);
