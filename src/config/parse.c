/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration file's text. libyaml's documents are used directly: every node keeps its line,
 * which a message about a value out of range needs long after parsing.
 *
 * Aliases are nodes that are shared, not copied, so nothing can be made to grow by them. The shape
 * is looked at event by event first, as building a document of deep nesting takes libyaml quadratic
 * time: 1 MiB of "[" would keep it busy for minutes.
 */
#include <stdarg.h>
#include <string.h>
#include <yaml.h>

#include "base/suggest.h"
#include "base/text.h"
#include "config/rows.h"

enum { NESTING_MAX = 16 };

/* The file being read. */
struct source {
        const char *name; /* in messages */
        const char *text;
        size_t length;
        jk_config_check *check;
        yaml_document_t *document;
        struct jk_config *config;
        struct jk_error *err;
};

#define autoparser   __attribute__((cleanup(yaml_parser_delete)))
#define autodocument __attribute__((cleanup(yaml_document_delete)))

/* ---- messages ---- */

static int refuse(const struct source *source, const yaml_mark_t *mark, const char *key,
                  const char *format, ...) __attribute__((format(printf, 4, 5), cold));

/* "FILE:LINE: KEY: " and the rest; the key may be NULL. What comes from the file is made printable,
 * as it goes to terminals and logs. */
static int
refuse(const struct source *source, const yaml_mark_t *mark, const char *key, const char *format,
       ...)
{
        jk_autotext struct jk_text safe = { 0 };
        char message[sizeof source->err->message];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(message, sizeof message, format, arguments);
        va_end(arguments);

        if (key) {
                jk_text_utf8(&safe, key);
                jk_text_string(&safe, ": ");
        }
        jk_text_utf8(&safe, message);
        return jk_fail(source->err, EINVAL, "%s:%zu: %s", source->name, mark->line + 1,
                       safe.data ? safe.data : "out of memory");
}

/* Errors below the scanner (encoding, control characters) have an offset in place of a line. */
static int
refuse_syntax(const struct source *source, const yaml_parser_t *parser)
{
        yaml_mark_t mark = parser->problem_mark;

        if (parser->error == YAML_MEMORY_ERROR)
                return jk_fail(source->err, ENOMEM, "%s: out of memory", source->name);
        if (parser->error == YAML_READER_ERROR) {
                mark.line = 0;
                for (size_t i = 0; i < parser->problem_offset && i < source->length; i++)
                        mark.line += source->text[i] == '\n';
        }
        if (parser->problem && strstr(parser->problem, "cannot start any token"))
                return refuse(source, &mark, NULL,
                              "no value can begin like this (tabs do not indent in YAML; @, ` and "
                              "%% need quotes)");

        return refuse(source, &mark, NULL, "not valid YAML: %s%s%s",
                      parser->context ? parser->context : "", parser->context ? ", " : "",
                      parser->problem ? parser->problem : "cannot be read");
}

/* ---- the shape of the file ---- */

static int
depth_change(const yaml_event_t *event)
{
        switch (event->type) {
        case YAML_MAPPING_START_EVENT:
        case YAML_SEQUENCE_START_EVENT:
                return 1;
        case YAML_MAPPING_END_EVENT:
        case YAML_SEQUENCE_END_EVENT:
                return -1;
        default:
                return 0;
        }
}

/* One document, of bounded depth. */
static int
check_shape(const struct source *source)
{
        autoparser yaml_parser_t parser;
        int documents = 0, depth = 0;
        bool ended = false;

        if (!yaml_parser_initialize(&parser))
                return jk_fail(source->err, ENOMEM, "%s: out of memory", source->name);
        yaml_parser_set_input_string(&parser, (const unsigned char *)source->text, source->length);

        while (!ended) {
                yaml_event_t event;
                yaml_mark_t mark;

                if (!yaml_parser_parse(&parser, &event))
                        return refuse_syntax(source, &parser);

                mark = event.start_mark;
                ended = event.type == YAML_STREAM_END_EVENT;
                documents += event.type == YAML_DOCUMENT_START_EVENT;
                depth += depth_change(&event);
                yaml_event_delete(&event);

                if (depth > NESTING_MAX)
                        return refuse(source, &mark, NULL, "nested too deeply");
                if (documents > 1)
                        return refuse(source, &mark, NULL,
                                      "a second document begins here; the file must hold one");
        }

        return 0;
}

