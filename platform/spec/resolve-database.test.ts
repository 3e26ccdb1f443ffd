import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalJson, type DeclaredDatabase, engines, resolveDatabase, specHash, versions } from "./index.ts";

const postgres = (options: unknown, name = "orders"): DeclaredDatabase => ({ engine: "postgres", name, options });

const problems = (declared: DeclaredDatabase): string[] => {
  const resolved = resolveDatabase(declared);
  return resolved.kind === "ok" ? [] : resolved.problems.map(({ code, path }) => `${code} ${path.join(".")}`);
};

describe("resolving a database", () => {
  test.each(engines)("fills every default of %s, and leaves nothing undefined", (engine) => {
    const resolved = resolveDatabase({ engine, name: "x", options: { version: versions[engine][0] } });
    if (resolved.kind !== "ok") throw new Error(JSON.stringify(resolved.problems));
    expect(() => canonicalJson(resolved.spec)).not.toThrow();
    expect(resolved.spec).toMatchObject({
      compute: { minUnits: 0.25, maxUnits: 0.5, suspendAfterSeconds: 300 },
      storageBytes: 10 * 2 ** 30,
      backups: { retentionSeconds: 7 * 86_400 },
    });
    expect(Object.isFrozen(resolved.spec.compute)).toBe(true);
  });

  test("a named size is compute and storage; both can be refined where that makes sense", () => {
    const options = { version: "18", size: "db.t3.small", compute: { suspendAfter: "never" } };
    expect(resolveDatabase(postgres(options))).toMatchObject({
      spec: { compute: { minUnits: 1, maxUnits: 1, suspendAfterSeconds: 0 }, storageBytes: 10 * 2 ** 30 },
    });
    expect(problems(postgres({ version: "18", size: "db.t3.small", compute: { max: 2 } }))).toEqual(["NEB127 size"]);
    expect(problems(postgres({ version: "18", size: "db.t9.small" }))).toEqual(["NEB115 size"]);
  });

  test("min alone lifts max, max alone lowers min", () => {
    expect(resolveDatabase(postgres({ version: "18", compute: { min: 4 } }))).toMatchObject({
      spec: { compute: { minUnits: 4, maxUnits: 4 } },
    });
    expect(resolveDatabase(postgres({ version: "18", compute: { max: 0.25 } }))).toMatchObject({
      spec: { compute: { minUnits: 0.25, maxUnits: 0.25 } },
    });
  });

  test("with replicas it sleeps only when it says so, and commits wait for one only when there is one", () => {
    const compute = (options: object) => {
      const resolved = resolveDatabase(postgres({ version: "18", ...options }));
      return resolved.kind === "ok" ? resolved.spec.compute.suspendAfterSeconds : resolved.problems;
    };
    expect(compute({ replicas: 0 })).toBe(300);
    expect(compute({ replicas: 2 })).toBe(0);
    expect(compute({ replicas: 2, compute: { suspendAfter: "5m" } })).toBe(300);
    expect(problems(postgres({ version: "18", synchronous: true }))).toEqual(["NEB127 synchronous"]);
    expect(resolveDatabase(postgres({ version: "18", replicas: 1, synchronous: true }))).toMatchObject({
      spec: { synchronous: true },
    });
    const off = resolveDatabase(postgres({ version: "18", replicas: 1, synchronous: false }));
    expect(off.kind === "ok" && "synchronous" in off.spec).toBe(false);
  });

  test("the order of roles, extensions, blocks and tags does not matter", () => {
    const one = {
      version: "18",
      extensions: ["b", "a"],
      roles: [{ name: "y" }, { name: "x" }],
      tags: { b: "1", a: "2" },
    };
    const two = {
      tags: { a: "2", b: "1" },
      roles: [{ name: "x" }, { name: "y" }],
      extensions: ["a", "b"],
      version: "18",
    };
    const [a, b] = [resolveDatabase(postgres(one)), resolveDatabase(postgres(two))];
    if (a.kind !== "ok" || b.kind !== "ok") throw new Error("they are right");
    expect(specHash(a.spec)).toBe(specHash(b.spec));
  });

  test("everything that is wrong is said at once", () => {
    expect(
      problems(
        postgres(
          {
            version: "19",
            compute: { min: 2.1, max: 1, suspend: "5m", suspendAfter: "5 minutes" },
            storage: 10,
            backups: { retention: "400000d", pitr: "yes" },
            allowFrom: ["10.0.0.1/8", "0.0.0.0/0"],
            retire: 1,
            extensions: ["vector", "vector"],
          },
          "Orders",
        ),
      ).sort(),
    ).toEqual([
      "NEB110 compute.suspend",
      "NEB111 backups.pitr",
      "NEB111 retire",
      "NEB112 compute.suspendAfter",
      "NEB112 storage",
      "NEB113 backups.retention",
      "NEB113 compute.min",
      "NEB114 version",
      "NEB116 name",
      "NEB117 extensions.1",
      "NEB126 allowFrom.0",
      "NEB127 compute.min",
    ]);
  });

  test("a wrong version lists those that exist, a misspelt option the one that was meant", () => {
    const resolved = resolveDatabase(postgres({ version: "12", storag: "1Gi" }));
    expect(resolved.kind === "invalid" && resolved.problems.map(({ hint }) => hint)).toEqual([
      "Choose one of 18, 17, 16, 15.",
      'Did you mean "storage"?',
    ]);
  });

  test("an option that another engine has is unknown", () => {
    expect(problems(postgres({ version: "18", persistence: "aof" }))).toEqual(["NEB110 persistence"]);
    expect(problems({ engine: "redis", name: "x", options: { version: "8.0", extensions: [] } })).toEqual([
      "NEB110 extensions",
    ]);
    expect(problems({ engine: "redis", name: "x", options: { version: "8.0", backups: { pitr: true } } })).toEqual([
      "NEB110 backups.pitr",
    ]);
  });

  test("a password that was written down is refused without being repeated", () => {
    const resolved = resolveDatabase(postgres({ version: "18", password: "hunter2-in-git" }));
    expect(resolved).toMatchObject({ kind: "invalid", problems: [{ code: "NEB111", path: ["password"] }] });
    expect(JSON.stringify(resolved)).not.toContain("hunter2");
    const reference = { version: "18", password: { kind: "secret", name: "orders-password" } };
    expect(resolveDatabase(postgres(reference))).toMatchObject({ spec: { passwordSecret: "orders-password" } });
  });
});

