/** Databases of a given size with backups, and the same done by hand with Postgres's own programs. */
import { execFile } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { type Backups, makeBackups } from "../../platform/backup/index.ts";
import {
  type InstanceWanted,
  limitsFor,
  type MachineDriver,
  makeLocalDriver,
  resolveOsUser,
} from "../../platform/compute/index.ts";
import { makeVault, type Scope, Secret } from "../../platform/core/index.ts";
import { makeFileStore } from "../../platform/objects/index.ts";
import { connectionUrl, connectOnce, type Sql } from "../../platform/sql/index.ts";

const run = promisify(execFile);
const vault = makeVault(new Secret(Buffer.alloc(32, 9).toString("base64")));

export type BackupBench = {
  readonly home: string;
  readonly driver: MachineDriver;
  readonly backups: Backups;
  wish(name: string): InstanceWanted;
  /** A database that archives, with that much in it. */
  filled(name: string, sizeMb: number): Promise<InstanceWanted>;
  inside<T>(wanted: InstanceWanted, body: (sql: Sql) => Promise<T>): Promise<T>;
  /** Gone without a trace. */
  drop(wanted: InstanceWanted): Promise<void>;
  /** A program of Postgres's, or another, as the user that runs Postgres. */
  tool(name: string, args: readonly string[], env?: Readonly<Record<string, string>>): Promise<void>;
  /** A folder that this user has. */
  folder(name: string): string;
};

export async function makeBackupBench(scope: Scope): Promise<BackupBench> {
  const pgBin = process.env.NEBULA_PG_BIN;
  if (pgBin === undefined) throw new Error("NEBULA_PG_BIN is not set: run this by `nebula bench`");
  const home = mkdtempSync(join(tmpdir(), "ndb-bench-"));
  scope.add(home, () => rmSync(home, { recursive: true, force: true }));
  chmodSync(home, 0o755);
  const user = await resolveOsUser();
  const driver = await makeLocalDriver({ dataDir: join(home, "data"), pgBin, vault, spares: 0 });
  scope.add(driver, async () => {
    for (const { id } of await driver.list()) await driver.stop(id, "immediate");
    await driver.close();
  });
  const backups = makeBackups({ driver, vault, store: makeFileStore(join(home, "store")) });
  const wish = (name: string): InstanceWanted => ({
    ...{ id: `acme.shop.${name}`, version: "18", units: 1, databaseName: name, ownerRole: name },
    ...{ ownerPassword: new Secret("owner"), roles: [], extensions: [], allowFrom: [], tags: {}, archive: true },
    ...{ storageBytes: 2 ** 40, suspendAfterSeconds: 0, limits: limitsFor(1) },
  });
  const inside = async <T>(wanted: InstanceWanted, body: (sql: Sql) => Promise<T>): Promise<T> => {
    const seen = await driver.observe(wanted.id);
    const { databaseName: database, ownerRole: name, ownerPassword: password } = wanted;
    return connectOnce(
      connectionUrl({ host: seen?.host ?? "", port: seen?.socketPort ?? 0, user: name, password, database }),
      body,
    );
  };
  return {
    ...{ home, driver, backups, wish, inside },
    async filled(name, sizeMb) {
      const wanted = wish(name);
      await driver.ensure(wanted);
      await inside(wanted, async (sql) => {
        await sql.query("create table filling (n bigint, a text, b text)");
        // about 8 kB of text that hardly packs for each page
        for (let mb = 0; mb < sizeMb; mb += 10)
          await sql.query(
            `insert into filling select g, md5(g::text || $1) || md5($1 || g::text), md5(random()::text)
             from generate_series(1, 78000) g`,
            [String(mb)],
          );
        await sql.query("create table moments (n int primary key)");
      });
      return wanted;
    },
    async drop({ id }) {
      await driver.retire(id);
      await driver.remove(id);
      await driver.purge(id);
    },
    async tool(name, args, env = {}) {
      const program = ["tar", "cp"].includes(name) ? name : join(pgBin, name);
      const identity = user === null ? {} : { uid: user.uid, gid: user.gid };
      await run(program, [...args], { ...identity, cwd: "/", env: { PATH: "/usr/bin:/bin", ...env } });
    },
    folder(name) {
      const path = join(home, name);
      mkdirSync(path, { mode: 0o700 });
      if (user !== null) chownSync(path, user.uid, user.gid);
      return path;
    },
  };
}

/** What a server by hand reads: no network, its socket in a folder of its own. */
export function writeConf(file: string, socketDir: string, more: readonly string[] = []): void {
  const lines = ["listen_addresses = ''", `unix_socket_directories = '${socketDir}'`, "shared_buffers = '64MB'"];
  writeFileSync(file, `${[...lines, ...more].join("\n")}\n`, { mode: 0o644 });
}

export async function timed<T>(body: () => Promise<T>): Promise<number> {
  const began = performance.now();
  await body();
  return performance.now() - began;
}

/**
 * Both ways turn by turn, the first of a turn last in the next. Each begins when the disk has nothing left to write and the machine has
 * taken back what the one before let go of: a way that follows at once is given that memory, and is several times as fast for it.
 */
export async function turnByTurn(
  turns: number,
  ours: (turn: number) => Promise<number>,
  byHand: (turn: number) => Promise<number>,
): Promise<{ readonly ours: readonly number[]; readonly byHand: readonly number[] }> {
  const times = { ours: [] as number[], byHand: [] as number[] };
  const ways = [
    async (turn: number) => times.ours.push(await ours(turn)),
    async (turn: number) => times.byHand.push(await byHand(turn)),
  ];
  for (let turn = 0; turn < turns; turn++)
    for (const way of turn % 2 === 0 ? ways : ways.toReversed()) {
      await run("sync");
      await sleep(3_000);
      await way(turn);
    }
  return times;
}
