/** Which standby takes a lost primary's place, and when none may: each of these lost a row, or a database, before it was looked at. */
import { copyFileSync, existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type InstanceRunner, type InstanceWanted, makeLocalRunner } from "../../platform/compute/index.ts";
import type { Observation } from "../../platform/core/index.ts";
import { codeOf } from "../harness/code-of.ts";
import { eventually } from "../harness/eventually.ts";
import { asTenant, type Ground, makeGround, pgBin, whereIs } from "./ground.ts";
import * as replicated from "./replicated.ts";
import { idsOf, killStandby, partPrimary, partStandbys, tended } from "./replicated.ts";

let ground: Ground;
let runner: InstanceRunner;
/** The same, after its clock was put on by that. */
let later: InstanceRunner;
let lateMs = 0;
const seen: Observation[] = [];
beforeAll(async () => {
  ground = await makeGround({ spares: 0 });
  const options = { dataDir: ground.dataDir, pgBin: pgBin(), observe: (o: Observation) => seen.push(o) };
  runner = await makeLocalRunner(options);
  later = await makeLocalRunner({ ...options, now: () => Date.now() + lateMs });
});
afterAll(() => ground?.clear());

const make = (changes: Partial<InstanceWanted>) => replicated.makeReplicated(ground, changes);
const counted = (wanted: InstanceWanted) => replicated.counted(runner, wanted);
const streaming = (wanted: InstanceWanted) => replicated.streaming(runner, wanted);
const pathIn = (wanted: InstanceWanted, ...path: string[]) => join(replicated.folderOf(ground, wanted), ...path);
const rows = (wanted: InstanceWanted) => asTenant(ground.driver, wanted, idsOf);
const insert = (wanted: InstanceWanted, id: number) =>
  asTenant(ground.driver, wanted, (sql) => sql.query("insert into kept values ($1)", [id]));
const admin = <Row extends object>(wanted: InstanceWanted, text: string) =>
  ground.driver.machinery.admin(wanted.id, "postgres", (sql) => sql.query<Row>(text));
const control = "global/pg_control";

/** Killed, and its control file put aside; gives the way back. */
async function lose(wanted: InstanceWanted): Promise<() => void> {
  await runner.depose(wanted.id);
  renameSync(pathIn(wanted, "pgdata", control), pathIn(wanted, "kept-control"));
  return () => copyFileSync(pathIn(wanted, "kept-control"), pathIn(wanted, "pgdata", control));
}

/** More than a socket holds, so that what comes after it cannot be on its way to who does not read. */
const fill = (wanted: InstanceWanted) =>
  admin(wanted, "select pg_logical_emit_message(false, 'fill', repeat('x', 1000000)) from generate_series(1, 8)");

test("one that followed the primary before this one is taken when it has more than one that was copied from this one", async () => {
  const wanted = await make({ replicas: 2, synchronous: true });
  await counted(wanted);
  await insert(wanted, 1);
  await lose(wanted);
  await runner.wake(wanted.id);
  await counted(wanted);
  const copies = seen.flatMap((one) =>
    one.kind === "standby.made" && one.instance === wanted.id ? [one.standby] : [],
  );
  const goOn = partStandbys(ground, wanted, copies.slice(-1));
  await fill(wanted);
  await insert(wanted, 2); // the other one has it
  await lose(wanted);
  goOn();
  await runner.wake(wanted.id);
  expect(await rows(wanted)).toEqual([1, 2]);
});

test("what was answered before commits began to wait is waited for too", async () => {
  const wanted = await make({ replicas: 1 });
  await streaming(wanted);
  const goOn = partStandbys(ground, wanted);
  await fill(wanted);
  await insert(wanted, 1);
  const synchronous = { ...wanted, synchronous: true };
  await ground.driver.ensure(synchronous);
  await tended(runner, synchronous, "commits wait", ([one]) => one?.synchronous === true);
  expect(await runner.standbys(wanted.id)).toMatchObject([{ synchronous: true, counted: false }]);
  const mend = await lose(wanted);
  goOn();
  expect(await codeOf(runner.wake(wanted.id))).toBe("NEB462");
  mend();
  await runner.wake(wanted.id);
  expect(await rows(wanted)).toEqual([1]);
  await counted(synchronous);
  await lose(wanted);
  await runner.wake(wanted.id);
  expect(await rows(wanted)).toEqual([1]);
});

test("after commits were answered without a standby none takes over until one has them, and each change is told", async () => {
  const wanted = await make({ replicas: 1, synchronous: true });
  await counted(wanted);
  renameSync(pathIn(wanted, "standbys/1/pgdata", control), pathIn(wanted, "standby-control"));
  killStandby(ground, wanted, 1);
  await tended(later, wanted, "it is away", ([one]) => one?.streaming === false);
  lateMs += 15_000; // longer than commits wait, and less than it takes until it is made anew
  await tended(later, wanted, "commits do not wait", ([one]) => one?.counted === false);
  await insert(wanted, 1);
  copyFileSync(pathIn(wanted, "standby-control"), pathIn(wanted, "standbys/1/pgdata", control));
  const mend = await lose(wanted);
  expect(await codeOf(runner.wake(wanted.id))).toBe("NEB462");
  expect(existsSync(pathIn(wanted, "standbys/1/pgdata"))).toBe(true);
  mend();
  await runner.wake(wanted.id);
  await counted(wanted);
  await lose(wanted);
  await runner.wake(wanted.id);
  expect(await rows(wanted)).toEqual([1]);
  const told = seen.flatMap((one) =>
    one.kind === "standbys.counted" && one.instance === wanted.id ? [one.complete] : [],
  );
  expect(told.slice(0, 2)).toEqual([true, false]);
  expect(told.at(-1)).toBe(true);
});

