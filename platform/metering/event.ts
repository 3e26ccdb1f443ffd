import { createHash } from "node:crypto";
import { z } from "zod";
import { isMeter, type Meter, parseQuantity, quantityText, type Telling } from "../pricing/index.ts";

/** A usage event as it was sent, understood. */
export type UsageEvent = {
  /** UUID of source and id: the same event has the same, whoever sends it and how often. */
  readonly key: string;
  readonly source: string;
  readonly id: string;
  readonly kind: Telling | "correction";
  /** tenant.project.database */
  readonly instance: string;
  readonly meter: Meter;
  readonly sinceMs: number | null;
  readonly atMs: number;
  /** Whole millionths; negative in corrections alone. */
  readonly micros: bigint;
  readonly epoch: string;
  readonly reason: string | null;
};

export type Parsed =
  | { readonly kind: "event"; readonly event: UsageEvent }
  | { readonly kind: "bad"; readonly id: string | null; readonly reason: string };

/** What `type` says is `dev.nebuladb.usage.<kind>.v1`. */
export const eventKinds = ["delta", "level", "counter", "correction"] as const;
export const typeOf = (kind: (typeof eventKinds)[number] | "record" | "gap"): string => `dev.nebuladb.usage.${kind}.v1`;

const namePart = "[a-z][a-z0-9-]{0,39}";
const subject = new RegExp(`^${namePart}/${namePart}/${namePart}$`);
/** What Postgres can keep as it is. */
const line = (most: number) =>
  z
    .string()
    .max(most)
    .refine((text) => text.isWellFormed() && !/\p{Cc}/u.test(text), "holds control characters");
const quantity = z.union([z.string().regex(/^-?\d{1,24}(\.\d{1,6})?$/, "is no decimal with six places"), z.int()]);
const time = z.iso.datetime({ offset: true });

const data = z.strictObject({
  meter: z
    .string()
    .refine(isMeter, "is no meter")
    .transform((name) => name as Meter),
  quantity,
  from: time.optional(),
  epoch: line(100).optional(),
  reason: line(500).min(3).optional(),
});

/** Attributes that we do not know are extensions, which the specification allows. */
const envelope = z.looseObject({
  specversion: z.literal("1.0"),
  id: line(200).min(1),
  source: line(300).min(1),
  type: z.enum(eventKinds.map(typeOf)),
  subject: z.string().regex(subject, "is not tenant/project/database"),
  time,
  datacontenttype: z.literal("application/json").optional(),
  data,
});

/** One event of a batch. Every problem of it is in `reason`. */
export function parseEvent(raw: unknown): Parsed {
  const parsed = envelope.safeParse(raw);
  if (!parsed.success) return { kind: "bad", id: idOf(raw), reason: parsed.error.issues.map(say).join("; ") };
  const { id, source, type, subject: place, time: at, data: said } = parsed.data;
  const kind = eventKinds.find((each) => typeOf(each) === type) ?? "delta";
  const bad = (reason: string): Parsed => ({ kind: "bad", id, reason });
  const micros = microsOf(said.quantity);
  const [sinceMs, atMs] = [said.from === undefined ? null : Date.parse(said.from), Date.parse(at)];
  if (micros < 0n && kind !== "correction") return bad("data.quantity: is negative, which only a correction may be");
  if (sinceMs !== null && kind !== "delta") return bad(`data.from: a ${kind} has none`);
  if (sinceMs !== null && sinceMs >= atMs) return bad("data.from: is not before time");
  if (said.epoch !== undefined && kind !== "counter") return bad(`data.epoch: a ${kind} has none`);
  if ((said.reason !== undefined) !== (kind === "correction"))
    return bad(kind === "correction" ? "data.reason: a correction says why" : `data.reason: a ${kind} has none`);
  if (micros === 0n && kind === "correction") return bad("data.quantity: corrects nothing");
  const { meter, epoch = "", reason = null } = said;
  const instance = place.replaceAll("/", ".");
  return {
    kind: "event",
    event: { key: eventKey(source, id), source, id, kind, instance, meter, sinceMs, atMs, micros, epoch, reason },
  };
}

/** The first 128 bits of a hash over both, in the form of a UUID of one's own making (version 8). */
export function eventKey(source: string, id: string): string {
  const hash = createHash("sha256")
    .update(JSON.stringify([source, id]))
    .digest("hex");
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
}

/** Signed decimal text of whole millionths. */
export const microsText = (micros: bigint): string =>
  micros < 0n ? `-${quantityText(-micros)}` : quantityText(micros);

function microsOf(value: string | number): bigint {
  const text = String(value);
  return text.startsWith("-") ? -parseQuantity(text.slice(1), "data.quantity") : parseQuantity(text, "data.quantity");
}

const idOf = (raw: unknown): string | null => {
  const id = (raw as { id?: unknown } | null)?.id;
  return typeof id === "string" ? id.slice(0, 200) : null;
};

const say = ({ path, message }: { readonly path: readonly PropertyKey[]; readonly message: string }): string =>
  `${path.map(String).join(".") || "event"}: ${message}`;
