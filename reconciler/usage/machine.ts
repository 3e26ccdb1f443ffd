import { readFileSync } from "node:fs";
import { uptime } from "node:os";
import { z } from "zod";
import type { Sql } from "../../platform/sql/index.ts";
import { getSetting, putSetting } from "../../platform/store/index.ts";

/** Time since the machine was booted: it outlives this process and knows no steps. */
export type Machine = { readonly bootId: string; readonly uptimeMs: number };

/** Linux names each boot; elsewhere (undefined) a restart has only the machine's clock to go by. */
export function readMachine(): Machine | undefined {
  try {
    const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return { bootId, uptimeMs: Math.round(uptime() * 1000) };
  } catch {
    return undefined;
  }
}

/** Metering time at a moment of a machine's uptime, kept in the ledger for the next process. */
export type Anchor = Machine & { readonly atMs: number };

const key = "usage.anchor";
const schema = z.object({ bootId: z.string(), uptimeMs: z.number(), atMs: z.number() });

export async function getAnchor(sql: Sql): Promise<Anchor | undefined> {
  return schema.safeParse(await getSetting(sql, key)).data;
}

export const putAnchor = (sql: Sql, anchor: Anchor): Promise<void> => putSetting(sql, key, anchor);

/** How much time truly passed since the anchor; undefined when that cannot be told. */
export function passedSince(anchor: Anchor | undefined, machine: Machine | undefined): number | undefined {
  if (anchor === undefined || machine === undefined || anchor.bootId !== machine.bootId) return undefined;
  return Math.max(0, machine.uptimeMs - anchor.uptimeMs);
}
