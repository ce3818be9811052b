/* SPDX-License-Identifier: Apache-2.0
 *
 * The headers of a reply: see headers.h.
 */
#include "serve/headers.h"

void
jk_headers_add(struct MHD_Response *response, const struct jk_reply *reply, bool compressed)
{
        MHD_add_response_header(response, "Content-Type", reply->type);
        MHD_add_response_header(response, "Cache-Control", "no-store");
        MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
        MHD_add_response_header(response, "Vary",
                                reply->negotiated ? "Accept, Accept-Encoding" : "Accept-Encoding");
        if (reply->policy)
                MHD_add_response_header(response, "Content-Security-Policy", reply->policy);
        if (compressed)
                MHD_add_response_header(response, "Content-Encoding", "gzip");
        if (reply->status == 405)
                MHD_add_response_header(response, "Allow",
                                        reply->takes ? "GET, HEAD, POST" : "GET, HEAD");
        if (reply->status == 401)
                MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
        if (reply->status == 503)
                MHD_add_response_header(response, "Retry-After", "1");
}
