/** The data API's port of the gateway's own process: TLS where others than this machine may come, and how it goes down. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Agent, request as clearRequest } from "node:http";
import { type RequestOptions, request } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { ensureOwnCertificate, tlsFiles } from "../../gateway/tls/index.ts";
import type { InstanceWanted } from "../../platform/compute/index.ts";
import { asTenant, type Ground, makeGround, wish } from "../compute/ground.ts";
import { type GatewayProcess, startGateway } from "../gateway/gateway-process.ts";
import { eventually } from "../harness/eventually.ts";
import { apiOf } from "./web-ground.ts";

let ground: Ground;
let wanted: InstanceWanted;
let path: string;
let elsewhere: string;
let gateway: GatewayProcess | undefined;
beforeAll(async () => {
  ground = await makeGround({ spares: 0 });
  wanted = await wish({ api: apiOf({ anonymous: "anon", exposeWithoutRls: ["words"], timeout: "60s" }) });
  await ground.driver.ensure(wanted);
  await asTenant(ground.driver, wanted, (owner) =>
    owner.query(`create table words (id int primary key, text text);
      insert into words values (1, 'one'); grant select on words to anon;
      create function hold(key int) returns text language plpgsql as
        $$ begin perform pg_advisory_xact_lock(key); return 'held'; end $$`),
  );
  path = `/${wanted.id.replaceAll(".", "/")}/rest/v1`;
  elsewhere = mkdtempSync(join(tmpdir(), "nebula-api-tls-"));
});
afterEach(async () => {
  await gateway?.stop("SIGKILL");
  gateway = undefined;
});
afterAll(async () => {
  await ground.clear();
  rmSync(elsewhere, { recursive: true, force: true });
});

const start = async (env: Readonly<Record<string, string>> = {}) => {
  gateway = await startGateway(ground.dataDir, { NEBULA_PGBOUNCER_BIN: "", ...env });
  return gateway;
};

type Told = { readonly status: number; readonly text: string; readonly headers: Readonly<Record<string, unknown>> };

/** By TLS, believing one authority alone. */
const overTls = (port: number, ca: string, options: RequestOptions = {}) =>
  new Promise<Told>((resolve, reject) => {
    request(
      { host: "localhost", family: 4, port, path: `${path}/words?select=text`, agent: false, ca, ...options },
      (response) => {
        let text = "";
        response.on("data", (bytes) => {
          text += bytes;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text, headers: response.headers }));
      },
    )
      .on("error", reject)
      .end();
  });

test("beyond this machine it speaks TLS alone, with the gateway's certificate, by name and by address", async () => {
  const { api } = await start({ NEBULA_GATEWAY_HOST: "0.0.0.0" });
  const ca = readFileSync(tlsFiles(ground.dataDir).ca, "utf8");
  const rows = { status: 200, text: '[{"text":"one"}]' };
  expect(await overTls(api, ca)).toMatchObject(rows);
  // An address is no name to be sent in a handshake, and stands in the certificate all the same.
  expect(await overTls(api, ca, { host: "127.0.0.1" })).toMatchObject(rows);
  expect(await overTls(api, ca, { maxVersion: "TLSv1.2" })).toMatchObject(rows);
  await expect(fetch(`http://127.0.0.1:${api}${path}/words`)).rejects.toThrow();
  const other = mkdtempSync(join(elsewhere, "ca-"));
  await ensureOwnCertificate({ dataDir: other, names: ["localhost"], nowMs: Date.now() });
  await expect(overTls(api, readFileSync(tlsFiles(other).ca, "utf8"))).rejects.toThrow();
});

