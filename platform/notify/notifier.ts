import pLimit from "p-limit";
import { type Clock, makeRepeat, type Observe, reportFault } from "../core/index.ts";
import type { TenantSecrets } from "../keys/index.ts";
import type { Mailer } from "../mail/index.ts";
import type { Pool, Sql } from "../sql/index.ts";
import {
  claimMessages,
  listFleets,
  type MessageRow,
  markSpread,
  noteMessage,
  notificationsChanged,
  notSpread,
  pruneNotifications,
} from "../store/index.ts";
import { type Backoff, makeBackoff } from "../webhooks/index.ts";
import { type Channel, channelsOf, hears } from "./channels.ts";
import { makeSenders } from "./senders.ts";

export type Notifier = {
  start(): void;
  /** Tells all that is due now; how many attempts that took. */
  pass(): Promise<number>;
  close(): Promise<void>;
};

export type NotifierDeps = {
  readonly sql: Sql;
  /** So that news goes out at once. */
  readonly listen?: Pool["listen"];
  readonly secrets: Pick<TenantSecrets, "get">;
  readonly mailer: Pick<Mailer, "send">;
  /** Guarded, with its time and size. */
  readonly fetch: typeof fetch;
  readonly clock: Clock;
  readonly observe: Observe;
  readonly backoff?: Backoff;
};

const everyMs = 5_000;
/** Longer than any attempt takes: whoever dies with a message leaves it due again after so long. */
const claimMs = 120_000;
const [portion, atOnce] = [100, 8];
const pruneEveryMs = 3_600_000;
const keptForMs = 90 * 86_400_000;

export function makeNotifier(deps: NotifierDeps): Notifier {
  const { sql, listen, clock, observe, backoff = makeBackoff() } = deps;
  const closing = new AbortController();
  const send = makeSenders({ ...deps, closing: closing.signal });
  let prunedMs = Number.NEGATIVE_INFINITY;
  let deaf: Promise<() => Promise<unknown>> | undefined;
  let passing: Promise<number> | undefined;

  const round = async (): Promise<number> => {
    const channels = onceAsked(() => channelsByTenant(sql));
    await spread(sql, channels, new Date(clock.now()));
    let attempts = 0;
    for (;;) {
      const due = await claimMessages(sql, { now: new Date(clock.now()), claimMs, limit: portion });
      const limit = pLimit(atOnce);
      await Promise.all(due.map((message) => limit(() => attempt(message, channels))));
      attempts += due.length;
      if (due.length === 0 || closing.signal.aborted) break;
    }
    await prune();
    return attempts;
  };

  const attempt = async (message: MessageRow, channels: Channels): Promise<void> => {
    const { tenant, channel: id, attempts, madeAt } = message;
    const channel = (await channels()).get(tenant)?.find((one) => one.id === id);
    const at = new Date(clock.now());
    if (channel === undefined)
      return noteMessage(sql, message, { state: "dropped", at, status: null, error: "not declared any more" });
    const beganMs = clock.monotonicMs();
    const { status, error } = await send(channel, message);
    if (closing.signal.aborted && error !== null) return; // broken off by us: due again when the claim is over
    const next = backoff({ attempts: attempts + 1, ageMs: clock.now() - madeAt.getTime(), status });
    const state = error === null ? "delivered" : next.kind === "dead" ? "dead" : "waiting";
    const told = { at: new Date(clock.now()), status: status === 0 ? null : status, error };
    const dueAt = new Date(clock.now() + (next.kind === "later" ? next.afterMs : 0));
    await noteMessage(sql, message, state === "waiting" ? { state, dueAt, ...told } : { state, ...told });
    observe({
      ...{ kind: "notification.tried", tenant, notification: message.kind, way: channel.kind },
      outcome: state === "waiting" ? "later" : state,
      ...{ attempt: attempts + 1, durationMs: clock.monotonicMs() - beganMs },
    });
  };

  const prune = async (): Promise<void> => {
    if (clock.monotonicMs() - prunedMs < pruneEveryMs) return;
    prunedMs = clock.monotonicMs();
    await pruneNotifications(sql, new Date(clock.now() - keptForMs));
  };

  /** One at a time: a hint that comes meanwhile is found by the next. */
  const pass = (): Promise<number> => {
    passing ??= round().finally(() => {
      passing = undefined;
    });
    return passing;
  };

  const repeat = makeRepeat({ clock, everyMs, where: "notify.pass", observe }, pass);
  return {
    pass,
    start() {
      repeat.start();
      deaf ??= listen?.(notificationsChanged, () => {
        pass().catch((thrown) => reportFault(observe, "notify.pass", thrown));
      });
      deaf?.catch((thrown) => reportFault(observe, "notify.listen", thrown));
    },
    async close() {
      closing.abort();
      await (await deaf?.catch(() => undefined))?.();
      await repeat.close();
      await passing?.catch(() => undefined);
    },
  };
}

/** Read when there is something to tell: most rounds tell nothing. */
type Channels = () => Promise<ReadonlyMap<string, readonly Channel[]>>;

function onceAsked<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined;
  return () => {
    asked ??= ask();
    return asked;
  };
}

async function channelsByTenant(sql: Sql): ReturnType<Channels> {
  const tenants = (await listFleets(sql)).flatMap((fleet) => fleet.tenants);
  return new Map(tenants.map((tenant) => [tenant.tenant, channelsOf(tenant)]));
}

/** Makes the messages of what nobody was told yet: for whoever is to be told now. */
async function spread(sql: Sql, channels: Channels, at: Date): Promise<void> {
  for (let found = portion; found === portion; )
    found = await sql.tx(async (tx) => {
      const rows = await notSpread(tx, portion);
      for (const row of rows) {
        const told = ((await channels()).get(row.tenant) ?? []).filter((channel) => hears(channel, row));
        await markSpread(
          tx,
          row,
          told.map(({ id }) => id),
          at,
        );
      }
      return rows.length;
    });
}
