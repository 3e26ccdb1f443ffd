import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  isAlive,
  layout,
  prepareData,
  type Running,
  readPlatform,
  readSecrets,
  takeDown,
} from "../../launcher/index.ts";
import { Secret } from "../../platform/core/index.ts";
import { connectOnce } from "../../platform/sql/index.ts";
import { eventually } from "../harness/eventually.ts";
import { askMain, makeTestPlatform, processesOf, type TestPlatform } from "./platform.ts";

let platform: TestPlatform;
beforeEach(async () => {
  platform = await makeTestPlatform();
});
afterEach(() => platform.close());

const ledgerUrl = (database: string) =>
  new Secret(
    `postgres://nebula:${readSecrets(platform.folder).ledgerPassword.reveal()}@127.0.0.1:${platform.port + 2}/${database}`,
  );
const askLedger = (database = "nebula") =>
  connectOnce(ledgerUrl(database), (sql) => sql.one<{ answer: number }>("select 1 as answer"));
const postmaster = () =>
  Number(readFileSync(join(platform.folder.ledger, "pgdata/postmaster.pid"), "utf8").split("\n")[0]);

test("a start serves, says where, and hands out the administrator's token", async () => {
  const running = await platform.start();
  expect(running.adminToken).toBe("ndb_test");
  expect(running.setupToken).toBe("nde_test");
  expect(readPlatform(platform.folder)).toMatchObject({
    url: `http://127.0.0.1:${platform.port}`,
    data: platform.folder.root,
  });
  expect((await askMain(platform.port)).name).toBe("portal");
  expect((await askMain(platform.port + 3)).name).toBe("reconciler");
  expect((await askMain(platform.port + 92)).name).toBe("gateway");
  expect(await askLedger("nebula")).toEqual({ answer: 1 });
  expect(await askLedger("forge")).toEqual({ answer: 1 });
  await running.stop();
});

test("of two replicas each has its ports, the forge is a process of its own, and stopping ends them all", async () => {
  const running = await platform.start({}, 2);
  expect(running.adminToken).toBe("ndb_test");
  const { port, folder } = platform;
  const wanted = ["forge", "portal", "portal-2", "reconciler", "reconciler-2", "gateway"];
  expect(readPlatform(folder)?.processes.map(({ name }) => name)).toEqual(wanted);
  const asked = await Promise.all([0, 1, 3, 4, 5].map((offset) => askMain(port + offset)));
  expect(asked.map(({ name }) => name)).toEqual(["portal", "portal", "reconciler", "portal", "reconciler"]);
  process.kill(asked[4]?.pid ?? 0, "SIGKILL");
  await eventually("the second reconciler is back", async () => (await askMain(port + 5)).pid !== asked[4]?.pid);
  await running.stop();
  await eventually("no process is left", () => processesOf(folder).length === 0);
});

test("what is left of two replicas is ended by name, whoever works for others first", async () => {
  const { folder } = platform;
  await startAndKill((pid) => [pid], 2);
  for (const name of ["portal-2", "reconciler-2"]) expect(existsSync(join(folder.run, `${name}.pid`))).toBe(true);
  expect(await takeDown(folder, process.env)).toEqual([
    ...["gateway", "reconciler", "reconciler-2", "portal", "portal-2", "forge", "ledger"],
  ]);
  await eventually("no process is left", () => processesOf(folder).length === 0);
});

test("secrets are files of their owner alone", async () => {
  readSecrets(platform.folder);
  for (const name of readdirSync(platform.folder.secrets))
    expect(statSync(join(platform.folder.secrets, name)).mode & 0o777).toBe(0o600);
});

test("stopping leaves no process and no description behind", async () => {
  const running = await platform.start();
  expect(processesOf(platform.folder).length).toBeGreaterThan(4);
  await running.stop();
  await eventually("no process is left", () => processesOf(platform.folder).length === 0);
  expect(readPlatform(platform.folder)).toBeUndefined();
});

test("a main that is killed comes back, and that is observed", async () => {
  const running = await platform.start();
  const { pid } = await askMain(platform.port);
  process.kill(pid, "SIGKILL");
  const again = await eventually("another portal serves", async () => {
    const found = await askMain(platform.port);
    return found.pid === pid ? undefined : found;
  });
  expect(again.name).toBe("portal");
  expect(platform.seen).toContainEqual({ kind: "process.ended", process: "portal", how: "SIGKILL", restartInMs: 500 });
  await running.stop();
});

test("a ledger that is killed comes back with its data", async () => {
  const running = await platform.start();
  await connectOnce(ledgerUrl("nebula"), (sql) => sql.query("create table kept (id int)"));
  process.kill(postmaster(), "SIGKILL");
  await eventually("the ledger answers again", askLedger, { timeoutMs: 20_000 });
  await connectOnce(ledgerUrl("nebula"), (sql) => sql.query("select * from kept"));
  await running.stop();
});

