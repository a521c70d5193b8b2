// The chat page: one WebSocket, text in, frames out. Text from the server only ever becomes text
// nodes: there is no innerHTML here, and links are made of checked addresses.
"use strict";

const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 15000;
const PROGRESS_MS = 2000;

const $ = (id) => document.getElementById(id);
const form = $("form"), input = $("question"), send = $("send"), stop = $("stop");
const log = $("log"), connection = $("connection"), announce = $("announce");
const progress = $("progress");

// One conversation per page: what was said before is remembered by the server under this name.
const session = Array.from(crypto.getRandomValues(new Uint8Array(16)),
  (byte) => byte.toString(16).padStart(2, "0")).join("");

let socket = null;
let retryMs = RETRY_FIRST_MS;
let turn = null; // the answer being received
let turnCount = 0;
let renderAsked = false;

function element(name, className, text) {
  const node = document.createElement(name);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

// Only web addresses and paths of this site become links; never javascript:, data: and the like.
function safeHref(url) {
  if (typeof url !== "string" || !url) return null;
  try {
    const parsed = new URL(url, location.href);
    if (/^https?:\/\//i.test(url) && /^https?:$/.test(parsed.protocol)) return parsed.href;
    return /^\/(?![/\\])/.test(url) && parsed.origin === location.origin ? parsed.href : null;
  } catch {
    return null;
  }
}

// ---- Markdown subset: paragraphs, headings, lists, fenced code, `code`, **bold**, *emphasis*, [n] ----

function addInline(parent, text, sources) {
  const pattern =
    /(`+)(.+?)\1(?!`)|\*\*([^*\n]+)\*\*|\[(\d{1,3})\](?![(:])|(?<![\w*])\*([^*\s][^*\n]*?)\*(?!\w)/g;
  let from = 0;
  for (const match of text.matchAll(pattern)) {
    const before = text.slice(from, match.index);
    // A mark belongs to the word before it, also at the end of a line.
    parent.append(match[4] && sources.has(Number(match[4])) ? before.trimEnd() : before);
    from = match.index + match[0].length;
    if (match[1]) parent.append(element("code", "", match[2]));
    else if (match[3]) parent.append(element("strong", "", match[3]));
    else if (match[5]) parent.append(element("em", "", match[5]));
    else parent.append(citation(Number(match[4]), match[0], sources));
  }
  parent.append(text.slice(from));
}

function citation(number, text, sources) {
  if (!sources.has(number)) return document.createTextNode(text);
  const mark = element("sup", "cite");
  const link = element("a", "", text);
  link.href = "#" + sources.get(number);
  link.setAttribute("aria-label", `Source ${number}`);
  mark.append(link);
  return mark;
}

function codeBlock(language, text) {
  const box = element("div", "code"), bar = element("div", "bar");
  const copy = element("button", "", "Copy");
  copy.type = "button";
  copy.setAttribute("aria-label", "Copy code");
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      copy.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      copy.textContent = "Press Ctrl+C";
    }
    setTimeout(() => { copy.textContent = "Copy"; }, 2000);
  });
  bar.append(element("span", "", language || "code"), copy);
  const pre = element("pre"), code = element("code", "", text);
  pre.tabIndex = 0; // long lines are scrolled by keyboard too
  pre.append(code);
  box.append(bar, pre);
  return box;
}

