/* The settings of docs-bot: one table, and an enum to name its rows. */
#ifndef DOCS_BOT_CMD_SETTINGS_H
#define DOCS_BOT_CMD_SETTINGS_H

#include "base/config.h"

/* id, name, type, default, environment, min, max, choices, description */
#define SETTINGS(X)                                                                                \
	X(SET_DATA_DIR, "data_dir", CONFIG_STRING, "", "DOCS_BOT_DATA_DIR", 0, 0, NULL,            \
	  "folder of the embedded store (default: $XDG_DATA_HOME/docs-bot)")                       \
	X(SET_STORE, "store", CONFIG_STRING, "sqlite", "DOCS_BOT_STORE", 0, 0, "sqlite",           \
	  "where the index lives")                                                                 \
	X(SET_MODEL, "model", CONFIG_STRING, "all-mpnet-base-v2", "EMBEDDING_MODEL", 0, 0, NULL,   \
	  "embedding model: a name (see `model list`) or a folder")                                \
	X(SET_MODELS_DIR, "models_dir", CONFIG_STRING, "", "DOCS_BOT_MODELS_DIR", 0, 0, NULL,      \
	  "folder of the embedding models (default: $XDG_DATA_HOME/docs-bot/models)")              \
	X(SET_LOG_LEVEL, "log_level", CONFIG_STRING, "info", "DOCS_BOT_LOG_LEVEL", 0, 0,           \
	  "error|warn|info|debug", "least severe log lines that are shown")                        \
	X(SET_LOG_FORMAT, "log_format", CONFIG_STRING, "text", "DOCS_BOT_LOG_FORMAT", 0, 0,        \
	  "text|json", "form of the log lines")                                                    \
	X(SET_SIMD, "simd", CONFIG_STRING, "auto", "DOCS_BOT_SIMD", 0, 0,                          \
	  "auto|plain|avx2|avx512", "fastest vector instructions that may be used")                \
	X(SET_PRECISION, "precision", CONFIG_STRING, "auto", "DOCS_BOT_PRECISION", 0, 0,           \
	  "auto|f32|bf16|int8", "arithmetic of the embedding model; auto: int8 with AVX2")         \
	X(SET_THREADS, "threads", CONFIG_INT, "0", "DOCS_BOT_THREADS", 0, 64, NULL,                \
	  "threads that embed or answer; 0: one per processor")                                    \
	X(SET_EMBED_CACHE, "embed_cache_entries", CONFIG_INT, "4096", NULL, 0, 1000000, NULL,      \
	  "embeddings of questions that `serve` keeps in memory; 0: none")                         \
	X(SET_BASE_URL, "base_url", CONFIG_STRING, "", "DOCS_BOT_BASE_URL", 0, 0, NULL,            \
	  "address under which the indexed pages are published; empty: `serve` shows them itself") \
	X(SET_CHUNK_TOKENS, "chunk_tokens", CONFIG_INT, "512", NULL, 16, 512, NULL,                \
	  "tokens per chunk")                                                                      \
	X(SET_CHUNK_OVERLAP, "chunk_overlap", CONFIG_FLOAT, "0.5", NULL, 0, 0.9, NULL,             \
	  "share of a chunk that the next one repeats")                                            \
	X(SET_PARAGRAPH_TOKENS, "paragraph_tokens", CONFIG_INT, "96", NULL, 0, 512, NULL,          \
	  "tokens per paragraph chunk; 0: none of these")                                          \
	X(SET_MAX_FILE_BYTES, "max_file_bytes", CONFIG_INT, "10485760", NULL, 1, 1073741824, NULL, \
	  "larger files are skipped")                                                              \
	X(SET_MAX_FILES, "max_files", CONFIG_INT, "1000000", NULL, 1, 100000000, NULL,             \
	  "most files of one source")                                                              \
	X(SET_PAGE_WEIGHTS, "page_weights", CONFIG_STRING,                                         \
	  "windows=1 sections=1 paragraphs=1 words=2 page_words=2", NULL, 0, 0, NULL,              \
	  "weight of each ranking in the score of a page")                                         \
	X(SET_SECTION_WEIGHTS, "section_weights", CONFIG_STRING,                                   \
	  "windows=0.3 sections=1 paragraphs=1 words=1.5 page_words=0", NULL, 0, 0, NULL,          \
	  "weight of each ranking among the sections of a page")                                   \
	X(SET_WITHIN_PAGE, "within_page", CONFIG_FLOAT, "1", NULL, 0, 100, NULL,                   \
	  "what a section loses for matching worse than its page's best")                          \
	X(SET_ARCHIVED_FACTOR, "archived_factor", CONFIG_FLOAT, "0.8", NULL, 0, 1, NULL,           \
	  "of the score of legacy and archived pages that the question does not ask for")          \
	X(SET_PULL_REQUEST_MIN, "pull_request_min", CONFIG_FLOAT, "0.4", NULL, -1, 1, NULL,        \
	  "least cosine of a pull request among the results")                                      \
	X(SET_CONTEXT_TOKENS, "context_tokens", CONFIG_INT, "2000", NULL, 0, 100000, NULL,         \
	  "to which the texts of the first five results may grow; 0: sections alone")              \
	X(SET_RERANK_URL, "rerank_url", CONFIG_STRING, "", "RERANK_URL", 0, 0, NULL,               \
	  "address of a server that reranks results; empty: none")                                 \
	X(SET_RERANK_API, "rerank_api", CONFIG_STRING, "tei", "RERANK_API", 0, 0, "tei|vllm",      \
	  "what that server is: text-embeddings-inference, or vLLM")                               \
	X(SET_RERANK_KEY, "rerank_key", CONFIG_SECRET, "", "RERANK_API_KEY", 0, 0, NULL,           \
	  "bearer token for that server")                                                          \
	X(SET_RERANK_TIMEOUT, "rerank_timeout_ms", CONFIG_INT, "2000", NULL, 10, 60000, NULL,      \
	  "how long a question waits for that server")                                             \
	X(SET_RERANK_MODEL, "rerank_model", CONFIG_STRING, "", "RERANK_MODEL", 0, 0, NULL,         \
	  "cross-encoder in the process: a folder, or one in models_dir; with vLLM: its name "     \
	  "there")                                                                                 \
	X(SET_RERANK_DEPTH, "rerank_depth", CONFIG_INT, "20", NULL, 1, 100, NULL,                  \
	  "results that the reranker reads")                                                       \
	X(SET_RERANK_WEIGHT, "rerank_weight", CONFIG_FLOAT, "1", NULL, 0, 1, NULL,                 \
	  "share of the reranker in the order of these; the rest is the search's")                 \
	X(SET_KSERVE_URL, "kserve_url", CONFIG_STRING, "", "KSERVE_URL", 0, 0, NULL,               \
	  "address of a language model (KServe, vLLM, llama-server, …); empty: answers are "     \
	  "quotes")                                                                                \
	X(SET_LLM_MODEL, "llm_model", CONFIG_STRING, "", "MODEL", 0, 0, NULL,                      \
	  "its name there; empty: the first that the server lists")                                \
	X(SET_LLM_API_KEY, "llm_api_key", CONFIG_SECRET, "", "LLM_API_KEY", 0, 0, NULL,            \
	  "bearer token for that server")                                                          \
	X(SET_LLM_CA_FILE, "llm_ca_file", CONFIG_STRING, "", NULL, 0, 0, NULL,                     \
	  "certificates (PEM) to trust it by; empty: those of the system")                         \
	X(SET_LLM_CONTEXT_TOKENS, "llm_context_tokens", CONFIG_INT, "8192", NULL, 1024, 10000000,  \
	  NULL, "window of the model, prompt and reply; a smaller one of the server counts")       \
	X(SET_LLM_MAX_TOKENS, "llm_max_tokens", CONFIG_INT, "1024", NULL, 16, 100000, NULL,        \
	  "longest reply of the model")                                                            \
	X(SET_LLM_CONNECT, "llm_connect_ms", CONFIG_INT, "1000", NULL, 10, 60000, NULL,            \
	  "how long connecting to the model may take")                                             \
	X(SET_LLM_FIRST_TOKEN, "llm_first_token_ms", CONFIG_INT, "4000", NULL, 10, 600000, NULL,   \
	  "how long a question waits for the model's first token; then it is answered by quotes")  \
	X(SET_LLM_STALL, "llm_stall_ms", CONFIG_INT, "10000", NULL, 10, 600000, NULL,              \
	  "longest silence within its reply")                                                      \
	X(SET_LLM_TOTAL, "llm_total_ms", CONFIG_INT, "60000", NULL, 100, 3600000, NULL,            \
	  "how long a whole reply may take")                                                       \
	X(SET_PROJECT, "project", CONFIG_STRING, "Kubeflow", "DOCS_BOT_PROJECT", 0, 0, NULL,       \
	  "whose documentation is indexed; what a language model is told")                         \
	X(SET_ANSWER_MODE, "answer_mode", CONFIG_STRING, "auto", "DOCS_BOT_ANSWER_MODE", 0, 0,     \
	  "auto|retrieve-first|tools|extractive",                                                  \
	  "auto: search first, and let the model search on when that is not enough; tools: let "   \
	  "it search by itself; extractive: no model")                                             \
	X(SET_UNSUPPORTED, "unsupported_answers", CONFIG_STRING, "mark", NULL, 0, 0,               \
	  "mark|replace",                                                                          \
	  "what happens to an answer of a model that its sources do not support; replace: by "     \
	  "quotes, and readers wait until it is checked")                                          \
	X(SET_MAX_SEARCHES, "max_searches", CONFIG_INT, "3", NULL, 1, 10, NULL,                    \
	  "searches for one question")                                                             \
	X(SET_PROMPT_TOKENS, "prompt_source_tokens", CONFIG_INT, "3000", NULL, 200, 200000, NULL,  \
	  "tokens of sources that a model is given")                                               \
	X(SET_ALLOWED_HOSTS, "allowed_hosts", CONFIG_STRING, "", "DOCS_BOT_ALLOWED_HOSTS", 0, 0,   \
	  NULL,                                                                                    \
	  "hosts that answers may link to beside those of the documents, comma-separated; "        \
	  "*.example.org: all below it")                                                           \
	X(SET_SESSION_TURNS, "session_turns", CONFIG_INT, "10", NULL, 1, 1000, NULL,               \
	  "questions and answers of a conversation that are remembered")                           \
	X(SET_SESSION_BYTES, "session_bytes", CONFIG_INT, "32768", NULL, 1024, 1048576, NULL,      \
	  "their texts together; the oldest go first")                                             \
	X(SET_SESSION_MINUTES, "session_minutes", CONFIG_INT, "60", NULL, 1, 525600, NULL,         \
	  "how long after its last question a conversation is remembered")                         \
	X(SET_SESSIONS_MAX, "sessions_max", CONFIG_INT, "10000", NULL, 1, 10000000, NULL,          \
	  "conversations that are remembered; the one that rested longest goes first")             \
	X(SET_GAPS_MAX, "gaps_max", CONFIG_INT, "10000", NULL, 1, 10000000, NULL,                  \
	  "questions without an answer in the documentation that are kept for `gaps`")             \
	X(SET_LISTEN, "listen", CONFIG_STRING, "127.0.0.1:8000", "DOCS_BOT_LISTEN", 0, 0, NULL,    \
	  "address and port of the service")                                                       \
	X(SET_PORT, "port", CONFIG_STRING, "", "PORT", 0, 0, NULL,                                 \
	  "port of the service; overrides the port of `listen`")                                   \
	X(SET_ALLOWED_ORIGINS, "allowed_origins", CONFIG_STRING, "", "ALLOWED_ORIGINS", 0, 0,      \
	  NULL,                                                                                    \
	  "web sites that may connect, comma-separated, or *; empty: the service's own page")      \
	X(SET_QUEUE_LENGTH, "queue_length", CONFIG_INT, "256", NULL, 1, 100000, NULL,              \
	  "questions that may wait for a worker")                                                  \
	X(SET_MAX_STREAMS, "max_streams", CONFIG_INT, "256", NULL, 1, 10000, NULL,                 \
	  "answers that wait for the language model at once")                                      \
	X(SET_MAX_CONNECTIONS, "max_connections", CONFIG_INT, "1024", NULL, 1, 100000, NULL,       \
	  "connections at once")                                                                   \
	X(SET_MAX_QUESTION_BYTES, "max_question_bytes", CONFIG_INT, "16384", NULL, 1, 100000,      \
	  NULL, "longest question that the service takes")                                         \
	X(SET_MAX_MESSAGE_BYTES, "max_message_bytes", CONFIG_INT, "262144", NULL, 1024, 67108864,  \
	  NULL, "longest WebSocket message")                                                       \
	X(SET_MAX_ANSWER_BYTES, "max_answer_bytes", CONFIG_INT, "1048576", NULL, 4096, 67108864,   \
	  NULL, "bytes kept for a reader that does not read")                                      \
	X(SET_DRAIN_SECONDS, "drain_seconds", CONFIG_INT, "30", NULL, 0, 3600, NULL,               \
	  "how long running answers may finish after SIGTERM")

enum setting {
#define SETTING_ENUM(id, ...) id,
	SETTINGS(SETTING_ENUM)
#undef SETTING_ENUM
		SETTING_COUNT
};

extern const struct config_setting settings_table[SETTING_COUNT];

#endif
