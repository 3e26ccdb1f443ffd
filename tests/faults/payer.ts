/**
 * A sender to be killed: brings what is told of invoices to a payment service that outlives it. Without the guard it does not ask there
 * what is there already.
 */
import { pumpEvents } from "../../platform/billing/index.ts";
import { ignoreObservations, Secret } from "../../platform/core/index.ts";
import { makePool } from "../../platform/sql/index.ts";
import { makeStripe, type Stripe } from "../../platform/stripe/index.ts";
import { stripeConsumer } from "../../reconciler/payments/index.ts";

export type Sender = {
  readonly url: string;
  readonly stripeUrl: string;
  readonly key: string;
  readonly nowMs: number;
  readonly guarded: boolean;
};

const { url, stripeUrl, key, nowMs, guarded } = JSON.parse(process.argv[2] ?? "{}") as Sender;
const clock = { now: () => nowMs, monotonicMs: () => nowMs, sleep: async () => undefined };
const sql = makePool({ url: new Secret(url), max: 2, applicationName: "payer" });
const settings = { key: new Secret(key), account: null, url: new URL(stripeUrl), live: false, meters: {}, prices: [] };
const stripe = makeStripe(settings, { clock });

/** It finds nothing, whatever is there. */
const blind: Stripe = {
  ...stripe,
  customers: { ...stripe.customers, find: async () => [] },
  invoices: { ...stripe.invoices, list: async () => [], read: async () => undefined },
};

const paying = { sql, stripe: guarded ? stripe : blind, clock, observe: ignoreObservations };
await pumpEvents(sql, stripeConsumer(paying), clock.now);
await sql.close();
process.disconnect?.();
