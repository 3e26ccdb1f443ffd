import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  canonicalJson,
  type DatabaseSpec,
  diffProject,
  durationSeconds,
  formatDurationSeconds,
  formatSizeBytes,
  isCidr,
  isName,
  nameProblem,
  objectNames,
  type ProjectSpec,
  parseDurationSeconds,
  parseSizeBytes,
  resolveDatabase,
  resolveFleet,
  resolveProject,
  resolveTenant,
  sizeBytes,
  specHash,
} from "./index.ts";
import { amountMicros } from "./units.ts";

describe("units", () => {
  test("durations and sizes are a number and a unit, nothing else", () => {
    expect(["5m", "30s", "12h", "30d", "1.5h", "never"].map(durationSeconds)).toEqual([
      300, 30, 43_200, 2_592_000, 5_400, 0,
    ]);
    expect(["512Mi", "10Gi", "1.5Ti"].map(sizeBytes)).toEqual([2 ** 29, 10 * 2 ** 30, 1.5 * 2 ** 40]);
    for (const wrong of ["", "5", "m", "5 m", "-5m", "5min", "1e3s", "0x10s", "5M", "10GB", "10gi", "Infinitys"]) {
      expect(durationSeconds(wrong)).toBeUndefined();
      expect(sizeBytes(wrong)).toBeUndefined();
    }
    expect(() => parseDurationSeconds("5 minutes")).toThrow(expect.objectContaining({ code: "NEB112" }));
    expect(() => parseSizeBytes("10GB")).toThrow(expect.objectContaining({ code: "NEB112" }));
  });

  test("formatting and parsing are inverse", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 ** 9 }), (n) => {
        expect(parseDurationSeconds(formatDurationSeconds(n))).toBe(n);
        expect(parseSizeBytes(formatSizeBytes(n * 2 ** 20))).toBe(n * 2 ** 20);
      }),
    );
  });

  test("money is exact to the micro-unit", () => {
    expect([amountMicros("0.08"), amountMicros("0.1"), amountMicros(12), amountMicros("0.000001")]).toEqual([
      80_000, 100_000, 12_000_000, 1,
    ]);
    expect(["-1", "0.0000001", "1e3", "a", ""].map(amountMicros)).toEqual(Array(5).fill(undefined));
  });
});

describe("names", () => {
  test("are safe in paths, hosts, labels and stack names", () => {
    expect(["a", "shop", "a-b", "a9", "a".repeat(40)].every(isName)).toBe(true);
    expect(["", "A", "-a", "a-", "9a", "a_b", "a.b", "a".repeat(41), "é", "a\n"].some(isName)).toBe(false);
    expect(nameProblem("tenant", "fleet")?.code).toBe("NEB119");
    expect(nameProblem("project", "shared")?.code).toBe("NEB119");
    expect(nameProblem("database", "project")?.code).toBe("NEB119");
  });

  test("of objects are injective and fit everywhere, for 10,000 databases", () => {
    const word = fc.stringMatching(/^[a-z]([a-z0-9-]{0,6}[a-z0-9])?$/);
    const long = fc.stringMatching(/^[a-z]([a-z0-9-]{30,38}[a-z0-9])$/);
    const name = fc.oneof(word, long, fc.constantFrom("a", "a-b", "b", "b-c", "c", "a-b-c"));
    const seen = new Map<string, string>();
    fc.assert(
      fc.property(name, name, name, (tenant, project, database) => {
        const { resource, ownerRole, database: sql } = objectNames(tenant, project, database);
        expect(Buffer.byteLength(resource)).toBeLessThanOrEqual(50);
        expect(resource).toMatch(/^[a-z]([a-z0-9-]*[a-z0-9])?$/);
        expect(Buffer.byteLength(ownerRole)).toBeLessThanOrEqual(63);
        expect(sql).toMatch(/^[a-z][a-z0-9_]*$/);
        const identity = `${tenant}.${project}.${database}`;
        expect(seen.get(resource) ?? identity).toBe(identity);
        seen.set(resource, identity);
      }),
      { numRuns: 10_000 },
    );
  });
});

describe("address blocks", () => {
  test("have one spelling: the host bits are zero", () => {
    const right = ["10.0.0.0/8", "203.0.113.7/32", "0.0.0.0/0", "2001:db8::/32", "::1/128", "::/0"];
    expect(right.filter((one) => !isCidr(one))).toEqual([]);
    const wrong = [
      "10.0.0.1/8",
      "10.0.0.0",
      "10.0.0.0/33",
      "10.0.0/8",
      "2001:db8::1/32",
      "::/129",
      "a/8",
      "1.2.3.4/08",
      "fe80::1%eth0/128",
      "",
    ];
    expect(wrong.filter(isCidr)).toEqual([]);
  });
});

