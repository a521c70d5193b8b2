#include "answer/tools.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

enum { ARGUMENTS_MAX = 16 * 1024 };

/* A struct str where only constants may stand. */
#define TEXT(literal)                                                                              \
	{                                                                                          \
		(literal), sizeof(literal) - 1                                                     \
	}

#define QUERY_SCHEMA                                                                               \
	"{\"type\":\"object\",\"properties\":{\"query\":{\"type\":\"string\",\"minLength\":1,"     \
	"\"description\":\"what to search for, in words that can be understood alone\"}},"         \
	"\"required\":[\"query\"],\"additionalProperties\":false}"

const struct llm_tool *tools_table(void)
{
	static const struct llm_tool table[TOOLS_COUNT] = {
		{TEXT("search_kubeflow_docs"),
		 TEXT("Searches the documentation: concepts, installation, guides, reference."),
		 TEXT(QUERY_SCHEMA)},
		{TEXT("search_github_issues"),
		 TEXT("Searches GitHub issues: error messages, known bugs, regressions."),
		 TEXT(QUERY_SCHEMA)},
		{TEXT("search_kubeflow_code"),
		 TEXT("Searches code and manifests: examples, YAML, custom resources."),
		 TEXT(QUERY_SCHEMA)},
	};
	return table;
}

static struct str type_of(size_t tool)
{
	static const struct str types[TOOLS_COUNT] = {TEXT("doc"), TEXT("issue"), TEXT("code")};
	return types[tool];
}

static struct str string_of(const json_t *value)
{
	return json_is_string(value)
		       ? (struct str){json_string_value(value), json_string_length(value)}
		       : (struct str){NULL, 0};
}

static json_t *parse(struct str text)
{
	return text.len > ARGUMENTS_MAX
		       ? NULL
		       : json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
}

enum err_code tools_read(const struct llm_tool_call *call, struct arena *arena,
			 struct tool_query *out, struct err *err)
{
	size_t tool = 0;
	while (tool < TOOLS_COUNT && !str_eq(call->name, tools_table()[tool].name))
		tool++;
	if (tool == TOOLS_COUNT)
		return err_set(err, ERR_INVALID,
			       "There is no such tool. Use search_kubeflow_docs, "
			       "search_github_issues or search_kubeflow_code.");
	json_t *arguments = parse(call->arguments);
	struct str query = str_trim(string_of(json_object_get(arguments, "query")));
	enum err_code code = ERR_OK;
	if (!query.len) {
		code = err_set(err, ERR_INVALID,
			       "The arguments must be JSON like {\"query\":\"…\"}.");
	} else {
		out->type = type_of(tool);
		out->query = arena_str(arena, utf8_prefix(query, TOOLS_QUERY_MAX));
		code = out->query.ptr ? ERR_OK : arena_fail(arena, err);
	}
	json_decref(arguments);
	return code;
}

/* {"name": …, "arguments"|"parameters": {…} or a string of it}; also within {"function": …}. */
static enum err_code call_of(const json_t *object, struct arena *arena, struct llm_tool_call *out,
			     struct err *err)
{
	const json_t *inner = json_object_get(object, "function");
	if (json_is_object(inner))
		object = inner;
	struct str name = string_of(json_object_get(object, "name"));
	const json_t *arguments = json_object_get(object, "arguments");
	if (!arguments)
		arguments = json_object_get(object, "parameters");
	if (!name.len || !arguments)
		return err_set(err, ERR_NOTFOUND, "no tool call");
	struct str text = string_of(arguments);
	char *dump = text.ptr ? NULL : json_dumps(arguments, JSON_COMPACT);
	*out = (struct llm_tool_call){.id = STR("call_text")};
	out->name = arena_str(arena, name);
	out->arguments = arena_str(arena, text.ptr ? text : str_c(dump));
	free(dump);
	return out->name.ptr && out->arguments.ptr ? ERR_OK : arena_fail(arena, err);
}

enum err_code tools_from_text(struct str text, struct arena *arena, struct llm_tool_call *out,
			      struct err *err)
{
	size_t open = str_find(text, STR("{"), 0);
	if (open == STR_NPOS || text.len - open > ARGUMENTS_MAX)
		return err_set(err, ERR_NOTFOUND, "no tool call");
	/* What follows the object, a closing tag for instance, does not matter. */
	json_t *object = json_loadb(text.ptr + open, text.len - open, JSON_DISABLE_EOF_CHECK, NULL);
	enum err_code code = json_is_object(object) ? call_of(object, arena, out, err)
						    : err_set(err, ERR_NOTFOUND, "no tool call");
	json_decref(object);
	return code;
}
