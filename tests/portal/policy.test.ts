/** Every role against every route, and every route that names a tenant's thing against a stranger: exactly the policy. */
import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Role, roleScopes, roles, type Scope, scopeMeanings, scopes } from "../../platform/identity/index.ts";
import { enqueueOperation, recordPull, recordReview } from "../../platform/store/index.ts";
import { publicRoutes, routes } from "../../portal/api/index.ts";
import { type Entry, type Examples, namesTenantThing, pathFor } from "./examples.ts";
import type { TestPortal } from "./harness.ts";
import { type HostedPortal, startHostedPortal } from "./hosted.ts";

let hosted: HostedPortal;
let portal: TestPortal;
let shop: Examples = {
  domain: "shop",
  tenant: "shop",
  project: "store",
  database: "orders",
  address: "shop.store.orders",
};
let ids: Examples;

beforeAll(async () => {
  const rules = ["failures", "user", "key", "writes", "metrics-user"].map((rule) => `${rule}=100000`).join(",");
  hosted = await startHostedPortal(new Map([["tenants/shop/store/project.ts", "// theirs\n"]]), { rules });
  portal = hosted.portal;
  shop = { ...shop, number: String(await hosted.open("orders", { "tenants/shop/store/orders.ts": "// theirs\n" })) };
  const { id: operations } = await enqueueOperation(portal.sql, {
    stack: "shop.store",
    type: "PAUSE",
    requestedBy: "ada",
  });
  const [, , keys = ""] = (await portal.tokenFor("viewer", "shop")).split("_");
  ids = { operations, keys };
}, 60_000);
afterAll(() => hosted.close());

const guarded = routes.filter((entry) => entry.scope !== "public");

const send = (token: string, entry: Entry) =>
  portal
    .as(token)
    .send(entry.method.toUpperCase(), pathFor(entry, shop, ids), entry.body === undefined ? undefined : {}, {
      "if-match": "*",
    });

describe("the tables", () => {
  it("give every route a scope that some role holds and somebody has described, and every public one a reason", () => {
    for (const { operationId, scope } of guarded) {
      expect(scopes, operationId).toContain(scope);
      expect(scopeMeanings[scope as Scope], operationId).toMatch(/\w/);
    }
    const open = routes.filter(({ scope }) => scope === "public").map(({ operationId }) => operationId);
    expect(open.sort()).toEqual(Object.keys(publicRoutes).sort());
  });

  it("stand in docs/roles.md as they are", { timeout: 90_000 }, () => {
    expect(() => execFileSync(process.execPath, ["tools/roles-doc.ts", "--check"])).not.toThrow();
  });

  it("do not compile with a route that names no scope", () => {
    // @ts-expect-error a route without a scope
    const without: Entry = { ...(guarded[0] as Entry), scope: undefined };
    expect(without.scope).toBeUndefined();
  });

  /** Written by hand: what must stay true whoever edits the tables. */
  const never: Readonly<Partial<Record<Role, readonly Scope[]>>> = {
    "domain-admin": ["fleet:write", "users:read", "users:write", "audit:export", "vault:rotate", "signing-keys:rotate"],
    "project-admin": ["tenants:write", "projects:write", "fleet:write", "users:invite"],
    developer: ["pulls:merge", "databases:run", "credentials:owner", "keys:write", "operations:cancel", "audit:read"],
    viewer: ["databases:write", "credentials:read", "usage:read"],
    "billing-viewer": ["databases:read", "pulls:read", "operations:read", "credentials:read"],
  };

  it.each(Object.entries(never))("never give a %s what is above it", (role, forbidden) => {
    for (const scope of forbidden) expect(roleScopes[role as Role].has(scope), scope).toBe(false);
  });
});

describe.each(roles)("%s", (role) => {
  it("is refused exactly the routes whose scope it does not hold", { timeout: 180_000 }, async () => {
    // A token of its own for each route: some end the token they are asked with.
    for (const entry of guarded) {
      const token = await portal.tokenFor(role, role === "platform-admin" ? null : "shop", null);
      const { status, body } = await send(token, entry);
      const refused = status === 403 && body.code === "NEB662" && body.scope === entry.scope;
      expect({ route: entry.operationId, refused }).toEqual({
        route: entry.operationId,
        refused: !roleScopes[role].has(entry.scope as Scope),
      });
    }
  });
});

it.each(roles.filter((role) => roleScopes[role].has("pulls:read")))(
  "a %s sees what a pull request costs as usage:read says",
  async (role) => {
    const path = `/api/v1/pulls/${await hosted.open(`priced-${role}`, { "tenants/shop/store/orders.ts": `// ${role}\n` })}`;
    const { number, headCommit } = (await portal.as(await portal.tokenFor("platform-admin")).get(path)).body;
    const price = { currency: "USD", beforeMicros: 0, afterMicros: 7, differenceMicros: 7 };
    const review = { version: 1, price, projects: [{ project: "store", price }] };
    await recordPull(portal.sql, { repository: "repo_1", number, requestedBy: "ada", headCommit, by: "portal" });
    await recordReview(portal.sql, {
      repository: "repo_1",
      number,
      head: headCommit,
      review,
      planHash: "x",
      verdict: "success",
    });
    const told = (await portal.as(await portal.tokenFor(role)).get(path)).body.review;
    const shown = roleScopes[role].has("usage:read") ? price : null;
    expect(told).toMatchObject({ price: shown, projects: [{ project: "store", price: shown }] });
  },
);

it("another tenant's administrator finds nothing under any route that names a tenant, project, operation or key", async () => {
  const stranger = await portal.tokenFor("domain-admin", "bank");
  const naming = guarded.filter(namesTenantThing);
  expect(naming.length).toBeGreaterThan(25);
  for (const entry of naming) {
    const { status, body } = await send(stranger, entry);
    expect({ route: entry.operationId, status, code: body.code }).toEqual({
      route: entry.operationId,
      status: 404,
      code: "NEB602",
    });
    expect(JSON.stringify({ ...body, instance: "" }), entry.operationId).not.toMatch(/shop|store|orders/);
  }
});

it("a member of one project is refused by name what is in the tenant's other projects", async () => {
  for (const entry of guarded) {
    if (!/\{project\}/.test(entry.path) || !roleScopes["project-admin"].has(entry.scope as Scope)) continue;
    const { status, body } = await send(await portal.tokenFor("project-admin", "shop", "lab"), entry);
    expect({ route: entry.operationId, status, code: body.code }).toEqual({
      route: entry.operationId,
      status: 403,
      code: "NEB673",
    });
  }
});

it("no route but the public ones answers without a credential", async () => {
  for (const entry of guarded) expect((await send("", entry)).body.code, entry.operationId).toBe("NEB660");
});

it("a broken request is never a 5xx", async () => {
  const token = await portal.tokenFor("platform-admin");
  const nasty = ["%00", "..%2f..", "%E0%A4%A", "a".repeat(5000), "'; drop table projects; --", "<script>", "💥"];
  for (const text of nasty)
    for (const path of [
      `/api/v1/domain/${text}/project/store/databases`,
      `/api/v1/operations/${text}`,
      `/api/v1/pulls/${text}`,
      `/api/v1/audit-logs?actor=${text}`,
    ]) {
      const { status } = await portal.as(token).get(encodeURI(decodeURISafe(path)));
      expect(status, path.slice(0, 80)).toBeLessThan(500);
      expect((await portal.as(token).get(path)).status, path.slice(0, 80)).toBeLessThan(500);
    }
});

function decodeURISafe(text: string): string {
  try {
    return decodeURI(text);
  } catch {
    return "/api/v1/x";
  }
}
