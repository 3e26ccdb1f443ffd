import { asNebulaError } from "../../platform/core/index.ts";
import { parseQuantity } from "../../platform/pricing/index.ts";
import {
  beginPaymentUsage,
  duePaymentUsage,
  endPaymentUsage,
  getPaymentCustomer,
  getSetting,
  listRecords,
  type PaymentUsage,
  postponePaymentUsage,
  putPaymentUsage,
  putSetting,
  toldUsage,
  type UsageToTell,
} from "../../platform/store/index.ts";
import type { MeterMap } from "../../platform/stripe/index.ts";
import { installationOf, type Paying } from "./context.ts";
import { ensureCustomer, ensureSubscription } from "./customer.ts";
import { paymentDiffers } from "./errors.ts";

const [portion, readPortion] = [200, 5_000];
const hourMs = 3_600_000;
/** Older events are refused there (35 days). */
const tooLateMs = 34 * 24 * hourMs;
/** For so long the same identifier counts once there, surely; and sums are settled after so long. */
const knownForMs = 23 * hourMs;
const seqKey = "payments.usage-seq";

export type UsageTelling = Paying & { readonly meters: MeterMap; readonly prices: readonly string[] };

/** Usage as meter events, for people to look at there; never priced there. How many were told. */
export async function tellUsage(telling: UsageTelling): Promise<number> {
  if (Object.keys(telling.meters).length === 0) return 0;
  while (await collectRecords(telling));
  const due = await duePaymentUsage(telling.sql, new Date(telling.clock.now()), portion);
  let told = 0;
  for (const item of due) if (await tellOne(telling, item)) told++;
  return told;
}

/** From the records into the outbox, with how far they were read, in one transaction. Whether there may be more. */
async function collectRecords({ sql, meters, clock }: UsageTelling): Promise<boolean> {
  return sql.tx(async (tx) => {
    const known = await getSetting(tx, seqKey);
    const afterSeq = typeof known === "number" ? known : 0;
    const rows = await listRecords(tx, {}, { afterSeq, limit: readPortion });
    const last = rows.at(-1);
    if (last === undefined) return false;
    const sums = new Map<string, UsageToTell>();
    for (const { tenant, meter, windowStart, quantity } of rows) {
      if (!Object.hasOwn(meters, meter)) continue;
      const key = `${tenant}/${meter}/${windowStart.getTime()}`;
      const before = sums.get(key)?.millionths ?? 0n;
      sums.set(key, { tenant, meter, hour: windowStart, millionths: before + signed(quantity) });
    }
    await putPaymentUsage(tx, [...sums.values()], new Date(clock.now()));
    await putSetting(tx, seqKey, last.seq);
    return rows.length === readPortion;
  });
}

/** A correction may take away. */
const signed = (quantity: string): bigint =>
  quantity.startsWith("-") ? -parseQuantity(quantity.slice(1), "usage") : parseQuantity(quantity, "usage");

/** Whether it was told now. */
async function tellOne(telling: UsageTelling, item: PaymentUsage): Promise<boolean> {
  const { sql, stripe, clock } = telling;
  const nowMs = clock.now();
  const meter = telling.meters[item.meter];
  if (meter === undefined || nowMs - item.hour.getTime() > tooLateMs) {
    await endPaymentUsage(sql, item.id, "late", new Date(nowMs));
    return false;
  }
  try {
    const customer = await customerFor(telling, item.tenant);
    const isThere = await wasCounted(telling, item, { customer, meter: meter.meter });
    await beginPaymentUsage(sql, item.id, new Date(nowMs));
    if (!isThere) {
      // Inside its hour, whatever the part: the hour's sum there is what it is found again by.
      const at = new Date(item.hour.getTime() + Math.min(item.part, 3_599) * 1_000);
      const id = `${await installationOf(sql)}/${item.id}`.slice(-100);
      await stripe.usage.tell({ event: meter.event, customer, value: item.value, id, at });
    }
    await endPaymentUsage(sql, item.id, "told", new Date(clock.now()));
    return true;
  } catch (thrown) {
    const { code, message } = asNebulaError(thrown);
    const waitMs = Math.min(2 ** item.attempts, 240) * 60_000;
    await postponePaymentUsage(sql, item.id, new Date(nowMs + waitMs), `${code} ${message}`.slice(0, 300));
    return false;
  }
}

async function customerFor(telling: UsageTelling, tenant: string): Promise<string> {
  const known = (await getPaymentCustomer(telling.sql, tenant))?.customer ?? null;
  const customer = known ?? (await ensureCustomer(telling, { tenant, name: tenant, email: null })).id;
  await ensureSubscription(telling, tenant, telling.prices);
  return customer;
}

/**
 * Of one whose sending began and did not end: whether it was counted. Within a day it is simply sent again, and counts once; later, the
 * sum of its hour there tells. One part of an hour is under way at a time, so the sum is with it or without it.
 */
async function wasCounted(
  { sql, stripe, clock }: UsageTelling,
  item: PaymentUsage,
  { customer, meter }: { readonly customer: string; readonly meter: string },
): Promise<boolean> {
  if (item.state !== "begun" || item.beganAt === null || clock.now() - item.beganAt.getTime() < knownForMs)
    return false;
  const [told, counted] = [await toldUsage(sql, item), await stripe.usage.sum({ meter, customer, hour: item.hour })];
  if (counted === told + item.value) return true;
  if (counted === told) return false;
  throw paymentDiffers(
    `${item.id}: ${counted} are counted there in that hour, ${told} and perhaps ${item.value} were told`,
  );
}
