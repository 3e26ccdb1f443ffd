/** API keys and service accounts: what they hold, that they never hold more than who stands behind them, and how they end. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { beginSession } from "../../platform/identity/index.ts";
import { enqueueOperation, type User } from "../../platform/store/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type Answer, type Caller, startPortal, type TestPortal } from "./harness.ts";
import { addPerson, declareTenants, keyOf, tenantOf } from "./people.ts";

let portal: TestPortal;
let ada: User;
let bob: User;
let owner: Caller;

const shop = (...more: Parameters<typeof tenantOf>[1]) =>
  tenantOf("shop", [
    { user: "ada@shop.example", role: "domain-admin" },
    { user: "Bob@Shop.example", role: "developer", projects: ["store", "lab"] },
    ...more,
  ]);
const bank = tenantOf("bank", [{ user: "bob@shop.example", role: "billing-viewer" }]);

beforeAll(async () => {
  portal = await startPortal();
  await declareTenants(portal.sql, [shop(), bank]);
  ada = await addPerson(portal.sql, "ada@shop.example");
  bob = await addPerson(portal.sql, "bob@shop.example");
  owner = portal.as((await keyOf(portal.sql, ada)).text);
});
afterAll(() => portal.close());
beforeEach(async () => {
  await declareTenants(portal.sql, [shop(), bank]);
  await answers(200, () => owner.get("/api/v1/keys"));
});

const answers = (status: number, ask: () => Promise<Answer>) =>
  eventually(`an answer ${status}`, async () => (await ask()).status === status, { timeoutMs: 6000 });
const whoami = async (caller: Caller) => (await caller.get("/api/v1/auth/whoami")).body;
/** What a notification that is on its way may still change a moment later. */
const held = (caller: Caller) => eventually("rights", async () => (await whoami(caller)).grants as object | undefined);
const make = (caller: Caller, body: object) => caller.send("POST", "/api/v1/keys", { name: "x", ...body });
const databases = (project: string) => `/api/v1/domain/shop/project/${project}/databases`;

describe("a person", () => {
  it("holds what the tenant.ts files in force say, in each tenant its own role", async () => {
    const me = portal.as((await keyOf(portal.sql, bob)).text);
    expect(await held(me)).toEqual([
      { role: "developer", tenant: "shop", project: "store" },
      { role: "developer", tenant: "shop", project: "lab" },
      { role: "billing-viewer", tenant: "bank", project: null },
    ]);
    expect((await me.get("/api/v1/usage?domain=bank")).status).toBe(200);
    expect((await me.get("/api/v1/operations?domain=bank")).status).toBe(403);
    expect((await me.get("/api/v1/operations?domain=none")).status).toBe(404);
    expect((await me.get(databases("other"))).body.code).toBe("NEB673");
  });

  it("of an address that nobody has verified holds nothing", async () => {
    await declareTenants(portal.sql, [shop({ user: "eve@shop.example", role: "domain-admin" }), bank]);
    const eve = await addPerson(portal.sql, "eve@shop.example", { emailVerified: false });
    await expect(keyOf(portal.sql, eve)).rejects.toMatchObject({ code: "NEB664" });
    await portal.sql.query("update users set email_verified_at = now() where id = $1", [eve.id]);
    const key = await keyOf(portal.sql, eve);
    expect(await held(portal.as(key.text))).toEqual([{ role: "domain-admin", tenant: "shop", project: null }]);
  });

  it("is known by a linked account's unchanging id, and not by its name", async () => {
    await declareTenants(portal.sql, [
      shop({ user: "583231@github", role: "viewer" }, { user: "octo", role: "viewer" }),
      bank,
    ]);
    const octo = await addPerson(portal.sql, "octo@else.example", { emailVerified: false });
    await portal.sql.query(
      "insert into user_identities (provider, subject, user_id, login) values ('github', '583231', $1, 'octo')",
      [octo.id],
    );
    const me = portal.as((await keyOf(portal.sql, octo)).text);
    expect(await held(me)).toEqual([{ role: "viewer", tenant: "shop", project: null }]);
  });

  it("loses with the merge what the merge takes, with every key", async () => {
    const key = portal.as((await keyOf(portal.sql, bob)).text);
    await answers(200, () => key.get("/api/v1/usage?domain=bank"));
    await declareTenants(portal.sql, [shop()]);
    const took = performance.now();
    await answers(404, async () => await key.get("/api/v1/usage?domain=bank"));
    expect(performance.now() - took).toBeLessThan(3000);
    await declareTenants(portal.sql, [tenantOf("shop", []), bank]);
    await answers(404, async () => await key.get(databases("store")));
  });

  it("that is disabled opens nothing any more", async () => {
    const carl = await addPerson(portal.sql, "carl@shop.example");
    await declareTenants(portal.sql, [shop({ user: "carl@shop.example", role: "viewer" }), bank]);
    const key = portal.as((await keyOf(portal.sql, carl)).text);
    await answers(200, () => key.get("/api/v1/projects"));
    await portal.sql.query("update users set disabled_at = now() where id = $1", [carl.id]);
    await answers(401, async () => await key.get("/api/v1/projects"));
  });
});

