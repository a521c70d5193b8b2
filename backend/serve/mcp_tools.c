#include "serve/mcp_tools.h"

#include <string.h>

#include "answer/guard.h"
#include "base/utf8.h"

#define OUTPUT_MAX ((size_t)256 << 10) /* of one tool's text: 20 passages are 32 KiB */

static const struct tool {
	const char *name, *title, *type, *none, *description;
} tools[MCP_TOOL_COUNT] = {
	[MCP_DOCS] =
		{"search_kubeflow_docs", "Search the Kubeflow documentation", "doc",
		 "No results found for your query.",
		 "Searches the documentation: concepts, installation, guides, reference. Gives "
		 "the passages that answer best, each with the address of its section."},
	[MCP_ISSUES] = {"search_github_issues", "Search GitHub issues", "issue",
			"No issues found for your query.",
			"Searches GitHub issues: error messages, known bugs, regressions."},
	[MCP_CODE] = {"search_kubeflow_code", "Search Kubeflow code and manifests", "code",
		      "No code results found for your query.",
		      "Searches code and manifests: examples, YAML, custom resources."},
};

bool mcp_tool_find(struct str name, enum mcp_tool *out)
{
	for (size_t i = 0; i < MCP_TOOL_COUNT; i++) {
		if (str_eq(name, str_c(tools[i].name))) {
			*out = (enum mcp_tool)i;
			return true;
		}
	}
	return false;
}

/* ---- what is listed ---- */

static int add_filter(json_t *properties, const char *name, const char *description)
{
	return json_object_set_new(properties, name,
				   json_pack("{s:s, s:s, s:i, s:s}", "type", "string",
					     "description", description, "maxLength",
					     MCP_FILTER_MAX, "default", ""));
}

static json_t *input_schema(enum mcp_tool tool)
{
	json_t *properties = json_pack(
		"{s:{s:s, s:s, s:i, s:i}, s:{s:s, s:s, s:i}}", "query", "type", "string",
		"description", "what to search for, in words that can be understood alone",
		"minLength", 1, "maxLength", MCP_QUERY_MAX, "top_k", "type", "integer",
		"description", "how many passages to give, 1 to 20", "default", MCP_TOP_K_DEFAULT);
	int failed = 0;
	if (tool != MCP_DOCS)
		failed |= add_filter(properties, "repo", "only this repository, as kubeflow/katib");
	if (tool == MCP_ISSUES)
		failed |=
			add_filter(properties, "state", "only issues in this state: open, closed");
	if (tool == MCP_CODE)
		failed |= add_filter(properties, "resource_kind",
				     "only manifests of this kind, as Deployment");
	if (failed) {
		json_decref(properties);
		properties = NULL;
	}
	return json_pack("{s:s, s:o, s:[s], s:b}", "type", "object", "properties", properties,
			 "required", "query", "additionalProperties", 0);
}

static json_t *output_schema(void)
{
	return json_pack(
		"{s:s, s:{s:{s:s, s:{s:s, s:{s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}}, s:[s,s,s,s]}}, "
		"s:{s:s}}, s:[s,s]}",
		"type", "object", "properties", "citations", "type", "array", "items", "type",
		"object", "properties", "id", "type", "string", "url", "type", "string", "score",
		"type", "number", "text", "type", "string", "required", "id", "url", "score",
		"text", "retrieval", "type", "object", "required", "citations", "retrieval");
}

