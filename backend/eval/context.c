#include "eval/context.h"

#include "base/buf.h"

enum { CONTEXT_BYTES_MAX = 64 << 20 };

enum err_code eval_context_make(struct embedder *embedder, const struct eval_hits *hits,
				size_t budget, struct arena *arena, struct eval_context *out,
				struct err *err)
{
	struct buf text;
	enum err_code code = ERR_OK;
	bool full = false;
	*out = (struct eval_context){STR(""), 0};
	buf_init(&text, arena->alloc, CONTEXT_BYTES_MAX);
	for (size_t i = 0; i < hits->top_count && !full && !code; i++) {
		struct str piece = hits->top[i].text;
		struct token_list tokens;
		code = embed_tokenize(embedder, piece, arena, &tokens, err);
		if (code)
			break;
		size_t room = budget ? budget - out->tokens : tokens.count;
		full = tokens.count > room;
		if (full) {
			piece = str_slice(piece, 0, room ? tokens.items[room - 1].end : 0);
			tokens.count = room;
		}
		out->tokens += tokens.count;
		if (text.len && piece.len)
			buf_append(&text, STR("\n\n"));
		buf_append(&text, piece);
	}
	if (!code)
		code = buf_ok(&text, "the context of a question", err);
	if (!code) {
		out->text = arena_str(arena, buf_str(&text));
		if (!out->text.ptr)
			code = arena_fail(arena, err);
	}
	buf_release(&text);
	return code;
}
