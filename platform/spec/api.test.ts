import { describe, expect, test } from "vitest";
import { diffProject } from "./diff.ts";
import { resolveBranch } from "./resolve-branch.ts";
import { resolveDatabase } from "./resolve-database.ts";
import type { DatabaseSpec, ProjectSpec } from "./types.ts";

const resolve = (options: object) =>
  resolveDatabase({ engine: "postgres", name: "orders", options: { version: "18", ...options } });
const specOf = (options: object): DatabaseSpec => {
  const resolved = resolve(options);
  if (resolved.kind === "invalid") throw new Error(JSON.stringify(resolved.problems));
  return resolved.spec;
};
const problemsOf = (options: object) => {
  const resolved = resolve(options);
  return resolved.kind === "ok" ? [] : resolved.problems.map(({ code, path }) => `${code} ${path.join(".")}`);
};

describe("the api of a database", () => {
  test("stands in a spec only where it is declared, every default filled", () => {
    expect("api" in specOf({})).toBe(false);
    expect(specOf({ api: {} }).api).toEqual({
      ...{ schemas: ["public"], anonymous: false, roles: [], exposeWithoutRls: [], aggregates: false },
      ...{ maxRows: 1000, maxBodyBytes: 4194304, maxResponseBytes: 16777216, timeoutSeconds: 10, jwt: [] },
      ...{ limits: { perSecond: 0, perKeyPerSecond: 0, perAddressPerSecond: 0, endpoints: {} }, cache: {}, cors: [] },
    });
  });

  test("says relations with their schema, in one order, and holds no null", () => {
    const api = specOf({
      api: {
        schemas: ["shop", "public"],
        anonymous: null,
        exposeWithoutRls: ["public.b", "countries"],
        cache: { countries: "60s" },
        limits: { endpoints: { "rpc.send": 5, orders: 50 } },
        jwt: [{ jwks: "https://login.example.com/keys" }, { secret: { kind: "secret", name: "api-jwt" } }],
      },
    }).api;
    expect(api).toMatchObject({
      anonymous: false,
      exposeWithoutRls: ["public.b", "shop.countries"],
      cache: { "shop.countries": 60 },
      limits: { endpoints: { "rpc.send": 5, "shop.orders": 50 } },
      jwt: [
        { jwks: "https://login.example.com/keys", algorithms: ["RS256", "ES256", "EdDSA"], roleClaim: "role" },
        { secret: "api-jwt", algorithms: ["HS256"], roleClaim: "role" },
      ],
    });
    expect(JSON.stringify(api)).not.toContain("null");
  });

  test.each([
    ["a schema of the system", { schemas: ["pg_catalog"] }, "NEB111 api.schemas.0"],
    ["a schema twice", { schemas: ["a", "a"] }, "NEB117 api.schemas.1"],
    ["an option that there is not", { maxRow: 1 }, "NEB110 api.maxRow"],
    ["a time without a unit", { timeout: 10 }, "NEB112 api.timeout"],
    ["a role that is nobody", { roles: ["boss"] }, "NEB127 api.roles.0"],
    ["tokens that nothing verifies", { jwt: [{}] }, "NEB127 api.jwt.0"],
    ["a secret in Git", { jwt: [{ secret: "hunter2" }] }, "NEB111 api.jwt.0.secret"],
    ["keys in clear", { jwt: [{ jwks: "http://login.example.com" }] }, "NEB111 api.jwt.0.jwks"],
    [
      "a public key as a shared secret",
      { jwt: [{ jwks: "https://a.example", algorithms: ["HS256"] }] },
      "NEB127 api.jwt.0.algorithms",
    ],
    ["no signature", { jwt: [{ jwks: "https://a.example", algorithms: ["none"] }] }, "NEB129 api.jwt.0.algorithms.0"],
    [
      "a receiver in clear",
      { webhooks: [{ table: "orders", url: "http://hooks.example.com", secret: { kind: "secret", name: "hook" } }] },
      "NEB111 api.webhooks.0.url",
    ],
    [
      "the same receiver twice",
      {
        webhooks: [1, 2].map(() => ({
          ...{ table: "orders", url: "https://hooks.example.com" },
          secret: { kind: "secret", name: "hook" },
        })),
      },
      "NEB117 api.webhooks.1",
    ],
    ["an origin with a path", { cors: ["https://a.example/x"] }, "NEB111 api.cors.0"],
  ])("refuses %s, by its path", (_what, api, problem) => {
    expect(problemsOf({ api })).toEqual([problem]);
  });

  test("makes its own roles, so nobody else declares them", () => {
    const roles = [{ name: "anon", login: false }];
    expect(problemsOf({ roles })).toEqual([]);
    expect(problemsOf({ roles, api: {} })).toEqual(["NEB119 roles.0.name"]);
    expect(problemsOf({ roles: [{ name: "boss" }], api: { roles: ["boss", "service_role"] } })).toEqual([]);
  });

  test("says who is told of changes, only where somebody is, and never in a branch", () => {
    const secret = { kind: "secret", name: "hook" };
    const api = { webhooks: [{ table: "orders", url: "https://hooks.example.com/a", secret }], realtime: ["orders"] };
    const parent = specOf({ api });
    expect(parent.api?.webhooks).toEqual([
      {
        ...{ table: "public.orders", events: ["delete", "insert", "update"] },
        ...{ url: "https://hooks.example.com/a", secret: "hook" },
      },
    ]);
    expect(parent.api?.realtime).toEqual(["public.orders"]);
    const branch = resolveBranch({ name: "b", options: { of: "orders" } }, [parent]);
    expect(branch.kind === "ok" && "webhooks" in (branch.spec.api ?? {})).toBe(false);
    expect(branch.kind === "ok" && branch.spec.api?.realtime).toEqual(["public.orders"]);
  });

  test("never shows what was written in place of a secret", () => {
    expect(JSON.stringify(resolve({ api: { jwt: [{ secret: "hunter2" }] } }))).not.toContain("hunter2");
  });

  test("is a branch's as well, and turning it on is one change", () => {
    const parent = specOf({ api: { maxRows: 5 } });
    const branch = resolveBranch({ name: "b", options: { of: "orders" } }, [parent]);
    expect(branch.kind === "ok" && branch.spec.api?.maxRows).toBe(5);
    const project = (database: DatabaseSpec): ProjectSpec => ({
      ...{ tenant: "acme", project: "shop", placement: "local", region: "local", quota: null, databases: [database] },
    });
    const [change] = diffProject(project(specOf({})), project(parent)).databases;
    expect(change?.kind === "changed" && change.changes.map(({ path }) => path)).toEqual(["api"]);
  });
});