json_t *mcp_tools_list(void)
{
	json_t *list = json_array();
	for (size_t i = 0; list && i < MCP_TOOL_COUNT; i++) {
		json_t *tool = json_pack(
			"{s:s, s:s, s:s, s:o, s:o, s:{s:b, s:b, s:b, s:b}}", "name", tools[i].name,
			"title", tools[i].title, "description", tools[i].description, "inputSchema",
			input_schema((enum mcp_tool)i), "outputSchema", output_schema(),
			"annotations", "readOnlyHint", 1, "destructiveHint", 0, "idempotentHint", 1,
			"openWorldHint", 0);
		if (json_array_append_new(list, tool)) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

/* ---- arguments ---- */

static bool plain_filter(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!ascii_alnum(text.ptr[i]) && !memchr("_/.-", text.ptr[i], 4))
			return false;
	return text.len <= MCP_FILTER_MAX;
}

/* A filter that is not given, or null, is as one that is empty. */
static enum err_code read_filter(const json_t *arguments, const char *name, struct str *out,
				 struct err *err)
{
	const json_t *value = json_object_get(arguments, name);
	if (!value || json_is_null(value))
		return ERR_OK;
	*out = json_get_str(arguments, name);
	if (!json_is_string(value) || !plain_filter(*out))
		return err_set(err, ERR_INVALID,
			       "%s must be at most %d letters, digits and _ / . - characters", name,
			       MCP_FILTER_MAX);
	return ERR_OK;
}

static enum err_code read_top_k(const json_t *arguments, size_t *out, struct err *err)
{
	const json_t *value = json_object_get(arguments, "top_k");
	*out = MCP_TOP_K_DEFAULT;
	if (!value || json_is_null(value))
		return ERR_OK;
	double number = json_number_value(value);
	/* JSON does not tell 5 from 5.0; above 2^53 it does not matter which whole number it is. */
	if (!json_is_number(value) ||
	    (number > -1e15 && number < 1e15 && number != (double)(int64_t)number))
		return err_set(err, ERR_INVALID, "top_k must be a whole number");
	*out = number < 1 ? 1 : number > MCP_TOP_K_MAX ? MCP_TOP_K_MAX : (size_t)number;
	return ERR_OK;
}

enum err_code mcp_tool_read(enum mcp_tool tool, const json_t *arguments, struct mcp_query *out,
			    struct err *err)
{
	*out = (struct mcp_query){.tool = tool, .text = json_get_str(arguments, "query")};
	out->text = str_trim(out->text);
	if (!json_is_string(json_object_get(arguments, "query")))
		return err_set(err, ERR_INVALID, "query must be a text");
	if (!out->text.len)
		return err_set(err, ERR_INVALID, "query is empty");
	size_t length = utf8_length(out->text);
	if (length > MCP_QUERY_MAX)
		return err_set(err, ERR_INVALID, "query has %zu characters, more than %d", length,
			       MCP_QUERY_MAX);
	enum err_code code = read_top_k(arguments, &out->top_k, err);
	if (!code && tool != MCP_DOCS)
		code = read_filter(arguments, "repo", &out->repo, err);
	if (!code && tool == MCP_ISSUES)
		code = read_filter(arguments, "state", &out->state, err);
	if (!code && tool == MCP_CODE)
		code = read_filter(arguments, "resource_kind", &out->resource_kind, err);
	return code;
}

/* ---- what a manifest is ---- */

bool mcp_resource_of(const struct retrieve_result *result, struct mcp_resource *out)
{
	const struct store_passage *p = &result->passage;
	struct str rest = p->heading.len ? p->heading : p->title;
	*out = (struct mcp_resource){.kind = STR("")};
	if (!str_eq(p->type, STR("code")) ||
	    (!str_ends(p->path, STR(".yaml")) && !str_ends(p->path, STR(".yml"))))
		return false;
	str_cut(&rest, ' ', &out->kind);
	str_cut(&rest, ' ', &out->name);
	if (str_starts(rest, STR("(")) && str_ends(rest, STR(")")))
		out->namespace = str_slice(rest, 1, rest.len - 1);
	else if (rest.len)
		return false;
	for (size_t i = 0; i < out->kind.len; i++)
		if (!ascii_alnum(out->kind.ptr[i]))
			return false;
	return out->kind.len && out->kind.ptr[0] >= 'A' && out->kind.ptr[0] <= 'Z' && out->name.len;
}

/* ---- searching ---- */

/* Keeps the results of the kind, at most top_k. */
static void keep_kind(struct retrieve_results *results, const struct mcp_query *query)
{
	size_t kept = 0;
	for (size_t i = 0; i < results->count && kept < query->top_k; i++) {
		struct mcp_resource resource;
		if (!mcp_resource_of(&results->items[i], &resource) ||
		    !str_eq_nocase(resource.kind, query->resource_kind))
			continue;
		results->items[kept] = results->items[i];
		results->items[kept].rank = kept + 1;
		kept++;
	}
	results->count = kept;
}

enum err_code mcp_tool_run(const struct mcp_deps *deps, const struct mcp_query *query,
			   struct arena *arena, json_t **out, struct err *err)
{
	struct retrieve_results results = {0};
	/* The store does not know kinds, so that they are chosen among more results. */
	bool by_kind = query->resource_kind.len > 0;
	const struct retrieve_options options = {.top_k = by_kind ? RETRIEVE_MAX_TOP_K
								  : query->top_k,
						 .tuning = deps->tuning,
						 .rerank = deps->rerank,
						 .type = str_c(tools[query->tool].type),
						 .repo = query->repo};
	*out = NULL;
	enum err_code code = retrieve(deps->store, deps->embedder, deps->clock, query->text,
				      &options, arena, &results, err);
	if (code)
		return code;
	if (by_kind)
		keep_kind(&results, query);
	*out = mcp_tool_present(query, &results, arena, err);
	return *out ? ERR_OK : err ? err->code : ERR_NOMEM;
}

json_t *mcp_tool_failure(const char *prefix, const char *message)
{
	char text[2 * ERR_MESSAGE_MAX];
	snprintf(text, sizeof(text), "%s: %s", prefix, message);
	return json_pack("{s:[{s:s, s:o}], s:b}", "content", "type", "text", "text",
			 json_from_str(str_c(text)), "isError", 1);
}

/* ---- what is said ---- */

/* A name on one line, which may be what speaks to an assistant itself. */
static enum err_code clean_name(struct str name, struct arena *arena, struct str *out,
				struct err *err)
{
	enum err_code code =
		guard_source(guard_is_injection(name) ? STR("") : name, arena, out, err);
	if (code)
		return code;
	*out = arena_str(arena, str_trim(*out));
	if (!out->ptr)
		return arena_fail(arena, err);
	for (size_t i = 0; i < out->len; i++)
		if ((unsigned char)out->ptr[i] < ' ')
			((char *)out->ptr)[i] = ' ';
	return ERR_OK;
}

static const char *file_type(struct str path)
{
	static const struct {
		const char *suffix, *type;
	} types[] = {{".yaml", "yaml"}, {".yml", "yaml"},    {".py", "python"},
		     {".go", "go"},     {".md", "markdown"}, {".ipynb", "notebook"},
		     {".html", "html"}, {".rst", "rst"}};
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (str_ends(path, str_c(types[i].suffix)))
			return types[i].type;
	return "text";
}

/* The n of …/issues/n and …/pull/n; 0: it is another address. */
static uint64_t issue_number(struct str url)
{
	static const char *const places[] = {"/issues/", "/pull/"};
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		size_t at = str_find(url, str_c(places[i]), 0);
		uint64_t number;
		if (at == STR_NPOS)
			continue;
		size_t from = at + strlen(places[i]), to = from;
		while (to < url.len && ascii_digit(url.ptr[to]))
			to++;
		if (str_to_u64(str_slice(url, from, to), &number) && number <= INT64_MAX)
			return number;
	}
	return 0;
}

