#include "llm/openai/openai.h"

#include <string.h>

#include "llm/openai/internal.h"
#include "llm/openai/reply.h"
#include "llm/openai/request.h"
#include "net/retry.h"
#include "net/sse.h"

/* AFTER_END_MS: how long a server may take to end the transfer of a reply that has ended. */
enum { READ_BYTES = 8192, AFTER_END_MS = 200 };

#define ARENA_BYTES   ((size_t)1 << 20)
#define REQUEST_BYTES ((size_t)8 << 20)
#define EVENT_BYTES   ((size_t)1 << 20)
#define WHOLE_BYTES   ((size_t)4 << 20) /* of an answer that is not streamed */

/* docs/decisions/0016-llm-client.md */
static const struct retry_policy retry_policy = {.attempts = 3, .base_ms = 100, .cap_ms = 1000};
static const struct breaker_policy breaker_policy = {
	.threshold = 3, .pause_ms = 5000, .max_pause_ms = 60000};

enum form { FORM_UNKNOWN, FORM_EVENTS, FORM_WHOLE, FORM_ERROR };

/* What one call of llm_chat() has at hand. */
struct call {
	struct openai *o;
	const struct llm_request *request;
	enum breaker_pass pass;
	int64_t start_us, first_us, total_us; /* began, and ends without a token or at all */
	int64_t token_us;                     /* the last one came; 0: none did */
	int64_t first_token_us;
	bool late;        /* what failed was a limit shorter than the client's own */
	bool again;       /* another attempt may go well */
	int64_t asked_ms; /* and should wait for so long; -1: nothing was said */
	struct buf body;  /* of the request */
	struct buf whole; /* of an answer that is not streamed */
	enum form form;
	struct sse sse;
	struct reply reply;
};

static int64_t now_us(const struct call *c)
{
	return clock_monotonic_us(c->o->options.clock);
}

/* --- reading --- */

/* Until which of the limits; never negative. */
static int64_t wait_ms(const struct call *c)
{
	int64_t end = c->first_us;
	if (c->reply.done || c->reply.finished)
		end = c->token_us + AFTER_END_MS * 1000;
	else if (c->token_us)
		end = c->token_us + (int64_t)c->o->options.stall_ms * 1000;
	if (end > c->total_us)
		end = c->total_us;
	int64_t left = (end - now_us(c) + 999) / 1000;
	return left > 0 ? left : 0;
}

static enum err_code too_late(struct call *c, struct err *err)
{
	int64_t waited = (now_us(c) - c->start_us) / 1000;
	if (now_us(c) >= c->total_us)
		return err_set(err, ERR_UNAVAILABLE, "the reply is not whole after %lld ms",
			       (long long)waited);
	if (c->token_us)
		return err_set(err, ERR_UNAVAILABLE, "it stopped in the middle of its reply");
	c->late = waited + 1 < c->o->options.first_token_ms;
	return err_set(err, ERR_UNAVAILABLE, "no token came within %lld ms", (long long)waited);
}

/* By status and Content-Type; by the first bytes where that says nothing. */
static enum form form_of(const struct stream *stream, struct str bytes)
{
	struct str type = str_c(stream_type(stream));
	if (stream_status(stream) != 200)
		return FORM_ERROR;
	if (str_find_nocase(type, STR("event-stream"), 0) != STR_NPOS)
		return FORM_EVENTS;
	if (str_find_nocase(type, STR("json"), 0) != STR_NPOS)
		return FORM_WHOLE;
	if (str_find_nocase(type, STR("html"), 0) != STR_NPOS)
		return FORM_UNKNOWN;
	bytes = str_trim(bytes);
	return bytes.len && bytes.ptr[0] == '{' ? FORM_WHOLE : FORM_EVENTS;
}

static void note_tokens(struct call *c)
{
	c->token_us = c->reply.begun || c->reply.finished ? now_us(c) : 0;
	if (!c->reply.begun || c->first_token_us)
		return;
	c->first_token_us = c->token_us - c->start_us;
	if (c->pass != BREAKER_PROBE)
		return;
	/* The others need not wait for the end of the probe's reply. */
	breaker_succeeded(&c->o->breaker);
	c->pass = BREAKER_CALL;
}

static enum err_code take_events(struct call *c, struct str rest, struct err *err)
{
	struct sse_event event;
	bool whole = true;
	enum err_code code = ERR_OK;
	while (whole && !code && !c->reply.done) {
		code = sse_next(&c->sse, &rest, &event, &whole, err);
		if (code || !whole)
			break;
		code = reply_chunk(&c->reply, event.data, &c->again, err);
		note_tokens(c);
	}
	return code;
}

