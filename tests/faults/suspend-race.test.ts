/**
 * Suspends and connects that meet at every offset of a millisecond, through the direct endpoint. Most lanes freeze; in one the server is
 * stopped, which ends sessions that were idle for as long as it takes to be suspended: a client who knows that he was not is wronged.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type Keeper, makeKeeper } from "../../gateway/keeper/index.ts";
import type { KeeperPort } from "../../gateway/wire/index.ts";
import type { InstanceWanted, LocalDriver } from "../../platform/compute/index.ts";
import { connectionUrl, connectOnce, type Sql } from "../../platform/sql/index.ts";
import { asTenant } from "../compute/ground.ts";
import { type GatewayGround, makeGateway } from "../gateway/ground.ts";
import { eventually } from "../harness/eventually.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";

/** Who is idle for so long is suspended. */
const idleMs = 10;
const offsetsMs = 90;
/** Of a hundred sessions so many meet a stop, the others a freeze. */
const stopPercent = 10;
/** Databases that freeze side by side: a session waits for its offset more than it works. */
const freezing = 3;
/** The control is over when it has failed so often: how soon depends on the machine. */
const enough = 3;

type Lane = { readonly gateway: GatewayGround; readonly keeper: Keeper | undefined; readonly n: number };

async function run({ n, guarded }: RowInput): Promise<Trials> {
  const stops = Math.ceil((n * stopPercent) / 100);
  const lanes: Lane[] = [];
  try {
    if (guarded) {
      for (let i = 0; i < freezing; i++) lanes.push(await openLane(Math.ceil((n - stops) / freezing), 3_600_000));
      lanes.push(await openLane(stops, 0));
    } else lanes.push(await openLane(n, undefined));
    const played = await Promise.all(lanes.map((lane) => play(lane, guarded ? Number.POSITIVE_INFINITY : enough)));
    const rests = await Promise.all(lanes.map(restsOf));
    const sum = (values: readonly number[]) => values.reduce((all, one) => all + one, 0);
    return {
      trials: sum(played.map(({ trials }) => trials)),
      violations: played.flatMap(({ violations }) => violations),
      figures: { suspends: sum(rests), endedIdle: sum(played.map(({ endedIdle }) => endedIdle)) },
    };
  } finally {
    for (const { gateway, keeper } of lanes) {
      await keeper?.close();
      await gateway.close();
    }
  }
}

/** @param stopAfterFrozenMs undefined: the control. */
async function openLane(n: number, stopAfterFrozenMs: number | undefined): Promise<Lane> {
  let keeper: Keeper | undefined;
  const gateway = await makeGateway({
    wanted: { suspendAfterSeconds: idleMs / 1000 },
    requireTls: false,
    keeper: ({ driver, dataDir }) => {
      if (stopAfterFrozenMs === undefined) return careless(driver);
      const suspension = { sweepMs: 2, stopAfterFrozenMs };
      keeper = makeKeeper({ dataDir, runner: driver, suspension, pressed: () => false });
      return keeper;
    },
  });
  await asTenant(gateway.ground.driver, gateway.wanted, (sql) => sql.query("create table kept (i int primary key)"));
  await keeper?.start();
  return { gateway, keeper, n };
}

async function play({ gateway, n }: Lane, mostViolations: number) {
  const { id } = gateway.wanted;
  const violations: string[] = [];
  const acknowledged: number[] = [];
  let endedIdle = 0;
  let trials = 0;
  for (let i = 0; i < n && violations.length < mostViolations; i++) {
    trials += 1;
    await sleep(i % offsetsMs);
    const client: Client = { idleForMs: 0 };
    try {
      await inTime(session(gateway, client, i));
      acknowledged.push(i);
    } catch (thrown) {
      if (client.idleForMs >= idleMs) endedIdle += 1;
      else violations.push(`session ${i} of ${id}: ${thrown instanceof Error ? thrown.message : thrown}`);
    }
  }
  const read = () => connectOnce(urlOf(gateway), (sql) => sql.query<{ i: number }>("select i from kept"));
  // the control's keeper may cut off this one too
  const rows = await eventually("the rows are read", read);
  const kept = new Set(rows.map(({ i }) => i));
  for (const i of acknowledged) if (!kept.has(i)) violations.push(`row ${i} of ${id} was acknowledged and is lost`);
  return { trials, violations, endedIdle };
}

const inTime = <T>(body: Promise<T>): Promise<T> =>
  Promise.race([
    body,
    sleep(30_000, undefined, { ref: false }).then(() => {
      throw new Error("it hangs");
    }),
  ]);

/** What he knows himself: how long his session said nothing, at the longest. */
type Client = { idleForMs: number };

const session = (gateway: GatewayGround, client: Client, i: number): Promise<void> =>
  connectOnce(urlOf(gateway), async (sql) => {
    let lastMs = performance.now();
    const say = async (body: (sql: Sql) => Promise<unknown>) => {
      client.idleForMs = Math.max(client.idleForMs, performance.now() - lastMs);
      await body(sql);
      lastMs = performance.now();
    };
    await say(() => sql.query("insert into kept values ($1)", [i]));
    await sleep(i % 5);
    await say(() => sql.query("select 1"));
  });

const urlOf = ({ wanted, port }: GatewayGround) => {
  const { ownerRole: user, ownerPassword: password, id: database } = wanted;
  return connectionUrl({ host: "127.0.0.1", port, user, password, database });
};

/** The control: suspends when nobody is there, but does not count who is on his way, nor take anything back. */
function careless(driver: LocalDriver): KeeperPort {
  let awake = true;
  let open = 0;
  const rest = async (id: InstanceWanted["id"]) => {
    if (open > 0 || !awake) return;
    await driver.sleep(id);
    awake = false;
  };
  return {
    async enter(id) {
      if (!awake) await driver.wake(id);
      awake = true;
      const seen = await driver.observe(id);
      let isOpen = false;
      return {
        socketPath: `${seen?.host}/.s.PGSQL.${seen?.socketPort}`,
        wake: null,
        touch: () => undefined,
        answered: () => undefined,
        confirm: () => {
          isOpen = true;
          open += 1;
          return true;
        },
        leave: () => {
          if (isOpen) open -= 1;
          isOpen = false;
          setTimeout(() => void rest(id).catch(() => undefined), idleMs);
        },
      };
    },
  };
}

const restsOf = async ({ gateway: { ground, wanted } }: Lane): Promise<number> =>
  (await ground.driver.journal(wanted.id)).filter(({ state }) => state === "frozen" || state === "asleep").length;

catalogueRow({
  suite: "faults",
  name: "suspend races connect at 1 ms offsets",
  promise: "no session is lost, and no row that was acknowledged",
  n: { small: 1_000, large: 10_000 },
  run,
  control: { without: "counting who is on his way", n: 150 },
  timeoutMs: 90_000,
});
