import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { appendEvent, enqueueOperation, makeAudit, updateOperation } from "../../platform/store/index.ts";
import { type Caller, startPortal, type TestPortal, testVault } from "./harness.ts";

let portal: TestPortal;
let admin: Caller;

beforeAll(async () => {
  portal = await startPortal();
  admin = portal.as(await portal.tokenFor("platform-admin"));
});
afterAll(() => portal.close());

const auditOf = (action: string) =>
  makeAudit(portal.sql, testVault)
    .list({ within: "everything", action, limit: 50 })
    .then(({ rows }) => rows);

describe("every answer", () => {
  it("that is an error is a problem document with code, sentence, hint and request id", async () => {
    const cases: [
      string,
      () => Promise<{ status: number; body: Record<string, unknown>; headers: Headers }>,
      number,
      string,
    ][] = [
      ["no such route", () => admin.get("/api/v2/x"), 404, "NEB619"],
      ["no token", () => portal.as("").get("/api/v1/versions"), 401, "NEB660"],
      ["a token that is none", () => portal.as("ndb_live_nope").get("/api/v1/versions"), 401, "NEB661"],
      ["unknown query", () => admin.get("/api/v1/versions?x=1"), 422, "NEB601"],
      ["limit out of range", () => admin.get("/api/v1/operations?limit=0"), 422, "NEB601"],
      ["a cursor of another list", () => admin.get("/api/v1/operations?cursor=abc"), 422, "NEB610"],
      ["broken JSON", () => admin.send("POST", "/api/v1/keys", "{", {}), 400, "NEB600"],
      [
        "another media type",
        () => admin.send("POST", "/api/v1/keys", "a=1", { "content-type": "text/plain" }),
        415,
        "NEB604",
      ],
      ["a body too large", () => admin.send("POST", "/api/v1/keys", { name: "x".repeat(300_000) }), 413, "NEB603"],
      ["an id that is none", () => admin.get("/api/v1/operations/1"), 404, "NEB602"],
      ["an id that is nobody's", () => admin.get(`/api/v1/operations/op_${"0".repeat(26)}`), 404, "NEB602"],
    ];
    for (const [says, ask, status, code] of cases) {
      const answer = await ask();
      expect({ says, status: answer.status, code: answer.body.code }).toEqual({ says, status, code });
      expect(answer.headers.get("content-type")).toContain("application/problem+json");
      for (const member of ["type", "title", "detail", "hint"])
        expect(answer.body[member], `${says}: ${member}`).toMatch(/\S/);
      expect(answer.body.instance).toBe(answer.headers.get("x-request-id"));
    }
  });

  it("names every wrong field at once", async () => {
    const { body } = await admin.send("POST", "/api/v1/keys", { role: "king", tenant: "Shop", colour: "red" });
    expect(body.errors.map((each: { path: string }) => each.path).sort()).toEqual(["colour", "name", "role", "tenant"]);
    expect(body.errors.find((each: { path: string }) => each.path === "name").message).toBe("is required");
  });

  it("carries what is left of the rate limit, and says when to come back", async () => {
    const small = await startPortal({ rules: "key=2" });
    try {
      const caller = small.as(await small.tokenFor("viewer"));
      expect((await caller.get("/api/v1/versions")).headers.get("ratelimit")).toBe('"key";r=1;t=60');
      await caller.get("/api/v1/versions");
      const refused = await caller.get("/api/v1/versions");
      expect(refused.status).toBe(429);
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    } finally {
      await small.close();
    }
  });

  it("while the ledger is gone is 503 with Retry-After, and names nothing of the inside", async () => {
    const gone = await startPortal();
    const token = await gone.tokenFor("viewer");
    await gone.sql.close();
    try {
      for (const [path, code] of [
        ["/api/v1/projects", "NEB910"],
        ["/ready", "NEB627"],
      ] as const) {
        const answer = await gone.as(token).get(path);
        expect(answer).toMatchObject({ status: 503, body: { code } });
        expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
      }
      expect((await gone.as("").get("/health")).status).toBe(200);
    } finally {
      await gone.close();
    }
  });

  it("is refused after too many wrong tokens from one address, also a right one", async () => {
    const small = await startPortal({ rules: "failures=3" });
    try {
      const token = await small.tokenFor("viewer");
      for (let i = 0; i < 3; i++) expect((await small.as("nope").get("/api/v1/versions")).status).toBe(401);
      expect((await small.as(token).get("/api/v1/versions")).status).toBe(429);
    } finally {
      await small.close();
    }
  });
});

