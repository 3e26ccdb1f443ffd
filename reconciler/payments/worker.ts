import { type Clock, makeRepeat, type Observe, reportFault } from "../../platform/core/index.ts";
import type { Pool, Sql } from "../../platform/sql/index.ts";
import {
  lastPaymentCheck,
  paymentsHappened,
  paymentsToLookAt,
  prunePaymentEvents,
  prunePaymentUsage,
} from "../../platform/store/index.ts";
import type { MeterMap, Stripe } from "../../platform/stripe/index.ts";
import { checkPayments } from "./check.ts";
import type { Paying } from "./context.ts";
import { dun } from "./dun.ts";
import type { DunningRules } from "./dunning.ts";
import { paymentDiffers } from "./errors.ts";
import { look, readInbox } from "./inbox.ts";
import { tellUsage } from "./usage.ts";

export type PaymentReport = {
  readonly events: number;
  readonly looked: number;
  readonly told: number;
  readonly standings: number;
  readonly checked: boolean;
};

export type PaymentWorker = {
  start(): void;
  /** One pass now. */
  pass(): Promise<PaymentReport>;
  close(): Promise<void>;
};

export type PaymentWorkerDeps = {
  readonly sql: Sql;
  /** So that what is told is acted on at once. */
  readonly listen?: Pool["listen"];
  readonly clock: Clock;
  readonly observe: Observe;
  readonly rules: DunningRules;
  /** null: no payment service; then only dates are looked at. */
  readonly service: {
    readonly stripe: Stripe;
    readonly account: string | null;
    readonly meters: MeterMap;
    readonly prices: readonly string[];
  } | null;
};

const everyMs = 30_000;
const dayMs = 86_400_000;
/** An invoice that nobody told us of for so long is asked for: webhooks get lost. */
const lookAfterMs = 6 * 3_600_000;
const mostLooks = 50;
/** Longer than the service replays a webhook, or takes a correction of usage. */
const keptDays = 100;

export function makePaymentWorker({ sql, listen, clock, observe, rules, service }: PaymentWorkerDeps): PaymentWorker {
  const paying: Paying | null = service === null ? null : { sql, clock, observe, stripe: service.stripe };
  let isOurs = service?.account == null;
  let deaf: Promise<() => Promise<unknown>> | undefined;
  let passing: Promise<PaymentReport> | undefined;

  /** @throws NEB569 when the key is of another account than the one that is named: then nothing is sent and nothing believed. */
  const demandAccount = async ({ stripe }: Paying): Promise<void> => {
    if (isOurs) return;
    const found = await stripe.accountId();
    if (found !== service?.account)
      throw paymentDiffers(`the key is of ${found}, NEBULA_STRIPE_ACCOUNT is ${service?.account}`);
    isOurs = true;
  };

  const round = async (): Promise<PaymentReport> => {
    const standings = await guarded("payments.dun", () => dun({ sql, clock, observe, rules }), 0);
    if (paying === null || service === null) return { events: 0, looked: 0, told: 0, standings, checked: false };
    await demandAccount(paying);
    const events = await guarded("payments.inbox", () => readInbox(paying), 0);
    const looked = await guarded("payments.look", () => lookAgain(paying), 0);
    const told = await guarded("payments.usage", () => tellUsage({ ...paying, ...service }), 0);
    const checked = await guarded("payments.check", () => checkDaily(paying), false);
    return { events, looked, told, standings, checked };
  };

  /** What fails is said, and the rest of the pass goes on. */
  const guarded = async <T>(where: string, body: () => Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await body();
    } catch (thrown) {
      reportFault(observe, where, thrown);
      return otherwise;
    }
  };

  const lookAgain = async (of: Paying): Promise<number> => {
    const due = await paymentsToLookAt(sql, new Date(clock.now() - lookAfterMs), mostLooks);
    const sent = due.flatMap(({ remote }) => remote ?? []);
    for (const remote of sent) await guarded("payments.look", () => look(of, remote), "unchanged");
    return sent.length;
  };

  const checkDaily = async (of: Paying): Promise<boolean> => {
    const last = await lastPaymentCheck(sql);
    if (last !== undefined && Math.abs(clock.now() - last.at.getTime()) < dayMs) return false;
    await checkPayments(of);
    const before = new Date(clock.now() - keptDays * dayMs);
    await Promise.all([prunePaymentEvents(sql, before), prunePaymentUsage(sql, before)]);
    return true;
  };

  const pass = (): Promise<PaymentReport> => {
    passing ??= round().finally(() => {
      passing = undefined;
    });
    return passing;
  };

  const repeat = makeRepeat({ clock, everyMs, where: "payments.pass", observe }, pass);
  return {
    pass,
    start() {
      repeat.start();
      deaf ??= listen?.(paymentsHappened, () => {
        pass().catch((thrown) => reportFault(observe, "payments.pass", thrown));
      });
      deaf?.catch((thrown) => reportFault(observe, "payments.listen", thrown));
    },
    async close() {
      await (await deaf?.catch(() => undefined))?.();
      await repeat.close();
      await passing?.catch(() => undefined);
    },
  };
}
