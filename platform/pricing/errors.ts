import { defineError } from "../core/index.ts";

export const badQuantity = defineError({
  code: "NEB500",
  status: 500,
  title: "Usage quantity cannot be rated",
  retry: false,
  hint: "A usage record holds a quantity that is no decimal number >= 0. Its key is in the message; correct the record.",
});

export const badPrice = defineError({
  code: "NEB501",
  status: 500,
  title: "Price book cannot be used",
  retry: false,
  hint: "Prices are whole micro-units >= 0 (1 USD = 1,000,000). Correct tenants/fleet/ and merge.",
});

export const badMonth = defineError({
  code: "NEB502",
  status: 422,
  title: "Not a month",
  retry: false,
  hint: "Write the month as YYYY-MM, for example 2026-05. Months begin and end at midnight UTC.",
});
