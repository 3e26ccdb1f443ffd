/**
 * How long a restore to a moment takes, from the order to the first row of a new database: from a full and an incremental backup and the
 * log after them, opened, unpacked, combined, replayed. And the same by hand from a plain copy that nobody sealed or packed: tar, a
 * restore command that copies, a server. Turn by turn, for 100 MB and 1 GB.
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { InstanceWanted } from "../platform/compute/index.ts";
import { openScope } from "../platform/core/index.ts";
import { type BackupBench, makeBackupBench, timed, turnByTurn } from "./ground/backups.ts";
import { firstRowByHand } from "./ground/by-hand.ts";
import { percentile, progress, report, round } from "./ground/report.ts";

const runs = Number(process.env.NEBULA_BENCH_RUNS ?? 9);
const sizes = { mb100: 100, gb1: 1000 } as const;
const keep = { retentionSeconds: 86_400, pitr: true };

const scope = openScope();
const figures: Record<string, number> = {};

type ByHand = { readonly tar: string; readonly log: string; readonly password: string };

try {
  const ground = await makeBackupBench(scope);
  for (const [name, sizeMb] of Object.entries(sizes)) {
    progress(`filling ${sizeMb} MB, and backing it up`);
    const source = await ground.filled(name, sizeMb);
    figures[`${name}BackupMs`] = round(await timed(() => ground.backups.take(source.id, { kind: "full", ...keep })), 0);
    const plain = await copyAside(ground, source, name);
    await change(ground, source, 1);
    figures[`${name}IncrementalMs`] = round(
      await timed(() => ground.backups.take(source.id, { kind: "incremental", ...keep })),
      0,
    );
    await change(ground, source, 2);
    const at = new Date();
    await sleep(20);
    await change(ground, source, 3);
    await ground.driver.machinery.flush(source.id);
    await keepLog(ground, source, plain);
    const { ours, byHand } = await turnByTurn(
      runs,
      async (i) => {
        progress(`restore ${i + 1} of ${runs} of ${sizeMb} MB`);
        const wanted = { ...ground.wish(`${name}r${i}`), archive: false };
        const time = await timed(async () => {
          await ground.backups.restoreInto(wanted, { of: source.id, target: { kind: "time", at } });
          await mustBeExact(ground, wanted);
        });
        await ground.drop(wanted);
        return time;
      },
      (i) => restoreByHand(ground, plain, { name: `${name}h${i}`, at }),
    );
    figures[`${name}P50Ms`] = round(percentile(ours, 50), 0);
    figures[`${name}ByHandP50Ms`] = round(percentile(byHand, 50), 0);
    figures[`${name}Ratio`] = round(percentile(ours, 50) / percentile(byHand, 50), 2);
  }
} finally {
  await scope.close();
}

/** A mark, and changes of about 1 %. */
async function change(ground: BackupBench, source: InstanceWanted, n: number): Promise<void> {
  await ground.inside(source, async (sql) => {
    await sql.query("insert into moments values ($1)", [n]);
    await sql.query("update filling set b = md5(b) where n % 100 = $1", [n]);
  });
}

async function mustBeExact(ground: BackupBench, wanted: InstanceWanted): Promise<void> {
  const rows = await ground.inside(wanted, (sql) => sql.query<{ n: number }>("select n from moments order by n"));
  if (rows.map(({ n }) => n).join() !== "1,2") throw new Error("the restore is not of that moment");
}

/** A plain base backup in one file, as somebody keeps who seals nothing. */
async function copyAside(ground: BackupBench, { id }: InstanceWanted, name: string): Promise<ByHand> {
  const { args, password } = await ground.driver.machinery.address(id);
  const [tar, log] = [ground.folder(`${name}tar`), ground.folder(`${name}log`)];
  const how = ["--pgdata", tar, "--format", "tar", "--wal-method", "none", "--checkpoint", "fast"];
  await ground.tool("pg_basebackup", [...args, ...how], { PGPASSWORD: password.reveal() });
  return { tar, log, password: password.reveal() };
}

/** The whole log, as somebody keeps it who seals nothing. */
async function keepLog(ground: BackupBench, { id }: InstanceWanted, { log }: ByHand): Promise<void> {
  await ground.backups.ship(id);
  await ground.backups.fetchLog(id, log);
}

type At = { readonly name: string; readonly at: Date };

function restoreByHand(ground: BackupBench, { tar, log, password }: ByHand, { name, at }: At): Promise<number> {
  const until = at.toISOString().replace("T", " ").replace("Z", "+00");
  const settings = [
    `restore_command = 'cp ${log}/%f %p'`,
    `recovery_target_time = '${until}'`,
    "recovery_target_action = 'promote'",
    "hot_standby = off",
  ];
  return firstRowByHand(ground, {
    ...{ name, password, settings },
    async fill(pgdata) {
      await ground.tool("tar", ["-xf", join(tar, "base.tar"), "-C", pgdata]);
      await ground.tool("cp", ["/dev/null", join(pgdata, "recovery.signal")]);
    },
  });
}

report({ bench: "restore", runs, figures, goals: { mb100Ratio: "<= 3", gb1Ratio: "<= 2" } });
