import type { DatabaseId, WebhookSpec } from "../../platform/spec/index.ts";

/** A receiver with a name that stays the same for its table and address. */
export type Webhook = WebhookSpec & { readonly id: string };

/** Asleep or not, a database by what its declaration says of changed rows. */
export type Listened = {
  readonly id: DatabaseId;
  readonly databaseName: string;
  readonly webhooks: readonly Webhook[];
  readonly realtime: readonly string[];
};

/** One message that is due. */
export type Due = {
  readonly webhook: string;
  readonly seq: string;
  /** Messages of one key go out one after the other; empty: the row has no primary key. */
  readonly key: string;
  /** The same for every attempt, and for a replay. */
  readonly messageId: string;
  readonly attempts: number;
  readonly ageMs: number;
  readonly body: string;
};

export type Change = {
  readonly seq: string;
  readonly op: "insert" | "update" | "delete" | "gap";
  /** As JSON and by column, unrounded; null: the table has no primary key, or the row could not be read. */
  readonly key: { readonly text: string; readonly values: Readonly<Record<string, string>> } | null;
  /** How many are missing, of a gap. */
  readonly lost: number;
};

export type DeliveryState = "waiting" | "delivered" | "dead" | "dropped";

export type DeliveryView = {
  readonly webhook: string;
  readonly seq: string;
  readonly messageId: string;
  readonly event: string;
  readonly key: Readonly<Record<string, unknown>> | null;
  readonly at: string;
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly dueAt: string | null;
  readonly status: number | null;
  readonly error: string | null;
};

export type WebhookView = {
  readonly id: string;
  readonly table: string;
  readonly events: readonly string[];
  readonly url: string;
  readonly waiting: number;
  readonly delivered: number;
  readonly dead: number;
};
