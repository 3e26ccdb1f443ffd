import { systemClock } from "../../platform/core/index.ts";
import { makeStripe, stripeFrom } from "../../platform/stripe/index.ts";
import type { Payments } from "../api/index.ts";
import { publicUrlOf, type Settings } from "./settings.ts";

/** The payment service, by the settings that the reconciler has too. */
export function readPayments(config: Settings): Payments | null {
  const settings = stripeFrom(config);
  if (settings === undefined) return null;
  const { account, live } = settings;
  const webhookSecret = config.NEBULA_STRIPE_WEBHOOK_SECRET;
  return {
    stripe: makeStripe(settings, { clock: systemClock }),
    webhook: webhookSecret === undefined ? null : { secret: webhookSecret, account, live },
    returnUrl: publicUrlOf(config),
  };
}
