/**
 * The main job in one command, against a platform that runs: declare, review, merge, connect, change, refuse, meter. A second chapter
 * is about what becomes of a database between two changes (`compute.ts`), a third about its schema and its data API (`data.ts`). Every step
 * goes through the public API, and SQL through psql: nothing here knows more than a user does.
 */
import { collectionPath, databasePath } from "../address.ts";
import { type Client, makeClient } from "../client.ts";
import { CommandFailure } from "../failure.ts";
import { followOperation } from "../follow.ts";
import { type Format, printData, say } from "../output.ts";
import { readConnection } from "../settings.ts";
import type { Change, Credentials, Database } from "../types.ts";
import { type Address, tellOfCompute } from "./compute.ts";
import { tellOfData } from "./data.ts";
import { meter } from "./meter.ts";
import { runSql } from "./sql.ts";
import { makeRecorder, type Recorder, reviewAndMerge, watchChecks } from "./steps.ts";

export type DemoOptions = {
  readonly output: Format;
  /** Leave the database there to look at. */
  readonly keep?: boolean;
  readonly chapter?: Chapter;
};

export const chapters = ["main", "compute", "data"] as const;
export type Chapter = (typeof chapters)[number];

export async function runDemo({ output, keep = false, chapter = "main" }: DemoOptions): Promise<void> {
  const client = makeClient(readConnection());
  const recorder = makeRecorder();
  const started = performance.now();
  const address = { domain: "acme", project: "shop", database: `demo-${Date.now().toString(36)}` };
  say(`NebulaDB demo against ${client.url}: the database ${address.domain}/${address.project}/${address.database}`);

  await tellers[chapter](client, recorder, address);
  if (!keep) await remove(client, recorder, address);

  const totalMs = Math.round(performance.now() - started);
  say(`\nall of it in ${(totalMs / 1000).toFixed(1)} s`);
  if (output === "table" && keep)
    say(`connect: nebula db connect ${address.domain}/${address.project}/${address.database} --psql`);
  if (output !== "table") printData({ database: address, steps: recorder.steps, totalMs }, output);
}

const tellers = { main: tellOfPulls, compute: tellOfCompute, data: tellOfData };

async function tellOfPulls(client: Client, recorder: Recorder, address: Address): Promise<void> {
  await declare(client, recorder, address);
  const credentials = await connectAndWrite(client, recorder, address);
  await changeCompute(client, recorder, address, credentials);
  await refuse(client, recorder, address);
  await meter(client, recorder, address);
}

async function declare(client: Client, recorder: Recorder, address: Address): Promise<void> {
  const change = await recorder.step("A pull request that declares a database", async () => {
    const value = await client.send<Change>("POST", collectionPath(address), {
      name: address.database,
      engine: "postgres",
      version: "18",
      compute: { min: 0.25, max: 0.25 },
      storage: "1Gi",
      tags: { owner: "demo" },
    });
    say(`   #${value.pull?.number} ${value.pull?.url}`);
    return { data: { pull: value.pull?.number, operation: value.operation.id }, value };
  });
  await reviewAndMerge(client, recorder, change, "ready");
}

async function connectAndWrite(client: Client, recorder: Recorder, address: Address): Promise<Credentials> {
  return recorder.step("Connect and run SQL", async () => {
    const credentials = await client.get<Credentials>(`${databasePath(address)}/credentials`);
    const answer = runSql(
      credentials,
      "create table greeting (text text); insert into greeting values ('hello from Git'); select text || ', on ' || split_part(version(), ' on ', 1) from greeting;",
    );
    say(`   ${answer}`);
    return { data: { host: credentials.host, port: credentials.port, answer }, value: credentials };
  });
}

async function changeCompute(
  client: Client,
  recorder: Recorder,
  address: Address,
  credentials: Credentials,
): Promise<void> {
  const change = await recorder.step("A second pull request changes its compute", async () => {
    const { tag } = await client.getWithTag<Database>(databasePath(address));
    const value = await client.send<Change>(
      "PATCH",
      databasePath(address),
      { compute: { max: 0.5 } },
      { "if-match": tag },
    );
    return { data: { pull: value.pull?.number }, value };
  });
  await reviewAndMerge(client, recorder, change, "and the data is still there");
  await recorder.step("The row from before the change", async () => {
    const rows = runSql(credentials, "select text from greeting;");
    const { spec } = await client.get<Database>(databasePath(address));
    say(`   ${rows}; compute is now up to ${spec?.compute.maxUnits} units`);
    return { data: { rows, maxUnits: spec?.compute.maxUnits }, value: rows };
  });
}

async function refuse(client: Client, recorder: Recorder, address: Address): Promise<void> {
  const change = await recorder.step(
    "A third pull request, broken on purpose: more compute than the project may have",
    async () => {
      const { tag } = await client.getWithTag<Database>(databasePath(address));
      const value = await client.send<Change>(
        "PATCH",
        databasePath(address),
        { compute: { max: 64 } },
        { "if-match": tag },
      );
      return { data: { pull: value.pull?.number }, value };
    },
  );
  const number = change.pull?.number ?? 0;
  await recorder.step("It is refused", async () => {
    const pull = await watchChecks(client, number, 30_000);
    if (pull.verdict !== "failure")
      throw new CommandFailure(`the broken pull request #${number} was not refused: its review says ${pull.verdict}`);
    const refusal = await client.send("POST", `/api/v1/pulls/${number}/merge`, { headCommit: pull.headCommit }).then(
      () => undefined,
      (failure: unknown) => (failure instanceof CommandFailure ? failure : Promise.reject(failure)),
    );
    if (refusal === undefined) throw new CommandFailure(`the broken pull request #${number} could be merged`);
    say(`   ${refusal.code}: ${refusal.message}`);
    await client.send("POST", `/api/v1/pulls/${number}/close`);
    return { data: { statuses: pull.statuses, merge: { code: refusal.code, message: refusal.message } }, value: pull };
  });
}

/** Two pull requests, as for anybody: the first confirms, the second removes. */
async function remove(client: Client, recorder: Recorder, address: Address): Promise<void> {
  for (const step of ["retire", "delete"])
    await recorder.step(step === "retire" ? "Retire it" : "Delete it; a final copy is kept", async () => {
      const { tag } = await client.getWithTag<Database>(databasePath(address));
      const path = `${databasePath(address)}?autoMerge=true`;
      const change = await client.send<Change>("DELETE", path, undefined, { "if-match": tag });
      if (change.step !== step) throw new CommandFailure(`expected to ${step}, but the answer was ${change.step}`);
      const { state, outcome } = await followOperation(client, change.operation.id, 60_000);
      return { data: { pull: change.pull?.number, state, outcome }, value: state };
    });
}
