import { defineError } from "../../platform/core/index.ts";

export const paymentDiffers = defineError({
  code: "NEB569",
  status: 409,
  title: "Payment service has another invoice",
  retry: false,
  hint: "Its amount, currency, customer or state is not ours, so nothing is collected or noted. Look at both; then void ours or mend it there.",
});

export const paidTwice = defineError({
  code: "NEB570",
  status: 409,
  title: "Paid twice",
  retry: false,
  hint: "It was noted as paid by hand and paid there as well. Refund one of them there.",
});

export const priceNotNothing = defineError({
  code: "NEB571",
  status: 409,
  title: "A price there is not nothing",
  retry: false,
  hint: "NEBULA_STRIPE_PRICES may name only prices of 0: usage is shown there and billed here.",
});
