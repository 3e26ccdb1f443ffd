import { gatesIn } from "../../platform/compute/index.ts";
import { makeRepeat } from "../../platform/core/index.ts";
import type { KeeperContext } from "./keeper.ts";
import { lookAt } from "./look.ts";
import { makeSlot, type Slot } from "./slot.ts";
import type { Suspend } from "./suspend.ts";

/**
 * Looks again and again who is idle for long enough, who has been frozen for long enough, and what others did.
 *
 * 1. So many suspends at once and no more; who is due longest goes first, so that nobody is forgotten in a storm.
 * 2. A round over all instances is spread over its time: a thousand sleepers cost no burst.
 */
export function makeSweep(context: KeeperContext, suspend: Suspend) {
  const { clock, observe, slots, suspension, pressed, report, dataDir } = context;
  const { sweepMs, atOnce, stopAfterFrozenMs, lookAroundMs } = suspension;
  let running = 0;
  let around: Iterator<Slot> = [][Symbol.iterator]();
  let knownMs = clock.monotonicMs();
  /** How many of the round are to be looked at by now. */
  let owed = 0;

  const due = (): readonly (readonly [Slot, (slot: Slot) => Promise<void>])[] => {
    const nowMs = clock.monotonicMs();
    const tight = pressed();
    const still = [...slots.values()].filter((slot) => slot.move === undefined && slot.waiting + slot.pending === 0);
    const idle = still.filter((slot) => slot.state === "awake" && slot.suspendAfterMs > 0 && dueAt(slot) <= nowMs);
    const frozen = still.filter(
      (slot) => slot.state === "frozen" && (tight || nowMs - slot.restingSinceMs >= stopAfterFrozenMs),
    );
    return [
      ...idle.sort((a, b) => dueAt(a) - dueAt(b)).map((slot) => [slot, suspend.rest] as const),
      ...frozen.sort((a, b) => a.restingSinceMs - b.restingSinceMs).map((slot) => [slot, suspend.stop] as const),
    ];
  };

  const fill = (): void => {
    if (rounds.signal.aborted) return;
    for (const [slot, move] of due().slice(0, Math.max(0, atOnce - running))) {
      running += 1;
      void move(slot).finally(() => {
        running -= 1;
        queueMicrotask(fill);
      });
    }
  };

  /** Those that are not known yet, and then some of the known ones. */
  const look = async (): Promise<void> => {
    const nowMs = clock.monotonicMs();
    owed = Math.min(slots.size, owed + (slots.size * (nowMs - knownMs)) / lookAroundMs);
    knownMs = nowMs;
    for (const id of await gatesIn(dataDir)) {
      const known = slots.get(id);
      if (known?.looked) continue;
      const fresh = known ?? makeSlot(id, nowMs); // known without a look: somebody connected before
      slots.set(id, fresh);
      await lookAt(context, fresh).catch((thrown) => report("look", id, thrown));
    }
    for (; owed >= 1 && !rounds.signal.aborted; owed--) {
      const slot = nextAround();
      if (slot !== undefined) await lookAt(context, slot).catch((thrown) => report("look", slot.id, thrown));
    }
  };

  /** A round that is over begins anew at once: a look that is owed is spent on somebody. */
  const nextAround = (): Slot | undefined => {
    const next = around.next();
    if (next.done !== true) return next.value;
    around = [...slots.values()][Symbol.iterator]();
    return around.next().value;
  };

  const rounds = makeRepeat({ clock, everyMs: sweepMs, where: "keeper.sweep", observe }, async () => {
    await look().catch(() => undefined);
    fill();
  });
  return { start: rounds.start, close: rounds.close };
}

const dueAt = (slot: Slot): number => Math.max(slot.dueMs, slot.touchedMs + slot.suspendAfterMs);
