/*
 * The whole service in this process, over real sockets on the loopback address, with a fake
 * embedder and a store of one section. Under ThreadSanitizer this is the test of its locking.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "serve/mcp_sessions.h"
#include "serve/serve.h"
#include "support/fail_alloc.h"
#include "support/fake_embedder.h"

/* ---- a store of one section ---- */

/* What the store says it was made with, and how often; a test of another model changes them. */
static _Atomic(const char *) store_model = "fake-embedder";
static atomic_uint_fast64_t store_publishes = 1;

static void publish_with(const char *model)
{
	atomic_store(&store_model, model);
	atomic_fetch_add(&store_publishes, 1);
}

static enum err_code one_generation(struct store *s, uint64_t *out, struct err *err)
{
	*out = atomic_load(&store_publishes);
	return ERR_OK;
}

static enum err_code one_hold(struct store *s, uint64_t *generation, struct err *err)
{
	*generation = atomic_load(&store_publishes);
	return ERR_OK;
}

static void one_release(struct store *s)
{
}

static void one_maintain(struct store *s)
{
}

static enum err_code one_stats(struct store *s, struct arena *arena, struct store_stats *out,
			       struct err *err)
{
	*out = (struct store_stats){.documents = 1,
				    .sections = 1,
				    .chunks = 1,
				    .generation = atomic_load(&store_publishes),
				    .model = str_c(atomic_load(&store_model)),
				    .dimension = FAKE_EMBEDDER_DIMENSION};
	return ERR_OK;
}

static enum err_code one_hit(struct arena *arena, struct store_hits *out, struct err *err)
{
	out->items = arena_array(arena, 1, sizeof(*out->items));
	if (!out->items)
		return arena_fail(arena, err);
	out->items[0] = (struct store_hit){.document_id = 1, .score = 0.9f};
	out->count = 1;
	return ERR_OK;
}

static enum err_code one_vector(struct store *s, enum store_unit unit, const float *query,
				size_t dimension, size_t k, struct arena *arena,
				struct store_hits *out, struct err *err)
{
	return one_hit(arena, out, err);
}

static enum err_code one_text(struct store *s, enum store_text_scope scope, struct str query,
			      size_t k, struct arena *arena, struct store_hits *out,
			      struct err *err)
{
	return one_hit(arena, out, err);
}

static enum err_code one_passage(struct store *s, int64_t document_id, uint32_t section,
				 struct arena *arena, struct store_passage *out, struct err *err)
{
	*out = (struct store_passage){
		.document_id = document_id,
		.level = 2,
		.source = STR("docs"),
		.path = STR("a.md"),
		.type = STR("doc"),
		.title = STR("Trials"),
		.url = document_id == 1 ? STR("/pages/a%20b.md") : STR("https://example.org/t"),
		.heading = STR("Keep pods"),
		.anchor = STR("keep-pods"),
		.section_path = STR("Trials > Keep pods"),
		.text = STR("Set retain to keep the pods of finished trials. Pods of finished "
			    "trials are deleted unless retain is true.\n- one <b>\n- two\n"
			    "```yaml\nretain: \"&\"\n```\nThe end.")};
	return ERR_OK;
}

static enum err_code one_info(struct store *s, int64_t document_id, struct arena *arena,
			      struct store_document_info *out, struct err *err)
{
	*out = (struct store_document_info){
		.source = STR("docs"), .type = STR("doc"), .section_count = 1};
	return ERR_OK;
}

static enum err_code one_chunk(struct store *s, int64_t document_id, enum store_unit unit,
			       uint32_t ordinal, struct arena *arena, struct str *out,
			       struct err *err)
{
	*out = STR("Set retain to keep the pods of finished trials.");
	return ERR_OK;
}

