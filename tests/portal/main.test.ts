import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, it } from "vitest";
import { freePort } from "../harness/ports.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";

const run = promisify(execFile);
const root = join(import.meta.dirname, "../..");

let data: string;
let ledger: TestDatabase;
let forgeDatabase: TestDatabase;
let port: number;
const children = new Set<ChildProcess>();

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), "portal-"));
  [ledger, forgeDatabase] = await Promise.all([testDatabase(), testDatabase({ empty: true })]);
  port = await freePort(4);
});
afterEach(async () => {
  for (const child of children) {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
  children.clear();
  await Promise.all([ledger.close(), forgeDatabase.close(), rm(data, { recursive: true, force: true })]);
});

type Started = {
  readonly child: ChildProcess;
  readonly messages: Record<string, unknown>[];
  readonly errors: () => string;
  readonly ready: Promise<void>;
};

function start(): Started {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", join(root, "portal/main.ts")], {
    env: {
      PATH: process.env.PATH,
      HOME: data,
      NEBULA_DATA: data,
      NEBULA_MODE: "development",
      NEBULA_PORT: String(port),
      NEBULA_LEDGER_URL: ledger.url.reveal(),
      NEBULA_FORGE_DATABASE_URL: forgeDatabase.url.reveal(),
      NEBULA_MASTER_KEY: Buffer.alloc(32, 9).toString("base64"),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.add(child);
  const messages: Record<string, unknown>[] = [];
  let errors = "";
  child.stderr?.on("data", (chunk) => {
    errors += String(chunk);
  });
  const ready = new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stdout ?? process.stdin }).on("line", (line) => {
      const message = JSON.parse(line) as Record<string, unknown>;
      messages.push(message);
      if (message.ready === true) resolve();
    });
    child.once("exit", (code, signal) => reject(new Error(`ended with ${signal ?? code}: ${errors}`)));
  });
  ready.catch(() => undefined);
  return { child, messages, errors: () => errors, ready };
}

async function stop({ child }: Started, signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
  const ended = once(child, "exit") as Promise<[number | null]>;
  child.kill(signal);
  return (await ended)[0];
}

const whoami = async (token: string) => {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/auth/whoami`, {
    headers: { authorization: `Bearer ${token}` },
  });
  return response.json() as Promise<Record<string, unknown>>;
};

const clone = async (into: string) => {
  const token = (await readFile(join(data, "secrets/git-token"), "utf8")).trim();
  const url = `http://admin:${token}@127.0.0.1:${port + 1}/nebula/tenants.git`;
  await run("git", ["clone", "-q", url, into], {
    env: { PATH: process.env.PATH, HOME: data, GIT_TERMINAL_PROMPT: "0" },
  });
};

it("a first start makes the repository, the tokens and the ledger's row once, and a second one nothing", async () => {
  const first = start();
  await first.ready;
  expect(first.messages.map((message) => Object.keys(message)[0])).toEqual(["adminToken", "setupToken", "ready"]);
  const token = String(first.messages[0]?.adminToken);
  expect((await readFile(join(data, "secrets/setup-token"), "utf8")).trim()).toBe(first.messages[1]?.setupToken);
  expect((await readFile(join(data, "secrets/admin-token"), "utf8")).trim()).toBe(token);
  expect((await stat(join(data, "secrets/admin-token"))).mode & 0o777).toBe(0o600);
  expect(await whoami(token)).toMatchObject({ user: "admin", grants: [{ role: "platform-admin" }] });
  await clone(join(data, "clone"));
  const manifest = JSON.parse(await readFile(join(data, "clone/package.json"), "utf8"));
  expect(manifest.dependencies["@nebuladb/platform"]).toBe("file:vendor/nebuladb-platform-0.1.0.tgz");
  await stat(join(data, "clone/vendor/nebuladb-platform-0.1.0.tgz"));
  await stat(join(data, "clone/.github/workflows/pulumi.yml"));
  expect(await stop(first)).toBe(0);

  const second = start();
  await second.ready;
  expect(second.messages).toEqual([{ ready: true, process: "portal" }]);
  expect(await whoami(token)).toMatchObject({ user: "admin" });
  await clone(join(data, "again"));
  const { stdout } = await run("git", ["-C", join(data, "again"), "log", "--oneline"]);
  expect(stdout.trim().split("\n")).toHaveLength(1);
  expect(await stop(second)).toBe(0);
});

it("a first start that is killed anywhere is finished by the next one", async () => {
  for (const afterMs of [300, 500, 700, 900]) {
    const killed = start();
    await Promise.race([killed.ready.catch(() => undefined), new Promise((resolve) => setTimeout(resolve, afterMs))]);
    await stop(killed, "SIGKILL");
  }
  const last = start();
  await last.ready;
  const token = (await readFile(join(data, "secrets/admin-token"), "utf8")).trim();
  expect(await whoami(token)).toMatchObject({ grants: [{ role: "platform-admin" }] });
  await clone(join(data, "clone"));
  const rows = await ledger.sql.query("select 1 from repositories");
  expect(rows).toHaveLength(1);
  expect(await stop(last)).toBe(0);
});

it("a taken port and a missing setting are said with code and hint", async () => {
  const first = start();
  await first.ready;
  const second = start();
  await expect(second.ready).rejects.toThrow(/NEB620.*port \d+ on 127\.0\.0\.1 is in use/s);
  await stop(first);
});
