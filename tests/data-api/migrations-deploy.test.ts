/** Migrations as operations: after a deployment, through kills, with real workers, a real ledger and a real database. */
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import type { DatabaseId, DatabaseSpec } from "../../platform/spec/index.ts";
import { connectionUrl, connectOnce, type Sql } from "../../platform/sql/index.ts";
import {
  enqueueOperation,
  getCredential,
  getProject,
  getSchema,
  listOperations,
  type Operation,
  putMigrationTexts,
} from "../../platform/store/index.ts";
import type { Deployer } from "../../reconciler/deploy/index.ts";
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
