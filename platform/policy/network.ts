import { isIP } from "node:net";

/** fc00::/7 and fe80::/10: the only private blocks that are wider than what counts as public. */
const privateV6 = /^f(?:[cd]|e[89ab])/i;

/**
 * Whether a block means "everybody": 0.0.0.0/0 and ::/0, and any block wider than a private network is (IPv4 /8, IPv6 /16),
 * so that two halves of the internet are no way around it. A narrower public block names somebody and is allowed.
 */
export function isPublicNetwork(block: string): boolean {
  const [address = "", length] = block.split("/");
  const prefix = length === undefined ? 128 : Number(length);
  if (isIP(address) === 4) return prefix < 8;
  if (/^::ffff:/i.test(address)) return prefix < 96 + 8;
  return isIP(address) === 6 && prefix < 16 && !(privateV6.test(address) && prefix >= 7);
}
