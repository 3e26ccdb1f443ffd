import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { GitHub } from "../../platform/github/index.ts";
import { getPullRow, makeAudit, recordInstance, recordReview, reserveInstance } from "../../platform/store/index.ts";
import { declared, ordersText as orders, startDeclaredShop } from "./declared-shop.ts";
import { type Caller, type TestPortal, testVault } from "./harness.ts";
import type { HostedPortal } from "./hosted.ts";

const collection = "/api/v1/domain/shop/project/store/databases";
let hosted: HostedPortal;
let portal: TestPortal;
let host: GitHub;
let developer: Caller;
let builder: Caller;

beforeAll(async () => {
  hosted = await startDeclaredShop();
  ({ portal, host } = hosted);
  developer = portal.as(await portal.tokenFor("developer", "shop", "store", "eve"));
  builder = portal.as(await portal.tokenFor("project-admin", "shop", "store", "eve"));
});
afterAll(async () => {
  await hosted?.close();
});

const fileAt = async (commit: string, name: string) =>
  (await host.getFile(`tenants/shop/store/${name}.ts`, commit))?.text;
const tagOfOrders = async () => (await developer.get(`${collection}/orders`)).headers.get("etag") ?? "";

describe("a created database", () => {
  it("is a pull request with exactly one new file, an operation to follow and a line in the audit", async () => {
    const answer = await developer.send("POST", collection, {
      name: "sessions",
      version: "18",
      compute: { max: 1 },
      tags: { team: "web" },
    });
    expect(answer.status).toBe(202);
    const { pull, operation, step } = answer.body;
    expect(step).toBe("create");
    expect(answer.headers.get("location")).toBe(`/api/v1/operations/${operation.id}`);
    expect(operation).toMatchObject({
      type: "PULL_REQUEST",
      state: "IN_PROGRESS",
      pull: pull.number,
      requestedBy: "eve",
      database: "sessions",
    });
    expect(await fileAt(pull.headCommit, "sessions")).toBe(
      'import { Postgres } from "@nebuladb/platform";\n\nexport default new Postgres("sessions", {\n  version: "18",\n  compute: { max: 1 },\n  tags: { team: "web" },\n});\n',
    );
    expect(await host.pullFiles(pull.number)).toMatchObject([
      { path: "tenants/shop/store/sessions.ts", status: "added" },
    ]);
    const onHost = await host.getPull(pull.number);
    expect(onHost).toMatchObject({
      title: "Add postgres sessions to shop/store",
      state: "open",
      head: { sha: pull.headCommit },
    });
    expect((await host.getCommit(pull.headCommit)).message).toContain("Requested-by: eve");
    expect(await getPullRow(portal.sql, "repo_1", pull.number)).toMatchObject({
      requestedBy: "eve",
      operation: operation.id,
      autoMerge: false,
    });
    const { rows } = await makeAudit(portal.sql, testVault).list({
      within: [{ tenant: "shop", project: null, database: null }],
      actor: "eve",
      action: "databases.create",
      limit: 1,
    });
    const [audited] = rows;
    expect(audited).toMatchObject({
      result: "accepted",
      operation: operation.id,
      commit: pull.headCommit,
      project: "store",
    });
    const events = await developer.get(`/api/v1/operations/${operation.id}/events`);
    expect(events.body.items.map((each: { phase: string }) => each.phase)).toEqual(["queued", "opened"]);
  });

  it("is asked for once, however often the same request comes, also after a crash between two steps", async () => {
    const key = { "idempotency-key": "create-cache-1" };
    const ask = () => builder.send("POST", collection, { name: "cache", version: "18", autoMerge: true }, key);
    const first = await ask();
    expect(first.status).toBe(202);
    expect(await ask()).toMatchObject({ status: 202, body: first.body });
    await portal.sql.query("delete from idempotency_keys");
    const repeated = await ask();
    expect(repeated.body.pull.number).toBe(first.body.pull.number);
    expect(repeated.body.operation.id).toBe(first.body.operation.id);
    expect(await getPullRow(portal.sql, "repo_1", first.body.pull.number)).toMatchObject({
      autoMerge: true,
      autoMergeHead: first.body.pull.headCommit,
    });
    const other = await builder.send("POST", collection, { name: "cache2", version: "18" }, key);
    expect(other).toMatchObject({ status: 422, body: { code: "NEB608" } });
  });

  it("is asked for once when the same request comes five times at once", async () => {
    const key = { "idempotency-key": "create-burst-1" };
    const ask = () => developer.send("POST", collection, { name: "burst", version: "18" }, key);
    const answers = await Promise.all([ask(), ask(), ask(), ask(), ask()]);
    expect(answers.filter(({ status }) => status === 202).length).toBeGreaterThan(0);
    for (const { status, body, headers } of answers.filter((each) => each.status !== 202)) {
      expect({ status, code: body.code }).toEqual({ status: 409, code: "NEB609" });
      expect(headers.get("retry-after")).toBe("1");
    }
    const numbers = answers.flatMap(({ body }) => body.pull?.number ?? []);
    expect(new Set(numbers).size).toBe(1);
    const open = await host.listPulls({ state: "all" });
    expect(open.filter(({ title }) => title.includes("burst"))).toHaveLength(1);
  });

  it.each([
    ["an unknown option", { name: "x", version: "18", colour: "red" }, 422, "NEB601", "colour"],
    ["a misspelt option", { name: "x", version: "18", compute: { maxx: 1 } }, 422, "NEB601", "compute.maxx"],
    ["a wrong unit", { name: "x", version: "18", storage: "10 apples" }, 422, "NEB601", "storage"],
    ["a bare number", { name: "x", version: "18", storage: 10 }, 422, "NEB601", "storage"],
    ["an unknown version", { name: "x", version: "3" }, 422, "NEB601", "version"],
    ["a bad name", { name: "X_1", version: "18" }, 422, "NEB601", "name"],
    ["a reserved name", { name: "project", version: "18" }, 422, "NEB601", "name"],
    ["no name", { version: "18" }, 422, "NEB601", "name"],
    ["an unknown engine", { name: "x", engine: "oracle" }, 422, "NEB601", "engine"],
    ["another engine's option", { name: "x", engine: "redis", extensions: ["vector"] }, 422, "NEB601", "extensions"],
    ["min above max", { name: "x", version: "18", compute: { min: 2, max: 1 } }, 422, "NEB601", "compute.min"],
    ["a password in clear", { name: "x", version: "18", password: "hunter2" }, 422, "NEB601", "password"],
    ["a host bit in a block", { name: "x", version: "18", allowFrom: ["10.0.0.1/8"] }, 422, "NEB601", "allowFrom.0"],
    ["a name that is taken", { name: "orders", version: "18" }, 409, "NEB641", undefined],
  ])(
    "with %s is refused, says where, why and what to do, and opens nothing",
    async (_says, body, status, code, path) => {
      const before = (await host.listPulls({ state: "all" })).length;
      const answer = await developer.send("POST", collection, body);
      expect(answer).toMatchObject({ status, body: { code } });
      expect(answer.body.detail).toMatch(/\S/);
      expect(answer.body.hint).toMatch(/\S/);
      if (path !== undefined) {
        const found = answer.body.errors.find((each: { path: string }) => each.path === path);
        expect(found, JSON.stringify(answer.body.errors)).toBeDefined();
        expect(found.message).toMatch(/\S/);
      }
      expect(JSON.stringify(answer.body)).not.toContain("hunter2");
      expect(await host.listPulls({ state: "all" })).toHaveLength(before);
    },
  );

  it("in a project that is not there answers 404", async () => {
    const admin = portal.as(await portal.tokenFor("platform-admin"));
    const answer = await admin.send("POST", "/api/v1/domain/shop/project/nope/databases", { name: "x", version: "18" });
    expect(answer.status).toBe(404);
  });

  it("merges by itself only for who may merge it, and opens nothing else", async () => {
    const before = (await developer.get("/api/v1/pulls?state=all&limit=200")).body.items.length;
    const refused = await developer.send("POST", collection, { name: "later", version: "18", autoMerge: true });
    expect(refused).toMatchObject({ status: 403, body: { code: "NEB662", scope: "pulls:merge" } });
    expect(refused.body.hint).toMatch(/without auto-merge/);
    expect((await developer.get("/api/v1/pulls?state=all&limit=200")).body.items).toHaveLength(before);
  });
});

