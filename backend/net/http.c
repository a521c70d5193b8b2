#include "net/http.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

struct http_client {
	const struct alloc *alloc;
	CURL *curl;
};

/* One request under way. */
struct transfer {
	struct http_answer *answer;
	const struct http_get *get;
	CURL *curl;
	bool too_long, stopped, unwanted, checked;
};

static long at_least_one(unsigned ms)
{
	return ms < 1000 ? 1 : (long)(ms / 1000);
}

CURLcode http_set_common(CURL *curl, const char *url, const struct http_timeouts *timeouts,
			 bool https_only)
{
	const char *protocols = https_only ? "https" : "http,https";
	CURLcode set = curl_easy_setopt(curl, CURLOPT_URL, url);

	if (!set)
		set = curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, protocols);
	if (!set)
		set = curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, protocols);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)timeouts->connect_ms);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeouts->total_ms);
	if (timeouts->stall_ms) {
		curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
		curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, at_least_one(timeouts->stall_ms));
	}
	return set;
}

const char *http_error_text(CURLcode code)
{
	if (code == CURLE_OPERATION_TIMEDOUT)
		return "no answer in time";
	if (code == CURLE_PARTIAL_FILE)
		return "the answer breaks off";
	return curl_easy_strerror(code);
}

bool http_error_transient(CURLcode code)
{
	/* the list is closed: certificates, addresses and protocols do not mend themselves */
	return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ||
	       code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_OPERATION_TIMEDOUT ||
	       code == CURLE_PARTIAL_FILE || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR ||
	       code == CURLE_GOT_NOTHING || code == CURLE_HTTP2 || code == CURLE_HTTP2_STREAM ||
	       code == CURLE_BAD_CONTENT_ENCODING;
}

enum err_code http_client_new(const struct alloc *alloc, struct http_client **out, struct err *err)
{
	struct http_client *client = alloc_zero(alloc, 1, sizeof(*client));

	if (client) {
		client->alloc = alloc;
		client->curl = curl_easy_init();
	}
	if (!client || !client->curl) {
		alloc_free(alloc, client);
		return err_set(err, ERR_NOMEM, "out of memory for a connection");
	}
	*out = client;
	return ERR_OK;
}

void http_client_free(struct http_client *client)
{
	if (!client)
		return;
	curl_easy_cleanup(client->curl);
	alloc_free(client->alloc, client);
}

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
	struct transfer *t = ctx;
	long status = 0;
	char *type = NULL;

	if (!t->checked) {
		t->checked = true;
		curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
		curl_easy_getinfo(t->curl, CURLINFO_CONTENT_TYPE, &type);
		t->unwanted = status == 200 && t->get->wanted &&
			      !t->get->wanted(t->get->ctx, str_c(type));
	}
	if (t->unwanted)
		return 0;
	if (buf_append(&t->answer->body, (struct str){bytes, size * count}))
		return size * count;
	t->too_long = t->answer->body.limited;
	return 0;
}

/* Called at least once a second, also while nothing arrives. */
static int on_tick(void *ctx, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up)
{
	struct transfer *t = ctx;

	(void)total;
	(void)now;
	(void)up_total;
	(void)up;
	t->stopped = retry_stopped(t->get->stop);
	return t->stopped;
}

/* A header of the last answer, empty when it is absent or too long. */
static void copy_header(CURL *curl, const char *name, char *out, size_t size)
{
	struct curl_header *header = NULL;

	out[0] = '\0';
	if (curl_easy_header(curl, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK &&
	    strlen(header->value) < size)
		snprintf(out, size, "%s", header->value);
}

static enum err_code append_line(struct curl_slist **list, const char *name, const char *value,
				 struct err *err)
{
	char line[512];
	struct curl_slist *longer;
	int len;

	if (!value || !*value)
		return ERR_OK;
	len = snprintf(line, sizeof(line), "%s: %s", name, value);
	if (len < 0 || (size_t)len >= sizeof(line) || strpbrk(line, "\r\n"))
		return ERR_OK;
	longer = curl_slist_append(*list, line);
	if (!longer)
		return err_set(err, ERR_NOMEM, "out of memory");
	*list = longer;
	return ERR_OK;
}

static enum err_code set_up(CURL *curl, const struct http_get *get, struct transfer *t,
			    struct curl_slist **headers, struct err *err)
{
	enum err_code code = append_line(headers, "If-None-Match", get->etag, err);
	CURLcode set;

	if (code == ERR_OK)
		code = append_line(headers, "If-Modified-Since", get->modified, err);
	if (code == ERR_OK)
		code = append_line(headers, "Accept", get->accept, err);
	if (code != ERR_OK)
		return code;
	curl_easy_reset(curl); /* options only: connections stay */
	set = http_set_common(curl, t->answer->url, &get->timeouts,
			      str_starts(str_c(get->url), STR("https:")));
	if (!set)
		set = curl_easy_setopt(curl, CURLOPT_USERAGENT, get->user_agent);
	if (!set)
		set = curl_easy_setopt(curl, CURLOPT_HTTPHEADER, *headers);
	if (!set)
		set = curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_tick);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, t);
	return set ? err_set(err, ERR_UNAVAILABLE, "no request can be made: %s",
			     curl_easy_strerror(set))
		   : ERR_OK;
}