function renderMarkdown(text, sources) {
  const out = document.createDocumentFragment();
  const lines = text.split("\n");
  let paragraph = [], list = null, item = null;
  const flush = () => {
    if (paragraph.length) {
      const p = element("p");
      addInline(p, paragraph.join("\n"), sources);
      out.append(p);
    }
    if (item) addInline(list.appendChild(element("li")), item.join("\n"), sources);
    paragraph = [];
    item = null;
  };
  for (let i = 0; i < lines.length; i++) {
    const fence = /^\s{0,3}(`{3,}|~{3,})\s*([\w+#.-]*)/.exec(lines[i]);
    const bullet = /^\s{0,3}(?:[-*]|(\d{1,3})[.)])\s+(.*)$/.exec(lines[i]);
    const heading = /^\s{0,3}#{1,6}\s+(.*?)\s*#*$/.exec(lines[i]);
    if (fence) {
      flush();
      list = null;
      const body = [];
      const closed = (line) => line.trim().startsWith(fence[1]) && /^(`+|~+)$/.test(line.trim());
      while (++i < lines.length && !closed(lines[i])) body.push(lines[i]);
      out.append(codeBlock(fence[2], body.join("\n")));
    } else if (bullet) {
      flush();
      const name = bullet[1] ? "OL" : "UL";
      if (!list || list.tagName !== name) {
        out.append(list = element(name));
        if (bullet[1]) list.start = Number(bullet[1]);
      }
      item = [bullet[2]];
    } else if (heading) {
      flush();
      list = null;
      addInline(out.appendChild(element("h4")), heading[1], sources);
    } else if (!lines[i].trim()) {
      flush();
      if (!/^\s{0,3}([-*]|\d{1,3}[.)])\s/.test(lines[i + 1] || "")) list = null;
    } else if (item) {
      item.push(lines[i].trim());
    } else {
      list = null;
      paragraph.push(lines[i]);
    }
  }
  flush();
  return out;
}

// ---- one turn ----

let scrolledTo = 0;

// Shows the end of the answer, but never so much of it that the question leaves the view; leaves
// readers alone who have scrolled elsewhere.
function follow(t, force) {
  if (!force && Math.abs(scrollY - scrolledTo) > 4) return;
  const top = t.entry.getBoundingClientRect().top + scrollY;
  scrollTo(0, Math.min(top - 12, document.documentElement.scrollHeight));
  scrolledTo = scrollY;
}

function newTurn(question) {
  $("welcome").hidden = true;
  const entry = element("article"), answer = element("div", "answer");
  entry.setAttribute("aria-label", "Question and answer");
  const t = {
    id: ++turnCount, question, entry, answer, raw: "", sources: new Map(), received: false,
    text: element("div", "text"), status: element("p", "status", "Waiting for the connection…"),
  };
  answer.append(t.text, t.status);
  entry.append(element("div", "question", question), answer);
  log.append(entry);
  follow(t, true);
  return t;
}

// Redraws at most once per frame of the screen, however fast the text comes.
function askRender() {
  if (renderAsked) return;
  renderAsked = true;
  requestAnimationFrame(() => {
    renderAsked = false;
    if (turn) render(turn);
  });
}

function render(t) {
  t.text.replaceChildren(renderMarkdown(t.raw, t.sources));
  follow(t);
}

function showSources(t, list) {
  if (!Array.isArray(list) || !list.length) return;
  const box = element("section", "sources"), items = element("ol");
  box.setAttribute("aria-label", "Sources");
  for (const source of list) {
    const item = element("li"), body = element("div", "body");
    item.id = `source-${t.id}-${source.index}`;
    t.sources.set(source.index, item.id);
    const parts = [source.title, source.section].filter((s) => typeof s === "string" && s);
    const label = (parts[1] === parts[0] ? parts.slice(1) : parts).join(" › ") || String(source.url);
    const href = safeHref(source.url);
    const name = element(href ? "a" : "span", "", label);
    if (href) {
      name.href = href;
      name.target = "_blank";
      name.rel = "noopener noreferrer";
    }
    body.append(name);
    if (source.quote) {
      const quote = element("blockquote");
      addInline(quote, source.quote, new Map());
      body.append(quote);
    }
    item.append(element("span", "number", `[${source.index}]`), body);
    items.append(item);
  }
  box.append(element("h3", "", "Sources"), items);
  t.answer.append(box);
}

function endTurn(t, message, isError) {
  if (t.ended) return;
  t.ended = true;
  t.status.remove();
  render(t);
  if (message) {
    const note = element("p", isError ? "error" : "note", message);
    if (isError) note.setAttribute("role", "alert");
    t.answer.append(note);
  }
  if (turn === t) turn = null;
  // A screen reader gets the finished answer once, not every piece of it.
  announce.textContent = isError ? "" : `Answer: ${t.text.textContent}`;
  showBusy();
  showProgress();
  follow(t);
}

const STAGES = { retrieving: "Searching the documentation…", generating: "Writing the answer…" };

function explain(message) {
  const text = String(message || "").replace(/^Request failed:\s*/, "");
  return text ? text.charAt(0).toUpperCase() + text.slice(1) : "The request failed. Try again.";
}

