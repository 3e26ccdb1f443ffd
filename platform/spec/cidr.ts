import { isIPv4, isIPv6 } from "node:net";

/** Whether it is an address block whose host bits are zero, so that one block has one spelling. */
export function isCidr(text: string): boolean {
  const [address, bits, ...rest] = text.split("/");
  if (address === undefined || bits === undefined || rest.length > 0 || !/^(0|[1-9]\d{0,2})$/.test(bits)) return false;
  const prefix = Number(bits);
  if (isIPv4(address)) return prefix <= 32 && (ipv4(address) & hostMask(32 - prefix)) === 0n;
  if (isIPv6(address) && !address.includes("%") && !address.includes("."))
    return prefix <= 128 && (ipv6(address) & hostMask(128 - prefix)) === 0n;
  return false;
}

const hostMask = (bits: number): bigint => (1n << BigInt(bits)) - 1n;

const ipv4 = (address: string): bigint => address.split(".").reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);

function ipv6(address: string): bigint {
  const [head = "", tail] = address.split("::");
  const groups = (text: string) => (text === "" ? [] : text.split(":"));
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const zeros = Array<string>(8 - left.length - right.length).fill("0");
  return [...left, ...zeros, ...right].reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}