describe("tokens of no account", () => {
  it("are shown once, work until revoked, and are audited", async () => {
    const made = await admin.send("POST", "/api/v1/keys", { name: "ci", role: "developer", tenant: "shop" });
    expect(made.status).toBe(201);
    const mine = portal.as(made.body.key);
    const me = await mine.get("/api/v1/auth/whoami");
    expect(me.body).toMatchObject({ user: "ada", grants: [{ role: "developer", tenant: "shop", project: null }] });
    const listed = await admin.get("/api/v1/keys?limit=200");
    expect(JSON.stringify(listed.body)).not.toContain(made.body.key.slice(-30));
    expect((await admin.send("DELETE", `/api/v1/keys/${made.body.id}`)).status).toBe(204);
    expect((await mine.get("/api/v1/auth/whoami")).status).toBe(401);
    expect((await admin.send("DELETE", `/api/v1/keys/${made.body.id}`)).status).toBe(404);
    const [revoked, created] = [await auditOf("keys.revoke"), await auditOf("keys.create")];
    expect(revoked.map(({ result }) => result)).toEqual(["refused", "accepted"]);
    expect(created[0]).toMatchObject({ actor: "ada", resource: made.body.id, result: "accepted" });
    expect(JSON.stringify(created)).not.toContain(made.body.key);
  });

  it("never exceed their maker, in role or reach", async () => {
    const maker = portal.as(await portal.tokenFor("project-admin", "shop", "store"));
    const ask = (body: object) => maker.send("POST", "/api/v1/keys", { name: "x", ...body });
    expect((await ask({ role: "developer", tenant: "shop", project: "store" })).status).toBe(201);
    expect((await ask({ role: "developer", tenant: "shop" })).body.code).toBe("NEB663");
    expect((await ask({ role: "developer", tenant: "bank", project: "store" })).body.code).toBe("NEB663");
    expect((await ask({ role: "platform-admin" })).body.code).toBe("NEB663");
    expect((await ask({ role: "domain-admin", tenant: "shop", project: "store" })).body.code).toBe("NEB664");
  });

  it("take no Idempotency-Key, for a kept answer would keep the secret", async () => {
    const body = { name: "x", role: "viewer", tenant: "shop" };
    const answer = await admin.send("POST", "/api/v1/keys", body, { "idempotency-key": "k" });
    expect(answer.body.code).toBe("NEB611");
  });

  it("of a lower role are refused by name what the role lacks", async () => {
    const viewer = portal.as(await portal.tokenFor("viewer"));
    const answer = await viewer.get("/api/v1/audit-logs");
    expect(answer).toMatchObject({ status: 403, body: { code: "NEB662", scope: "audit:read" } });
  });
});