/* Texts of one result, cleaned. */
struct said {
	struct str url, path, title, section, version, repo, text;
	struct mcp_resource resource;
	bool has_resource;
	uint64_t issue;
};

static enum err_code say(const struct mcp_query *query, const struct retrieve_result *result,
			 struct arena *arena, struct said *out, struct err *err)
{
	const struct store_passage *p = &result->passage;
	*out = (struct said){.issue = query->tool == MCP_ISSUES ? issue_number(result->url) : 0};
	struct {
		struct str from, *to;
	} names[] = {{result->url, &out->url},    {p->path, &out->path},
		     {p->title, &out->title},     {p->section_path, &out->section},
		     {p->version, &out->version}, {p->repo.len ? p->repo : p->source, &out->repo}};
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !code; i++)
		code = clean_name(names[i].from, arena, names[i].to, err);
	out->has_resource = query->tool == MCP_CODE && mcp_resource_of(result, &out->resource);
	if (!code && out->has_resource)
		code = clean_name(out->resource.kind, arena, &out->resource.kind, err);
	if (!code && out->has_resource)
		code = clean_name(out->resource.name, arena, &out->resource.name, err);
	if (!code && out->has_resource)
		code = clean_name(out->resource.namespace, arena, &out->resource.namespace, err);
	return code ? code : mcp_passage(result, arena, &out->text, err);
}

