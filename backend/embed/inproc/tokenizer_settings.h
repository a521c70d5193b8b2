/* The settings of a tokenizer from the JSON files beside vocab.txt. */
#ifndef DOCS_BOT_EMBED_INPROC_TOKENIZER_SETTINGS_H
#define DOCS_BOT_EMBED_INPROC_TOKENIZER_SETTINGS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "embed/inproc/normalize.h"
#include "embed/inproc/wordpiece.h"

/* A token that is found in the text as it is written, before words are looked for. */
struct added_token {
	struct str content;
	int32_t id;
	bool normalized; /* looked for in the normalized text instead */
};

enum { ADDED_TOKENS_MAX = 1024 };

struct tokenizer_settings {
	struct normalize_options normalize;
	size_t max_word_chars;
	struct str unk, bos, eos;
	struct added_token *added;
	size_t added_count;
};

/*
 * Reads tokenizer_config.json and tokenizer.json (which wins) of folder `dir`; one of them must be
 * there. Strings live in `arena`. ERR_UNSUPPORTED names what is not BERT's way; ERR_FORMAT when
 * tokenizer.json and the vocabulary disagree.
 */
enum err_code tokenizer_settings_read(struct tokenizer_settings *settings, const char *dir,
				      const struct vocab *vocab, struct arena *arena,
				      struct err *err) WARN_UNUSED;

#endif