/* ---- nodes ---- */

static bool
is_plain(const yaml_node_t *node)
{
        return node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static bool
is_null(const yaml_node_t *node)
{
        const char *value = (const char *)node->data.scalar.value;

        return is_plain(node) &&
               (*value == '\0' || strcmp(value, "~") == 0 || strcasecmp(value, "null") == 0);
}

/* The text of a scalar, or NULL if it is none or holds a NUL. */
static const char *
scalar(const yaml_node_t *node)
{
        if (node->type != YAML_SCALAR_NODE ||
            strlen((const char *)node->data.scalar.value) != node->data.scalar.length)
                return NULL;

        return (const char *)node->data.scalar.value;
}

static bool
has_tag(const yaml_node_t *node)
{
        static const char *const untagged[] = {
                [YAML_SCALAR_NODE] = YAML_DEFAULT_SCALAR_TAG,
                [YAML_SEQUENCE_NODE] = YAML_DEFAULT_SEQUENCE_TAG,
                [YAML_MAPPING_NODE] = YAML_DEFAULT_MAPPING_TAG,
        };

        return strcmp((const char *)node->tag, untagged[node->type]) != 0;
}

/* ---- keys and values ---- */

static bool
in_section(const struct jk_config_row *row, const char *section)
{
        return section ? row->section && strcmp(row->section, section) == 0 : !row->section;
}

static const struct jk_config_row *
find_row(const char *section, const char *key)
{
        for (size_t i = 0; i < jk_config_n_rows; i++)
                if (in_section(&jk_config_rows[i], section) &&
                    strcmp(jk_config_rows[i].key, key) == 0)
                        return &jk_config_rows[i];

        return NULL;
}

/* The nearest name among the keys of this section and the sections; failing that, a key of that
 * name (or the command line's name for it) in another section. */
static int
refuse_key(const struct source *source, const yaml_mark_t *mark, const char *section,
           const char *name, const char *key)
{
        struct jk_suggest here = { .wrong = key }, elsewhere = { .wrong = key };
        char buffer[JK_CONFIG_NAME_SIZE];

        for (size_t i = 0; i < jk_config_n_rows; i++) {
                const struct jk_config_row *row = &jk_config_rows[i];

                if (in_section(row, section))
                        jk_suggest_offer(&here, row->key);
                else if (!section)
                        jk_suggest_offer(&here, row->section);
        }
        if (here.best)
                return refuse(source, mark, name, "there is no such key; did you mean '%s'?",
                              here.best);

        for (size_t i = 0; i < jk_config_n_rows; i++) {
                const struct jk_config_row *row = &jk_config_rows[i];
                size_t before = elsewhere.distance;
                const char *best = elsewhere.best;

                jk_suggest_offer(&elsewhere, row->key);
                jk_suggest_offer(&elsewhere, row->option);
                if (elsewhere.best != best || elsewhere.distance != before)
                        jk_config_name(row, buffer);
        }
        if (elsewhere.best)
                return refuse(source, mark, name, "there is no such key here; did you mean '%s'?",
                              buffer);

        return refuse(source, mark, name,
                      "there is no such key; joulekeeper config --print-defaults shows all");
}

static int
read_value(const struct source *source, const yaml_mark_t *mark, const char *name,
           const struct jk_config_row *row, const yaml_node_t *node)
{
        static const char *const kinds[] = {
                [YAML_SEQUENCE_NODE] = "a list", [YAML_MAPPING_NODE] = "a mapping"
        };
        bool bare = row->type == JK_CONFIG_INTEGER || row->type == JK_CONFIG_BOOLEAN;
        char range[JK_CONFIG_RANGE_SIZE];
        struct jk_error why;

        if (node->type != YAML_SCALAR_NODE)
                return refuse(source, mark, name, "is %s, but must be a single value",
                              kinds[node->type]);
        if (is_null(node))
                return refuse(source, mark, name,
                              "has no value; give one, or take the line out for the default (%s)",
                              jk_config_initial(row));
        if (!scalar(node))
                return refuse(source, mark, name, "has a NUL character in its value");
        if (bare && !is_plain(node))
                return refuse(source, mark, name, "is text in quotes; give %s without them",
                              jk_config_range(row, range));

        if (jk_config_assign(source->config, row, scalar(node), source->check, &why) < 0)
                return refuse(source, mark, name, "%s", why.message);
        return 0;
}

/* A key that stands twice in a mapping: which one would count is anybody's guess. */
static int
check_unique(const struct source *source, const yaml_node_t *mapping, const yaml_node_pair_t *last,
             const char *name)
{
        const yaml_node_t *key = yaml_document_get_node(source->document, last->key);

        for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start; pair < last;
             pair++) {
                const yaml_node_t *other = yaml_document_get_node(source->document, pair->key);

                if (strcmp(scalar(other), scalar(key)) == 0)
                        return refuse(source, &key->start_mark, name,
                                      "stands here for the second time; the first is in line %zu",
                                      other->start_mark.line + 1);
        }

        return 0;
}

