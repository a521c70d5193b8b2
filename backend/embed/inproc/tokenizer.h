/*
 * WordPiece as BERT and MPNet use it: clean, split CJK, lower-case, strip accents, split on
 * punctuation, then longest match first. Must give exactly the tokens of the published fast
 * tokenizers (golden tests).
 */
#ifndef DOCS_BOT_EMBED_INPROC_TOKENIZER_H
#define DOCS_BOT_EMBED_INPROC_TOKENIZER_H

#include <stdbool.h>

#include "base/alloc.h"
#include "embed/embed.h"

struct tokenizer; /* immutable after opening, shared by threads */

/*
 * Reads the model's vocab.txt and tokenizer settings (tokenizer.json or tokenizer_config.json:
 * lower-casing, accents, CJK, names of the special tokens) from folder `dir`.
 */
enum err_code tokenizer_open(const char *dir, const struct alloc *alloc, struct tokenizer **out,
			     struct err *err) WARN_UNUSED;
void tokenizer_close(struct tokenizer *t);

/* As embed_tokenize(): tokens without the special ones, with byte ranges of the original text. */
enum err_code tokenizer_encode(const struct tokenizer *t, struct str text, struct arena *arena,
			       struct token_list *out, struct err *err) WARN_UNUSED;

size_t tokenizer_vocab_size(const struct tokenizer *t);
int32_t tokenizer_bos(const struct tokenizer *t); /* [CLS] or <s> */
int32_t tokenizer_eos(const struct tokenizer *t); /* [SEP] or </s> */
int32_t tokenizer_unk(const struct tokenizer *t);
/* The piece of an id ("##ing"), empty when out of range. */
struct str tokenizer_piece(const struct tokenizer *t, int32_t id);

#endif
