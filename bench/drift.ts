/**
 * One drift pass over many databases: real ledger, real comparison, real writes; the compute driver only keeps state, so that the
 * control plane is what is measured. Three sizes, because the cost must be linear. Beside it: real PostgreSQL servers, looked at by
 * their files, and looked into by asking each of them.
 */
import type { InstanceWanted, LocalDriver } from "../platform/compute/index.ts";
import { limitsFor, makeStateDriver } from "../platform/compute/index.ts";
import { Secret } from "../platform/core/index.ts";
import { objectNames, specHash } from "../platform/spec/index.ts";
import type { Pool } from "../platform/sql/index.ts";
import { ensureCredential, recordApplied, recordWanted } from "../platform/store/index.ts";
import { makeDriftPass } from "../reconciler/drift/index.ts";
import { percentile, progress, report, round } from "./ground/report.ts";
import { freePort, type Ground, oneDatabase, openGround } from "./ground/sides.ts";

const runs = Number(process.env.NEBULA_BENCH_RUNS ?? 5);
const sizes = [250, 500, 1000] as const;
const realSize = Number(process.env.NEBULA_BENCH_REAL ?? 50);
/** Of a hundred databases so many are not as declared: what differs is looked at twice. */
const drifted = 5;

type Measured = { readonly usualMs: number; readonly everythingMs: number };
const ground = await openGround(await freePort());
const results = new Map<number, Measured>();
let real: Measured;
try {
  const driver = makeStateDriver({ dataDir: ground.dataDir });
  let made = 0;
  for (const size of sizes) {
    progress(`${size} databases`);
    for (; made < size; made++) await addDatabase(ground, driver, made, made % 100 < drifted);
    results.set(size, await measure(ground, driver));
  }
  progress(`${realSize} real databases`);
  await ground.sql.query("delete from instances");
  await ground.sql.query("delete from projects");
  await ground.sql.query("delete from drift_findings");
  for (let i = 0; i < realSize; i++) await addDatabase(ground, ground.driver, i, false);
  real = await measure(ground, ground.driver);
} finally {
  await ground.scope.close();
}

const at = (size: number): Measured => results.get(size) ?? { usualMs: Number.NaN, everythingMs: Number.NaN };
const [smallest, largest] = [sizes[0], sizes[sizes.length - 1] ?? 1000];
report({
  bench: "drift",
  runs,
  figures: {
    databases: largest,
    passSeconds: round(at(largest).usualMs / 1000, 2),
    everythingSeconds: round(at(largest).everythingMs / 1000, 2),
    ...Object.fromEntries(sizes.map((size) => [`passMsAt${size}`, round(at(size).usualMs, 0)])),
    ...Object.fromEntries(sizes.map((size) => [`everythingMsAt${size}`, round(at(size).everythingMs, 0)])),
    linearity: round(at(largest).everythingMs / at(smallest).everythingMs / (largest / smallest), 2),
    realDatabases: realSize,
    realPassMs: round(real.usualMs, 0),
    realInspectMsEach: round(real.everythingMs / realSize, 1),
  },
  goals: { passSeconds: "<= 10", everythingSeconds: "<= 10", linearity: "<= 1.5" },
  notes: [
    "passSeconds: as it runs every 20 s, files and rows of all and a thirtieth of the servers asked; everything: all of them asked",
    `${drifted} of a hundred databases are not as declared and are looked at twice`,
    "linearity: how much more than four times as long four times the databases take",
    "realInspectMsEach: two connections a server, one after the other on each of 8; spread over ten minutes in service",
  ],
});

async function measure({ sql, vault }: Ground, driver: LocalDriver): Promise<Measured> {
  const pass = makeDriftPass({ sql, vault, driver, observe: () => undefined });
  const timed = async (everything: boolean): Promise<number> => {
    const began = performance.now();
    await pass.run({ everything });
    return performance.now() - began;
  };
  await timed(true);
  const [usual, everything]: [number[], number[]] = [[], []];
  for (let i = 0; i < runs; i++) {
    usual.push(await timed(false));
    everything.push(await timed(true));
  }
  await pass.close();
  return { usualMs: percentile(usual, 50), everythingMs: percentile(everything, 50) };
}

/** As a deployment leaves it: the instance, its row, its password, and a project whose text is in force. */
async function addDatabase({ sql, vault }: Ground, driver: LocalDriver, i: number, drifts: boolean) {
  const spec = oneDatabase("acme", `p${i}`);
  const [database] = spec.databases;
  if (database === undefined) throw new Error("no database");
  const id = `acme.p${i}.orders` as const;
  const names = objectNames("acme", `p${i}`, "orders");
  const wanted: InstanceWanted = {
    ...{ id, version: "18", units: database.compute.maxUnits, databaseName: names.database },
    ...{ ownerRole: names.ownerRole, ownerPassword: await ensureCredential(sql, vault, id, names.ownerRole) },
    ...{ roles: [], extensions: [], allowFrom: [], storageBytes: database.storageBytes, tags: database.tags },
    ...{ suspendAfterSeconds: 0, limits: limitsFor(database.compute.maxUnits) },
  };
  const made = await driver.ensure(drifts ? { ...wanted, storageBytes: 1, ownerPassword: new Secret("x") } : wanted);
  await addRows(sql, { id, spec, identity: made.identity });
}

async function addRows(
  sql: Pool,
  { id, spec, identity }: { id: string; spec: ReturnType<typeof oneDatabase>; identity: string | null },
) {
  const { tenant, project, databases } = spec;
  const [stack, hash] = [`${tenant}.${project}`, specHash(spec)];
  await sql.query(
    `insert into repositories (id, owner, name, api_url, git_url, hook_secret_sealed, bot_token_sealed)
     values ('repo_1', 'nebula', 'tenants', '', '', '', '') on conflict do nothing`,
  );
  const at = { tenant, project, repository: "repo_1", commit: "c", tree: hash, unsettled: false };
  await recordWanted(sql, { ...at, kind: "spec", spec, hash });
  await recordApplied(sql, stack, { commit: "c", spec, hash });
  await sql.query(
    `insert into instances (id, stack, database, engine, placement, version, phase, spec, fence, identity)
     values ($1, $2, 'orders', 'postgres', 'local', '18', 'Ready', $3::jsonb, 1, $4)`,
    [id, stack, JSON.stringify(databases[0]), identity],
  );
}
