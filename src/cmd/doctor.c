/* SPDX-License-Identifier: Apache-2.0
 *
 * joulekeeper doctor: what works on this machine, what does not, why, and what would help.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "cmd/checks.h"
#include "cmd/command.h"
#include "cmd/settings.h"
#include "cmd/wrap.h"
#include "config/config.h"
#include "serve/json.h"

/* Beside the usual ones: scripts ask whether it is worth starting. */
enum verdict { VERDICT_GOOD, VERDICT_LIMITED, VERDICT_NOTHING };

static const struct {
        const char *word, *sentence;
} verdicts[] = {
        [VERDICT_GOOD] = { "ok", "everything that is needed works" },
        [VERDICT_LIMITED] = { "limited", "works, and the lines marked limited or missing say what "
                                         "would make it better" },
        [VERDICT_NOTHING] = { "missing", "cannot measure here; the lines marked missing say why" },
};

static const struct jk_option options[] = {
        { 'c', "config", "FILE", "ask the meter outside that this file configures, too (wall)" },
        { 'j', "json", NULL, "JSON instead of a table" },
        { 0, "listen", "ADDR:PORT",
          "the address that must be free for the agent "
          "(127.0.0.1:9782)" },
        { 0, "root", "DIR", "the directory that sys/ and proc/ are read below (/)" },
};

struct request {
        bool json;
        const char *listen, *root, *config;
};

static int
set(const struct jk_option *option, const char *value, void *data)
{
        struct request *request = data;

        if (strcmp(option->name, "json") == 0)
                request->json = true;
        else if (strcmp(option->name, "listen") == 0)
                request->listen = value;
        else if (strcmp(option->name, "config") == 0)
                request->config = value;
        else
                request->root = value;

        return 0;
}

static enum verdict
judge(const struct jk_diagnosis *diagnosis)
{
        if (!diagnosis->energy_seen || !diagnosis->tasks_seen)
                return VERDICT_NOTHING;

        for (size_t i = 0; i < diagnosis->n; i++)
                if (diagnosis->findings[i].state >= JK_CHECK_LIMITED)
                        return VERDICT_LIMITED;

        return VERDICT_GOOD;
}

/* ---- table ---- */

static void
print_state(enum jk_check_state state, bool colour)
{
        static const char *const colours[] = {
                [JK_CHECK_OK] = "\033[32m",
                [JK_CHECK_NONE] = "\033[2m",
                [JK_CHECK_LIMITED] = "\033[33m",
                [JK_CHECK_MISSING] = "\033[31m",
        };

        printf("  %s%-8s%s", colour ? colours[state] : "", jk_check_state_name(state),
               colour ? "\033[0m" : "");
}

static void
print_wrapped_safely(const char *text, int indent)
{
        jk_autotext struct jk_text safe = { 0 };

        jk_text_utf8(&safe, text);
        jk_print_wrapped(stdout, safe.data && !safe.failed ? safe.data : "", indent);
}

static void
print_finding(const struct jk_finding *finding, bool colour)
{
        enum { INDENT = 24 };

        print_state(finding->state, colour);
        printf("%-*s", INDENT - 10, finding->name);
        print_wrapped_safely(finding->why, INDENT);
        if (*finding->remedy) {
                printf("%*s-> ", INDENT, "");
                print_wrapped_safely(finding->remedy, INDENT + 3);
        }
}

static void
print_table(const struct jk_diagnosis *diagnosis, enum verdict verdict)
{
        bool colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
        const char *group = "";

        for (size_t i = 0; i < diagnosis->n; i++) {
                const struct jk_finding *finding = &diagnosis->findings[i];

                if (strcmp(group, finding->group) != 0)
                        printf("%s%s\n", i ? "\n" : "", finding->group);
                group = finding->group;
                print_finding(finding, colour);
        }
        printf("\n");
        jk_print_wrapped(stdout, verdicts[verdict].sentence, 0);
}

/* ---- JSON ---- */

static void
print_json(const struct jk_diagnosis *diagnosis, enum verdict verdict)
{
        jk_autotext struct jk_text text = { 0 };
        struct jk_json json = { .text = &text };

        jk_json_open_object(&json, NULL);
        jk_json_string(&json, "version", JK_VERSION);
        jk_json_string(&json, "verdict", verdicts[verdict].word);
        jk_json_open_array(&json, "checks");
        for (size_t i = 0; i < diagnosis->n; i++) {
                const struct jk_finding *finding = &diagnosis->findings[i];

                jk_json_open_object(&json, NULL);
                jk_json_string(&json, "group", finding->group);
                jk_json_string(&json, "check", finding->name);
                jk_json_string(&json, "state", jk_check_state_name(finding->state));
                jk_json_string(&json, "why", finding->why);
                jk_json_string(&json, "remedy", finding->remedy);
                jk_json_close_object(&json);
        }
        jk_json_close_array(&json);
        jk_json_close_object(&json);

        printf("%s\n", text.failed ? "{}" : text.data);
}

static int
doctor_main(const struct jk_command *command, int argc, char *argv[])
{
        struct request request = { .listen = "127.0.0.1:9782", .root = "/" };
        jk_autoroot struct jk_root root = JK_ROOT_CLOSED;
        struct jk_reference_config wall = { 0 };
        struct jk_diagnosis diagnosis = { .root = &root, .wall = &wall };
        enum verdict verdict;
        struct jk_error err;
        int left;

        left = jk_options_parse(command, options, JK_COUNT(options), argc, argv, set, &request);
        if (left < 0)
                return -1 - left;
        if (left < argc)
                return jk_usage_error(command, "what is '%s'? doctor takes options only",
                                      argv[left]);
        if (jk_root_open(request.root, &root, &err) < 0)
                return jk_usage_error(command, "%s", err.message);
        if (request.config && jk_settings_wall(request.config, &wall, &err) < 0)
                return jk_usage_error(command, "%s", err.message);

        diagnosis.listen = request.listen;
        jk_check_energy(&diagnosis);
        jk_check_activity(&diagnosis);
        jk_check_machine(&diagnosis);
        verdict = judge(&diagnosis);

        if (request.json)
                print_json(&diagnosis, verdict);
        else
                print_table(&diagnosis, verdict);
        return (int)verdict;
}

const struct jk_command jk_command_doctor = {
        .name = "doctor",
        .arguments = "[OPTION…]",
        .summary = "what works on this machine, what does not, why, and the remedy",
        .main = doctor_main,
        .details = "states:\n"
                   "  ok       works\n"
                   "  none     not on this machine, and nothing is lost by it\n"
                   "  limited  works, or works without, but more or better could be seen\n"
                   "  missing  does not work\n"
                   "\n"
                   "exit status:\n"
                   "  0  everything that is needed works\n"
                   "  1  works, but limited\n"
                   "  2  cannot measure (or wrong usage)",
};