describe("a changed database", () => {
  it("changes the declaration's value and no other byte", async () => {
    const { status, body } = await developer.send(
      "PATCH",
      `${collection}/orders`,
      { compute: { max: 4 } },
      { "if-match": await tagOfOrders() },
    );
    expect(status).toBe(202);
    expect(body.pull.title).toBe("Change orders of shop/store: compute.max");
    expect(await fileAt(body.pull.headCommit, "orders")).toBe(orders.replace("max: 2", "max: 4"));
  });

  it("is scaled without If-Match", async () => {
    const { status, body } = await developer.send("POST", `${collection}/orders/scale`, {
      replicas: 1,
      storage: "20Gi",
    });
    expect(status).toBe(202);
    const text = (await fileAt(body.pull.headCommit, "orders")) ?? "";
    expect(text).toContain('storage: "20Gi"');
    expect(text).toContain("replicas: 1");
    expect(text).toContain("// grows at Christmas");
    const refused = await developer.send("POST", `${collection}/orders/scale`, { extensions: ["vector"] });
    expect(refused.body.errors[0].path).toBe("extensions");
  });

  it("must name the version that was read, and it must still be there", async () => {
    const change = { compute: { max: 4 } };
    expect(await developer.send("PATCH", `${collection}/orders`, change)).toMatchObject({
      status: 428,
      body: { code: "NEB606" },
    });
    expect(await developer.send("PATCH", `${collection}/orders`, change, { "if-match": '"0"' })).toMatchObject({
      status: 412,
      body: { code: "NEB607" },
    });
    const tag = await tagOfOrders();
    const head = (await host.getBranch("main")) ?? "";
    const { sha } = await host.commitFiles({
      parent: head,
      message: "By hand",
      changes: [{ path: "tenants/shop/store/orders.ts", content: `${orders}\n` }],
    });
    await host.updateBranch("main", sha);
    try {
      expect(await developer.send("PATCH", `${collection}/orders`, change, { "if-match": tag })).toMatchObject({
        status: 412,
        body: { code: "NEB607" },
      });
      expect((await developer.send("PATCH", `${collection}/orders`, change, { "if-match": "*" })).status).toBe(202);
    } finally {
      await host.updateBranch("main", head, { force: true });
    }
  });

  it("that would say what it says, or nothing, is refused", async () => {
    const send = async (body: object) => developer.send("PATCH", `${collection}/orders`, body, { "if-match": "*" });
    expect((await send({ compute: { max: 2 } })).body.code).toBe("NEB613");
    expect((await send({})).body.code).toBe("NEB601");
    expect((await send({ compute: { min: 8 } })).body.errors[0].path).toBe("compute.min");
    expect((await send({ name: "other" })).body.errors[0].path).toBe("name");
  });
});

