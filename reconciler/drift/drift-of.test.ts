import fc from "fast-check";
import { expect, test } from "vitest";
import type { InstanceFacts, InstanceInside } from "../../platform/compute/index.ts";
import { type DatabaseSpec, objectNames, resolveDatabase } from "../../platform/spec/index.ts";
import { type Declared, driftOf } from "./drift-of.ts";
import { orphansAmong } from "./orphans.ts";

const id = "acme.shop.orders" as const;
const names = objectNames("acme", "shop", "orders");

const role = fc.record({ name: fc.constantFrom("app", "report", "etl", "web"), login: fc.boolean() });
const options = fc.record({
  compute: fc.integer({ min: 1, max: 32 }).map((quarters) => ({ min: 0.25, max: quarters / 4, suspendAfter: "5m" })),
  storage: fc.integer({ min: 1, max: 500 }).map((gib) => `${gib}Gi`),
  replicas: fc.integer({ min: 0, max: 3 }),
  backups: fc.record({ retention: fc.constantFrom("1d", "30d"), pitr: fc.boolean() }),
  extensions: fc.uniqueArray(fc.constantFrom("hstore", "pg_trgm", "vector", "pg_stat_statements")),
  roles: fc
    .uniqueArray(role, { selector: ({ name }) => name })
    .chain((roles) =>
      fc.tuple(...roles.map((one) => fc.constantFrom("read", "write").map((access) => ({ ...one, access })))),
    ),
  allowFrom: fc.uniqueArray(fc.constantFrom("10.0.0.0/8", "192.168.0.0/16", "::1/128")),
  tags: fc.dictionary(fc.constantFrom("team", "owner", "stage"), fc.constantFrom("a", "b")),
  retire: fc.boolean(),
});
const anySpec = options.map((it): DatabaseSpec => {
  const resolved = resolveDatabase({ engine: "postgres", name: "orders", options: { version: "18", ...it } });
  if (resolved.kind !== "ok") throw new Error(JSON.stringify(resolved.problems));
  return resolved.spec;
});

/** What a machine looks like that was brought to a spec: in another order, as a machine has it. */
function asMade(spec: DatabaseSpec): { facts: InstanceFacts; inside: InstanceInside } {
  const retired = spec.retire;
  const plain = { attributes: [], passwordValid: null, groups: [] as string[] };
  return {
    facts: {
      ...{
        id,
        phase: retired ? "Retired" : "Ready",
        running: !retired,
        pid: retired ? null : 1,
        host: "",
        socketPort: 5432,
      },
      ...{
        dataDir: "",
        version: spec.version,
        databaseName: names.database,
        ownerRole: names.ownerRole,
      },
      ...{ units: spec.compute.maxUnits, storageBytes: spec.storageBytes, startedAt: null, createdAt: new Date(0) },
      ...{ identity: "i", folderIdentity: "i", allowFrom: [...spec.allowFrom].reverse(), owner: "o", ours: true },
      extensions: [...spec.extensions].reverse(),
      tags: Object.fromEntries(Object.entries(spec.tags).reverse()),
      files: [],
    },
    inside: {
      ...{ owner: names.ownerRole, encoding: "UTF8", locale: "C.UTF-8", publicMayConnect: false },
      ...{ groupsFollowOwner: true, settings: [] },
      roles: [
        { ...plain, name: "nebula_admin", login: true, attributes: ["superuser"] },
        ...["nebula_read", "nebula_write", "made_by_hand"].map((name) => ({ ...plain, name, login: false })),
        { ...plain, name: names.ownerRole, login: true, passwordValid: true },
        ...spec.roles
          .map(({ name, login, access }) => ({ ...plain, name, login, groups: [`nebula_${access}`, "made_by_hand"] }))
          .reverse(),
      ],
      extensions: [...spec.extensions, "plpgsql", "unaccent"].map((name) => ({ name, version: "1.1", given: "1.1" })),
    },
  };
}

const declaredOf = (spec: DatabaseSpec, more: Partial<Declared> = {}): Declared => ({
  ...{ id, declared: spec, settled: true },
  made: { phase: spec.retire ? "Retired" : "Ready", identity: "i", spec },
  ...more,
});

