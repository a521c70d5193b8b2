#include "cmd/sources.h"

#include <string.h>

const struct config_setting source_settings[SOURCE_SETTING_COUNT] = {
#define SOURCE_ROW(id, name, type, fallback, min, max, choices, description)                       \
	[id] = {name, type, fallback, NULL, min, max, choices, description},
	SOURCE_SETTINGS(SOURCE_ROW)
#undef SOURCE_ROW
};

static const char *const hosts[] = {"github.com", "gitlab.com", "codeberg.org", "bitbucket.org"};

/* Behind "://"; empty when there is none. */
static struct str after_scheme(struct str location)
{
	size_t at = str_find(location, STR("://"), 0);
	return at == STR_NPOS ? STR("") : str_slice(location, at + 3, location.len);
}

/* "github.com/owner/repository", perhaps with "/tree/branch/folder" behind it. */
static bool is_hosted(struct str address)
{
	struct str host, part;
	size_t parts = 0;
	bool known = false, tree = false;
	str_cut(&address, '/', &host);
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		known |= str_eq_nocase(host, str_c(hosts[i]));
	for (; str_cut(&address, '/', &part); parts += part.len > 0)
		if (parts == 2)
			tree = str_eq(part, STR("tree"));
	return known && (parts == 2 || (tree && parts > 3));
}

static bool is_web(struct str location)
{
	return str_starts(location, STR("https://")) || str_starts(location, STR("http://"));
}

enum source_type sources_type_of(const char *location)
{
	struct str text = str_c(location), rest = after_scheme(text);
	size_t at = str_find(text, STR("@"), 0), colon = str_find(text, STR(":"), 0);
	if (!rest.len) /* "git@host:owner/repository", which the backend knows how to refuse */
		return at != STR_NPOS && colon != STR_NPOS && at < colon &&
				       str_find(text, STR("/"), 0) > colon
			       ? SOURCE_GIT
			       : SOURCE_DIR;
	while (rest.len && rest.ptr[rest.len - 1] == '/')
		rest.len--;
	return !is_web(text) || str_ends(rest, STR(".git")) || is_hosted(rest) ? SOURCE_GIT
									       : SOURCE_SITE;
}

/* "git+https://…" without the "git+"; a web page of a branch as repository, branch and folder. */
static enum err_code resolve_git(struct context *ctx, struct source_spec *spec, struct err *err)
{
	struct str url = str_c(spec->location), path = after_scheme(url), part, branch;
	if (str_starts(url, STR("git+")))
		spec->location += 4;
	if (!is_hosted(path) || str_find(path, STR("/tree/"), 0) == STR_NPOS)
		return ERR_OK;
	for (int i = 0; i < 3; i++)
		str_cut(&path, '/', &part);
	struct str repository = {spec->location, (size_t)(part.ptr + part.len - spec->location)};
	str_cut(&path, '/', &part);
	str_cut(&path, '/', &branch);
	repository = arena_str(ctx->arena, repository);
	branch = arena_str(ctx->arena, branch);
	spec->paths = arena_array(ctx->arena, 1, sizeof(*spec->paths));
	if (!repository.ptr || !branch.ptr || !spec->paths)
		return arena_fail(ctx->arena, err);
	while (path.len && path.ptr[path.len - 1] == '/')
		path.len--;
	spec->location = repository.ptr;
	spec->branch = branch.ptr;
	spec->paths[0] = path;
	spec->path_count = path.len > 0;
	return ERR_OK;
}

/* ---- from the configuration ---- */

static enum err_code bad(const struct context *ctx, const struct config_item *item,
			 const char *problem, struct err *err)
{
	return err_set(err, ERR_INVALID, "%s: line %zu: source '%s': %s", ctx->config_file,
		       item->line, config_string(&item->config, SOURCE_NAME), problem);
}

static bool given(const struct config_item *item, size_t setting)
{
	return item->config.values[setting].origin != CONFIG_DEFAULT;
}

static const char *text_of(const struct config_item *item, size_t setting)
{
	const char *text = config_string(&item->config, setting);
	return *text ? text : NULL;
}

static enum err_code list_of(struct context *ctx, const struct config_item *item, size_t setting,
			     struct str **out, size_t *count, struct err *err)
{
	struct str rest = item->config.values[setting].text, one;
	*count = 0;
	while (config_next(&rest, &one))
		++*count;
	*out = arena_array(ctx->arena, *count, sizeof(**out));
	if (!*out)
		return arena_fail(ctx->arena, err);
	rest = item->config.values[setting].text;
	for (size_t i = 0; i < *count; i++)
		config_next(&rest, &(*out)[i]);
	return ERR_OK;
}

