// The chat page in a real browser. BASE_URL names a running service; SCREENSHOTS, if set, a folder
// for pictures; CHROMIUM another browser than Debian's. Prints one `ok NAME` or `not ok NAME` line
// per check and exits 1 if any failed.
import { strict as assert } from "node:assert";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { chromium } from "playwright-core";

const BASE = (process.env.BASE_URL || "http://127.0.0.1:8000").replace(/\/$/, "");
const SHOTS = process.env.SCREENSHOTS;
const QUESTION = "How do I stop Katib from deleting the pods of finished trials?";
const WAIT = { timeout: 30_000 };
const DESKTOP = { width: 1100, height: 800 };
const PHONE = { width: 360, height: 740 };

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

let failed = 0;

// Runs `body` on a fresh page; whatever the page complains about fails the check as well.
async function check(name, options, body) {
  const { allow = null, prepare = null, ...contextOptions } = options;
  const context = await browser.newContext({ viewport: DESKTOP, ...contextOptions });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT.timeout);
  const complaints = [];
  const note = (text) => { if (!allow || !allow.test(text)) complaints.push(text); };
  page.on("console", (m) => { if (["error", "warning"].includes(m.type())) note(m.text()); });
  page.on("pageerror", (e) => note(String(e)));
  page.on("request", (r) => { if (!/^(data|blob):/.test(r.url()) && !r.url().startsWith(BASE)) note(`foreign request ${r.url()}`); });
  page.on("dialog", (d) => { note(`dialog ${d.message()}`); d.dismiss(); });
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (e) => console.error(`CSP: ${e.violatedDirective}`));
  });
  try {
    if (prepare) await prepare(page, context);
    await body(page, context);
    assert.deepEqual(complaints, []);
    console.log(`ok ${name}`);
  } catch (error) {
    failed++;
    console.log(`not ok ${name}`);
    console.log(String(error.stack || error).replace(/^/gm, "# "));
    await shot(page, `failed-${name.replace(/\W+/g, "-")}`).catch(() => {});
  } finally {
    await context.close();
  }
}

async function shot(page, name) {
  if (!SHOTS) return;
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: path.join(SHOTS, `${name}.png`) });
}

// Waits for the end of the n-th answer (from 0) and gives its element.
async function answered(page, n = 0) {
  const answer = page.locator(".answer").nth(n);
  await answer.waitFor();
  await page.waitForFunction(
    (i) => !document.querySelectorAll(".answer")[i]?.querySelector(".status"), n, WAIT);
  return answer;
}

async function ask(page, question, n = 0) {
  await page.getByLabel("Your question").fill(question);
  await page.keyboard.press("Enter");
  return answered(page, n);
}