describe("a session", () => {
  it("holds what its person holds, makes keys of his, and loses with the merge what they lose", async () => {
    const client = { address: "127.0.0.1", agent: "test" };
    const { accessToken, sessionId } = await beginSession(portal.identity, ada, { ...client, amr: ["pwd"] });
    const session = portal.as(accessToken.reveal());
    expect(await held(session)).toEqual([{ role: "domain-admin", tenant: "shop", project: null }]);
    expect(await whoami(session)).toMatchObject({ kind: "user", id: sessionId, user: "ada@shop.example" });
    const { status, body } = await make(session, { tenant: "shop", scopes: ["operations:read"] });
    expect(status).toBe(201);
    expect((await portal.as(body.key).get("/api/v1/operations")).status).toBe(200);
    await declareTenants(portal.sql, [tenantOf("shop", []), bank]);
    await answers(403, () => session.get("/api/v1/operations"));
    await answers(403, () => portal.as(body.key).get("/api/v1/operations"));
    expect((await portal.as("").get("/api/v1/projects", { authorization: `ApiKey ${body.key}x` })).status).toBe(401);
  });
});

describe("a key", () => {
  it("is shown once, found by its public id, used by both schemes, noted when used, and ends when revoked", async () => {
    const made = await make(owner, { tenant: "shop" });
    expect(made.status).toBe(201);
    const { key, id } = made.body;
    expect(key).toContain(`_${id}_`);
    for (const scheme of ["Bearer", "ApiKey", "apikey"]) {
      const answer = await portal.as("").get("/api/v1/auth/whoami", { authorization: `${scheme} ${key}` });
      expect(answer.body).toMatchObject({ user: "ada@shop.example", kind: "token", id });
    }
    const { body: listed } = await owner.get("/api/v1/keys?limit=200");
    const mine = listed.items.find((each: { id: string }) => each.id === id);
    expect(mine).toMatchObject({ tenant: "shop", madeBy: "ada@shop.example", lastUsedAt: expect.any(String) });
    expect(JSON.stringify(listed)).not.toContain(key.slice(-40));
    const [stored] = await portal.sql.query<{ text: string }>(
      "select p::text as text from principals p where id = $1",
      [id],
    );
    expect(stored?.text).not.toContain(key.slice(-40));
    expect((await owner.send("DELETE", `/api/v1/keys/${id}`)).status).toBe(204);
    await answers(401, async () => await portal.as(key).get("/api/v1/projects"));
  });

  it("of a project, of a database and of scopes is as narrow as it says, and says no by name inside its own tenant", async () => {
    const ofProject = portal.as((await make(owner, { tenant: "shop", project: "store" })).body.key);
    expect((await ofProject.get(databases("lab"))).body).toMatchObject({ status: 403, code: "NEB673" });
    expect((await ofProject.get("/api/v1/domain/bank/project/core/databases")).status).toBe(404);
    const ofDatabase = portal.as(
      (await make(owner, { tenant: "shop", project: "store", database: "orders" })).body.key,
    );
    const orders = (
      await enqueueOperation(portal.sql, { stack: "shop.store", database: "orders", type: "PAUSE", requestedBy: "ada" })
    ).id;
    const other = (
      await enqueueOperation(portal.sql, { stack: "shop.store", database: "cache", type: "PAUSE", requestedBy: "ada" })
    ).id;
    expect((await ofDatabase.get(`${databases("store")}/cache`)).body.code).toBe("NEB673");
    expect((await ofDatabase.get(databases("store"))).body.code).toBe("NEB673");
    expect((await ofDatabase.get(`${databases("store")}/orders`)).body.code).toBe("NEB602");
    expect((await ofDatabase.get(`/api/v1/operations/${other}`)).body.code).toBe("NEB673");
    expect((await ofDatabase.get(`/api/v1/operations/${orders}`)).status).toBe(200);
    expect((await ofDatabase.get("/api/v1/operations")).body.items.map((each: { id: string }) => each.id)).toEqual([
      orders,
    ]);
    const reader = portal.as(
      (await make(owner, { tenant: "shop", scopes: ["operations:read", "self:read"] })).body.key,
    );
    expect((await whoami(reader)).scopes).toEqual(["operations:read", "self:read"]);
    expect((await reader.get("/api/v1/projects")).body).toMatchObject({ code: "NEB662", scope: "projects:read" });
    expect((await reader.get("/api/v1/operations")).status).toBe(200);
    const viewer = portal.as((await make(owner, { tenant: "shop", role: "viewer" })).body.key);
    expect((await viewer.get("/api/v1/audit-logs")).body.code).toBe("NEB662");
  });

  it("that expires opens nothing afterwards", async () => {
    const expiresAt = new Date(Date.now() + 1500).toISOString();
    const { body } = await make(owner, { tenant: "shop", expiresAt });
    expect((await portal.as(body.key).get("/api/v1/projects")).status).toBe(200);
    await answers(401, async () => await portal.as(body.key).get("/api/v1/projects"));
    expect((await make(owner, { expiresAt: "2020-01-01T00:00:00Z" })).body.errors[0].path).toBe("expiresAt");
  });

  it("never holds more than who makes it, also when it is made with a key", async () => {
    const developer = portal.as((await keyOf(portal.sql, bob)).text);
    expect((await make(developer, { tenant: "shop", project: "other" })).body.code).toBe("NEB664");
    for (const [body, scope] of [
      [{ tenant: "shop", project: "store", role: "project-admin" }, "databases:run"],
      [{ tenant: "shop", role: "project-admin" }, "databases:run"],
      [{ tenant: "shop", project: "store", scopes: ["databases:read", "pulls:merge"] }, "pulls:merge"],
      [{ role: "platform-admin" }, undefined],
      [{ tenant: "bank", scopes: ["databases:read"] }, "databases:read"],
    ] as const) {
      const { status, body: told } = await make(developer, body);
      expect({ status, code: told.code }, JSON.stringify(body)).toEqual({ status: 403, code: "NEB663" });
      if (scope !== undefined) expect(told).toMatchObject({ scope, detail: expect.stringContaining(scope) });
    }
    expect((await make(developer, { tenant: "shop", project: "store", role: "viewer" })).status).toBe(201);
    const reader = portal.as((await make(developer, { scopes: ["keys:own", "self:read"] })).body.key);
    expect((await make(reader, { scopes: ["self:read", "databases:read"] })).body.code).toBe("NEB663");
    expect((await make(reader, { role: "viewer" })).body.code).toBe("NEB663");
    const narrow = portal.as(
      (await make(owner, { tenant: "shop", project: "store", scopes: ["keys:own", "self:read"], expiresAt: soon() }))
        .body.key,
    );
    const wide = await make(narrow, {});
    expect(wide.body).toMatchObject({ tenant: "shop", project: "store", scopes: ["keys:own", "self:read"] });
    expect(Date.parse(wide.body.expiresAt)).toBeLessThanOrEqual(Date.parse(soon()));
    expect((await make(narrow, { tenant: "shop", project: "lab" })).body.code).toBe("NEB663");
    expect((await make(narrow, { user: "somebody" })).body.errors[0].path).toBe("user");
  });

  it("is seen and revoked by its owner, and by nobody of another tenant", async () => {
    const mine = await keyOf(portal.sql, bob);
    const stranger = portal.as(await portal.tokenFor("domain-admin", "bank"));
    const [unknown, foreign] = [`/api/v1/keys/${"0".repeat(26)}`, `/api/v1/keys/${mine.id}`];
    const told = async (path: string) => ({ ...(await stranger.send("DELETE", path)).body, instance: "" });
    expect(await told(foreign)).toEqual(await told(unknown));
    expect((await owner.send("DELETE", foreign)).status).toBe(404);
    expect((await portal.as(mine.text).send("DELETE", foreign)).status).toBe(204);
  });

  it("is rotated with an overlap: both open until it is over, and only one successor there is", async () => {
    const { body: first } = await make(owner, { tenant: "shop", scopes: ["operations:read", "keys:own", "self:read"] });
    const itself = portal.as(first.key);
    const { status, body: second } = await itself.send("POST", `/api/v1/keys/${first.id}/rotate`, {
      overlapSeconds: 2,
    });
    expect(status).toBe(201);
    expect(second).toMatchObject({ name: first.name, tenant: "shop", scopes: first.scopes, successor: null });
    for (const key of [first.key, second.key])
      expect((await portal.as(key).get("/api/v1/operations")).status).toBe(200);
    expect((await itself.send("POST", `/api/v1/keys/${first.id}/rotate`, {})).body.code).toBe("NEB674");
    await answers(401, async () => await itself.get("/api/v1/operations"));
    expect((await portal.as(second.key).get("/api/v1/operations")).status).toBe(200);
  });

  it("of a token that belongs to no account has to say its role, and is told which there are", async () => {
    const root = portal.as(await portal.tokenFor("platform-admin"));
    const asked = { tenant: "shop", project: "store", database: "orders", scopes: ["data:read", "data:write"] };
    const refused = await make(root, asked);
    expect(refused).toMatchObject({ status: 422, body: { code: "NEB601", errors: [{ path: "role" }] } });
    expect(refused.body.hint).toMatch(/--role.*domain-admin.*project-admin.*developer.*viewer/);
    expect(await make(root, { ...asked, role: "project-admin" })).toMatchObject({
      ...{ status: 201, body: { role: "project-admin", database: "orders", scopes: asked.scopes } },
    });
  });

  it("sees, rotates and revokes of its account's keys itself and what is no wider, as if there were no others", async () => {
    const place = { tenant: "shop", project: "store", database: "orders" };
    const scopes = ["keys:own", "self:read", "databases:read"];
    const { body: asking } = await make(owner, { ...place, role: "viewer", expiresAt: soon() });
    const narrow = portal.as(asking.key);
    const wider = [
      {},
      { tenant: "shop" },
      { tenant: "shop", project: "store", role: "viewer", expiresAt: soon() },
      { ...place, database: "cache", role: "viewer", expiresAt: soon() },
      { ...place, role: "developer", expiresAt: soon() },
      { ...place, expiresAt: soon() },
      { ...place, scopes: [...scopes, "pulls:merge"], expiresAt: soon() },
      { ...place, role: "viewer" },
    ];
    const unknown = await narrow.send("DELETE", `/api/v1/keys/${"0".repeat(26)}`);
    for (const body of wider) {
      const { id } = (await make(owner, body)).body;
      for (const [method, path] of [
        ["DELETE", `/api/v1/keys/${id}`],
        ["POST", `/api/v1/keys/${id}/rotate`],
      ] as const) {
        const told = await narrow.send(method, path, method === "POST" ? {} : undefined);
        expect({ ...told.body, instance: "" }, JSON.stringify(body)).toEqual({ ...unknown.body, instance: "" });
      }
      expect((await owner.send("DELETE", `/api/v1/keys/${id}`)).status).toBe(204);
    }
    const ids = async () =>
      (await narrow.get("/api/v1/keys?limit=200")).body.items.map((each: { id: string }) => each.id);
    const equal = (await make(owner, { ...place, role: "viewer", expiresAt: soon() })).body.id;
    const less = (await make(owner, { ...place, scopes, expiresAt: soon() })).body.id;
    expect(await ids()).toEqual([asking.id, equal, less].sort());
    expect((await narrow.send("POST", `/api/v1/keys/${equal}/rotate`, {})).status).toBe(201);
    expect((await narrow.send("DELETE", `/api/v1/keys/${less}`)).status).toBe(204);
    expect((await narrow.send("DELETE", `/api/v1/keys/${asking.id}`)).status).toBe(204);
  });

  it("of a platform administrator is held to its own width too, though his reach is everything", async () => {
    const root = await addPerson(portal.sql, "root@else.example");
    await portal.sql.query("update users set platform_admin = true where id = $1", [root.id]);
    const narrow = portal.as((await keyOf(portal.sql, root, { scopes: ["keys:own", "keys:read", "keys:write"] })).text);
    const wide = await keyOf(portal.sql, root);
    const others = await keyOf(portal.sql, bob);
    expect((await narrow.send("DELETE", `/api/v1/keys/${wide.id}`)).status).toBe(404);
    expect((await narrow.send("DELETE", `/api/v1/keys/${others.id}`)).status).toBe(204);
    expect((await portal.as(wide.text).get("/api/v1/auth/whoami")).status).toBe(200);
  });
});

