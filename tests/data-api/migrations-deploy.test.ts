/** Migrations as operations: after a deployment, through kills, with real workers, a real ledger and a real database. */
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { schemaDrift } from "../../platform/migrations/index.ts";
import type { DatabaseId, DatabaseSpec } from "../../platform/spec/index.ts";
import { connectionUrl, connectOnce, type Sql } from "../../platform/sql/index.ts";
import {
  enqueueOperation,
  getCredential,
  getProject,
  getSchema,
  listDriftFindings,
  listOperations,
  type Operation,
  putMigrationTexts,
} from "../../platform/store/index.ts";
import { type Deployer, queueMigrations } from "../../reconciler/deploy/index.ts";
import { makeDriftPass } from "../../reconciler/drift/index.ts";
import { recordOutcome } from "../../reconciler/reconcile.ts";
import { database, makeStand, project, type Stand } from "../deploy/stand.ts";
import { eventually } from "../harness/eventually.ts";

vi.setConfig({ testTimeout: 270_000, hookTimeout: 270_000 });

let stand: Stand;
let deployer: Deployer;
let armed: string;
beforeAll(async () => {
  stand = await makeStand();
  armed = join(stand.dataDir, "armed");
  vi.stubEnv("NEBULA_FAILPOINT", `@${armed}`);
  deployer = await stand.deployer({ onEnded: recordOutcome, leaseSeconds: 4, heartbeatMs: 500 });
  await deployer.start();
});
afterAll(async () => {
  await stand?.close();
  vi.unstubAllEnvs();
});
afterEach(() => writeFileSync(armed, ""));

const stack = () => `${stand.tenant}.shop` as const;
const id = () => `${stack()}.orders` as DatabaseId;

async function as<T>(body: (sql: Sql) => Promise<T>): Promise<T> {
  const seen = await stand.driver.observe(id());
  const password = await getCredential(stand.sql, stand.vault, id(), "orders_owner");
  if (seen === undefined || password === undefined) throw new Error("orders is not there");
  const { host, socketPort: port, databaseName, ownerRole: user } = seen;
  await stand.driver.wake(id());
  return connectOnce(connectionUrl({ host, port, user, password, database: databaseName }), body);
}
const ask = <T>(text: string): Promise<readonly T[]> => as((sql) => sql.query<T>(text));

type Files = Readonly<Record<string, string>>;
const files: Record<string, string> = {};

/** Deploys the database with these files beside those of before; the MIGRATE that follows, when it has ended. */
async function merge(more: Files, options: object = {}): Promise<Operation> {
  Object.assign(files, more);
  const texts = new Map(Object.values(files).map((text) => [createHash("sha256").update(text).digest("hex"), text]));
  await putMigrationTexts(stand.sql, texts);
  const migrations = Object.fromEntries(
    Object.entries(files).map(([file, text]) => [file, createHash("sha256").update(text).digest("hex")]),
  );
  const spec: DatabaseSpec = { ...database("orders", options), migrations };
  const deployed = await stand.ended((await stand.want(project(stand.tenant, "shop", [spec]))).id);
  expect(deployed).toMatchObject({ state: "COMPLETED" });
  return lastMigrate();
}

async function lastMigrate(): Promise<Operation> {
  const newest = async () => (await listOperations(stand.sql, { stack: stack(), type: "MIGRATE", limit: 1 }))[0];
  const queued = await eventually("a MIGRATE is queued", newest, { timeoutMs: 30_000 });
  return stand.ended(queued.id, 120_000);
}

const statusOf = async () => {
  const { status, reason } = (await getProject(stand.sql, stack())) ?? {};
  return `${status} ${reason}`;
};

test("files of a merge run after its deployment, and the ledger knows which", async () => {
  const ended = await merge({
    "0001_counts": "create table counts (what text);",
    "0002_first": "insert into counts values ('0002');",
  });
  expect(ended).toMatchObject({
    state: "COMPLETED",
    database: "orders",
    result: { ran: ["0001_counts", "0002_first"] },
  });
  expect(await ask("select what from counts")).toEqual([{ what: "0002" }]);
  const schema = await getSchema(stand.sql, id());
  expect(Object.keys(schema?.applied ?? {}).sort()).toEqual(["0001_counts", "0002_first"]);
  expect(schema?.applied["0001_counts"]).toMatchObject({ commit: ended.commit, operation: ended.id });
  expect(await ask("select file, operation from nebula.migrations where file = '0002_first'")).toEqual([
    { file: "0002_first", operation: ended.id },
  ]);
  expect(await statusOf()).toBe("Ready Applied");
});

test.each(["migrate.held", "migrate.begun", "migrate.ran", "migrate.committed"])(
  "a worker that is killed at %s runs nothing twice and leaves nothing out",
  async (point) => {
    const file = `${1000 + Object.keys(files).length}_killed`;
    writeFileSync(armed, point);
    const ended = await merge({ [file]: `insert into counts values ('${file}');` });
    expect(ended).toMatchObject({ state: "COMPLETED" });
    expect(ended.attempt).toBeGreaterThan(1);
    expect(await ask(`select what from counts where what = '${file}'`)).toEqual([{ what: file }]);
    expect((await getSchema(stand.sql, id()))?.applied[file]).toBeDefined();
    expect(await statusOf()).toBe("Ready Applied");
  },
);

test.each(["migrate.begun", "migrate.ran", "migrate.committed"])(
  "a file without a transaction that is killed at %s is there once and whole",
  async (point) => {
    const file = `${2000 + Object.keys(files).length}_index`;
    writeFileSync(armed, point);
    const ended = await merge({
      [file]: `-- nebula: no-transaction\ncreate index concurrently i${file} on counts (what);`,
    });
    expect(ended).toMatchObject({ state: "COMPLETED" });
    const [index] = await ask(`select indisvalid as valid from pg_index where indexrelid = 'i${file}'::regclass`);
    expect(index).toEqual({ valid: true });
  },
);