static int read_mapping(const struct source *source, const char *section,
                        const yaml_node_t *mapping);

static int
read_section(const struct source *source, const yaml_mark_t *mark, const char *section,
             const yaml_node_t *node)
{
        if (node->type == YAML_SCALAR_NODE && is_null(node))
                return 0; /* all its lines are comments */
        if (node->type != YAML_MAPPING_NODE)
                return refuse(source, mark, section,
                              "is a section: its keys stand in the lines below it, indented");

        return read_mapping(source, section, node);
}

static int
read_pair(const struct source *source, const char *section, const yaml_node_t *mapping,
          const yaml_node_pair_t *pair)
{
        const yaml_node_t *key = yaml_document_get_node(source->document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(source->document, pair->value);
        const struct jk_config_row *row;
        char name[JK_CONFIG_NAME_SIZE];
        int r;

        if (!scalar(key))
                return refuse(source, &key->start_mark, section, "a key must be a single word");

        snprintf(name, sizeof name, "%s%s%s", section ? section : "", section ? "." : "",
                 scalar(key));
        row = find_row(section, scalar(key));
        if (!row && (section || !jk_config_section_help(scalar(key))))
                return refuse_key(source, &key->start_mark, section, name, scalar(key));

        r = check_unique(source, mapping, pair, name);
        if (r < 0)
                return r;

        if (has_tag(value))
                return refuse(source, &key->start_mark, name,
                              "has the tag '%s'; write the value without",
                              (const char *)value->tag);
        if (row)
                return read_value(source, &key->start_mark, name, row, value);
        return read_section(source, &key->start_mark, scalar(key), value);
}

static int
read_mapping(const struct source *source, const char *section, const yaml_node_t *mapping)
{
        for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
             pair < mapping->data.mapping.pairs.top; pair++) {
                int r = read_pair(source, section, mapping, pair);

                if (r < 0)
                        return r;
        }

        return 0;
}

static int
read_document(struct source *source)
{
        autoparser yaml_parser_t parser;
        const yaml_node_t *top;

        if (!yaml_parser_initialize(&parser))
                return jk_fail(source->err, ENOMEM, "%s: out of memory", source->name);
        yaml_parser_set_input_string(&parser, (const unsigned char *)source->text, source->length);
        if (!yaml_parser_load(&parser, source->document))
                return refuse_syntax(source, &parser);

        top = yaml_document_get_root_node(source->document);
        if (!top || (top->type == YAML_SCALAR_NODE && is_null(top)))
                return 0; /* empty: the defaults */
        if (top->type != YAML_MAPPING_NODE)
                return refuse(source, &top->start_mark, NULL, "a line 'KEY: VALUE' is wanted here");

        return read_mapping(source, NULL, top);
}

int
jk_config_parse(const char *name, const char *text, size_t length, jk_config_check *check,
                struct jk_config *ret_config, struct jk_error *err)
{
        jk_autoconfig struct jk_config config = { 0 };
        autodocument yaml_document_t document = { 0 };
        struct jk_error unused = { 0 };
        struct source source = {
                .name = name,
                .text = text,
                .length = length,
                .check = check,
                .config = &config,
                .document = &document,
                .err = err ? err : &unused,
        };
        int r;

        r = jk_config_init(&config);
        if (r < 0)
                return jk_fail(err, r, "%s: out of memory", name);

        r = check_shape(&source);
        if (r == 0)
                r = read_document(&source);
        if (r < 0)
                return r;

        *ret_config = config;
        config = (struct jk_config){ 0 };
        return 0;
}