describe("role names", () => {
  const roles = (...names: string[]) => problems(postgres({ version: "18", roles: names.map((name) => ({ name })) }));

  test("that Postgres or the platform keeps for itself are refused", () => {
    expect(roles("pg_monitor2", "postgres", "nebula", "public", "orders_owner")).toEqual(
      [0, 1, 2, 3, 4].map((index) => `NEB119 roles.${index}.name`),
    );
  });

  test("that are one name in 63 bytes collide; a longer one alone is refused too", () => {
    const long = "r".repeat(63);
    expect(roles(long)).toEqual([]);
    expect(roles(long, `${long}x`)).toEqual(["NEB118 roles.1.name"]);
    expect(roles(`${long}x`, `${long}y`)).toEqual(["NEB116 roles.0.name", "NEB118 roles.1.name"]);
  });

  test("may hold nothing that needs quotes", () => {
    expect(roles('a"; drop', "Upper", "ünder", "", "9a")).toHaveLength(5);
  });
});

test("whatever is declared, resolving answers and never throws", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...engines),
      fc.string(),
      fc.anything(),
      fc.anything(),
      (engine, name, options, inner) => {
        const nested = { version: "18", compute: inner, roles: inner, tags: inner, allowFrom: inner, backups: inner };
        for (const one of [options, nested, { ...nested, roles: [inner], extensions: [inner] }]) {
          const resolved = resolveDatabase({ engine, name, options: one });
          if (resolved.kind === "ok") canonicalJson(resolved.spec);
          else expect(resolved.problems.length).toBeGreaterThan(0);
        }
      },
    ),
    { numRuns: 300 },
  );
});
