import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { connectionUrl, connectOnce } from "../../platform/sql/index.ts";
import {
  enqueueOperation,
  getCredential,
  getInstance,
  getProjects,
  listEvents,
  listLeases,
  listRestorePoints,
  pruneHistory,
  readCheckpoint,
} from "../../platform/store/index.ts";
import type { Deployer } from "../../reconciler/deploy/index.ts";
import { eventually } from "../harness/eventually.ts";
import { database, makeStand, project, type Stand } from "./stand.ts";

vi.setConfig({ testTimeout: 270_000, hookTimeout: 270_000 });

let stand: Stand;
let deployer: Deployer;
beforeAll(async () => {
  stand = await makeStand();
  deployer = await stand.deployer();
  await deployer.start();
});
afterAll(() => stand.close());

const id = (name: string) => `${stand.tenant}.shop.${name}` as DatabaseId;
const shop = (...databases: ReturnType<typeof database>[]) => project(stand.tenant, "shop", databases);

async function ask(name: string, text: string): Promise<unknown> {
  const instance = await getInstance(stand.sql, id(name));
  const password = await getCredential(stand.sql, stand.vault, id(name), `${name}_owner`);
  if (!instance?.host || password === undefined) throw new Error(`${name} is not there`);
  const target = { host: instance.host, port: 5432, user: `${name}_owner`, password, database: name };
  return connectOnce(connectionUrl(target), async (sql) => (await sql.one<{ answer: unknown }>(text)).answer);
}

test("a declared database becomes one that answers, and the ledger says so", async () => {
  const { id: operation } = await stand.want(shop(database("orders")));
  const ended = await stand.ended(operation);
  expect(ended).toMatchObject({ state: "COMPLETED", outcome: "applied", attempt: 1 });
  expect(await ask("orders", "select 41 + 1 as answer")).toBe(42);
  const [row] = await getProjects(stand.sql, [`${stand.tenant}.shop`]);
  expect(row).toMatchObject({ appliedHash: row?.wantedHash, appliedCommit: row?.wantedCommit });
  const phases = (await listEvents(stand.sql, operation)).map((event) => event.phase);
  expect(phases).toEqual(["queued", "claimed", "deploy", "provider", "ready", "ended"]);
});

test("deploying the same again changes nothing", async () => {
  const { id: operation } = await stand.want(shop(database("orders")));
  expect(await stand.ended(operation)).toMatchObject({ state: "COMPLETED", outcome: "unchanged" });
});

test("a change reaches the running database without losing a row", async () => {
  await ask("orders", "create table kept (n int)").catch(() => undefined);
  await ask("orders", "with added as (insert into kept values (7) returning n) select n as answer from added");
  const changed = database("orders", { compute: { min: 1, max: 2 }, extensions: ["pg_trgm"], tags: { team: "blue" } });
  const ended = await stand.ended((await stand.want(shop(changed))).id);
  expect(ended).toMatchObject({ state: "COMPLETED", outcome: "applied" });
  expect(await ask("orders", "select n as answer from kept")).toBe(7);
  expect(await ask("orders", "select count(*) as answer from pg_extension where extname = 'pg_trgm'")).toBe(1);
});

test("what can touch data is marked first, in the server's own log; what cannot is not", async () => {
  const [point, ...more] = await listRestorePoints(stand.sql, { instance: id("orders") });
  expect(more).toEqual([]);
  expect(point?.lsn).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/);
  const isBehind = `select pg_current_wal_lsn() >= '${point?.lsn}'::pg_lsn as answer`;
  expect(await ask("orders", isBehind)).toBe(true);
  const events = await listEvents(stand.sql, point?.operation ?? "");
  expect(events.find(({ phase }) => phase === "restore-point")?.message).toContain(point?.lsn);
  const log = readFileSync(join(stand.dataDir, "log", "instances", `${id("orders")}.log`), "utf8");
  expect(log).toContain(`restore point "${point?.name}" created at`);

  const tagged = database("orders", { compute: { min: 1, max: 2 }, extensions: ["pg_trgm"], tags: { team: "red" } });
  await stand.ended((await stand.want(shop(tagged))).id);
  expect(await listRestorePoints(stand.sql, { instance: id("orders") })).toHaveLength(1);
  const blue = database("orders", { compute: { min: 1, max: 2 }, extensions: ["pg_trgm"], tags: { team: "blue" } });
  await stand.ended((await stand.want(shop(blue))).id);
});

test("a preview says what would change, by property, and writes nothing", async () => {
  const stack = `${stand.tenant}.shop`;
  const before = await readCheckpoint(stand.sql, stack);
  const next = shop(database("orders", { compute: { min: 1, max: 4 }, extensions: ["pg_trgm"] }), database("carts"));
  const preview = await deployer.preview({ spec: next });
  expect(preview.steps.map(({ op, name, diffs }) => ({ op, name, diffs: [...diffs].sort() }))).toEqual(
    expect.arrayContaining([
      { op: "update", name: "orders", diffs: ["compute.maxUnits", 'tags["team"]'] },
      { op: "create", name: "carts", diffs: [] },
    ]),
  );
  expect(preview.text).toContain("maxUnits");
  expect(await readCheckpoint(stand.sql, stack)).toBe(before);
  expect(await getInstance(stand.sql, id("carts"))).toBeUndefined();
});

