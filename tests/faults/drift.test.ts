import { makeDirectEffects } from "../../platform/provider/index.ts";
import type { DatabaseId, ProjectSpec } from "../../platform/spec/index.ts";
import { specHash } from "../../platform/spec/index.ts";
import { recordApplied, recordWanted } from "../../platform/store/index.ts";
import { type DriftOptions, makeDriftPass } from "../../reconciler/drift/index.ts";
import { makeGround, vault } from "../compute/ground.ts";
import { database, project } from "../deploy/stand.ts";
import { asAdministrator } from "../harness/administrator.ts";
import { testDatabase } from "../harness/postgres.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";
import { type Change, changes, foreign, type Victim } from "./drift-changes.ts";

/** One database a project, so that one change is one database's; as many as are looked at in one pass. */
const width = 6;

const spec = (name: string): ProjectSpec =>
  project("acme", name, [
    database("orders", {
      ...{ extensions: ["hstore"], tags: { team: "shop" }, allowFrom: ["10.0.0.0/8"] },
      ...{ compute: { min: 0.25, max: 0.25 }, storage: "2Gi" },
      roles: [
        { name: "reporting", login: true, access: "read" },
        { name: "app", login: true, access: "write" },
      ],
    }),
  ]);

async function makeWorld() {
  const [db, ground] = await Promise.all([testDatabase(), makeGround({ spares: 0 })]);
  const { sql } = db;
  const { driver } = ground;
  const direct = makeDirectEffects({ sql, vault, driver });
  const under = async <T>(
    stack: string,
    body: (scope: { stack: string; fence: number; commit: null }) => Promise<T>,
  ) => {
    const { fence } = await sql.one<{ fence: number }>(
      `insert into stacks (stack, fence, operation) values ($1, 1, 'o')
       on conflict (stack) do update set fence = stacks.fence + 1, operation = 'o' returning fence`,
      [stack],
    );
    const value = await body({ stack, fence, commit: null });
    await sql.query("update stacks set operation = null where stack = $1", [stack]);
    return value;
  };
  await sql.query(
    `insert into repositories (id, owner, name, api_url, git_url, hook_secret_sealed, bot_token_sealed)
     values ('repo_1', 'nebula', 'tenants', '', '', '', '')`,
  );
  const ids: DatabaseId[] = [];
  for (let i = 0; i < width; i++) {
    const wanted = spec(`p${i}`);
    const [one] = wanted.databases;
    if (one === undefined) throw new Error("no database");
    const { tenant, project: name, placement, region } = wanted;
    await under(`acme.p${i}`, (scope) =>
      direct.under(scope).ensure({ tenant, project: name, placement, region, ...one }, "create"),
    );
    const hash = specHash(wanted);
    const at = { tenant, project: name, repository: "repo_1", commit: "c", tree: hash, unsettled: false };
    await recordWanted(sql, { ...at, kind: "spec", spec: wanted, hash });
    await recordApplied(sql, `acme.p${i}`, { commit: "c", spec: wanted, hash });
    ids.push(`acme.p${i}.orders`);
  }
  return {
    ...{ sql, driver, ids },
    heal: (id: DatabaseId) => under(id.split(".").slice(0, 2).join("."), (scope) => direct.operate(scope).heal(id)),
    async close() {
      await ground.clear();
      await db.close();
    },
  };
}

type World = Awaited<ReturnType<typeof makeWorld>>;

/** The control: what was applied is taken for what is there, as a tool does that reads back its own state. */
async function believing({ driver, ids }: World): Promise<DriftOptions["driver"]> {
  const known = await Promise.all(
    ids.map(async (id) => [id, await driver.facts(id), await driver.inspect(id, new Map())] as const),
  );
  const facts = new Map(known.map(([id, seen]) => [id, seen]));
  const inside = new Map(known.map(([id, , seen]) => [id, seen]));
  return {
    facts: async (id) => facts.get(id),
    inspect: async (id) => inside.get(id),
    traces: () => driver.traces(),
  };
}

async function run({ n, random, guarded }: RowInput): Promise<Trials> {
  const world = await makeWorld();
  const { sql, driver, ids } = world;
  const pass = makeDriftPass({
    // No status pass runs here that would start a killed server.
    ...{ sql, vault, observe: () => undefined, startsWithinMs: 0 },
    driver: guarded ? driver : await believing(world),
  });
  const violations: string[] = [];
  const kept: { readonly id: DatabaseId; readonly trial: number; readonly change: Change }[] = [];
  const found = async (): Promise<ReadonlyMap<string, readonly string[]>> => {
    await pass.run({ everything: true });
    const rows = await sql.query<{ instance: string; path: string }>(
      "select instance, path from drift_findings where closed_at is null order by path",
    );
    return new Map(ids.map((id) => [id, rows.filter(({ instance }) => instance === id).map(({ path }) => path)]));
  };
  let trials = 0;
  try {
    while (trials < n) {
      const round = ids.map((id) => ({
        id,
        change: random.chance(0.15) ? random.pick(foreign) : random.pick(changes),
        victim: { id, driver, vault, ledger: sql, random, trial: ++trials } satisfies Victim,
      }));
      for (const { id, change, victim } of round) {
        await change.make(victim);
        if (foreign.includes(change)) kept.push({ id, change, trial: victim.trial });
      }
      const seen = await found();
      for (const { id, change } of round)
        if (seen.get(id)?.join() !== change.paths.join())
          violations.push(
            `${change.name}: found ${seen.get(id)?.join() || "nothing"}, not ${change.paths.join() || "nothing"}`,
          );
      for (const { id, change, victim } of round) {
        await change.undo?.(victim);
        if (change.paths.length > 0) await world.heal(id);
      }
      for (const [id, paths] of await found())
        if (paths.length > 0) violations.push(`${id} is healed, and still shows ${paths.join()}`);
    }
    violations.push(...(await missing(world, kept)));
  } finally {
    await pass.close();
    await world.close();
  }
  return { trials, violations };
}

/** Foreign objects that are gone. */
async function missing(
  { driver }: World,
  kept: readonly { readonly id: DatabaseId; readonly trial: number; readonly change: Change }[],
): Promise<readonly string[]> {
  const gone: string[] = [];
  for (const { id, trial, change } of kept) {
    const objects = await asAdministrator({ driver, vault }, id, (sql) =>
      sql.query<{ name: string }>(
        `select nspname as name from pg_namespace where nspname = $1 union select rolname from pg_roles where rolname = $1`,
        [`foreign_${trial}`],
      ),
    );
    if (/tables|role made/.test(change.name) && objects.length === 0)
      gone.push(`${change.name}: foreign_${trial} is gone`);
  }
  return gone;
}

catalogueRow({
  suite: "faults",
  name: "drift: random out-of-band changes",
  promise: "every change shows within one pass as what it is, nothing else ever shows, and foreign objects stay",
  n: { small: 200, large: 2000 },
  run,
  control: { without: "a look at the machine (what was applied is believed)", n: 12 },
  timeoutMs: 240_000,
});
