/** Every role against every route, and every route that names a tenant against a stranger: exactly the policy. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { roleScopes, roles } from "../../platform/identity/index.ts";
import { enqueueOperation } from "../../platform/store/index.ts";
import { routes } from "../../portal/api/index.ts";
import { startPortal, type TestPortal } from "./harness.ts";

let portal: TestPortal;
let operation: string;

beforeAll(async () => {
  portal = await startPortal();
  operation = (await enqueueOperation(portal.sql, { stack: "shop.store", type: "PAUSE", requestedBy: "ada" })).id;
});
afterAll(() => portal.close());

const values: Record<string, () => string> = {
  domain: () => "shop",
  tenant: () => "shop",
  project: () => "store",
  database: () => "orders",
  number: () => "1",
  id: () => operation,
  user: () => `usr_${"0".repeat(26)}`,
  session: () => `ses_${"0".repeat(26)}`,
};
const pathOf = (path: string) =>
  path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    path.includes("/tokens/") ? "0".repeat(26) : (values[name]?.() ?? "x"),
  );
const guarded = routes.filter((entry) => entry.scope !== "public");

const send = (token: string, entry: (typeof routes)[number]) =>
  portal.as(token).send(entry.method.toUpperCase(), pathOf(entry.path), entry.body === undefined ? undefined : {}, {
    "if-match": "*",
  });

describe.each(roles)("%s", (role) => {
  it("is refused exactly the routes whose scope it does not hold", async () => {
    const token = await portal.tokenFor(role, role === "platform-admin" ? null : "shop", null);
    for (const entry of guarded) {
      const { status, body } = await send(token, entry);
      const refused = status === 403 && body.code === "NEB662" && body.scope === entry.scope;
      expect({ route: entry.operationId, refused }).toEqual({
        route: entry.operationId,
        refused: !roleScopes[role].has(entry.scope as never),
      });
    }
  });
});

it("another tenant's administrator finds nothing under any route that names a tenant, project or operation", async () => {
  const stranger = await portal.tokenFor("domain-admin", "bank");
  const naming = guarded.filter(
    ({ path, operationId }) =>
      /\{(domain|tenant|project)\}/.test(path) || (operationId.startsWith("operations.") && path.includes("{id}")),
  );
  expect(naming.length).toBeGreaterThan(12);
  for (const entry of naming) {
    const { status, body } = await send(stranger, entry);
    expect({ route: entry.operationId, status, code: body.code }).toEqual({
      route: entry.operationId,
      status: 404,
      code: "NEB602",
    });
  }
});

it("no route but the public ones answers without a token, and of those only the ways to sign in change anything", async () => {
  for (const entry of guarded) expect((await send("", entry)).body.code, entry.operationId).toBe("NEB660");
  const changes = routes.filter((entry) => entry.scope === "public" && entry.method !== "get");
  expect(changes.length).toBeGreaterThan(5);
  for (const { path, secret, limit } of changes) {
    expect(path).toMatch(/^\/api\/v1\/auth\//);
    // Strangers share no Idempotency-Key, and are counted by their address.
    expect({ path, secret, limit }).toEqual({ path, secret: true, limit: undefined });
  }
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
