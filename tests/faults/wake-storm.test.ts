/**
 * 500 clients come to one sleeping database at once, and the gateway they come to is killed at a random moment of the wake. Clients
 * do what drivers do: they connect again, to the gateway that has taken its place.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type InstanceWanted, makeLocalRunner } from "../../platform/compute/index.ts";
import { connectionUrl, connectOnce } from "../../platform/sql/index.ts";
import { saying } from "../compute/child.ts";
import { asTenant, type Ground, makeGround, pgBin, wish } from "../compute/ground.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";

const clients = 500;
/** So many of them sign in and ask; the others only want to hear that it is awake. */
const sessions = 20;
const patienceMs = 30_000;
const port = 5432;

async function run({ n, random, guarded }: RowInput): Promise<Trials> {
  const ground = await makeGround({ spares: 0 });
  const runner = await makeLocalRunner({ dataDir: ground.dataDir, pgBin: pgBin() });
  const wanted = await wish();
  await ground.driver.ensure(wanted);
  await asTenant(ground.driver, wanted, (sql) => sql.query("create table kept (a int); insert into kept values (7)"));
  const log = join(ground.dataDir, "log", "instances", `${wanted.id}.log`);
  const gateways = makeGateways(ground, wanted, { guarded, log });
  const violations: string[] = [];
  let slowestMs = 0;
  try {
    for (let i = 0; i < n; i++) {
      await runner.sleep(wanted.id);
      writeFileSync(log, "");
      await gateways.next();
      const served = Promise.all(Array.from({ length: clients }, (_, c) => client(gateways, wanted, c < sessions)));
      await sleep(random.int(0, 60));
      await gateways.next(); // the one that they came to is killed
      for (const { ms, said } of await served) {
        slowestMs = Math.max(slowestMs, ms);
        if (said !== "served") violations.push(`trial ${i}: a client ${said} after ${Math.round(ms)} ms`);
      }
      const starts = readFileSync(log, "utf8").match(/starting PostgreSQL|lock file .* already exists/g)?.length ?? 0;
      if (starts !== 1) violations.push(`trial ${i}: the server was started ${starts} times`);
    }
    return { trials: n, violations, figures: { clients: n * clients, slowestMs: Math.round(slowestMs) } };
  } finally {
    await gateways.close();
    await ground.clear();
  }
}

type Gateways = ReturnType<typeof makeGateways>;

/** Always one that serves and one that is ready to take its place. */
function makeGateways(ground: Ground, { id }: InstanceWanted, { guarded, log }: { guarded: boolean; log: string }) {
  let made = 0;
  let serving: { readonly child: ChildProcess; readonly folder: string } | undefined;
  const make = async () => {
    const folder = join(ground.dataDir, "..", `g${++made}`);
    mkdirSync(folder);
    const args = [ground.dataDir, pgBin(), id, join(folder, `.s.PGSQL.${port}`), guarded ? "yes" : "no"];
    const child = spawn(process.execPath, [join(import.meta.dirname, "keeper-child.ts"), ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NEBULA_TEST_LOG: log },
    });
    await saying(child, "listening");
    return { child, folder };
  };
  let spare = make();
  return {
    folder: () => serving?.folder ?? "",
    /** Kills the one that serves; the spare one serves from now on. */
    async next() {
      const before = serving;
      serving = await spare;
      before?.child.kill("SIGKILL");
      spare = make();
    },
    async close() {
      serving?.child.kill("SIGKILL");
      (await spare.catch(() => undefined))?.child.kill("SIGKILL");
    },
  };
}

/** Tries until it is served, or its patience is over. */
async function client(
  gateways: Gateways,
  wanted: InstanceWanted,
  asks: boolean,
): Promise<{ ms: number; said: string }> {
  const began = performance.now();
  let said = "was not served";
  while (performance.now() - began < patienceMs) {
    const answer = asks ? await ask(gateways, wanted) : await hear(gateways);
    if (answer === "served") return { ms: performance.now() - began, said: answer };
    said = answer;
    await sleep(10);
  }
  return { ms: performance.now() - began, said };
}

function hear(gateways: Gateways): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(join(gateways.folder(), `.s.PGSQL.${port}`), () => socket.write("L"));
    let text = "";
    socket.setTimeout(patienceMs, () => socket.destroy());
    socket.on("data", (data) => {
      text += data;
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(text === "awake" ? "served" : `heard "${text}"`));
  });
}

async function ask(gateways: Gateways, { ownerRole: user, ownerPassword: password, databaseName }: InstanceWanted) {
  const url = connectionUrl({ host: gateways.folder(), port, user, password, database: databaseName });
  const rows = await connectOnce(url, (sql) => sql.query<{ a: number }>("select a from kept")).catch(() => []);
  return rows[0]?.a === 7 ? "served" : "was cut off";
}

catalogueRow({
  suite: "faults",
  name: "500 clients connect to one sleeping database; gateway killed during wake",
  promise: "the server is started once, and no client waits longer than 30 s",
  n: { small: 50, large: 300 },
  run,
  control: { without: "the one move that everybody waits for", n: 1 },
  timeoutMs: 90_000,
});
