/** `up`, `status` and `down` as commands, from a checkout whose mains are stand-ins. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { layout } from "../../launcher/index.ts";
import { eventually } from "../harness/eventually.ts";
import { freePort } from "../harness/ports.ts";
import { processesOf } from "./platform.ts";

const repository = join(import.meta.dirname, "../..");
let checkout: string;
let data: string;
let port: string;

beforeAll(() => {
  checkout = mkdtempSync(join(tmpdir(), "nebula-checkout-"));
  cpSync(join(repository, "launcher"), join(checkout, "launcher"), { recursive: true });
  for (const name of ["platform", "node_modules", "package.json", "tools"])
    symlinkSync(join(repository, name), join(checkout, name));
  for (const name of ["portal", "reconciler", "gateway"]) {
    mkdirSync(join(checkout, name));
    const standIn = join(import.meta.dirname, "stand-in-main.ts");
    writeFileSync(join(checkout, name, "main.ts"), `process.argv[2] = "${name}";\nawait import("${standIn}");\n`);
  }
  for (const room of ["portal/cli", "gateway/pool"]) symlinkSync(join(repository, room), join(checkout, room));
});
afterAll(() => rmSync(checkout, { recursive: true, force: true }));

beforeEach(async () => {
  data = mkdtempSync(join(tmpdir(), "nebula-data-"));
  port = String(await freePort(93));
});
afterEach(async () => {
  await nebula("down", "--data", data);
  rmSync(data, { recursive: true, force: true });
});

function start(...args: string[]): ChildProcess {
  return spawn(process.execPath, [join(checkout, "launcher/cli.ts"), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    // Set-up of the tools is tested elsewhere.
    env: { ...process.env, NEBULA_PULUMI_BIN: fakePulumi() },
  });
}

function fakePulumi(): string {
  const path = join(checkout, "pulumi");
  writeFileSync(path, "#!/bin/sh\necho v3.999.0\n");
  chmodSync(path, 0o755);
  return path;
}

async function nebula(...args: string[]) {
  const child = start(...args);
  if (child.stdout === null || child.stderr === null) throw new Error("no pipes");
  const ended = once(child, "close");
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await ended;
  return { code: code as number | null, out, err };
}

const up = () => nebula("up", "--detach", "--data", data, "--port", port, "-o", "json");
const noneLeft = () => eventually("no process is left", () => processesOf(layout(data)).length === 0);

test("two at once give one platform; both return when it is ready", async () => {
  const ran = await Promise.all([up(), up()]);
  for (const one of ran) expect(one, one.err).toMatchObject({ code: 0 });
  const told = ran.map((one) => JSON.parse(one.out));
  expect(told.map((one) => one.alreadyRunning).sort()).toEqual([false, true]);
  expect(told.filter((one) => one.adminToken === "ndb_test")).toHaveLength(1);
  expect(told[0].url).toBe(told[1].url);
});

test("status names the processes while it runs; down leaves none", async () => {
  await up();
  const status = JSON.parse((await nebula("status", "--data", data, "-o", "json")).out);
  expect(status).toMatchObject({ running: true, url: `http://127.0.0.1:${port}` });
  const names = status.processes.map((one: { name: string }) => one.name);
  expect(names).toEqual(["supervisor", "portal", "reconciler", "gateway", "ledger"]);
  for (const one of status.processes) expect(one.memoryBytes).toBeGreaterThan(1e6);
  expect((await nebula("down", "--data", data)).out).toContain("stopped: ");
  await noneLeft();
  expect(JSON.parse((await nebula("status", "--data", data, "-o", "json")).out)).toMatchObject({ running: false });
});

test("after kill -9 of every process another up is ready", async () => {
  await up();
  for (const pid of processesOf(layout(data))) process.kill(pid, "SIGKILL");
  const again = await up();
  expect(again, again.err).toMatchObject({ code: 0 });
  expect(JSON.parse(again.out)).toMatchObject({ alreadyRunning: false });
});

test("a taken port ends with 5, a code and what to do, and leaves nothing", async () => {
  const other = createServer().listen(Number(port), "127.0.0.1");
  await once(other, "listening");
  const ran = await nebula("up", "--detach", "--data", data, "--port", port);
  other.close();
  expect(ran).toMatchObject({ code: 5, out: "" });
  expect(ran.err).toContain(`NEB920 port ${port} (portal)`);
  expect(ran.err).toContain("--port N");
  await noneLeft();
  expect(await up()).toMatchObject({ code: 0 });
});

test("in the foreground it says where it is, and an interrupt stops everything", async () => {
  const child = start("up", "--data", data, "--port", port);
  const ended = once(child, "close");
  let out = "";
  child.stdout?.setEncoding("utf8").on("data", (chunk) => {
    out += chunk;
  });
  await eventually("it says where", () => out.includes(`http://127.0.0.1:${port}`), { timeoutMs: 20_000 });
  expect(out).toContain("ndb_test");
  child.kill("SIGINT");
  expect((await ended)[0]).toBe(0);
  await noneLeft();
});

test("a data folder that cannot be made is a coded error", async () => {
  writeFileSync(join(data, "file"), "");
  const ran = await nebula("up", "--detach", "--data", join(data, "file/below"), "--port", port);
  expect(ran).toMatchObject({ code: 1, out: "" });
  expect(ran.err).toContain("NEB921");
});
