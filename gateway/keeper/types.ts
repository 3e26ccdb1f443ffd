import type { DatabaseId } from "../../platform/spec/index.ts";

export type WakePhases = {
  readonly kind: "start" | "thaw";
  /** Until the instance was begun with: behind other starts, or behind whoever was changing it. */
  readonly queuedMs: number;
  readonly startMs: number;
  readonly readyMs: number;
  /** Of its span; absent where nothing is traced. */
  readonly traceparent?: string;
};

export type Entered = {
  /** Accepts a session now. */
  readonly socketPath: string;
  /** Null: it was awake. */
  readonly wake: WakePhases | null;
  /** The client has sent something. Cheap. */
  touch(): void;
  /** The server has answered something. Cheap. */
  answered(): void;
  /** The session has ended, or never stood: then the instance is looked at anew before the next one is let in. */
  leave(): void;
  /**
   * Said when the server has taken the session: whether it is safe. False: drop it and enter again. Asked again later, it says whether
   * the instance has been awake since, and nobody has begun to suspend it.
   */
  confirm(): boolean;
};

export type KeeperState = "awake" | "frozen" | "asleep" | "waking" | "unknown";

/** From where somebody came. */
export type Reason = "direct" | "pooled" | "api" | "changes";

/**
 * Asked before an instance's processes stop, while new callers wait: shuts whatever way to its socket does not come past the keeper,
 * and says whether nobody is on it. False: the suspend is given up.
 */
export type Vacate = (id: DatabaseId) => Promise<boolean>;

export type Suspension = {
  /** Between two looks at who is idle. */
  readonly sweepMs: number;
  /** Frozen for so long, it is stopped. 0: it is stopped at once. */
  readonly stopAfterFrozenMs: number;
  /** Suspended at once. */
  readonly atOnce: number;
  /** A round over all instances: what others did with them is seen by then. */
  readonly lookAroundMs: number;
};
