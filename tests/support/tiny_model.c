#include "support/tiny_model.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"

#define MAX_BYTES (8U << 20)

static const char *const bert_specials[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
static const char *const mpnet_specials[] = {"<s>", "<pad>", "</s>", "<unk>", "[UNK]", "<mask>"};
static const char punctuation[] = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
static const char pieces[] = "abcdefghijklmnopqrstuvwxyz0123456789";

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

size_t tiny_model_vocab(enum tiny_kind kind)
{
	size_t specials = kind == TINY_BERT ? COUNT(bert_specials) : COUNT(mpnet_specials);
	return specials + sizeof(punctuation) - 1 + 2 * (sizeof(pieces) - 1);
}

static bool write_file(const char *dir, const char *name, struct buf *content)
{
	struct buf path;
	buf_init(&path, alloc_default(), 4096);
	bool done = buf_printf(&path, "%s/%s", dir, name) && !content->failed &&
		    file_write_atomic(path.ptr, buf_str(content), NULL) == ERR_OK;
	buf_release(&path);
	return done;
}

static bool write_vocab(const char *dir, enum tiny_kind kind)
{
	struct buf text;
	buf_init(&text, alloc_default(), MAX_BYTES);
	size_t specials = kind == TINY_BERT ? COUNT(bert_specials) : COUNT(mpnet_specials);
	for (size_t i = 0; i < specials; i++)
		buf_printf(&text, "%s\n", kind == TINY_BERT ? bert_specials[i] : mpnet_specials[i]);
	for (size_t i = 0; i + 1 < sizeof(punctuation); i++)
		buf_printf(&text, "%c\n", punctuation[i]);
	for (size_t i = 0; i + 1 < sizeof(pieces); i++)
		buf_printf(&text, "%c\n##%c\n", pieces[i], pieces[i]);
	bool done = write_file(dir, "vocab.txt", &text);
	buf_release(&text);
	return done;
}

static bool write_tokenizer_config(const char *dir, enum tiny_kind kind)
{
	struct buf text;
	buf_init(&text, alloc_default(), MAX_BYTES);
	bool bert = kind == TINY_BERT;
	buf_printf(&text,
		   "{\"do_lower_case\": true, \"unk_token\": \"[UNK]\", \"sep_token\": \"%s\", "
		   "\"pad_token\": \"%s\", \"cls_token\": \"%s\", \"mask_token\": \"%s\", ",
		   bert ? "[SEP]" : "</s>", bert ? "[PAD]" : "<pad>", bert ? "[CLS]" : "<s>",
		   bert ? "[MASK]" : "<mask>");
	if (!bert)
		buf_printf(&text, "\"bos_token\": \"<s>\", \"eos_token\": \"</s>\", ");
	buf_printf(&text,
		   "\"tokenize_chinese_chars\": true, \"strip_accents\": null, "
		   "\"tokenizer_class\": \"%s\", \"model_max_length\": %d}\n",
		   bert ? "BertTokenizer" : "MPNetTokenizer", TINY_MAX_TOKENS);
	bool done = write_file(dir, "tokenizer_config.json", &text);
	buf_release(&text);
	return done;
}

/* `more`: further members of config.json, each behind a comma. */
static bool write_config(const char *dir, enum tiny_kind kind, const char *more)
{
	struct buf text;
	buf_init(&text, alloc_default(), MAX_BYTES);
	buf_printf(&text,
		   "{\"hidden_act\": \"gelu\", \"hidden_size\": %d, \"intermediate_size\": %d, "
		   "\"num_attention_heads\": %d, \"num_hidden_layers\": %d, \"vocab_size\": %zu, ",
		   TINY_HIDDEN, TINY_INTERMEDIATE, TINY_HEADS, TINY_LAYERS, tiny_model_vocab(kind));
	if (kind == TINY_BERT)
		buf_printf(&text,
			   "\"model_type\": \"bert\", \"max_position_embeddings\": %d, "
			   "\"layer_norm_eps\": 1e-12, \"type_vocab_size\": 2, "
			   "\"pad_token_id\": 0%s}\n",
			   TINY_MAX_TOKENS, more);
	else
		buf_printf(&text,
			   "\"model_type\": \"mpnet\", \"max_position_embeddings\": %d, "
			   "\"layer_norm_eps\": 1e-05, \"relative_attention_num_buckets\": %d, "
			   "\"pad_token_id\": 1%s}\n",
			   TINY_MAX_TOKENS + 2, TINY_BUCKETS, more);
	bool done = write_file(dir, "config.json", &text);
	buf_release(&text);
	return done;
}

/* The weights being written. */
struct writer {
	struct buf header, data;
	const char *prefix;
	uint32_t state; /* of the generator */
};

/* Values in center ± spread from a linear congruential generator (Numerical Recipes' constants). */
static void add_tensor(struct writer *w, const char *name, size_t rows, size_t cols, float center,
		       float spread)
{
	size_t begin = w->data.len;
	for (size_t i = 0; i < (rows ? rows : 1) * cols; i++) {
		w->state = w->state * 1664525U + 1013904223U;
		float unit = (float)(w->state >> 8) / 8388608.0F - 1.0F;
		float value = center + spread * unit;
		char bytes[sizeof(value)];
		memcpy(bytes, &value, sizeof(value));
		buf_append(&w->data, (struct str){bytes, sizeof(bytes)});
	}
	buf_printf(&w->header, "%s\"%s%s\":{\"dtype\":\"F32\",\"shape\":[",
		   w->header.len ? "," : "{", w->prefix, name);
	if (rows)
		buf_printf(&w->header, "%zu,", rows);
	buf_printf(&w->header, "%zu],\"data_offsets\":[%zu,%zu]}", cols, begin, w->data.len);
}

static void add_pair(struct writer *w, const char *name, size_t out, size_t in)
{
	char full[128];
	snprintf(full, sizeof(full), "%s.weight", name);
	if (in)
		add_tensor(w, full, out, in, 0, 0.4F);
	else
		add_tensor(w, full, 0, out, 1, 0.2F);
	snprintf(full, sizeof(full), "%s.bias", name);
	add_tensor(w, full, 0, out, 0, 0.3F);
}

static void add_layer(struct writer *w, enum tiny_kind kind, int layer)
{
	static const struct {
		const char *bert, *mpnet;
		size_t out, in;
	} parts[] = {
		{"attention.self.query", "attention.attn.q", TINY_HIDDEN, TINY_HIDDEN},
		{"attention.self.key", "attention.attn.k", TINY_HIDDEN, TINY_HIDDEN},
		{"attention.self.value", "attention.attn.v", TINY_HIDDEN, TINY_HIDDEN},
		{"attention.output.dense", "attention.attn.o", TINY_HIDDEN, TINY_HIDDEN},
		{"attention.output.LayerNorm", "attention.LayerNorm", TINY_HIDDEN, 0},
		{"intermediate.dense", "intermediate.dense", TINY_INTERMEDIATE, TINY_HIDDEN},
		{"output.dense", "output.dense", TINY_HIDDEN, TINY_INTERMEDIATE},
		{"output.LayerNorm", "output.LayerNorm", TINY_HIDDEN, 0},
	};
	for (size_t i = 0; i < COUNT(parts); i++) {
		char name[96];
		snprintf(name, sizeof(name), "encoder.layer.%d.%s", layer,
			 kind == TINY_BERT ? parts[i].bert : parts[i].mpnet);
		add_pair(w, name, parts[i].out, parts[i].in);
	}
}

/* The head of a cross-encoder, with weights that spread the logits over some units. */
static void add_head(struct writer *w)
{
	add_pair(w, "pooler.dense", TINY_HIDDEN, TINY_HIDDEN);
	w->prefix = "";
	add_tensor(w, "classifier.weight", 1, TINY_HIDDEN, 0, 1);
	add_tensor(w, "classifier.bias", 0, 1, 0, 0.3F);
}

static bool write_weights(const char *dir, enum tiny_kind kind, const char *prefix, bool head)
{
	struct writer w = {.prefix = prefix, .state = kind == TINY_BERT ? 1U : 2U};
	struct buf file;
	buf_init(&w.header, alloc_default(), MAX_BYTES);
	buf_init(&w.data, alloc_default(), MAX_BYTES);
	buf_init(&file, alloc_default(), 2U * MAX_BYTES);
	add_tensor(&w, "embeddings.word_embeddings.weight", tiny_model_vocab(kind), TINY_HIDDEN, 0,
		   1);
	add_tensor(&w, "embeddings.position_embeddings.weight",
		   TINY_MAX_TOKENS + (kind == TINY_MPNET ? 2 : 0), TINY_HIDDEN, 0, 0.3F);
	if (kind == TINY_BERT)
		add_tensor(&w, "embeddings.token_type_embeddings.weight", 2, TINY_HIDDEN, 0, 0.3F);
	else
		add_tensor(&w, "encoder.relative_attention_bias.weight", TINY_BUCKETS, TINY_HEADS,
			   0, 2);
	add_pair(&w, "embeddings.LayerNorm", TINY_HIDDEN, 0);
	for (int layer = 0; layer < TINY_LAYERS; layer++)
		add_layer(&w, kind, layer);
	if (head)
		add_head(&w);
	buf_printf(&w.header, ",\"__metadata__\":{\"format\":\"pt\"}}");
	while (w.header.len % 8 != 0)
		buf_append_byte(&w.header, ' ');
	for (int i = 0; i < 8; i++)
		buf_append_byte(&file, (char)(w.header.len >> (8 * i) & 0xFF));
	buf_append(&file, buf_str(&w.header));
	buf_append(&file, buf_str(&w.data));
	bool done =
		!w.header.failed && !w.data.failed && write_file(dir, "model.safetensors", &file);
	buf_release(&w.header);
	buf_release(&w.data);
	buf_release(&file);
	return done;
}

bool tiny_model_write_prefixed(const char *dir, enum tiny_kind kind, const char *prefix)
{
	return write_config(dir, kind, "") && write_vocab(dir, kind) &&
	       write_tokenizer_config(dir, kind) && write_weights(dir, kind, prefix, false);
}

bool tiny_model_write(const char *dir, enum tiny_kind kind)
{
	return tiny_model_write_prefixed(dir, kind, "");
}

bool tiny_model_write_cross(const char *dir, const char *activation)
{
	struct buf more;
	buf_init(&more, alloc_default(), 4096);
	buf_printf(&more, ", \"architectures\": [\"BertForSequenceClassification\"], "
			  "\"id2label\": {\"0\": \"LABEL_0\"}, \"label2id\": {\"LABEL_0\": 0}");
	if (activation)
		buf_printf(&more, ", \"sentence_transformers\": {\"activation_fn\": \"%s\"}",
			   activation);
	bool done = !more.failed && write_config(dir, TINY_BERT, more.ptr) &&
		    write_vocab(dir, TINY_BERT) && write_tokenizer_config(dir, TINY_BERT) &&
		    write_weights(dir, TINY_BERT, "bert.", true);
	buf_release(&more);
	return done;
}
