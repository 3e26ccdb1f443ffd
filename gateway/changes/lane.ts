import { outsideSpans } from "../../platform/core/index.ts";

/** Work that is asked for again and again and never done twice at once: asked for while it is done, it is done once more. */
export type Lane = {
  nudge(): void;
  /** As a nudge, once that time is over, unless another time is named before. */
  later(afterMs: number): void;
  /** Neither at work nor waiting to try again what failed. */
  isIdle(): boolean;
  close(): Promise<void>;
};

const longestMs = 3_600_000;
const longestAfterFaultMs = 600_000;

export function makeLane(body: () => Promise<void>, onFault: (thrown: unknown) => void): Lane {
  let isWanted = false;
  let isClosed = false;
  let failures = 0;
  let working: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;

  const nudge = (): void => {
    if (isClosed) return;
    isWanted = true;
    // Many ask for it, and it goes on after them: it belongs to no request.
    working ??= outsideSpans(work).finally(() => {
      working = undefined;
      if (isWanted && failures === 0) nudge();
    });
  };

  const later = (afterMs: number): void => {
    clearTimeout(timer);
    if (!isClosed) timer = setTimeout(nudge, Math.min(longestMs, Math.max(10, afterMs))).unref();
  };

  const work = async (): Promise<void> => {
    try {
      while (isWanted && !isClosed) {
        isWanted = false;
        await body();
      }
      failures = 0;
    } catch (thrown) {
      failures += 1;
      if (isClosed) return;
      onFault(thrown);
      later(Math.min(longestAfterFaultMs, 1000 * 2 ** Math.min(failures, 10)));
    }
  };

  return {
    nudge,
    later,
    isIdle: () => working === undefined && failures === 0,
    async close() {
      isClosed = true;
      clearTimeout(timer);
      await working;
    },
  };
}
