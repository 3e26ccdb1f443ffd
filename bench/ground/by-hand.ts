import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type BackupBench, timed, writeConf } from "./backups.ts";

type ByHand = {
  /** Of its folders. */
  readonly name: string;
  /** Of the administrator, for whoever fills the folder and asks for the row. */
  readonly password: string;
  /** Lines of its settings, beside the usual ones. */
  readonly settings?: readonly string[];
  /** Makes the data folder what it shall be. */
  readonly fill: (pgdata: string, env: Readonly<Record<string, string>>) => Promise<void>;
};

/** How long it takes by Postgres's own programs to fill a data folder, start a server on it and get a row. Both are gone afterwards. */
export async function firstRowByHand(ground: BackupBench, { name, password, settings, fill }: ByHand): Promise<number> {
  const [pgdata, socket] = [ground.folder(name), ground.folder(`${name}s`)];
  const conf = join(ground.home, `${name}.conf`);
  writeConf(conf, socket, settings);
  const env = { PGPASSWORD: password };
  const start = ["start", "-w", "-s", "-D", pgdata, "-l", join(socket, "log"), "-o", `-c config_file=${conf}`];
  let started = false;
  try {
    return await timed(async () => {
      await fill(pgdata, env);
      await ground.tool("pg_ctl", start);
      started = true;
      await firstRow(ground, socket, env);
    });
  } finally {
    if (started) await ground.tool("pg_ctl", ["stop", "-w", "-s", "-m", "immediate", "-D", pgdata]);
    await rm(pgdata, { recursive: true, force: true });
  }
}

/** pg_ctl is content with a server that still recovers and lets nobody in. */
async function firstRow(ground: BackupBench, socket: string, env: Readonly<Record<string, string>>): Promise<void> {
  const ask = ["-h", socket, "-U", "nebula_admin", "-d", "postgres", "-qAtc", "select 1"];
  for (const deadline = performance.now() + 120_000; ; await sleep(10)) {
    const refused = await ground.tool("psql", ask, env).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (refused === undefined) return;
    if (performance.now() > deadline) throw refused;
  }
}
