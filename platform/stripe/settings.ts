import { z } from "zod";
import { badConfig, type Config, optional, type Secret, secret, text } from "../core/index.ts";

/** Our meters to Stripe's: the id by which its sums are read, and the name by which events reach it. */
export type MeterMap = Readonly<Record<string, { readonly meter: string; readonly event: string }>>;

export type StripeSettings = {
  readonly key: Secret;
  /** Whose payments these are; null: whosever key it is. */
  readonly account: string | null;
  /** Where it is asked. */
  readonly url: URL;
  readonly live: boolean;
  readonly meters: MeterMap;
  /** Prices of nothing that a customer subscribes to, so that what is told of usage is shown there. */
  readonly prices: readonly string[];
};

export const stripeFields = {
  NEBULA_STRIPE_KEY: optional(secret()),
  NEBULA_STRIPE_WEBHOOK_SECRET: optional(secret()),
  NEBULA_STRIPE_ACCOUNT: text(""),
  NEBULA_STRIPE_URL: text("https://api.stripe.com"),
  NEBULA_STRIPE_METERS: text("{}"),
  NEBULA_STRIPE_PRICES: text(""),
};

const meters = z.record(
  z.string().max(60),
  z.strictObject({ meter: z.string().regex(/^mtr_\w+$/), event: z.string().min(1).max(100) }),
);

/** undefined: no payments here. @throws NEB901 for what cannot be meant. */
export function stripeFrom(config: Config<typeof stripeFields>): StripeSettings | undefined {
  const key = config.NEBULA_STRIPE_KEY;
  if (key === undefined) return undefined;
  const [, mode] = /^(?:sk|rk)_(live|test)_\w{10,}$/.exec(key.reveal().trim()) ?? [];
  if (mode === undefined) throw badConfig("NEBULA_STRIPE_KEY is no secret or restricted key of Stripe's");
  const account = config.NEBULA_STRIPE_ACCOUNT;
  if (account !== "" && !/^acct_\w+$/.test(account)) throw badConfig("NEBULA_STRIPE_ACCOUNT is no acct_...");
  const url = URL.parse(config.NEBULA_STRIPE_URL);
  if (url === null || !/^https?:$/.test(url.protocol) || url.pathname !== "/" || url.username !== "")
    throw badConfig("NEBULA_STRIPE_URL is no address of a host");
  return {
    ...{ key, url, account: account === "" ? null : account, live: mode === "live" },
    meters: parseMeters(config.NEBULA_STRIPE_METERS),
    prices: config.NEBULA_STRIPE_PRICES.split(",").flatMap((one) => (one.trim() === "" ? [] : [one.trim()])),
  };
}

function parseMeters(said: string): MeterMap {
  try {
    return meters.parse(JSON.parse(said));
  } catch {
    throw badConfig('NEBULA_STRIPE_METERS is not as {"compute_unit_seconds":{"meter":"mtr_...","event":"..."}}');
  }
}
