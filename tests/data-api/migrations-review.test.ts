/** Migrations in pull requests: real Git, the real review, and rehearsals on real copies. */
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { InstanceWanted } from "../../platform/compute/index.ts";
import { objectNames } from "../../platform/spec/index.ts";
import {
  getMigrationTexts,
  getPullRow,
  recordInstance,
  recordSchema,
  reserveInstance,
} from "../../platform/store/index.ts";
import {
  checkNames,
  commentMarker,
  contextOf,
  makeRehearser,
  makeReviewer,
  type Review,
  type Reviewer,
} from "../../reconciler/review/index.ts";
import { type BackupGround, makeBackupGround } from "../backup/ground.ts";
import { asTenant, wish } from "../compute/ground.ts";
import { database } from "../deploy/stand.ts";
import { branchOff, database as declaration, makeWorld, type World } from "../reconciler/world.ts";

vi.setConfig({ testTimeout: 270_000, hookTimeout: 270_000 });

let world: World;
let ground: BackupGround;
let wanted: InstanceWanted;
let reviewer: Reviewer;
const folder = "tenants/acme/shop/orders/migrations";

beforeAll(async () => {
  [world, ground] = await Promise.all([makeWorld(), makeBackupGround()]);
  const { database: databaseName, ownerRole } = objectNames("acme", "shop", "orders");
  wanted = await wish({ id: "acme.shop.orders", databaseName, ownerRole });
  await ground.driver.ensure(wanted);
  await asTenant(ground.driver, wanted, (sql) =>
    sql.query(
      "create table orders (id bigint primary key, note text, total int); insert into orders select n, null, n from generate_series(1, 1000) n; analyze orders",
    ),
  );
  await world.sync();
  await world.ledger.sql.tx(async (tx) => {
    const at = { id: wanted.id, stack: "acme.shop", placement: "local", fence: 1, commit: null } as const;
    await reserveInstance(tx, { ...at, spec: database("orders") });
    await recordInstance(tx, { id: wanted.id, fence: 1, phase: "Ready" });
  });
  reviewer = makeReviewer({ ...world.parts, rehearse: makeRehearser(ground.backups) });
});
afterAll(async () => {
  await reviewer?.close();
  await world?.close();
  await ground?.clear();
});

async function review(branch: string, files: Readonly<Record<string, string | null>>) {
  await branchOff(world, branch);
  await world.push(branch, files);
  const pull = await world.person.createPull({ title: branch, body: "", head: branch, base: "main" });
  await reviewer.review(await world.repository(), pull);
  const row = await getPullRow<Review>(world.ledger.sql, "repo_test", pull.number);
  const comments = await world.person.listComments(pull.number);
  const comment = comments.find(({ body }) => body.includes(commentMarker))?.body ?? "";
  const statuses = await world.person.listStatuses(pull.head.sha);
  return {
    pull,
    row,
    review: row?.review,
    comment,
    states: Object.fromEntries(statuses.map((one) => [one.context, one.state])),
  };
}
const all = (state: string) => Object.fromEntries(checkNames.map((name) => [contextOf(name), state]));
const problems = (found: Review | null | undefined) =>
  (found?.problems ?? []).map(({ file, line, column, code }) => `${file.split("/").at(-1)}:${line}:${column} ${code}`);