describe("operations", () => {
  const queue = (stack: string) => enqueueOperation(portal.sql, { stack, type: "PAUSE", requestedBy: "ada" });

  it("are paged without gaps or repeats", async () => {
    const made = [];
    for (let i = 0; i < 5; i++) made.push((await queue("paged.one")).id);
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const page: Awaited<ReturnType<Caller["get"]>> = await admin.get(
        `/api/v1/operations?domain=paged&limit=2${cursor === "" ? "" : `&cursor=${cursor}`}`,
      );
      seen.push(...page.body.items.map((each: { id: string }) => each.id));
      cursor = page.body.nextCursor;
    }
    expect(seen).toEqual(made.reverse());
  });

  it("of another tenant do not exist, whatever the verb", async () => {
    const { id } = await queue("bank.core");
    const stranger = portal.as(await portal.tokenFor("domain-admin", "shop"));
    for (const ask of [
      () => stranger.get(`/api/v1/operations/${id}`),
      () => stranger.get(`/api/v1/operations/${id}/events`),
      () => stranger.send("POST", `/api/v1/operations/${id}/cancel`),
      () => stranger.get("/api/v1/operations?domain=bank"),
      () => stranger.get("/api/v1/tenants/bank"),
    ])
      expect(await ask()).toMatchObject({ status: 404, body: { code: "NEB602" } });
    expect((await stranger.get("/api/v1/operations")).body.items).toEqual([]);
  });

  it("are cancelled once", async () => {
    const { id } = await queue("shop.cancel");
    expect((await admin.send("POST", `/api/v1/operations/${id}/cancel`)).body.state).toBe("CANCELLED");
    expect(await admin.send("POST", `/api/v1/operations/${id}/cancel`)).toMatchObject({
      status: 409,
      body: { code: "NEB612" },
    });
  });

  it("are repeated with an Idempotency-Key once, and the key is no other request's", async () => {
    const { id } = await queue("shop.once");
    const key = { "idempotency-key": "cancel-1" };
    const first = await admin.send("POST", `/api/v1/operations/${id}/cancel`, undefined, key);
    const again = await admin.send("POST", `/api/v1/operations/${id}/cancel`, undefined, key);
    expect(again).toMatchObject({ status: 202, body: first.body });
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    const other = await queue("shop.once");
    expect(await admin.send("POST", `/api/v1/operations/${other.id}/cancel`, undefined, key)).toMatchObject({
      status: 422,
      body: { code: "NEB608" },
    });
  });

  it("tell their events as they happen, from where the caller left off, to the end", async () => {
    const { id } = await enqueueOperation(portal.sql, { stack: "shop.live", type: "PULL_REQUEST", requestedBy: "ada" });
    const token = await portal.tokenFor("viewer", "shop");
    const follow = async (lastId?: string) => {
      const response = await fetch(`${portal.url}/api/v1/operations/${id}/events`, {
        headers: {
          authorization: `Bearer ${token}`,
          accept: "text/event-stream",
          ...(lastId === undefined ? {} : { "last-event-id": lastId }),
        },
      });
      return response.text();
    };
    const live = follow();
    await appendEvent(portal.sql, id, { phase: "checks", message: "two of five" });
    await updateOperation(portal.sql, id, { state: "COMPLETED", outcome: "applied" });
    const text = await live;
    expect(text).toContain("two of five");
    expect(text.trimEnd().split("\n\n").at(-1)).toMatch(/event: end\ndata: .*"state":"COMPLETED"/);
    const ids = [...text.matchAll(/^id: (\d+)$/gm)].map(([, each]) => each);
    expect(await follow(ids[0])).not.toContain('"phase":"queued"');
    const page = await portal.as(token).get(`/api/v1/operations/${id}/events`);
    expect(page.body.items.map((each: { phase: string }) => each.phase)).toContain("checks");
  });
});

describe("the process", () => {
  it("tells that it lives, that it is ready, and what it measured", async () => {
    const nobody = portal.as("");
    expect((await nobody.get("/health")).body).toEqual({ status: "ok", version: "0.1.0", gitHosts: "ok" });
    expect((await nobody.get("/ready")).body).toEqual({ status: "ready", ledger: "ok" });
    expect((await nobody.get("/metrics")).body).toContain("nebuladb_http_request_duration_seconds");
  });

  it("observes each request under its route's pattern, never its path", async () => {
    await admin.get(`/api/v1/operations/op_${"1".repeat(26)}`);
    expect(portal.observed.at(-1)).toMatchObject({
      kind: "http.request",
      route: "/api/v1/operations/{id}",
      status: 404,
    });
  });
});