test("a preview refuses an extension that this machine does not have", async () => {
  const spec = project(`${stand.tenant}x`, "odd", [database("first", { extensions: ["dblink"] })]);
  await expect(deployer.preview({ spec })).rejects.toThrow(/NEB351 .*dblink is not available here; there are /);
});

test("a preview of a project that was never deployed shows its creation", async () => {
  const preview = await deployer.preview({ spec: project(`${stand.tenant}x`, "new", [database("first")]) });
  expect(preview.summary).toContain("create");
});

test("a database that vanishes from the declarations is not deleted", async () => {
  const ended = await stand.ended((await stand.want(shop())).id);
  expect(ended).toMatchObject({ state: "FAILED", outcome: "blocked" });
  expect(await ask("orders", "select 1 as answer")).toBe(1);
});

test("retired first, then deleted: stopped, kept, then taken away with a final copy", async () => {
  const retired = database("orders", { compute: { min: 1, max: 2 }, extensions: ["pg_trgm"], retire: true });
  expect(await stand.ended((await stand.want(shop(retired))).id)).toMatchObject({ outcome: "applied" });
  expect((await stand.driver.observe(id("orders")))?.phase).toBe("Retired");
  expect(await stand.ended((await stand.want(shop())).id)).toMatchObject({ outcome: "applied" });
  expect(await stand.driver.observe(id("orders"))).toBeUndefined();
  expect(await stand.driver.finalCopies(id("orders"))).toHaveLength(1);
  expect(await getInstance(stand.sql, id("orders"))).toMatchObject({ phase: "Removed" });
});

test("an operation for a text that is not wanted any more ends as superseded", async () => {
  expect(await stand.ended((await stand.want(shop(database("later")))).id)).toMatchObject({ outcome: "applied" });
  const old = await stand.want(shop(database("later")), { params: { hash: "0".repeat(64) }, supersede: false });
  expect(await stand.ended(old.id)).toMatchObject({ state: "CANCELLED", outcome: "superseded" });
});

test("pausing stops a database until it is resumed", async () => {
  const stack = `${stand.tenant}.shop`;
  const act = async (type: "PAUSE" | "RESUME" | "ROTATE_CREDENTIALS") =>
    stand.ended((await enqueueOperation(stand.sql, { stack, type, database: "later", requestedBy: "t" })).id);
  expect(await act("PAUSE")).toMatchObject({ state: "COMPLETED" });
  await expect(ask("later", "select 1 as answer")).rejects.toThrow();
  expect(await act("RESUME")).toMatchObject({ state: "COMPLETED" });
  const before = (await getCredential(stand.sql, stand.vault, id("later"), "later_owner"))?.reveal();
  expect(await act("ROTATE_CREDENTIALS")).toMatchObject({ state: "COMPLETED" });
  expect((await getCredential(stand.sql, stand.vault, id("later"), "later_owner"))?.reveal()).not.toBe(before);
  expect(await ask("later", "select 2 as answer")).toBe(2);
});

test("Pulumi's history is kept for the newest updates only", async () => {
  const stack = `${stand.tenant}.shop`;
  const count = async () =>
    (
      await stand.sql.one<{ n: number }>(
        `select count(*) as n from state_${stand.tenant}.pulumi_state where key like '%/history/%'`,
      )
    ).n;
  await enqueueOperation(stand.sql, { stack, type: "DEPLOY", requestedBy: "t" });
  const claim = await eventually("the stack is ours", async () => {
    const [lease] = (await listLeases(stand.sql)).filter((one) => one.stack === stack);
    return lease;
  });
  const before = await count();
  await pruneHistory(stand.sql, stack, claim.fence, 1);
  expect(before).toBeGreaterThan(2);
  expect(await count()).toBe(2);
  await expect(pruneHistory(stand.sql, stack, claim.fence - 1, 0)).rejects.toThrow(/fence/);
  await stand.ended(claim.operation);
});

test("no secret stands in Pulumi's state, and nothing is left of the work dirs", async () => {
  const password = (await getCredential(stand.sql, stand.vault, id("later"), "later_owner"))?.reveal() ?? "?";
  const rows = await stand.sql.query<{ text: string }>(
    `select state_text(data) as text from state_${stand.tenant}.pulumi_state`,
  );
  const all = rows.map(({ text }) => text).join("\n");
  for (const form of [password, Buffer.from(password).toString("base64"), encodeURIComponent(password)])
    expect(all).not.toContain(form);
  expect(all).not.toContain("4dabf18193072939515e22adb298388d"); // Pulumi's mark of a secret value
  for (const folder of readdirSync(`${stand.dataDir}/run/deploy`))
    expect(readdirSync(`${stand.dataDir}/run/deploy/${folder}`)).toEqual([]);
});
