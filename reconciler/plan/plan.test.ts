import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DatabaseSpec, ProjectSpec } from "../../platform/spec/index.ts";
import {
  applyPlan as applyReviewed,
  type Change,
  describeChange,
  describeStep,
  planProject,
  type Step,
  summarisePlan,
} from "./index.ts";

const GiB = 1024 ** 3;
const database = (change: Partial<DatabaseSpec> = {}): DatabaseSpec => ({
  engine: "postgres",
  name: "orders",
  version: "18",
  compute: { minUnits: 0.25, maxUnits: 0.5, suspendAfterSeconds: 0 },
  storageBytes: 10 * GiB,
  replicas: 0,
  instances: 1,
  backups: { retentionSeconds: 7 * 86_400, pitr: true },
  extensions: [],
  roles: [],
  allowFrom: [],
  tags: {},
  passwordSecret: null,
  engineOptions: {},
  retire: false,
  ...change,
});
const project = (...databases: DatabaseSpec[]): ProjectSpec => ({
  tenant: "acme",
  project: "shop",
  placement: "local",
  region: "here",
  quota: null,
  databases,
});
const step = (from: Partial<DatabaseSpec>, to: Partial<DatabaseSpec>, usedBytes?: number): Step => {
  const facts = usedBytes === undefined ? {} : { usedBytes: { orders: usedBytes } };
  const [only, ...more] = planProject(project(database(from)), project(database(to)), facts).steps;
  if (only === undefined || more.length > 0) throw new Error("one step was expected");
  return only;
};
const compute = (maxUnits: number) => ({ compute: { minUnits: 0.25, maxUnits, suspendAfterSeconds: 0 } });

describe("the effect of an option", () => {
  test.each([
    ["compute.max up restarts", {}, compute(1), "compute.maxUnits", "restart"],
    [
      "compute.min stays online",
      {},
      { compute: { ...compute(0.5).compute, minUnits: 0.5 } },
      "compute.minUnits",
      "online",
    ],
    ["storage up stays online", {}, { storageBytes: 20 * GiB }, "storageBytes", "online"],
    ["an extension is added online", {}, { extensions: ["pgcrypto"] }, "extensions[pgcrypto]", "online"],
    [
      "a preloaded extension restarts",
      {},
      { extensions: ["pg_stat_statements"] },
      "extensions[pg_stat_statements]",
      "restart",
    ],
    ["an extension dropped loses data", { extensions: ["vector"] }, {}, "extensions[vector]", "data-loss"],
    ["a role is added online", {}, { roles: [{ name: "r", login: true, access: "read" }] }, "roles.r", "online"],
    [
      "the first address beyond the machine is allowed online",
      {},
      { allowFrom: ["10.0.0.0/8"] },
      "allowFrom[10.0.0.0/8]",
      "online",
    ],
    [
      "a further address is allowed online",
      { allowFrom: ["10.0.0.0/8"] },
      { allowFrom: ["10.0.0.0/8", "192.168.0.0/16"] },
      "allowFrom[192.168.0.0/16]",
      "online",
    ],
    ["the first replica restarts", {}, { replicas: 1 }, "replicas", "restart"],
    ["more replicas are online", { replicas: 1 }, { replicas: 3 }, "replicas", "online"],
    ["to wait for a replica is online", { replicas: 1 }, { replicas: 1, synchronous: true }, "synchronous", "online"],
    ["a tag is online", {}, { tags: { owner: "shop" } }, "tags.owner", "online"],
    ["retention is online", {}, { backups: { retentionSeconds: 0, pitr: true } }, "backups.retentionSeconds", "online"],
    ["an unknown setting restarts", {}, { engineOptions: { work_mem: "8MB" } }, "engineOptions.work_mem", "restart"],
    ["retiring is downtime", {}, { retire: true }, "retire", "downtime"],
    ["coming back is online", { retire: true }, {}, "retire", "online"],
  ] as [string, Partial<DatabaseSpec>, Partial<DatabaseSpec>, string, string][])("%s", (_, from, to, path, effect) => {
    const { changes, risk, blocked } = step(from, to);
    expect(changes.map((change) => [change.path, change.effect])).toEqual([[path, effect]]);
    expect(risk).toBe(effect === "online" ? "none" : effect);
    expect(blocked).toBeUndefined();
    expect(changes[0]?.why).not.toBe("");
  });

  test.each([
    ["storage down", {}, { storageBytes: 5 * GiB }, "NEB212", "change"],
    ["version down", {}, { version: "17" }, "NEB213", "change"],
    ["another engine", {}, { engine: "mysql", version: "8.4" }, "NEB214", "replace"],
  ] as [string, Partial<DatabaseSpec>, Partial<DatabaseSpec>, string, string][])(
    "%s is blocked",
    (_, from, to, code, kind) => {
      const blocked = step(from, to);
      expect(blocked).toMatchObject({ kind, blocked: { code } });
      expect(planProject(project(database(from)), project(database(to))).blocked).toMatchObject([
        { database: "orders", code, hint: expect.stringMatching(/\S/) },
      ]);
    },
  );

  test("each option that is blocked is told with its own code and hint", () => {
    const plan = planProject(project(database()), project(database({ version: "17", storageBytes: 5 * GiB })));
    expect(plan.blocked.map(({ database: of, code, message }) => [of, code, message])).toEqual([
      ["orders", "NEB212", "orders has 10Gi; it cannot shrink to 5Gi"],
      ["orders", "NEB213", "orders runs 18; it cannot go down to 17"],
    ]);
    expect(new Set(plan.blocked.map(({ hint }) => hint)).size).toBe(2);
    expect(plan.steps.map(({ blocked }) => blocked?.code)).toEqual(["NEB212"]);
  });

  test("of a version is an upgrade with a rehearsal on the local placement", () => {
    const plan = planProject(project(database({ version: "17" })), project(database()));
    expect([plan.risk, plan.blocked]).toEqual(["downtime", []]);
    expect(plan.steps[0]?.changes[0]?.why).toMatch(/^upgrade from PostgreSQL 17 to 18: rehearsed on a copy first/);
  });

  test("of a version is downtime or a restart where the placement upgrades in place", () => {
    const there = (version: string) =>
      ({ ...project(database({ version })), placement: "kubernetes", region: "fra" }) as const;
    expect(planProject(there("17"), there("18"))).toMatchObject({ risk: "downtime", blocked: [] });
    expect(planProject(there("18.1"), there("18.2"))).toMatchObject({ risk: "restart", blocked: [] });
    expect(planProject(there("18"), there("17")).blocked).toMatchObject([{ code: "NEB213" }]);
  });

  test("storage shrinks only where it is known to use less", () => {
    const smaller = { storageBytes: 5 * GiB };
    expect(step({}, smaller, 4 * GiB).blocked).toBeUndefined();
    expect(step({}, smaller, 5 * GiB).blocked?.code).toBe("NEB212");
  });

  test("of a stopped database is never a restart", () => {
    expect(step({ retire: true }, { retire: true, ...compute(2) })).toMatchObject({ kind: "change", risk: "none" });
  });
});