static void append_label(struct buf *out, const char *label, struct str value)
{
	if (value.len)
		buf_printf(out, "**%s:** %.*s\n", label, STR_ARG(value));
}

/*
 * Text of a document: nothing in it looks like the head of a result, whose address a reader would
 * take for ours.
 */
static void append_text(struct buf *out, struct str text)
{
	struct str line;
	while (str_cut(&text, '\n', &line)) {
		size_t at;
		if (str_starts(str_trim(line), STR("### Result ")))
			buf_append(out, STR("\\"));
		while ((at = str_find_nocase(line, STR("**Source:"), 0)) != STR_NPOS) {
			buf_append(out, str_slice(line, 0, at));
			buf_append(out, STR("** Source:"));
			line = str_slice(line, at + sizeof("**Source:") - 1, line.len);
		}
		buf_append(out, line);
		buf_append_byte(out, '\n');
	}
}

static void append_result(struct buf *out, const struct mcp_query *query,
			  const struct retrieve_result *result, const struct said *said)
{
	buf_printf(out, "### Result %zu (score: %.4f)\n", result->rank, result->score);
	append_label(out, "Source", said->url);
	if (query->tool == MCP_ISSUES) {
		append_label(out, "Repo", said->repo);
		if (said->issue)
			buf_printf(out, "**Issue:** #%llu\n", (unsigned long long)said->issue);
		append_label(out, "Title", said->title);
	} else {
		append_label(out, "File", said->path);
	}
	if (said->has_resource) {
		buf_printf(out, "**Resource:** %.*s `%.*s`", STR_ARG(said->resource.kind),
			   STR_ARG(said->resource.name));
		if (said->resource.namespace.len)
			buf_printf(out, " (namespace: %.*s)", STR_ARG(said->resource.namespace));
		buf_append_byte(out, '\n');
	}
	if (query->tool == MCP_CODE)
		append_label(out, "Type", str_c(file_type(said->path)));
	else
		append_label(out, "Section", said->section.len ? said->section : said->title);
	append_label(out, "Version", said->version);
	buf_append_byte(out, '\n');
	bool fence = query->tool == MCP_CODE && str_find(said->text, STR("```"), 0) == STR_NPOS;
	if (fence)
		buf_printf(out, "```%s\n", file_type(said->path));
	append_text(out, said->text);
	if (fence)
		buf_append(out, STR("```\n"));
}

/* A member for each text that there is. */
static int set_text(json_t *object, const char *key, struct str text)
{
	return text.len ? json_object_set_new(object, key, json_from_str(text)) : 0;
}

