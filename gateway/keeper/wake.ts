import type { LimitFunction } from "p-limit";
import type { KeeperContext } from "./keeper.ts";
import type { Slot } from "./slot.ts";
import { beginWakeTrace } from "./wake-trace.ts";

export type Wake = (slot: Slot) => Promise<void>;

/** Brings an instance to where it accepts sessions. The caller has seen that no move is being made; everybody waits for this one. */
export function makeWake(context: KeeperContext, limit: LimitFunction): Wake {
  const { runner, clock } = context;
  const bring = async (slot: Slot): Promise<void> => {
    const beganMs = clock.monotonicMs();
    const trace = beginWakeTrace(context, slot.id);
    const before = slot.state;
    // one that is frozen is no start: it waits behind none
    const waking = before === "frozen" ? runner.wake(slot.id) : limit(() => runner.wake(slot.id));
    const woken = await waking.catch((thrown: unknown) => trace.failed(thrown, beganMs));
    const endedMs = clock.monotonicMs();
    const { kind, queuedMs, startMs, readyMs, socketPath } = woken;
    if (kind !== "none" || socketPath !== slot.socketPath) slot.generation += 1;
    const phases = kind === "none" ? null : { kind, queuedMs, startMs, readyMs };
    slot.wake = { phases: phases && { ...phases, ...(await trace.woke(phases, beganMs)) }, beganMs, endedMs };
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
        slot.looked = false; // the next look is soon, not with the round: what runs and is not known to would never sleep
        throw thrown;
      })
      .finally(() => {
        slot.move = undefined;
      });
    slot.move.catch(() => undefined); // who waits for it hears of it
    return slot.move;
  };
}