describe("a database that goes", () => {
  test("is deleted when it was retired before, keeping a final copy", () => {
    const plan = planProject(project(database({ retire: true })), project());
    expect(plan).toMatchObject({ steps: [{ kind: "delete", risk: "data-loss" }], blocked: [], risk: "data-loss" });
    expect(plan.steps.map(describeStep)).toEqual([
      "delete orders: it is removed; a final copy is kept for 7d (data-loss)",
    ]);
  });

  test("is blocked when it was not", () => {
    expect(planProject(project(database()), project()).blocked).toMatchObject([{ database: "orders", code: "NEB208" }]);
  });
});

test("placement and region are blocked while databases live, and free before", () => {
  const moved = { ...project(database()), placement: "aws", region: "eu" } as const;
  const blocked = planProject(project(database()), moved).blocked;
  expect(blocked.map(({ code, database: of }) => [code, of])).toEqual([
    ["NEB215", null],
    ["NEB215", null],
  ]);
  expect(planProject(project(), { ...moved, databases: [] })).toMatchObject({ blocked: [], steps: [], risk: "none" });
});

test("plans read as sentences", () => {
  const from = project(database(), database({ name: "old" }));
  const to = project(
    database({ ...compute(1), storageBytes: 20 * GiB, extensions: ["pgcrypto"], tags: { owner: "shop" } }),
    database({ name: "old", retire: true }),
    database({ name: "carts" }),
  );
  const plan = planProject(from, to);
  expect(plan.steps.map(describeStep)).toEqual([
    "create carts: postgres 18, 0.25-0.5 units, 10Gi",
    "retire old: retire false → true (downtime)",
    "change orders: compute.max 0.5 → 1, extensions pgcrypto added, storage 10Gi → 20Gi, tags.owner none → shop (restart)",
  ]);
  expect(summarisePlan(plan)).toBe("1 to create, 1 to change, 1 to retire");
  expect(summarisePlan(planProject(to, to))).toBe("no changes");
  const api = { maxRows: 5, cache: {}, limits: { endpoints: {} }, schemas: ["a"] } as unknown as DatabaseSpec["api"];
  const served = {
    ...api,
    maxRows: 6,
    cache: { "public.t": 60 },
    schemas: ["b", "a"],
  } as unknown as DatabaseSpec["api"];
  expect(describeStep(step({}, { ...(api && { api }) }))).toBe("change orders: data API on");
  expect(describeStep(step({ ...(api && { api }) }, { ...(served && { api: served }) }))).toBe(
    "change orders: api.cache.public.t none → 1m, api.maxRows 5 → 6, api.schemas a → b, a",
  );
  const role: Change = { path: "roles.r", from: null, to: { login: false, access: "read" }, effect: "online", why: "" };
  expect(describeChange(role)).toBe("roles.r none → read, no login");
});

