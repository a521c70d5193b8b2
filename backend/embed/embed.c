#include "embed/embed.h"

#include "base/utf8.h"

#define TEXT_MAX_BYTES ((size_t)64 << 20)

/* What every backend may rely on: a bounded, well-formed text. */
static enum err_code check_text(struct str text, struct err *err)
{
	if (text.len > TEXT_MAX_BYTES)
		return err_set(err, ERR_INVALID, "a text of %zu bytes, at most %zu are tokenized",
			       text.len, TEXT_MAX_BYTES);
	if (!utf8_valid(text))
		return err_set(err, ERR_INVALID, "the text is not valid UTF-8");
	return ERR_OK;
}

enum err_code embed_tokenize(struct embedder *e, struct str text, struct arena *arena,
			     struct token_list *out, struct err *err)
{
	*out = (struct token_list){0};
	enum err_code code = check_text(text, err);
	if (code != ERR_OK)
		return code;
	return e->ops->tokenize(e, text, arena, out, err);
}

enum err_code embed_texts(struct embedder *e, const struct str *texts, size_t count, float *vectors,
			  struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		enum err_code code = check_text(texts[i], err);
		if (code != ERR_OK)
			return code;
	}
	return count == 0 ? ERR_OK : e->ops->embed(e, texts, count, vectors, err);
}

enum err_code embed_alone(struct embedder *e, struct str text, float *vector, struct err *err)
{
	enum err_code code = check_text(text, err);
	if (code != ERR_OK)
		return code;
	return e->ops->embed_alone ? e->ops->embed_alone(e, text, vector, err)
				   : e->ops->embed(e, &text, 1, vector, err);
}

void embed_close(struct embedder *e)
{
	if (e)
		e->ops->close(e);
}
