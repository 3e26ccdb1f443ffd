/**
 * How long a client of a sleeping database waits for its first row, and how long the same takes with a bare `postgres` that is
 * started and asked: same folder, same settings, same client, turn by turn. Then the other wakes: several at once, a gigabyte, after an
 * unclean stop, frozen, and awake already.
 */
import { openScope } from "../platform/core/index.ts";
import { connectionUrl, connectOnce } from "../platform/sql/index.ts";
import { percentile, progress, report, round } from "./ground/report.ts";
import { becomes, firstRow, makeRelay, makeSleepers, type Sleeper, withKeeper } from "./ground/sleepers.ts";

const runs = Number(process.env.NEBULA_BENCH_RUNS ?? 200);
const few = Math.max(3, Math.round(runs / 10));
const most = 64;
/** Long enough for the session that was measured to be over. */
const idle = { suspendAfterSeconds: 0.06 };

const scope = openScope();
const figures: Record<string, number> = {};
const note = (name: string, values: readonly number[], p = 50) => {
  figures[name] = round(percentile(values, p), 2);
};
const asked = (port: number, { wanted }: Sleeper) => timed(() => firstRow({ host: "127.0.0.1", port }, wanted));

try {
  const ground = await makeSleepers(scope);
  const { runner, driver } = ground;
  const one = await ground.add(idle);
  const { id } = one.wanted;

  progress(`${runs} wakes, and as many bare starts`);
  const [wakes, bare]: [number[], number[]] = [[], []];
  await withRelay(one, { stopAfterFrozenMs: 0, lookAroundMs: 3_600_000 }, async (wake, _port, sleeps) => {
    for (let i = 0; i < runs; i++) {
      wakes.push(await wake("asleep"));
      await sleeps(); // stopped by the keeper, which then looks away
      bare.push(await ground.bare(one));
      await driver.stop(id);
    }
  });
  note("p50Ms", wakes);
  note("p99Ms", wakes, 99);
  note("bareP50Ms", bare);
  note("bareP99Ms", bare, 99);
  figures.ratioP50 = round(percentile(wakes, 50) / percentile(bare, 50), 2);
  figures.ratioP99 = round(percentile(wakes, 99) / percentile(bare, 99), 2);
  await runner.wake(id);

  progress(`${runs} wakes of a frozen one, and as many sessions of one that is awake`);
  await withRelay(one, {}, async (wake, port) => {
    const frozen: number[] = [];
    for (let i = 0; i < runs; i++) frozen.push(await wake("frozen"));
    note("frozenP50Ms", frozen);
    note("frozenP99Ms", frozen, 99);
    const warm: number[] = [];
    for (let i = 0; i < runs; i++) warm.push(await asked(port, one));
    note("warmP50Ms", warm);
    note("warmP99Ms", warm, 99);
  });

  progress(`${few} wakes after an unclean stop`);
  const unclean: number[] = [];
  await runner.wake(id);
  for (let i = 0; i < few; i++) {
    await scribble(one);
    await driver.stop(id, "immediate");
    unclean.push(await withKeeper(ground, {}, async (keeper) => relayed(keeper, one, (port) => asked(port, one))));
  }
  note("uncleanP50Ms", unclean);

  progress(`${few} wakes of a gigabyte`);
  const large = await ground.add(idle);
  await fill(large);
  await withRelay(large, { stopAfterFrozenMs: 0 }, async (wake) => {
    const all: number[] = [];
    for (let i = 0; i < few; i++) all.push(await wake("asleep"));
    note("gigabyteP50Ms", all);
  });
  await driver.remove(large.wanted.id);
  await driver.purge(large.wanted.id);

  const many: Sleeper[] = [];
  for (const n of [8, most]) {
    progress(`${n} wakes at once`);
    while (many.length < n) {
      many.push(await ground.add(idle));
      await runner.sleep(many.at(-1)?.wanted.id ?? id);
    }
    const all: number[] = [];
    for (let round = 0; round < (n === 8 ? 5 : 2); round++) {
      await Promise.all(many.map(({ wanted }) => runner.sleep(wanted.id)));
      await withKeeper(ground, { stopAfterFrozenMs: 60_000 }, async (keeper) => {
        const relays = await Promise.all(many.map((sleeper) => makeRelay(keeper, sleeper)));
        all.push(...(await Promise.all(relays.map(({ port }, i) => asked(port, many[i] as Sleeper)))));
        for (const relay of relays) relay.close();
      });
      for (const { wanted } of many) await runner.wake(wanted.id);
    }
    note(`at${n}P50Ms`, all);
    note(`at${n}P99Ms`, all, 99);
  }

  async function relayed<T>(
    keeper: Parameters<typeof makeRelay>[0],
    sleeper: Sleeper,
    body: (port: number) => Promise<T>,
  ) {
    const relay = await makeRelay(keeper, sleeper);
    try {
      return await body(relay.port);
    } finally {
      relay.close();
    }
  }

  async function withRelay(
    sleeper: Sleeper,
    suspension: { stopAfterFrozenMs?: number; lookAroundMs?: number },
    body: (
      wake: (from: "asleep" | "frozen") => Promise<number>,
      port: number,
      sleeps: () => Promise<void>,
    ) => Promise<void>,
  ): Promise<void> {
    await withKeeper(ground, suspension, (keeper) =>
      relayed(keeper, sleeper, (port) => {
        const rests = (state: "asleep" | "frozen") => becomes(keeper, [sleeper.wanted.id], state);
        const wake = async (from: "asleep" | "frozen") => {
          await rests(from);
          return asked(port, sleeper);
        };
        return body(wake, port, () => rests("asleep"));
      }),
    );
  }
} finally {
  await scope.close();
}

report({
  bench: "wake",
  runs,
  figures,
  goals: { ratioP50: "<= 1.3", ratioP99: "<= 2.5", p50Ms: "<= 50", frozenP50Ms: "<= 10", warmP50Ms: "<= 100" },
  notes: [
    "client connect to first row, sign-in by SCRAM included; the client is the npm package pg",
    "at 8 and 64: one client each of as many sleeping databases, all at once",
  ],
});

async function timed(body: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await body();
  return performance.now() - began;
}

function as({ wanted, observed }: Sleeper) {
  const { ownerRole: user, ownerPassword: password, databaseName: database } = wanted;
  return connectionUrl({ host: observed.host, port: observed.socketPort, user, password, database });
}

/** Something to recover. */
async function scribble(sleeper: Sleeper): Promise<void> {
  await statement(
    sleeper,
    "create table if not exists notes (t text); insert into notes select repeat('x', 500) from generate_series(1, 2000)",
  );
}

async function fill(sleeper: Sleeper): Promise<void> {
  await statement(
    sleeper,
    "create table big as select g as id, repeat(md5(g::text), 30) as t from generate_series(1, 1000000) g",
  );
}

function statement(sleeper: Sleeper, text: string): Promise<unknown> {
  return connectOnce(as(sleeper), (sql) => sql.query(text));
}
