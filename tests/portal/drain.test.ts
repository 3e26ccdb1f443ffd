import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { appendEvent, enqueueOperation, updateOperation } from "../../platform/store/index.ts";
import { followOperation, makeClient } from "../../portal/cli/index.ts";
import { eventually } from "../harness/eventually.ts";
import { freePort } from "../harness/ports.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";

const root = join(import.meta.dirname, "../..");
/** Of a test: most of it is starting processes, on a machine that does much else. */
const patienceMs = 180_000;

let data: string;
let ledger: TestDatabase;
let forge: TestDatabase;
let port: number;
let url: string;
let token: string;
const children = new Set<ChildProcess>();

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), "drain-"));
  [ledger, forge, port] = await Promise.all([testDatabase(), testDatabase({ empty: true }), freePort(4)]);
  url = `http://127.0.0.1:${port}`;
  await stop(await start());
  token = (await readFile(join(data, "secrets/admin-token"), "utf8")).trim();
}, patienceMs);
afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await Promise.all([ledger.close(), forge.close(), rm(data, { recursive: true, force: true })]);
});

async function start(env: Record<string, string> = {}): Promise<ChildProcess> {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", join(root, "portal/main.ts")], {
    env: {
      ...{
        PATH: process.env.PATH,
        HOME: data,
        NEBULA_DATA: data,
        NEBULA_MODE: "development",
        NEBULA_PORT: String(port),
      },
      NEBULA_LEDGER_URL: ledger.url.reveal(),
      NEBULA_FORGE_DATABASE_URL: forge.url.reveal(),
      NEBULA_MASTER_KEY: Buffer.alloc(32, 9).toString("base64"),
      ...env,
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  children.add(child);
  let errors = "";
  child.stderr?.on("data", (chunk) => {
    errors += String(chunk);
  });
  await eventually(
    "the portal is ready",
    async () => {
      if (child.exitCode !== null) throw new Error(`the portal ended with ${child.exitCode}: ${errors}`);
      return (await statusOf("/ready")) === 200;
    },
    { timeoutMs: 90_000 },
  );
  return child;
}

async function stop(child: ChildProcess): Promise<number | null> {
  const ended = once(child, "exit") as Promise<[number | null]>;
  child.kill("SIGTERM");
  const [code] = await ended;
  children.delete(child);
  return code;
}

const statusOf = (path: string): Promise<number> =>
  fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}`, connection: "close" } }).then(
    (response) => response.status,
    () => 0,
  );

it(
  "a portal that is told to stop says so first, serves until its grace is over, and finishes what it began",
  async () => {
    const child = await start({ NEBULA_DRAIN_GRACE_SECONDS: "1", NEBULA_DRAIN_SECONDS: "5" });
    // A request whose body is still on its way when the signal comes, and needs longer than the grace.
    const slow = connect(port, "127.0.0.1");
    let answer = "";
    slow.on("data", (chunk) => {
      answer += String(chunk);
    });
    const body = JSON.stringify({ name: "slow", role: "viewer", tenant: "shop", user: "ada" });
    const head = [
      "POST /api/v1/keys HTTP/1.1",
      ...["host: portal", "content-type: application/json", `authorization: Bearer ${token}`],
      `content-length: ${body.length}`,
    ].join("\r\n");
    slow.write(`${head}\r\n\r\n${body.slice(0, 5)}`);
    await sleep(200);
    const ended = stop(child);
    await eventually("it is not ready any more", async () => (await statusOf("/ready")) === 503);
    expect(await statusOf("/api/v1/auth/whoami"), "served during the grace").toBe(200);
    await eventually("nobody new is let in", async () => (await statusOf("/api/v1/auth/whoami")) === 0);
    slow.write(body.slice(5));
    expect(await ended).toBe(0);
    expect(answer).toContain("HTTP/1.1 201");
    expect(answer.toLowerCase()).toContain("connection: close");
  },
  patienceMs,
);

it(
  "what does not end by itself is cut at the time-out",
  async () => {
    const child = await start({ NEBULA_DRAIN_SECONDS: "1" });
    const stuck = connect(port, "127.0.0.1");
    stuck.on("error", () => undefined);
    stuck.write(
      "POST /api/v1/keys HTTP/1.1\r\nhost: portal\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{",
    );
    await sleep(200);
    const began = performance.now();
    expect(await stop(child)).toBe(0);
    expect(performance.now() - began).toBeLessThan(5_000);
    stuck.destroy();
  },
  patienceMs,
);

it(
  "a portal whose sessions in the ledger are killed again and again lives, and says 503 at most",
  async () => {
    const child = await start();
    const seen = new Set<number>();
    let going = true;
    const asking = Array.from({ length: 6 }, async () => {
      while (going) seen.add(await statusOf("/api/v1/projects"));
    });
    for (let i = 0; i < 12; i++) {
      await sleep(100);
      await ledger.sql.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name like 'nebula-%'`,
      );
    }
    going = false;
    await Promise.all(asking);
    expect([...seen].filter((status) => status !== 200 && status !== 503)).toEqual([]);
    expect(seen).toContain(200);
    await eventually("it is ready again", async () => (await statusOf("/ready")) === 200);
    expect(await stop(child)).toBe(0);
  },
  patienceMs,
);

it(
  "who follows an operation goes on with the next portal, without a line lost or doubled",
  async () => {
    const first = await start();
    const { id } = await enqueueOperation(ledger.sql, { stack: "shop.store", type: "PAUSE", requestedBy: "ada" });
    const said: string[] = [];
    const write = process.stderr.write.bind(process.stderr);
    process.stderr.write = ((text: string) => {
      said.push(text);
      return true;
    }) as typeof process.stderr.write;
    try {
      const following = followOperation(makeClient({ url, token }), id, 60_000);
      following.catch(() => undefined);
      await appendEvent(ledger.sql, id, { phase: "one", message: "before" });
      await eventually("the first line", () => said.some((line) => line.includes("before")));
      expect(await stop(first)).toBe(0);
      await appendEvent(ledger.sql, id, { phase: "two", message: "between" });
      const second = await start();
      await appendEvent(ledger.sql, id, { phase: "three", message: "after" });
      await updateOperation(ledger.sql, id, { state: "COMPLETED", outcome: "applied" });
      expect((await following).state).toBe("COMPLETED");
      await stop(second);
    } finally {
      process.stderr.write = write;
    }
    const phases = ["queued", "one", "two", "three"];
    const told = said.flatMap((line) => phases.filter((phase) => new RegExp(`^\\s+${phase}\\s`, "m").test(line)));
    expect(told).toEqual(phases);
  },
  patienceMs,
);