/* Document 1 is shown by the service itself, document 2 is published elsewhere. */
static enum err_code one_find(struct store *s, struct str path, int64_t *document_id,
			      uint32_t *section_count, struct err *err)
{
	if (!str_eq(path, STR("a b.md")) && !str_eq(path, STR("a.md")))
		return err_set(err, ERR_NOTFOUND, "no such document");
	*document_id = str_eq(path, STR("a.md")) ? 2 : 1;
	*section_count = 1;
	return ERR_OK;
}

static enum err_code one_words(struct store *s, const struct str *words, size_t count,
			       uint64_t *sections, uint64_t *total, struct err *err)
{
	*total = 2;
	for (size_t i = 0; i < count; i++)
		sections[i] = 1;
	return ERR_OK;
}

static void one_close(struct store *s)
{
	free(s);
}

static const struct store_ops one_ops = {.stats = one_stats,
					 .generation = one_generation,
					 .search_vector = one_vector,
					 .search_text = one_text,
					 .passage = one_passage,
					 .chunk_text = one_chunk,
					 .document_info = one_info,
					 .find_document = one_find,
					 .word_sections = one_words,
					 .hold = one_hold,
					 .release = one_release,
					 .maintain = one_maintain,
					 .close = one_close};

/* ctx: an atomic_bool that says whether the index is missing. */
static enum err_code one_open(void *ctx, struct store **out, struct err *err)
{
	if (atomic_load((atomic_bool *)ctx))
		return err_set(err, ERR_NOTFOUND, "no file index.db");
	struct store *store = calloc(1, sizeof(*store));
	if (!store)
		return err_set(err, ERR_NOMEM, "out of memory");
	store->ops = &one_ops;
	*out = store;
	return ERR_OK;
}

/* ---- the service on a thread ---- */

struct running {
	struct serve_options options;
	struct serve_deps deps;
	struct fake_embedder embedder;
	atomic_bool stop, missing;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int port; /* 0 until it listens, -1 when it ended without */
	enum err_code code;
	struct err err;
};

static void set_port(struct running *running, int port)
{
	pthread_mutex_lock(&running->lock);
	if (!running->port)
		running->port = port;
	pthread_cond_signal(&running->changed);
	pthread_mutex_unlock(&running->lock);
}

static void on_listen(void *ctx, const char *host, int port)
{
	set_port(ctx, port);
}

static void *serve_thread(void *arg)
{
	struct running *running = arg;
	running->code =
		serve_run(&running->options, &running->deps, on_listen, running, &running->err);
	set_port(running, -1);
	return NULL;
}

static void prepare(struct running *running)
{
	memset(running, 0, sizeof(*running));
	fake_embedder_init(&running->embedder);
	atomic_init(&running->stop, false);
	atomic_init(&running->missing, false);
	pthread_mutex_init(&running->lock, NULL);
	pthread_cond_init(&running->changed, NULL);
	running->options = (struct serve_options){.host = "127.0.0.1",
						  .workers = 3,
						  .readers = 3,
						  .queue_length = 64,
						  .max_message_bytes = 4096,
						  .max_question_bytes = 1024,
						  .max_connections = 32,
						  .max_answer_bytes = 1 << 20,
						  .drain_seconds = 5,
						  .allowed_origins = ""};
	running->deps = (struct serve_deps){.open_store = one_open,
					    .ctx = &running->missing,
					    .embedder = &running->embedder.embedder,
					    .alloc = alloc_default(),
					    .clock = clock_system(),
					    .stop = &running->stop};
}

static void launch(struct running *running)
{
	assert_int_equal(pthread_create(&running->thread, NULL, serve_thread, running), 0);
	pthread_mutex_lock(&running->lock);
	while (!running->port)
		pthread_cond_wait(&running->changed, &running->lock);
	pthread_mutex_unlock(&running->lock);
	assert_true(running->port > 0);
}

static void start(struct running *running)
{
	prepare(running);
	launch(running);
}

static void finish(struct running *running)
{
	atomic_store(&running->stop, true);
	pthread_join(running->thread, NULL);
	assert_int_equal(running->code, ERR_OK);
	pthread_mutex_destroy(&running->lock);
	pthread_cond_destroy(&running->changed);
}