test("a newer certificate is shown to who comes after it, by name and by address", async () => {
  const made = async () => {
    const dataDir = mkdtempSync(join(elsewhere, "given-"));
    await ensureOwnCertificate({ dataDir, names: ["localhost", "127.0.0.1"], nowMs: Date.now() });
    return tlsFiles(dataDir);
  };
  const [first, second] = [await made(), await made()];
  const [cert, key] = [join(elsewhere, "given.pem"), join(elsewhere, "given.key")];
  const put = (files: { readonly cert: string; readonly key: string }) => {
    copyFileSync(files.key, key);
    copyFileSync(files.cert, cert);
  };
  put(first);
  const it = await start({
    ...{ NEBULA_GATEWAY_HOST: "0.0.0.0", NEBULA_GATEWAY_TLS_CERT: cert, NEBULA_GATEWAY_TLS_KEY: key },
  });
  const trusts = (files: { readonly ca: string }, host: string) =>
    overTls(it.api, readFileSync(files.ca, "utf8"), { host }).then(
      ({ status }) => status === 200,
      () => false,
    );
  expect([await trusts(first, "localhost"), await trusts(second, "localhost")]).toEqual([true, false]);
  put(second);
  process.kill(it.pid, "SIGHUP");
  await eventually("the second one is shown", () => trusts(second, "localhost"));
  expect(await trusts(second, "127.0.0.1")).toBe(true);
  expect(await trusts(first, "localhost")).toBe(false);
});

/** A request in clear on a connection that stays, where its agent keeps it. */
const inClear = (port: number, agent: Agent, below: string) =>
  new Promise<Told>((resolve, reject) => {
    clearRequest({ host: "127.0.0.1", port, path: `${path}${below}`, agent }, (response) => {
      let text = "";
      response.on("data", (bytes) => {
        text += bytes;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text, headers: response.headers }));
    })
      .on("error", reject)
      .end();
  });

const isTaken = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    }).on("error", () => resolve(false));
  });

test("on SIGTERM what runs is answered, an idle connection is closed, and nobody new is let in", async () => {
  const { api, stop } = await start({ NEBULA_GATEWAY_DRAIN_SECONDS: "120" });
  const agents = { idle: new Agent({ keepAlive: true }), busy: new Agent({ keepAlive: true }) };
  try {
    expect((await inClear(api, agents.idle, "/words?select=text")).status).toBe(200);
    const idle = Object.values(agents.idle.freeSockets).flat();
    expect(idle).toHaveLength(1);
    await asTenant(ground.driver, wanted, async (owner) => {
      await owner.query("select pg_advisory_lock(7)");
      const answer = inClear(api, agents.busy, "/rpc/hold?key=7");
      const waits = "select count(*)::int as n from pg_locks where locktype = 'advisory' and not granted";
      await eventually("it runs", async () => (await owner.one<{ n: number }>(waits)).n === 1, { timeoutMs: 60_000 });
      const stopped = stop();
      await eventually("the idle one is closed", () => idle[0]?.destroyed, { timeoutMs: 60_000 });
      await eventually("nobody new is let in", async () => !(await isTaken(api)), { timeoutMs: 60_000 });
      await owner.query("select pg_advisory_unlock(7)");
      expect(await answer).toMatchObject({ status: 200, text: '"held"', headers: { connection: "close" } });
      await stopped;
    });
  } finally {
    for (const agent of Object.values(agents)) agent.destroy();
  }
});

test("who is not answered when its time is over is cut off", async () => {
  const { api, stop } = await start({ NEBULA_GATEWAY_DRAIN_SECONDS: "1" });
  const agent = new Agent({ keepAlive: true });
  try {
    await asTenant(ground.driver, wanted, async (owner) => {
      await owner.query("select pg_advisory_lock(8)");
      const answer = inClear(api, agent, "/rpc/hold?key=8").then(
        ({ status }) => status,
        (thrown: NodeJS.ErrnoException) => thrown.code,
      );
      const waits = "select count(*)::int as n from pg_locks where locktype = 'advisory' and not granted";
      await eventually("it runs", async () => (await owner.one<{ n: number }>(waits)).n === 1, { timeoutMs: 60_000 });
      await stop();
      expect(await answer).toBe("ECONNRESET");
    });
  } finally {
    agent.destroy();
  }
});