/* Settings that only some types have. */
static enum err_code check_types(const struct context *ctx, const struct config_item *item,
				 enum source_type type, struct err *err)
{
	static const unsigned char of[SOURCE_SETTING_COUNT] = {
		[SOURCE_PATH] = SOURCE_DIR,
		[SOURCE_GITIGNORE] = SOURCE_DIR,
		[SOURCE_URL] = SOURCE_GIT | SOURCE_SITE,
		[SOURCE_BRANCH] = SOURCE_GIT,
		[SOURCE_PATHS] = SOURCE_GIT,
		[SOURCE_TOKEN_ENV] = SOURCE_GIT,
		[SOURCE_DEPTH] = SOURCE_GIT,
		[SOURCE_MAX_PAGES] = SOURCE_SITE,
		[SOURCE_MAX_DEPTH] = SOURCE_SITE,
		[SOURCE_RATE] = SOURCE_SITE,
	};
	const char *name = type == SOURCE_DIR ? "dir" : type == SOURCE_GIT ? "git" : "site";
	for (size_t i = 0; i < SOURCE_SETTING_COUNT; i++)
		if (of[i] && given(item, i) && !(of[i] & type))
			return err_set(err, ERR_INVALID,
				       "%s: line %zu: source '%s': '%s' is not for type %s",
				       ctx->config_file, item->line,
				       config_string(&item->config, SOURCE_NAME),
				       source_settings[i].name, name);
	return ERR_OK;
}

/* "https://user:token@host" would be in logs, reports and citations. */
static bool has_password(struct str url)
{
	struct str host, rest = after_scheme(url);
	str_cut(&rest, '/', &host);
	return str_find(host, STR("@"), 0) != STR_NPOS;
}

static enum err_code check_urls(const struct context *ctx, const struct config_item *item,
				const struct source_spec *spec, struct err *err)
{
	struct str github = STR("https://github.com/");
	struct str base = spec->url.base_url, web = spec->url.web_url;
	if (has_password(str_c(spec->location)))
		return bad(ctx, item, "'url' holds a password: name its variable in token_env",
			   err);
	if ((base.len && !is_web(base)) || (web.len && !is_web(web)))
		return bad(ctx, item, "base_url and web_url begin with https:// or http://", err);
	if (spec->url.style == URL_HUGO && !base.len)
		return bad(ctx, item, "url_style hugo needs base_url", err);
	if (spec->url.style == URL_SITE && spec->type != SOURCE_SITE && !base.len)
		return bad(ctx, item, "url_style site needs base_url", err);
	if (spec->url.style == URL_GITHUB && !web.len &&
	    !(spec->type == SOURCE_GIT && str_starts(str_c(spec->location), github)))
		return bad(ctx, item, "url_style github needs web_url", err);
	return ERR_OK;
}

/* A folder stands relative to the file that names it, so that the file can be used from anywhere. */
static enum err_code resolve_dir(struct context *ctx, struct source_spec *spec, struct err *err)
{
	const char *slash = strrchr(ctx->config_file, '/');
	if (spec->location[0] == '/' || !slash)
		return ERR_OK;
	struct str path = arena_printf(ctx->arena, "%.*s/%s", (int)(slash - ctx->config_file),
				       ctx->config_file, spec->location);
	spec->location = path.ptr;
	return path.ptr ? ERR_OK : arena_fail(ctx->arena, err);
}

static enum err_code read_lists(struct context *ctx, const struct config_item *item,
				struct source_spec *spec, struct err *err)
{
	enum err_code code = list_of(ctx, item, SOURCE_PATHS, &spec->paths, &spec->path_count, err);
	if (!code)
		code = list_of(ctx, item, SOURCE_INCLUDE, &spec->include, &spec->include_count,
			       err);
	if (!code)
		code = list_of(ctx, item, SOURCE_EXCLUDE, &spec->exclude, &spec->exclude_count,
			       err);
	return code;
}

static enum err_code read_item(struct context *ctx, const struct config_item *item,
			       struct source_spec *spec, struct err *err)
{
	const struct config *config = &item->config;
	const char *path = text_of(item, SOURCE_PATH), *url = text_of(item, SOURCE_URL);
	const char *type = text_of(item, SOURCE_TYPE);
	if (!path == !url)
		return bad(ctx, item, "needs either 'path' or 'url'", err);
	*spec = (struct source_spec){.type = !type ? path ? SOURCE_DIR : sources_type_of(url)
					     : strcmp(type, "dir") == 0 ? SOURCE_DIR
					     : strcmp(type, "git") == 0 ? SOURCE_GIT
									: SOURCE_SITE,
				     .name = text_of(item, SOURCE_NAME),
				     .location = path ? path : url,
				     .branch = text_of(item, SOURCE_BRANCH),
				     .token_env = text_of(item, SOURCE_TOKEN_ENV),
				     .url = {.base_url = config->values[SOURCE_BASE_URL].text,
					     .web_url = config->values[SOURCE_WEB_URL].text},
				     .version = config->values[SOURCE_VERSION].text,
				     .archived = config_bool(config, SOURCE_ARCHIVED),
				     .no_ignore = !config_bool(config, SOURCE_GITIGNORE),
				     .depth = (size_t)config_int(config, SOURCE_DEPTH),
				     .max_pages = (size_t)config_int(config, SOURCE_MAX_PAGES),
				     .max_depth = (size_t)config_int(config, SOURCE_MAX_DEPTH),
				     .rate = config_float(config, SOURCE_RATE)};
	if (url && sources_type_of(url) == SOURCE_DIR)
		return bad(ctx, item, "'url' is no address; 'path' is for folders", err);
	(void)url_style_parse(config->values[SOURCE_URL_STYLE].text, &spec->url.style);
	enum err_code code = check_types(ctx, item, spec->type, err);
	if (!code)
		code = read_lists(ctx, item, spec, err);
	if (!code && spec->type == SOURCE_GIT)
		code = resolve_git(ctx, spec, err);
	if (!code && spec->type == SOURCE_DIR)
		code = resolve_dir(ctx, spec, err);
	return code ? code : check_urls(ctx, item, spec, err);
}

