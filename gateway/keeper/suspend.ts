import type { Activity } from "../../platform/compute/index.ts";
import type { Clock } from "../../platform/core/index.ts";
import type { KeeperContext } from "./keeper.ts";
import { isWanted, type Slot } from "./slot.ts";
import type { Wake } from "./wake.ts";

export type Suspend = {
  /** Freezes (or stops) an instance if nobody uses it; else says when it is worth asking again. */
  rest(slot: Slot): Promise<void>;
  /** Stops one that is frozen. */
  stop(slot: Slot): Promise<void>;
};

export function makeSuspend(context: KeeperContext, wake: Wake): Suspend {
  const { runner, clock, vacate, observe, report, suspension } = context;

  /** The server's word that nobody uses it; else when to ask again. */
  const isIdle = async (slot: Slot): Promise<boolean> => {
    const activity = await runner.activity(slot.id);
    const left = activity === undefined ? againAfter(slot) : leftMs(activity, slot, clock);
    if (left > 0) slot.dueMs = clock.monotonicMs() + left;
    return left <= 0;
  };

  const freeze = async (slot: Slot, beganMs: number): Promise<void> => {
    const wanted = () => isWanted(slot, beganMs);
    if (!(await isIdle(slot)) || wanted()) return;
    if (vacate !== undefined) {
      // asked once more after that: a session may have come this way before it was shut
      if (!(await vacate(slot.id)) || !(await isIdle(slot)) || wanted()) return;
    }
    const { phase } =
      suspension.stopAfterFrozenMs > 0 && !context.pressed()
        ? await runner.freeze(slot.id, wanted)
        : await runner.sleep(slot.id, wanted);
    if (phase === "Frozen" || phase === "Asleep") settle(slot, phase);
  };

  const settle = (slot: Slot, phase: "Frozen" | "Asleep") => {
    slot.generation += 1;
    slot.state = phase === "Frozen" ? "frozen" : "asleep";
    slot.restingSinceMs = clock.monotonicMs();
    const { id, sessions } = slot;
    observe({
      kind: "instance.suspended",
      instance: id,
      depth: slot.state === "frozen" ? "frozen" : "asleep",
      sessions,
    });
  };

  const moving = (slot: Slot, body: (beganMs: number) => Promise<void>): Promise<void> => {
    const beganMs = clock.monotonicMs();
    const move = body(beganMs)
      .catch((thrown) => {
        report("suspend", slot.id, thrown);
        slot.doubtful = true; // half-way: the next one who comes has it looked at
      })
      .finally(() => {
        slot.move = undefined;
        if (slot.state === "awake") slot.dueMs = Math.max(slot.dueMs, clock.monotonicMs() + againAfter(slot));
        // who came or spoke while it was too late to call it off
        if (slot.state === "frozen" && isWanted(slot, beganMs)) void wake(slot).catch(() => undefined);
      });
    slot.move = move;
    return move;
  };

  return {
    rest: (slot) => moving(slot, (beganMs) => freeze(slot, beganMs)),
    stop: (slot) =>
      moving(slot, async (beganMs) => {
        const { phase } = await runner.sleep(slot.id, () => isWanted(slot, beganMs));
        if (phase === "Asleep") settle(slot, phase);
      }),
  };
}

/** How long it must still be left alone, by what its server says; never 0 while anything but time is in the way. */
function leftMs(activity: Activity, slot: Slot, clock: Clock): number {
  const { busy, replication, baseBackups, maintenance, idleMs } = activity;
  if (isUnheard(slot, clock)) return againAfter(slot);
  if (busy + replication + baseBackups + maintenance > 0) return againAfter(slot);
  return idleMs === null ? 0 : slot.suspendAfterMs - idleMs;
}

/**
 * Whether a client may have said something that its server has not yet begun with: on a machine that is busy the bytes may lie there for
 * a while, and a server that is frozen with them unread would keep its client waiting, who has no reason to say more. The server's own
 * clock does not tell, since a client speaks within a fraction of a millisecond of what it heard. Not all that is said has an answer;
 * so after a while it counts as heard.
 */
const isUnheard = ({ unanswered, touchedMs }: Slot, clock: Clock): boolean =>
  unanswered > 0 && clock.monotonicMs() - touchedMs < unheardMs;

const unheardMs = 10_000;

/** When to ask again, where something other than time keeps it awake. */
const againAfter = ({ suspendAfterMs }: Slot): number => Math.min(5_000, Math.max(10, suspendAfterMs));
