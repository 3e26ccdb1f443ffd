import type { Clock } from "../../platform/core/index.ts";

/** One moment of metering. */
export type Moment = {
  /** Metering time: what samples are filed under. */
  readonly atMs: number;
  /** Monotonic time: what durations are measured with. */
  readonly monotonicMs: number;
  /** The machine's clock, for comparing with times that the machine wrote. */
  readonly wallMs: number;
};

/** A backward step up to this is followed at once; sampling a slot twice is harmless. */
const followedStepMs = 2_000;
/** A clock that was further ahead than this was wrong: its time is not kept up. */
export const farAheadMs = 24 * 3_600_000;

/**
 * Metering time: the machine's clock, made fit for adding up.
 *
 * 1. It goes forward with the clock, steps and suspends included: no time passed for anybody, so none is missing.
 * 2. When the clock steps back it goes on at the monotonic rate until the clock has caught up: the hour that is lived twice
 *    is filed once, and the seconds after it go where nothing stands yet.
 * 3. A clock that was more than a day ahead is not followed into the future a second time.
 *
 * @param startMs the end of what was measured before, so that a restart does not go back either.
 */
export function makeTimeline(clock: Clock, startMs: number): () => Moment {
  const wallMs = clock.now();
  let last: Moment = {
    atMs: startMs - wallMs > farAheadMs ? wallMs : Math.max(wallMs, startMs),
    monotonicMs: clock.monotonicMs(),
    wallMs,
  };
  return () => {
    last = next(last, clock.now(), clock.monotonicMs());
    return last;
  };
}

function next(last: Moment, wallMs: number, monotonicMs: number): Moment {
  const running = last.atMs + Math.max(0, monotonicMs - last.monotonicMs);
  const behind = running - wallMs;
  const atMs = behind > farAheadMs ? wallMs : behind > followedStepMs ? running : Math.max(last.atMs, wallMs);
  return { atMs: Math.round(atMs), monotonicMs, wallMs };
}
