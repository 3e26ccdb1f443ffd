/**
 * From the previous release to this code, on one data folder, while a client writes: the control plane is stopped, the databases are
 * not. The previous release comes out of this repository's history.
 */
import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Secret } from "../../platform/core/index.ts";
import { connectionUrl, connectOnce } from "../../platform/sql/index.ts";
import { eventually } from "../harness/eventually.ts";
import { freePort } from "../harness/ports.ts";
import type { Answer, Platform } from "../system/platform.ts";
import {
  addressOf,
  type Client,
  clearMachine,
  createDatabase,
  killControlPlane,
  postmasters,
  printFigures,
  startClient,
  untilReady,
} from "./ground.ts";

/** The last commit of the first release. */
const previous = "399bf2a";
const here = join(import.meta.dirname, "..", "..");
const run = promisify(execFile);

let release: string;
let data: string;
let port: number;
let client: Client | undefined;

beforeAll(async () => {
  release = mkdtempSync(join(tmpdir(), "nebula-release-"));
  data = mkdtempSync(join(tmpdir(), "nebula-upgrade-"));
  port = await freePort(200);
  checkOut(previous, release);
}, 360_000);
afterAll(async () => {
  await client?.stop().catch(() => undefined);
  await platformOf(here).nebula("down");
  clearMachine(data);
  for (const folder of [release, data]) rmSync(folder, { recursive: true, force: true });
}, 180_000);

/** Its files, with the packages of today: the lock file has only grown since. */
function checkOut(commit: string, folder: string): void {
  const archived = spawnSync("sh", ["-c", `git -C "$1" archive ${commit} | tar -x -C "$2"`, "sh", here, folder]);
  const found = spawnSync("git", ["-C", here, "cat-file", "-t", commit], { encoding: "utf8" }).stdout.trim();
  if (found !== "commit" || archived.status !== 0)
    throw new Error(
      `this clone has no commit ${commit}, the previous release: git fetch --unshallow, then run this again`,
    );
  const modules = (name: string) => [join(here, name), join(folder, name)] as const;
  const linked = spawnSync("cp", ["-al", ...modules("node_modules")]);
  if (linked.status !== 0) spawnSync("cp", ["-a", ...modules("node_modules")]);
}

/** A platform's commands as one release has them, on the one data folder. */
function platformOf(root: string): Platform {
  const env = { ...process.env, NEBULA_DATA: data, NEBULA_URL: "", NEBULA_TOKEN: "", NEBULA_SAMPLE_SECONDS: "2" };
  const nebula = (...args: string[]): Promise<Answer> =>
    run(process.execPath, ["--disable-warning=ExperimentalWarning", join(root, "launcher/cli.ts"), ...args], {
      ...{ env, maxBuffer: 64 << 20, timeout: 150_000 },
    }).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      (failure: { code?: number; stdout?: string; stderr?: string; message: string }) => ({
        ...{ code: typeof failure.code === "number" ? failure.code : -1, stdout: failure.stdout ?? "" },
        stderr: failure.stderr || failure.message,
      }),
    );
  const url = `http://127.0.0.1:${port}`;
  const read = (name: string) => readFileSync(join(data, "secrets", name), "utf8").trim();
  return {
    ...{
      url,
      data,
      nebula,
      forgeUrl: `http://127.0.0.1:${port + 1}`,
      forgeApiUrl: `http://127.0.0.1:${port + 1}/api/v3`,
    },
    get token() {
      return read("admin-token");
    },
    get forgeToken() {
      return read("git-token");
    },
    up: () => nebula("up", "--detach", "--port", String(port)),
    close: async () => void (await nebula("down")),
  };
}

const inLedger = <T>(body: string): Promise<T> => {
  const password = new Secret(readFileSync(join(data, "secrets/ledger-password"), "utf8").trim());
  const target = { host: "127.0.0.1", port: port + 2, user: "nebula", password, database: "nebula" };
  return connectOnce(connectionUrl(target), (sql) => sql.one(body)) as Promise<T>;
};

/** A checkout without history cannot start what came before it; `git fetch --unshallow` lets this run. */
const hasPrevious = spawnSync("git", ["-C", here, "cat-file", "-e", `${previous}^{commit}`]).status === 0;

test.skipIf(!hasPrevious)(
  "an upgrade under load: no error at a client, no restart of a database, and everything goes on",
  async () => {
    const old = platformOf(release);
    const started = await old.up();
    expect(started.code, started.stderr).toBe(0);
    await createDatabase(old, "sold");
    await untilReady(old, 6, 120_000);
    const { token } = old;
    client = await startClient(await addressOf(old, "acme/shop/sold"));
    const before = postmasters(data);
    await eventually("usage is sampled", async () => (await inLedger<{ n: number }>(samples)).n > 0, {
      timeoutMs: 30_000,
    });

    const stoppedAt = Date.now();
    await killControlPlane(data);
    const now = platformOf(here);
    const upgraded = await now.up();
    expect(upgraded.code, upgraded.stderr).toBe(0);
    const upAgainMs = Date.now() - stoppedAt;
    await untilReady(now, 6);

    const { names } = await inLedger<{ names: string[] }>("select array_agg(name) as names from migrations");
    expect(names).toContain("0012_recovery");
    const response = await fetch(`${now.url}/api/v1/projects`, { headers: { authorization: `Bearer ${token}` } });
    expect(response.status).toBe(200);
    const since = new Date(stoppedAt + upAgainMs).toISOString();
    await eventually(
      "usage goes on",
      async () => (await inLedger<{ n: number }>(`${samples} where measured_until > '${since}'`)).n >= 6,
      { timeoutMs: 60_000, everyMs: 500 },
    );
    await createDatabase(now, "newer");
    await untilReady(now, 7);

    const acknowledged = [...client.acknowledged]; // it goes on writing while we look
    const kept = await client.kept();
    expect(acknowledged.filter((id) => !kept.has(id))).toEqual([]);
    expect(client.errors).toEqual([]);
    expect(postmasters(data)).toMatchObject(before);
    printFigures("upgrade from the previous release under load", {
      ...{ rowsAcknowledged: client.acknowledged.length, clientErrors: client.errors.length, upAgainMs, restarted: 0 },
    });
  },
  400_000,
);

const samples = "select count(*)::int as n from usage_samples";