const names = fc.constantFrom("a", "b", "c");
const word = fc.constantFrom("x", "y", "z");
const set = fc.uniqueArray(word).map((all) => all.sort());
const tables = fc.dictionary(fc.constantFrom("public.a", "a.b.c", "rpc.f"), fc.integer({ min: 1, max: 3 }));
/** Its lists are in an order, its records have dots in their names. */
const apis = fc.record({
  schemas: fc.uniqueArray(word, { minLength: 1 }),
  anonymous: fc.boolean(),
  roles: set,
  maxRows: fc.nat(2),
  jwt: fc.array(fc.record({ jwks: word, algorithms: set }, { noNullPrototype: true })),
  limits: fc.record({ perSecond: fc.nat(2), endpoints: tables }),
  cache: tables,
});
const databases = fc
  .record({
    api: fc.option(apis, { nil: undefined }),
    engine: fc.constantFrom("postgres", "mysql"),
    name: names,
    version: fc.constantFrom("17", "18"),
    compute: fc.record({
      minUnits: fc.constantFrom(0.25, 0.5),
      maxUnits: fc.constantFrom(1, 2),
      suspendAfterSeconds: fc.constantFrom(0, 300),
    }),
    storageBytes: fc.constantFrom(GiB, 2 * GiB),
    replicas: fc.nat(1),
    instances: fc.integer({ min: 1, max: 2 }),
    backups: fc.record({ retentionSeconds: fc.constantFrom(0, 60), pitr: fc.boolean() }),
    extensions: set,
    roles: fc
      .uniqueArray(fc.record({ name: word, login: fc.boolean(), access: fc.constantFrom("read", "write") }), {
        selector: ({ name }) => name,
      })
      .map((all) => all.sort((p, q) => (p.name < q.name ? -1 : 1))),
    allowFrom: set,
    tags: fc.dictionary(word, word),
    passwordSecret: fc.option(word),
    engineOptions: fc.dictionary(word, fc.oneof(word, fc.nat(3), fc.boolean())),
    retire: fc.boolean(),
  })
  .map(({ api, ...rest }) => (api === undefined ? rest : { ...rest, api })) as unknown as fc.Arbitrary<DatabaseSpec>;
const projects = fc
  .uniqueArray(databases, { selector: ({ name }) => name })
  .map((all) => project(...all.sort((p, q) => (p.name < q.name ? -1 : 1))));

