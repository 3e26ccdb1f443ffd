import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import {
  describeSchemaChanges,
  diffSchemas,
  fingerprintOf,
  readNoted,
  takeSnapshot,
} from "../../platform/migrations/index.ts";
import { codeOf } from "../harness/code-of.ts";
import { makeMigrated } from "./migrations-ground.ts";

let it: Awaited<ReturnType<typeof makeMigrated>>;
beforeAll(async () => {
  it = await makeMigrated();
});
afterAll(() => it?.clear());
beforeEach(async () => {
  await it.door(({ admin }) =>
    admin.query(
      "drop schema if exists nebula cascade; drop schema public cascade; create schema public; grant all on schema public to public",
    ),
  );
});

const orders = "create table orders (id bigint primary key, note text);\n";
const rows = () => it.tenant<{ file: string }>("select file from nebula.migrations order by file");

test("each file runs once, in the order of its number, and its row says which text it was", async () => {
  const files = { "0002_more": "alter table orders add column at timestamptz;", "0001_orders": orders };
  expect((await it.apply(files)).ran).toEqual(["0001_orders", "0002_more"]);
  const again = await it.apply({ ...files, "0010_index": "create index on orders (note);" });
  expect(again.ran).toEqual(["0010_index"]);
  expect(again.record.map(({ file, commit }) => [file, commit?.length])).toEqual([
    ["0001_orders", 40],
    ["0002_more", 40],
    ["0010_index", 40],
  ]);
  expect((await it.apply({ ...files, "0010_index": "create index on orders (note);" })).ran).toEqual([]);
});

test("a failing file leaves nothing behind, names its place, and a corrected one goes on", async () => {
  const bad = {
    "0001_orders": orders,
    "0002_bad": "insert into orders values (1, 'a');\n\nselect nothing\n  from orders;\n",
    "0003_after": "create table after ();",
  };
  const thrown = await it.apply(bad).catch((one) => one);
  expect(thrown).toMatchObject({
    code: "NEB440",
    fields: { migration: "0002_bad", line: 3, column: 8, sqlState: "42703" },
  });
  expect(await it.tenant("select * from orders")).toEqual([]);
  expect(await rows()).toEqual([{ file: "0001_orders" }]);
  const mended = { ...bad, "0002_bad": "insert into orders values (1, 'a');" };
  expect((await it.apply(mended)).ran).toEqual(["0002_bad", "0003_after"]);
});

test("what ran and was changed, and what comes too late, are refused by name", async () => {
  await it.apply({ "0001_orders": orders, "0005_more": "create table more ();" });
  expect(await codeOf(it.apply({ "0001_orders": `${orders} -- hm`, "0005_more": "create table more ();" }))).toBe(
    "NEB441",
  );
  expect(
    await codeOf(
      it.apply({ "0001_orders": orders, "0003_late": "create table late ();", "0005_more": "create table more ();" }),
    ),
  ).toBe("NEB145");
  expect(
    (await it.apply({ "0001_orders": orders.replace("\n", "\r\n"), "0005_more": "create table more ();" })).ran,
  ).toEqual([]);
});

test("the record is the owner's to read and nobody's to write", async () => {
  await it.apply({ "0001_orders": orders });
  for (const text of [
    "delete from nebula.migrations",
    "insert into nebula.migrations (folder, file, checksum) values ('orders', '0002_x', 'y')",
    "update nebula.migration_state set fence = 99",
    "drop schema nebula cascade",
    "create table nebula.mine ()",
    "alter function nebula.finish_migration(text) owner to orders",
  ])
    await expect(it.tenant(text), text).rejects.toThrow(/must be owner|permission denied/);
  expect(await it.tenant("select nebula.finish_migration('guess') as kept")).toEqual([{ kept: 0 }]);
  const forged = "insert into nebula.migrations (folder, file, checksum) values ('orders', '0009_x', 'y');";
  expect(await codeOf(it.apply({ "0001_orders": orders, "0002_forged": forged }))).toBe("NEB440");
});

test("a schema of that name which somebody else made is not used", async () => {
  await it.tenant("create schema nebula");
  expect(await codeOf(it.apply({ "0001_orders": orders }))).toBe("NEB443");
  await it.tenant("drop schema nebula");
});