test("a main that cannot start fails the start with its last words and leaves nothing running", async () => {
  await expect(platform.start({ STAND_IN: "fail" })).rejects.toMatchObject({
    code: "NEB926",
    message: expect.stringContaining("the moon is full"),
  });
  await expect(platform.start({ STAND_IN: "fail in JSON" })).rejects.toMatchObject({
    message: expect.stringContaining("it said:\nNEB901 NEBULA_POLL_SECONDS must be a whole number. Correct it.\n"),
  });
  await eventually("no process is left", () => processesOf(platform.folder).length === 0);
});

test("a taken port is named, with the way out, and nothing is started", async () => {
  const other = createServer().listen(platform.port + 1, "127.0.0.1");
  await once(other, "listening");
  await expect(platform.start()).rejects.toMatchObject({
    code: "NEB920",
    message: expect.stringContaining(`${platform.port + 1} (forge)`),
    hint: expect.stringContaining("--port"),
  });
  other.close();
  expect(processesOf(platform.folder)).toEqual([]);
});

test("after kill -9 of every process a start comes back", async () => {
  await startAndKill(() => processesOf(platform.folder));
  const running = await platform.start();
  expect(await askLedger()).toEqual({ answer: 1 });
  await running.stop();
});

test("after kill -9 of the supervisor alone a start ends the orphans and adopts the ledger", async () => {
  const supervisor = await startAndKill((pid) => [pid]);
  expect(isAlive(supervisor)).toBe(false);
  const [orphan, ledger] = [await askMain(platform.port), postmaster()];
  const running = await platform.start();
  expect(isAlive(orphan.pid)).toBe(false);
  expect(postmaster()).toBe(ledger);
  await running.stop();
});

test("after kill -9 of the postmaster and the supervisor a start replaces the half-dead ledger", async () => {
  await startAndKill((pid) => [pid, postmaster()]);
  const running = await platform.start();
  expect(await askLedger()).toEqual({ answer: 1 });
  await running.stop();
});

test("pid files that name other people's processes harm nobody", async () => {
  const bystander = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  writeFileSync(join(platform.folder.run, "portal.pid"), `${bystander.pid} 1\n`);
  const running = await platform.start();
  await running.stop();
  expect(bystander.exitCode).toBeNull();
  bystander.kill("SIGKILL");
});

test("down without a supervisor stops what is left, and a second down finds nothing", async () => {
  await startAndKill((pid) => [pid]);
  expect(await takeDown(platform.folder, process.env)).toEqual(["gateway", "reconciler", "portal", "ledger"]);
  await eventually("no process is left", () => processesOf(platform.folder).length === 0);
  expect(await takeDown(platform.folder, process.env)).toEqual([]);
});

test("the port is remembered, and how many replicas there were", async () => {
  const portals = ({ platform: { processes } }: Running) =>
    processes.filter(({ name }) => name.startsWith("portal")).length;
  await (await platform.start({}, 2)).stop();
  const again = await platform.start({}, "as last time");
  expect(portals(again)).toBe(2);
  await again.stop();
  await (await platform.start({}, 1)).stop();
  expect(JSON.parse(readFileSync(join(platform.folder.root, "settings.json"), "utf8"))).toEqual({
    ...{ port: platform.port, replicas: 1 },
  });
});

test("a lost secret is an error, never replaced by a new one", async () => {
  await (await platform.start()).stop();
  const file = join(platform.folder.secrets, "master.key");
  const kept = readFileSync(file);
  rmSync(file);
  await expect(platform.start()).rejects.toMatchObject({ code: "NEB921", message: expect.stringContaining(file) });
  expect(existsSync(file)).toBe(false);
  writeFileSync(file, kept, { mode: 0o600 });
});

test("a data folder that is a file, and a full disk, are coded errors", () => {
  const file = join(platform.folder.root, "settings.json");
  writeFileSync(file, "{}");
  expect(() => prepareData(layout(file), null)).toThrow(expect.objectContaining({ code: "NEB921" }));
  expect(() => prepareData(platform.folder, null, Number.MAX_SAFE_INTEGER)).toThrow(
    expect.objectContaining({ code: "NEB922" }),
  );
});

/** Starts a supervisor in a process of its own, waits until it is ready, kills what `choose` says; its pid. */
async function startAndKill(choose: (supervisor: number) => number[], replicas = 1): Promise<number> {
  const script = join(import.meta.dirname, "stand-in-supervisor.ts");
  const child = spawn(process.execPath, [script, platform.folder.root, String(platform.port), String(replicas)], {
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  await once(createInterface({ input: child.stdout }), "line");
  const ended = once(child, "exit");
  const pid = child.pid ?? 0;
  for (const victim of choose(pid)) process.kill(victim, "SIGKILL");
  await ended;
  return pid;
}
