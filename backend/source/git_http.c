#include "source/git_http.h"

#include <curl/curl.h>
#include <git2/sys/transport.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "net/http.h"
#include "net/retry.h"
#include "net/url.h"

#define REQUEST_MAX ((size_t)16 << 20) /* wants and haves */
#define RESPONSE_MAX                                                                               \
	((size_t)16 << 20) /* received and not yet read: curl gives some 2 MB at most */
#define POLL_MS    100
#define REDIRECTS  5L
#define REFS_QUERY "/info/refs?service=git-upload-pack"

struct subtransport {
	git_smart_subtransport base;
	struct git_http *http;
	CURLM *multi; /* keeps the connection between requests */
};

struct stream {
	git_smart_subtransport_stream base;
	struct git_http *http;
	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers;
	struct buf request, response;
	size_t taken; /* of the response */
	bool refs, started, done, checked;
	char url[2048 + sizeof(REFS_QUERY)];
};

static int fail(struct git_http *http, enum err_code code, const char *message)
{
	if (http->err.code == ERR_OK)
		err_set(&http->err, code, "%s", message);
	git_error_set_str(GIT_ERROR_HTTP, http->err.message);
	return -1;
}

/* The status of a response that is no success, as a person should read it. */
static void fail_status(struct stream *s, long status)
{
	struct git_http *http = s->http;
	struct curl_header *header = NULL;

	if (status == 401 || status == 403)
		err_set(&http->err, ERR_UNAVAILABLE, "the server answers %ld for %.300s: %s",
			status, http->url,
			http->token ? "the token is not accepted"
				    : "a token is needed (GITHUB_TOKEN)");
	else if (status == 404 || status == 410)
		err_set(&http->err, ERR_NOTFOUND,
			"the repository %.300s does not exist, or needs another token (the server "
			"answers %ld)",
			http->url, status);
	else
		err_set(&http->err, ERR_UNAVAILABLE, "the server answers %ld for %.300s", status,
			http->url);
	http->transient = status == 429 || status >= 500;
	if (curl_easy_header(s->easy, "retry-after", 0, CURLH_HEADER, -1, &header) == CURLHE_OK)
		http->retry_after_ms = retry_after_ms(str_c(header->value), (int64_t)time(NULL));
}

/* Before the first byte is passed on: is this git's answer at all? */
static bool check_response(struct stream *s)
{
	long status = 0;
	char *type = NULL, *effective = NULL;
	struct str where;

	if (s->checked)
		return s->http->err.code == ERR_OK;
	s->checked = true;
	curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(s->easy, CURLINFO_CONTENT_TYPE, &type);
	curl_easy_getinfo(s->easy, CURLINFO_EFFECTIVE_URL, &effective);
	if (status != 200) {
		fail_status(s, status);
		return false;
	}
	if (!str_starts(str_c(type), s->refs ? STR("application/x-git-upload-pack-advertisement")
					     : STR("application/x-git-upload-pack-result"))) {
		err_set(&s->http->err, ERR_NOTFOUND, "%.300s is not a git repository",
			s->http->url);
		return false;
	}
	where = str_c(effective);
	if (s->refs && str_ends(where, STR(REFS_QUERY))) {
		where.len -= sizeof(REFS_QUERY) - 1;
		if (where.len < sizeof(s->http->base))
			snprintf(s->http->base, sizeof(s->http->base), "%.*s", STR_ARG(where));
	}
	return true;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
	struct stream *s = ctx;
	size_t len = size * count;

	if (!check_response(s))
		return 0;
	if (s->taken == s->response.len) {
		buf_clear(&s->response);
		s->taken = 0;
	}
	if (!buf_append(&s->response, (struct str){bytes, len}))
		return buf_ok(&s->response, "the answer of the git server", &s->http->err) ? 0
											   : len;
	s->http->received += len;
	return len;
}

