/**
 * Writers of a replicated database through the gateway, while its primary is lost again and again: killed, with its folder damaged or
 * gone, or its folder taken from under it while it runs on. The control: the same, where no commit waits for a standby.
 */
import { randomUUID } from "node:crypto";
import { readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { type InstanceRunner, type InstanceWanted, makeLocalRunner } from "../../platform/compute/index.ts";
import { type Ground, makeGround, pgBin, wish } from "../compute/ground.ts";
import { partPrimary, partStandbys } from "../compute/replicated.ts";
import { type GatewayProcess, startGateway } from "../gateway/gateway-process.ts";
import { makeLogin, withClient } from "../gateway/node-client.ts";
import { eventually } from "../harness/eventually.ts";
import type { Random } from "../harness/random.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";

const writers = 4;
const patience = { timeoutMs: 60_000, everyMs: 20 };

async function run({ n, random, guarded }: RowInput): Promise<Trials> {
  const ground = await makeGround({ spares: 0 });
  const runner = await makeLocalRunner({ dataDir: ground.dataDir, pgBin: pgBin() });
  const wanted = await wish({ replicas: 2, synchronous: guarded, archive: true, suspendAfterSeconds: 0 });
  await ground.driver.ensure(wanted);
  const gateway = await startGateway(ground.dataDir, { NEBULA_PGBOUNCER_BIN: "" });
  const login = makeLogin({ port: gateway.direct, wanted }, wanted.ownerPassword.reveal())();
  await withClient(login, (client) => client.query("create table entries (id int primary key, payload text)"));
  const load = startLoad(login);
  let failovers = 0;
  try {
    for (let i = 0; i < n; i++) {
      await eventually("a standby may take its place", () => isSafe(runner, wanted), patience);
      const goOn = await part(ground, wanted, load, guarded ? random : undefined);
      await lose(ground, runner, wanted, guarded ? random : undefined);
      goOn();
      const before = load.acknowledged.length;
      await eventually("commits are acknowledged again", () => load.acknowledged.length > before + writers, patience);
    }
    await load.stop();
    const { rows } = await withClient(login, (client) => client.query("select id from entries"));
    const kept = new Set(rows.map(({ id }) => id));
    const lost = load.acknowledged.filter((id) => !kept.has(id));
    failovers = (await runner.standbys(wanted.id))[0]?.epoch ?? 0;
    const figures = {
      acknowledgedRows: load.acknowledged.length,
      failovers,
      downP99Ms: Math.round(p99(downs(gateway))),
    };
    return { trials: n, violations: lost.map((id) => `row ${id} was acknowledged and is lost`), figures };
  } catch (thrown) {
    const said = gateway.log().filter(({ level }) => level === "warn" || level === "error");
    throw new Error(
      `the gateway said last: ${said
        .slice(-8)
        .map((line) => JSON.stringify(line))
        .join("\n")}`,
      {
        cause: thrown,
      },
    );
  } finally {
    await load.stop();
    await gateway.stop();
    await ground.clear();
  }
}

/** One loss at a time: there is a standby that has what is acknowledged; in the control, both follow. */
async function isSafe(runner: InstanceRunner, { id, synchronous }: InstanceWanted): Promise<boolean> {
  const all = await runner.standbys(id);
  if (synchronous !== true) return all.every((one) => one.streaming);
  return all.some((one) => one.streaming && one.synchronous && one.counted);
}

/**
 * For a moment not everything comes through to every standby. In the control nothing does: what is acknowledged then only the primary
 * has, and that there is such a row is waited for.
 */
async function part(ground: Ground, wanted: InstanceWanted, load: Load, random?: Random): Promise<() => void> {
  if (random === undefined) return eventually("more is acknowledged", () => partWhole(ground, wanted, load), patience);
  const way = random.int(0, 4);
  await sleep(random.int(20, 200));
  const goOn =
    way === 0
      ? partPrimary(ground, wanted)
      : way === 1
        ? partStandbys(ground, wanted)
        : way < 4
          ? partStandbys(ground, wanted, [way - 1])
          : () => undefined;
  await sleep(random.int(20, 150));
  return goOn;
}

/** What stands still may have a lock that commits wait for: then it is let go on, and tried again. */
async function partWhole(ground: Ground, wanted: InstanceWanted, load: Load): Promise<(() => void) | undefined> {
  const goOn = partPrimary(ground, wanted);
  const before = load.acknowledged.length;
  for (let look = 0; look < 100; look++) {
    if (load.acknowledged.length > before + writers) return goOn;
    await sleep(50);
  }
  goOn();
  return undefined;
}

/** Without a choice the worst: killed, and nothing of it is left. */
async function lose(ground: Ground, runner: InstanceRunner, { id }: InstanceWanted, random?: Random): Promise<void> {
  const pgdata = join(ground.dataDir, "instances", id, "pgdata");
  const gone = (path: string) => rmSync(path, { recursive: true, force: true });
  // at once, as a disk goes: whoever still works in it works on
  const takeAway = () => renameSync(pgdata, join(ground.dataDir, "..", `lost-${randomUUID()}`));
  const way = random?.int(0, 3) ?? 0;
  if (way === 3) return takeAway();
  await runner.depose(id);
  if (way === 0) takeAway();
  if (way === 1) gone(join(pgdata, "global", "pg_control"));
  if (way === 2) for (const name of readdirSync(join(pgdata, "pg_wal"))) gone(join(pgdata, "pg_wal", name));
}

type Load = ReturnType<typeof startLoad>;

/**
 * As any application: short transactions from several sessions, each noted when the server has said "committed", never before. With a
 * warning it has said that no standby has it.
 */
function startLoad(login: pg.ClientConfig) {
  const acknowledged: number[] = [];
  let next = 0;
  let stopping = false;
  const write = async () => {
    let client: pg.Client | undefined;
    let warned = false;
    while (!stopping) {
      try {
        if (client === undefined) {
          client = new pg.Client({ ...login, query_timeout: 20_000, connectionTimeoutMillis: 40_000 });
          client.on("error", () => undefined);
          client.on("notice", () => {
            warned = true;
          });
          await client.connect();
        }
        const id = ++next;
        warned = false;
        await client.query("insert into entries (id, payload) values ($1, $2)", [id, "x".repeat(200)]);
        if (!warned) acknowledged.push(id);
      } catch {
        void client?.end().catch(() => undefined);
        client = undefined;
        await sleep(50);
      }
    }
    await client?.end().catch(() => undefined);
  };
  const running = Array.from({ length: writers }, write);
  return {
    acknowledged,
    stop: async () => {
      stopping = true;
      await Promise.all(running);
    },
  };
}

/** How long each takeover took, as the gateway says. */
const downs = (gateway: GatewayProcess): number[] =>
  gateway.log().flatMap(({ kind, durationMs }) => (kind === "instance.failed_over" ? [Number(durationMs)] : []));

const p99 = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.max(0, Math.ceil(values.length * 0.99) - 1)] ?? 0;

catalogueRow({
  suite: "faults",
  name: "primary of a replicated database lost under load",
  promise: "no row that was acknowledged is lost, and a standby takes the primary's place under the load",
  n: { small: 6, large: 100 },
  run,
  control: { without: "commits that wait for a standby", n: 3 },
  timeoutMs: 120_000,
});
