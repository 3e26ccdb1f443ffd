/**
 * The changes of one database: numbers them, wakes those who listen, sends what is due, and knows when to come back.
 *
 * 1. A message is marked delivered after its receiver has said so: whoever is killed between tells it twice, never not at all.
 * 2. Messages of one receiver about one row go out one after the other, and none before the one that failed.
 * 3. It wakes the database for a message whose time has come, and for nothing else.
 * 4. Sending holds no numbering up: a receiver that is slow delays neither those who listen nor the outbox.
 */
import type { LimitFunction } from "p-limit";
import { type Clock, type Observe, reportFault, type Secret } from "../../platform/core/index.ts";
import type { Backoff } from "../../platform/webhooks/index.ts";
import type { Connection } from "./connection.ts";
import type { Attempt, Deliver } from "./deliver.ts";
import { makeLane } from "./lane.ts";
import { makeRests } from "./rests.ts";
import * as store from "./store.ts";
import type { Due, Listened } from "./types.ts";

export type Pump = {
  /** Something may have happened, or may be due. */
  nudge(): void;
  /** What its declaration says now. */
  declare(listened: Listened): void;
  /** Its database is awake: heard of everything since. */
  attend(): void;
  close(): Promise<void>;
};

export type Keep = { readonly most: number; readonly tidyEvery: number };

export type PumpDeps = {
  readonly keep: Keep;
  readonly connection: Connection;
  readonly secrets: () => Promise<ReadonlyMap<string, Secret>>;
  readonly deliver: Deliver;
  /** Across all databases. */
  readonly everywhere: LimitFunction;
  /** Of this one. */
  readonly here: LimitFunction;
  readonly backoff: Backoff;
  readonly clock: Clock;
  readonly observe: Observe;
  /** New numbers were given. */
  readonly onNumbered: () => void;
  /** When it wants to come back; undefined: when something changes. */
  readonly onPlanned: (atMs: number | undefined) => Promise<void>;
};

const portion = 50;
const tidyEveryMs = 600_000;

export function makePump(first: Listened, deps: PumpDeps): Pump {
  const { connection, clock, observe } = deps;
  const rests = makeRests(deps.backoff, () => clock.now());
  let listened = first;
  let isSettled = false;
  let isClosed = false;
  let tidied = { atMs: clock.monotonicMs(), changes: 0 };

  const onFault = (thrown: unknown) => reportFault(observe, "changes.round", thrown, listened.id);

  const numberRound = async (): Promise<void> => {
    const wasSettled = isSettled;
    await connection.use(async (run) => {
      if (!isSettled) await store.settle(run, listened);
      isSettled = true;
      for (let isAll = false; !isAll && !isClosed; ) {
        const numbered = await store.number(run, listened);
        isAll = numbered.isAll;
        tidied.changes += numbered.moved;
        if (numbered.moved > 0) deps.onNumbered();
        if (tidied.changes > deps.keep.tidyEvery) await tidy(run);
      }
    });
    if (!wasSettled || listened.webhooks.length === 0) await deps.onPlanned(undefined);
    if (listened.webhooks.length > 0) sending.nudge();
  };

  const sendRound = async (): Promise<void> => {
    if (!isSettled) return; // whoever settles it nudges this
    const found = await connection.use((run) => store.due(run, rests.resting(), portion));
    await sendAll(found);
    if (clock.monotonicMs() - tidied.atMs > tidyEveryMs) await connection.use(tidy);
    if (found.length === portion) sending.nudge();
    else await plan();
  };

  const tidy = async (run: store.Runs): Promise<void> => {
    tidied = { atMs: clock.monotonicMs(), changes: 0 };
    await store.expire(run, rests.resting());
    await store.prune(run, deps.keep.most);
  };

  const plan = async (): Promise<void> => {
    const left = await connection.use(store.nextDue);
    const times = [...left].map(([webhook, ms]) => Math.max(clock.now() + ms, rests.untilMs(webhook)));
    const atMs = times.length === 0 ? undefined : Math.min(...times);
    await deps.onPlanned(atMs);
    if (atMs !== undefined) sending.later(atMs - clock.now());
  };

  const numbering = makeLane(numberRound, onFault);
  const sending = makeLane(sendRound, onFault);

  const sendAll = async (found: readonly Due[]): Promise<void> => {
    if (found.length === 0) return;
    const secrets = await deps.secrets();
    const lines = Map.groupBy(found, ({ webhook, key }) => `${webhook} ${key}`);
    const sent = [...lines.values()].map((line) =>
      deps.here(async () => {
        for (const message of line) if (!(await sendOne(message, secrets))) return;
      }),
    );
    // all of them end before a fault of one is told: nothing is sent behind the back of the next round
    for (const one of await Promise.allSettled(sent)) if (one.status === "rejected") throw one.reason;
  };

  /** False: the rest of its line waits. */
  const sendOne = async (message: Due, secrets: ReadonlyMap<string, Secret>): Promise<boolean> => {
    const webhook = listened.webhooks.find(({ id }) => id === message.webhook);
    if (webhook === undefined || isClosed || rests.untilMs(webhook.id) > clock.now()) return false;
    const tried = await deps.everywhere(() => deps.deliver(webhook, secrets.get(webhook.secret), message));
    if (isClosed && tried.error !== null) return false;
    const next = judge(message, tried);
    if (next === "delivered") rests.succeeded(webhook.id);
    else rests.failed(webhook.id);
    await connection.use((run) => store.note(run, { ...message, status: tried.status, error: tried.error, next }));
    observe({
      ...{ kind: "webhook.tried", instance: listened.id, webhook: webhook.id, status: tried.status },
      outcome: typeof next === "string" ? next : "later",
      ...{ attempt: message.attempts + 1, durationMs: tried.durationMs },
    });
    return next !== "delivered" ? next === "dead" : true;
  };

  const judge = (message: Due, { status, error }: Attempt): store.Tried["next"] => {
    if (error === null) return "delivered";
    const next = deps.backoff({ attempts: message.attempts + 1, ageMs: message.ageMs, status });
    return next.kind === "dead" ? "dead" : { afterMs: next.afterMs };
  };

  return {
    nudge: numbering.nudge,
    declare(now) {
      listened = now;
      isSettled = false;
      numbering.nudge();
    },
    attend() {
      // while it fails, its timer brings it back: looking at once again would keep the database awake
      if (!connection.isOpen() && numbering.isIdle() && sending.isIdle()) numbering.nudge();
    },
    async close() {
      isClosed = true;
      await Promise.all([numbering.close(), sending.close()]);
      await connection.close();
    },
  };
}