describe("for any two specs", () => {
  test("the plan holds every difference: its changes turn the one into the other, and then nothing is left", () => {
    fc.assert(
      fc.property(projects, projects, (from, to) => {
        const plan = planProject(from, to);
        const applied = applyPlan(from, plan.steps);
        expect(applied).toEqual(to);
        expect(applyReviewed(from, plan)).toEqual(to);
        expect(planProject(applied, to)).toMatchObject({ steps: [], project: [], blocked: [], risk: "none" });
      }),
      { numRuns: 300 },
    );
  });

  test("order changes nothing, and equal plans alone have equal hashes", () => {
    const turned = (all: ProjectSpec): ProjectSpec => ({
      ...all,
      databases: [...all.databases].reverse().map((one) => ({
        ...one,
        extensions: [...one.extensions].reverse(),
        roles: [...one.roles].reverse(),
        allowFrom: [...one.allowFrom].reverse(),
        tags: Object.fromEntries(Object.entries(one.tags).reverse()),
      })),
    });
    fc.assert(
      fc.property(projects, projects, projects, (from, to, other) => {
        const plan = planProject(from, to);
        const again = planProject(turned(from), turned(to));
        expect(again.steps.map(withoutWhole)).toEqual(plan.steps.map(withoutWhole));
        expect(planProject(from, turned(from)).steps).toEqual([]);
        const different = planProject(from, other);
        const same = JSON.stringify(different.steps) === JSON.stringify(plan.steps);
        expect(different.hash === plan.hash).toBe(same);
      }),
    );
  });

  test("data is lost only by a step that says so, and a live database is never deleted or replaced unblocked", () => {
    fc.assert(
      fc.property(projects, projects, (from, to) => {
        for (const one of planProject(from, to).steps) {
          const live = from.databases.some(({ name, retire }) => name === one.database && !retire);
          if (one.kind === "delete") expect([one.risk, one.blocked === undefined]).toEqual(["data-loss", !live]);
          if (one.kind === "replace") expect(one.blocked).toBeDefined();
          if (one.blocked !== undefined) expect(one.risk).not.toBe("none");
        }
      }),
    );
  });
});

const withoutWhole = (one: Step) => ({ ...one, changes: one.changes.filter(({ path }) => path !== "") });

/** An independent reading of the changes: writes each `to` where its path says. */
function applyPlan(from: ProjectSpec, steps: readonly Step[]): ProjectSpec {
  const all = new Map(from.databases.map((one) => [one.name, structuredClone(one) as DatabaseSpec]));
  for (const { database: name, changes } of steps)
    for (const { path, to } of changes) {
      const target = all.get(name) as unknown as Record<string, unknown> | undefined;
      if (path === "" && to === null) all.delete(name);
      else if (path === "") all.set(name, structuredClone(to) as unknown as DatabaseSpec);
      else if (target) write(target, path, to);
    }
  const sorted = [...all.values()].sort((p, q) => (p.name < q.name ? -1 : 1));
  return { ...from, databases: sorted };
}

function write(target: Record<string, unknown>, path: string, to: unknown): void {
  const [, list, element] = /^(\w+)\[(.*)\]$/.exec(path) ?? [];
  if (list !== undefined && element !== undefined) {
    const others = (target[list] as string[]).filter((one) => one !== element);
    target[list] = (to === true ? [...others, element] : others).sort();
    return;
  }
  const [, place, key] = /^api\.(?:(limits\.endpoints|limits|cache)\.)?(.+)$/.exec(path) ?? [];
  if (key !== undefined) {
    type Nested = Record<string, Record<string, unknown>>;
    const api = target.api as Nested;
    const holder =
      place === undefined ? api : place === "limits.endpoints" ? (api.limits as Nested).endpoints : api[place];
    if (to === null) delete holder?.[key];
    else if (holder !== undefined) holder[key] = to as Record<string, unknown>;
    return;
  }
  if (path === "api" && to === null) {
    delete target.api;
    return;
  }
  const [first = "", second, third] = path.split(".");
  if (first === "roles" && second !== undefined) {
    const roles = target.roles as { name: string }[];
    const role = roles.find(({ name }) => name === second);
    if (third !== undefined && role) (role as Record<string, unknown>)[third] = to;
    else if (to === null) target.roles = roles.filter((one) => one !== role);
    else target.roles = [...roles, { name: second, ...(to as object) }].sort((p, q) => (p.name < q.name ? -1 : 1));
  } else if (second === undefined) target[first] = to;
  else if (to === null && first !== "compute") delete (target[first] as Record<string, unknown>)[second];
  else (target[first] as Record<string, unknown>)[second] = to;
}