static enum err_code take_bytes(struct call *c, const struct stream *stream, struct str bytes,
				struct err *err)
{
	if (c->form == FORM_UNKNOWN)
		c->form = form_of(stream, bytes);
	switch (c->form) {
	case FORM_EVENTS:
		return take_events(c, bytes, err);
	case FORM_WHOLE:
		buf_append(&c->whole, bytes);
		return buf_ok(&c->whole, "its answer", err);
	case FORM_ERROR:
		/* The beginning is enough to find its words in. */
		buf_append(&c->whole, bytes);
		return ERR_OK;
	case FORM_UNKNOWN:
		break;
	}
	return err_set(err, ERR_FORMAT, "it answers with %.60s, not with a chat completion",
		       stream_type(stream));
}

/* The transfer has ended well. */
static enum err_code take_end(struct call *c, const struct stream *stream, struct err *err)
{
	long status = stream_status(stream);
	enum err_code code = ERR_OK;
	if (status != 200) {
		c->asked_ms = stream_retry_after_ms(stream);
		return reply_problem(status, buf_str(&c->whole), &c->again, err);
	}
	if (c->form == FORM_WHOLE) {
		code = reply_whole(&c->reply, buf_str(&c->whole), &c->again, err);
		note_tokens(c);
	}
	if (code)
		return code;
	if (!c->reply.done && !c->reply.finished) {
		c->again = true;
		return err_set(err, ERR_UNAVAILABLE, "its reply breaks off");
	}
	return ERR_OK;
}

static enum err_code read_reply(struct call *c, struct stream *stream, struct err *err)
{
	char bytes[READ_BYTES];
	size_t got;
	enum err_code code = ERR_OK;
	while (!code) {
		bool ended = c->reply.done || c->reply.finished;
		switch (stream_read(stream, bytes, sizeof(bytes), wait_ms(c), &got)) {
		case STREAM_BYTES:
			code = take_bytes(c, stream, (struct str){bytes, got}, err);
			break;
		case STREAM_END:
			return take_end(c, stream, err);
		case STREAM_CANCELLED:
			return err_set(err, ERR_CANCELLED, "cancelled");
		case STREAM_LATE:
			return ended ? ERR_OK : too_late(c, err);
		case STREAM_BROKEN:
			if (ended)
				return ERR_OK;
			return err_set(err, ERR_UNAVAILABLE, "%s",
				       stream_problem(stream, &c->again));
		}
	}
	return code;
}

/* --- attempts --- */

static enum err_code write_body(struct call *c, struct err *err)
{
	unsigned most = c->request->max_tokens;
	if (c->body.len)
		return ERR_OK;
	return request_write(c->request, atomic_load(&c->o->base.model),
			     most ? most : c->o->options.max_tokens, &c->body, err);
}

static size_t place_of(struct openai *o)
{
	pthread_mutex_lock(&o->lock);
	size_t place = o->place;
	pthread_mutex_unlock(&o->lock);
	return place;
}

static enum err_code attempt(struct call *c, struct err *err)
{
	struct openai *o = c->o;
	struct stream *stream = NULL;
	c->again = false;
	c->asked_ms = -1;
	c->form = FORM_UNKNOWN;
	buf_clear(&c->whole);
	enum err_code code = openai_discover(o, c->first_us, c->request->cancelled, &c->again, err);
	if (!code) {
		c->again = false;
		code = write_body(c, err);
	}
	if (code)
		return code;
	const struct stream_request request = {.url = o->address.places[place_of(o)].chat,
					       .body = buf_str(&c->body),
					       .cancelled = c->request->cancelled};
	sse_init(&c->sse, o->alloc, EVENT_BYTES);
	code = stream_start(o->client, &request, &stream, err);
	if (!code)
		code = read_reply(c, stream, err);
	if (!code)
		code = reply_end(&c->reply, err);
	stream_free(stream);
	sse_release(&c->sse);
	return code;
}

/* Until one brings a token, or no time is left for another. */
static enum err_code attempts(struct call *c, struct err *err)
{
	for (unsigned n = 0;; n++) {
		enum err_code code = attempt(c, err);
		if (!code || !c->again || c->reply.begun || n + 1 >= retry_policy.attempts)
			return code;
		/* jitter needs no secret: the clock's last digits do */
		int64_t delay = retry_delay_ms(&retry_policy, n, -1, (uint64_t)now_us(c));
		if (c->asked_ms > delay)
			delay = c->asked_ms;
		if (now_us(c) + delay * 1000 >= c->first_us)
			return code;
		log_info(c->o->options.log, "llm",
			 "server=%s attempt=%u again_in_ms=%lld error=\"%s\"", c->o->address.host,
			 n + 1, (long long)delay, err ? err->message : "");
		code = retry_wait((unsigned)delay, c->request->cancelled, err);
		if (code)
			return code;
	}
}

static void tell_breaker(const struct call *c, enum err_code code)
{
	struct breaker *breaker = &c->o->breaker;
	bool alive = c->reply.begun || code == ERR_OK || code == ERR_INVALID || code == ERR_LIMIT;
	if ((code == ERR_UNAVAILABLE || code == ERR_FORMAT) && !c->late)
		breaker_failed(breaker, c->pass);
	else if (alive)
		breaker_succeeded(breaker);
	else
		breaker_abandoned(breaker, c->pass);
}