/* ---- a client; -1 and false on any failure, for use on threads without cmocka ---- */

static int dial(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct timeval limit = {.tv_sec = 30};
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

static bool send_all(int fd, const char *bytes, size_t len)
{
	return send(fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static bool read_exactly(int fd, char *out, size_t len)
{
	for (size_t got = 0; got < len;) {
		ssize_t n = recv(fd, out + got, len - got, 0);
		if (n <= 0)
			return false;
		got += (size_t)n;
	}
	return true;
}

/* The whole response to the bytes of one request in out[size]. */
static bool exchange(int port, const char *request, size_t count, char *out, size_t size)
{
	size_t len = 0;
	ssize_t n = 0;
	int fd = dial(port);
	if (fd < 0)
		return false;
	bool ok = send_all(fd, request, count);
	while (ok && len < size - 1 && (n = recv(fd, out + len, size - 1 - len, 0)) > 0)
		len += (size_t)n;
	out[len] = '\0';
	close(fd);
	return ok && n == 0;
}

static bool get(int port, const char *target, char *out, size_t size)
{
	char request[512];
	int count = snprintf(request, sizeof(request),
			     "GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", target);
	return exchange(port, request, (size_t)count, out, size);
}

static bool post(int port, const char *target, const char *body, char *out, size_t size)
{
	char request[2048];
	int count = snprintf(request, sizeof(request),
			     "POST %s HTTP/1.1\r\nHost: h:1\r\nConnection: close\r\n"
			     "Content-Length: %zu\r\n\r\n%s",
			     target, strlen(body), body);
	return exchange(port, request, (size_t)count, out, size);
}

/* A WebSocket after its handshake (RFC 6455, 4). */
static int ws_dial(int port)
{
	static const char request[] = "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n"
				      "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
				      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
	char head[4096];
	size_t len = 0;
	int fd = dial(port);
	bool ok = fd >= 0 && send_all(fd, request, sizeof(request) - 1);
	while (ok && len < sizeof(head) - 1 &&
	       (len < 4 || memcmp(head + len - 4, "\r\n\r\n", 4) != 0))
		ok = read_exactly(fd, head + len++, 1);
	if (ok && memcmp(head, "HTTP/1.1 101", 12) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* One masked text frame (RFC 6455, 5.2); a mask of zeros leaves the bytes as they are. */
static bool ws_send(int fd, const char *text)
{
	char frame[2048] = {(char)0x81, (char)(0x80 | 126)};
	size_t len = strlen(text);
	frame[2] = (char)(len >> 8);
	frame[3] = (char)(len & 0xff);
	memcpy(frame + 8, text, len);
	return send_all(fd, frame, len + 8);
}

/* The next frame's payload, NUL-terminated; false on the end of the stream or a close frame. */
static bool ws_read(int fd, char *out, size_t size)
{
	unsigned char head[2], more[8];
	if (!read_exactly(fd, (char *)head, 2) || (head[0] & 0x0f) != 1)
		return false;
	size_t len = head[1], extra = len == 126 ? 2 : len == 127 ? 8 : 0;
	if (extra && !read_exactly(fd, (char *)more, extra))
		return false;
	if (extra)
		len = 0;
	for (size_t i = 0; i < extra; i++)
		len = len << 8 | more[i];
	if (len >= size || !read_exactly(fd, out, len))
		return false;
	out[len] = '\0';
	return true;
}

/* Asks on an open socket; true when the answer ends with `done`. `all` collects every frame. */
static bool ws_ask(int fd, const char *question, char *all, size_t size)
{
	char frame[65536];
	all[0] = '\0';
	if (!ws_send(fd, question))
		return false;
	while (ws_read(fd, frame, sizeof(frame))) {
		if (strlen(all) + strlen(frame) + 2 < size) {
			memcpy(all + strlen(all), frame, strlen(frame) + 1);
			memcpy(all + strlen(all), "\n", 2);
		}
		if (strstr(frame, "\"type\":\"done\""))
			return true;
		if (strstr(frame, "\"type\":\"error\""))
			return false;
	}
	return false;
}

static const char question[] = "{\"message\":\"How do I keep the pods of finished trials?\"}";

/* ---- tests ---- */

static void test_http(void **state)
{
	struct running running;
	char text[65536];
	start(&running);
	assert_true(get(running.port, "/healthz", text, sizeof(text)));
	assert_non_null(strstr(text, "HTTP/1.1 200 OK"));
	assert_non_null(strstr(text, "{\"status\":\"ok\"}"));
	assert_true(get(running.port, "/readyz", text, sizeof(text)));
	assert_non_null(strstr(text, "{\"status\":\"ready\",\"index\":{\"chunks\":1,\"pending\":0,"
				     "\"percent\":100,\"generation\":"));
	assert_true(get(running.port, "/api/search?q=pods+of+trials", text, sizeof(text)));
	assert_non_null(strstr(text, "HTTP/1.1 200 OK"));
	assert_non_null(strstr(text, "/pages/a%20b.md#keep-pods"));
	assert_true(get(running.port, "/api/search?q=", text, sizeof(text)));
	assert_non_null(strstr(text, "HTTP/1.1 400 "));
	assert_true(get(running.port, "/nothing", text, sizeof(text)));
	assert_non_null(strstr(text, "HTTP/1.1 404 "));
	assert_true(get(running.port, "/metrics", text, sizeof(text)));
	assert_non_null(strstr(text, "docs_bot_search_seconds_count 1\n"));
	finish(&running);
}

static void test_documents(void **state)
{
	struct running running;
	char text[65536];
	start(&running);
	assert_true(get(running.port, "/pages/a%20b.md", text, sizeof(text)));
	assert_non_null(strstr(text, "HTTP/1.1 200 OK"));
	assert_non_null(strstr(text, "content-type: text/html; charset=utf-8"));
	assert_non_null(strstr(text, "<h1>Trials</h1>"));
	assert_non_null(strstr(text,
			       "<h2 id=\"keep-pods\">Keep pods</h2>\n"
			       "<p>Set retain to keep the pods of finished trials. Pods of "));
	assert_non_null(strstr(text, "<ul>\n<li>one &lt;b&gt;</li>\n<li>two</li>\n</ul>\n"));
	assert_non_null(strstr(text, "<code>retain: &quot;&amp;&quot;"));
	assert_non_null(strstr(text, "<p>The end.</p>\n</main>"));
	const char *const missing[] = {"/pages/", "/pages/none.md", "/pages/a.md", "/pages/%ff"};
	for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
		assert_true(get(running.port, missing[i], text, sizeof(text)));
		assert_non_null(strstr(text, "HTTP/1.1 404 "));
	}
	finish(&running);
}

static void test_chat(void **state)
{
	struct running running;
	char text[65536];
	start(&running);
	int fd = ws_dial(running.port);
	assert_true(fd >= 0);
	assert_true(ws_read(fd, text, sizeof(text)));
	assert_string_equal(text, "{\"type\":\"system\",\"content\":\"Connected to Kubeflow "
				  "Documentation Assistant\"}");
	assert_true(ws_ask(fd, question, text, sizeof(text)));
	const char *content = strstr(text, "{\"type\":\"content\"");
	const char *sources = strstr(text, "{\"type\":\"sources\"");
	assert_non_null(content);
	assert_non_null(sources);
	assert_true(content < sources);
	assert_false(ws_ask(fd, " ", text, sizeof(text)));
	assert_non_null(strstr(text, "Request failed: the question is empty"));
	assert_true(ws_ask(fd, "and a second question about pods?", text, sizeof(text)));
	close(fd);
	finish(&running);
}

/* One message of MCP, with a session or none. */
static bool mcp(int port, const char *session, const char *body, char *out, size_t size)
{
	char request[2048];
	int count = snprintf(request, sizeof(request),
			     "POST /mcp HTTP/1.1\r\nHost: h:1\r\nConnection: close\r\n"
			     "Content-Type: application/json\r\n%s%s%s"
			     "Content-Length: %zu\r\n\r\n%s",
			     session ? "Mcp-Session-Id: " : "", session ? session : "",
			     session ? "\r\n" : "", strlen(body), body);
	return exchange(port, request, (size_t)count, out, size);
}

static void test_mcp(void **state)
{
	static const char call[] = "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"tools/call\","
				   "\"params\":{\"name\":\"search_kubeflow_docs\","
				   "\"arguments\":{\"query\":\"keep pods of trials\"}}}";
	static const char name[] = "mcp-session-id: ";
	struct running running;
	char text[16384], session[MCP_SESSION_SIZE];
	start(&running);
	assert_true(mcp(running.port, NULL, call, text, sizeof(text)));
	assert_non_null(strstr(text, "400 Bad Request"));
	assert_true(mcp(running.port, NULL,
			"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":"
			"{\"protocolVersion\":\"2025-06-18\"}}",
			text, sizeof(text)));
	const char *id = strstr(text, name);
	assert_non_null(id);
	snprintf(session, sizeof(session), "%s", id + sizeof(name) - 1);
	assert_true(mcp(running.port, session, call, text, sizeof(text)));
	assert_non_null(strstr(text, "200 OK"));
	assert_non_null(strstr(text, "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":{"));
	assert_non_null(strstr(text, "**Source:** /pages/a%20b.md#keep-pods\\n"));
	assert_non_null(strstr(text, "\"isError\":false"));
	session[0] = session[0] == 'x' ? 'y' : 'x';
	assert_true(mcp(running.port, session, call, text, sizeof(text)));
	assert_non_null(strstr(text, "404 Not Found"));
	finish(&running);
}

/* A search that fails is a result of the tool, for the model to read. */
static void test_mcp_failure(void **state)
{
	static const char call[] =
		"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{\"name\":"
		"\"search_kubeflow_docs\",\"arguments\":{\"query\":\"pods\"},\"_meta\":{"
		"\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","
		"\"io.modelcontextprotocol/clientCapabilities\":{}}}}";
	struct running running;
	char request[2048], text[16384];
	publish_with("another-model");
	start(&running);
	int count =
		snprintf(request, sizeof(request),
			 "POST /mcp HTTP/1.1\r\nHost: h:1\r\nConnection: close\r\n"
			 "Content-Type: application/json\r\nMcp-Method: tools/call\r\n"
			 "Mcp-Protocol-Version: 2026-07-28\r\nMcp-Name: search_kubeflow_docs\r\n"
			 "Content-Length: %zu\r\n\r\n%s",
			 strlen(call), call);
	bool answered = exchange(running.port, request, (size_t)count, text, sizeof(text));
	finish(&running);
	publish_with("fake-embedder");
	assert_true(answered);
	assert_non_null(strstr(text, "200 OK"));
	assert_non_null(strstr(text, "\"text\":\"Search failed: "));
	assert_non_null(strstr(text, "\"isError\":true"));
}

#define CHAT "/v1/chat/completions"

static void test_openai(void **state)
{
	static const char ask[] = "{\"stream\":%s,\"messages\":[{\"role\":\"user\",\"content\":"
				  "\"how do I keep pods of finished trials\"}]}";
	struct running running;
	char text[65536], body[300];
	start(&running);
	snprintf(body, sizeof(body), ask, "false");
	assert_true(post(running.port, CHAT, body, text, sizeof(text)));
	assert_non_null(strstr(text, "HTTP/1.1 200 "));
	/* The page is shown by the service itself: its address is where the client reached it. */
	assert_non_null(strstr(text, "](http://h:1/pages/a%20b.md#keep-pods)\\n\""));
	assert_non_null(strstr(text, "\"url\":\"http://h:1/pages/a%20b.md#keep-pods\""));
	snprintf(body, sizeof(body), ask, "true");
	assert_true(post(running.port, "/openai" CHAT, body, text, sizeof(text)));
	assert_non_null(strstr(text, "text/event-stream"));
	const char *role = strstr(text, "{\"role\":\"assistant\"");
	const char *sources = strstr(text, "Sources:"), *done = strstr(text, "data: [DONE]\n\n");
	assert_true(role && sources && done && role < sources && sources < done);
	assert_null(strstr(role + 2, "\"role\""));
	assert_string_equal(done, "data: [DONE]\n\n");
	assert_true(post(running.port, CHAT, "{\"stream\":1}", text, sizeof(text)));
	assert_non_null(strstr(text, "HTTP/1.1 400 "));
	assert_non_null(strstr(text, "{\"error\":{\"message\":"));
	finish(&running);
}

/* An embedder that keeps lists waiting until it is opened. */
struct gate {
	struct embedder embedder;
	struct embedder *inner;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool open;
	size_t waiting, most; /* lists, now and at once */
};

static enum err_code gate_tokenize(struct embedder *e, struct str text, struct arena *arena,
				   struct token_list *out, struct err *err)
{
	return embed_tokenize(((struct gate *)e)->inner, text, arena, out, err);
}

static enum err_code gate_embed(struct embedder *e, const struct str *texts, size_t count,
				float *vectors, struct err *err)
{
	struct gate *gate = (struct gate *)e;
	pthread_mutex_lock(&gate->lock);
	if (count > 1) {
		gate->waiting++;
		if (gate->waiting > gate->most)
			gate->most = gate->waiting;
		pthread_cond_broadcast(&gate->changed);
		while (!gate->open)
			pthread_cond_wait(&gate->changed, &gate->lock);
		gate->waiting--;
	}
	pthread_mutex_unlock(&gate->lock);
	return embed_texts(gate->inner, texts, count, vectors, err);
}

static const struct embedder_ops gate_ops = {.tokenize = gate_tokenize, .embed = gate_embed};

static void gate_init(struct gate *gate, struct embedder *inner)
{
	*gate = (struct gate){.embedder = *inner, .inner = inner};
	gate->embedder.ops = &gate_ops;
	pthread_mutex_init(&gate->lock, NULL);
	pthread_cond_init(&gate->changed, NULL);
}

/* On a thread without cmocka: NULL when all is well. */
static void *embed_list(void *arg)
{
	static const char body[] =
		"{\"model\":\"fake-embedder\",\"input\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\","
		"\"g\",\"h\",\"i\",\"j\"]}";
	struct running *running = arg;
	char *text = malloc(1 << 18);
	bool ok = text && post(running->port, "/v1/embeddings", body, text, 1 << 18) &&
		  strstr(text, "HTTP/1.1 200 ") && strstr(text, "\"index\":9") &&
		  !strstr(text, "\"index\":10");
	free(text);
	return ok ? NULL : arg;
}

/* More lists than there are workers: they take turns, and what is asked meanwhile is answered. */
static void test_lists_to_embed_take_turns(void **state)
{
	struct running running;
	struct gate gate;
	pthread_t threads[6];
	char text[65536];
	prepare(&running);
	gate_init(&gate, &running.embedder.embedder);
	running.deps.embedder = &gate.embedder;
	launch(&running);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, embed_list, &running), 0);
	pthread_mutex_lock(&gate.lock);
	while (!gate.waiting)
		pthread_cond_wait(&gate.changed, &gate.lock);
	pthread_mutex_unlock(&gate.lock);
	assert_true(post(running.port, "/v1/embeddings",
			 "{\"input\":\"a\",\"encoding_format\":\"base64\"}", text, sizeof(text)));
	assert_non_null(strstr(text, "\"embedding\":\""));
	assert_true(get(running.port, "/api/search?q=pods", text, sizeof(text)));
	assert_non_null(strstr(text, "HTTP/1.1 200 "));
	assert_true(post(running.port, "/v1/embeddings", "{\"input\":[]}", text, sizeof(text)));
	assert_non_null(strstr(text, "HTTP/1.1 400 "));
	pthread_mutex_lock(&gate.lock);
	gate.open = true;
	pthread_cond_broadcast(&gate.changed);
	pthread_mutex_unlock(&gate.lock);
	for (size_t i = 0; i < 6; i++) {
		void *failed = NULL;
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	assert_int_equal(gate.most, 1);
	finish(&running);
	pthread_mutex_destroy(&gate.lock);
	pthread_cond_destroy(&gate.changed);
}

/* Vectors of two models have nothing to say to each other, even at the same dimension. */
static void test_index_of_another_model(void **state)
{
	struct running running;
	char text[65536];
	publish_with("another");
	start(&running);
	assert_true(get(running.port, "/readyz", text, sizeof(text)));
	assert_non_null(strstr(text, "HTTP/1.1 503 "));
	assert_non_null(strstr(text, "made with model another, not fake-embedder"));
	assert_true(get(running.port, "/api/search?q=pods", text, sizeof(text)));
	assert_non_null(strstr(text, "HTTP/1.1 503 "));
	finish(&running);
	publish_with("fake-embedder");
}

/* `index --rebuild` with another model, and back, beside a service whose workers hold the store. */
static void test_model_changes_while_serving(void **state)
{
	struct running running;
	char text[65536];
	prepare(&running);
	running.options.workers = 1;
	launch(&running);
	assert_true(get(running.port, "/api/search?q=pods", text, sizeof(text)));
	assert_non_null(strstr(text, "HTTP/1.1 200 "));
	publish_with("another");
	/* Seen without a restart, a moment later: questions go on with what is in memory. */
	for (int i = 0; i < 1000 && !strstr(text, "HTTP/1.1 503 "); i++) {
		const struct timespec moment = {.tv_nsec = 20000000};
		nanosleep(&moment, NULL);
		assert_true(get(running.port, "/api/search?q=pods", text, sizeof(text)));
	}
	assert_non_null(strstr(text, "HTTP/1.1 503 "));
	assert_non_null(strstr(text, "made with model another, not fake-embedder"));
	int fd = ws_dial(running.port);
	assert_true(ws_read(fd, text, sizeof(text)));
	assert_false(ws_ask(fd, question, text, sizeof(text)));
	assert_non_null(strstr(text, "made with model another"));
	publish_with("fake-embedder");
	assert_true(ws_ask(fd, question, text, sizeof(text)));
	close(fd);
	finish(&running);
}

static void test_index_appears_later(void **state)
{
	struct running running;
	char text[65536];
	start(&running);
	atomic_store(&running.missing, true);
	int fd = ws_dial(running.port);
	assert_true(ws_read(fd, text, sizeof(text)));
	assert_false(ws_ask(fd, question, text, sizeof(text)));
	assert_non_null(strstr(text, "Request failed: no index yet: run `docs-bot index`"));
	assert_true(get(running.port, "/readyz", text, sizeof(text)));
	assert_non_null(strstr(text, "HTTP/1.1 503 "));
	assert_non_null(strstr(text, "docs-bot index"));
	atomic_store(&running.missing, false);
	assert_true(ws_ask(fd, question, text, sizeof(text)));
	close(fd);
	finish(&running);
}

#define CLIENTS 8

struct client {
	int port, number;
	int answered, wanted;
};

/* Odd clients ask and wait; even ones leave in the middle, again and again. */
static void *client_thread(void *arg)
{
	struct client *client = arg;
	char text[65536];
	for (int i = 0; i < 5; i++) {
		int fd = ws_dial(client->port);
		if (client->number % 2) {
			client->wanted += 2;
			client->answered += fd >= 0 && ws_read(fd, text, sizeof(text)) &&
					    ws_ask(fd, question, text, sizeof(text));
			client->answered +=
				get(client->port, "/api/search?q=pods", text, sizeof(text));
		} else if (fd >= 0) {
			ws_send(fd, question);
			if (i % 2)
				ws_read(fd, text, sizeof(text));
		}
		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

static void test_many_clients(void **state)
{
	struct running running;
	struct client clients[CLIENTS];
	pthread_t threads[CLIENTS];
	start(&running);
	for (int i = 0; i < CLIENTS; i++) {
		clients[i] = (struct client){.port = running.port, .number = i};
		assert_int_equal(pthread_create(&threads[i], NULL, client_thread, &clients[i]), 0);
	}
	for (int i = 0; i < CLIENTS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(clients[i].answered, clients[i].wanted);
	}
	finish(&running);
}

static void test_stop_with_open_connections(void **state)
{
	struct running running;
	char text[4096];
	start(&running);
	int idle = dial(running.port), chat = ws_dial(running.port);
	assert_true(idle >= 0 && chat >= 0);
	assert_true(ws_read(chat, text, sizeof(text)));
	assert_true(ws_send(chat, question));
	finish(&running);
	assert_int_equal(dial(running.port), -1);
	close(idle);
	close(chat);
}

static void test_port_in_use(void **state)
{
	struct running running, second;
	start(&running);
	prepare(&second);
	second.options.port = running.port;
	struct err err = {0};
	assert_int_equal(serve_run(&second.options, &second.deps, NULL, NULL, &err), ERR_EXISTS);
	assert_non_null(strstr(err.message, "address already in use"));
	assert_non_null(strstr(err.message, "--listen"));
	finish(&running);
}

static void test_bad_options(void **state)
{
	struct running running;
	struct err err;
	prepare(&running);
	running.options.port = 70000;
	assert_int_equal(serve_run(&running.options, &running.deps, NULL, NULL, &err), ERR_INVALID);
	running.options.port = 0;
	running.options.workers = 0;
	assert_int_equal(serve_run(&running.options, &running.deps, NULL, NULL, &err), ERR_INVALID);
	running.options.workers = 1;
	running.options.host = "192.0.2.1"; /* TEST-NET-1: never an address of this machine */
	assert_int_not_equal(serve_run(&running.options, &running.deps, NULL, NULL, &err), ERR_OK);
	assert_non_null(strstr(err.message, "192.0.2.1"));
}

/* Start and stop with each allocation failing in turn. */
static void test_start_without_memory(void **state)
{
	bool failed = true;
	size_t n = 1;
	for (; failed && n < 50; n++) {
		struct running running;
		struct fail_alloc memory;
		struct err err = {0};
		prepare(&running);
		fail_alloc_init(&memory, n, false);
		running.deps.alloc = &memory.alloc;
		atomic_store(&running.stop, true);
		enum err_code code = serve_run(&running.options, &running.deps, NULL, NULL, &err);
		failed = atomic_load(&memory.failures) > 0;
		assert_int_equal(code, failed ? ERR_NOMEM : ERR_OK);
		assert_int_equal(atomic_load(&memory.live), 0);
	}
	assert_false(failed);
	assert_true(n > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_http),
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_chat),
		cmocka_unit_test(test_mcp),
		cmocka_unit_test(test_mcp_failure),
		cmocka_unit_test(test_openai),
		cmocka_unit_test(test_lists_to_embed_take_turns),
		cmocka_unit_test(test_index_of_another_model),
		cmocka_unit_test(test_model_changes_while_serving),
		cmocka_unit_test(test_index_appears_later),
		cmocka_unit_test(test_many_clients),
		cmocka_unit_test(test_stop_with_open_connections),
		cmocka_unit_test(test_port_in_use),
		cmocka_unit_test(test_bad_options),
		cmocka_unit_test(test_start_without_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
