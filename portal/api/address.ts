import { isIP } from "node:net";
import type { Request } from "express";

/** Where a request comes from, as far as the trusted proxies tell (see NEBULA_TRUSTED_PROXIES). */
export const addressOf = (request: Request): string => request.ip ?? "unknown";

/** Whom an address counts as: an IPv6 one as its /64, for that is what one customer gets; IPv4 inside IPv6 as itself. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (isIP(address) !== 6) return address;
  const [head = "", tail] = address.split("%")[0]?.split("::") ?? [];
  const parts = (text: string | undefined) => (text === undefined || text === "" ? [] : text.split(":"));
  const zeros = tail === undefined ? 0 : 8 - parts(head).length - parts(tail).length;
  const all = [...parts(head), ...Array<string>(Math.max(0, zeros)).fill("0"), ...parts(tail)];
  return `${all
    .slice(0, 4)
    .map((part) => Number.parseInt(part, 16).toString(16))
    .join(":")}::/64`;
}
