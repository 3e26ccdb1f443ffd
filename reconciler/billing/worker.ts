import { type Consumer, notePlans, type Pumped, pumpEvents, tryClose } from "../../platform/billing/index.ts";
import { type Clock, makeRepeat, type Observe, reportFault } from "../../platform/core/index.ts";
import { monthOf } from "../../platform/pricing/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { billableTenants, getSetting, putSetting, tenantsDigest } from "../../platform/store/index.ts";
import { finalMonths } from "./months.ts";

const everyMs = 60_000;
const idleMs = 3_600_000;
/** The first month that this installation bills: the one in which billing came to it. */
const sinceKey = "billing.since";
/** The first month that is not closed as a whole. */
const openKey = "billing.open";

export type PassReport = {
  readonly plans: number;
  readonly issued: number;
  readonly refused: number;
  readonly deliveries: Readonly<Record<string, Pumped>>;
};

export type BillingWorker = {
  start(): void;
  /** One pass now. */
  pass(): Promise<PassReport>;
  close(): Promise<void>;
};

export function makeBillingWorker(deps: {
  /** Of the holder of the lease alone: who has lost it closes nothing and begins no delivery. */
  readonly sql: Sql;
  readonly clock: Clock;
  readonly observe: Observe;
  /** Who is told, one after the other; what one refuses holds up none of the others. */
  readonly consumers: readonly Consumer[];
}): BillingWorker {
  const { sql, clock, observe, consumers } = deps;
  const idle = new Map<string, number>();
  let refusedBefore = 0;
  let noted: string | undefined;

  /** Only when what is declared of tenants is another: reading all of it each minute is for nothing on most days. */
  const noteChangedPlans = async (nowMs: number): Promise<number> => {
    const digest = await tenantsDigest(sql);
    if (digest === noted) return 0;
    const plans = await notePlans(sql, nowMs);
    noted = digest;
    return plans;
  };

  const pass = async (): Promise<PassReport> => {
    const nowMs = clock.now();
    const plans = await noteChangedPlans(nowMs);
    const closed = await closeDue({ sql, observe, idle }, nowMs);
    const deliveries: Record<string, Pumped> = {};
    for (const consumer of consumers) deliveries[consumer.name] = await pumpEvents(sql, consumer, () => clock.now());
    // What is refused is refused at every pass: said when it changes.
    if (closed.issued > 0 || closed.refused !== refusedBefore) observe({ kind: "billing.closed", ...closed });
    refusedBefore = closed.refused;
    for (const [consumer, { delivered, postponed }] of Object.entries(deliveries))
      if (delivered + postponed > 0) observe({ kind: "billing.told", consumer, delivered, postponed });
    return { plans, ...closed, deliveries };
  };
  const repeat = makeRepeat({ clock, everyMs, where: "billing.pass", observe }, pass);
  return { start: repeat.start, pass, close: repeat.close };
}

type Closing = {
  readonly sql: Sql;
  readonly observe: Observe;
  /** By tenant and month with nothing to bill, until when it is not looked at again: while another is refused the month comes back. */
  readonly idle: Map<string, number>;
};

/** Every tenant's months whose hours are final, oldest first. A month of which nobody was refused is not looked at again. */
async function closeDue(
  { sql, observe, idle }: Closing,
  nowMs: number,
): Promise<{ readonly issued: number; readonly refused: number }> {
  const since = await firstMonth(sql, nowMs);
  let open = await monthSetting(sql, openKey, since);
  let [issued, refused] = [0, 0];
  for (const month of finalMonths(open, nowMs)) {
    let refusedHere = 0;
    for (const tenant of await billableTenants(sql, month)) {
      const key = `${tenant}/${month}`;
      if (nowMs < (idle.get(key) ?? 0)) continue;
      const closed = await tryClose(sql, { tenant, month, nowMs });
      if (closed.kind === "issued") issued++;
      if (closed.kind === "nothing") idle.set(key, nowMs + idleMs);
      if (closed.kind !== "refused") continue;
      refusedHere++;
      if (closed.fault !== undefined) reportFault(observe, "billing.close", closed.fault, key);
    }
    refused += refusedHere;
    if (refusedHere === 0 && month === open) {
      open = nextMonth(month);
      await putSetting(sql, openKey, open);
      idle.clear();
    }
  }
  return { issued, refused };
}

async function firstMonth(sql: Sql, nowMs: number): Promise<string> {
  const known = await getSetting(sql, sinceKey);
  if (typeof known === "string") return known;
  const month = monthOf(nowMs);
  await putSetting(sql, sinceKey, month);
  return month;
}

async function monthSetting(sql: Sql, key: string, otherwise: string): Promise<string> {
  const value = await getSetting(sql, key);
  return typeof value === "string" && value >= otherwise ? value : otherwise;
}

const nextMonth = (month: string): string => {
  const [year = "1970", number = "01"] = month.split("-");
  return monthOf(Date.UTC(Number(year), Number(number), 1));
};
