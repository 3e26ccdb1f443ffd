import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DatabaseSpec, ProjectSpec } from "../../platform/spec/index.ts";
import { applyPlan, findUnreviewed, planProject, type ReviewedPlan } from "./index.ts";

const GiB = 1024 ** 3;
const database = (name: string, change: Partial<DatabaseSpec> = {}): DatabaseSpec => ({
  ...{ engine: "postgres", name, version: "18", storageBytes: GiB, replicas: 0, instances: 1 },
  compute: { minUnits: 0.25, maxUnits: 0.5, suspendAfterSeconds: 0 },
  backups: { retentionSeconds: 60, pitr: true },
  ...{ extensions: [], roles: [], allowFrom: [], tags: {}, passwordSecret: null, engineOptions: {}, retire: false },
  ...change,
});
const project = (...databases: DatabaseSpec[]): ProjectSpec => ({
  ...{ tenant: "acme", project: "shop", placement: "local", region: "here", quota: null },
  databases: databases.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
});
const reviewed = (from: ProjectSpec | null, to: ProjectSpec): ReviewedPlan => {
  const { hash, steps, project: own } = planProject(from, to);
  return { ...{ number: 1, head: "h", commit: "c", wanted: null }, hash, steps, project: own };
};
const unreviewed = (running: ProjectSpec | null, wanted: ProjectSpec, plans: readonly ReviewedPlan[]) =>
  findUnreviewed(running, wanted, planProject(running, wanted), plans).map(
    ({ database: of, text }) => `${of}: ${text}`,
  );

const units = (maxUnits: number) => ({ compute: { minUnits: 0.25, maxUnits, suspendAfterSeconds: 0 } });

describe("what was not reviewed", () => {
  const [small, medium, large] = [0.5, 1, 2].map((max) => project(database("orders", units(max)))) as [
    ProjectSpec,
    ProjectSpec,
    ProjectSpec,
  ];

  test("is everything when nothing was reviewed, and nothing of a plan that was", () => {
    expect(unreviewed(small, medium, [])).toEqual(["orders: compute.max 0.5 → 1"]);
    expect(unreviewed(small, medium, [reviewed(small, medium)])).toEqual([]);
    expect(unreviewed(small, small, [])).toEqual([]);
  });

  test("is nothing of two merges that are deployed as one, half-way or wholly", () => {
    const plans = [reviewed(small, medium), reviewed(medium, large)];
    expect(unreviewed(small, large, plans)).toEqual([]);
    expect(unreviewed(medium, large, plans)).toEqual([]);
  });

  test("is a change from a value that no review saw", () => {
    const elsewhere = project(database("orders", units(8)));
    expect(unreviewed(elsewhere, medium, [reviewed(small, medium)])).toEqual([
      "orders: compute.max 8 → 1: it was reviewed from another value",
    ]);
  });

  test("is what comes on top of what was reviewed", () => {
    const wanted = project(database("orders", { ...units(1), tags: { owner: "eve" } }), database("spy"));
    expect(unreviewed(small, wanted, [reviewed(small, medium)])).toEqual([
      "orders: tags.owner none → eve",
      "spy: is created as nobody reviewed it",
    ]);
  });

  test("is a database that is created otherwise, or deleted without a review", () => {
    const asked = reviewed(small, project(database("orders", units(0.5)), database("carts")));
    const got = project(database("orders", units(0.5)), database("carts", { allowFrom: ["10.0.0.0/8"] }));
    expect(unreviewed(small, got, [asked])).toEqual(["carts: is created as nobody reviewed it"]);
    const retired = project(database("orders", { retire: true }));
    expect(unreviewed(retired, project(), [])).toEqual(["orders: is deleted"]);
    expect(unreviewed(retired, project(), [reviewed(retired, project())])).toEqual([]);
  });

  test("is a change of the project itself", () => {
    const quota = { cpuUnits: 1, memoryBytes: GiB, storageBytes: GiB, databases: 1 };
    expect(unreviewed(small, { ...small, quota }, [])).toHaveLength(1);
    expect(unreviewed(small, { ...small, quota }, [reviewed(small, { ...small, quota })])).toEqual([]);
  });

  test("is nothing where a whole role was reviewed and then one of its options", () => {
    const role = (access: "read" | "write") =>
      project(database("orders", { roles: [{ name: "r", login: true, access }] }));
    const none = project(database("orders"));
    const plans = [reviewed(none, role("read")), reviewed(role("read"), role("write"))];
    expect(unreviewed(none, role("write"), plans)).toEqual([]);
  });
});

const word = fc.constantFrom("x", "y", "z");
const set = fc.uniqueArray(word).map((all) => all.toSorted());
const databases = fc
  .record({
    name: fc.constantFrom("a", "b", "c"),
    maxUnits: fc.constantFrom(1, 2),
    storageBytes: fc.constantFrom(GiB, 2 * GiB),
    extensions: set,
    allowFrom: set,
    tags: fc.dictionary(word, word),
    roles: fc.uniqueArray(fc.record({ name: word, login: fc.boolean(), access: fc.constantFrom("read", "write") }), {
      selector: ({ name }) => name,
    }),
    retire: fc.boolean(),
  })
  .map(({ name, maxUnits, roles, ...rest }) =>
    database(name, {
      ...units(maxUnits),
      ...rest,
      roles: roles.toSorted((a, b) => (a.name < b.name ? -1 : 1)) as DatabaseSpec["roles"],
    }),
  );
const projects = fc.uniqueArray(databases, { selector: ({ name }) => name }).map((all) => project(...all));

describe("for any specs", () => {
  test("applying a plan gives what it was made for, and another plan of that is empty", () => {
    fc.assert(
      fc.property(projects, projects, (from, to) => {
        const after = applyPlan(from, planProject(from, to));
        expect(after).toEqual(to);
        expect(planProject(after, to).steps).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  test("a chain of reviewed merges covers its own sum, from wherever in the chain it was left", () => {
    fc.assert(
      fc.property(fc.array(projects, { minLength: 2, maxLength: 4 }), fc.nat(3), (chain, at) => {
        const plans = chain.slice(1).map((next, i) => reviewed(chain[i] ?? null, next));
        const [running, last] = [chain[Math.min(at, chain.length - 1)] ?? null, chain.at(-1) as ProjectSpec];
        expect(unreviewed(running, last, plans)).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  test("a plan that does something, with no review, is never covered", () => {
    fc.assert(
      fc.property(projects, projects, (from, to) => {
        const plan = planProject(from, to);
        const found = findUnreviewed(from, to, plan, []);
        expect(found.length > 0).toBe(plan.steps.length > 0);
        expect(new Set(found.map((one) => one.database))).toEqual(new Set(plan.steps.map((step) => step.database)));
      }),
    );
  });

  test("what ends elsewhere than any review is never covered", () => {
    fc.assert(
      fc.property(projects, projects, projects, (from, asked, got) => {
        const plan = planProject(from, got);
        const same = planProject(asked, got).steps.length === 0;
        const found = findUnreviewed(from, got, plan, [reviewed(from, asked)]);
        // What was left undone of a review is nobody's harm: only what is done counts.
        const differs = plan.steps.some((step) => !planProject(from, asked).steps.some((one) => isSame(one, step)));
        if (same || !differs) expect(found).toEqual([]);
        else expect(found).not.toEqual([]);
      }),
    );
  });
});

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
