import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll } from "vitest";
import { makePostgresServer, type PostgresServer } from "../../platform/compute/index.ts";
import { Secret } from "../../platform/core/index.ts";
import { makePool } from "../../platform/sql/index.ts";
import { migrate } from "../../platform/store/index.ts";
import { freePort } from "../harness/ports.ts";
import { testServer } from "../harness/postgres.ts";
import type { Random } from "../harness/random.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";
import { deployShop } from "../portal/deployed.ts";
import { type Answer, type Caller, startPortal, type TestPortal } from "../portal/harness.ts";

/** Real: 60 s. Small: a hundredth, so that 50 outages fit into a run; how soon it must be back is not scaled. */
const isLarge = process.env.NEBULA_SCALE === "large";
const outageMs = isLarge ? 60_000 : 600;
const backWithinMs = 10_000;
const stops = ["fast", "immediate"] as const;

let home: string;
let server: PostgresServer;
let portal: TestPortal;
let token: string;
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "nebula-gone-"));
  chmodSync(home, 0o711);
  const { pgBin } = await testServer();
  server = await makePostgresServer({
    ...{ pgBin, port: await freePort(), password: new Secret("test"), databases: ["ledger"] },
    ...{ dataDir: join(home, "ledger"), socketDir: join(home, "run") },
    settings: { shared_buffers: "32MB", max_connections: "60" },
  });
  await server.start();
  const url = server.url("ledger");
  const sql = makePool({ url, max: 8, applicationName: "outage" });
  await migrate(sql);
  await deployShop(sql, ["orders"]);
  const ledger = { url, appUrl: url, name: "ledger", sql, close: () => sql.close() };
  const rules = "key=1000000,user=1000000,writes=1000000,failures=1000000";
  portal = await startPortal({ ledger, rules, limits: { openOperations: 1_000_000 } });
  token = await portal.tokenFor("project-admin", "shop", "store");
});
afterAll(async () => {
  await portal.close();
  await server.stop("immediate");
  rmSync(home, { recursive: true, force: true });
});

catalogueRow({
  suite: "faults",
  name: "control Postgres restarted, gone for 60 s",
  promise: `the API says 503 with Retry-After and never 500, is back within ${backWithinMs / 1000} s and has every operation it acknowledged`,
  n: { small: 50, large: 300 },
  run: async ({ n, random, guarded }: RowInput): Promise<Trials> => {
    const seen: Seen = { told: [], violations: [], refused: 0, backMs: [] };
    for (let trial = 0; trial < n; trial++) await outage(seen, random, guarded);
    const kept = new Set((await portal.sql.query<{ id: string }>("select id from operations")).map(({ id }) => id));
    const lost = seen.told.filter((id) => !kept.has(id));
    const violations = [...seen.violations, ...lost.map((id) => `${id} was acknowledged and is gone`)];
    if (guarded && seen.refused === 0) violations.push("no request met an outage: nothing was tried");
    const figures = { acknowledged: seen.told.length, refused: seen.refused, backMaxMs: Math.max(...seen.backMs, 0) };
    return { trials: n, violations, figures };
  },
  control: { without: "waiting for the commit: an operation is acknowledged before it is written", n: 3 },
});

type Seen = { readonly told: string[]; readonly violations: string[]; refused: number; readonly backMs: number[] };

/** The server stops while several callers write and read, stays away, and comes back. */
async function outage(seen: Seen, random: Random, guarded: boolean): Promise<void> {
  const callers = Array.from({ length: 4 }, () => portal.as(token));
  let going = true;
  const work = callers.map(async (caller, i) => {
    while (going) {
      if (i % 2 === 0) note(seen, await caller.get("/api/v1/domain/shop/project/store/databases"));
      else await write(seen, caller, guarded);
      await sleep(random.int(0, 10));
    }
  });
  await sleep(random.int(20, 120));
  await server.stop(random.pick(stops));
  await sleep(outageMs);
  await server.start();
  const came = performance.now();
  await back(seen, came);
  going = false;
  await Promise.all(work);
}

async function write(seen: Seen, caller: Caller, guarded: boolean): Promise<void> {
  if (!guarded) {
    // What a queue in memory would do: say yes first.
    const id = `op_${seen.told.length}`;
    seen.told.push(id);
    await portal.sql
      .query(
        "insert into operations (id, stack, type, requested_by) values ($1, 'shop.store', 'PAUSE', 'control') on conflict do nothing",
        [id],
      )
      .catch(() => undefined);
    return;
  }
  const answer = await caller.send("POST", "/api/v1/domain/shop/project/store/databases/orders/pause");
  note(seen, answer);
  if (answer.status === 202) seen.told.push(answer.body.operation.id);
}

function note(seen: Seen, { status, headers, body }: Answer): void {
  if (status < 300) return;
  seen.refused++;
  const { violations } = seen;
  if (status !== 503) violations.push(`answered ${status} ${JSON.stringify(body)}`);
  else if (!(Number(headers.get("retry-after")) > 0)) violations.push("a 503 without Retry-After");
  else if (!headers.get("content-type")?.includes("problem+json")) violations.push("a 503 that is no problem document");
}

/** Until reads, writes and readiness all work again. */
async function back(seen: Seen, came: number): Promise<void> {
  const caller = portal.as(token);
  for (;;) {
    const answers = [await caller.get("/ready"), await caller.get("/api/v1/domain/shop/project/store/databases")];
    for (const answer of answers) note(seen, answer);
    const waitedMs = performance.now() - came;
    if (answers.every(({ status }) => status === 200)) {
      seen.backMs.push(Math.round(waitedMs));
      return;
    }
    if (waitedMs > backWithinMs) {
      seen.violations.push(`not back after ${Math.round(waitedMs)} ms: ${answers.map(({ status }) => status)}`);
      return;
    }
    await sleep(50);
  }
}
