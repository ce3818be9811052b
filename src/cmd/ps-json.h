/* SPDX-License-Identifier: Apache-2.0
 *
 * A view as JSON, in the shapes of the agent's API.
 */
#pragma once

#include "cmd/view.h"

/* Append {"sequence":…,"zones":[…],"accounts":[…],"machine":{…}}: zones as /api/v1/zones has them,
 * the view's first `top` rows as /api/v1/accounts has them. */
void jk_ps_json(const struct jk_view *view, size_t top, struct jk_text *text);
