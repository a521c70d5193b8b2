/*
 * Tiny random BERT and MPNet models in the published file layout, for tests that need a whole
 * embedder but no particular meaning. Any ASCII text tokenizes without an unknown token.
 */
#ifndef DOCS_BOT_TESTS_TINY_MODEL_H
#define DOCS_BOT_TESTS_TINY_MODEL_H

#include <stdbool.h>
#include <stddef.h>

enum tiny_kind { TINY_BERT, TINY_MPNET };

#define TINY_HIDDEN       32
#define TINY_LAYERS       2
#define TINY_HEADS        4
#define TINY_INTERMEDIATE 64
#define TINY_MAX_TOKENS   512
#define TINY_BUCKETS      32

/*
 * Writes config.json, vocab.txt, tokenizer_config.json and model.safetensors into the existing
 * folder `dir`; the same bytes every time. Vectors have TINY_HIDDEN dimensions, inputs at most
 * TINY_MAX_TOKENS tokens. False when a file cannot be written.
 */
bool tiny_model_write(const char *dir, enum tiny_kind kind);

/* The same with `prefix` ("bert.", "mpnet.") in front of every tensor's name. */
bool tiny_model_write_prefixed(const char *dir, enum tiny_kind kind, const char *prefix);

/*
 * A BERT cross-encoder with one label (BertForSequenceClassification), as sentence-transformers
 * saves it. `activation` is the dotted name of the function on its logit; NULL: none is named.
 */
bool tiny_model_write_cross(const char *dir, const char *activation);

/* Number of entries of vocab.txt. */
size_t tiny_model_vocab(enum tiny_kind kind);

#endif
