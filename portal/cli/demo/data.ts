/**
 * The chapter on data: a database with a data API, its schema by two pull requests, and two users who read and write it by
 * `postgrest-js`, the client of PostgREST that many programs have, and see each their own.
 */
import { PostgrestClient } from "@supabase/postgrest-js";
import { collectionPath, databasePath } from "../address.ts";
import type { Client } from "../client.ts";
import type { Pull } from "../commands/review-text.ts";
import { CommandFailure } from "../failure.ts";
import { say } from "../output.ts";
import type { Change, Database, Migration } from "../types.ts";
import type { Address } from "./compute.ts";
import { type Login, makeLogin } from "./login.ts";
import { meter } from "./meter.ts";
import { change, pause, type Recorder, reviewAndMerge } from "./steps.ts";

const first = `create table lists (
  id bigint generated always as identity primary key,
  owner text not null default (current_setting('request.jwt.claims')::json ->> 'sub'),
  name text not null
);
create table notes (
  id bigint generated always as identity primary key,
  list bigint not null references lists,
  text text not null check (text <> '')
);
create index notes_list on notes (list);

alter table lists enable row level security;
alter table notes enable row level security;
create policy own on lists
  using (owner = (select current_setting('request.jwt.claims')::json ->> 'sub'));
create policy own on notes
  using (list in (select id from lists));
grant select, insert, update, delete on lists, notes to authenticated;
`;

const second = `alter table notes add column done boolean not null default false;
create index notes_open on notes (list) where not done;
`;

export async function tellOfData(client: Client, recorder: Recorder, address: Address): Promise<void> {
  const login = makeLogin();
  await declare(client, recorder, { address, login });
  await migrate(client, recorder, { address, name: "lists_and_notes", sql: first });
  await migrate(client, recorder, { address, name: "done", sql: second });
  await useAsTwo(client, recorder, { address, login });
  await meter(client, recorder, address, ["api_requests"]);
}

type Declared = { readonly address: Address; readonly login: Login };

const declare = (client: Client, recorder: Recorder, { address, login }: Declared) =>
  recorder.step("A database with a data API, which believes the tokens of one login", async () => {
    const made = await change(client, "POST", collectionPath(address), {
      ...{ name: address.database, version: "18", storage: "1Gi", tags: { owner: "demo" }, autoMerge: true },
      compute: { min: 0.25, max: 0.25 },
      api: { jwt: [{ publicKey: login.publicKey, issuer: login.issuer, audience: address.database }] },
    });
    return { data: { pull: made.pull?.number }, value: undefined };
  });

type Wanted = { readonly address: Address; readonly name: string; readonly sql: string };

async function migrate(client: Client, recorder: Recorder, { address, name, sql }: Wanted): Promise<void> {
  const path = `${databasePath(address)}/migrations`;
  const asked = await recorder.step(`A pull request with the migration ${name}`, async () => {
    const value = await client.send<Change>("POST", path, { name, sql });
    say(`   #${value.pull?.number} ${value.pull?.title}`);
    return { data: { pull: value.pull?.number }, value };
  });
  await reviewAndMerge(client, recorder, asked, "and it runs", showMigrations);
  await recorder.step("The database's own record", async () => {
    const items = await untilApplied(client, path, name);
    for (const { file, state, commit } of items) say(`   ${file.padEnd(24)} ${state} ${commit?.slice(0, 7) ?? ""}`);
    return { data: { migrations: items.map(({ file, state }) => ({ file, state })) }, value: items };
  });
}

function showMigrations({ review }: Pull): Record<string, unknown> {
  const migrations = (review?.projects ?? []).flatMap((project) => project.migrations ?? []);
  for (const { files, on, findings, rehearsal, advice = [] } of migrations) {
    say(`   ${files.join(", ")}: rehearsed on ${on}`);
    for (const { level, path, line, message, hint } of findings)
      say(`   ${level} ${path.split("/").at(-1)}:${line} it ${message}. ${hint}`);
    for (const line of rehearsal?.difference ?? []) say(`     ${line}`);
    for (const { level, object, title } of advice) say(`   advice (${level}) on ${object}: ${title}`);
  }
  return { migrations };
}