test("an index is built concurrently in a file without a transaction, and what broke off is mended", async () => {
  const index = "-- nebula: no-transaction\ncreate unique index concurrently orders_note on orders (note);";
  const files = { "0001_orders": `${orders}insert into orders values (1, 'a'), (2, 'a');`, "0002_index": index };
  expect(await codeOf(it.apply(files))).toBe("NEB440");
  const [broken] = await it.tenant<{ valid: boolean }>(
    "select indisvalid as valid from pg_index where indexrelid = 'orders_note'::regclass",
  );
  expect(broken).toEqual({ valid: false });
  await it.tenant("delete from orders where id = 2");
  expect((await it.apply(files)).ran).toEqual(["0002_index"]);
  const [mended] = await it.tenant<{ valid: boolean }>(
    "select indisvalid as valid from pg_index where indexrelid = 'orders_note'::regclass",
  );
  expect(mended).toEqual({ valid: true });
});

test("a lock that is not had in time is worth another try", async () => {
  await it.apply({ "0001_orders": orders });
  await it.door(async ({ asOwner }) =>
    asOwner((other) =>
      other.tx(async (tx) => {
        await tx.query("lock table orders in access share mode");
        const late = it.apply(
          { "0001_orders": orders, "0002_c": "alter table orders add column c int;" },
          { limits: { lockMs: 100 } },
        );
        await expect(late).rejects.toMatchObject({ code: "NEB442", retry: true });
      }),
    ),
  );
  expect((await it.apply({ "0001_orders": orders, "0002_c": "alter table orders add column c int;" })).ran).toEqual([
    "0002_c",
  ]);
});

test("an older holder is ended in the middle of a file, and what it did is undone", async () => {
  await it.apply({ "0001_orders": orders });
  const slow = { "0001_orders": orders, "0002_slow": "insert into orders values (7, 'slow'); select pg_sleep(60);" };
  const first = it.apply(slow).catch((one) => one);
  const running = () =>
    it.tenant<{ n: number }>(
      "select count(*) as n from pg_stat_activity where query like 'select pg_sleep%' and state = 'active'",
    );
  while ((await running())[0]?.n !== 1) await new Promise((done) => setTimeout(done, 20));
  const quick = { "0001_orders": orders, "0002_slow": "insert into orders values (7, 'slow');" };
  expect((await it.apply(quick)).ran).toEqual(["0002_slow"]);
  expect((await first).code).toMatch(/^NEB(910|444|440)$/);
  expect(await it.tenant("select id from orders")).toEqual([{ id: 7 }]);
  expect(await codeOf(it.apply(quick, { fence: 1 }))).toBe("NEB444");
});

test("after the data went back it stops before what loses data", async () => {
  const files = {
    "0001_orders": orders,
    "0002_add": "alter table orders add column c int;",
    "0003_drop": "-- nebula: allow drop-column because unused\nalter table orders drop column note;",
    "0004_x": "create table x ();",
  };
  const applied = await it.apply(files, { careful: true });
  expect(applied.ran).toEqual(["0001_orders", "0002_add"]);
  expect(applied.waits?.file).toBe("0003_drop");
  expect((await it.apply(files)).ran).toEqual(["0003_drop", "0004_x"]);
});

test("what was made by hand shows as a difference, and is adopted where it is there already", async () => {
  const applied = await it.apply({ "0001_orders": orders });
  await it.tenant("alter table orders add column hand text not null default 'x'; create index hand on orders (hand)");
  const { noted, live } = await it.door(async ({ admin }) => ({
    noted: await readNoted(admin),
    live: await takeSnapshot(admin),
  }));
  expect(noted?.fingerprint).toBe(applied.fingerprint);
  expect(fingerprintOf(live)).not.toBe(applied.fingerprint);
  const lines = describeSchemaChanges(diffSchemas(noted?.snapshot ?? live, live));
  expect(lines).toEqual([
    "~ table public.orders",
    "    + hand text default 'x'::text not null",
    "+ index public.orders.hand",
  ]);
  const pulled = `-- nebula: already-in ${fingerprintOf(live)}\nalter table orders add column hand text not null default 'x';\ncreate index hand on orders (hand);`;
  const adopted = await it.apply({ "0001_orders": orders, "0002_hand": pulled });
  expect(adopted.record.map(({ file, adopted: was }) => [file, was])).toEqual([
    ["0001_orders", false],
    ["0002_hand", true],
  ]);
});
