#include "support/fake_llm.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

static void remember(struct fake_llm *fake, const struct llm_request *request)
{
	struct buf all;
	if (fake->asked >= FAKE_LLM_REPLIES)
		return;
	buf_init(&all, alloc_default(), 8 << 20);
	for (size_t i = 0; i < request->message_count; i++) {
		static const char *const roles[] = {"system", "user", "assistant", "tool"};
		const struct llm_message *m = &request->messages[i];
		buf_printf(&all, "<%s>%.*s", roles[m->role], STR_ARG(m->content));
		for (size_t c = 0; c < m->call_count; c++)
			buf_printf(&all, "<call>%.*s", STR_ARG(m->calls[c].name));
	}
	fake->prompts[fake->asked] = strndup(all.ptr ? all.ptr : "", all.len);
	fake->tools[fake->asked] = request->tool_count;
	buf_release(&all);
}

static enum err_code chat(struct llm *llm, const struct llm_request *request,
			  const struct llm_sink *sink, struct arena *arena, struct llm_reply *reply,
			  struct err *err)
{
	struct fake_llm *fake = (struct fake_llm *)llm;
	size_t n = fake->asked < fake->reply_count ? fake->asked : fake->reply_count - 1;
	const struct fake_reply *r = &fake->replies[n];
	struct str rest = str_c(r->text);
	remember(fake, request);
	fake->asked++;
	fake->bytes_taken = 0;
	*reply = (struct llm_reply){.finish = r->call_count ? LLM_TOOL_CALLS : LLM_STOP,
				    .prompt_tokens = 100,
				    .completion_tokens = 10};
	while (rest.len) {
		struct str piece = str_slice(rest, 0, r->piece ? r->piece : rest.len);
		rest = str_slice(rest, piece.len, rest.len);
		if (request->cancelled && atomic_load(request->cancelled))
			return err_set(err, ERR_CANCELLED, "cancelled");
		if (sink && !sink->text(sink->ctx, piece))
			return err_set(err, ERR_CANCELLED, "nobody listens");
		fake->bytes_taken += piece.len;
		if (!rest.len && r->endless)
			rest = str_c(r->text);
	}
	reply->text = arena_str(arena, str_c(r->text));
	if (!reply->text.ptr)
		return arena_fail(arena, err);
	memcpy(reply->calls, r->calls, sizeof(r->calls));
	reply->call_count = r->call_count;
	return r->code ? err_set(err, r->code, "the fake model fails") : ERR_OK;
}

static void no_close(struct llm *llm)
{
	(void)llm;
}

void fake_llm_init(struct fake_llm *fake)
{
	static const struct llm_ops ops = {chat, no_close};
	*fake = (struct fake_llm){.llm = {.ops = &ops}};
	atomic_init(&fake->llm.model, "fake");
	atomic_init(&fake->llm.context_tokens, 8192);
}

void fake_llm_reset(struct fake_llm *fake)
{
	for (size_t i = 0; i < FAKE_LLM_REPLIES; i++)
		free(fake->prompts[i]);
	size_t window = atomic_load(&fake->llm.context_tokens);
	fake_llm_init(fake);
	atomic_store(&fake->llm.context_tokens, window);
}

void fake_llm_add(struct fake_llm *fake, struct fake_reply reply)
{
	fake->replies[fake->reply_count++] = reply;
}
