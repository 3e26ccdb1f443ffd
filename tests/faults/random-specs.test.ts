import { type DatabaseSpec, type ProjectSpec, resolveDatabase, specHash } from "../../platform/spec/index.ts";
import { runningSpec } from "../../reconciler/deploy/index.ts";
import { applyPlan, type Plan, planProject, type Step } from "../../reconciler/plan/index.ts";
import type { Random } from "../harness/random.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";

/**
 * The real plan over a provider that only keeps state and fails one call in ten, before or after its effect. The oracle is the
 * test's own list of what existed and of who said `retire: true`.
 */
catalogueRow({
  suite: "faults",
  name: "random spec x random prior state x provider failing at p = 0.1",
  promise: "the state is always valid, nothing is lost unasked, and the plan after apply is empty",
  n: { small: 1000, large: 100_000 },
  run,
  control: { without: "the blocks of the plan", n: 200 },
});

type Phase = "Creating" | "Ready" | "Retired" | "Removed";
type Made = { readonly database: string; readonly phase: Phase; readonly spec: DatabaseSpec };
type Machine = Map<string, Made>;

class ProviderFailed extends Error {}

async function run({ n, random, guarded }: RowInput): Promise<Trials> {
  const violations: string[] = [];
  let [blocked, applied, tries] = [0, 0, 0];
  for (let trial = 0; trial < n; trial++) {
    const before = randomProject(random);
    const wanted = random.chance(0.7) ? grownFrom(before, random) : randomProject(random);
    const machine: Machine = new Map(before.databases.map((spec) => [spec.name, made(spec)]));
    const note = (text: string) => violations.push(`trial ${trial}: ${text}`);
    const ending = bring(machine, { before, wanted }, { random, guarded, note });
    blocked += ending.kind === "blocked" ? 1 : 0;
    applied += ending.kind === "applied" ? 1 : 0;
    tries += ending.tries;
    for (const lost of before.databases.filter(({ name, retire }) => !retire && isGone(machine, name)))
      note(`${lost.name} was destroyed, and nobody had retired it`);
    const replaced = before.databases.filter(({ name, engine }) => machine.get(name)?.spec.engine !== engine);
    for (const { name, retire } of replaced)
      if (!retire && !isGone(machine, name)) note(`${name} was replaced by an empty one`);
  }
  return { trials: n, violations, figures: { blocked, applied, tries } };
}

type Ending = { readonly kind: "applied" | "blocked"; readonly tries: number };

/** Deploys until the provider lets it through; looks at the state after each try. */
function bring(
  machine: Machine,
  { before, wanted }: { readonly before: ProjectSpec; readonly wanted: ProjectSpec },
  { random, guarded, note }: { random: Random; guarded: boolean; note: (text: string) => void },
): Ending {
  const known = new Set([...before.databases, ...wanted.databases].map(specHash));
  for (let tries = 1; ; tries++) {
    const running = runningSpec(before, wanted, [...machine.values()]);
    const plan = planProject(running, wanted);
    if (guarded && plan.blocked.length > 0) return { kind: "blocked", tries };
    try {
      for (const step of plan.steps) applyTo(machine, step, wanted, random);
    } catch (thrown) {
      if (!(thrown instanceof ProviderFailed)) throw thrown;
      for (const { spec, database } of machine.values())
        if (!known.has(specHash(spec))) note(`${database} is neither what it was nor what it should be`);
      if (tries < 200) continue;
      note("it never came through");
    }
    const left = remaining(machine, before, wanted);
    if (left.steps.length > 0) note(`after apply the plan still says ${left.steps.map(({ kind }) => kind).join(", ")}`);
    if (
      specHash(applyPlan(running ?? { ...wanted, databases: [] }, { ...plan, project: [] }).databases) !==
      specHash(wanted.databases)
    )
      note("the plan does not lead to what is wanted");
    return { kind: "applied", tries };
  }
}

const remaining = (machine: Machine, before: ProjectSpec, wanted: ProjectSpec): Plan =>
  planProject(runningSpec(before, wanted, [...machine.values()]), wanted);

/** One call of the provider: it may fail before it did anything, half-way, or after. */
function applyTo(machine: Machine, { kind, database }: Step, wanted: ProjectSpec, random: Random): void {
  const fail = (): void => {
    if (random.chance(0.1 / 3)) throw new ProviderFailed();
  };
  fail();
  const spec = wanted.databases.find(({ name }) => name === database);
  const old = machine.get(database);
  if (kind === "delete") {
    if (old !== undefined) machine.set(database, { ...old, phase: "Removed" });
  } else if (spec !== undefined) {
    if (kind === "create") machine.set(database, { database, phase: "Creating", spec });
    fail();
    machine.set(database, made(spec));
  }
  fail();
}

const made = (spec: DatabaseSpec): Made => ({ database: spec.name, phase: spec.retire ? "Retired" : "Ready", spec });
const isGone = (machine: Machine, name: string): boolean =>
  machine.get(name)?.phase === "Removed" || !machine.has(name);

function randomProject(random: Random): ProjectSpec {
  const names = random.shuffle(["orders", "carts", "users", "logs"]).slice(0, random.int(0, 4));
  return project(names.map((name) => randomDatabase(name, random)));
}

/** What people do mostly: some databases change, one comes, one that was retired goes. */
function grownFrom({ databases }: ProjectSpec, random: Random): ProjectSpec {
  const kept = databases.filter(({ retire }) => !retire || random.chance(0.5));
  const changed = kept.map((spec) =>
    random.chance(0.5)
      ? {
          ...randomDatabase(spec.name, random),
          storageBytes: spec.storageBytes,
          engine: spec.engine,
          version: spec.version,
        }
      : spec,
  );
  const fresh = ["sessions", "jobs"].slice(0, random.int(0, 2)).map((name) => randomDatabase(name, random));
  return project([...changed, ...fresh]);
}

const project = (databases: readonly DatabaseSpec[]): ProjectSpec => ({
  ...{ tenant: "acme", project: "shop", placement: "local", region: "local", quota: null },
  databases: databases.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
});

function randomDatabase(name: string, random: Random): DatabaseSpec {
  const engine = random.chance(0.9) ? "postgres" : "mysql";
  const options = {
    version: engine === "postgres" ? random.pick(["17", "18"]) : "8.4",
    compute: { min: 0.25, max: random.pick([0.5, 1, 2]) },
    storage: random.pick(["1Gi", "2Gi", "5Gi"]),
    tags: random.chance(0.5) ? { team: random.pick(["red", "blue"]) } : {},
    ...(engine === "postgres"
      ? { extensions: random.shuffle(["pgcrypto", "vector", "citext"]).slice(0, random.int(0, 2)) }
      : {}),
    roles: random.chance(0.3) ? [{ name: "reader", access: "read" }] : [],
    allowFrom: random.chance(0.3) ? ["10.0.0.0/8"] : [],
    ...(random.chance(0.3) ? { retire: true } : {}),
  };
  const resolved = resolveDatabase({ engine, name, options });
  if (resolved.kind !== "ok") throw new Error(JSON.stringify(resolved.problems));
  return resolved.spec;
}
