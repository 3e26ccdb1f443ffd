import { z } from "zod";
import type { Secret } from "../core/index.ts";
import { eventForeign, eventForged } from "./errors.ts";

/** What Stripe tells, as far as we read it: that something happened to something. How it stands is asked there. */
export type StripeEvent = {
  readonly id: string;
  readonly type: string;
  /** The id of what it is about; of a charge or a dispute that of its own. */
  readonly object: string;
  readonly createdAt: Date;
};

export type WebhookSettings = {
  readonly secret: Secret;
  readonly account: string | null;
  readonly live: boolean;
};

/** Types that set something off; others are taken and left. */
export const handledEvents: readonly string[] = [
  "invoice.finalized",
  "invoice.paid",
  "invoice.payment_succeeded",
  "invoice.payment_failed",
  "invoice.payment_action_required",
  "invoice.finalization_failed",
  "invoice.overdue",
  "invoice.voided",
  "invoice.marked_uncollectible",
  "invoice.deleted",
  "invoice.updated",
  "credit_note.created",
  "customer.deleted",
];

/** How old a signature may be: a recorded request is worth nothing later. */
const toleranceSeconds = 300;

const event = z.object({
  id: z.string().regex(/^evt_\w{1,250}$/),
  object: z.literal("event"),
  type: z.string().min(1).max(100),
  created: z.int().min(0),
  livemode: z.boolean(),
  account: z.string().optional(),
  data: z.object({ object: z.object({ id: z.string().max(255), invoice: z.unknown() }).partial() }),
});

/**
 * @param body the bytes as they came: a signature is over those.
 * @throws NEB565 when it is not Stripe's or too old, NEB566 when it is for another account or mode
 */
export async function verifyEvent(
  body: Buffer,
  signature: string | undefined,
  { secret, account, live }: WebhookSettings,
  nowMs: number,
): Promise<StripeEvent> {
  const parsed = event.safeParse(await verified(body, signature, secret, nowMs));
  if (!parsed.success) throw eventForged("it is signed, and is no event");
  const { id, type, created, livemode, account: of, data } = parsed.data;
  if (livemode !== live) throw eventForeign(`it is of ${livemode ? "live" : "test"} mode`);
  if (of !== undefined && of !== account) throw eventForeign(`it is of ${of}`);
  const about = type.startsWith("credit_note.") ? data.object.invoice : data.object.id;
  return { id, type, object: typeof about === "string" ? about : "", createdAt: new Date(created * 1000) };
}

async function verified(body: Buffer, signature: string | undefined, secret: Secret, nowMs: number): Promise<unknown> {
  if (signature === undefined || signature === "") throw eventForged("it has no signature");
  // Read when the first webhook comes: it is large, and most installations take none.
  const { webhooks } = (await import("stripe")).default;
  try {
    return webhooks.constructEvent(body, signature, secret.reveal().trim(), toleranceSeconds, undefined, nowMs);
  } catch {
    // What the library says of it quotes what came; whoever sent it learns only that it was refused.
    throw eventForged("its signature or its time is wrong");
  }
}
