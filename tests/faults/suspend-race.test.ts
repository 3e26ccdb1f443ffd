/**
 * Suspends and connects that meet at every offset of a millisecond. A client does what the wire does: enters, connects, confirms,
 * and begins anew when he is told that a suspend has won; from the confirmation on nothing may be lost.
 */
import { basename, dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Keeper, makeKeeper } from "../../gateway/keeper/index.ts";
import { type InstanceRunner, type InstanceWanted, makeLocalRunner } from "../../platform/compute/index.ts";
import { connectionUrl, connectOnce } from "../../platform/sql/index.ts";
import { asTenant, makeGround, pgBin, wish } from "../compute/ground.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";

/** Idle after this, both for the keeper and for what is in its place in the control. */
const idleMs = 5;
const offsetsMs = 40;
/** Of ten lanes one stops, the others freeze. */
const stopped = 0.1;

type Enter = Pick<Keeper, "enter">;
type Lane = { readonly wanted: InstanceWanted; readonly keeper: Enter; readonly n: number };

async function run({ n, guarded }: RowInput): Promise<Trials> {
  const ground = await makeGround({ spares: 0 });
  const runner = await makeLocalRunner({ dataDir: ground.dataDir, pgBin: pgBin() });
  const keepers: Keeper[] = [];
  const lane = async (stops: boolean, trials: number): Promise<Lane> => {
    const wanted = await wish({ suspendAfterSeconds: idleMs / 1000 });
    await ground.driver.ensure(wanted);
    await asTenant(wanted, (sql) => sql.query("create table kept (i int primary key)"));
    if (!guarded) return { wanted, keeper: careless(runner, wanted), n: trials };
    const own = {
      ...runner,
      observe: async (id: InstanceWanted["id"]) => (id === wanted.id ? runner.observe(id) : undefined),
    };
    const suspension = { sweepMs: 2, stopAfterFrozenMs: stops ? 0 : 3_600_000 };
    const keeper = makeKeeper({ dataDir: ground.dataDir, runner: own, suspension, pressed: () => false });
    keepers.push(keeper);
    await keeper.start();
    return { wanted, keeper, n: trials };
  };
  try {
    const stops = Math.ceil(n * stopped);
    const lanes = [await lane(false, n - stops), await lane(true, stops)];
    const played = await Promise.all(lanes.map(play));
    const suspensions = await Promise.all(lanes.map(({ wanted }) => restsOf(ground.driver, wanted)));
    return {
      trials: played.reduce((sum, { trials }) => sum + trials, 0),
      violations: played.flatMap(({ violations }) => violations),
      figures: {
        suspendedTimes: suspensions.reduce((sum, times) => sum + times, 0),
        begunAnew: played.reduce((sum, { anew }) => sum + anew, 0),
        endedIdle: played.reduce((sum, one) => sum + one.endedIdle, 0),
      },
    };
  } finally {
    for (const keeper of keepers) await keeper.close();
    await ground.clear();
  }
}

async function play({ wanted, keeper, n }: Lane) {
  const violations: string[] = [];
  const acknowledged: number[] = [];
  let [anew, endedIdle] = [0, 0];
  for (let i = 0; i < n; i++) {
    await sleep(i % offsetsMs);
    const client: Client = { tries: 0, idleForMs: 0 };
    try {
      await Promise.race([session(keeper, wanted, client, i), hung()]);
      acknowledged.push(i);
    } catch (thrown) {
      // one that is stopped ends sessions that were idle for so long; this machine may have been slow enough for that
      if (client.idleForMs >= idleMs) endedIdle += 1;
      else
        violations.push(`session ${i} of ${wanted.id} was lost: ${thrown instanceof Error ? thrown.message : thrown}`);
    }
    anew += client.tries - 1;
  }
  let rows: readonly { i: number }[] = [];
  await withSession(keeper, wanted, { tries: 0, idleForMs: 0 }, async (say) => {
    rows = await say("select i from kept", []);
  });
  const kept = new Set(rows.map(({ i }) => i));
  for (const i of acknowledged)
    if (!kept.has(i)) violations.push(`row ${i} of ${wanted.id} was acknowledged and is lost`);
  return { trials: n, violations, anew, endedIdle };
}