describe("a deleted database", () => {
  it("is retired first and deleted second", async () => {
    const retire = await developer.send("DELETE", `${collection}/orders`, undefined, { "if-match": "*" });
    expect(retire.body).toMatchObject({ step: "retire" });
    expect(await fileAt(retire.body.pull.headCommit, "orders")).toContain("retire: true");
    const remove = await builder.send("DELETE", `${collection}/old?autoMerge=true`, undefined, { "if-match": "*" });
    expect(remove.body).toMatchObject({ step: "delete", pull: { autoMerge: true } });
    expect(await fileAt(remove.body.pull.headCommit, "old")).toBeUndefined();
    expect((await developer.send("DELETE", `${collection}/nope`, undefined, { "if-match": "*" })).status).toBe(404);
  });
});

describe("a change with a name of its own", () => {
  it.each([
    ["scale", { compute: { max: 4 } }, "SCALE_VERTICAL"],
    ["scale", { replicas: 1 }, "SCALE_HORIZONTAL"],
    ["scale", { storage: "200Gi" }, "EXPAND_STORAGE"],
    ["expand", { storage: "300Gi" }, "EXPAND_STORAGE"],
  ])("%s with %j is a pull request, followed as %s", async (verb, body, type) => {
    const answer = await developer.send("POST", `${collection}/orders/${verb}`, body);
    expect(answer).toMatchObject({ status: 202, body: { step: "change", operation: { type, state: "IN_PROGRESS" } } });
    const { pull, operation } = answer.body;
    expect(operation.pull).toBe(pull.number);
    const cancelled = await builder.send("POST", `/api/v1/operations/${operation.id}/cancel`);
    expect(cancelled.body).toMatchObject({ code: "NEB612", hint: expect.stringContaining("Close the pull request") });
  });

  it("does not go the other way under that name", async () => {
    const less = await developer.send("POST", `${collection}/orders/expand`, { storage: "1Gi" });
    expect(less).toMatchObject({ status: 422, body: { code: "NEB601", errors: [{ path: "storage" }] } });
    const older = await developer.send("POST", `${collection}/orders/upgrade`, { version: "17" });
    expect(older).toMatchObject({ status: 422, body: { code: "NEB601", errors: [{ path: "version" }] } });
  });

  it("of migrations is refused before the database is made", async () => {
    expect((await builder.send("POST", `${collection}/orders/migrate`)).body.code).toBe("NEB612");
  });
});