/** A deployment queues what has not run; the ledger knows when it has. */
async function untilApplied(client: Client, path: string, name: string): Promise<readonly Migration[]> {
  for (const deadline = performance.now() + 180_000; performance.now() < deadline; await pause(200)) {
    const { items } = await client.get<{ items: Migration[] }>(path);
    const last = items.find(({ file }) => file.endsWith(`_${name}`));
    if (last?.state === "applied") return items;
    if (last?.state === "failed") throw new CommandFailure(`${last.file} failed: ${last.message}`);
  }
  throw new CommandFailure(`the migration ${name} did not run within 180 s`, { exitCode: 7 });
}

/** The data API as one of the login's users has it; nobody: without a credential. Each request and its answer is shown. */
type As = (user: string | null) => PostgrestClient;

async function useAsTwo(client: Client, recorder: Recorder, { address, login }: Declared): Promise<void> {
  const { api } = await client.get<Database>(databasePath(address));
  if (api === null) throw new CommandFailure(`${address.database} has no data API`);
  const { url } = api;
  const as: As = (user) => {
    const headers: Record<string, string> =
      user === null ? {} : { authorization: `Bearer ${login.tokenOf(user, address.database)}` };
    return new PostgrestClient(url, { headers, fetch: shown(user ?? "nobody", url), timeout: 60_000 });
  };
  await write(recorder, url, as);
  await read(recorder, as);
  await refuse(recorder, as);
}

const shown =
  (who: string, url: string): typeof fetch =>
  async (input, init) => {
    const response = await fetch(input, init);
    const path = decodeURIComponent(String(input).slice(url.length));
    say(`   ${who.padEnd(6)} ${init?.method} ${path} -> ${response.status} ${await response.clone().text()}`);
    return response;
  };

const write = (recorder: Recorder, url: string, as: As) =>
  recorder.step("Ada and Ben write", async () => {
    say(`   ${url}; its reference: ${url.replace(/rest\/v1$/, "docs")}`);
    for (const [user, name, texts] of [
      ["ada", "garden", ["water the beans", "mow"]],
      ["ben", "work", ["answer Ada"]],
    ] as const) {
      const made = mustBe(await as(user).from("lists").insert({ name }).select("id").single<{ id: number }>(), 201);
      const notes = texts.map((text) => ({ list: made.data?.id, text }));
      mustBe(await as(user).from("notes").insert(notes).select("text"), 201);
    }
    return { data: { url }, value: undefined };
  });

const read = (recorder: Recorder, as: As) =>
  recorder.step("Each reads: the same request, and their own rows", async () => {
    const notesOf = async (user: string) =>
      mustBe(await as(user).from("notes").select("text,done,lists(name)").order("text"), 200).data;
    return { data: { ada: await notesOf("ada"), ben: await notesOf("ben") }, value: undefined };
  });

const refuse = (recorder: Recorder, as: As) =>
  recorder.step("What is refused", async () => {
    const changed = await as("ben").from("notes").update({ done: true }).eq("text", "mow").select("text");
    say("   (no note of Ben's has that text, and Ada's are not there for him: none was changed)");
    const posing = await as("ben").from("lists").insert({ name: "mine now", owner: "ada" });
    const nobody = await as(null).from("notes").select();
    if ((mustBe(changed, 200).data ?? []).length > 0) throw new CommandFailure("Ben changed a note of Ada's");
    mustBe(posing, 403);
    mustBe(nobody, 401);
    return {
      data: { changed: changed.data, posing: posing.error?.code, nobody: nobody.error?.code },
      value: undefined,
    };
  });

function mustBe<T extends { readonly status: number; readonly error: unknown }>(answer: T, status: number): T {
  if (answer.status === status) return answer;
  const { error } = answer;
  throw new CommandFailure(`the data API answered ${answer.status} and not ${status}: ${JSON.stringify(error)}`);
}