describe("who is refused", () => {
  const pause = (caller: Caller) => caller.send("POST", `${databases("store")}/orders/pause`);
  const told = async (answer: Promise<Answer>) => {
    const { code, detail, hint, scope } = (await answer).body;
    return { code, detail, hint, scope };
  };

  it("by a key that is narrower than its account is told that it is the key, by role, scopes and place", async () => {
    const byRole = portal.as((await make(owner, { tenant: "shop", role: "viewer" })).body.key);
    expect(await told(pause(byRole))).toMatchObject({
      code: "NEB662",
      scope: "databases:run",
      detail: "this key may not do this: it is narrowed to the role viewer, and it needs databases:run",
      hint: expect.stringContaining("Ask with a key that holds databases:run"),
    });
    const byScopes = portal.as((await make(owner, { tenant: "shop", scopes: ["self:read", "keys:own"] })).body.key);
    expect((await told(byScopes.get("/api/v1/usage"))).detail).toContain("narrowed to self:read, keys:own");
    const byPlace = portal.as((await make(owner, { tenant: "shop", project: "store" })).body.key);
    expect(await told(byPlace.get(databases("lab")))).toMatchObject({
      code: "NEB673",
      detail: "this key reaches shop/store only, and shop/lab is outside of that",
    });
    expect((await whoami(byRole)).narrowed).toMatchObject({
      role: "viewer",
      scopes: expect.not.arrayContaining(["pulls:merge"]),
    });
    expect((await whoami(byPlace)).narrowed).toBeNull();
  });

  it("by a role is told which, in the tenant that it is about, also through a key", async () => {
    const ofBob = portal.as((await keyOf(portal.sql, bob, { role: "viewer", tenant: "shop" })).text);
    for (const caller of [await sessionOf(bob), ofBob])
      expect(await told(pause(caller))).toMatchObject({
        code: "NEB662",
        detail: "developer may not do this here: it needs databases:run",
      });
  });

  it("by a session because its role is of other projects is told of no key", async () => {
    expect(await told((await sessionOf(bob)).get(databases("other")))).toMatchObject({
      code: "NEB673",
      detail: "you are developer of shop/store, shop/lab only, and shop/other is outside of that",
      hint: expect.stringContaining("nebula member add"),
    });
  });

  it("because nobody has made him a member is told that", async () => {
    const zoe = await addPerson(portal.sql, "zoe@else.example");
    expect(await told((await sessionOf(zoe)).get("/api/v1/projects"))).toMatchObject({
      code: "NEB662",
      detail: "zoe@else.example is a member of no tenant, so there is nothing to do here: it needs projects:read",
      hint: expect.stringContaining("nebula member add"),
    });
  });

  const sessionOf = async (user: User) => {
    const client = { address: "127.0.0.1", agent: "test", amr: ["pwd"] };
    return portal.as((await beginSession(portal.identity, user, client)).accessToken.reveal());
  };
});