describe("pause and resume", () => {
  it("are operations, possible only in the state they start from", async () => {
    expect((await builder.send("POST", `${collection}/orders/pause`)).body.code).toBe("NEB612");
    await portal.sql.tx(async (tx) => {
      const id = "shop.store.orders" as const;
      await reserveInstance(tx, {
        id,
        stack: "shop.store",
        placement: "local",
        fence: 1,
        commit: null,
        spec: declared("orders"),
      });
      await recordInstance(tx, { id, fence: 1, phase: "Ready", host: "127.0.0.1" });
    });
    const paused = await builder.send("POST", `${collection}/orders/pause`);
    expect(paused).toMatchObject({
      status: 202,
      body: { step: "pause", pull: null, operation: { type: "PAUSE", database: "orders", state: "QUEUED" } },
    });
    expect((await builder.send("POST", `${collection}/orders/resume`)).body.code).toBe("NEB612");
  });
});

describe("a new project", () => {
  it("is a pull request by who administers the tenant", async () => {
    const lead = portal.as(await portal.tokenFor("domain-admin", "shop"));
    const made = await lead.send("POST", "/api/v1/projects", {
      domain: "shop",
      name: "lab",
      quota: { cpu: 2, memory: "4Gi", storage: "10Gi", databases: 2 },
    });
    expect(made).toMatchObject({
      status: 202,
      body: { step: "create", operation: { project: "lab", database: null } },
    });
    const file = await host.getFile("tenants/shop/lab/project.ts", made.body.pull.headCommit);
    expect(file?.text).toContain('memory: "4Gi"');
    expect((await developer.send("POST", "/api/v1/projects", { domain: "shop", name: "lab2" })).status).toBe(403);
    expect((await lead.send("POST", "/api/v1/projects", { domain: "bank", name: "lab" })).status).toBe(404);
    expect((await lead.send("POST", "/api/v1/projects", { domain: "shop", name: "store" })).body.code).toBe("NEB641");
    expect(
      (await lead.send("POST", "/api/v1/projects", { domain: "shop", name: "x", region: 3 })).body.errors[0].path,
    ).toBe("region");
  });
});

