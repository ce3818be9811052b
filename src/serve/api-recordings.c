/* SPDX-License-Identifier: Apache-2.0
 *
 * /api/v1/recordings: whether this agent takes recordings for training (intake.h), and what became
 * of one, for its sender, who alone knows its id. Sending them is http.c's.
 */
#include <string.h>

#include "serve/api.h"
#include "serve/intake.h"

static bool
takes_no_query(const struct jk_request *request, struct jk_reply *reply)
{
        struct jk_query_error error;

        if (jk_query_parse(request->query, NULL, 0, NULL, &error) == 0)
                return true;

        jk_problem_query(reply, &error);
        return false;
}

static struct jk_json
open_reply(struct jk_reply *reply)
{
        struct jk_json json = { .text = reply->body };

        reply->type = "application/json";
        jk_json_open_object(&json, NULL);
        return json;
}

static void
close_reply(struct jk_json *json)
{
        jk_json_close_object(json);
        jk_text_char(json->text, '\n');
}

void
jk_render_recordings(const struct jk_request *request, struct jk_reply *reply)
{
        struct jk_intake_room room = { 0 };
        struct jk_json json;

        if (!takes_no_query(request, reply))
                return;

        if (request->intake)
                jk_intake_room(request->intake, &room);
        json = open_reply(reply);
        jk_json_bool(&json, "accepted", room.has_token);
        if (room.has_token) {
                jk_json_u64(&json, "recording_bytes_max", room.recording_bytes_max);
                jk_json_u64(&json, "bytes", room.bytes);
                jk_json_u64(&json, "bytes_max", room.bytes_max);
                jk_json_u64(&json, "recordings", room.recordings);
                jk_json_u64(&json, "recordings_max", room.recordings_max);
        }
        close_reply(&json);
}

static void
write_result(struct jk_json *json, const struct jk_intake_result *result)
{
        jk_json_string(json, "id", result->id);
        jk_json_string(json, "state", jk_intake_state_name(result->state));
        if (result->state == JK_INTAKE_TAKEN) {
                jk_json_string(json, "sha256", result->sha256);
                jk_json_u64(json, "ticks", result->ticks);
                jk_json_bool(json, "cut", result->cut);
        }
        if (result->state == JK_INTAKE_REFUSED)
                jk_json_string(json, "reason", result->reason);
}

void
jk_render_recording(const struct jk_request *request, struct jk_reply *reply)
{
        const char *id = request->path + strlen("/api/v1/recordings/");
        struct jk_intake_result result;
        struct jk_json json;

        if (!takes_no_query(request, reply))
                return;
        if (!request->intake || !jk_intake_find(request->intake, id, &result)) {
                jk_problem(reply, 404, "no recording of that id was sent of late");
                return;
        }

        json = open_reply(reply);
        write_result(&json, &result);
        close_reply(&json);
}

void
jk_render_accepted(const char *id, struct jk_reply *reply)
{
        struct jk_json json = open_reply(reply);

        reply->status = JK_VERDICT_GOOD;
        jk_json_string(&json, "id", id);
        jk_json_string(&json, "state", jk_intake_state_name(JK_INTAKE_WAITING));
        close_reply(&json);
}