describe("a branch", () => {
  const now = new Date("2026-11-21T00:00:00Z");
  const branch = (change: Partial<DatabaseSpec> = {}, at: string | null = null): DatabaseSpec =>
    database({ name: "feature-x", branch: { of: "orders", at, ttlSeconds: null }, ...change });
  const created = (at: string | null) =>
    planProject(project(database()), project(branch({}, at), database()), { now }).steps.map(
      ({ kind, blocked }) => `${kind} ${blocked?.code ?? ""}`,
    );
  const changed = (from: DatabaseSpec, to: DatabaseSpec) =>
    planProject(project(from, database()), project(to, database()), { now }).steps.flatMap(({ changes, blocked }) =>
      changes.map(({ path, effect }) => `${path} ${effect} ${blocked?.code ?? ""}`),
    );

  test("is made of now, or of a moment that its parent keeps", () => {
    expect(created(null)).toEqual(["create "]);
    expect(created("2026-11-20T00:00:00.000Z")).toEqual(["create "]);
    expect(created("2026-11-22T00:00:00.000Z")).toEqual(["create NEB136"]);
    expect(created("2026-11-13T00:00:00.000Z")).toEqual(["create NEB137"]);
  });

  test("is not made of a moment that its parent's backups do not reach", () => {
    const window = { from: new Date("2026-11-19T00:00:00Z"), to: new Date("2026-11-20T12:00:00Z") };
    const blocked = (at: string, known: typeof window | null) =>
      planProject(project(database()), project(branch({}, at), database()), {
        now,
        restorable: new Map([["orders", known]]),
      }).blocked.map(({ code, message }) => `${code} ${message}`);
    expect(blocked("2026-11-18T00:00:00.000Z", window)).toEqual([
      "NEB137 feature-x is to be orders as it was at 2026-11-18T00:00:00.000Z; that moment is before 2026-11-19T00:00:00.000Z, the first that can be restored: from then to 2026-11-20T12:00:00.000Z and the seconds since",
    ]);
    expect(blocked("2026-11-20T00:00:00.000Z", window)).toEqual([]);
    expect(blocked("2026-11-20T20:00:00.000Z", window)).toEqual([]); // not stored yet: the branch fetches it
    expect(blocked("2026-11-20T00:00:00.000Z", null)).toEqual([expect.stringMatching(/^NEB137 .* no backup yet$/)]);
  });

  test("whose moment was reviewed in time has the same plan later", () => {
    const next = project(branch({}, "2026-11-20T00:00:00.000Z"), database());
    expect(planProject(project(database()), next, { now }).hash).toBe(planProject(project(database()), next).hash);
  });

  test("goes with its file, without being retired", () => {
    const [gone] = planProject(project(branch(), database()), project(database())).steps;
    expect(gone).toMatchObject({ kind: "delete", risk: "data-loss" });
    expect(gone?.blocked).toBeUndefined();
  });

  test("is not given a time that is over already", () => {
    const ends = (ttlSeconds: number | null) => branch({ branch: { of: "orders", at: null, ttlSeconds } });
    const blocked = (from: number | null, to: number | null, ages = new Map([["feature-x", 780]])) =>
      planProject(project(ends(from), database()), project(ends(to), database()), { ages }).blocked.map(
        ({ database: of, code, message }) => `${of} ${code} ${message}`,
      );
    const said = "feature-x NEB135 the ttl of feature-x counts from its creation, 780 s ago, so 2m are over";
    expect(blocked(3600, 120)).toEqual([said]);
    expect(blocked(null, 120)).toEqual([said]);
    expect(blocked(60, 120)).toEqual([said]); // longer than it was, and over all the same
    expect(blocked(3600, 7200)).toEqual([]);
    expect(blocked(3600, null)).toEqual([]);
    expect(blocked(3600, 120, new Map())).toEqual([]); // where nobody knows, whoever applies it looks
  });

  test("lives longer or becomes a database of its own online, and is never of something else", () => {
    const ends = branch({ branch: { of: "orders", at: null, ttlSeconds: 60 } });
    expect(changed(branch(), ends)).toEqual(["branch.ttlSeconds online "]);
    const { branch: _, ...own } = branch();
    expect(changed(branch(), own)).toEqual(["branch online "]);
    expect(changed(own, branch())).toEqual(["branch data-loss NEB138"]);
    expect(changed(branch(), branch({}, "2026-11-20T00:00:00.000Z"))).toEqual(["branch.at data-loss NEB138"]);
    const other = branch({ branch: { of: "catalog", at: null, ttlSeconds: null } });
    expect(changed(branch(), other)).toEqual(["branch.of data-loss NEB138"]);
  });
});

test("a spec of the previous release is the same as one of this, and its plans too", () => {
  const plain = project(database());
  expect(planProject(plain, project({ ...database() })).steps).toEqual([]);
  const limited = project(database({ connections: { max: 10 } }));
  const [grown] = planProject(plain, limited).steps;
  expect(grown?.changes.map(({ path, effect }) => [path, effect])).toEqual([["connections", "online"]]);
  for (const [from, to] of [
    [plain, limited],
    [limited, plain],
    [limited, project(database({ connections: { perSecond: 5 } }))],
  ] as const)
    expect(applyReviewed(from, planProject(from, to))).toEqual(to);
});
