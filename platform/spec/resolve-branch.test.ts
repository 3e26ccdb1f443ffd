import { describe, expect, test } from "vitest";
import {
  canonicalJson,
  connectionLimits,
  type DatabaseSpec,
  resolveBranch,
  resolveDatabase,
  specHash,
} from "./index.ts";

const made = (name: string, options: Record<string, unknown> = {}): DatabaseSpec => {
  const resolved = resolveDatabase({ engine: "postgres", name, options: { version: "18", ...options } });
  if (resolved.kind === "invalid") throw new Error(JSON.stringify(resolved.problems));
  return resolved.spec;
};
const orders = made("orders", {
  storage: "20Gi",
  compute: { min: 1, max: 4 },
  extensions: ["pgcrypto"],
  roles: [{ name: "reader" }],
  allowFrom: ["10.0.0.0/8"],
  tags: { team: "a" },
  backups: { retention: "30d" },
  connections: { max: 50 },
});

const branch = (options: Record<string, unknown>, siblings = [orders], branches: readonly string[] = []) =>
  resolveBranch({ name: "feature-x", options }, siblings, branches);
const codesOf = (options: Record<string, unknown>, ...around: [siblings?: DatabaseSpec[], branches?: string[]]) => {
  const resolved = branch(options, ...around);
  return resolved.kind === "ok" ? [] : resolved.problems.map(({ code, path }) => [code, path.join(".")]);
};

describe("a branch is a database of its own", () => {
  test("with its parent's version, extensions, roles, storage, tags and addresses, and a size of its own", () => {
    const resolved = branch({ of: "orders", at: "2026-11-20T11:00:00+01:00", ttl: "7d", tags: { why: "test" } });
    expect(resolved).toEqual({
      kind: "ok",
      spec: {
        ...{ engine: "postgres", name: "feature-x", version: "18", replicas: 0, instances: 1 },
        compute: { minUnits: 0.25, maxUnits: 0.5, suspendAfterSeconds: 300 },
        storageBytes: orders.storageBytes,
        backups: { retentionSeconds: 0, pitr: false },
        ...{ extensions: orders.extensions, roles: orders.roles, allowFrom: orders.allowFrom },
        tags: { team: "a", why: "test" },
        ...{ passwordSecret: null, engineOptions: {}, retire: false },
        branch: { of: "orders", at: "2026-11-20T10:00:00.000Z", ttlSeconds: 7 * 86_400 },
      },
    });
  });

  test("and one moment is one spec, however it is written", () => {
    const hashes = ["2026-11-20T11:00:00+01:00", "2026-11-20T10:00Z", "2026-11-20T10:00:00.000Z"].map((at) => {
      const resolved = branch({ of: "orders", at });
      return resolved.kind === "ok" ? specHash(resolved.spec) : resolved.problems;
    });
    expect(new Set(hashes).size).toBe(1);
  });
});

test("what is wrong with a branch is said with the option's place", () => {
  expect(codesOf({ of: "order" })).toEqual([["NEB132", "of"]]);
  expect(codesOf({ of: "feature-x" })).toEqual([["NEB133", "of"]]);
  expect(codesOf({ of: "other" }, [orders], ["other", "feature-x"])).toEqual([["NEB133", "of"]]);
  expect(codesOf({ of: "gone" }, [{ ...orders, name: "gone", retire: true }])).toEqual([["NEB133", "of"]]);
  expect(codesOf({ of: "cache" }, [{ ...orders, name: "cache", engine: "redis" }])).toEqual([["NEB133", "of"]]);
  expect(codesOf({ of: "orders", at: "yesterday" })).toEqual([["NEB131", "at"]]);
  expect(codesOf({ of: "orders", at: "2026-02-31T00:00:00Z" })).toEqual([["NEB131", "at"]]);
  expect(codesOf({ of: "orders", ttl: "0d" })).toEqual([["NEB135", "ttl"]]);
  expect(codesOf({ of: "orders", ttl: "1w" })).toEqual([["NEB112", "ttl"]]);
  expect(codesOf({ of: "orders", ttl: 7 })).toEqual([["NEB112", "ttl"]]);
  expect(codesOf({ of: "orders", ttl: "2000d" })).toEqual([["NEB113", "ttl"]]);
  expect(codesOf({ of: "orders", version: "18" })).toEqual([["NEB110", "version"]]);
  expect(codesOf({ of: "plain", at: "2026-11-20T10:00:00Z" }, [made("plain", { backups: { pitr: false } })])).toEqual([
    ["NEB134", "at"],
  ]);
  expect(codesOf({})).toEqual([["NEB111", "of"]]);
});

test("a misspelt parent is guessed at", () => {
  const resolved = branch({ of: "order" });
  expect(resolved.kind === "invalid" && resolved.problems[0]?.hint).toBe('Did you mean "orders"?');
});

describe("what came after the first release changes nothing that was deployed before", () => {
  test("a declaration that says nothing of it has no field for it", () => {
    expect(canonicalJson(made("plain"))).not.toMatch(/connections|branch/);
    expect(canonicalJson(made("plain", { connections: {} }))).toBe(canonicalJson(made("plain")));
    // The hash that the previous release gave this declaration.
    expect(specHash(made("plain"))).toBe("f524411280a877ffec2e2a89c3de82e54b9a7474c881f3fc694c8f67c24f7675");
  });

  test("limits are those that are declared; the others follow the compute units and the catalogue", () => {
    expect(orders.connections).toEqual({ max: 50 });
    expect(connectionLimits(orders)).toEqual({
      ...{ max: 50, perSecond: 1_000, idleSeconds: 0, transactionSeconds: 0, statementSeconds: 0 },
    });
    const idle = made("idle", { connections: { idleTimeout: "10m", statementTimeout: "never" } });
    expect(connectionLimits(idle)).toMatchObject({ max: 50, idleSeconds: 600, statementSeconds: 0 });
  });
});