test("a declaration that lets commits go alone for a moment makes its standbys count anew", async () => {
  const wanted = await make({ replicas: 1, synchronous: true });
  await counted(wanted);
  const goOn = partStandbys(ground, wanted);
  await ground.driver.ensure({ ...wanted, synchronous: false });
  await fill(wanted);
  await insert(wanted, 1);
  await ground.driver.ensure(wanted);
  const mend = await lose(wanted);
  goOn();
  expect(await codeOf(runner.wake(wanted.id))).toBe("NEB462");
  mend();
  await runner.wake(wanted.id);
  await counted(wanted);
  expect(await rows(wanted)).toEqual([1]);
});

test("one that went another way at a takeover follows nobody and takes nobody's place, and is made anew", async () => {
  const wanted = await make({ replicas: 2 });
  await streaming(wanted);
  killStandby(ground, wanted, 1);
  await insert(wanted, 1);
  await eventually("the other one has it", async () => {
    const [row] = await admin<{ has: boolean }>(
      wanted,
      "select bool_or(flush_lsn >= pg_current_wal_flush_lsn()) as has from pg_stat_replication where application_name = 'nebula_s2'",
    );
    return row?.has;
  });
  // it cannot be asked: who has less is taken, as commits did not wait
  await lose(wanted);
  killStandby(ground, wanted, 2);
  renameSync(pathIn(wanted, "standbys/2"), pathIn(wanted, "kept-2"));
  await runner.wake(wanted.id);
  renameSync(pathIn(wanted, "kept-2"), pathIn(wanted, "standbys/2"));
  await eventually("it has heard of the takeover", async () => {
    await runner.tendStandbys(wanted.id);
    return existsSync(pathIn(wanted, "standbys/2/pgdata/pg_wal/00000002.history"));
  });
  expect((await runner.standbys(wanted.id))[1]).toMatchObject({ phase: "Ready", streaming: false });
  const mend = await lose(wanted);
  expect(await codeOf(runner.wake(wanted.id))).toBe("NEB356");
  expect(existsSync(pathIn(wanted, "standbys/2/pgdata"))).toBe(true);
  mend();
  await runner.wake(wanted.id);
  await tended(later, wanted, "it is away", ([, two]) => two?.streaming === false);
  lateMs += 60_000;
  await tended(later, wanted, "all follow", (all) => all.length === 2 && all.every((one) => one.streaming));
  await lose(wanted);
  await runner.wake(wanted.id);
  await insert(wanted, 2);
  expect(await rows(wanted)).toEqual([2]);
});

test("a commit that is called off while it waits is answered with a warning: only its primary may have it", async () => {
  const wanted = await make({ replicas: 1, synchronous: true });
  await counted(wanted);
  const goOn = partPrimary(ground, wanted);
  const { host, port } = await whereIs(ground.driver, wanted);
  const { ownerRole: user, databaseName: database } = wanted;
  const client = new pg.Client({ host, port, user, database, password: wanted.ownerPassword.reveal() });
  const warnings: (string | undefined)[] = [];
  client.on("notice", ({ severity }) => warnings.push(severity));
  await client.connect();
  try {
    const answer = client.query("insert into kept values (1)");
    await eventually("it waits", async () => (await waiting(wanted)).length === 1);
    await admin(wanted, "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'");
    await answer;
    expect(warnings).toEqual(["WARNING"]);
  } finally {
    goOn();
    await client.end();
  }
});

const waiting = (wanted: InstanceWanted) =>
  admin<{ pid: number }>(wanted, "select pid from pg_stat_activity where wait_event = 'SyncRep'");

test("a session of a primary whose postmaster is gone and whose folder was moved is ended before another one is a primary", async () => {
  const wanted = await make({ replicas: 1, synchronous: true });
  await counted(wanted);
  const session = ground.driver.machinery.admin(wanted.id, "postgres", (sql) =>
    sql.query("do $$ begin loop perform pg_sleep(0); end loop; end $$"),
  );
  const ended = expect(session).rejects.toThrow();
  const [backend] = await eventually("it works", async () => {
    const found = await admin<{ pid: number }>(
      wanted,
      "select pid from pg_stat_activity where query like 'do %loop%' and pid <> pg_backend_pid()",
    );
    return found.length > 0 ? found : undefined;
  });
  const { pid } = (await runner.observe(wanted.id)) ?? {};
  if (pid === undefined || pid === null || backend === undefined) throw new Error("nothing runs");
  process.kill(pid, "SIGKILL");
  renameSync(pathIn(wanted, "pgdata"), pathIn(wanted, "moved"));
  try {
    await runner.wake(wanted.id);
    expect(existsSync(`/proc/${backend.pid}/cwd`)).toBe(false);
    await ended;
    expect(await rows(wanted)).toEqual([]);
  } finally {
    if (existsSync(`/proc/${backend.pid}/cwd`)) process.kill(backend.pid, "SIGKILL");
    rmSync(pathIn(wanted, "moved"), { recursive: true });
  }
});
