/* predicate_parse: a condition's text becomes a tree.
 *
 *   condition  := all { OR all }
 *   all        := one { AND one }
 *   one        := NOT one | ( condition ) | column test
 *   test       := = literal | != literal | <> literal | < literal | <= literal | > literal | >= literal
 *               | IS [NOT] NULL | [NOT] IN ( literal { , literal } )
 *   column     := name { . name }
 *   name       := letters, digits and _, not a digit first | "anything, "" for one "; no keyword then"
 *   literal    := number | 'text, '' for one '' | x'hexadecimal digits' | TRUE | FALSE
 *
 * Keywords in any case. */
#include "predicate.h"

typedef struct parser {
  const char *text, *at, *end;
  kh_token token; /* the next one */
  kh_predicate *made;
  khonsu_error *error;
  int depth;
} parser;

static void next(parser *p) { p->token = kh_token_read(&p->at, p->end); }

static khonsu_status fail(const parser *p, const char *expected) {
  const kh_token *token = &p->token;
  size_t place = (size_t)((const char *)token->source.data - p->text) + 1;
  if (token->kind == KH_TOKEN_END)
    return khonsu_error_set(p->error, KHONSU_INVALID_ARGUMENT, "the condition ends where %s should be", expected);
  int shown = (int)(token->source.size > 64 ? 64 : token->source.size);
  return khonsu_error_set(p->error, KHONSU_INVALID_ARGUMENT, "condition, character %zu: %s should be where '%.*s' is",
                          place, expected, shown, (const char *)token->source.data);
}

static khonsu_status no_memory(const parser *p) {
  return khonsu_error_set(p->error, KHONSU_NO_MEMORY, "no memory for a condition");
}

static kh_predicate_node *new_node(parser *p, kh_node_kind kind) {
  kh_predicate_node *node = kh_arena_take_zeros(&p->made->arena, sizeof *node);
  if (node != NULL) node->kind = kind;
  return node;
}

static bool accept(parser *p, const char *keyword) {
  if (!kh_token_is(&p->token, keyword)) return false;
  next(p);
  return true;
}

static khonsu_status expect(parser *p, const char *sign, const char *what) {
  return accept(p, sign) ? KHONSU_OK : fail(p, what);
}

/* ---- literals */

static khonsu_status read_literal(parser *p, kh_literal **literal) {
  static const kh_literal_kind kinds[] = {
      [KH_TOKEN_NUMBER] = KH_LITERAL_NUMBER, [KH_TOKEN_TEXT] = KH_LITERAL_TEXT, [KH_TOKEN_BINARY] = KH_LITERAL_BINARY};
  kh_literal read = {.source = p->token.source, .truth = kh_token_is(&p->token, "true")};
  kh_token_kind kind = p->token.kind;
  if (read.truth || kh_token_is(&p->token, "false")) read.kind = KH_LITERAL_BOOL;
  else if (kh_token_is(&p->token, "null")) return fail(p, "a value (for nulls: is null)");
  else if (kind == KH_TOKEN_NUMBER || kind == KH_TOKEN_TEXT || kind == KH_TOKEN_BINARY) read.kind = kinds[kind];
  else return fail(p, "a value");
  kh_literal *made = kh_arena_take(&p->made->arena, sizeof *made);
  if (made == NULL || !kh_token_unquote(&p->token, &p->made->arena, &read.bytes)) return no_memory(p);
  *made = read;
  *literal = made;
  next(p);
  return KHONSU_OK;
}

static khonsu_status read_list(parser *p, kh_literal **first) {
  khonsu_status status = expect(p, "(", "'('");
  while (status == KHONSU_OK) {
    status = read_literal(p, first);
    if (status != KHONSU_OK || !accept(p, ",")) break;
    first = &(*first)->next;
  }
  return status == KHONSU_OK ? expect(p, ")", "',' or ')'") : status;
}

/* ---- columns */

static bool is_keyword(const kh_token *token) {
  static const char *const keywords[] = {"and", "or", "not", "in", "is", "null", "true", "false"};
  for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
    if (kh_token_is(token, keywords[i])) return true;
  return false;
}

/* Names are counted before they are kept. */
static khonsu_status read_column(parser *p, kh_path *path) {
  khonsu_slice names[KH_PREDICATE_DEPTH_MAX];
  const char *from = p->token.source.data, *to = from;
  do {
    bool is_name = p->token.kind == KH_TOKEN_QUOTED || (p->token.kind == KH_TOKEN_NAME && !is_keyword(&p->token));
    if (!is_name || path->count == KH_PREDICATE_DEPTH_MAX) return fail(p, "the name of a column");
    if (!kh_token_unquote(&p->token, &p->made->arena, &names[path->count++])) return no_memory(p);
    to = (const char *)p->token.source.data + p->token.source.size;
    next(p);
  } while (accept(p, "."));
  path->source = kh_slice(from, (size_t)(to - from));
  path->names = kh_arena_take_array(&p->made->arena, path->count, sizeof *names);
  if (path->names == NULL) return no_memory(p);
  memcpy(path->names, names, path->count * sizeof *names);
  return KHONSU_OK;
}