test("what they do is shown: difference, locks with what is in the table, rewrites; and the database itself is untouched", async () => {
  const {
    review: found,
    comment,
    states,
  } = await review("good", {
    [`${folder}/0001_wider.sql`]:
      "alter table orders alter column total type bigint;\n\nalter table orders add column at timestamptz default now();\n",
    [`${folder}/0002_items.sql`]: "create table items (id bigint primary key, of bigint references orders);\n",
  });
  expect(states).toEqual(all("success"));
  const [one] = found?.projects[0]?.migrations ?? [];
  expect(one).toMatchObject({
    database: "orders",
    files: ["0001_wider", "0002_items"],
    on: "a copy of acme.shop.orders",
  });
  expect(one?.findings.map(({ id, line }) => [id, line])).toEqual([["type-change", 1]]);
  const [wider, items] = one?.rehearsal?.files ?? [];
  expect(wider?.rewrites).toMatchObject([{ table: "public.orders", rows: 1000 }]);
  expect(wider?.statements[0]?.locks).toMatchObject([{ table: "public.orders", mode: "AccessExclusive", rows: 1000 }]);
  expect(items?.statements[0]?.locks.map(({ mode }) => mode)).toEqual(["ShareRowExclusive"]);
  expect(one?.rehearsal?.difference).toContain("    ~ total integer → total bigint");
  expect(comment).toContain("**2 migrations of `orders`**, rehearsed on a copy of acme.shop.orders");
  expect(comment).toContain("+ table public.items");
  expect(one?.advice?.map(({ id, object }) => [id, object])).toEqual([["unindexed-foreign-key", "public.items"]]);
  expect(comment).toContain("create index concurrently on public.items (of);");
  expect(comment).toContain("migrations 0001\\_wider, 0002\\_items added");
  const left = await asTenant(ground.driver, wanted, (sql) =>
    sql.query("select relname from pg_class where relname = 'items'"),
  );
  expect(left).toEqual([]);
});

test("a file that fails fails the check at its line, as it would on the data that there is", async () => {
  const { review: found, states } = await review("failing", {
    [`${folder}/0001_strict.sql`]: "create table fine ();\nalter table orders\n  alter column note set not null;\n",
  });
  expect(states["nebula/plan"]).toBe("failure");
  expect(problems(found)).toEqual(["0001_strict.sql:2:1 NEB148"]);
  expect(found?.problems[0]?.message).toContain('column "note" of relation "orders" contains null values');
  expect(found?.problems[0]?.frame).toContain("> 2 | alter table orders");
});

test("what loses data or breaks clients is refused until its author says why", async () => {
  const text = "alter table orders drop column note;\n";
  const refused = await review("dropping", { [`${folder}/0001_drop.sql`]: text });
  expect(problems(refused.review)).toEqual(["0001_drop.sql:1:1 NEB149"]);
  const allowed = await review("allowed", {
    [`${folder}/0001_drop.sql`]: `-- nebula: allow drop-column because nobody reads it\n${text}`,
  });
  expect(allowed.states).toEqual(all("success"));
  expect(allowed.comment).toContain("allowed: nobody reads it");
});

test.each([
  ["no SQL", "create tabel x ();", "0001_x.sql:1:8 NEB146"],
  ["a command of psql's", "select 1;\n\\copy orders from '/etc/passwd'", "0001_x.sql:2:1 NEB147"],
  ["the end of its transaction", "create table x ();\ncommit;", "0001_x.sql:2:1 NEB147"],
  ["a role", "create table x ();\n  create role mighty superuser;", "0001_x.sql:2:3 NEB147"],
  ["another role's eyes", "set role nebula_admin;", "0001_x.sql:1:1 NEB147"],
  ["programs of the server", "copy (select 1) to program 'id';", "0001_x.sql:1:1 NEB147"],
  ["files of the server", "select pg_read_file('/etc/passwd');", "0001_x.sql:1:8 NEB148"],
  ["a superuser's function", "select pg_reload_conf();", "0001_x.sql:1:8 NEB148"],
  ["the record of migrations", "delete from nebula.migrations where true;", "0001_x.sql:1:1 NEB148"],
  ["a word that means nothing", "-- nebula: allow everything\nselect 1;", "0001_x.sql:2:1 NEB147"],
])("%s in a file is a problem with its place", async (_, text, problem) => {
  const { review: found, states } = await review(`bad-${Math.random().toString(36).slice(2)}`, {
    [`${folder}/0001_x.sql`]: text,
  });
  expect(problems(found)[0]?.replace(/:\d+ NEB148/, ":1 NEB148")).toBe(problem.replace(/:\d+ NEB148/, ":1 NEB148"));
  expect(states["nebula/plan"]).toBe("failure");
});