/* Curl drops the password itself when a redirection leaves the host; later requests are ours. */
static bool token_may_go(const struct git_http *http)
{
	struct url to, configured;

	if (!http->token || !*http->token)
		return false;
	if (!url_parse(str_c(http->base), &to) || !url_parse(str_c(http->url), &configured))
		return false;
	return url_same_origin(&to, &configured);
}

static CURLcode set_up(struct stream *s)
{
	struct git_http *http = s->http;
	bool secure = str_starts(str_c(http->url), STR("https:"));
	CURLcode set = http_set_common(s->easy, s->url, &http->timeouts, secure);

	if (!set)
		set = curl_easy_setopt(s->easy, CURLOPT_USERAGENT,
				       "git/2.0 (docs-bot/" DOCS_BOT_VERSION ")");
	if (!set)
		set = curl_easy_setopt(s->easy, CURLOPT_HTTPHEADER, s->headers);
	if (!set && s->refs) {
		/* renamed repositories are redirected, the packs of a known place are not */
		curl_easy_setopt(s->easy, CURLOPT_FOLLOWLOCATION, 1L);
		set = curl_easy_setopt(s->easy, CURLOPT_MAXREDIRS, REDIRECTS);
	} else if (!set) {
		curl_easy_setopt(s->easy, CURLOPT_POST, 1L);
		curl_easy_setopt(s->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)s->request.len);
		set = curl_easy_setopt(s->easy, CURLOPT_POSTFIELDS,
				       s->request.ptr ? s->request.ptr : "");
	}
	if (!set && token_may_go(http)) {
		curl_easy_setopt(s->easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
		curl_easy_setopt(s->easy, CURLOPT_USERNAME, "x-access-token");
		set = curl_easy_setopt(s->easy, CURLOPT_PASSWORD, http->token);
	}
	curl_easy_setopt(s->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(s->easy, CURLOPT_WRITEDATA, s);
	return set;
}

static int start(struct stream *s)
{
	struct curl_slist *more = NULL;

	s->started = true;
	if (!s->refs) {
		s->headers = curl_slist_append(
			NULL, "Content-Type: application/x-git-upload-pack-request");
		more = s->headers
			       ? curl_slist_append(s->headers,
						   "Accept: application/x-git-upload-pack-result")
			       : NULL;
		/* curl would wait a second for the permission to send a long request */
		more = more ? curl_slist_append(s->headers, "Expect:") : NULL;
		if (!more)
			return fail(s->http, ERR_NOMEM, "out of memory");
	}
	if (set_up(s) || curl_multi_add_handle(s->multi, s->easy))
		return fail(s->http, ERR_UNAVAILABLE, "curl cannot make a request");
	return 0;
}

/* The transfer has ended; what libgit2 gets next is the end of the stream or an error. */
static int finish(struct stream *s)
{
	CURLMsg *message;
	CURLcode result = CURLE_OK;
	int left = 0;

	s->done = true;
	while ((message = curl_multi_info_read(s->multi, &left)))
		if (message->msg == CURLMSG_DONE && message->easy_handle == s->easy)
			result = message->data.result;
	if (s->http->err.code != ERR_OK || (result == CURLE_OK && !check_response(s)))
		return fail(s->http, ERR_UNAVAILABLE, "");
	if (result == CURLE_OK)
		return 0;
	err_set(&s->http->err, ERR_UNAVAILABLE, "cannot fetch %.300s: %s", s->http->url,
		http_error_text(result));
	s->http->transient = http_error_transient(result);
	return fail(s->http, ERR_UNAVAILABLE, "");
}

static int stream_read(git_smart_subtransport_stream *base, char *out, size_t size, size_t *got)
{
	struct stream *s = (struct stream *)base;

	*got = 0;
	if (!s->started && start(s))
		return -1;
	while (s->taken == s->response.len && !s->done) {
		int running = 0;

		if (retry_stopped(s->http->stop))
			return fail(s->http, ERR_CANCELLED, "stopped");
		if (curl_multi_perform(s->multi, &running))
			return fail(s->http, ERR_UNAVAILABLE, "curl cannot go on");
		if (running == 0 && finish(s))
			return -1;
		if (running && s->taken == s->response.len &&
		    curl_multi_poll(s->multi, NULL, 0, POLL_MS, NULL))
			return fail(s->http, ERR_UNAVAILABLE, "curl cannot wait");
	}
	*got = s->response.len - s->taken;
	if (*got > size)
		*got = size;
	if (*got)
		memcpy(out, s->response.ptr + s->taken, *got);
	s->taken += *got;
	return 0;
}

static int stream_write(git_smart_subtransport_stream *base, const char *bytes, size_t len)
{
	struct stream *s = (struct stream *)base;

	if (s->started || !buf_append(&s->request, (struct str){bytes, len}))
		return fail(s->http, ERR_LIMIT, "the request to the git server is too long");
	return 0;
}

static void stream_free(git_smart_subtransport_stream *base)
{
	struct stream *s = (struct stream *)base;
	const struct alloc *alloc = s->http->alloc;

	if (s->easy) {
		curl_multi_remove_handle(s->multi, s->easy);
		curl_easy_cleanup(s->easy);
	}
	curl_slist_free_all(s->headers);
	buf_release(&s->request);
	buf_release(&s->response);
	alloc_free(alloc, s);
}

static int open_stream(git_smart_subtransport_stream **out, git_smart_subtransport *base,
		       const char *url, git_smart_service_t action)
{
	struct subtransport *t = (struct subtransport *)base;
	struct git_http *http = t->http;
	struct stream *s;
	int len;

	*out = NULL;
	if (action != GIT_SERVICE_UPLOADPACK_LS && action != GIT_SERVICE_UPLOADPACK)
		return fail(http, ERR_UNSUPPORTED, "pushing is not supported");
	s = alloc_zero(http->alloc, 1, sizeof(*s));
	if (!s)
		return fail(http, ERR_NOMEM, "out of memory");
	s->base = (git_smart_subtransport_stream){base, stream_read, stream_write, stream_free};
	s->http = http;
	s->multi = t->multi;
	s->refs = action == GIT_SERVICE_UPLOADPACK_LS;
	buf_init(&s->request, http->alloc, REQUEST_MAX);
	buf_init(&s->response, http->alloc, RESPONSE_MAX);
	if (!http->base[0])
		snprintf(http->base, sizeof(http->base), "%s", http->url);
	len = snprintf(s->url, sizeof(s->url), "%s%s", http->base,
		       s->refs ? REFS_QUERY : "/git-upload-pack");
	s->easy = curl_easy_init();
	if (!s->easy || len < 0 || (size_t)len >= sizeof(s->url)) {
		stream_free(&s->base);
		return fail(http, ERR_NOMEM, "out of memory for a request");
	}
	*out = &s->base;
	return 0;
}

static int close_subtransport(git_smart_subtransport *base)
{
	return 0;
}

static void free_subtransport(git_smart_subtransport *base)
{
	struct subtransport *t = (struct subtransport *)base;

	curl_multi_cleanup(t->multi);
	alloc_free(t->http->alloc, t);
}

static int make_subtransport(git_smart_subtransport **out, git_transport *owner, void *param)
{
	struct git_http *http = param;
	struct subtransport *t = alloc_zero(http->alloc, 1, sizeof(*t));

	if (!t)
		return fail(http, ERR_NOMEM, "out of memory");
	t->base = (git_smart_subtransport){open_stream, close_subtransport, free_subtransport};
	t->http = http;
	t->multi = curl_multi_init();
	if (!t->multi) {
		alloc_free(http->alloc, t);
		return fail(http, ERR_NOMEM, "out of memory");
	}
	*out = &t->base;
	return 0;
}

int git_http_transport(git_transport **out, git_remote *owner, struct git_http *http)
{
	git_smart_subtransport_definition definition = {make_subtransport, 1, http};

	return git_transport_smart(out, owner, &definition);
}