/* ---- conditions */

static bool read_operator(parser *p, kh_operator *op) {
  static const struct {
    const char *sign;
    kh_operator op;
  } operators[] = {{"=", KH_EQUAL}, {"==", KH_EQUAL},      {"!=", KH_NOT_EQUAL}, {"<>", KH_NOT_EQUAL},
                   {"<", KH_LESS},  {"<=", KH_LESS_EQUAL}, {">", KH_GREATER},    {">=", KH_GREATER_EQUAL}};
  for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
    if (!accept(p, operators[i].sign)) continue;
    *op = operators[i].op;
    return true;
  }
  return false;
}

static khonsu_status read_test(parser *p, kh_predicate_node **made) {
  kh_predicate_node *node = *made = new_node(p, KH_NODE_COMPARE);
  if (node == NULL) return no_memory(p);
  khonsu_status status = read_column(p, &node->path);
  if (status != KHONSU_OK) return status;
  if (accept(p, "is")) {
    node->kind = KH_NODE_IS_NULL;
    node->negated = accept(p, "not");
    return expect(p, "null", "'null'");
  }
  node->negated = accept(p, "not");
  if (accept(p, "in")) return read_list(p, &node->literals);
  if (node->negated) return fail(p, "'in'");
  if (!read_operator(p, &node->op)) return fail(p, "a comparison");
  return read_literal(p, &node->literals);
}

static khonsu_status read_condition(parser *p, kh_predicate_node **made);

static khonsu_status read_one(parser *p, kh_predicate_node **made) {
  bool is_not = kh_token_is(&p->token, "not"), is_bracket = kh_token_is(&p->token, "(");
  if (!is_not && !is_bracket) return read_test(p, made);
  if (++p->depth > KH_PREDICATE_DEPTH_MAX)
    return khonsu_error_set(p->error, KHONSU_INVALID_ARGUMENT, "the condition nests deeper than %d levels",
                            KH_PREDICATE_DEPTH_MAX);
  next(p);
  khonsu_status status;
  if (is_bracket) {
    status = read_condition(p, made);
    if (status == KHONSU_OK) status = expect(p, ")", "'and', 'or' or ')'");
  } else {
    kh_predicate_node *node = *made = new_node(p, KH_NODE_NOT);
    status = node == NULL ? no_memory(p) : read_one(p, &node->first);
  }
  p->depth--;
  return status;
}

typedef khonsu_status read_part(parser *p, kh_predicate_node **made);

/* Parts between keywords stand side by side, however many: depth comes of brackets only. */
static khonsu_status read_parts(parser *p, const char *keyword, kh_node_kind kind, read_part *read,
                                kh_predicate_node **made) {
  kh_predicate_node *first = NULL;
  khonsu_status status = read(p, &first);
  *made = first;
  if (status != KHONSU_OK || !kh_token_is(&p->token, keyword)) return status;
  kh_predicate_node *whole = *made = new_node(p, kind);
  if (whole == NULL) return no_memory(p);
  whole->first = first;
  for (kh_predicate_node *last = first; status == KHONSU_OK && accept(p, keyword); last = last->next)
    status = read(p, &last->next);
  return status;
}

static khonsu_status read_all(parser *p, kh_predicate_node **made) {
  return read_parts(p, "and", KH_NODE_AND, read_one, made);
}

static khonsu_status read_condition(parser *p, kh_predicate_node **made) {
  return read_parts(p, "or", KH_NODE_OR, read_all, made);
}

khonsu_status kh_predicate_parse(khonsu_slice text, kh_predicate **predicate, khonsu_error *error) {
  kh_predicate *made = kh_alloc_zero(sizeof *made);
  char *copy = made != NULL ? kh_arena_take(&made->arena, text.size) : NULL; /* literals and names are shown from it */
  parser p = {copy, copy, copy + (copy != NULL ? text.size : 0), {KH_TOKEN_END, {NULL, 0}, {NULL, 0}}, made, error, 0};
  khonsu_status status = copy != NULL ? KHONSU_OK : no_memory(&p);
  if (status == KHONSU_OK) {
    if (text.size > 0) memcpy(copy, text.data, text.size);
    next(&p);
    status = read_condition(&p, &made->root);
  }
  if (status == KHONSU_OK && p.token.kind != KH_TOKEN_END) status = fail(&p, "'and', 'or' or the end");
  if (status == KHONSU_OK) *predicate = made;
  else kh_predicate_free(made);
  return status;
}

void kh_predicate_free(kh_predicate *predicate) {
  if (predicate == NULL) return;
  kh_arena_fini(&predicate->arena);
  kh_free(predicate);
}
