#include "source/robots.h"

#include <string.h>

#include "net/url.h"

#define RULES_MAX    2000
#define SITEMAPS_MAX 100
#define PATTERN_MAX  1000

struct line {
	struct str key, value;
};

/* The next "key: value"; false at the end. Lines end with CR, LF or both. */
static bool next_line(struct str text, size_t *at, struct line *out)
{
	while (*at < text.len) {
		size_t end = *at, colon;
		struct str line;

		while (end < text.len && text.ptr[end] != '\n' && text.ptr[end] != '\r')
			end++;
		line = str_slice(text, *at, end);
		*at = end + 1;
		for (size_t i = 0; i < line.len; i++)
			if (line.ptr[i] == '#')
				line.len = i;
		colon = str_find(line, STR(":"), 0);
		if (colon == STR_NPOS)
			continue;
		out->key = str_trim(str_slice(line, 0, colon));
		out->value = str_trim(str_slice(line, colon + 1, line.len));
		return true;
	}
	return false;
}

static bool is_key(const struct line *line, const char *key)
{
	return str_eq_nocase(line->key, str_c(key));
}

static bool names_agent(struct str value, struct str agent)
{
	/* "docs-bot/1.0" names the product as well */
	size_t len = 0;

	while (len < value.len &&
	       (ascii_alnum(value.ptr[len]) || value.ptr[len] == '-' || value.ptr[len] == '_'))
		len++;
	return len && str_eq_nocase(str_slice(value, 0, len), agent);
}

static bool has_group_for(struct str text, struct str agent)
{
	struct line line;

	for (size_t at = 0; next_line(text, &at, &line);)
		if (is_key(&line, "user-agent") && names_agent(line.value, agent))
			return true;
	return false;
}

static enum err_code add_rule(struct robots *robots, struct str pattern, bool allow,
			      struct arena *arena, struct err *err)
{
	/* an empty rule is none; what is too long cannot match an address that we accept */
	if (pattern.len == 0 || pattern.len > PATTERN_MAX || robots->rule_count == RULES_MAX)
		return ERR_OK;
	pattern = url_encode(pattern, arena);
	if (!pattern.ptr)
		return arena_fail(arena, err);
	robots->rules[robots->rule_count++] = (struct robots_rule){pattern, allow};
	return ERR_OK;
}

static enum err_code add_sitemap(struct robots *robots, struct str value, struct arena *arena,
				 struct err *err)
{
	if (value.len == 0 || value.len > URL_MAX || robots->sitemap_count == SITEMAPS_MAX)
		return ERR_OK;
	value = arena_str(arena, value);
	if (!value.ptr)
		return arena_fail(arena, err);
	robots->sitemaps[robots->sitemap_count++] = value;
	return ERR_OK;
}

enum err_code robots_parse(struct str text, struct str agent, struct arena *arena,
			   struct robots *out, struct err *err)
{
	bool specific, ours = false, in_names = false;
	struct line line;
	enum err_code code = ERR_OK;

	text = str_slice(text, 0, ROBOTS_BYTES);
	if (str_starts(text, STR("\xef\xbb\xbf")))
		text = str_slice(text, 3, text.len);
	*out = (struct robots){.rules = arena_array(arena, RULES_MAX, sizeof(*out->rules)),
			       .sitemaps = arena_array(arena, SITEMAPS_MAX, sizeof(struct str))};
	if (!out->rules || !out->sitemaps)
		return arena_fail(arena, err);
	specific = has_group_for(text, agent);
	for (size_t at = 0; code == ERR_OK && next_line(text, &at, &line);) {
		double delay;

		if (is_key(&line, "sitemap")) {
			code = add_sitemap(out, line.value, arena, err);
			continue; /* belongs to no group */
		}
		if (is_key(&line, "user-agent")) {
			bool named = specific ? names_agent(line.value, agent)
					      : str_eq(line.value, STR("*"));

			ours = named || (in_names && ours);
			in_names = true;
			continue;
		}
		in_names = false;
		if (!ours)
			continue;
		if (is_key(&line, "allow") || is_key(&line, "disallow"))
			code = add_rule(out, line.value, is_key(&line, "allow"), arena, err);
		else if (is_key(&line, "crawl-delay") && str_to_double(line.value, &delay) &&
			 delay > out->crawl_delay)
			out->crawl_delay = delay;
	}
	return code;
}

/* '*' is any run of bytes, '$' at the end is the end; else a prefix is enough. */
static bool matches(struct str pattern, struct str target)
{
	size_t p = 0, t = 0, star = STR_NPOS, retry = 0;
	bool anchored = pattern.len && pattern.ptr[pattern.len - 1] == '$';

	if (anchored)
		pattern.len--;
	for (;;) {
		if (p == pattern.len && (!anchored || t == target.len))
			return true;
		if (p < pattern.len && pattern.ptr[p] == '*') {
			star = ++p;
			retry = t;
		} else if (p < pattern.len && t < target.len && pattern.ptr[p] == target.ptr[t]) {
			p++;
			t++;
		} else if (star != STR_NPOS && retry < target.len) {
			/* only the last star needs to take more: earlier ones took the least */
			p = star;
			t = ++retry;
		} else {
			return false;
		}
	}
}

bool robots_allows(const struct robots *robots, struct str target)
{
	size_t longest = 0;
	bool allowed = true;

	for (size_t i = 0; i < robots->rule_count; i++) {
		const struct robots_rule *rule = &robots->rules[i];

		if (rule->pattern.len < longest || !matches(rule->pattern, target))
			continue;
		/* of equally long ones, that which allows */
		allowed = rule->allow || (rule->pattern.len == longest && allowed && longest);
		longest = rule->pattern.len;
	}
	return allowed;
}
