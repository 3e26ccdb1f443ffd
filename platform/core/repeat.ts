import { type Clock, systemClock } from "./clock.ts";
import type { Observe } from "./observations.ts";
import { reportFault } from "./report-fault.ts";
import { outsideSpans } from "./tracing/index.ts";

/** Something that is done at once and then again and again, one turn after the other. */
export type Repeat = {
  /** Aborted when it closes: a long turn looks at it. */
  readonly signal: AbortSignal;
  /** The second time does nothing. */
  start(): void;
  /** Begins no further turn, and waits for the one that runs. */
  close(): Promise<void>;
};

type RepeatOptions = {
  readonly clock?: Clock;
  /** From the end of a turn to the beginning of the next. */
  readonly everyMs: number | (() => number);
  /** What its faults are reported under. */
  readonly where: string;
  readonly observe: Observe;
};

/** A turn that throws is reported, and the next one comes all the same. */
export function makeRepeat(
  { clock = systemClock, everyMs, where, observe }: RepeatOptions,
  turn: () => Promise<unknown>,
): Repeat {
  const stopping = new AbortController();
  const { signal } = stopping;
  let loop: Promise<void> | undefined;

  const repeat = async (): Promise<void> => {
    while (!signal.aborted) {
      await turn().catch((thrown) => reportFault(observe, where, thrown));
      await clock.sleep(typeof everyMs === "number" ? everyMs : everyMs(), signal);
    }
  };

  return {
    signal,
    start: () => {
      loop ??= outsideSpans(repeat);
    },
    close: async () => {
      stopping.abort();
      await loop;
    },
  };
}
