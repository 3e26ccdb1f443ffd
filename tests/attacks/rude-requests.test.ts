/** Requests that are slow, too large, oddly shaped or forged: each is told so with a code, and nobody else notices. */
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deployShop } from "../portal/deployed.ts";
import { type Caller, startPortal, type TestPortal } from "../portal/harness.ts";

let portal: TestPortal;
let admin: Caller;
let token: string;
const console_ = "https://console.example.com";
beforeAll(async () => {
  portal = await startPortal({
    patience: { headersMs: 600, requestMs: 1200, idleMs: 3000, connections: 60 },
    limits: { atOnce: 4, streams: 2 },
    reachable: { origins: [console_], tls: true },
    rules: "public=100000,failures=100000",
  });
  await deployShop(portal.sql, ["orders"]);
  token = await portal.tokenFor("platform-admin");
  admin = portal.as(token);
});
afterAll(() => portal.close());

function open(): { readonly socket: Socket; said: () => string; ended: Promise<void> } {
  const socket = connect(Number(new URL(portal.url).port), "127.0.0.1");
  let text = "";
  socket.on("data", (chunk) => {
    text += String(chunk);
  });
  socket.on("error", () => undefined);
  const ended = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  return { socket, said: () => text, ended };
}
const withinMs = <T>(ms: number, promise: Promise<T>) =>
  Promise.race([promise.then(() => "ended"), sleep(ms, "still open", { ref: false })]);
const codeOf = (text: string) => /"code":"(NEB\d{3})"/.exec(text)?.[1];

describe("slowness", () => {
  it("of headers ends the connection, and 40 such connections keep nobody else waiting", async () => {
    const slow = Array.from({ length: 40 }, open);
    for (const { socket } of slow) socket.write("GET /api/v1/versions HTTP/1.1\r\nhost: x\r\n");
    const dripping = setInterval(() => {
      for (const { socket } of slow) if (socket.writable) socket.write("x-slow: 1\r\n");
    }, 100);
    const began = performance.now();
    expect((await admin.get("/api/v1/versions")).status).toBe(200);
    expect(performance.now() - began).toBeLessThan(1000);
    expect(await withinMs(5000, Promise.all(slow.map(({ ended }) => ended)))).toBe("ended");
    clearInterval(dripping);
    expect(slow.map(({ said }) => codeOf(said()))).toEqual(slow.map(() => "NEB623"));
  });

  it("of a body does too", async () => {
    const { socket, said, ended } = open();
    socket.write(
      `POST /api/v1/keys HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{`,
    );
    const dripping = setInterval(() => socket.writable && socket.write(" "), 100);
    expect(await withinMs(5000, ended)).toBe("ended");
    clearInterval(dripping);
    expect(codeOf(said()) ?? "cut").toMatch(/NEB623|cut/);
  });

  it("of nothing at all does too, and more connections than the server takes are closed at once", async () => {
    const many = Array.from({ length: 120 }, open);
    expect(await withinMs(8000, Promise.all(many.map(({ ended }) => ended)))).toBe("ended");
    expect((await admin.get("/api/v1/versions")).status).toBe(200);
  }, 20_000);
});

