/** A database with replicas, and a guard's rounds made by hand. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { InstanceRunner, InstanceWanted, StandbyObserved } from "../../platform/compute/index.ts";
import { connectionUrl, connectOnce, type Sql } from "../../platform/sql/index.ts";
import { childrenOf } from "../faults/processes.ts";
import { eventually } from "../harness/eventually.ts";
import { asTenant, type Ground, wish } from "./ground.ts";

export async function makeReplicated(ground: Ground, changes: Partial<InstanceWanted> = {}): Promise<InstanceWanted> {
  const wanted = await wish({ replicas: 1, suspendAfterSeconds: 0, ...changes });
  await ground.driver.ensure(wanted);
  await asTenant(ground.driver, wanted, (sql) => sql.query("create table kept (id int primary key)"));
  return wanted;
}

export const folderOf = ({ dataDir }: Ground, { id }: InstanceWanted) => join(dataDir, "instances", id);

type Rounds = Pick<InstanceRunner, "tendStandbys" | "makeStandby">;
type All = readonly StandbyObserved[];

const patience = { timeoutMs: 60_000, everyMs: 100 };

/** Rounds until it is so. */
export const tended = (runner: Rounds, wanted: InstanceWanted, what: string, is: (all: All) => boolean) =>
  eventually(
    what,
    async () => {
      const all = await runner.tendStandbys(wanted.id);
      for (const { number, phase } of all) if (phase === "Missing") await runner.makeStandby(wanted.id, number);
      return is(all) ? all : undefined;
    },
    patience,
  );

const whole = ({ replicas }: InstanceWanted, all: All) =>
  all.length === replicas && all.every((one) => one.streaming && one.socketPath !== null);

export const streaming = (runner: Rounds, wanted: InstanceWanted) =>
  tended(runner, wanted, "all stream", (all) => whole(wanted, all));

/** Commits wait, and whom they wait for is noted. */
export const counted = (runner: Rounds, wanted: InstanceWanted) =>
  tended(
    runner,
    wanted,
    "all count",
    (all) => whole(wanted, all) && all.every((one) => one.counted && one.synchronous),
  );

/** The same, when somebody else makes the rounds. */
export const countedBy = (runner: Pick<InstanceRunner, "standbys">, wanted: InstanceWanted) =>
  eventually(
    "all count",
    async () => {
      const all = await runner.standbys(wanted.id);
      return whole(wanted, all) && all.every((one) => one.counted && one.synchronous) ? all : undefined;
    },
    patience,
  );

/** A tenant's session at a standby. */
export function atStandby<T>(
  wanted: InstanceWanted,
  standby: StandbyObserved | undefined,
  body: (sql: Sql) => Promise<T>,
) {
  const [host, port] = (standby?.socketPath ?? "").split("/.s.PGSQL.");
  const { ownerRole: user, ownerPassword: password, databaseName: database } = wanted;
  return connectOnce(connectionUrl({ host: host ?? "", port: Number(port), user, password, database }), body);
}

export const idsOf = async (sql: Sql) =>
  (await sql.query<{ id: number }>("select id from kept order by id")).map(({ id }) => id);

const signal = (pids: readonly number[], name: NodeJS.Signals) => {
  for (const pid of pids)
    try {
      process.kill(pid, name);
    } catch {} // it has ended
};

function stand(pids: readonly number[]): () => void {
  signal(pids, "SIGSTOP");
  return () => signal(pids, "SIGCONT");
}

const postmasterIn = (pgdata: string): number[] => {
  try {
    return [Number(readFileSync(join(pgdata, "postmaster.pid"), "utf8").split("\n")[0])];
  } catch {
    return []; // it does not run
  }
};

const serverIn = (pgdata: string): number[] =>
  postmasterIn(pgdata).flatMap((pid) => [pid, ...childrenOf(pid).map((child) => child.pid)]);

/** Every process of these standbys stands still, until they are let go on; all of them where none is named. */
export function partStandbys(ground: Ground, wanted: InstanceWanted, numbers?: readonly number[]): () => void {
  const folder = join(folderOf(ground, wanted), "standbys");
  const found = readdirSync(folder).filter((name) => /^\d+$/.test(name));
  const named = found.filter((name) => numbers === undefined || numbers.includes(Number(name)));
  return stand(named.flatMap((name) => serverIn(join(folder, name, "pgdata"))));
}

/**
 * What a primary streams to its standbys stands still: not a byte of what it writes leaves it. Who makes a base backup is left alone:
 * it may hold a lock that every commit needs.
 */
export function partPrimary(ground: Ground, wanted: InstanceWanted): () => void {
  const streams = (pid: number) => {
    try {
      return /walsender.* streaming /.test(readFileSync(`/proc/${pid}/cmdline`, "utf8"));
    } catch {
      return false; // it has ended
    }
  };
  return stand(serverIn(join(folderOf(ground, wanted), "pgdata")).filter(streams));
}

/** As the kernel would, for memory. */
export const killStandby = (ground: Ground, wanted: InstanceWanted, number: number) =>
  signal(serverIn(join(folderOf(ground, wanted), "standbys", String(number), "pgdata")), "SIGKILL");
