import type { DatabaseId } from "../../platform/spec/index.ts";
import type { KeeperState, WakePhases } from "./types.ts";

/** What the keeper knows of one instance. Times are of the monotonic clock. */
export type Slot = {
  readonly id: DatabaseId;
  state: KeeperState;
  /** Where it accepts sessions, while it is awake. */
  socketPath: string | undefined;
  /** Grows whenever it may have stopped: a session that was begun under another number is not safe. */
  generation: number;
  /** The move that is being made. */
  move: Promise<void> | undefined;
  /** What the last wake was made of, and when it began. */
  wake: { readonly phases: WakePhases | null; readonly beganMs: number; readonly endedMs: number } | undefined;
  /** Callers that wait for it to be awake. */
  waiting: number;
  /** Sessions whose server has not taken them yet. */
  pending: number;
  sessions: number;
  /** Sessions whose client has spoken since their server did. */
  unanswered: number;
  touchedMs: number;
  /** From when on it is worth asking whether it is idle. */
  dueMs: number;
  restingSinceMs: number;
  /** Its gate was read, and how it is was seen: until then nobody knows when it sleeps. */
  looked: boolean;
  /** 0: never. */
  suspendAfterMs: number;
  /** A session that was let in did not come to stand. */
  doubtful: boolean;
};

export const makeSlot = (id: DatabaseId, nowMs: number): Slot => ({
  id,
  state: "unknown",
  ...{ socketPath: undefined, generation: 0, move: undefined, wake: undefined },
  ...{ waiting: 0, pending: 0, sessions: 0, unanswered: 0, doubtful: false },
  ...{ touchedMs: nowMs, dueMs: nowMs, restingSinceMs: nowMs, suspendAfterMs: 0, looked: false },
});

/** Whether anybody wants it, or has it: then it is not suspended. */
export const isWanted = (slot: Slot, sinceMs: number): boolean =>
  slot.waiting > 0 || slot.pending > 0 || slot.touchedMs >= sinceMs;
