/** Ground for tests of backups: real servers, a store, an instance that archives, and a table of moments. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Backups, makeBackups } from "../../platform/backup/index.ts";
import type { InstanceWanted, LocalDriverOptions } from "../../platform/compute/index.ts";
import { makeFileStore, type ObjectStore } from "../../platform/objects/index.ts";
import { asTenant, makeGround, vault, wish } from "../compute/ground.ts";

export type BackupGround = Awaited<ReturnType<typeof makeBackupGround>>;

type Options = {
  readonly store?: ObjectStore;
  readonly second?: ObjectStore;
  readonly driver?: Partial<LocalDriverOptions>;
};

export async function makeBackupGround({ store, second, driver: options }: Options = {}) {
  const ground = await makeGround({ spares: 0, ...options });
  const { driver } = ground;
  const storeDir = mkdtempSync(join(tmpdir(), "ndb-store-"));
  const used = store ?? makeFileStore(storeDir);
  const backups: Backups = makeBackups({ driver, store: used, vault, ...(second === undefined ? {} : { second }) });
  return {
    ...{ driver, backups, store: used, storeDir, dataDir: ground.dataDir },
    /** Backups that know one store only. */
    over: (other: ObjectStore): Backups => makeBackups({ driver, store: other, vault }),
    async clear() {
      await ground.clear();
      rmSync(storeDir, { recursive: true, force: true });
    },
  };
}

export const keep = { retentionSeconds: 7 * 86_400, pitr: true } as const;

type Driven = Pick<BackupGround, "driver">;

/** An instance that archives, with a table of numbered moments. */
export async function archived({ driver }: Driven, changes: Partial<InstanceWanted> = {}) {
  const wanted = await wish({ archive: true, ...changes });
  await driver.ensure(wanted);
  await asTenant(driver, wanted, (sql) =>
    sql.query("create table moments (n int primary key, at timestamptz default clock_timestamp())"),
  );
  return wanted;
}

export const insert = ({ driver }: Driven, wanted: InstanceWanted, n: number): Promise<unknown> =>
  asTenant(driver, wanted, (sql) => sql.query("insert into moments (n) values ($1)", [n]));

export const numbers = async ({ driver }: Driven, wanted: InstanceWanted): Promise<readonly number[]> =>
  (await asTenant(driver, wanted, (sql) => sql.query<{ n: number }>("select n from moments order by n"))).map(
    ({ n }) => n,
  );