describe("pull requests", () => {
  it("are listed to who reaches all that they touch", async () => {
    const mine = await developer.get("/api/v1/pulls");
    expect(mine.body.items.length).toBeGreaterThan(3);
    const stranger = portal.as(await portal.tokenFor("domain-admin", "bank"));
    expect((await stranger.get("/api/v1/pulls")).body.items).toEqual([]);
    const { number } = mine.body.items[0];
    expect((await stranger.get(`/api/v1/pulls/${number}`)).status).toBe(404);
    expect((await stranger.send("POST", `/api/v1/pulls/${number}/merge`, {})).status).toBe(404);
    expect((await stranger.send("POST", `/api/v1/pulls/${number}/close`)).status).toBe(404);
    expect((await developer.get("/api/v1/pulls/9999")).status).toBe(404);
  });

  it("are merged at the reviewed head and at no other", async () => {
    const { body } = await developer.send("POST", collection, { name: "merged", version: "18" });
    const { number, headCommit } = body.pull;
    const merge = (part: object = {}) => builder.send("POST", `/api/v1/pulls/${number}/merge`, part);
    expect((await merge()).body).toMatchObject({ code: "NEB617", detail: "its review has not finished" });
    const review = { repository: "repo_1", number, head: headCommit, review: { version: 1 }, planHash: "x" };
    await recordReview(portal.sql, { ...review, verdict: "failure" });
    expect((await merge()).body.code).toBe("NEB617");
    const [fine, over] = [{ state: "success" }, { state: "failure", summary: "storage: 200Gi is above the limit" }];
    const reviewedAs = (types: object) =>
      recordReview(portal.sql, {
        ...{ ...review, review: { version: 1, checks: { types, plan: fine, policy: fine, quota: over } } },
        verdict: "failure",
      });
    await reviewedAs(fine);
    expect(await merge()).toMatchObject({ status: 422, body: { code: "NEB200" } });
    await reviewedAs({ state: "failure" });
    expect((await merge()).body.code).toBe("NEB617");
    await recordReview(portal.sql, { ...review, verdict: "success" });
    expect((await developer.get(`/api/v1/pulls/${number}`)).body).toMatchObject({
      verdict: "success",
      review: { version: 1 },
      requestedBy: "eve",
    });
    expect((await merge({ headCommit: "f".repeat(40) })).body.code).toBe("NEB617");
    const merged = await merge({ headCommit });
    expect(merged).toMatchObject({
      status: 202,
      body: { pull: { state: "merged" }, operation: { id: body.operation.id } },
    });
    expect(await fileAt(merged.body.commit, "merged")).toContain('new Postgres("merged"');
    expect((await merge()).body.code).toBe("NEB612");
  });

  it("that touch tenant.ts or the fleet need somebody higher", async () => {
    const head = (await host.getBranch("main")) ?? "";
    const open = async (path: string, branch: string) => {
      const { sha } = await host.commitFiles({ parent: head, message: "x", changes: [{ path, content: "// x\n" }] });
      await host.createBranch(branch, sha);
      const pull = await host.createPull({ title: path, body: "", head: branch, base: "main" });
      return pull.number;
    };
    const tenantChange = await open("tenants/shop/tenant.ts", "t1");
    const fleetChange = await open("package.json", "t2");
    const inTenant = portal.as(await portal.tokenFor("project-admin", "shop"));
    expect(await inTenant.send("POST", `/api/v1/pulls/${tenantChange}/merge`, {})).toMatchObject({
      status: 403,
      body: { code: "NEB662", path: "tenants/shop/tenant.ts" },
    });
    expect((await developer.send("POST", `/api/v1/pulls/${tenantChange}/merge`, {})).status).toBe(403);
    const lead = portal.as(await portal.tokenFor("domain-admin", "shop"));
    expect((await lead.send("POST", `/api/v1/pulls/${tenantChange}/merge`, {})).body.code).toBe("NEB617");
    expect((await lead.send("POST", `/api/v1/pulls/${fleetChange}/merge`, {})).status).toBe(404);
    const admin = portal.as(await portal.tokenFor("platform-admin"));
    expect((await admin.send("POST", `/api/v1/pulls/${fleetChange}/merge`, {})).body.code).toBe("NEB617");
    expect(await admin.send("POST", `/api/v1/pulls/${fleetChange}/close`)).toMatchObject({
      status: 200,
      body: { state: "closed" },
    });
  });
});
