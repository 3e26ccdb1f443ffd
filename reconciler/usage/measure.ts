import type { JournalState } from "../../platform/compute/index.ts";
import type { GapReason, MeteredInstance, UsageGap, UsageSample } from "../../platform/store/index.ts";
import type { Moment } from "./timeline.ts";

/** What a look at one instance says. */
export type Reading = {
  /** When the server that answers now was started, by the machine's clock; null when none runs. */
  readonly startedAtMs: number | null;
  readonly connections: number;
  readonly storageBytes: number;
  /** What it was and since when, oldest first, as its journal says; empty where none is kept. */
  readonly stretches: readonly Stretch[];
};

/** From so long ago until the next one: awake, frozen (its memory was kept), or neither; with so many compute units. */
export type Stretch = {
  readonly state: JournalState;
  readonly agoMs: number;
  readonly units: number;
  /** The one before ended in this one, without a stop. */
  readonly resized?: true;
};

/** Up to where a database is measured. */
export type Position = {
  readonly untilMs: number;
  /** null: not known, after a restart. */
  readonly monotonicMs: number | null;
  /** Which server answered; null when none did. */
  readonly startedAtMs: number | null;
  /** The newest sample; its sums go on as long as its slot lasts. */
  readonly sample: UsageSample | null;
};

export type Measured = {
  readonly samples: readonly UsageSample[];
  readonly position: Position;
  readonly gaps: readonly UsageGap[];
};

/** Length of a slot. One for an installation and for ever: slots of two lengths would overlap. */
export const slotMs = 60_000;

/** So many slots without a look are a gap, which is noted; in shorter ones nobody would look for anything. */
const gapSlots = 5;

/** Windows are final after this, so nothing older is filled in. */
export const finalAfterMs = 72 * 3_600_000;

/** A position read back from the ledger. `monotonicMs`: when it was, by this process's clock, as far as that is known. */
export const positionOf = (sample: UsageSample, monotonicMs: number | null): Position => ({
  untilMs: sample.untilMs,
  monotonicMs,
  startedAtMs: sample.serverStartedAtMs,
  sample,
});

/**
 * Files the time since the last reading under its slots. What is read now holds for that time: its size, its connections,
 * and being awake as far as it is proved (see `livedIn`). Pure.
 */
export function measure(
  instance: MeteredInstance,
  reading: Reading,
  before: Position | undefined,
  now: Moment,
  lengthMs: number = slotMs,
): Measured {
  const from = measuredFrom(before, reading, now);
  const { awake, frozen, unproved } = livedIn({ isReady: instance.phase === "Ready", from, before, reading, now });
  const samples: UsageSample[] = [];
  for (let slot = slotOf(from, lengthMs); slot < now.atMs; slot += lengthMs) {
    const sameSlot = before?.sample?.slotMs === slot ? before.sample : null;
    samples.push(extend(sameSlot, { instance, reading, slot, lengthMs, from, awake, frozen, untilMs: now.atMs }));
  }
  const position: Position = {
    untilMs: now.atMs,
    monotonicMs: now.monotonicMs,
    startedAtMs: reading.startedAtMs,
    sample: samples.at(-1) ?? before?.sample ?? null,
  };
  return {
    samples,
    position,
    gaps: gapsOf(instance.id, { before, from, now, unproved, longestMs: gapSlots * lengthMs }),
  };
}

type Unseen = {
  readonly before: Position | undefined;
  readonly from: number;
  readonly now: Moment;
  readonly unproved: readonly Span[];
  /** Longer ones are gaps. */
  readonly longestMs: number;
};

/** What nobody looked at since the last reading, and what became of it. */
function gapsOf(instance: string, { before, from, now, unproved, longestMs }: Unseen): UsageGap[] {
  const gap = (reason: GapReason, fromMs: number, toMs: number): UsageGap[] =>
    toMs - fromMs > longestMs
      ? [{ instance, meter: null, reason, fromMs: Math.round(fromMs), toMs: Math.round(toMs) }]
      : [];
  const crashed = unproved.flatMap((span) => gap("unproved", Math.max(from, span.from), span.to));
  if (before === undefined) return crashed;
  const skipped = now.atMs - from >= finalAfterMs ? "too-late" : "clock";
  return [
    ...gap(skipped, before.untilMs, from),
    ...gap("unwatched", Math.max(before.untilMs, from), now.atMs),
    ...crashed,
  ];
}

/** Never before what is measured already, and never longer ago than time has truly passed. */
function measuredFrom(before: Position | undefined, reading: Reading, now: Moment): number {
  if (before === undefined) {
    const noted = reading.stretches[0]?.agoMs ?? 0;
    return Math.max(now.atMs - Math.max(noted, ranFor(reading, now)), now.atMs - finalAfterMs);
  }
  const passed =
    before.monotonicMs === null ? Number.POSITIVE_INFINITY : Math.floor(now.monotonicMs - before.monotonicMs);
  const earliest = Math.max(now.atMs - passed, now.atMs - finalAfterMs);
  if (before.untilMs > now.atMs) return before.monotonicMs === null ? now.atMs : earliest;
  return Math.max(before.untilMs, earliest);
}

/** `units` of the journal; undefined where nobody noted any, and the most of the declaration count. */
type Span = { readonly from: number; readonly to: number; readonly units?: number };
type Spent = {
  readonly awake: readonly Span[];
  readonly frozen: readonly Span[];
  /** It was awake at the beginning, and nobody can say until when. */
  readonly unproved: readonly Span[];
};

