/*
 * Scores sentences against sources by words alone, for tests/eval/ground.py: reads lines
 * {"sources": [{"title", "section", "text"}], "sentences": [text]}, prints for each sentence that
 * claims something {"line", "sentence", "support", "features"}, both counted from 0.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "answer/ground.h"

enum { SOURCES_MAX = 16 };

static struct str member(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	return (struct str){json_string_value(value), json_string_length(value)};
}

static int check(const json_t *sentence, const struct retrieve_results *results, size_t line,
		 size_t number)
{
	struct arena arena;
	struct ground ground;
	struct err err = {ERR_OK, ""};
	struct str text = {json_string_value(sentence), json_string_length(sentence)};
	arena_init(&arena, alloc_default(), 64 << 20);
	int failed = ground_check(NULL, text, results, &arena, &ground, &err) != ERR_OK;
	for (size_t i = 0; i < ground.count && !failed; i++) {
		const struct ground_sentence *s = &ground.sentences[i];
		if (!s->claims)
			continue;
		printf("{\"line\":%zu,\"sentence\":%zu,\"support\":%.6f,\"features\":{", line,
		       number, s->support);
		for (int f = 0; f < GROUND_FEATURES; f++)
			printf("%s\"%s\":%.6f", f ? "," : "",
			       ground_feature_name((enum ground_feature)f), s->features[f]);
		puts("}}");
	}
	arena_release(&arena);
	return failed;
}

int main(void)
{
	json_error_t error;
	json_t *line;
	int failed = 0;
	for (size_t n = 0; !failed && (line = json_loadf(stdin, JSON_DISABLE_EOF_CHECK, &error));
	     n++) {
		struct retrieve_result items[SOURCES_MAX] = {{.rank = 0}};
		struct retrieve_results results = {.items = items};
		const json_t *value;
		size_t i;
		json_array_foreach(json_object_get(line, "sources"), i, value)
		{
			if (i == SOURCES_MAX)
				break;
			items[i].passage.title = member(value, "title");
			items[i].passage.section_path = member(value, "section");
			items[i].text = member(value, "text");
			results.count++;
		}
		json_array_foreach(json_object_get(line, "sentences"), i, value) failed |=
			check(value, &results, n, i);
		json_decref(line);
	}
	return failed;
}
