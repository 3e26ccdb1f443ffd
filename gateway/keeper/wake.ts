import type { LimitFunction } from "p-limit";
import type { KeeperContext } from "./keeper.ts";
import type { Slot } from "./slot.ts";

export type Wake = (slot: Slot) => Promise<void>;

/** Brings an instance to where it accepts sessions. The caller has seen that no move is being made; everybody waits for this one. */
export function makeWake({ runner, clock }: KeeperContext, limit: LimitFunction): Wake {
  const bring = async (slot: Slot): Promise<void> => {
    const beganMs = clock.monotonicMs();
    const before = slot.state;
    // one that is frozen is no start: it waits behind none
    const woken = before === "frozen" ? await runner.wake(slot.id) : await limit(() => runner.wake(slot.id));
    const endedMs = clock.monotonicMs();
    const { kind, queuedMs, startMs, readyMs, socketPath } = woken;
    if (kind !== "none" || socketPath !== slot.socketPath) slot.generation += 1;
    slot.wake = {
      phases: kind === "none" ? null : { kind, queuedMs, startMs, readyMs },
      ...{ beganMs, endedMs },
    };
    slot.socketPath = socketPath;
    slot.touchedMs = endedMs;
    slot.dueMs = endedMs + slot.suspendAfterMs;
    slot.state = "awake";
  };
  return (slot) => {
    const before = slot.state;
    slot.doubtful = false;
    slot.state = "waking";
    slot.move = bring(slot)
      .catch((thrown) => {
        slot.state = before === "awake" ? "unknown" : before;
        throw thrown;
      })
      .finally(() => {
        slot.move = undefined;
      });
    slot.move.catch(() => undefined); // who waits for it hears of it
    return slot.move;
  };
}
