import { defineError } from "../core/index.ts";

export const stripeUnavailable = defineError({
  code: "NEB562",
  status: 502,
  title: "Payment service does not answer",
  retry: true,
  hint: "It is tried again, later and later. Nothing is lost: what is to be sent stands in the ledger.",
});

export const stripeRefused = defineError({
  code: "NEB563",
  status: 502,
  title: "Payment service refused a request",
  retry: false,
  hint: "The message says what it did not like. `nebula payments problems` lists what stands still because of it.",
});

export const stripeUnauthorized = defineError({
  code: "NEB564",
  status: 502,
  title: "Payment service does not accept our key",
  retry: false,
  hint: "Mount a valid secret or restricted key and set NEBULA_STRIPE_KEY_FILE; docs/payments.md lists what it must be allowed to do.",
});

export const eventForged = defineError({
  code: "NEB565",
  status: 400,
  title: "Webhook is not the payment service's",
  retry: false,
  hint: "Its signature or its time is wrong. Set NEBULA_STRIPE_WEBHOOK_SECRET_FILE to the secret of exactly this endpoint, and look at the clock.",
});

export const eventForeign = defineError({
  code: "NEB566",
  status: 400,
  title: "Webhook is for another account",
  retry: false,
  hint: "It is of another account than NEBULA_STRIPE_ACCOUNT, or of test mode where we are live, or the other way. Nothing was done.",
});

export const notPayable = defineError({
  code: "NEB567",
  status: 422,
  title: "Amount cannot be paid there",
  retry: false,
  hint: "The payment service has no such amount in that currency. Note the payment by hand: nebula invoice pay.",
});

export const paymentsOff = defineError({
  code: "NEB568",
  status: 404,
  title: "No payment service",
  retry: false,
  hint: "This installation takes no payments by itself: NEBULA_STRIPE_KEY_FILE is not set. docs/payments.md says how it is set up.",
});
