#include "llm/openai/address.h"

#include "net/url.h"

static const char chat_path[] = "/chat/completions";

/* "/v1", "/v2", "/v1beta": a version is the path's last part. */
static bool ends_in_version(struct str path)
{
	size_t at = path.len;
	while (at && path.ptr[at - 1] != '/')
		at--;
	struct str last = str_slice(path, at, path.len);
	return at && last.len >= 2 && last.ptr[0] == 'v' && ascii_digit(last.ptr[1]);
}

static enum err_code check(struct str given, struct url *url, struct err *err)
{
	for (size_t i = 0; i < given.len; i++)
		if ((unsigned char)given.ptr[i] <= ' ' || given.ptr[i] == 0x7f)
			return err_set(err, ERR_INVALID, "the address has a space in it");
	if (given.len > URL_MAX)
		return err_set(err, ERR_INVALID, "an address of more than %d bytes", URL_MAX);
	if (!url_parse(given, url) || !url->host.len || !url->port ||
	    (!str_eq_nocase(url->scheme, STR("http")) && !str_eq_nocase(url->scheme, STR("https"))))
		return err_set(err, ERR_INVALID,
			       "not an address of the form http://HOST[:PORT][/PATH]");
	if (url->has_userinfo)
		return err_set(err, ERR_INVALID,
			       "the address must not have a user or password; give llm_api_key");
	return ERR_OK;
}

/* scheme://authority + path + more + ?query */
static const char *join(struct arena *arena, const struct url *url, struct str path,
			const char *more)
{
	struct str text = arena_printf(arena, "%.*s://%.*s%.*s%s%s%.*s", STR_ARG(url->scheme),
				       STR_ARG(url->authority), STR_ARG(path), more,
				       url->query.len ? "?" : "", STR_ARG(url->query));
	return text.ptr;
}

enum err_code llm_address(struct str given, struct arena *arena, struct llm_address *out,
			  struct err *err)
{
	struct url url;
	*out = (struct llm_address){.count = 1};
	given = str_trim(given);
	enum err_code code = check(given, &url, err);
	if (code)
		return code;
	struct str path = url.path, none = STR(""), prefix;
	while (path.len && path.ptr[path.len - 1] == '/')
		path.len--;
	if (str_ends(path, STR(chat_path))) {
		path.len -= sizeof(chat_path) - 1;
		out->places[0].chat = join(arena, &url, path, chat_path);
		out->places[0].models = join(arena, &url, path, "/models");
	} else if (ends_in_version(path)) {
		out->places[0].chat = join(arena, &url, path, chat_path);
		out->places[0].models = join(arena, &url, path, "/models");
	} else if (str_ends(path, STR("/openai"))) {
		out->places[0].chat = join(arena, &url, path, "/v1/chat/completions");
		out->places[0].models = join(arena, &url, path, "/v1/models");
	} else {
		out->count = 2;
		out->places[0].chat = join(arena, &url, path, "/openai/v1/chat/completions");
		out->places[0].models = join(arena, &url, path, "/openai/v1/models");
		out->places[1].chat = join(arena, &url, path, "/v1/chat/completions");
		out->places[1].models = join(arena, &url, path, "/v1/models");
	}
	prefix = str_ends(path, STR("/v1")) ? str_slice(path, 0, path.len - 3) : path;
	url.query = none;
	out->props = join(arena, &url, prefix, "/props");
	out->host = arena_printf(arena, "%.*s:%u", STR_ARG(url.host), url.port).ptr;
	bool made = out->props && out->host;
	for (size_t i = 0; i < out->count; i++)
		made = made && out->places[i].chat && out->places[i].models;
	return made ? ERR_OK : arena_fail(arena, err);
}