describe("the canonical form", () => {
  test("does not depend on the order of keys", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const turned = Object.fromEntries(Object.entries(value).reverse());
        expect(specHash(turned)).toBe(specHash(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test("refuses what JSON would change silently", () => {
    for (const wrong of [undefined, Number.NaN, Number.POSITIVE_INFINITY, () => 1, Symbol("x"), 1n])
      expect(() => canonicalJson({ a: [wrong] })).toThrow(TypeError);
  });
});

describe("the difference of two specs", () => {
  const spec = (name: string, options: object): DatabaseSpec => {
    const resolved = resolveDatabase({ engine: "postgres", name, options: { version: "18", ...options } });
    if (resolved.kind !== "ok") throw new Error(JSON.stringify(resolved.problems));
    return resolved.spec;
  };
  const project = (...databases: DatabaseSpec[]): ProjectSpec => {
    const resolved = resolveProject("acme", "shop", {}, databases);
    if (resolved.kind !== "ok") throw new Error(JSON.stringify(resolved.problems));
    return resolved.spec;
  };

  test("names added, removed and changed databases with the options that differ", () => {
    const before = project(spec("a", {}), spec("b", { tags: { x: "1" }, roles: [{ name: "r" }] }), spec("c", {}));
    const after = project(
      spec("b", { tags: { y: "2" }, roles: [{ name: "q" }, { name: "r", access: "write" }], compute: { max: 2 } }),
      spec("c", {}),
      spec("d", {}),
    );
    expect(diffProject(before, after).databases).toMatchObject([
      { kind: "removed", database: "a" },
      {
        kind: "changed",
        database: "b",
        changes: [
          { path: "compute.maxUnits", from: 0.5, to: 2 },
          { path: "roles.q", from: null, to: { login: true, access: "read" } },
          { path: "roles.r.access", from: "read", to: "write" },
          { path: "tags.x", from: "1", to: null },
          { path: "tags.y", from: null, to: "2" },
        ],
      },
      { kind: "added", database: "d" },
    ]);
  });

  test("is empty between a spec and itself, and says all of a first one", () => {
    const same = project(spec("a", { extensions: ["x"] }));
    expect(diffProject(same, structuredClone(same))).toEqual({ project: [], databases: [] });
    expect(diffProject(null, same)).toMatchObject({ project: [], databases: [{ kind: "added", database: "a" }] });
  });
});

describe("projects, tenants and the fleet", () => {
  test("a project elsewhere than here needs a region", () => {
    expect(resolveProject("a", "b", { placement: "aws" }, [])).toMatchObject({ problems: [{ code: "NEB127" }] });
    expect(resolveProject("a", "b", { placement: "aws", region: "eu-central-1" }, []).kind).toBe("ok");
    expect(resolveProject("A", "shared", { where: 1 }, [])).toMatchObject({
      problems: [{ code: "NEB116" }, { code: "NEB119" }, { code: "NEB110" }],
    });
  });

  test("a tenant's members are unique whatever their case, and a domain-admin is not limited", () => {
    const members = [
      { user: "ada@x.example", role: "viewer" },
      { user: "Ada@x.example", role: "domain-admin", projects: ["shop", "Shop"] },
    ];
    expect(resolveTenant("acme", { displayName: "Acme", members })).toMatchObject({
      problems: [{ code: "NEB117" }, { code: "NEB111" }, { code: "NEB116" }],
    });
  });

  test("a fleet's mistakes are all found", () => {
    const resolved = resolveFleet({
      quotas: { Standard: { cpu: 1, memory: "1Gi", storage: "1Gi", databases: 1 } },
      prices: { id: "x", currency: "usd" },
      policies: { allowPublicNetwork: "no", minBackupRetention: 3 },
      providers: [],
    });
    const codes =
      resolved.kind === "invalid" ? resolved.problems.map(({ code, path }) => `${code} ${path.join(".")}`) : [];
    expect(codes).toContain("NEB116 Standard");
    expect(codes).toContain("NEB111 currency");
    expect(codes).toContain("NEB111 computeUnitHour");
    expect(codes).toContain("NEB112 minBackupRetention");
  });
});
