/**
 * The chapter on compute: a database that sleeps, wakes for whoever connects, is scaled, branched, loses a table, and is put back to the
 * second before. Through the public API and the gateway, like the main chapter.
 */
import { collectionPath, databasePath } from "../address.ts";
import type { Client } from "../client.ts";
import { CommandFailure } from "../failure.ts";
import { followOperation } from "../follow.ts";
import { say } from "../output.ts";
import type { Change, Credentials, Database, RestorePreview } from "../types.ts";
import { runSql } from "./sql.ts";
import { change, pause, type Recorder } from "./steps.ts";
import { readWakes, type Wakes, wakesBetween } from "./wakes.ts";

export type Address = { readonly domain: string; readonly project: string; readonly database: string };

const rows = 1_000;
const count = "select count(*) from visits;";

export async function tellOfCompute(client: Client, recorder: Recorder, address: Address): Promise<void> {
  await declare(client, recorder, address);
  const door = await write(client, recorder, address);
  await backUp(client, recorder, address);
  await sleepAndWake(client, recorder, { address, door });
  await scale(client, recorder, address);
  await branch(client, recorder, { address, door });
  await loseAndRestore(client, recorder, { address, door });
}

const declare = (client: Client, recorder: Recorder, address: Address) =>
  recorder.step("A database that sleeps when nobody has used it for two seconds", async () => {
    const made = await change(client, "POST", collectionPath(address), {
      ...{ name: address.database, version: "18", storage: "1Gi", tags: { owner: "demo" }, autoMerge: true },
      compute: { min: 0.25, max: 0.25, suspendAfter: "2s" },
      backups: { retention: "1d", pitr: true },
    });
    return { data: { pull: made.pull?.number }, value: undefined };
  });

/** Where a client of the database connects: the gateway. */
type Door = Credentials;

async function doorOf(client: Client, address: Address): Promise<Door> {
  const found = await client.get<Credentials>(`${databasePath(address)}/credentials`);
  const { host, port, database } = found.endpoints.direct;
  return { ...found, host, port, database };
}

const write = (client: Client, recorder: Recorder, address: Address): Promise<Door> =>
  recorder.step("Connect through the gateway and write", async () => {
    const door = await doorOf(client, address);
    runSql(door, `create table visits (n int primary key); insert into visits select generate_series(1, ${rows});`);
    const answer = runSql(door, count);
    say(`   ${answer} rows in ${door.database} at ${door.host}:${door.port}`);
    return { data: { host: door.host, port: door.port, rows: Number(answer) }, value: door };
  });

const backUp = (client: Client, recorder: Recorder, address: Address) =>
  recorder.step("A backup: from now on any second can be restored", async () => {
    const taken = await client.send<Change>("POST", `${databasePath(address)}/backup`, { kind: "full" });
    const { state, result, error } = await followOperation(client, taken.operation.id, 180_000);
    if (state !== "COMPLETED") throw new CommandFailure(`the backup ended as ${state}: ${error?.detail ?? ""}`);
    return { data: { result }, value: undefined };
  });

type At = { readonly address: Address; readonly door: Door };

async function sleepAndWake(client: Client, recorder: Recorder, { address, door }: At): Promise<void> {
  await recorder.step("Nobody connects: it falls asleep", async () => {
    const state = await untilAsleep(client, address);
    for (const line of resting[state]) say(`   ${line}`);
    return { data: { state }, value: state };
  });
  await recorder.step("A client connects: it wakes", async () => {
    const before = await readWakes(door);
    const began = performance.now();
    const answer = runSql(door, count);
    const clientMs = Math.round(performance.now() - began);
    const wakes = wakesBetween(before, await readWakes(door));
    say(`   ${answer} rows after ${clientMs} ms, of which the start of psql is the most`);
    for (const [how, phases] of Object.entries(wakes)) say(`   ${how}: ${split(phases)}`);
    return { data: { rows: Number(answer), clientMs, wakes }, value: undefined };
  });
}

type Resting = "frozen" | "asleep";