describe("size", () => {
  const big = "x".repeat(20_000);
  it.each([
    ["an address", () => admin.get(`/api/v1/versions?x=${big.slice(0, 9000)}`), 414, "NEB621"],
    ["a body", () => admin.send("POST", "/api/v1/keys", { name: big.repeat(20) }), 413, "NEB603"],
    [
      "a body that grows when it is unpacked",
      () => send("/api/v1/keys", gzipSync(Buffer.alloc(50_000_000, 32)), { "content-encoding": "gzip" }),
      413,
      "NEB603",
    ],
  ])("of %s beyond the limit is refused by name", async (_what, ask, status, code) =>
    expect(await ask()).toMatchObject({ status, body: { code } }),
  );

  it("of headers beyond the limit is refused by name", async () => {
    const { socket, said, ended } = open();
    socket.write(`GET / HTTP/1.1\r\nhost: x\r\nx-big: ${big}\r\n\r\n`);
    expect(await withinMs(3000, ended)).toBe("ended");
    expect(said()).toMatch(/^HTTP\/1.1 431 /);
    expect(codeOf(said())).toBe("NEB622");
  });

  it.each(["\x16\x03\x01\x02\x00\x01", "GET / HTTP/9.9\r\n\r\n", "GET\x00 / HTTP/1.1\r\n\r\n", "hello\r\n\r\n"])(
    "bytes that are no request are told so: %j",
    async (bytes) => {
      const { socket, said, ended } = open();
      socket.write(bytes);
      expect(await withinMs(3000, ended)).toBe("ended");
      expect(said()).toMatch(/^HTTP\/1.1 4\d\d /);
    },
  );

  it("of two lengths, or a length beside chunks, is refused: nothing can hide behind it", async () => {
    for (const lengths of [
      "content-length: 2\r\ncontent-length: 30",
      "content-length: 30\r\ntransfer-encoding: chunked",
    ]) {
      const { socket, said, ended } = open();
      socket.write(`POST /api/v1/keys HTTP/1.1\r\nhost: x\r\n${lengths}\r\n\r\n0\r\n\r\nGET /health HTTP/1.1\r\n\r\n`);
      expect(await withinMs(3000, ended)).toBe("ended");
      expect(said()).toMatch(/^HTTP\/1.1 400 /);
      expect(said()).not.toContain("200 OK");
    }
  });
});

const send = async (path: string, body: string | Buffer, headers: Record<string, string> = {}) => {
  const response = await fetch(`${portal.url}${path}`, {
    ...{ method: "POST", body: new Uint8Array(Buffer.from(body)) },
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
  });
  return { status: response.status, body: (await response.json()) as { code: string; detail: string } };
};

