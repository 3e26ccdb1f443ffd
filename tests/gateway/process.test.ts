/** The gateway as a process: what a signal, a kill and other certificates do to the sessions it carries. */
import { copyFileSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { stopPgBouncer } from "../../gateway/pool/index.ts";
import { ensureOwnCertificate, tlsFiles } from "../../gateway/tls/index.ts";
import type { Metered } from "../../gateway/wire/index.ts";
import type { InstanceWanted } from "../../platform/compute/index.ts";
import { type Ground, makeGround, wish } from "../compute/ground.ts";
import { eventually } from "../harness/eventually.ts";
import { type GatewayProcess, startGateway } from "./gateway-process.ts";
import { type Login, makeLogin, withClient } from "./node-client.ts";

const password = "owner's pass/word ü";
const withoutPool = { NEBULA_PGBOUNCER_BIN: "" };
let ground: Ground;
let wanted: InstanceWanted;
let gateway: GatewayProcess | undefined;
let elsewhere: string;
beforeAll(async () => {
  ground = await makeGround({ spares: 0 });
  wanted = await wish();
  await ground.driver.ensure(wanted);
  elsewhere = mkdtempSync(join(tmpdir(), "nebula-tls-"));
});
afterEach(async () => {
  await gateway?.stop("SIGKILL");
  gateway = undefined;
});
afterAll(async () => {
  await stopPgBouncer(ground.dataDir);
  await ground.clear();
  rmSync(elsewhere, { recursive: true, force: true });
});

async function start(env: Readonly<Record<string, string>> = {}): Promise<(changes?: Partial<Login>) => Login> {
  gateway = await startGateway(ground.dataDir, { ...withoutPool, ...env });
  return makeLogin({ port: gateway.direct, wanted }, password);
}
const select = (login: Login, text: string) =>
  withClient(login, async (client) => Object.values((await client.query(text)).rows[0])[0]);

it("goes down without cutting an answer off: who is idle is told at once, who works when he is done", async () => {
  const login = await start({ NEBULA_GATEWAY_DRAIN_SECONDS: "20" });
  const lost: string[] = [];
  const idle = withClient(login(), async (client) => {
    await client.query("select 1");
    await new Promise<void>((resolve) =>
      client.once("error", (error) => resolve(void lost.push(`idle ${(error as { code?: string }).code}`))),
    );
  });
  const busy = withClient(login(), async (client) => {
    client.on("error", (error) => lost.push(`busy ${(error as { code?: string }).code}`));
    await client.query("begin");
    const { rows } = await client.query("select count(*)::int as n from pg_sleep(1), generate_series(1, 10000)");
    await client.query("commit");
    await sleep(300);
    return rows[0].n;
  });
  await eventually("both stand", () => gateway?.log().filter(({ kind }) => kind === "gateway.opened").length === 2);
  await sleep(200);
  const stopped = gateway?.stop();
  await idle;
  expect(lost).toEqual(["idle 57P01"]);
  expect(await busy).toBe(10_000);
  await stopped;
  // The driver reports the end of the connection once more.
  expect(lost.slice(0, 2)).toEqual(["idle 57P01", "busy 57P01"]);
});

it("is started again after kill -9, and lets in whoever comes", async () => {
  const login = await start();
  await select(login(), "select 1");
  const first = gateway?.direct;
  await gateway?.stop("SIGKILL");
  gateway = await startGateway(ground.dataDir, withoutPool, first);
  expect(await select(login(), "select 2")).toBe(2);
});

it("shows what it did: readiness, the phases of a wake, the bytes of a session", async () => {
  const login = await start();
  const at = (path: string) => fetch(`http://127.0.0.1:${gateway?.web}${path}`);
  expect((await at("/livez")).status).toBe(200);
  expect((await at("/readyz")).status).toBe(200);
  expect((await at("/secrets")).status).toBe(404);
  await eventually("it sleeps", async () => {
    await ground.driver.sleep(wanted.id);
    return (await ground.driver.observe(wanted.id))?.phase === "Asleep";
  });
  await select(login(), "select repeat('x', 50000)");
  const phases = ["accept", "queued", "start", "ready", "authenticate", "first row", "total"];
  await eventually("each phase is counted", async () => {
    const lines = (await gateway?.metrics())?.split("\n") ?? [];
    const counted = lines.filter((line) => line.startsWith("nebuladb_gateway_wake_phase_duration_seconds_count"));
    return phases.every((phase) => counted.some((line) => line.includes(`phase="${phase}"`) && line.endsWith(" 1")));
  });
  const woke = gateway?.log().find(({ kind }) => kind === "gateway.woke");
  expect(woke).toMatchObject({ instance: wanted.id, how: "start", tries: 1 });
  await gateway?.stop();
  const lines = globSync(join(ground.dataDir, "meter", "*.jsonl")).flatMap((file) =>
    readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Metered),
  );
  const bytes = lines.filter(({ id }) => id === wanted.id).reduce((sum, { bytesOut }) => sum + bytesOut, 0);
  expect(bytes).toBeGreaterThan(50_000);
  expect(new Set(lines.map(({ line }) => line)).size).toBe(lines.length);
});

it("serves with a given certificate, takes a newer one at SIGHUP, and keeps the old one rather than a broken one", async () => {
  const made = async (names: readonly string[]) => {
    const dataDir = mkdtempSync(join(elsewhere, "ca-"));
    await ensureOwnCertificate({ dataDir, names, nowMs: Date.now() });
    return tlsFiles(dataDir);
  };
  const [cert, key] = [join(elsewhere, "given.pem"), join(elsewhere, "given.key")];
  const put = (files: { readonly cert: string; readonly key: string }) => {
    copyFileSync(files.key, key);
    copyFileSync(files.cert, cert);
  };
  const [first, second] = [await made(["localhost"]), await made(["localhost"])];
  put(first);
  const login = await start({ NEBULA_GATEWAY_TLS_CERT: cert, NEBULA_GATEWAY_TLS_KEY: key });
  const trusts = (files: { readonly ca: string }) =>
    select(login({ ssl: { ca: readFileSync(files.ca, "utf8") } }), "select 1").then(
      () => true,
      () => false,
    );
  expect([await trusts(first), await trusts(second)]).toEqual([true, false]);
  put(second);
  process.kill(gateway?.pid ?? 0, "SIGHUP");
  await eventually("the second one is shown", () => trusts(second));
  expect(await trusts(first)).toBe(false);
  copyFileSync(first.key, key);
  process.kill(gateway?.pid ?? 0, "SIGHUP");
  await eventually("that is reported", () =>
    gateway?.log().some(({ where, code }) => where === "gateway.tls" && code === "NEB701"),
  );
  expect(await trusts(second)).toBe(true);
});

it("does not start with a certificate that is none, and says so", async () => {
  const broken = { NEBULA_GATEWAY_TLS_CERT: join(elsewhere, "nothing.pem"), NEBULA_GATEWAY_TLS_KEY: "x" };
  await expect(start(broken)).rejects.toThrow(/NEB701.*nothing\.pem/);
});