describe("a service account", () => {
  const path = "/api/v1/tenants/shop/service-accounts";
  const create = (caller: Caller, name: string, grants: object[]) => caller.send("POST", path, { name, grants });

  it("belongs to its tenant, holds its own grants, and its keys are made by who may", async () => {
    expect((await create(owner, "ci", [{ role: "project-admin", project: "store" }])).status).toBe(201);
    expect((await create(owner, "ci", [{ role: "viewer" }])).body.code).toBe("NEB675");
    const { status, body } = await make(owner, { serviceAccount: "ci", tenant: "shop" });
    expect(status).toBe(201);
    expect(await whoami(portal.as(body.key))).toMatchObject({
      kind: "service",
      user: "service:shop/ci",
      grants: [{ role: "project-admin", tenant: "shop", project: "store" }],
    });
    const developer = portal.as((await keyOf(portal.sql, bob)).text);
    expect((await make(developer, { serviceAccount: "ci", tenant: "shop" })).status).toBe(403);
    const lead = portal.as(await portal.tokenFor("project-admin", "shop", "store"));
    expect((await lead.get(path)).body.items.map((each: { name: string }) => each.name)).toEqual(["ci"]);
    expect((await make(lead, { serviceAccount: "ci", tenant: "shop", project: "store" })).status).toBe(201);
    expect((await lead.get("/api/v1/keys")).body.items.length).toBeGreaterThan(0);
    const stranger = portal.as(await portal.tokenFor("domain-admin", "bank"));
    for (const ask of [
      () => stranger.get(path),
      () => create(stranger, "x", [{ role: "viewer" }]),
      () => stranger.send("DELETE", `${path}/ci`),
      () => make(stranger, { serviceAccount: "ci", tenant: "shop" }),
    ])
      expect((await ask()).body.code).toBe("NEB602");
  });

  it("holds nothing that its maker does not", async () => {
    const lead = portal.as(await portal.tokenFor("project-admin", "shop", "store"));
    expect((await create(lead, "a", [{ role: "domain-admin" }])).body.code).toBe("NEB673");
    expect((await create(lead, "a", [{ role: "viewer", project: "lab" }])).body.code).toBe("NEB673");
    expect((await create(lead, "a", [{ role: "developer", project: "store" }])).status).toBe(201);
  });

  it("takes its keys with it, and opens nothing once its tenant is not declared", async () => {
    await create(owner, "gone", [{ role: "viewer" }]);
    const { body } = await make(owner, { serviceAccount: "gone", tenant: "shop" });
    const its = portal.as(body.key);
    expect((await its.get("/api/v1/projects")).status).toBe(200);
    await declareTenants(portal.sql, [bank]);
    await answers(403, async () => await its.get("/api/v1/projects"));
    await declareTenants(portal.sql, [shop(), bank]);
    await answers(204, async () => await owner.send("DELETE", `${path}/gone`));
    await answers(401, async () => await its.get("/api/v1/projects"));
  });
});

/** One moment for all: a key that lives a millisecond longer is a wider one. */
const anHourOn = new Date(Date.now() + 3_600_000).toISOString();
const soon = () => anHourOn;