test("a failure stops the project with its place, and the commit that mends it goes on", async () => {
  const ended = await merge({
    "3000_bad": "insert into counts values ('half');\nselect nobody from counts;",
    "3001_after": "insert into counts values ('after');",
  });
  expect(ended).toMatchObject({ state: "FAILED", outcome: "stalled", error: { code: "NEB440" } });
  expect(ended.error?.detail).toContain("orders/migrations/3000_bad.sql:2:8");
  expect(await statusOf()).toBe("Stalled MigrationFailed");
  expect((await getSchema(stand.sql, id()))?.failed).toMatchObject({ file: "3000_bad", line: 2, column: 8 });
  expect(await ask("select what from counts where what in ('half', 'after')")).toEqual([]);
  const mended = await merge({ "3000_bad": "insert into counts values ('half');" });
  expect(mended).toMatchObject({ state: "COMPLETED", result: { ran: ["3000_bad", "3001_after"] } });
  expect(await statusOf()).toBe("Ready Applied");
  expect((await getSchema(stand.sql, id()))?.failed).toBeNull();
});

test("a sleeping database is woken for it", async () => {
  await stand.driver.sleep(id());
  expect(await merge({ "4000_awake": "insert into counts values ('awake');" })).toMatchObject({ state: "COMPLETED" });
});

test("what was changed by hand is told with the SQL that would do it", async () => {
  await ask("alter table counts add column by_hand int");
  const asked = { stack: stack(), database: "orders", type: "MIGRATE", requestedBy: "t" } as const;
  const { id: operation } = await enqueueOperation(stand.sql, { ...asked, params: { verb: "diff" } });
  const { result } = await stand.ended(operation);
  expect(result).toMatchObject({
    lines: ["~ table public.counts", "    + by_hand integer"],
    sql: "alter table public.counts add column by_hand integer;".replace("by_hand", '"by_hand"'),
    undo: 'alter table public.counts drop column "by_hand";',
  });
  expect(await statusOf()).toBe("Ready Applied");
});

test("another schema than the migrations give is drift that is shown and not healed, and is gone with the difference", async () => {
  const pass = makeDriftPass({
    ...{ sql: stand.sql, driver: stand.driver, vault: stand.vault, observe: () => undefined },
    schemaOf: (database) => stand.driver.machinery.peek(database, schemaDrift),
  });
  const found = await eventually(
    "the drift is seen",
    async () => (await pass.run({ everything: true })).opened.includes(`${id()} schema`) || undefined,
    { timeoutMs: 60_000 },
  );
  expect(found).toBe(true);
  const [finding] = (await listDriftFindings(stand.sql, { stack: stack() })).filter(({ path }) => path === "schema");
  expect(finding).toMatchObject({ effect: "by hand", observed: ["~ table public.counts", "    + by_hand integer"] });
  await ask("alter table counts drop column by_hand");
  const closed = await pass.run({ everything: true });
  expect(closed.closed).toContain(`${id()} schema`);
  await pass.close();
});

test("after a restore what is missing runs again, up to what loses data; that one waits for a person", async () => {
  await merge({ "5000_add": "alter table counts add column a int;" });
  await merge({
    "5001_drop": "-- nebula: allow drop-column because unused\nalter table counts drop column a;",
    "5002_x": "create table x (id bigint);",
  });
  const admin = <T>(text: string) => stand.driver.machinery.peek(id(), (sql) => sql.query<T>(text));
  // As the data of an earlier time have it: neither what the files did is there, nor their rows.
  await admin("drop table public.x; delete from nebula.migrations where file like '500_%'");
  const restored = {
    type: "RESTORE",
    state: "COMPLETED",
    stack: stack(),
    database: "orders",
    params: {},
  } as unknown as Operation;
  await stand.sql.tx((tx) => queueMigrations(tx, { ...restored, requestedBy: "t", pullNumber: null, commit: null }));
  const again = await lastMigrate();
  expect(again).toMatchObject({ state: "COMPLETED", result: { ran: ["5000_add"], waits: "5001_drop" } });
  expect((await getSchema(stand.sql, id()))?.waits).toMatchObject({
    file: "5001_drop",
    why: "it drops the column a of public.counts",
  });
  // A deployment leaves it waiting.
  const other = await merge({}, { tags: { team: "red" } });
  expect(other.id).toBe(again.id);
  const asked = { stack: stack(), database: "orders", type: "MIGRATE", requestedBy: "t" } as const;
  const { id: go } = await enqueueOperation(stand.sql, { ...asked, params: { verb: "apply", go: true } });
  expect(await stand.ended(go)).toMatchObject({
    state: "COMPLETED",
    result: { ran: ["5001_drop", "5002_x"], waits: null },
  });
});

test("SQL that runs at once has a row and no file, and a repeat after a kill runs it once", async () => {
  const asked = { stack: stack(), database: "orders", type: "MIGRATE", requestedBy: "t" } as const;
  writeFileSync(armed, "migrate.committed");
  const params = { verb: "direct", sql: "insert into counts values ('direct')" };
  const { id: operation } = await enqueueOperation(stand.sql, { ...asked, params });
  const ended = await stand.ended(operation, 120_000);
  expect(ended).toMatchObject({ state: "COMPLETED" });
  expect(ended.attempt).toBeGreaterThan(1);
  expect(await ask("select count(*) as n from counts where what = 'direct'")).toEqual([{ n: 1 }]);
  expect((await getSchema(stand.sql, id()))?.applied[`direct-${operation}`]).toMatchObject({ operation });
});