test.each([
  ["a name without a number", { [`${folder}/first.sql`]: "select 1;" }, ["first.sql:1:1 NEB140"]],
  [
    "one number twice",
    { [`${folder}/0001_a.sql`]: "select 1;", [`${folder}/0001_b.sql`]: "select 1;" },
    ["0001_b.sql:1:1 NEB141"],
  ],
  [
    "a folder of no database",
    { "tenants/acme/shop/nobody/migrations/0001_a.sql": "select 1;" },
    ["0001_a.sql:1:1 NEB142"],
  ],
  ["an empty file", { [`${folder}/0001_a.sql`]: "\n" }, ["0001_a.sql:1:1 NEB143"]],
])("%s is refused by name", async (_, files, expected) => {
  const { review: found } = await review(`name-${Math.random().toString(36).slice(2)}`, files);
  expect(problems(found)).toEqual(expected);
});

test("what ran stays as it is, and what is new comes after it", async () => {
  await world.ledger.sql.tx((tx) =>
    recordSchema(tx, {
      ...{ instance: wanted.id, failed: null, waits: null, fingerprint: null, operation: null },
      applied: {
        "0005_ran": { checksum: "a".repeat(64), commit: null, operation: null, at: "2026-11-21T10:00:00.000Z" },
      },
    }),
  );
  try {
    const { review: found } = await review("late", {
      [`${folder}/0005_ran.sql`]: "select 'changed';",
      [`${folder}/0003_late.sql`]: "select 1;",
    });
    expect(problems(found).sort()).toEqual(["0003_late.sql:1:1 NEB145", "0005_ran.sql:1:1 NEB144"]);
    expect(found?.problems.find(({ code }) => code === "NEB145")?.message).toContain("the next free number is 0006");
  } finally {
    await world.ledger.sql.query("delete from database_schemas");
  }
});

test("of two pull requests with one number the second is refused once the first is merged", async () => {
  const first = await review("one", { [`${folder}/0001_one.sql`]: "create table one (id bigint primary key);\n" });
  const second = await review("two", { [`${folder}/0001_two.sql`]: "create table two (id bigint primary key);\n" });
  expect([first.states, second.states]).toEqual([all("success"), all("success")]);
  await world.person.mergePull(first.pull.number, { sha: first.pull.head.sha });
  await world.sync();
  const again = await world.person.getPull(second.pull.number);
  await reviewer.review(await world.repository(), again);
  const row = await getPullRow<Review>(world.ledger.sql, "repo_test", second.pull.number);
  expect(problems(row?.review)).toEqual(["0001_two.sql:1:1 NEB141"]);
  const [project] = await world.ledger.sql.query<{ files: Record<string, string> }>(
    "select d -> 'migrations' as files from projects, jsonb_array_elements(wanted_spec -> 'databases') d where d ->> 'name' = 'orders'",
  );
  const texts = await getMigrationTexts(world.ledger.sql, Object.values(project?.files ?? {}));
  expect([...texts.values()]).toEqual(["create table one (id bigint primary key);\n"]);
});

test("a database that is not there yet is rehearsed empty, with its declaration beside its migrations", async () => {
  const { review: found, states } = await review("fresh", {
    "tenants/acme/shop/carts.ts": declaration("carts", 'version: "18", roles: [{ name: "reporting", access: "read" }]'),
    "tenants/acme/shop/carts/migrations/0001_carts.sql":
      "create table carts (id uuid primary key default gen_random_uuid(), code text);\nalter table carts enable row level security;\ncreate policy own on carts to reporting, authenticated using (true);\n",
  });
  expect(problems(found)).toEqual([]);
  expect(states).toEqual(all("success"));
  const carts = found?.projects[0]?.migrations?.find(({ database: name }) => name === "carts");
  expect(carts?.on).toBe("an empty database");
  expect(carts?.rehearsal?.difference[0]).toBe("+ table public.carts");
});

test("after a review nothing of its copies is left", async () => {
  const { readdirSync } = await import("node:fs");
  const { join } = await import("node:path");
  const building = readdirSync(join(ground.dataDir, "instances", "..", "building"), { withFileTypes: true }).map(
    ({ name }) => name,
  );
  expect(building.filter((name) => name.startsWith("site-"))).toEqual([]);
});