function onFrame(frame) {
  if (!turn || !frame || frame.type === "system") return;
  turn.received = true;
  switch (frame.type) {
    case "status":
      turn.status.textContent = STAGES[frame.stage] || "Working…";
      break;
    case "content":
      turn.raw += String(frame.content ?? "");
      askRender();
      break;
    case "sources":
      showSources(turn, frame.sources);
      askRender();
      break;
    case "error":
      endTurn(turn, explain(frame.content), true);
      break;
    case "done":
      endTurn(turn);
      break;
  }
}

// ---- the connection ----

function showConnection(state, text) {
  connection.dataset.state = state;
  if (connection.textContent !== text) connection.textContent = text;
}

// ---- how far the index is ----

let progressTimer = 0;

// A new index answers by words while its embeddings are made; says so until they are.
async function showProgress() {
  clearTimeout(progressTimer);
  let again = false, text = "";
  try {
    const response = await fetch("/readyz", { cache: "no-store" });
    const index = (await response.json()).index;
    if (response.ok && index && index.pending > 0) {
      again = true;
      text = `Indexing: ${Number(index.percent)} % embedded – answers use words only so far`;
    }
  } catch {
    // The connection's own line tells of it.
  }
  progress.hidden = !text;
  if (progress.textContent !== text) progress.textContent = text;
  if (again) progressTimer = setTimeout(showProgress, PROGRESS_MS);
}

function showBusy() {
  const busy = Boolean(turn);
  send.hidden = busy;
  stop.hidden = !busy;
}

function submitTurn() {
  if (!turn || turn.sent || !socket || socket.readyState !== WebSocket.OPEN) return;
  turn.sent = true;
  turn.status.textContent = STAGES.retrieving;
  socket.send(JSON.stringify({ message: turn.question, session_id: session }));
}

function connect() {
  const own = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`);
  socket = own;
  own.addEventListener("open", () => {
    retryMs = RETRY_FIRST_MS;
    showConnection("open", "Connected");
    submitTurn();
    showProgress();
  });
  own.addEventListener("message", (event) => {
    if (own !== socket) return;
    let frame;
    try {
      frame = JSON.parse(event.data);
    } catch {
      return;
    }
    onFrame(frame);
  });
  own.addEventListener("close", () => {
    if (own !== socket) return; // replaced on purpose
    socket = null;
    if (turn && turn.sent)
      endTurn(turn, "The connection was lost before the answer was complete. Ask again.", true);
    showConnection("closed", "Not connected, trying again…");
    setTimeout(connect, retryMs * (0.75 + Math.random() / 2));
    retryMs = Math.min(retryMs * 2, RETRY_MAX_MS);
  });
}

function ask(question) {
  question = question.trim();
  if (!question) {
    input.focus();
    return;
  }
  if (turn) return;
  turn = newTurn(question);
  announce.textContent = "Searching the documentation";
  showBusy();
  submitTurn();
}

// The protocol has no message for "stop": closing the socket cancels the answer on the server.
stop.addEventListener("click", () => {
  if (!turn) return;
  const old = socket;
  endTurn(turn, "Stopped.");
  if (old && old.readyState <= WebSocket.OPEN) {
    connect();
    old.close();
  }
  input.focus();
});

function fitInput() {
  input.style.height = "auto";
  input.style.height = `${input.scrollHeight + 2}px`;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (turn) return;
  ask(input.value);
  input.value = "";
  fitInput();
});

input.addEventListener("input", fitInput);
input.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});

for (const button of document.querySelectorAll("#examples button"))
  button.addEventListener("click", () => {
    ask(button.textContent);
    input.focus();
  });

// A jump to a source leaves the address alone, so that ?ask= links stay short.
log.addEventListener("click", (event) => {
  const link = event.target.closest("sup.cite a");
  const item = link && document.getElementById(link.hash.slice(1));
  if (!item) return;
  event.preventDefault();
  for (const other of log.querySelectorAll(".shown")) other.classList.remove("shown");
  item.classList.add("shown");
  item.scrollIntoView({ block: "nearest" });
  item.querySelector("a")?.focus();
});

connect();
const asked = new URLSearchParams(location.search).get("ask");
if (asked) ask(asked);
else input.focus();
