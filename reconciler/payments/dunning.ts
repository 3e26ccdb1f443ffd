import type { Owed, PaymentStanding } from "../../platform/store/index.ts";

export type DunningRules = {
  /** After an invoice is due, until databases are paused. */
  readonly graceDays: number;
  /** Whether they ever are. */
  readonly suspends: boolean;
};

/** How a tenant stands, and what is to be said of it now. */
export type Dunning = {
  readonly standing: Omit<PaymentStanding, "tenant">;
  /** The invoice that it is about: the oldest that is overdue. */
  readonly owed: Owed | null;
  /** When it is suspended if nothing is paid; null: never, or it is. */
  readonly suspendedAt: Date | null;
  readonly say: "nothing" | "reminder" | "suspended" | "settled";
};

const dayMs = 86_400_000;
/** Days after it was due on which somebody is told again; those within the grace time. */
const remindAfterDays = [0, 3, 7, 14, 21, 28];
/** Nobody is suspended who was not warned for so long: also not for what was overdue before anybody looked. */
const warnDays = 3;

/**
 * How a tenant stands with what it owes, by dates alone: overdue, in grace where it will be suspended, suspended, or good again. A reminder
 * is told once for each step of an invoice; who was not looked at for a while is told of the last one only. Pure.
 */
export function standingOf(
  owed: readonly Owed[],
  before: Pick<PaymentStanding, "state" | "since" | "invoice" | "reminders"> | undefined,
  { graceDays, suspends }: DunningRules,
  nowMs: number,
): Dunning {
  const [oldest] = owed
    .filter(({ dueAt }) => dueAt.getTime() <= nowMs)
    .sort((a, b) => a.dueAt.getTime() - b.dueAt.getTime());
  const since = (state: PaymentStanding["state"]) => (before?.state === state ? before.since : new Date(nowMs));
  if (oldest === undefined) {
    const say = before !== undefined && before.state !== "good" ? "settled" : "nothing";
    return {
      standing: { state: "good", since: since("good"), invoice: null, reminders: 0 },
      owed: null,
      suspendedAt: null,
      say,
    };
  }
  const lateMs = nowMs - oldest.dueAt.getTime();
  const warnMs = Math.min(graceDays, warnDays) * dayMs;
  const isWarned =
    before?.state === "suspended" ||
    (before?.state === "grace" && before.invoice === oldest.id && nowMs - before.since.getTime() >= warnMs);
  const isOver = suspends && lateMs >= graceDays * dayMs && isWarned;
  const state = isOver ? "suspended" : suspends ? "grace" : "overdue";
  const steps = remindAfterDays.filter((days) => lateMs >= days * dayMs && (!suspends || days < graceDays)).length;
  const known = before?.invoice === oldest.id ? before.reminders : 0;
  const isNewlyOver = isOver && (before?.state !== "suspended" || before.invoice !== oldest.id);
  return {
    standing: { state, since: since(state), invoice: oldest.id, reminders: Math.max(steps, known) },
    owed: oldest,
    suspendedAt:
      suspends && !isOver
        ? new Date(Math.max(oldest.dueAt.getTime() + graceDays * dayMs, since(state).getTime() + warnMs))
        : null,
    say: isNewlyOver ? "suspended" : !isOver && steps > known ? "reminder" : "nothing",
  };
}
