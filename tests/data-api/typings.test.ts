/** The types of a real schema, compiled with the client that they are for. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { InstanceWanted } from "../../platform/compute/index.ts";
import { readSchemaFacts, renderTypes, schemaFactsSql } from "../../platform/typings/index.ts";
import { asTenant, type Ground, makeGround, wish } from "../compute/ground.ts";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const hostile = 'a"; } `$x` */ \\ \n ü';
const schema = `
create type mood as enum ('good', 'so "so"');
create type size as (width int, height numeric);
create domain email as text not null;
create table clients (id bigint generated always as identity primary key, name text not null, mail email, mood mood);
create table projects (
  id bigint primary key, client bigint not null references clients, parent bigint references projects, tags text[] not null default '{}',
  size size, extra jsonb, done boolean not null default false, label text generated always as ('x') stored);
create table settings (project bigint primary key references projects, theme text);
create view busy as select id, name from clients;
create materialized view counted as select count(*) as n from projects;
create function add(a int, b int default 1) returns int language sql as 'select a + b';
create function busiest(most int) returns setof projects language sql as 'select * from projects limit most';
create function pairs() returns table (k text, v int) language sql as $$ select 'a', 1 $$;
create table "${hostile.replaceAll('"', '""')}" ("${hostile.replaceAll('"', '""')}" int primary key);
create schema other; create table other.things (id uuid primary key, at timestamptz)`;

const program = `
import { PostgrestClient } from "@supabase/postgrest-js";
import type { Database, Json } from "./database.ts";
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Same<A, B>) => undefined;
type Tables = Database["public"]["Tables"];
same<Tables["clients"]["Row"], { id: number; name: string; mail: string; mood: "good" | 'so "so"' | null }>(true);
same<Tables["projects"]["Row"]["tags"], string[]>(true);
same<Tables["projects"]["Row"]["extra"], Json | null>(true);
same<Tables["projects"]["Row"]["size"], { width: number | null; height: number | null } | null>(true);
same<Database["public"]["Views"]["counted"], { Row: { n: number | null }; Relationships: [] }>(true);
same<Database["other"]["Tables"]["things"]["Row"], { id: string; at: string | null }>(true);
same<Tables[${JSON.stringify(hostile)}]["Row"][${JSON.stringify(hostile)}], number>(true);
const api = new PostgrestClient<Database>("http://localhost");
export async function uses() {
  const found = await api.from("projects").select("id,tags,clients(name),settings(theme)").single();
  if (found.data !== null) {
    const { data } = found;
    same<typeof data.tags, string[]>(true);
    same<typeof data.clients, { name: string }>(true);
    same<typeof data.settings, { theme: string | null } | null>(true);
  }
  const many = await api.from("clients").select("name,projects(id)").single();
  if (many.data !== null) { const { projects } = many.data; same<typeof projects, { id: number }[]>(true); }
  await api.from("clients").insert({ name: "x", mail: "y" });
  const sum = await api.rpc("add", { a: 1 });
  same<NonNullable<typeof sum.data>, number>(true);
  const rows = await api.rpc("pairs");
  same<NonNullable<typeof rows.data>, { k: string; v: number }[]>(true);
  await api.schema("other").from("things").select("at");
  // @ts-expect-error there is no such table
  await api.from("nothing").select();
  // @ts-expect-error a name is demanded
  await api.from("clients").insert({ mail: "y" });
  // @ts-expect-error the database gives it
  await api.from("clients").insert({ id: 1, name: "x", mail: "y" });
  // @ts-expect-error it is a number
  await api.rpc("add", { a: "1" });
}
`;

let ground: Ground;
let wanted: InstanceWanted;
const folder = mkdtempSync(join(tmpdir(), "nebula-types-"));
beforeAll(async () => {
  ground = await makeGround({ spares: 0 });
  wanted = await wish();
  await ground.driver.ensure(wanted);
});
afterAll(async () => {
  await ground?.clear();
  rmSync(folder, { recursive: true, force: true });
});

test("the client takes them: rows, inserts, embeds, functions, and it refuses what the schema does not have", async () => {
  const [row] = await asTenant(ground.driver, wanted, async (sql) => {
    await sql.query(schema);
    return sql.query<{ facts: unknown }>(schemaFactsSql, ["{public,other}"]);
  });
  const text = renderTypes(readSchemaFacts(row?.facts), ["public", "other"]);
  writeFileSync(join(folder, "database.ts"), text);
  writeFileSync(join(folder, "program.ts"), program);
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  const repository = join(import.meta.dirname, "../..");
  symlinkSync(join(repository, "node_modules"), join(folder, "node_modules"));
  const options =
    "--noEmit --strict --skipLibCheck --module nodenext --target esnext --allowImportingTsExtensions --types node";
  const tsc = join(repository, "node_modules/typescript/bin/tsc");
  const said = (() => {
    try {
      return execFileSync(process.execPath, [tsc, ...options.split(" "), "program.ts"], {
        cwd: folder,
        encoding: "utf8",
      });
    } catch (thrown) {
      return String((thrown as { stdout?: string }).stdout);
    }
  })();
  expect(said, text).toBe("");
});
