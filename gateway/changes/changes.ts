import pLimit from "p-limit";
import { changesLogin, type Gate, readApiSecrets, readServiceKey } from "../../platform/compute/index.ts";
import { type Clock, makeRepeat, type Observe } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { type Backoff, makeBackoff } from "../../platform/webhooks/index.ts";
import type { Keeper } from "../keeper/index.ts";
import { type Connection, makeConnection } from "./connection.ts";
import { makeDeliver } from "./deliver.ts";
import { webhookUnknown } from "./errors.ts";
import { makeMarks } from "./marks.ts";
import { type Keep, makePump, type Pump } from "./pump.ts";
import * as store from "./store.ts";
import type { DeliveryView, Listened, WebhookView } from "./types.ts";
import { withId } from "./with-id.ts";

/**
 * Changed rows of every database that declares receivers or listeners: a pump each, from when it is first seen awake, or has messages left
 * from an earlier life, until its declaration says no more of it.
 */
export type Changes = {
  start(): Promise<void>;
  /** The number of the last change. Wakes the database. */
  position(id: DatabaseId): Promise<string>;
  /** After a number. Wakes the database. */
  read(id: DatabaseId, relation: string, after: string): Promise<store.Page>;
  /** Calls when there may be more to read; what is returned ends that. */
  follow(id: DatabaseId, onMore: () => void): () => void;
  webhooks(id: DatabaseId): Promise<readonly WebhookView[]>;
  deliveries(id: DatabaseId, filter: store.DeliveryFilter): Promise<readonly DeliveryView[]>;
  /** null: what is dead. @throws NEB734 when the webhook is not declared. */
  replay(id: DatabaseId, webhook: string, numbers: readonly string[] | null): Promise<number>;
  close(): Promise<void>;
};

export type ChangesOptions = {
  readonly dataDir: string;
  readonly keeper: Pick<Keeper, "enter" | "awake" | "isSteady" | "state">;
  readonly gateOf: (id: DatabaseId) => Promise<Gate | undefined>;
  /** To receivers: guarded, with its time and size. */
  readonly fetch: typeof fetch;
  readonly clock: Clock;
  readonly observe: Observe;
  readonly backoff?: Backoff;
  readonly lookMs?: number;
  /** How many changes a database keeps at the most, and after how many it looks. */
  readonly keep?: Keep;
};

type Kept = { readonly gate: Gate; readonly listened: Listened; readonly connection: Connection; readonly pump: Pump };

const atOnce = { here: 8, everywhere: 256 };
const pageRows = 100;
const keepAtMost: Keep = { most: 100_000, tidyEvery: 20_000 };

