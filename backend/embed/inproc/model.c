#include "embed/inproc/model.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "embed/inproc/model_fetch.h"

static const struct model_spec specs[] = {
	{
		.name = "all-MiniLM-L6-v2",
		.sha256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
		.dimension = 384,
		.max_tokens = 512,
		.bytes = 90868376,
		.vocab_sha256 = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
	},
	{
		.name = "all-mpnet-base-v2",
		.sha256 = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
		.dimension = 768,
		.max_tokens = 512,
		.bytes = 437971872,
		.vocab_sha256 = "dbd90cb94e2247bd4d4ccaecbf616d2290e66691d7d5e5bb81f063c2d0649ada",
	},
};

/* The small files come first, so that a source that lacks one is left soon. */
const struct model_file model_files[] = {
	{"config.json", true},
	{"tokenizer_config.json", true},
	{"vocab.txt", true},
	{"tokenizer.json", false},
	{"special_tokens_map.json", false},
	{"sentence_bert_config.json", false},
	{"modules.json", false},
	{"1_Pooling/config.json", false},
	{MODEL_WEIGHTS, true},
	{NULL, false},
};

const struct model_spec *model_specs(size_t *count)
{
	*count = sizeof(specs) / sizeof(specs[0]);
	return specs;
}

const struct model_spec *model_find(struct str name)
{
	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++)
		if (str_eq(name, str_c(specs[i].name)))
			return &specs[i];
	return NULL;
}

static bool is_file(struct arena *arena, struct str dir, const char *name)
{
	struct stat info;
	struct str path = arena_printf(arena, "%.*s/%s", STR_ARG(dir), name);
	return path.ptr && stat(path.ptr, &info) == 0 && S_ISREG(info.st_mode);
}

enum err_code model_resolve(struct str name_or_dir, const char *models_dir, struct arena *arena,
			    struct str *dir, struct err *err)
{
	*dir = (struct str){NULL, 0};
	if (name_or_dir.len == 0 || memchr(name_or_dir.ptr, '\0', name_or_dir.len))
		return err_set(err, ERR_INVALID,
			       "the name of the embedding model is empty or has a NUL byte");
	bool is_path = memchr(name_or_dir.ptr, '/', name_or_dir.len) ||
		       is_file(arena, name_or_dir, "config.json");
	if (!is_path && name_or_dir.ptr[0] == '.')
		return err_set(err, ERR_INVALID, "'%.*s' is not a model name nor a model's folder",
			       STR_ARG(str_slice(name_or_dir, 0, 128)));
	while (is_path && name_or_dir.len > 1 && str_ends(name_or_dir, STR("/")))
		name_or_dir.len--;
	*dir = is_path ? arena_str(arena, name_or_dir)
		       : arena_printf(arena, "%s/%.*s", models_dir, STR_ARG(name_or_dir));
	return dir->ptr ? ERR_OK : arena_fail(arena, err);
}

enum err_code model_check_present(const char *dir, struct str name, struct err *err)
{
	char path[4096];
	name = str_slice(name, 0, 64);
	for (const struct model_file *file = model_files; file->name; file++) {
		int len = snprintf(path, sizeof(path), "%s/%s", dir, file->name);
		if (len < 0 || (size_t)len >= sizeof(path))
			return err_set(err, ERR_INVALID,
				       "the folder name of model '%.*s' is "
				       "too long",
				       STR_ARG(name));
		if (!file->required || access(path, R_OK) == 0)
			continue;
		if (model_find(name))
			return err_set(err, ERR_NOTFOUND,
				       "the embedding model %.*s is not complete: %.280s is "
				       "missing; run `docs-bot model fetch %.*s`",
				       STR_ARG(name), path, STR_ARG(name));
		return err_set(err, ERR_NOTFOUND,
			       "no embedding model '%.*s': %.280s is missing; name a folder with "
			       "the model's files, or one of: %s, %s",
			       STR_ARG(name), path, specs[0].name, specs[1].name);
	}
	return ERR_OK;
}

static enum err_code verify_file(const struct model_spec *spec, const char *dir, const char *name,
				 const char *expected, struct err *err)
{
	char path[4096], actual[65];
	int len = snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (len < 0 || (size_t)len >= sizeof(path))
		return err_set(err, ERR_INVALID, "the folder name of model %s is too long",
			       spec->name);
	enum err_code code = file_sha256(path, actual, err);
	if (code || strcmp(actual, expected) == 0)
		return code;
	return err_set(err, ERR_MISMATCH,
		       "%.200s has SHA-256 %s, expected %s: it is damaged or another version; run "
		       "`docs-bot model fetch --force %.48s`",
		       path, actual, expected, spec->name);
}

enum err_code model_verify(const struct model_spec *spec, const char *dir, struct err *err)
{
	enum err_code code = verify_file(spec, dir, MODEL_WEIGHTS, spec->sha256, err);
	if (!code && spec->vocab_sha256)
		code = verify_file(spec, dir, "vocab.txt", spec->vocab_sha256, err);
	return code;
}
