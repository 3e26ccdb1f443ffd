import { BlockList, isIPv4, isIPv6 } from "node:net";

/** An address as people write it: an IPv4 address in IPv6's clothes is an IPv4 address. */
export const plainAddress = (address: string | undefined): string =>
  (address ?? "unknown").replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, "").replace(/%.*$/, "");

const loopback = makeList(["127.0.0.0/8", "::1/128"]);

export const isLoopback = (address: string): boolean => holds(loopback, address);

const lists = new WeakMap<readonly string[], BlockList>();

/** Whether an allow-list of CIDR blocks holds it; loopback is always allowed. */
export function isAllowed(allowFrom: readonly string[], address: string): boolean {
  if (isLoopback(address)) return true;
  const list = lists.get(allowFrom) ?? makeList(allowFrom);
  lists.set(allowFrom, list);
  return holds(list, address);
}

function holds(list: BlockList, address: string): boolean {
  if (isIPv4(address)) return list.check(address, "ipv4");
  return isIPv6(address) && list.check(address, "ipv6");
}

/** A block that is none allows nobody. */
function makeList(blocks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const block of blocks) {
    const [address = "", bits] = block.split("/");
    const family = isIPv4(address) ? "ipv4" : isIPv6(address) ? "ipv6" : undefined;
    const prefix = bits === undefined ? (family === "ipv4" ? 32 : 128) : Number(bits);
    if (family === undefined || !Number.isInteger(prefix) || prefix < 0 || prefix > (family === "ipv4" ? 32 : 128))
      continue;
    list.addSubnet(address, prefix, family);
  }
  return list;
}
