import { readGate } from "../../platform/compute/index.ts";
import type { KeeperContext } from "./keeper.ts";
import type { Slot } from "./slot.ts";

/** Reads from the machine how an instance is, unless a move is being made: what others did with it, or what a restart forgot. */
export async function lookAt(context: KeeperContext, slot: Slot): Promise<void> {
  const { dataDir, runner, clock, slots } = context;
  if (slot.move !== undefined) return;
  const [gate, seen] = await Promise.all([readGate(dataDir, slot.id), runner.observe(slot.id)]);
  if (slot.move !== undefined) return; // begun meanwhile: it knows better
  if (seen === undefined || gate === undefined) {
    // gone, or being made: its folder is there before its gate, which says when it sleeps; the next look finds it anew
    if (slot.sessions === 0 && slot.waiting === 0) slots.delete(slot.id);
    return;
  }
  slot.looked = seen.phase !== "Starting"; // what that becomes is seen soon, not with the next round
  const nowMs = clock.monotonicMs();
  const suspendAfterMs = (gate?.suspendAfterSeconds ?? 0) * 1000;
  if (suspendAfterMs !== slot.suspendAfterMs) {
    slot.suspendAfterMs = suspendAfterMs;
    slot.dueMs = slot.touchedMs + suspendAfterMs;
  }
  const before = slot.state;
  switch (seen.phase) {
    case "Ready":
      if (before === "awake") return;
      // somebody else brought it up: it gets its whole time
      slot.state = "awake";
      slot.socketPath = undefined;
      slot.touchedMs = nowMs;
      slot.dueMs = nowMs + suspendAfterMs;
      return;
    case "Frozen":
    case "Asleep": {
      const state = seen.phase === "Frozen" ? "frozen" : "asleep";
      if (before === state) return;
      slot.state = state;
      slot.generation += 1;
      slot.restingSinceMs = nowMs;
      return;
    }
    default:
      if (before !== "unknown") slot.generation += 1;
      slot.state = "unknown";
  }
}
