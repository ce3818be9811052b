/* SPDX-License-Identifier: Apache-2.0
 *
 * The headers of a reply.
 */
#pragma once

#include <microhttpd.h>

#include "serve/route.h"

/* compressed: its body, by gzip. */
void jk_headers_add(struct MHD_Response *response, const struct jk_reply *reply, bool compressed);
