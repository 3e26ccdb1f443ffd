import type { Consumer } from "../../platform/billing/index.ts";
import { bring } from "./bring.ts";
import type { Paying } from "./context.ts";

/**
 * Told of what happened to invoices: each time the invoice as it stands now is brought in line there, so that the order in which that is
 * told, and how often, does not matter. Whether something was done already is asked there by `bring` itself, step by step.
 */
export const stripeConsumer = (paying: Paying): Consumer => ({
  name: "stripe",
  send: ({ invoice }) => bring(paying, invoice),
});