/** The demo does not wait for the stop: it would be ten minutes of nothing. */
export const resting: Readonly<Record<Resting, readonly string[]>> = {
  frozen: [
    "it is frozen: its memory is kept, its processor is idle; who connects now waits for milliseconds",
    "ten minutes later, or at once where memory is short, it is stopped: that costs no memory either, and who connects then waits for Postgres to start (docs/sleep.md)",
  ],
  asleep: ["it is stopped: it costs no process; who connects now waits for Postgres to start"],
};

const split = (phases: Wakes[string]): string =>
  Object.entries(phases)
    .map(([phase, ms]) => `${phase} ${ms.toFixed(1)} ms`)
    .join(", ");

/** The ledger hears of it from the next look at the machine. */
async function untilAsleep(client: Client, address: Address): Promise<Resting> {
  for (const deadline = performance.now() + 90_000; performance.now() < deadline; await pause(500)) {
    const { computeState } = await client.get<Database>(databasePath(address));
    if (computeState === "frozen" || computeState === "asleep") return computeState;
  }
  throw new CommandFailure(`${address.database} did not fall asleep within 90 s`, { exitCode: 7 });
}

const scale = (client: Client, recorder: Recorder, address: Address) =>
  recorder.step("Scale it, by a pull request", async () => {
    await change(client, "POST", `${databasePath(address)}/scale`, { compute: { max: 0.5 }, autoMerge: true });
    const { spec } = await client.get<Database>(databasePath(address));
    say(`   ${spec?.compute.minUnits} to ${spec?.compute.maxUnits} units`);
    return { data: { maxUnits: spec?.compute.maxUnits }, value: undefined };
  });

async function branch(client: Client, recorder: Recorder, { address, door }: At): Promise<void> {
  const copy = { ...address, database: `${address.database}-try` };
  await recorder.step("A branch, for an hour", async () => {
    const body = { name: copy.database, ttl: "1h", autoMerge: true };
    await change(client, "POST", `${databasePath(address)}/branches`, body);
    const own = await doorOf(client, copy);
    runSql(own, "delete from visits where n > 10;");
    const [there, here] = [runSql(own, count), runSql(door, count)];
    say(`   ${there} rows are left in ${own.database}, ${here} in its parent`);
    return { data: { branch: Number(there), parent: Number(here) }, value: undefined };
  });
  await recorder.step("Delete the branch: its file goes, and it with it", async () => {
    const { tag } = await client.getWithTag<Database>(databasePath(copy));
    await change(client, "DELETE", `${databasePath(copy)}?autoMerge=true`, undefined, tag);
    return { data: {}, value: undefined };
  });
}

async function loseAndRestore(client: Client, recorder: Recorder, { address, door }: At): Promise<void> {
  const at = await recorder.step("Somebody drops the table", async () => {
    const moment = runSql(door, "select to_json(clock_timestamp() at time zone 'UTC')#>>'{}' || 'Z';");
    await pause(1_100);
    runSql(door, "drop table visits; create table visitors (n int);");
    say(`   at ${moment} it was there`);
    return { data: { moment }, value: moment };
  });
  const path = `${databasePath(address)}/restore`;
  await recorder.step("What a restore to the second before would change", async () => {
    const asked = await client.send<Change>("POST", path, { at, preview: true });
    const { state, result, error } = await followOperation(client, asked.operation.id, 180_000);
    if (state !== "COMPLETED") throw new CommandFailure(`the preview ended as ${state}: ${error?.detail ?? ""}`);
    const { tables } = result as unknown as RestorePreview;
    for (const { table, rowsNow, rowsThen } of tables)
      say(`   ${table}: ${rowsNow ?? "none"} rows now, ${rowsThen ?? "none"} then`);
    return { data: { tables }, value: undefined };
  });
  await recorder.step("Restore it", async () => {
    await change(client, "POST", path, { at, confirm: address.database });
    const answer = Number(runSql(await doorOf(client, address), count));
    if (answer !== rows) throw new CommandFailure(`${answer} of ${rows} rows came back`);
    say(`   all ${answer} rows are back`);
    return { data: { rows: answer }, value: undefined };
  });
}
