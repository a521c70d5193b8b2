#include "net/post.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "net/http.h"

#define HOST_MAX 256

struct handle {
	struct handle *next;
	CURL *curl; /* with its open connection */
};

struct post_client {
	const struct alloc *alloc;
	char *url;
	char host[HOST_MAX + 8]; /* with the port */
	unsigned connect_ms;
	struct curl_slist *headers; /* read-only once it is open */
	pthread_mutex_t lock;       /* guards `pool`, held for a few instructions */
	bool lock_ready;
	struct handle *pool; /* free ones; as many as requests ever ran at once */
};

static void handle_free(const struct alloc *alloc, struct handle *h)
{
	if (!h)
		return;
	curl_easy_cleanup(h->curl);
	alloc_free(alloc, h);
}

static struct handle *handle_take(struct post_client *client)
{
	pthread_mutex_lock(&client->lock);
	struct handle *h = client->pool;
	if (h)
		client->pool = h->next;
	pthread_mutex_unlock(&client->lock);
	if (h)
		return h;
	h = alloc_zero(client->alloc, 1, sizeof(*h));
	if (!h)
		return NULL;
	h->curl = curl_easy_init();
	if (h->curl)
		return h;
	handle_free(client->alloc, h);
	return NULL;
}

static void handle_give(struct post_client *client, struct handle *h)
{
	pthread_mutex_lock(&client->lock);
	h->next = client->pool;
	client->pool = h;
	pthread_mutex_unlock(&client->lock);
}

/* Checks the address, and puts host and port together for messages. */
static enum err_code check_url(struct post_client *client, struct err *err)
{
	struct url url;
	if (!url_parse(str_c(client->url), &url) || !url.host.len || !url.port ||
	    (!str_eq_nocase(url.scheme, STR("http")) && !str_eq_nocase(url.scheme, STR("https"))))
		return err_set(err, ERR_INVALID, "not an address of the form http://HOST:PORT");
	if (url.has_userinfo)
		return err_set(err, ERR_INVALID, "the address must not have a user or password");
	int len = snprintf(client->host, sizeof(client->host), "%.*s:%u", STR_ARG(url.host),
			   url.port);
	if (len < 0 || (size_t)len >= sizeof(client->host))
		return err_set(err, ERR_INVALID, "the address has no usable host");
	return ERR_OK;
}

/* Appends a copy of the line; false without memory, and the list stays as it was. */
static bool add_header(struct post_client *client, const char *line)
{
	struct curl_slist *list = curl_slist_append(client->headers, line);
	if (list)
		client->headers = list;
	return list != NULL;
}

static enum err_code make_headers(struct post_client *client, const char *bearer, struct err *err)
{
	struct buf line;
	enum err_code code = ERR_OK;
	buf_init(&line, client->alloc, 16U << 10);
	if (bearer && bearer[0]) {
		for (const char *c = bearer; *c && !code; c++)
			if ((unsigned char)*c <= ' ' || *c == 0x7f)
				code = err_set(err, ERR_INVALID,
					       "the key has a character that no header can hold");
		buf_printf(&line, "Authorization: Bearer %s", bearer);
		if (!code)
			code = buf_ok(&line, "the key", err);
		if (!code && !add_header(client, line.ptr))
			code = err_set(err, ERR_NOMEM, "out of memory for a request");
	}
	/* Without "Expect:", a large body would wait a second for a server that ignores it. */
	if (!code &&
	    (!add_header(client, "Content-Type: application/json") ||
	     !add_header(client, "Accept: application/json") || !add_header(client, "Expect:")))
		code = err_set(err, ERR_NOMEM, "out of memory for a request");
	buf_release(&line);
	return code;
}

enum err_code post_client_open(const struct post_options *options, const struct alloc *alloc,
			       struct post_client **out, struct err *err)
{
	*out = NULL;
	struct post_client *client = alloc_zero(alloc, 1, sizeof(*client));
	if (!client)
		return err_set(err, ERR_NOMEM, "out of memory for a connection");
	client->alloc = alloc;
	client->connect_ms = options->connect_ms;
	size_t size = strlen(options->url) + 1;
	client->url = alloc_get(alloc, size);
	enum err_code code = ERR_OK;
	if (!client->url)
		code = err_set(err, ERR_NOMEM, "out of memory for a connection");
	else if (pthread_mutex_init(&client->lock, NULL) != 0)
		code = err_set(err, ERR_INTERNAL, "cannot create a mutex for a connection");
	else
		client->lock_ready = true;
	if (!code) {
		memcpy(client->url, options->url, size);
		code = check_url(client, err);
	}
	if (!code)
		code = make_headers(client, options->bearer, err);
	if (code)
		post_client_close(client);
	else
		*out = client;
	return code;
}

void post_client_close(struct post_client *client)
{
	if (!client)
		return;
	while (client->pool) {
		struct handle *h = client->pool;
		client->pool = h->next;
		handle_free(client->alloc, h);
	}
	if (client->lock_ready)
		pthread_mutex_destroy(&client->lock);
	curl_slist_free_all(client->headers);
	alloc_free(client->alloc, client->url);
	alloc_free(client->alloc, client);
}

const char *post_client_host(const struct post_client *client)
{
	return client->host;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
	struct buf *response = ctx;
	size_t len = size * count; /* size is 1, says libcurl */
	return buf_append(response, (struct str){bytes, len}) ? len : 0;
}

static CURLcode set_up(struct post_client *client, CURL *curl, struct str body, unsigned timeout_ms,
		       struct buf *response)
{
	curl_easy_reset(curl); /* keeps the connection */
	const struct http_timeouts timeouts = {.connect_ms = client->connect_ms,
					       .total_ms = timeout_ms};
	CURLcode set = http_set_common(curl, client->url, &timeouts, false);
	if (!set)
		set = curl_easy_setopt(curl, CURLOPT_USERAGENT, "docs-bot/" DOCS_BOT_VERSION);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, client->headers);
	curl_easy_setopt(curl, CURLOPT_POST, 1L);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.ptr);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, response);
	return set;
}

enum err_code post_json(struct post_client *client, struct str body, unsigned timeout_ms,
			long *status, struct buf *response, struct err *err)
{
	*status = 0;
	struct handle *h = handle_take(client);
	if (!h)
		return err_set(err, ERR_NOMEM, "out of memory for a request");
	CURLcode result = set_up(client, h->curl, body, timeout_ms ? timeout_ms : 1, response);
	if (!result)
		result = curl_easy_perform(h->curl);
	if (!result)
		curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, status);
	handle_give(client, h);
	if (result == CURLE_OUT_OF_MEMORY)
		return err_set(err, ERR_NOMEM, "out of memory for a request");
	enum err_code code = buf_ok(response, "the answer", err);
	if (code)
		return err_context(err, "%s", client->host);
	if (result == CURLE_OPERATION_TIMEDOUT)
		return err_set(err, ERR_UNAVAILABLE, "%s gives no answer within %u ms",
			       client->host, timeout_ms);
	if (result)
		return err_set(err, ERR_UNAVAILABLE, "%s: %s", client->host,
			       http_error_text(result));
	return ERR_OK;
}
