/**
 * Another major version for a database, tried on a copy first.
 *
 * 1. The copy is taken while the database serves, and converted by the same steps as the real one: what fails there has touched nothing.
 * 2. Both times the rows of every table are counted on both sides, and the extensions compared; a difference is a failure.
 * 3. Before the real one a full backup is taken, where there are backups. What was there before is kept as a final copy, until a backup of
 *    the new version is good.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { InstanceWanted, MachineDriver } from "../compute/index.ts";
import { asNebulaError } from "../core/index.ts";
import type { DatabaseId } from "../spec/index.ts";
import { quoteIdent, type Sql } from "../sql/index.ts";
import { noBackups, rehearsalFailed, upgradeDiffers } from "./errors.ts";
import type { Ground } from "./ground.ts";
import { hotCopy } from "./hot-copy.ts";
import { lookInside, type TableLook } from "./preview.ts";
import { type TakeInput, takeBackup } from "./take.ts";

type Parts = Ground & { readonly driver: MachineDriver };

export type UpgradeInput = {
  /** How backups are kept; null: there are none. */
  readonly keep: Pick<TakeInput, "retentionSeconds" | "pitr"> | null;
  /** Told what is done next. */
  readonly say?: (step: string) => void;
};

type Steps = { readonly id: DatabaseId; readonly database: string; readonly from: string; readonly to: string };

const patienceMs = 6 * 3_600_000;

/**
 * Nothing when it has that version already. @throws NEB425 when the rehearsal fails, NEB349 when one of the two versions is not on this
 * machine, NEB364 and NEB426 when it fails after that
 */
export async function upgradeDatabase(
  parts: Parts,
  { id, version }: Pick<InstanceWanted, "id" | "version">,
  { keep, say = () => undefined }: UpgradeInput,
): Promise<void> {
  const { machinery, driver } = parts;
  const lent = await machinery.find(id);
  if (lent === undefined) throw noBackups(`there is no instance ${id}`);
  if (lent.manifest.version === version) return;
  const steps: Steps = { id, database: lent.manifest.databaseName, from: lent.manifest.version, to: version };
  say(`rehearsing PostgreSQL ${steps.from} to ${version} on a copy`);
  const rows = await rehearse(parts, steps);
  if (keep !== null && lent.spool !== null) {
    say("taking a full backup");
    await takeBackup(parts, id, { kind: "full", ...keep });
  }
  say(`converting the data: ${rows} rows in the rehearsal; nobody can connect meanwhile`);
  await driver.upgrade(id, {
    version,
    make: (stopped, pgdata) =>
      machinery.site(async (site) => {
        const old = join(site, "old");
        await machinery.copy(stopped, old);
        await convertAndCheck(parts, steps, { site, old, fresh: pgdata });
      }),
  });
}

/** How many rows it had. */
async function rehearse(parts: Parts, steps: Steps): Promise<number> {
  const { machinery } = parts;
  try {
    return await machinery.site(async (site) => {
      const [old, fresh] = [join(site, "old"), join(site, "fresh")];
      await hotCopy(parts, steps.id, old);
      return convertAndCheck(parts, steps, { site, old, fresh });
    });
  } catch (thrown) {
    const { code, message } = asNebulaError(thrown);
    throw rehearsalFailed(
      `PostgreSQL ${steps.from} to ${steps.to} failed on a copy of ${steps.id}: ${code} ${message}`,
      {
        cause: thrown,
        fields: { cause: code },
      },
    );
  }
}

type Folders = { readonly site: string; readonly old: string; readonly fresh: string };

async function convertAndCheck({ machinery }: Parts, { id, database, from, to }: Steps, folders: Folders) {
  const { site, old, fresh } = folders;
  const scratch = { site, of: id, settings: {}, timeoutMs: patienceMs };
  const before = await machinery.scratch({ ...scratch, pgdata: old, version: from }, (as) => as(database)(lookAt));
  await machinery.convert({ site, old, fresh, of: id, from, to });
  await rm(old, { recursive: true, force: true });
  const after = await machinery.scratch({ ...scratch, pgdata: fresh, version: to }, async (as) => {
    await as(database)(refresh);
    return as(database)(lookAt);
  });
  mustBeTheSame(id, before, after);
  await machinery.sync(fresh);
  return [...after.tables.values()].reduce((sum, { rows }) => sum + rows, 0);
}

type Look = { readonly tables: ReadonlyMap<string, TableLook>; readonly extensions: readonly string[] };

async function lookAt(sql: Sql): Promise<Look> {
  const { tables } = await lookInside(sql);
  const extensions = await sql.query<{ name: string }>("select extname as name from pg_extension order by 1");
  return { tables, extensions: extensions.map(({ name }) => name) };
}

/** What `pg_upgrade` leaves to be done: extensions in the version that came with the new server, and statistics for the planner. */
async function refresh(sql: Sql): Promise<void> {
  const old = await sql.query<{ name: string }>(
    "select name from pg_available_extensions where installed_version is distinct from default_version and installed_version is not null",
  );
  for (const { name } of old) await sql.query(`alter extension ${quoteIdent(name)} update`);
  await sql.query("analyze");
}

/** @throws NEB426 naming what differs. */
function mustBeTheSame(id: string, before: Look, after: Look): void {
  const tables = [...new Set([...before.tables.keys(), ...after.tables.keys()])].filter((table) => {
    const [one, other] = [before.tables.get(table), after.tables.get(table)];
    return one === undefined || other === undefined || (one.counted && other.counted && one.rows !== other.rows);
  });
  const extensions = before.extensions.filter((name) => !after.extensions.includes(name));
  const differing = [...tables.sort(), ...extensions.map((name) => `extension ${name}`)];
  if (differing.length > 0)
    throw upgradeDiffers(`after the conversion ${id} is not as it was before: ${differing.slice(0, 20).join(", ")}`);
}