static void call_init(struct call *c, struct openai *o, const struct llm_request *request,
		      const struct llm_sink *sink)
{
	unsigned first =
		request->first_token_ms ? request->first_token_ms : o->options.first_token_ms;
	unsigned total = request->total_ms ? request->total_ms : o->options.total_ms;
	*c = (struct call){.o = o, .request = request, .asked_ms = -1};
	c->start_us = now_us(c);
	c->total_us = c->start_us + (int64_t)total * 1000;
	c->first_us = c->start_us + (int64_t)(first < total ? first : total) * 1000;
	buf_init(&c->body, o->alloc, REQUEST_BYTES);
	buf_init(&c->whole, o->alloc, WHOLE_BYTES);
	reply_init(&c->reply, o->alloc, sink);
}

static enum err_code openai_chat(struct llm *llm, const struct llm_request *request,
				 const struct llm_sink *sink, struct arena *arena,
				 struct llm_reply *reply, struct err *err)
{
	struct openai *o = (struct openai *)llm;
	struct call c;
	struct err own = {ERR_OK, ""}; /* the caller may want no message, logs do */
	int64_t wait;
	call_init(&c, o, request, sink);
	c.pass = breaker_enter(&o->breaker, &wait);
	if (c.pass == BREAKER_REFUSED)
		return err_set(err, ERR_UNAVAILABLE,
			       "the language model at %s failed several times in a row and is "
			       "left alone for another %lld ms",
			       o->address.host, (long long)wait);
	enum err_code code = attempts(&c, &own);
	tell_breaker(&c, code);
	if (code)
		err_set(err, code, "the language model at %s: %s", o->address.host, own.message);
	enum err_code stored = reply_store(&c.reply, arena, reply, code ? NULL : err);
	reply->first_token_us = c.first_token_us;
	reply->total_us = now_us(&c) - c.start_us;
	reply_release(&c.reply);
	buf_release(&c.whole);
	buf_release(&c.body);
	return code ? code : stored;
}

/* --- opening and closing --- */

static void openai_close(struct llm *llm)
{
	struct openai *o = (struct openai *)llm;
	stream_client_close(o->client);
	if (o->breaker_ready)
		breaker_release(&o->breaker);
	if (o->lock_ready)
		pthread_mutex_destroy(&o->lock);
	arena_release(&o->arena);
	alloc_free(o->alloc, o);
}

static const struct llm_ops openai_ops = {.chat = openai_chat, .close = openai_close};

static enum err_code open_parts(struct openai *o, struct err *err)
{
	const struct stream_options options = {.bearer = o->options.key,
					       .ca_file = o->options.ca_file,
					       .connect_ms = o->options.connect_ms};
	struct str model = arena_str(&o->arena, str_c(o->options.model));
	if (!model.ptr)
		return arena_fail(&o->arena, err);
	o->options.model = model.ptr;
	atomic_init(&o->base.model, model.ptr);
	atomic_init(&o->base.context_tokens, o->options.context_tokens);
	if (pthread_mutex_init(&o->lock, NULL) != 0)
		return err_set(err, ERR_INTERNAL, "cannot create a mutex for a language model");
	o->lock_ready = true;
	enum err_code code = breaker_init(&o->breaker, &breaker_policy, o->options.clock, err);
	o->breaker_ready = !code;
	if (!code)
		code = llm_address(str_c(o->options.url), &o->arena, &o->address, err);
	if (!code)
		code = stream_client_open(&options, o->alloc, &o->client, err);
	/* What only they may read is theirs. */
	o->options.url = o->options.key = o->options.ca_file = NULL;
	return code;
}

/* What can be told early is: a prompt is made to fit the window. */
static void look_early(struct openai *o)
{
	struct err err = {ERR_OK, ""};
	bool again;
	int64_t deadline =
		clock_monotonic_us(o->options.clock) + (int64_t)o->options.connect_ms * 1000;
	if (openai_discover(o, deadline, NULL, &again, &err))
		log_warn(o->options.log, "llm", "server=%s error=\"%s\" (it is asked again)",
			 o->address.host, err.message);
}

enum err_code llm_openai_open(const struct llm_openai_options *options, const struct alloc *alloc,
			      struct llm **out, struct err *err)
{
	*out = NULL;
	struct openai *o = alloc_zero(alloc, 1, sizeof(*o));
	if (!o)
		return err_set(err, ERR_NOMEM, "out of memory for a language model");
	o->base.ops = &openai_ops;
	o->alloc = alloc;
	o->options = *options;
	arena_init(&o->arena, alloc, ARENA_BYTES);
	enum err_code code = open_parts(o, err);
	if (code) {
		openai_close(&o->base);
		return code;
	}
	look_early(o);
	*out = &o->base;
	return ERR_OK;
}
