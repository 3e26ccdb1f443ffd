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

export const planUnpriced = defineError({
  code: "NEB535",
  status: 409,
  title: "Tenant cannot be billed",
  retry: false,
  hint: "Give the tenant's plan a price in tenants/fleet/prices.ts, or the tenant another plan in its tenant.ts, and merge.",
});

export const noPricesThen = defineError({
  code: "NEB536",
  status: 409,
  title: "No prices in force",
  retry: false,
  hint: "Add a version to tenants/fleet/prices.ts that is in force in that month. It changes no invoice that was issued.",
});

export const otherCurrency = defineError({
  code: "NEB537",
  status: 409,
  title: "Another currency",
  retry: false,
  hint: "Invoices and credits are never converted. Bring the currency of the price book back, or use the credits up first.",
});
