#include "embed/inproc/tokenizer_settings.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"

enum { JSON_BYTES_MAX = 64 << 20 };

struct reader {
	struct tokenizer_settings *settings;
	const struct vocab *vocab;
	struct arena *arena;
	const char *path; /* of the file being read, for messages */
	bool strip_given;
};

/* *out stays NULL when there is no such file. */
static enum err_code read_json(const struct reader *r, json_t **out, struct err *err)
{
	struct buf text;
	struct err why;
	*out = NULL;
	buf_init(&text, r->arena->alloc, JSON_BYTES_MAX);
	enum err_code code = file_read(r->path, JSON_BYTES_MAX - 1, &text, err);
	if (code == ERR_NOTFOUND) {
		code = ERR_OK;
	} else if (!code && json_parse(buf_str(&text), out, &why)) {
		code = err_set(err, ERR_FORMAT, "%s: %s: fetch the model again", r->path,
			       why.message);
	} else if (!code && !json_is_object(*out)) {
		code = err_set(err, ERR_FORMAT, "%s is not a JSON object: fetch the model again",
			       r->path);
		json_decref(*out);
		*out = NULL;
	}
	buf_release(&text);
	return code;
}

static void read_bool(const json_t *object, const char *key, bool *out)
{
	const json_t *value = json_object_get(object, key);
	if (json_is_boolean(value))
		*out = json_is_true(value);
}

static enum err_code keep_str(struct reader *r, struct str text, struct str *out, struct err *err)
{
	*out = arena_str(r->arena, text);
	return out->ptr ? ERR_OK : arena_fail(r->arena, err);
}

/* A special token is given as "[CLS]" or as {"content": "[CLS]", …}. */
static struct str token_name(const json_t *config, const char *key)
{
	const json_t *value = json_object_get(config, key);
	return json_is_object(value) ? json_get_str(value, "content") : json_get_str(config, key);
}

static enum err_code add_token(struct reader *r, struct str content, int32_t id, bool normalized,
			       struct err *err)
{
	struct tokenizer_settings *s = r->settings;
	if (s->added_count == ADDED_TOKENS_MAX)
		return err_set(err, ERR_LIMIT, "%s has more than %d added tokens", r->path,
			       ADDED_TOKENS_MAX);
	if (content.len == 0 || vocab_find(r->vocab, content) != id)
		return err_set(err, ERR_FORMAT,
			       "%s: the added token '%.*s' is not line %d of vocab.txt: "
			       "fetch the model again",
			       r->path, STR_ARG(str_slice(content, 0, 64)), id + 1);
	for (size_t i = 0; i < s->added_count; i++)
		if (s->added[i].id == id)
			return ERR_OK;
	struct added_token *added = &s->added[s->added_count];
	enum err_code code = keep_str(r, content, &added->content, err);
	if (code)
		return code;
	added->id = id;
	added->normalized = normalized;
	s->added_count++;
	return ERR_OK;
}

/* Without tokenizer.json the special tokens are the added ones, as transformers would have it. */
static enum err_code read_config(struct reader *r, const json_t *config, struct err *err)
{
	struct tokenizer_settings *s = r->settings;
	static const char *const names[] = {"unk_token", "cls_token",  "sep_token", "pad_token",
					    "bos_token", "mask_token", "eos_token"};
	enum err_code code = ERR_OK;
	read_bool(config, "do_lower_case", &s->normalize.lower);
	read_bool(config, "tokenize_chinese_chars", &s->normalize.cjk);
	if (json_is_boolean(json_object_get(config, "strip_accents"))) {
		r->strip_given = true;
		read_bool(config, "strip_accents", &s->normalize.strip);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !code; i++) {
		struct str name = token_name(config, names[i]);
		int32_t id = vocab_find(r->vocab, name);
		if (id >= 0)
			code = add_token(r, name, id, false, err);
		if (!code && name.len && i == 0)
			code = keep_str(r, name, &s->unk, err);
		if (!code && name.len && i == 1)
			code = keep_str(r, name, &s->bos, err);
		if (!code && name.len && i == 2)
			code = keep_str(r, name, &s->eos, err);
	}
	return code;
}

static enum err_code unsupported(const struct reader *r, const char *what, struct str is,
				 const char *wanted, struct err *err)
{
	return err_set(err, ERR_UNSUPPORTED,
		       "%s: %s is '%.*s', but only %s is supported: choose a BERT or MPNet model",
		       r->path, what, STR_ARG(str_slice(is, 0, 64)), wanted);
}

static enum err_code read_normalizer(struct reader *r, const json_t *root, struct err *err)
{
	struct tokenizer_settings *s = r->settings;
	const json_t *normalizer = json_object_get(root, "normalizer");
	const json_t *pre = json_object_get(root, "pre_tokenizer");
	struct str type = json_get_str(normalizer, "type");
	if (!str_eq(type, STR("BertNormalizer")))
		return unsupported(r, "the normalizer", type, "BertNormalizer", err);
	type = json_get_str(pre, "type");
	if (!str_eq(type, STR("BertPreTokenizer")))
		return unsupported(r, "the pre-tokenizer", type, "BertPreTokenizer", err);
	read_bool(normalizer, "clean_text", &s->normalize.clean);
	read_bool(normalizer, "handle_chinese_chars", &s->normalize.cjk);
	read_bool(normalizer, "lowercase", &s->normalize.lower);
	r->strip_given = json_is_boolean(json_object_get(normalizer, "strip_accents"));
	read_bool(normalizer, "strip_accents", &s->normalize.strip);
	return ERR_OK;
}