enum err_code sources_from_config(struct context *ctx, struct source_specs *out, struct err *err)
{
	const struct config_section *section = &ctx->config.section;
	out->count = section->item_count;
	out->items = arena_array(ctx->arena, out->count, sizeof(*out->items));
	if (!out->items)
		return arena_fail(ctx->arena, err);
	for (size_t i = 0; i < out->count; i++) {
		enum err_code code = read_item(ctx, &section->items[i], &out->items[i], err);
		if (code)
			return code;
		for (size_t j = 0; j < i && out->items[i].name; j++)
			if (out->items[j].name &&
			    strcmp(out->items[j].name, out->items[i].name) == 0)
				return bad(ctx, &section->items[i], "another one has this name",
					   err);
	}
	return ERR_OK;
}

/* ---- from the command line ---- */

static const char *spec_name(const void *ctx, size_t i)
{
	const struct source_specs *specs = ctx;
	return specs->items[i].name ? specs->items[i].name : "";
}

/* Those that --source names, in the order of the configuration. */
static enum err_code select_named(const struct context *ctx, struct source_specs *specs,
				  struct err *err)
{
	bool *wanted = arena_array(ctx->arena, specs->count, sizeof(*wanted)), any = false;
	if (!wanted)
		return arena_fail(ctx->arena, err);
	for (size_t g = 0; g < ctx->given_count; g++) {
		const struct given_option *option = &ctx->given[g];
		if (strcmp(option->option->name, "source") != 0)
			continue;
		size_t i = 0;
		while (i < specs->count && strcmp(spec_name(specs, i), option->value) != 0)
			i++;
		if (i == specs->count) {
			const char *near = config_nearest(str_c(option->value), spec_name, specs,
							  specs->count);
			return err_set(
				err, ERR_INVALID, "no source is named '%s'%s%s%s", option->value,
				near ? "; did you mean '" : "; `docs-bot config show` lists all",
				near ? near : "", near ? "'?" : "");
		}
		wanted[i] = any = true;
	}
	size_t kept = 0;
	for (size_t i = 0; i < specs->count && any; i++)
		if (wanted[i])
			specs->items[kept++] = specs->items[i];
	specs->count = any ? kept : specs->count;
	return ERR_OK;
}

static enum err_code collect_globs(const struct context *ctx, const char *name, struct str **globs,
				   size_t *count, struct err *err)
{
	*count = 0;
	*globs = arena_array(ctx->arena, ctx->given_count, sizeof(**globs));
	if (!*globs)
		return arena_fail(ctx->arena, err);
	for (size_t i = 0; i < ctx->given_count; i++)
		if (strcmp(ctx->given[i].option->name, name) == 0)
			(*globs)[(*count)++] = str_c(ctx->given[i].value);
	return ERR_OK;
}

static enum err_code from_arguments(struct context *ctx, struct source_specs *out, struct err *err)
{
	out->count = ctx->arg_count;
	out->items = arena_array(ctx->arena, out->count, sizeof(*out->items));
	if (!out->items)
		return arena_fail(ctx->arena, err);
	for (size_t i = 0; i < out->count; i++) {
		struct source_spec *spec = &out->items[i];
		*spec = (struct source_spec){.type = sources_type_of(ctx->args[i]),
					     .name = context_option(ctx, "source"),
					     .location = ctx->args[i],
					     .depth = 1};
		enum err_code code =
			collect_globs(ctx, "include", &spec->include, &spec->include_count, err);
		if (!code)
			code = collect_globs(ctx, "exclude", &spec->exclude, &spec->exclude_count,
					     err);
		if (!code && spec->type == SOURCE_GIT)
			code = resolve_git(ctx, spec, err);
		if (code)
			return code;
	}
	return ERR_OK;
}

enum err_code sources_wanted(struct context *ctx, struct source_specs *out, struct err *err)
{
	if (ctx->arg_count)
		return from_arguments(ctx, out, err);
	enum err_code code = sources_from_config(ctx, out, err);
	return code ? code : select_named(ctx, out, err);
}