const hung = async (): Promise<never> => {
  await sleep(30_000, undefined, { ref: false });
  throw new Error("it hangs");
};

/** What a client knows himself: how often he began, and how long his session said nothing, at the longest. */
type Client = { tries: number; idleForMs: number };
type Say = (text: string, values: readonly unknown[]) => Promise<readonly { i: number }[]>;

const session = (keeper: Enter, wanted: InstanceWanted, client: Client, i: number): Promise<void> =>
  withSession(keeper, wanted, client, async (say) => {
    await say("insert into kept values ($1)", [i]);
    await sleep(i % 4);
    await say("select 1 as i", []);
  });

/** Only until the confirmation may it be tried again. */
async function withSession(
  keeper: Enter,
  wanted: InstanceWanted,
  client: Client,
  body: (say: Say) => Promise<void>,
): Promise<void> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    client.tries += 1;
    const entered = await keeper.enter(wanted.id, "direct");
    let safe = false;
    try {
      return await connectOnce(urlOf(wanted, entered.socketPath), (sql) => {
        safe = entered.confirm();
        if (!safe) throw new Error("a suspend has won");
        let lastMs = performance.now();
        entered.touch();
        return body(async (text, values) => {
          client.idleForMs = Math.max(client.idleForMs, performance.now() - lastMs);
          entered.touch(); // as the relay does with the bytes of a statement
          const rows = await sql.query<{ i: number }>(text, values);
          lastMs = performance.now();
          entered.touch();
          return rows;
        });
      });
    } catch (thrown) {
      if (safe || performance.now() > deadline) throw thrown;
    } finally {
      entered.leave();
    }
    await sleep(1);
  }
}

const urlOf = ({ ownerRole, ownerPassword, databaseName }: InstanceWanted, socketPath: string) =>
  connectionUrl({
    ...{ host: dirname(socketPath), port: Number(basename(socketPath).slice(".s.PGSQL.".length)) },
    ...{ user: ownerRole, password: ownerPassword, database: databaseName },
  });

/** The control: knows who is there, and suspends when nobody is; it does not count who is on his way, nor take anything back. */
function careless(runner: InstanceRunner, { id }: InstanceWanted): Enter {
  let awake = true;
  let open = 0;
  const rest = async () => {
    if (open > 0 || !awake) return;
    await runner.sleep(id);
    awake = false;
  };
  return {
    async enter() {
      const woken = awake ? undefined : await runner.wake(id);
      awake = true;
      const seen = woken ?? (await runner.observe(id));
      const socketPath =
        seen !== undefined && "socketDir" in seen
          ? `${seen.socketDir}/.s.PGSQL.${seen.port}`
          : (seen?.socketPath ?? "");
      return {
        socketPath,
        wake: null,
        touch: () => undefined,
        confirm: () => {
          open += 1;
          return true;
        },
        leave: () => {
          open = Math.max(0, open - 1);
          setTimeout(() => void rest().catch(() => undefined), idleMs);
        },
      };
    },
  };
}

type Journal = { journal(id: InstanceWanted["id"]): Promise<readonly { readonly state: string }[]> };

const restsOf = async (driver: Journal, { id }: InstanceWanted): Promise<number> =>
  (await driver.journal(id)).filter(({ state }) => state === "frozen" || state === "asleep").length;

catalogueRow({
  suite: "faults",
  name: "suspend races connect at 1 ms offsets",
  promise: "no session is lost, and no row that was acknowledged",
  n: { small: 1_000, large: 10_000 },
  run,
  control: { without: "counting who is on his way", n: 120 },
  timeoutMs: 90_000,
});