/* One request to answer->url. *again: another attempt may go well, *asked: after so many ms. */
static enum err_code request(struct http_client *client, const struct http_get *get,
			     struct http_answer *out, bool *again, int64_t *asked, struct err *err)
{
	struct transfer t = {.answer = out, .get = get, .curl = client->curl};
	struct curl_slist *headers = NULL;
	char after[64];
	CURLcode result;
	enum err_code code = set_up(client->curl, get, &t, &headers, err);

	*again = false;
	*asked = -1;
	out->status = 0;
	buf_clear(&out->body);
	if (code != ERR_OK)
		goto out;
	out->requests++;
	result = curl_easy_perform(client->curl);
	curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &out->status);
	if (t.stopped) {
		code = err_set(err, ERR_CANCELLED, "stopped");
	} else if (t.unwanted) {
		copy_header(client->curl, "content-type", out->type, sizeof(out->type));
		code = err_set(err, ERR_UNSUPPORTED, "is %.100s, not text",
			       out->type[0] ? out->type : "of no known type");
	} else if (t.too_long) {
		code = err_set(err, ERR_LIMIT, "longer than %zu bytes", get->max_bytes);
	} else if (out->body.failed) {
		code = buf_ok(&out->body, "the page", err);
	} else if (result) {
		*again = http_error_transient(result);
		code = err_set(err, ERR_UNAVAILABLE, "%s", http_error_text(result));
	} else if (out->status == 429 || out->status >= 500) {
		*again = true;
		copy_header(client->curl, "retry-after", after, sizeof(after));
		*asked = retry_after_ms(str_c(after), clock_wall_ms(clock_system()) / 1000);
		code = err_set(err, ERR_UNAVAILABLE, "the server answers %ld", out->status);
	} else {
		copy_header(client->curl, "content-type", out->type, sizeof(out->type));
		copy_header(client->curl, "etag", out->etag, sizeof(out->etag));
		copy_header(client->curl, "last-modified", out->modified, sizeof(out->modified));
		copy_header(client->curl, "x-robots-tag", out->robots, sizeof(out->robots));
	}
out:
	curl_slist_free_all(headers);
	return code;
}

/* Attempts until one is answered. */
static enum err_code request_patiently(struct http_client *client, const struct http_get *get,
				       struct http_answer *out, struct err *err)
{
	for (unsigned attempt = 0;; attempt++) {
		bool again;
		int64_t asked;
		enum err_code code = ERR_OK;

		if (get->before)
			code = get->before(get->ctx, str_c(out->url), err);
		if (code == ERR_OK)
			code = request(client, get, out, &again, &asked, err);
		else
			return code;
		if (code != ERR_UNAVAILABLE || !again || attempt + 1 >= get->retry.attempts)
			return code;
		/* jitter needs no secret: the clock's last digits do */
		code = retry_wait(retry_delay_ms(&get->retry, attempt, asked,
						 (uint64_t)clock_monotonic_us(clock_system())),
				  get->stop, err);
		if (code != ERR_OK)
			return code;
	}
}

/* The address that the answer redirects to, in its one form. */
static enum err_code follow(struct http_client *client, struct http_answer *out, struct err *err)
{
	struct arena arena;
	struct str next;
	char location[URL_MAX + 1];
	enum err_code code;

	copy_header(client->curl, "location", location, sizeof(location));
	if (!location[0])
		return err_set(err, ERR_MISMATCH, "the page moved (%ld) without saying where",
			       out->status);
	arena_init(&arena, client->alloc, (size_t)64 << 10);
	code = url_join(str_c(out->url), str_c(location), &arena, &next, err);
	if (code == ERR_INVALID)
		code = err_set(err, ERR_MISMATCH, "the page redirects to what is no web address");
	if (code == ERR_OK)
		snprintf(out->url, sizeof(out->url), "%.*s", STR_ARG(next));
	arena_release(&arena);
	return code;
}

enum err_code http_get(struct http_client *client, const struct http_get *get,
		       struct http_answer *out, struct err *err)
{
	enum err_code code;
	int len;

	*out = (struct http_answer){.status = 0};
	buf_init(&out->body, client->alloc, get->max_bytes);
	len = snprintf(out->url, sizeof(out->url), "%s", get->url);
	if (len < 0 || (size_t)len >= sizeof(out->url))
		return err_set(err, ERR_INVALID, "an address of more than %d bytes", URL_MAX);
	for (unsigned hops = 0;; hops++) {
		code = request_patiently(client, get, out, err);
		if (code != ERR_OK || out->status < 300 || out->status > 399 || out->status == 304)
			return code;
		if (hops == get->max_redirects)
			return err_set(err, ERR_MISMATCH, "more than %u redirections",
				       get->max_redirects);
		code = follow(client, out, err);
		if (code != ERR_OK)
			return code;
	}
}

void http_answer_release(struct http_answer *answer)
{
	buf_release(&answer->body);
}