async function noSidewaysScroll(page) {
  const [content, view] = await page.evaluate(() =>
    [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(content <= view, `page is ${content} px wide in a view of ${view} px`);
}

// WCAG 2.1 contrast of an element's text against the nearest opaque background.
function contrast(page, selector) {
  return page.locator(selector).first().evaluate((node) => {
    const numbers = (color) => color.match(/[\d.]+/g).map(Number);
    const light = (color) => {
      const [r, g, b] = numbers(color).map((v) => v / 255)
        .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    let back = node;
    while (back && (numbers(getComputedStyle(back).backgroundColor)[3] ?? 1) === 0) back = back.parentElement;
    const [a, b] = [light(getComputedStyle(node).color), light(getComputedStyle(back || document.body).backgroundColor)];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  });
}

await check("the page opens and says that it is connected", {}, async (page) => {
  const response = await page.goto(BASE);
  assert.equal(response.status(), 200);
  await page.locator("#connection", { hasText: /^Connected$/ }).waitFor();
  assert.equal(await page.locator("#examples button").count(), 3);
  assert.equal(await page.evaluate(() => document.activeElement.id), "question");
  await shot(page, "chat-start");
});

await check("a question gets a streamed answer with a source that opens the heading", {}, async (page) => {
  const frames = [];
  page.on("websocket", (ws) => ws.on("framereceived", (f) => frames.push(JSON.parse(f.payload).type)));
  await page.goto(BASE);
  const answer = await ask(page, QUESTION);
  assert.match(await answer.locator(".text").innerText(), /retain/);
  const hrefs = await answer.locator(".sources a").evaluateAll((links) => links.map((a) => a.href));
  assert.ok(hrefs.some((h) => h.includes("/docs/components/katib/") && h.includes("#")), hrefs.join(" "));
  for (const link of await answer.locator(".sources a").all()) {
    assert.equal(await link.getAttribute("rel"), "noopener noreferrer");
    assert.ok((await link.innerText()).trim());
  }
  assert.ok(frames.includes("content") && frames.at(-1) === "done", frames.join(" "));
  await shot(page, "chat-answer");
});

await check("citation marks lead to their source", {}, async (page) => {
  await page.goto(BASE);
  const answer = await ask(page, QUESTION);
  const mark = answer.locator("sup.cite a").first();
  const number = (await mark.innerText()).trim();
  await mark.click();
  const shown = answer.locator(".sources li.shown");
  assert.equal(await shown.locator(".number").innerText(), number);
  assert.ok(await shown.evaluate((li) => li.contains(document.activeElement)));
});

await check("?ask= asks at once", {}, async (page) => {
  await page.goto(`${BASE}/?ask=${encodeURIComponent(QUESTION)}`);
  const answer = await answered(page);
  assert.match(await answer.locator(".text").innerText(), /retain/);
  assert.equal(await page.locator(".question").innerText(), QUESTION);
});

await check("an example can be clicked", {}, async (page) => {
  await page.goto(BASE);
  await page.locator("#examples button").first().click();
  assert.ok((await (await answered(page)).innerText()).length > 20);
  assert.ok(await page.locator("#welcome").isHidden());
});

await check("two questions in one conversation", {}, async (page) => {
  await page.goto(BASE);
  await ask(page, QUESTION);
  const second = await ask(page, "How do I turn off caching for a pipeline step?", 1);
  assert.ok((await second.locator(".text").innerText()).length > 10);
  assert.equal(await page.locator(".answer").count(), 2);
  const ids = await page.evaluate(() => [...document.querySelectorAll("[id]")].map((n) => n.id));
  assert.equal(new Set(ids).size, ids.length);
});

await check("a phone shows everything without sideways scrolling",
  { viewport: PHONE, isMobile: true, hasTouch: true, deviceScaleFactor: 2 }, async (page) => {
    await page.goto(BASE);
    await page.locator("#connection", { hasText: /^Connected$/ }).waitFor();
    await noSidewaysScroll(page);
    await shot(page, "chat-phone-start");
    await ask(page, QUESTION);
    await noSidewaysScroll(page);
    await shot(page, "chat-phone");
    const box = await page.locator("#send").boundingBox();
    assert.ok(box.height >= 40 && box.x + box.width <= PHONE.width && box.y + box.height <= PHONE.height);
    await page.setViewportSize({ width: 320, height: 560 });
    await noSidewaysScroll(page);
  });

for (const colorScheme of ["light", "dark"]) {
  await check(`${colorScheme} mode is readable`, { colorScheme }, async (page) => {
    await page.goto(BASE);
    await page.locator("#connection", { hasText: /^Connected$/ }).waitFor();
    const selectors = ["h1", "#welcome p", "#examples button", "#hint", "#send", "#connection"];
    for (const s of selectors) assert.ok(await contrast(page, s) >= 4.5, `${s} ${await contrast(page, s)}`);
    await ask(page, QUESTION);
    for (const s of [".question", ".answer p, .answer li", ".sources a", ".sources blockquote", "sup.cite a"])
      assert.ok(await contrast(page, s) >= 4.5, `${s} ${await contrast(page, s)}`);
    const dark = await page.evaluate(() => Number(getComputedStyle(document.body).backgroundColor.match(/\d+/)[0]) < 100);
    assert.equal(dark, colorScheme === "dark");
    await shot(page, `chat-${colorScheme}`);
  });
}

await check("the keyboard alone is enough", {}, async (page) => {
  await page.goto(BASE);
  await page.keyboard.type("How do I stop Katib");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("from deleting the pods of finished trials?");
  assert.ok((await page.getByLabel("Your question").inputValue()).includes("\n"));
  await page.keyboard.press("Enter");
  const answer = await answered(page);
  assert.equal(await page.getByLabel("Your question").inputValue(), "");
  const reached = new Set();
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press("Shift+Tab");
    reached.add(await page.evaluate(() => {
      const a = document.activeElement;
      return a.closest(".sources") ? "source" : a.closest("sup.cite") ? "mark" : a.closest(".code .bar") ? "copy" : a.className;
    }));
    if (await page.evaluate(() => document.activeElement === document.body)) break;
  }
  assert.ok(reached.has("source") && reached.has("mark"), [...reached].join(" "));
  if (await answer.locator(".code").count()) assert.ok(reached.has("copy"));
  await page.locator(".sources a").first().focus();
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.notEqual(outline, "none");
});

await check("roles and names for screen readers", {}, async (page) => {
  await page.goto(BASE);
  await page.getByRole("textbox", { name: "Your question" }).waitFor();
  await page.getByRole("button", { name: "Ask" }).waitFor();
  assert.equal(await page.getByRole("heading", { level: 1 }).count(), 1);
  await ask(page, QUESTION);
  await page.getByRole("region", { name: "Sources" }).waitFor();
  await page.getByRole("log", { name: "Conversation" }).waitFor();
  assert.match(await page.locator("#announce").textContent(), /^Answer: .*retain/s);
  assert.equal(await page.evaluate(() => document.documentElement.lang), "en");
});

await check("HTML in a question is shown as text", {}, async (page) => {
  const evil = `<img src=x onerror="alert(1)"><script>alert(2)</script><b>what is katib?</b>`;
  await page.goto(BASE);
  await ask(page, evil);
  assert.equal(await page.locator(".question").innerText(), evil);
  assert.equal(await page.locator("#log img, #log script, #log b").count(), 0);
  await page.goto(`${BASE}/?ask=${encodeURIComponent(evil)}`);
  await answered(page);
  assert.equal(await page.locator("#log img, #log script, #log b").count(), 0);
});

// A server that sends what a hostile document might contain.
function fakeServer(reply) {
  return (page) => page.routeWebSocket(/\/ws$/, (ws) => {
    const say = (frame) => ws.send(typeof frame === "string" ? frame : JSON.stringify(frame));
    say({ type: "system", content: "hello" });
    ws.onMessage((message) => reply(say, JSON.parse(message).message, ws));
  });
}

await check("hostile answers and addresses do no harm", {
  prepare: fakeServer((say) => {
    say({ type: "content", content: "<img src=x onerror=alert(1)> **bold** `a<b>` [1] [2] [9]\n\n" });
    say({ type: "content", content: "- one [1]\n- <script>alert(1)</script>\n\n```html\n<iframe src=javascript:alert(1)>\n```\n" });
    say("no json"); say({ type: "unknown" }); say({ type: "content" }); say("null");
    say({ type: "sources", sources: [
      { index: 1, title: "<b>t</b>", section: "s", url: "javascript:alert(1)", quote: "<i>q</i>" },
      { index: 2, title: "ok", section: "ok", url: "https://example.org/x#y", quote: "set `--flag` [1]" },
      { index: 3, title: "data", section: "", url: "data:text/html,<script>alert(1)</script>", quote: "" },
      { index: 4, title: "other host", section: "", url: "//evil.example/x", quote: "" },
      { index: 5, title: "own", section: "", url: "/pages/a.md#b", quote: "" },
      { index: 6, title: "back", section: "", url: "/\\evil.example", quote: "" }] });
    say({ type: "done", answer_id: "x" });
  }),
}, async (page) => {
  await page.goto(BASE);
  const answer = await ask(page, "x");
  assert.equal(await page.locator("#log img, #log script, #log iframe, #log b, #log i").count(), 0);
  const hrefs = await answer.locator(".sources a").evaluateAll((links) => links.map((a) => a.href));
  assert.deepEqual(hrefs, ["https://example.org/x#y", `${BASE}/pages/a.md#b`]);
  assert.deepEqual(await answer.locator("sup.cite a").allInnerTexts(), ["[1]", "[2]", "[1]"]);
  assert.match(await answer.locator(".text").innerText(), /\[9\]/);
  assert.equal(await answer.locator(".sources blockquote code").innerText(), "--flag");
  assert.equal(await answer.locator(".sources blockquote").nth(1).innerText(), "set --flag [1]");
  assert.equal(await answer.locator("pre code").innerText(), "<iframe src=javascript:alert(1)>");
  assert.equal(await answer.locator("li").first().innerText(), "one[1]");
});

await check("code can be copied exactly", {
  permissions: ["clipboard-read", "clipboard-write"],
  prepare: fakeServer((say) => {
    say({ type: "content", content: "Set it [1]:\n\n```yaml\nspec:\n  trialTemplate:\n" });
    say({ type: "content", content: "    retain: true\n```\n" });
    say({ type: "done", answer_id: "x" });
  }),
}, async (page) => {
  await page.goto(BASE);
  const answer = await ask(page, "x");
  assert.equal(await answer.locator(".bar span").innerText(), "yaml");
  await answer.getByRole("button", { name: "Copy code" }).click();
  await answer.getByText("Copied").waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.equal(copied, "spec:\n  trialTemplate:\n    retain: true");
});

await check("text appears while it streams, and can be stopped", {
  prepare: fakeServer((say) => {
    say({ type: "status", stage: "retrieving" });
    say({ type: "content", content: "The first words" });
  }),
}, async (page) => {
  await page.goto(BASE);
  await page.getByLabel("Your question").fill("x");
  await page.keyboard.press("Enter");
  await page.locator(".text", { hasText: "The first words" }).waitFor();
  assert.match(await page.locator(".answer .status").innerText(), /Searching/);
  assert.ok(await page.getByRole("button", { name: "Ask" }).isHidden());
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByText("Stopped.").waitFor();
  await page.getByRole("button", { name: "Ask" }).waitFor();
  await page.locator("#connection", { hasText: /^Connected$/ }).waitFor();
});

await check("an error is shown in words and the next question works", {
  prepare: fakeServer((say, question) => {
    if (question === "bad") say({ type: "error", content: "Request failed: no index yet: run `docs-bot index`" });
    else { say({ type: "content", content: "fine" }); say({ type: "done" }); }
  }),
}, async (page) => {
  await page.goto(BASE);
  const first = await ask(page, "bad");
  assert.equal(await first.locator(".error").innerText(), "No index yet: run `docs-bot index`");
  const second = await ask(page, "good", 1);
  assert.equal(await second.locator(".text").innerText(), "fine");
});

await check("a lost connection is said and mended", { allow: /WebSocket/ }, async (page) => {
  let count = 0;
  await page.routeWebSocket(/\/ws$/, (ws) => {
    if (++count === 1) ws.onMessage(() => ws.close({ code: 1011 }));
    else ws.connectToServer();
  });
  await page.goto(BASE);
  const first = await ask(page, QUESTION);
  assert.match(await first.locator(".error").innerText(), /connection was lost/);
  await page.locator("#connection", { hasText: /^Connected$/ }).waitFor();
  const second = await ask(page, QUESTION, 1);
  assert.match(await second.locator(".text").innerText(), /retain/);
});

await check("the progress of a new index is shown until it is done", {}, async (page) => {
  let asked = 0;
  await page.route(/\/readyz$/, (route) => {
    const pending = [58, 40][asked++] ?? 0;
    route.fulfill({ json: { status: "ready", index: { chunks: 100, pending, percent: 100 - pending } } });
  });
  await page.goto(BASE);
  const line = page.locator("#progress");
  await line.filter({ hasText: "Indexing: 42 % embedded – answers use words only so far" }).waitFor();
  await shot(page, "indexing");
  await line.filter({ hasText: "Indexing: 60 % embedded" }).waitFor();
  await line.waitFor({ state: "hidden" });
  const before = asked;
  await ask(page, QUESTION); // asks again how far it is, once
  await page.waitForFunction((n) => performance.getEntriesByName(`${location.origin}/readyz`).length > n, before);
  assert.ok(await line.isHidden());
});

await check("an empty question sends nothing", {}, async (page) => {
  const sent = [];
  page.on("websocket", (ws) => ws.on("framesent", (f) => sent.push(f.payload)));
  await page.goto(BASE);
  await page.locator("#connection", { hasText: /^Connected$/ }).waitFor();
  await page.getByLabel("Your question").fill("   ");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Ask" }).click();
  assert.deepEqual(sent, []);
  assert.equal(await page.locator(".answer").count(), 0);
});

await check("a question over the limit is refused with the limit", {}, async (page) => {
  await page.goto(BASE);
  const answer = await ask(page, "why ".repeat(25_000));
  assert.match(await answer.locator(".error").innerText(), /limit is \d+ bytes|longer than \d+ bytes/);
  await noSidewaysScroll(page);
});

await browser.close();
process.exit(failed ? 1 : 0);
