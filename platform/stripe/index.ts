/**
 * The only door to Stripe's library. Owns what of Stripe we ask for, its objects as ours, its failures as coded ones, the settings, and
 * whether a webhook is Stripe's and meant for us. Does not own what is asked when (reconciler/payments), nor any price: Stripe gets
 * rounded lines and never rates.
 *
 * 1. Each change carries an idempotency key made of what it is for. Stripe remembers a key for a day; whoever asks again later looks first.
 * 2. Objects of ours carry in their metadata which installation and which thing of ours they are, so that they can be found for ever.
 * 3. Only the configured host is asked, by the guarded fetch; the key leaves this room in no error and no log.
 */
export { type RemoteAmount, remoteAmount, smallestUnitMicros } from "./amounts.ts";
export {
  makeStripe,
  type RemoteCustomer,
  type RemoteInvoice,
  type RemoteLine,
  type Stripe,
  type StripeOptions,
  type Tags,
} from "./client.ts";
export * from "./errors.ts";
export { handledEvents, type StripeEvent, verifyEvent, type WebhookSettings } from "./events.ts";
export { type MeterMap, type StripeSettings, stripeFields, stripeFrom } from "./settings.ts";
