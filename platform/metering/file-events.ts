import { type Meter, meters } from "../pricing/index.ts";
import type { Sql } from "../sql/index.ts";
import {
  fileParts,
  holdSeries,
  putReadings,
  type Reading,
  readReadings,
  replaceGaps,
  type Series,
  type SeriesSpan,
  type UsedPart,
} from "../store/index.ts";
import type { UsageEvent } from "./event.ts";
import { difference, type Part, spread, worthOf } from "./spread.ts";

type New = { readonly event: UsageEvent; readonly commit: string | null };

/** Files what is new, in the transaction that keeps it. */
export async function fileEvents(tx: Sql, fresh: readonly New[]): Promise<void> {
  const deltas = fresh.filter(({ event }) => event.kind === "delta").flatMap(partsOfDelta);
  const readings = await fileReadings(tx, fresh.flatMap(readingOf));
  await fileParts(tx, [...deltas, ...readings]);
}

function partsOfDelta({ event, commit }: New): UsedPart[] {
  const amount = event.micros * meters[event.meter].grain;
  return spread(amount, event.sinceMs ?? event.atMs, event.atMs).map((part) =>
    toUsed({ ...part, commit }, event.instance, event.meter),
  );
}

const toUsed = ({ hourMs, commit, amount }: Part, instance: string, meter: Meter): UsedPart => ({
  ...{ instance, meter, atMs: hourMs, commit, micros: amount },
  grain: Number(meters[meter].grain),
});

function readingOf({ event, commit }: New): Reading[] {
  const { kind, instance, meter, atMs, micros, epoch, key } = event;
  if (kind !== "level" && kind !== "counter") return [];
  const source = kind === "counter" ? event.source : "";
  return [{ kind, instance, meter, source, atMs, micros, epoch, commit, event: key }];
}

/** What readings change is what their series are worth with them and without them. */
async function fileReadings(tx: Sql, readings: readonly Reading[]): Promise<UsedPart[]> {
  if (readings.length === 0) return [];
  const spans = [...bySeries(readings).values()].flatMap((all): SeriesSpan[] => {
    const [first] = all;
    const moments = all.map(({ atMs }) => atMs);
    if (first === undefined) return [];
    const { instance, meter, source } = first;
    return [{ instance, meter, source, fromMs: Math.min(...moments), toMs: Math.max(...moments) }];
  });
  await holdSeries(tx, spans);
  const before = bySeries(await readReadings(tx, spans));
  await putReadings(tx, readings);
  const after = bySeries(await readReadings(tx, spans));
  const parts: UsedPart[] = [];
  for (const of of spans) {
    const meter = of.meter as Meter;
    const worth = (all: ReturnType<typeof bySeries>) => worthOf(all.get(keyOf(of)) ?? [], meters[meter].grain);
    const [now, then] = [worth(after), worth(before)];
    parts.push(...difference(now.parts, then.parts).map((part) => toUsed(part, of.instance, meter)));
    if (now.gaps.length + then.gaps.length > 0) await replaceGaps(tx, of, then.gaps, now.gaps);
  }
  return parts;
}

const keyOf = ({ instance, meter, source }: Series): string => `${instance}/${meter}/${source}`;
const bySeries = (readings: readonly Reading[]) => Map.groupBy(readings, keyOf);