test("right after an apply nothing differs, whatever is declared and in whatever order a machine has it", () => {
  fc.assert(
    fc.property(anySpec, (spec) => {
      expect(driftOf(declaredOf(spec), asMade(spec))).toEqual([]);
    }),
  );
});

test("from one spec to another every option that differs is named, and no other", () => {
  fc.assert(
    fc.property(anySpec, anySpec, (spec, other) => {
      const paths = driftOf(declaredOf(spec), asMade(other)).map(({ path }) => path);
      const differs = (path: string, a: unknown, b: unknown) =>
        expect([path, paths.includes(path)]).toEqual([path, JSON.stringify(a) !== JSON.stringify(b)]);
      differs("compute.maxUnits", spec.compute.maxUnits, other.compute.maxUnits);
      differs("storageBytes", spec.storageBytes, other.storageBytes);
      differs("allowFrom", spec.allowFrom, other.allowFrom);
      differs("extensions", spec.extensions, other.extensions);
      differs("tags", spec.tags, other.tags);
      expect(new Set(paths).size).toBe(paths.length);
    }),
  );
});

test("a text that somebody deployed without merging it shows each option, also those no machine has", () => {
  fc.assert(
    fc.property(anySpec, anySpec, (merged, unmerged) => {
      const declared = declaredOf(merged, { made: { phase: "Ready", identity: "i", spec: unmerged } });
      const paths = driftOf(declared, asMade(unmerged)).map(({ path }) => path);
      expect(paths.includes("replicas")).toBe(merged.replicas !== unmerged.replicas);
      expect(paths.includes("backups.pitr")).toBe(merged.backups.pitr !== unmerged.backups.pitr);
      expect(paths.includes("retire")).toBe(merged.retire !== unmerged.retire);
    }),
  );
});

test("while a text is not deployed, the measure is what was brought about last", () => {
  fc.assert(
    fc.property(anySpec, anySpec, (wanted, made) => {
      const declared = { ...declaredOf(made), declared: wanted, settled: false };
      expect(driftOf(declared, asMade(made))).toEqual([]);
    }),
  );
});

test("missing data, another's data and a database that nobody declares are left to a person", () => {
  const [spec] = fc.sample(
    anySpec.filter(({ retire }) => !retire),
    { numRuns: 1, seed: 1 },
  );
  if (spec === undefined) throw new Error("no sample");
  const made = asMade(spec);
  const one = (declared: Declared, observed: Parameters<typeof driftOf>[1]) => driftOf(declared, observed)[0];
  const nothing = { facts: undefined, inside: undefined };
  expect(one(declaredOf(spec), nothing)).toMatchObject({ path: "data", observed: "missing", effect: "by hand" });
  expect(one(declaredOf(spec), { ...nothing, facts: "unreadable" })).toMatchObject({ effect: "by hand" });
  expect(one({ ...declaredOf(spec), made: null }, nothing)).toMatchObject({ path: "database", observed: null });
  expect(one({ ...declaredOf(spec), declared: null }, made)).toMatchObject({ path: "database", declared: null });
  const swapped = { ...made, facts: { ...made.facts, folderIdentity: "other" } };
  expect(one(declaredOf(spec), swapped)).toMatchObject({ path: "data.identity", effect: "by hand" });
  expect(one(declaredOf(spec), { ...made, inside: "refused" })).toMatchObject({ path: "administrator" });
});

test("an orphan is what belongs to no row, and nothing else", () => {
  const trace = { kind: "instance", id, path: "/i/a", owner: "us", ours: true, pid: null } as const;
  const found = (
    one: Partial<Omit<typeof trace, "kind">> & { kind?: "instance" | "draft" | "copy" | "server" },
    phase?: string,
  ) => orphansAmong([{ ...trace, ...one } as never], phase === undefined ? [] : [{ id, phase }]).length;
  expect(found({}, "Ready")).toBe(0);
  expect(found({})).toBe(1);
  expect(found({}, "Removed")).toBe(1);
  expect(found({ kind: "copy" }, "Removed")).toBe(0);
  expect(found({ kind: "copy" })).toBe(1);
  expect(found({ kind: "draft" }, "Creating")).toBe(0);
  expect(found({ kind: "draft" }, "Ready")).toBe(1);
  expect(found({ kind: "server" }, "Ready")).toBe(1);
  expect(found({ ours: false as never }, "Ready")).toBe(1);
});