export function makeChanges(options: ChangesOptions): Changes {
  const { dataDir, keeper, gateOf, clock, observe, backoff = makeBackoff(), lookMs = 500, keep = keepAtMost } = options;
  const kept = new Map<DatabaseId, Kept>();
  const followers = new Map<DatabaseId, Set<() => void>>();
  const marks = makeMarks(dataDir);
  const closing = new AbortController();
  const deliver = makeDeliver(options.fetch, clock, closing.signal);
  const everywhere = pLimit(atOnce.everywhere);
  let isClosed = false;

  const begin = (gate: Gate, listened: Listened): Kept => {
    const { id } = listened;
    const nudge = () => kept.get(id)?.pump.nudge();
    const connection = makeConnection({
      ...{ id, databaseName: gate.databaseName, keeper, onChange: nudge },
      keyOf: () => readServiceKey(dataDir, id, changesLogin),
    });
    const pump = makePump(listened, {
      ...{ connection, deliver, everywhere, here: pLimit(atOnce.here), backoff, clock, observe, keep },
      secrets: () => readApiSecrets(dataDir, id),
      onNumbered() {
        for (const one of followers.get(id) ?? []) one();
      },
      onPlanned: (atMs) => markFor(id, atMs),
    });
    return { gate, listened, connection, pump };
  };

  /** Awake with receivers: whoever begins anew after a crash looks at it at once. */
  const markFor = async (id: DatabaseId, atMs: number | undefined): Promise<void> => {
    if ((kept.get(id)?.listened.webhooks.length ?? 0) === 0) return marks.drop(id);
    await marks.put(id, atMs ?? 0);
  };

  /** undefined: nobody waits for its changes. */
  const pumpOf = async (id: DatabaseId): Promise<Kept | undefined> => {
    const gate = await gateOf(id);
    const before = kept.get(id);
    if (before !== undefined && before.gate === gate) return before;
    const listened = gate === undefined ? undefined : listenedOf(gate);
    if (isClosed) return undefined;
    if (gate === undefined || listened === undefined) {
      kept.delete(id);
      await before?.pump.close();
      if (before !== undefined) await marks.drop(id);
      return undefined;
    }
    if (before !== undefined && before.listened.databaseName === listened.databaseName) {
      kept.set(id, { ...before, gate, listened });
      before.pump.declare(listened);
      return kept.get(id);
    }
    const made = begin(gate, listened);
    kept.set(id, made);
    await before?.pump.close();
    return made;
  };

  const rounds = makeRepeat({ clock, everyMs: lookMs, where: "changes.look", observe }, async () => {
    for (const id of keeper.awake()) {
      const found = await pumpOf(id);
      // one that is being stopped has cut our connection already, and asking for it now would wake it again, for ever
      if (keeper.isSteady(id)) found?.pump.attend();
    }
    // it sleeps, and nothing was left when it did
    for (const [id, { connection }] of kept)
      if (!connection.isOpen() && keeper.state(id) === "asleep" && marks.isNow(id)) await marks.drop(id);
  });

  const use = async <T>(id: DatabaseId, body: (run: store.Runs, listened: Listened) => Promise<T>): Promise<T> => {
    const found = await pumpOf(id);
    if (found === undefined) throw webhookUnknown(`${id} declares neither webhooks nor realtime`);
    return found.connection.use((run) => body(run, found.listened));
  };

  return {
    async start() {
      for (const { id, atMs } of await marks.all()) {
        const found = await pumpOf(id);
        if (found === undefined) await marks.drop(id);
        else if (atMs <= clock.now()) found.pump.nudge();
        else setTimeout(() => kept.get(id)?.pump.nudge(), Math.min(atMs - clock.now(), 2 ** 31 - 1)).unref();
      }
      rounds.start();
    },
    position: (id) => use(id, store.lastNumber),
    read: (id, relation, after) => use(id, (run) => store.changesAfter(run, relation, after, pageRows)),
    follow(id, onMore) {
      const all = followers.get(id) ?? new Set();
      followers.set(id, all.add(onMore));
      return () => {
        all.delete(onMore);
        if (all.size === 0) followers.delete(id);
      };
    },
    webhooks: (id) =>
      use(id, async (run, { webhooks }) => {
        const counts = await store.countStates(run);
        return webhooks.map((one) => {
          const { waiting = 0, delivered = 0, dead = 0 } = counts.get(one.id) ?? {};
          const { id: webhook, table, events, url } = one;
          return { id: webhook, table, events, url, waiting, delivered, dead };
        });
      }),
    deliveries: (id, filter) => use(id, (run) => store.deliveries(run, filter)),
    async replay(id, webhook, numbers) {
      const count = await use(id, (run, { webhooks }) => {
        if (!webhooks.some((one) => one.id === webhook)) throw webhookUnknown(`${id} declares no webhook ${webhook}`);
        return store.replay(run, webhook, numbers);
      });
      kept.get(id)?.pump.nudge();
      return count;
    },
    async close() {
      isClosed = true;
      await rounds.close();
      const ended = [...kept.values()].map(({ pump }) => pump.close());
      closing.abort(); // a receiver that is slow is not waited for: it is told again by the next one
      await Promise.allSettled(ended);
      kept.clear();
    },
  };
}

function listenedOf({ id, databaseName, api }: Gate): Listened | undefined {
  const [webhooks, realtime] = [(api?.webhooks ?? []).map(withId), api?.realtime ?? []];
  return webhooks.length + realtime.length === 0 ? undefined : { id, databaseName, webhooks, realtime };
}