/* The pieces of tokenizer.json are the ones that the published tokenizer uses. */
static enum err_code check_vocab(const struct reader *r, const json_t *vocab, struct err *err)
{
	const char *piece;
	json_t *value;
	if (!json_is_object(vocab) || json_object_size(vocab) != r->vocab->count)
		return err_set(err, ERR_FORMAT,
			       "%s has %zu pieces, vocab.txt has %zu: fetch the model again",
			       r->path, json_object_size(vocab), r->vocab->count);
	json_object_foreach((json_t *)(uintptr_t)vocab, piece, value)
	{
		if (!json_is_integer(value) ||
		    json_integer_value(value) != vocab_find(r->vocab, str_c(piece)))
			return err_set(err, ERR_FORMAT,
				       "%s and vocab.txt disagree about '%.64s': "
				       "fetch the model again",
				       r->path, piece);
	}
	return ERR_OK;
}

static enum err_code read_model(struct reader *r, const json_t *model, struct err *err)
{
	struct tokenizer_settings *s = r->settings;
	struct str type = json_get_str(model, "type");
	if (!str_eq(type, STR("WordPiece")))
		return unsupported(r, "the model", type, "WordPiece", err);
	struct str prefix = json_get_str(model, "continuing_subword_prefix");
	if (!str_eq(prefix, STR("##")))
		return unsupported(r, "the prefix of continuing pieces", prefix, "##", err);
	long long most = json_get_int(model, "max_input_chars_per_word", 100);
	if (most < 1 || most > WORD_CHARS_MAX)
		return err_set(err, ERR_UNSUPPORTED,
			       "%s: max_input_chars_per_word is %lld, must be 1 to %d", r->path,
			       most, WORD_CHARS_MAX);
	s->max_word_chars = (size_t)most;
	struct str unk = json_get_str(model, "unk_token");
	enum err_code code = unk.len ? keep_str(r, unk, &s->unk, err) : ERR_OK;
	return code ? code : check_vocab(r, json_object_get(model, "vocab"), err);
}

static enum err_code read_added(struct reader *r, const json_t *list, struct err *err)
{
	enum err_code code = ERR_OK;
	size_t i;
	json_t *token;
	r->settings->added_count = 0;
	json_array_foreach((json_t *)(uintptr_t)list, i, token)
	{
		struct str content = json_get_str(token, "content");
		long long id = json_get_int(token, "id", -1);
		if (json_is_true(json_object_get(token, "single_word")))
			return unsupported(r, "an added token with single_word", content,
					   "single_word false", err);
		if (id < 0 || id > INT32_MAX - 1)
			id = INT32_MAX - 1;
		code = add_token(r, content, (int32_t)id,
				 json_is_true(json_object_get(token, "normalized")), err);
		if (code)
			break;
	}
	return code;
}

/* {"cls": ["<s>", 0], "sep": …}, or a template that begins and ends with special tokens. */
static enum err_code read_ends(struct reader *r, const json_t *post, struct err *err)
{
	struct tokenizer_settings *s = r->settings;
	const json_t *single = json_object_get(post, "single");
	size_t last = json_array_size(single);
	struct str bos, eos;
	if (last) {
		bos = json_get_str(json_object_get(json_array_get(single, 0), "SpecialToken"),
				   "id");
		eos = json_get_str(
			json_object_get(json_array_get(single, last - 1), "SpecialToken"), "id");
	} else {
		bos = str_c(json_string_value(json_array_get(json_object_get(post, "cls"), 0)));
		eos = str_c(json_string_value(json_array_get(json_object_get(post, "sep"), 0)));
	}
	enum err_code code = bos.len ? keep_str(r, bos, &s->bos, err) : ERR_OK;
	return code || !eos.len ? code : keep_str(r, eos, &s->eos, err);
}

static enum err_code read_file(struct reader *r, const char *dir, const char *name, bool *found,
			       struct err *err)
{
	struct str path = arena_printf(r->arena, "%s/%s", dir, name);
	json_t *root;
	if (!path.ptr)
		return arena_fail(r->arena, err);
	r->path = path.ptr;
	enum err_code code = read_json(r, &root, err);
	if (code || !root)
		return code;
	*found = true;
	if (str_eq(str_c(name), STR("tokenizer_config.json"))) {
		code = read_config(r, root, err);
	} else {
		code = read_normalizer(r, root, err);
		if (!code)
			code = read_model(r, json_object_get(root, "model"), err);
		if (!code)
			code = read_added(r, json_object_get(root, "added_tokens"), err);
		if (!code)
			code = read_ends(r, json_object_get(root, "post_processor"), err);
	}
	json_decref(root);
	return code;
}

enum err_code tokenizer_settings_read(struct tokenizer_settings *settings, const char *dir,
				      const struct vocab *vocab, struct arena *arena,
				      struct err *err)
{
	*settings = (struct tokenizer_settings){
		.normalize = {.clean = true, .cjk = true, .strip = true, .lower = true},
		.max_word_chars = 100,
		.unk = STR("[UNK]"),
		.bos = STR("[CLS]"),
		.eos = STR("[SEP]"),
	};
	struct reader r = {.settings = settings, .vocab = vocab, .arena = arena};
	bool found = false;
	settings->added = arena_array(arena, ADDED_TOKENS_MAX, sizeof(*settings->added));
	if (!settings->added)
		return arena_fail(arena, err);
	enum err_code code = read_file(&r, dir, "tokenizer_config.json", &found, err);
	if (!code)
		code = read_file(&r, dir, "tokenizer.json", &found, err);
	if (!code && !found)
		code = err_set(err, ERR_NOTFOUND,
			       "%s has neither tokenizer_config.json nor tokenizer.json: "
			       "fetch the model again (docs-bot model fetch --force)",
			       dir);
	if (!code && !r.strip_given)
		settings->normalize.strip = settings->normalize.lower;
	return code;
}