static json_t *citation(const struct mcp_query *query, const struct retrieve_result *result,
			const struct said *said)
{
	char id[32];
	snprintf(id, sizeof(id), "c%zu", result->rank);
	json_t *json =
		json_pack("{s:s, s:o, s:f, s:o, s:o}", "id", id, "url", json_from_str(said->url),
			  "score", result->score, "doc_type", json_from_str(result->passage.type),
			  "title", json_from_str(said->title));
	int failed = set_text(json, "section", said->section) |
		     set_text(json, "version", said->version) |
		     set_text(json, "repo_name", said->repo);
	if (query->tool != MCP_ISSUES)
		failed |= set_text(json, "file_path", said->path);
	if (said->issue)
		failed |= json_object_set_new(json, "issue_number",
					      json_integer((json_int_t)said->issue));
	if (query->tool == MCP_CODE)
		failed |= set_text(json, "file_type", str_c(file_type(said->path)));
	if (said->has_resource)
		failed |= set_text(json, "resource_kind", said->resource.kind) |
			  set_text(json, "resource_name", said->resource.name) |
			  set_text(json, "resource_namespace", said->resource.namespace);
	failed |= json_object_set_new(json, "text", json_from_str(said->text));
	if (json && failed) {
		json_decref(json);
		return NULL;
	}
	return json;
}

/* How it was searched, in the words of docs-agent. */
static json_t *retrieval(const struct mcp_query *query, const struct retrieve_results *results)
{
	struct str filters[] = {query->repo, query->resource_kind, query->state};
	static const char *const names[] = {"repo_name", "resource_kind", "issue_state"};
	char expression[3 * (MCP_FILTER_MAX + 32)];
	int at = snprintf(expression, sizeof(expression), "doc_type == \"%s\"",
			  tools[query->tool].type);
	for (size_t i = 0; i < 2; i++)
		if (filters[i].len && at > 0 && (size_t)at < sizeof(expression))
			at += snprintf(expression + at, sizeof(expression) - (size_t)at,
				       " and %s == \"%.*s\"", names[i], STR_ARG(filters[i]));
	bool reranked = results->count && results->items[0].reranked;
	return json_pack("{s:s, s:i, s:s, s:b}", "retrieval_mode",
			 reranked ? "hybrid+rerank" : "hybrid", "candidate_depth",
			 query->resource_kind.len ? RETRIEVE_MAX_TOP_K : (int)query->top_k,
			 "filter_expr", expression, "filter_fallback", query->state.len > 0);
}

json_t *mcp_tool_present(const struct mcp_query *query, const struct retrieve_results *results,
			 struct arena *arena, struct err *err)
{
	struct buf text;
	json_t *citations = json_array(), *result = NULL;
	enum err_code code = citations ? ERR_OK : err_set(err, ERR_NOMEM, "out of memory");
	buf_init(&text, arena->alloc, OUTPUT_MAX);
	for (size_t i = 0; i < results->count && !code; i++) {
		struct said said;
		code = say(query, &results->items[i], arena, &said, err);
		if (code)
			break;
		if (i)
			buf_append(&text, STR("\n---\n"));
		append_result(&text, query, &results->items[i], &said);
		if (json_array_append_new(citations, citation(query, &results->items[i], &said)))
			code = err_set(err, ERR_NOMEM, "out of memory for a citation");
	}
	if (!code && !results->count)
		buf_append(&text, str_c(tools[query->tool].none));
	else if (!code && query->state.len)
		buf_append(&text, STR("\nThe index does not know which issues are open: these are "
				      "of any state.\n"));
	if (!code)
		code = buf_ok(&text, "the results", err);
	if (!code) {
		result = json_pack("{s:[{s:s, s:o}], s:{s:O, s:o}, s:b}", "content", "type", "text",
				   "text", json_from_str(str_trim(buf_str(&text))),
				   "structuredContent", "citations", citations, "retrieval",
				   retrieval(query, results), "isError", 0);
		if (!result)
			err_set(err, ERR_NOMEM, "out of memory for the results");
	}
	json_decref(citations);
	buf_release(&text);
	return result;
}