type Lived = {
  readonly isReady: boolean;
  readonly from: number;
  readonly before: Position | undefined;
  readonly reading: Reading;
  readonly now: Moment;
};

/** When it was awake and when it was frozen between the last reading and this one. */
function livedIn({ isReady, from, before, reading, now }: Lived): Spent {
  const { stretches, startedAtMs } = reading;
  const byItself = () => (isReady ? spans(awakeFrom(from, before, reading, now), now.atMs) : []);
  if (stretches.length === 0) return { awake: byItself(), frozen: [], unproved: [] };
  const spent = { awake: [] as Span[], frozen: [] as Span[], unproved: [] as Span[] };
  stretches.forEach(({ state, agoMs, units }, i) => {
    if (state !== "awake" && state !== "frozen") return;
    const [begin, next] = [now.atMs - agoMs, stretches[i + 1]];
    const end = next === undefined ? now.atMs : now.atMs - next.agoMs;
    // whoever began anew, or is gone, without a word about the end had crashed: awake as long as somebody has seen it
    const beganAnew = next?.state === "awake" && state === "awake" && next.resized !== true;
    const crashed = next === undefined ? startedAtMs === null : beganAnew;
    const proved = crashed ? Math.min(end, before?.startedAtMs == null ? begin : before.untilMs) : end;
    spent[state].push(...spans(Math.max(from, begin), proved, units > 0 ? units : undefined));
    if (crashed && before?.startedAtMs !== null) spent.unproved.push(...spans(Math.max(from, proved), end));
  });
  const last = stretches.at(-1);
  // a disk that was full took no line: the server that runs says itself since when
  const silent = startedAtMs !== null && last !== undefined && last.state !== "awake" && last.state !== "frozen";
  if (silent)
    spent.awake.push(...byItself().flatMap(({ from: a, to }) => spans(Math.max(a, now.atMs - last.agoMs), to)));
  return spent;
}

const spans = (from: number, to: number, units?: number): readonly Span[] =>
  to > from ? [{ from, to, ...(units === undefined ? {} : { units }) }] : [];

const shared = ({ from, to }: Span, begin: number, end: number): number =>
  Math.max(0, Math.min(end, to) - Math.max(begin, from));
const overlap = (all: readonly Span[], begin: number, end: number): number =>
  all.reduce((sum, span) => sum + shared(span, begin, end), 0);
/** Milliseconds times the units that each of them had. */
const unitMs = (all: readonly Span[], begin: number, end: number, otherwise: number): number =>
  all.reduce((sum, span) => sum + Math.round(shared(span, begin, end)) * (span.units ?? otherwise), 0);

/**
 * The server that answered the last time and answers now was awake in between, whatever the clock did. Another one was
 * awake since it was started.
 */
function awakeFrom(from: number, before: Position | undefined, reading: Reading, now: Moment): number {
  if (reading.startedAtMs === null) return now.atMs;
  if (before?.startedAtMs === reading.startedAtMs) return from;
  return Math.max(from, now.atMs - ranFor(reading, now));
}

const ranFor = ({ startedAtMs }: Reading, { wallMs }: Moment): number =>
  startedAtMs === null ? 0 : Math.max(0, Math.floor(wallMs - startedAtMs));

type Part = {
  readonly instance: MeteredInstance;
  readonly reading: Reading;
  readonly slot: number;
  readonly lengthMs: number;
  readonly from: number;
  readonly awake: readonly Span[];
  readonly frozen: readonly Span[];
  readonly untilMs: number;
};

/** The sample of one slot, with the part of the stretch that lies in it added to what it held. */
function extend(
  held: UsageSample | null,
  { instance, reading, slot, lengthMs, from, awake, frozen, untilMs }: Part,
): UsageSample {
  const end = Math.min(slot + lengthMs, untilMs);
  const measuredMs = Math.max(0, end - Math.max(slot, from));
  const awakeMs = Math.round(overlap(awake, slot, end));
  const { compute, instances, replicas, branch } = instance.spec;
  const members = instances + replicas;
  const byteMs = BigInt(reading.storageBytes) * BigInt(measuredMs);
  const unitMsOf = (all: readonly Span[]) => members * unitMs(all, slot, end, compute.maxUnits);
  return {
    instance: instance.id,
    slotMs: slot,
    slotSeconds: lengthMs / 1000,
    untilMs: Math.max(end, held?.untilMs ?? 0),
    awakeMs: Math.min((held?.awakeMs ?? 0) + awakeMs, lengthMs),
    computeUnitMs: (held?.computeUnitMs ?? 0) + unitMsOf(awake),
    frozenUnitMs: (held?.frozenUnitMs ?? 0) + unitMsOf(frozen),
    storageByteMs: (held?.storageByteMs ?? 0n) + (branch === undefined ? byteMs : 0n),
    branchByteMs: (held?.branchByteMs ?? 0n) + (branch === undefined ? 0n : byteMs),
    backupByteMs: (held?.backupByteMs ?? 0n) + BigInt(Math.round(instance.backupBytes ?? 0)) * BigInt(measuredMs),
    connectionMs: (held?.connectionMs ?? 0) + reading.connections * awakeMs,
    computeUnits: members * (awake.at(-1)?.units ?? compute.maxUnits),
    storageBytes: reading.storageBytes,
    connections: reading.connections,
    serverStartedAtMs: reading.startedAtMs,
    commit: instance.commit,
  };
}

export const slotOf = (ms: number, lengthMs: number = slotMs): number => Math.floor(ms / lengthMs) * lengthMs;
