import type { ErrorDefinition } from "../core/index.ts";
import { meters } from "../pricing/index.ts";
import type { Sql } from "../sql/index.ts";
import {
  type Corrected,
  correctRecord,
  type KnownEvent,
  keepEvents,
  readEvents,
  readEventTargets,
} from "../store/index.ts";
import { badEvent, beyondZero, changedEvent, tooEarly } from "./errors.ts";
import { microsText, parseEvent, type UsageEvent } from "./event.ts";
import { fileEvents } from "./file-events.ts";
import { judge, type Verdict } from "./judge.ts";
import { hourOf } from "./spread.ts";

export type Refused = {
  /** Its place in the batch, from 0. */
  readonly index: number;
  readonly id: string | null;
  readonly code: string;
  readonly title: string;
  readonly reason: string;
};

export type Taken = { readonly accepted: number; readonly duplicates: number; readonly refused: readonly Refused[] };

type Numbered = { readonly index: number; readonly event: UsageEvent };
type Candidate = Numbered & { readonly commit: string | null };
/** One that was not taken now: taken before, or refused for this reason, or else its id belongs to another. */
type Doubt = Numbered & { readonly verdict: Verdict };

/**
 * Takes a batch. What can be taken is, in one transaction; what cannot is named with its reason; what was taken before counts as a
 * duplicate and changes nothing. Sending a batch again, whole or in parts, therefore does no harm, however often and by how many.
 */
export async function takeEvents(sql: Sql, batch: readonly unknown[], nowMs: number): Promise<Taken> {
  const { events, bad } = understand(batch);
  const targets = await readEventTargets(
    sql,
    events.map(({ event }) => event.instance),
  );
  const judged = events.map(({ index, event }) => {
    const target = targets.get(event.instance);
    return { index, event, commit: target?.commit ?? null, verdict: judge(event, target, nowMs) };
  });
  const { first, again } = byKey(judged.filter(({ verdict }) => verdict === undefined));
  const kept = await keep(sql, first);
  const uncorrected = await correctAll(sql, first, kept);
  const doubts = [
    ...judged.filter(({ verdict }) => verdict !== undefined),
    ...first.filter(({ event }) => !kept.has(event.key)),
    ...again,
  ].map(({ index, event, verdict }): Doubt => ({ index, event, verdict: verdict ?? uncorrected.get(event.key) }));
  const { duplicates, refused } = await settle(sql, doubts);
  return {
    accepted: kept.size,
    duplicates,
    refused: [...bad, ...refused].sort((a, b) => a.index - b.index),
  };
}

const refusalOf = (index: number, id: string | null, { code, title }: ErrorDefinition, reason: string): Refused => ({
  ...{ index, id, code, title, reason },
});

function understand(batch: readonly unknown[]): { events: Numbered[]; bad: Refused[] } {
  const [events, bad]: [Numbered[], Refused[]] = [[], []];
  for (const [index, raw] of batch.entries()) {
    const one = parseEvent(raw);
    if (one.kind === "event") events.push({ index, event: one.event });
    else bad.push(refusalOf(index, one.id, badEvent.definition, one.reason));
  }
  return { events, bad };
}

const isCorrection = ({ event }: Candidate): boolean => event.kind === "correction";

/** Keeps and files what is new of all but corrections; returns the keys of what was. */
const keep = (sql: Sql, candidates: readonly Candidate[]): Promise<Set<string>> =>
  sql.tx(async (tx) => {
    const usual = candidates.filter((one) => !isCorrection(one));
    const fresh = await keepEvents(tx, usual.map(stored));
    await fileEvents(
      tx,
      usual.filter(({ event }) => fresh.has(event.key)),
    );
    return new Set(fresh);
  });

/** Each on its own. Adds those that were written to `kept`; returns why others were not. */
async function correctAll(sql: Sql, candidates: readonly Candidate[], kept: Set<string>) {
  const refused = new Map<string, Verdict>();
  for (const one of candidates.filter(isCorrection)) {
    const { key, micros } = one.event;
    const ending = await correct(sql, one);
    if (ending === "written") kept.add(key);
    if (ending === "overdrawn")
      refused.set(key, { definition: beyondZero.definition, reason: `${microsText(micros)} is more than there is` });
    if (ending === "waits")
      refused.set(key, { definition: tooEarly.definition, reason: "its hour is not recorded yet" });
  }
  return refused;
}

async function settle(sql: Sql, doubts: readonly Doubt[]): Promise<{ duplicates: number; refused: Refused[] }> {
  if (doubts.length === 0) return { duplicates: 0, refused: [] };
  const known = await readEvents(
    sql,
    doubts.map(({ event }) => event.key),
  );
  const refused = doubts.flatMap(({ index, event, verdict }): Refused[] => {
    if (isSame(event, known.get(event.key))) return [];
    const { definition, reason } = verdict ?? {
      definition: changedEvent.definition,
      reason: `${event.source} has sent another event ${event.id}`,
    };
    return [refusalOf(index, event.id, definition, reason)];
  });
  return { duplicates: doubts.length - refused.length, refused };
}

/** The first of each key, and those that come again in the same batch. */
function byKey<T extends Numbered>(candidates: readonly T[]): { first: T[]; again: T[] } {
  const seen = new Set<string>();
  const [first, again]: [T[], T[]] = [[], []];
  for (const one of candidates) {
    (seen.has(one.event.key) ? again : first).push(one);
    seen.add(one.event.key);
  }
  return { first, again };
}

const stored = ({ event, commit }: Candidate) => ({
  ...event,
  id: event.key,
  event: event.id,
  quantity: microsText(event.micros),
  commit,
});

const isSame = (event: UsageEvent, known: KnownEvent | undefined): boolean =>
  known !== undefined &&
  known.kind === event.kind &&
  known.instance === event.instance &&
  known.meter === event.meter &&
  known.sinceMs === event.sinceMs &&
  known.atMs === event.atMs &&
  known.quantity === microsText(event.micros) &&
  known.epoch === event.epoch &&
  known.reason === event.reason;

/** A correction and its event stand together or not at all. */
function correct(sql: Sql, one: Candidate): Promise<Corrected | "known"> {
  const { event, commit } = one;
  const grain = meters[event.meter].grain;
  return sql
    .tx(async (tx) => {
      const fresh = await keepEvents(tx, [stored(one)]);
      if (fresh.size === 0) return "known" as const;
      const ending = await correctRecord(tx, {
        ...{ instance: event.instance, meter: event.meter, hourMs: hourOf(event.atMs), commit },
        ...{ micros: event.micros, grain: Number(grain), reason: event.reason ?? "" },
      });
      if (ending !== "written") throw new NotWritten(ending);
      return ending;
    })
    .catch((thrown: unknown) => {
      if (thrown instanceof NotWritten) return thrown.ending;
      throw thrown;
    });
}

/** Takes the event back with its correction; it never leaves this file. */
class NotWritten extends Error {
  readonly ending: Corrected;
  constructor(ending: Corrected) {
    super(ending);
    this.ending = ending;
  }
}
