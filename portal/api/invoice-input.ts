import { z } from "zod";
import { oneLine } from "../../platform/spec/index.ts";

/** Stands on invoices, in exports and in terminals. */
export const words = (most: number) =>
  z.string().trim().min(1).max(most).regex(oneLine, "must be one line, of characters that can be printed");

export const amount = z.string().regex(/^\d{1,9}(\.\d{1,6})?$/, 'must be an amount such as "12.50"');

/** Of an `amount`, exactly: it has at most six places. */
export function toMicros(text: string): number {
  const [whole = "0", places = ""] = text.split(".");
  return Number(whole) * 1_000_000 + Number(places.padEnd(6, "0"));
}

export const inTenant = ({ tenant }: { readonly tenant: string }) => ({ tenant, project: null });