describe("JSON", () => {
  it.each([
    ["nested deeper than anything here", `{"name":${"[".repeat(100_000)}${"]".repeat(100_000)}}`],
    ["nested objects", `${'{"a":'.repeat(100)}1${"}".repeat(100)}`],
    ["a key twice", '{"name":"a","name":"b"}'],
    ["a key twice, once escaped", '{"name":"a","n\\u0061me":"b"}'],
    ["a key twice, far inside", '{"tags":[{"x":{"k":1,"y":"}","k":2}}]}'],
    ["__proto__", '{"name":"a","__proto__":{"admin":true}}'],
    ["__proto__, escaped", '{"name":"a","\\u005f_proto__":{"admin":true}}'],
    ["a number alone", "1"],
    ["bytes that are not UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ["a tail", '{"name":"a"} {"role":"x"}'],
    ["a comment", '{"name":"a" /* x */}'],
  ])("with %s is refused", async (_what, body) =>
    expect(await send("/api/v1/keys", body)).toMatchObject({ status: 400, body: { code: "NEB600" } }),
  );

  it("in another charset is refused, and a key may be anything else and repeat elsewhere", async () => {
    expect(await send("/api/v1/keys", "{}", { "content-type": "application/json; charset=utf-16" })).toMatchObject({
      status: 415,
    });
    const { status } = await send(
      "/api/v1/keys",
      '{"constructor":{"a":1},"b":{"a":"{\\"a\\":1,\\"a\\":2}"},"c":[{"a":1},{"a":2}]}',
    );
    expect(status).toBe(422);
  });
});

describe("pages of other sites", () => {
  const change = (headers: Record<string, string>) =>
    fetch(`${portal.url}/api/v1/keys`, {
      method: "POST",
      body: "{}",
      headers: { "content-type": "application/json", ...headers },
    }).then((response) => response.json() as Promise<{ code: string }>);
  it.each([
    [
      "another site's page",
      { cookie: "nebula=x", "sec-fetch-site": "cross-site", origin: "https://evil.example" },
      "NEB624",
    ],
    ["a page of a neighbour", { cookie: "nebula=x", "sec-fetch-site": "same-site" }, "NEB624"],
    ["an old browser on another site", { cookie: "nebula=x", origin: "https://evil.example" }, "NEB624"],
    ["a page without an origin", { cookie: "nebula=x", origin: "null" }, "NEB624"],
    ["who knows, with a cookie", { cookie: "nebula=x" }, "NEB624"],
    ["a sign-in on another site's page", { "sec-fetch-site": "cross-site" }, "NEB624"],
    ["our own page", { cookie: "nebula=x", "sec-fetch-site": "same-origin" }, "NEB660"],
    ["a page of the config", { cookie: "nebula=x", origin: console_, "sec-fetch-site": "cross-site" }, "NEB660"],
    ["no browser", {}, "NEB660"],
    ["whoever shows a key", { authorization: "Bearer ndb_wrong", "sec-fetch-site": "cross-site" }, "NEB661"],
  ])("a change from %s is answered as it should be", async (_who, headers, code) =>
    expect((await change(headers as Record<string, string>)).code).toBe(code),
  );

  it("may read what the config lets them, by exact name and with credentials, and nobody else", async () => {
    const preflight = (origin: string) =>
      fetch(`${portal.url}/api/v1/versions`, {
        method: "OPTIONS",
        headers: { origin, "access-control-request-method": "GET" },
      });
    const ours = await preflight(console_);
    expect(ours.status).toBe(204);
    expect(ours.headers.get("access-control-allow-origin")).toBe(console_);
    expect(ours.headers.get("access-control-allow-credentials")).toBe("true");
    for (const origin of [
      "https://evil.example",
      "null",
      `${console_}.evil.example`,
      "https://CONSOLE.example.com:443",
    ])
      expect((await preflight(origin)).headers.get("access-control-allow-origin"), origin).toBeNull();
    const read = await admin.get("/api/v1/versions", { origin: console_ });
    expect(read.headers.get("access-control-expose-headers")).toContain("ETag");
    expect(read.headers.get("vary")).toContain("Origin");
  });
});

describe("headers", () => {
  it("let an answer be data and nothing else, and a page load only what is named", async () => {
    const { headers } = await admin.get("/api/v1/versions");
    expect(headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("strict-transport-security")).toContain("max-age=31536000");
    expect(headers.get("x-frame-options")).toBe("DENY");
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("x-powered-by")).toBeNull();
    const page = await portal.as("").get("/docs");
    const policy = page.headers.get("content-security-policy") ?? "";
    expect(policy).toMatch(/style-src 'sha256-[^']+'/);
    expect(policy).not.toMatch(/unsafe|script-src|https:/);
  });

  it("say what the caller has already: 304", async () => {
    const path = "/api/v1/domain/shop/project/store/databases/orders";
    const { headers } = await admin.get(path);
    const again = await admin.get(path, { "if-none-match": headers.get("etag") ?? "" });
    expect([again.status, again.body]).toEqual([304, ""]);
    expect((await admin.get(path, { "if-none-match": '"other"' })).status).toBe(200);
  });
});

describe("too many at once", () => {
  it("of one user's streams are refused, and leave room when they end", async () => {
    const { enqueueOperation } = await import("../../platform/store/index.ts");
    const { id } = await enqueueOperation(portal.sql, { stack: "shop.store", type: "PAUSE", requestedBy: "ada" });
    const path = `${portal.url}/api/v1/operations/${id}/events`;
    const follow = async () => {
      const leave = new AbortController();
      const headers = { authorization: `Bearer ${token}`, accept: "text/event-stream" };
      const response = await fetch(path, { headers, signal: leave.signal });
      return { status: response.status, leave };
    };
    const [one, two, three] = [await follow(), await follow(), await follow()];
    expect([one.status, two.status, three.status]).toEqual([200, 200, 429]);
    one.leave.abort();
    two.leave.abort();
    await expect
      .poll(async () => {
        const next = await follow();
        next.leave.abort();
        return next.status;
      })
      .toBe(200);
  });

  it("of one key's requests are refused while others are served", async () => {
    const other = portal.as(await portal.tokenFor("viewer"));
    const waiting: Promise<{ status: number }>[] = [];
    await portal.sql.tx(async (tx) => {
      await tx.query("lock table projects in access exclusive mode");
      for (let i = 0; i < 4; i++) waiting.push(admin.get("/api/v1/domain/shop/project/store/databases"));
      await expect.poll(async () => (await admin.get("/api/v1/versions")).body.code).toBe("NEB625");
      expect((await other.get("/api/v1/versions")).status).toBe(200);
    });
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  });
});
